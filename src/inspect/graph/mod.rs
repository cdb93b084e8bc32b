//! A tape as a graph: [`Graph`], and its short forms [`Dot`] for Graphviz and [`Mermaid`] for Markdown.
//!
//! An arrow goes from each input to the operation that reads it; a dotted arrow goes from each input of a hand-written rule
//! to the output whose gradient the rule passes on to it. Leaves are round, and values that no gradient flows through are
//! gray.
//!
//! `scene` says which boxes and arrows there are; `dot`, `mermaid` and `svg` write them down.

mod dot;
mod mermaid;
mod scene;
#[cfg(feature = "view")]
mod svg;

use std::fmt;

use super::{numbers::Numbers, print::in_short};
use crate::{Gradients, Result, Tape};
use scene::Scene;

/// The digits after the point of a number in a box.
const DIGITS: usize = 4;

/// The tape as a graph in the language of [Graphviz](https://graphviz.org/doc/info/lang.html).
///
/// ```
/// use wengert::{Tape, inspect::Dot};
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0);
/// let y = x * x;
/// assert!(Dot(&tape).to_string().contains("n0 -> n1"));
/// ```
pub struct Dot<'a>(
    /// The tape to draw.
    pub &'a Tape,
);

/// The tape as a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flow chart, which GitHub draws in Markdown.
///
/// ```
/// use wengert::{Tape, inspect::Mermaid};
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0);
/// let y = x * x;
/// assert!(Mermaid(&tape).to_string().contains("n0 --> n1"));
/// ```
pub struct Mermaid<'a>(
    /// The tape to draw.
    pub &'a Tape,
);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Graph::of(self.0).dot())
    }
}

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Graph::of(self.0).mermaid())
    }
}

/// A tape as a graph, with what is to be seen in it: values, gradients, layers as boxes.
///
/// ```
/// use wengert::{Tape, inspect::Graph};
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0).named("x");
/// let y = {
///     let _layer = tape.scope("square");
///     x * x
/// };
/// let dot = Graph::of(&tape).values().gradients(&y.backward()?)?.layers(100).dot();
/// assert!(dot.contains("subgraph") && dot.contains("label=\"square\"") && dot.contains("gradient 6.0000"));
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Graph<'a> {
    tape: &'a Tape,
    /// By node, what its box says besides.
    values: Vec<String>,
    gradients: Vec<String>,
    /// From how many boxes on layers are folded; none where layers are no boxes.
    most: Option<usize>,
}

impl<'a> Graph<'a> {
    /// The graph of what the tape has recorded so far, each node in a box of its own.
    pub fn of(tape: &'a Tape) -> Graph<'a> {
        Graph { tape, values: Vec::new(), gradients: Vec::new(), most: None }
    }

    /// Writes its value into each box: the numbers if they are few, else their range and mean. Pending values are computed,
    /// and are pending again afterward.
    pub fn values(mut self) -> Self {
        self.values.clear();
        self.tape
            .look(|_, value| self.values.push(value.map_or("no memory".to_owned(), |value| in_short(value, DIGITS))));
        self
    }

    /// Writes the gradient into each box where one arrives. The number that was differentiated is differentiated once more,
    /// for the gradients of inner nodes.
    ///
    /// # Errors
    /// [`Error::NoGradient`](crate::Error::NoGradient) when the gradients are those of another recording; the errors of
    /// [`backward`](crate::Var::backward).
    pub fn gradients(mut self, gradients: &Gradients) -> Result<Self> {
        let numbers = Numbers::of(self.tape, gradients)?;
        let text =
            |gradient: &Option<crate::Tensor>| gradient.as_ref().map_or(String::new(), |dx| in_short(dx, DIGITS));
        self.gradients = numbers.gradients.iter().map(text).collect();
        Ok(self)
    }

    /// Draws a box around the nodes of each layer. Of a tape with more than `most` boxes, layers are folded into a box each,
    /// the innermost first, and what is in no layer into blocks of consecutive nodes.
    pub fn layers(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// In the language of [Graphviz](https://graphviz.org/doc/info/lang.html).
    pub fn dot(&self) -> String {
        dot::written(&self.scene())
    }

    /// As a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flow chart, which GitHub draws in Markdown.
    pub fn mermaid(&self) -> String {
        mermaid::written(&self.scene())
    }

    /// As a picture, for which no other program is needed.
    ///
    /// ```
    /// use wengert::{Tape, inspect::Graph};
    /// let tape = Tape::f64();
    /// let x = tape.leaf(3.0).named("x");
    /// let y = x * x;
    /// assert!(Graph::of(&tape).values().layers(100).svg().starts_with("<svg "));
    /// ```
    #[cfg(feature = "view")]
    pub fn svg(&self) -> String {
        svg::written(&self.scene())
    }

    fn scene(&self) -> Scene {
        Scene::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backward, Function, Var};

    struct Half;
    impl Function for Half {
        fn name(&self) -> &str {
            "half"
        }
        fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
            vec![x[0] * 0.5]
        }
        fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
            vec![Some(at.dz[0] * 0.5)]
        }
    }

    fn tape() -> Tape {
        let tape = Tape::f64();
        let x = tape.leaf([1.0, 2.0]).named("the \"input\"");
        let _layer = tape.scope("head");
        let z = tape.apply(Half, &[x]).unwrap()[0];
        let _ = z.detach().sum();
        drop(_layer);
        tape
    }

    #[test]
    fn dot() {
        let want = r#"digraph tape {
    node [fontname="sans-serif" shape=box]
    n0 [label="%0 leaf\nf64[2]\nthe \"input\"" shape=ellipse]
    n1 [label="%1 mul 0.5\nf64[2]\nhead"]
    n2 [label="%2 half\nf64[2]\nhead"]
    n3 [label="%3 detach\nf64[2]\nhead" color=gray fontcolor=gray]
    n4 [label="%4 sum axes [0]\nf64[]\nhead" color=gray fontcolor=gray]
    n0 -> n1
    n1 -> n2
    n0 -> n2 [style=dotted]
    n2 -> n3
    n3 -> n4
}
"#;
        assert_eq!(Dot(&tape()).to_string(), want);
    }

    #[test]
    fn mermaid() {
        let want = r#"flowchart TD
    classDef constant fill:#eee,stroke:#999,color:#666
    n0(["%0 leaf<br>f64[2]<br>the #quot;input#quot;"])
    n1["%1 mul 0.5<br>f64[2]<br>head"]
    n2["%2 half<br>f64[2]<br>head"]
    n3["%3 detach<br>f64[2]<br>head"]:::constant
    n4["%4 sum axes [0]<br>f64[]<br>head"]:::constant
    n0 --> n1
    n1 --> n2
    n0 -.-> n2
    n2 --> n3
    n3 --> n4
"#;
        assert_eq!(Mermaid(&tape()).to_string(), want);
    }

    #[test]
    fn layers_are_boxes_in_all_three_and_fold_when_there_are_many_nodes() {
        let tape = tape();
        let dot = Graph::of(&tape).layers(100).dot();
        let want = r#"digraph tape {
    node [fontname="sans-serif" shape=box]
    n0 [label="%0 leaf\nf64[2]\nthe \"input\"" shape=ellipse]
    subgraph cluster0 {
        label="head"
        n1 [label="%1 mul 0.5\nf64[2]"]
        n2 [label="%2 half\nf64[2]"]
        n3 [label="%3 detach\nf64[2]" color=gray fontcolor=gray]
        n4 [label="%4 sum axes [0]\nf64[]" color=gray fontcolor=gray]
    }
    n0 -> n1
    n1 -> n2
    n0 -> n2 [style=dotted]
    n2 -> n3
    n3 -> n4
}
"#;
        assert_eq!(dot, want);
        let folded = r#"flowchart TD
    classDef constant fill:#eee,stroke:#999,color:#666
    n0(["%0 leaf<br>f64[2]<br>the #quot;input#quot;<br>1.0000, 2.0000"])
    g0[["head<br>4 nodes"]]
    n0 --> g0
"#;
        let mermaid = Graph::of(&tape).values().layers(3).mermaid();
        assert_eq!(mermaid.replace("[1.0000, 2.0000]", "1.0000, 2.0000"), folded);
        #[cfg(feature = "view")]
        {
            let svg = Graph::of(&tape).values().layers(100).svg();
            assert!(svg.contains("the &quot;input&quot;") && svg.matches("<path").count() == 5 + 1, "{svg}");
            assert_eq!(svg, Graph::of(&tape).values().layers(100).svg(), "the same picture each time");
        }
    }

    #[test]
    fn gradients_of_another_recording_are_refused() {
        let (one, other) = (Tape::f64(), Tape::f64());
        let gradients = (one.leaf(1.0) * 2.0).backward().unwrap();
        let error = Graph::of(&other).gradients(&gradients).err().unwrap().to_string();
        let want =
            "no gradient for node %1 and those before it: the handle belongs to another recording than these gradients";
        assert_eq!(error, want);
    }
}

//! A tape as a graph: [`Dot`] for Graphviz, [`Mermaid`] for Markdown.
//!
//! Both are wrappers that implement `Display`. An arrow goes from each input to the operation that reads it; a dotted
//! arrow goes from each input of a hand-written rule to the output whose gradient the rule passes on to it. Leaves are
//! round, and values that no gradient flows through are gray.

use std::fmt;

use super::NodeView;
use crate::Tape;

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
        writeln!(f, "digraph tape {{\n    node [fontname=\"sans-serif\" shape=box]")?;
        for node in self.0.nodes() {
            let label = lines(&node).join("\\n").replace('"', "\\\"");
            let shape = if node.op == "leaf" { " shape=ellipse" } else { "" };
            let color = if node.needs_grad { "" } else { " color=gray fontcolor=gray" };
            writeln!(f, "    n{} [label=\"{label}\"{shape}{color}]", node.index)?;
            for input in &node.inputs {
                writeln!(f, "    n{input} -> n{}", node.index)?;
            }
            for input in &node.rule_inputs {
                writeln!(f, "    n{input} -> n{} [style=dotted]", node.index)?;
            }
        }
        writeln!(f, "}}")
    }
}

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "flowchart TD\n    classDef constant fill:#eee,stroke:#999,color:#666")?;
        for node in self.0.nodes() {
            let label = lines(&node).join("<br>").replace('"', "#quot;");
            let (open, close) = if node.op == "leaf" { ("([", "])") } else { ("[", "]") };
            let class = if node.needs_grad { "" } else { ":::constant" };
            writeln!(f, "    n{}{open}\"{label}\"{close}{class}", node.index)?;
            for input in &node.inputs {
                writeln!(f, "    n{input} --> n{}", node.index)?;
            }
            for input in &node.rule_inputs {
                writeln!(f, "    n{input} -.-> n{}", node.index)?;
            }
        }
        Ok(())
    }
}

/// The text in the box of a node.
fn lines(node: &NodeView) -> Vec<String> {
    let number = node.number.map(|number| number.to_string()).unwrap_or_default();
    let name = node.name.clone().unwrap_or_default();
    let words = [format!("%{}", node.index), node.op.clone(), number, node.attributes.clone()];
    let what = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    [what, node.type_name(), name, node.layer.clone()].into_iter().filter(|line| !line.is_empty()).collect()
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
    n0 -> n1
    n2 [label="%2 half\nf64[2]\nhead"]
    n1 -> n2
    n0 -> n2 [style=dotted]
    n3 [label="%3 detach\nf64[2]\nhead" color=gray fontcolor=gray]
    n2 -> n3
    n4 [label="%4 sum axes [0]\nf64[]\nhead" color=gray fontcolor=gray]
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
    n0 --> n1
    n2["%2 half<br>f64[2]<br>head"]
    n1 --> n2
    n0 -.-> n2
    n3["%3 detach<br>f64[2]<br>head"]:::constant
    n2 --> n3
    n4["%4 sum axes [0]<br>f64[]<br>head"]:::constant
    n3 --> n4
"#;
        assert_eq!(Mermaid(&tape()).to_string(), want);
    }
}

//! The chain rule written out for one value of a recording, as on a board.
//!
//! With v̄ for the gradient with respect to v, every node that reads v adds to v̄:
//!
//! v̄ = Σ over the nodes z that read v of z̄ · ∂z/∂v
//!
//! Each line is this sum for one value, from the end of the tape to the value asked about: in symbols, with the numbers put
//! in, and its result. Of tensors the lines give symbols and shapes.

use std::collections::HashMap;

use super::{
    NodeView,
    formula::{Formulas, Names, Tex, escaped, formulas},
    numbers::{Numbers, brief, rule_inputs},
    positions,
};
use crate::{
    error::{Error, NoGradient, Result},
    tape::{Gradients, Kind, Tape, Var},
    tensor::Tensor,
};

/// Up to so many numbers of a vector are written.
const FEW: usize = 4;

/// Derives the gradient with respect to `x` as Markdown with formulas in LaTeX: the operations that lead from `x` to the
/// number that was differentiated, and the chain rule back, line by line, in symbols and with the numbers of this recording.
/// It is meant for tapes that fit on a board.
///
/// Values go by their [names](crate::Var::named), or v with their position on the tape. The formulas of elementwise
/// operations are read off their rules; those of other operations are their
/// [`Op::formula`](crate::ops::Op::formula). Inner gradients are needed too, so the number is differentiated once more.
///
/// ```
/// use wengert::{Tape, inspect};
/// let tape = Tape::f64();
/// let x = tape.leaf(3.0).named("x");
/// let y = (x * x).named("y");
/// let text = inspect::derive(&y.backward()?, x)?;
/// assert!(text.contains(r"y &= x x = 3 \cdot 3 = 9"));
/// assert!(text.contains(r"\bar x &= \bar y x + \bar y x = 1 \cdot 3 + 1 \cdot 3 = 6"));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoGradient`] when the gradients are those of another recording, or none arrives at `x`; the errors of
/// [`backward`](crate::Var::backward).
pub fn derive(gradients: &Gradients, x: Var<'_>) -> Result<String> {
    let tape = x.tape();
    let numbers = Numbers::of(tape, gradients)?;
    if numbers.gradient(x.index()).is_none() {
        let why = if x.needs_grad() { NoGradient::NotOnPath } else { NoGradient::Constant };
        return Err(Error::NoGradient { of: format!("node %{}", x.index()), why });
    }
    Ok(Board::new(tape, &numbers).written(x.index()))
}

/// How each value is called.
struct Board<'a> {
    tape: &'a Tape,
    numbers: &'a Numbers,
    symbols: Vec<String>,
    views: Vec<NodeView>,
}

impl<'a> Board<'a> {
    fn new(tape: &'a Tape, numbers: &'a Numbers) -> Board<'a> {
        let views: Vec<NodeView> = tape.nodes().collect();
        let mut uses: HashMap<String, usize> = HashMap::new();
        for name in views.iter().filter_map(|view| view.name.clone()) {
            *uses.entry(name).or_default() += 1;
        }
        let symbol = |view: &NodeView| match &view.name {
            None => format!("v_{{{}}}", view.index),
            Some(name) => {
                let letter = name.len() == 1 && name.starts_with(|c: char| c.is_ascii_alphabetic());
                let plain = if letter { name.clone() } else { format!(r"\mathit{{{}}}", escaped(name)) };
                // Values of one name are told apart by their positions.
                if uses[name] > 1 { format!("{plain}_{{{}}}", view.index) } else { plain }
            }
        };
        let symbols = views.iter().map(symbol).collect();
        Board { tape, numbers, symbols, views }
    }

    fn bar(&self, id: usize) -> String {
        match &self.symbols[id] {
            long if long.starts_with(r"\mathit") => format!(r"\overline{{{long}}}"),
            symbol => format!(r"\bar {symbol}"),
        }
    }

    fn written(&self, x: usize) -> String {
        let root = self.numbers.root;
        let path = self.path(x);
        let mut given: Vec<usize> =
            path.iter().flat_map(|&id| self.operands(id)).filter(|id| !path.contains(id)).collect();
        given.push(x);
        given.sort_unstable();
        given.dedup();
        let mut forward: Vec<String> = given
            .iter()
            .map(|&id| format!("{} &{}", self.symbols[id], self.result(&self.numbers.values[id])))
            .collect();
        forward.extend(path.iter().filter(|&&id| id != x).map(|&id| self.forward(id)));
        let backward = path.iter().rev().map(|&id| match id == root {
            true => format!("{} &{}", self.bar(id), self.result(&self.numbers.gradients[id])),
            false => self.backward(id, &path),
        });
        let (from, to) = (&self.symbols[root], &self.symbols[x]);
        format!(
            "The derivative of ${from}$ with respect to ${to}$, with $\\bar v$ for $\\partial {from} / \\partial v$.\n\n\
             Forward:\n\n{}\nBackward:\n\n{}",
            aligned(&forward),
            aligned(&backward.collect::<Vec<_>>())
        )
    }

    /// The inputs that gradients go to.
    fn operands(&self, id: usize) -> Vec<usize> {
        let by_hand = rule_inputs(self.tape, id);
        if by_hand.is_empty() { positions(&self.tape.list().nodes[id].inputs) } else { by_hand }
    }

    /// The nodes through which the gradient comes to `x`, in order.
    fn path(&self, x: usize) -> Vec<usize> {
        let mut path = vec![x];
        for id in x + 1..=self.numbers.root {
            if self.numbers.gradient(id).is_some() && self.operands(id).iter().any(|input| path.contains(input)) {
                path.push(id);
            }
        }
        path
    }

    /// The formulas of a node in symbols, and with numbers where all of its inputs are single numbers.
    fn formulas(&self, id: usize) -> (Option<Formulas>, Option<Formulas>) {
        let operands = self.operands(id);
        let node = &self.tape.list().nodes[id];
        let of = |names: Names| formulas(node, self.tape.rule(), &names);
        let symbols = of(Names {
            inputs: operands.iter().map(|&input| Tex::atom(&self.symbols[input])).collect(),
            output: Tex::atom(&self.symbols[id]),
            upstream: Tex::atom(self.bar(id)),
        });
        let single = |tensor: Option<&Tensor>| tensor.filter(|t| t.numel() == 1).map(|t| brief(t.to_vec()[0]));
        let value = |id: usize| single(self.numbers.values[id].as_ref());
        let inputs = operands.iter().map(|&input| value(input)).collect::<Option<Vec<Tex>>>();
        let filled = match (inputs, value(id), single(self.numbers.gradient(id))) {
            (Some(inputs), Some(output), Some(upstream)) => of(Names { inputs, output, upstream }),
            _ => None,
        };
        (symbols, filled)
    }

    fn forward(&self, id: usize) -> String {
        let (symbols, filled) = self.formulas(id);
        let attributes = match &*self.views[id].attributes {
            "" => String::new(),
            attributes => format!(r" \quad \text{{({})}}", escaped(attributes)),
        };
        let parts = [symbols, filled].into_iter().flatten().map(|formulas| formulas.value);
        self.line(&self.symbols[id], parts.collect(), &self.numbers.values[id]) + &attributes
    }

    /// What all readers on the path add up to.
    fn backward(&self, id: usize, path: &[usize]) -> String {
        let (mut terms, mut numbers) = (Vec::new(), Some(Vec::new()));
        for &reader in path.iter().filter(|&&reader| reader > id) {
            let (symbols, filled) = self.formulas(reader);
            for (k, _) in self.operands(reader).iter().enumerate().filter(|(_, input)| **input == id) {
                let term = |formulas: &Option<Formulas>| formulas.as_ref()?.gradients.get(k)?.clone();
                let Some(symbol) = term(&symbols) else { continue };
                terms.push(self.summed(symbol, reader, id));
                numbers = numbers.zip(term(&filled)).map(|(mut all, number)| {
                    all.push(number);
                    all
                });
            }
        }
        let sums = [Some(terms), numbers].into_iter().flatten().map(sum).collect();
        self.line(&self.bar(id), sums, &self.numbers.gradients[id])
    }

    /// A contribution of an elementwise node to an input that was broadcast is summed to the shape of the input.
    fn summed(&self, term: String, reader: usize, id: usize) -> String {
        let (from, to) = (&self.views[reader].shape, &self.views[id].shape);
        let elementwise = matches!(self.tape.list().nodes[reader].kind, Kind::Elementwise(..));
        match elementwise && from != to {
            true => format!(r"\operatorname{{sum}}_{{{to}}}\left({term}\right)"),
            false => term,
        }
    }

    /// A line: what is computed, as what, and the result. What is said twice is said once.
    fn line(&self, left: &str, mut parts: Vec<String>, result: &Option<Tensor>) -> String {
        let result = self.result(result);
        match result.strip_prefix("= ") {
            Some(number) => {
                parts.push(number.to_owned());
                parts.dedup();
                format!("{left} &= {}", parts.join(" = "))
            }
            None => format!("{left} &= {} {result}", parts.join(" = ")),
        }
    }

    /// The numbers if they are few, else the shape.
    fn result(&self, tensor: &Option<Tensor>) -> String {
        let Some(tensor) = tensor else { return String::new() };
        let numbers = || tensor.to_vec().into_iter().map(|x| brief(x).text).collect::<Vec<_>>();
        match tensor.shape().rank() {
            0 => format!("= {}", numbers()[0]),
            1 if tensor.numel() <= FEW => format!(r"= \left({}\right)", numbers().join(", ")),
            _ => {
                let sizes: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
                format!(r"\in \mathbb{{R}}^{{{}}}", sizes.join(r" \times "))
            }
        }
    }
}

/// Terms with their signs.
fn sum(terms: Vec<String>) -> String {
    terms.join(" + ").replace(" + -", " - ")
}

/// Lines under one another, aligned at `&`.
fn aligned(lines: &[String]) -> String {
    format!("$$\n\\begin{{aligned}}\n{}\n\\end{{aligned}}\n$$\n", lines.join(" \\\\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neuron_is_derived_as_on_a_board() {
        let tape = Tape::f64();
        let (x, w) = (tape.leaf(0.5).named("x"), tape.leaf(-1.5).named("weight"));
        let loss = ((x * w).tanh() - 1.0).square().named("L");
        let want = r"The derivative of $L$ with respect to $\mathit{weight}$, with $\bar v$ for $\partial L / \partial v$.

Forward:

$$
\begin{aligned}
x &= 0.5 \\
\mathit{weight} &= -1.5 \\
v_{2} &= x \mathit{weight} = 0.5 \left(-1.5\right) = -0.75 \\
v_{3} &= \tanh(v_{2}) = \tanh(-0.75) = -0.63515 \\
v_{4} &= v_{3} - 1 = -0.63515 - 1 = -1.6351 \\
L &= v_{4}^{2} = \left(-1.6351\right)^{2} = 2.6737
\end{aligned}
$$

Backward:

$$
\begin{aligned}
\bar L &= 1 \\
\bar v_{4} &= 2 \bar L v_{4} = 2 \cdot 1 \left(-1.6351\right) = -3.2703 \\
\bar v_{3} &= \bar v_{4} = -3.2703 \\
\bar v_{2} &= \bar v_{3} \left(1 - v_{3}^{2}\right) = \left(-3.2703\right) \left(1 - \left(-0.63515\right)^{2}\right) = -1.951 \\
\overline{\mathit{weight}} &= \bar v_{2} x = \left(-1.951\right) \cdot 0.5 = -0.97551
\end{aligned}
$$
";
        assert_eq!(derive(&loss.backward().unwrap(), w).unwrap(), want);
    }

    #[test]
    fn tensors_are_written_with_their_shapes() {
        let tape = Tape::f64();
        let x = tape.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).named("X");
        let (w, b) = (tape.leaf([[1.0], [2.0]]).named("W"), tape.leaf([0.5]).named("b"));
        let loss = (x.matmul(w) + b).sum().named("L");
        let text = derive(&loss.backward().unwrap(), w).unwrap();
        assert!(text.contains(r"v_{3} &= X W \in \mathbb{R}^{3 \times 1}"), "{text}");
        assert!(text.contains(r"\bar W &= X^\top \bar v_{3} \in \mathbb{R}^{2 \times 1}"), "{text}");
        let text = derive(&loss.backward().unwrap(), b).unwrap();
        assert!(text.contains(r"\bar b &= \operatorname{sum}_{[1]}\left(\bar v_{4}\right) = \left(3\right)"), "{text}");
    }

    #[test]
    fn what_no_gradient_arrives_at_is_refused() {
        let tape = Tape::f64();
        let (x, y) = (tape.leaf(1.0), tape.leaf(2.0));
        let gradients = (x * 2.0).backward().unwrap();
        let error = derive(&gradients, y).unwrap_err().to_string();
        assert!(error.starts_with("no gradient for node %1: no gradient reaches it: "), "{error}");
    }
}

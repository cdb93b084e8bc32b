//! What an operation computes and what its rule adds to each gradient, as formulas in LaTeX.
//!
//! There is one home for each of them. An operation other than an elementwise one says both itself
//! ([`Op::formula`](crate::ops::Op::formula)). A row of the elementwise table says its value, and the formula of its
//! derivative is *read off the rule*: the rule is run once on a small tape, and what it recorded is written out with the
//! values of the rows that it used ([`traced`]). So what is shown is what is computed.
//!
//! `tex` puts operands into formulas, `mathml` turns a formula into the markup of a page.

#[cfg(feature = "view")]
mod mathml;
#[cfg(test)]
mod tests;
mod tex;
mod traced;

#[cfg(feature = "view")]
pub(super) use mathml::mathml;
pub(super) use tex::{Tex, written};

use crate::tape::{Kind, Node, Rule};

/// What the values of a formula are called: letters, names or numbers, each as LaTeX.
#[derive(Clone)]
pub(super) struct Names {
    pub inputs: Vec<Tex>,
    pub output: Tex,
    pub upstream: Tex,
}

/// The formulas of a node: its value, and what it adds to the gradient of each input, where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Formulas {
    pub value: String,
    pub gradients: Vec<Option<String>>,
}

impl Names {
    /// The letters of a page: x (or a and b, or x₁, x₂, x₃) and z.
    #[cfg(feature = "view")]
    pub fn letters(inputs: usize, elementwise: bool) -> Names {
        let letter = |k: usize| match (inputs, elementwise) {
            (1, _) => "x".to_owned(),
            (2, true) => ["a", "b"][k].to_owned(),
            _ => format!("x_{{{}}}", k + 1),
        };
        Names {
            inputs: (0..inputs).map(|k| Tex::atom(letter(k))).collect(),
            output: "z".into(),
            upstream: r"\bar z".into(),
        }
    }
}

/// The formulas of `node`; `rule` says by which rule gradients pass the outputs of a hand-written function. None for a value
/// from outside.
pub(super) fn formulas(node: &Node, rule: Rule, names: &Names) -> Option<Formulas> {
    let pointwise = node.shape().rank() > 0;
    let derivative = |name: &str| {
        let by = |k: usize| format!(r"\operatorname{{{}}}_{{{}}}'({})", escaped(name), k + 1, names.upstream.text);
        (0..names.inputs.len()).map(|k| Some(by(k))).collect()
    };
    let call = |name: &str| {
        let inputs: Vec<&str> = names.inputs.iter().map(|x| &*x.text).collect();
        format!(r"\operatorname{{{}}}({})", escaped(name), inputs.join(", "))
    };
    match &node.kind {
        Kind::Leaf | Kind::Constant => None,
        Kind::Elementwise(row, parameter) => Some(traced::formulas(row, *parameter, names, pointwise)),
        Kind::Op(op) => Some(match op.formula(names.inputs.len()) {
            Some(formula) => Formulas {
                value: tex::substituted(&formula.value, names),
                gradients: formula.gradients.iter().map(|by| Some(tex::substituted(by, names))).collect(),
            },
            None => Formulas { value: call(op.name()), gradients: derivative(op.name()) },
        }),
        Kind::Output(call_of, _) if rule == Rule::Manual => {
            let name = call_of.function.name();
            Some(Formulas { value: call(name), gradients: derivative(name) })
        }
        Kind::Output(..) => {
            let value = names.inputs[0].text.clone();
            Some(Formulas { value, gradients: vec![Some(names.upstream.text.clone())] })
        }
    }
}

/// A name as the text of an operator: what means something in LaTeX is escaped.
pub(super) fn escaped(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '_' | '%' | '&' | '#' | '$' | '{' | '}' => text.extend(['\\', c]),
            '\\' | '^' | '~' => text.push_str(r"\_"),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

//! The numbers of a recording and of its gradients.

use super::formula::{Tex, written};
use crate::{
    error::Result,
    tape::{Gradients, Kind, Rule, Tape},
    tensor::Tensor,
};

/// The values of all nodes and the gradients with respect to them.
pub(super) struct Numbers {
    /// The node that was differentiated.
    pub root: usize,
    /// By node; none where there is no memory for it.
    pub values: Vec<Option<Tensor>>,
    /// By node, up to the root; none where no gradient arrives.
    pub gradients: Vec<Option<Tensor>>,
}

impl Numbers {
    pub fn of(tape: &Tape, gradients: &Gradients) -> Result<Numbers> {
        let (root, gradients) = gradients.of_all_nodes(tape)?;
        let mut values = Vec::with_capacity(tape.len());
        tape.look(|_, value| values.push(value.cloned()));
        Ok(Numbers { root, values, gradients })
    }

    pub fn gradient(&self, id: usize) -> Option<&Tensor> {
        self.gradients.get(id)?.as_ref()
    }
}

/// The inputs of a rule by hand, if it is the one in use.
pub(super) fn rule_inputs(tape: &Tape, id: usize) -> Vec<usize> {
    match &tape.list().nodes[id].kind {
        Kind::Output(call, _) if tape.rule() == Rule::Manual => super::positions(&call.inputs),
        _ => Vec::new(),
    }
}

/// A number with five significant digits, as LaTeX.
pub(super) fn brief(x: f64) -> Tex {
    let short: f64 = format!("{x:.4e}").parse().unwrap_or(x);
    written(x, &short.to_string(), &format!("{short:e}"))
}

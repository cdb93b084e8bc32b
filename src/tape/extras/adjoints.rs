//! The gradients of all nodes at once, and what a single node hands on: what [`inspect`](crate::inspect) explains
//! gradients with.

use super::{
    super::{Gradients, NodeId, Tape, Var},
    Want, Wanted,
};
use crate::{
    error::{Error, NoGradient, Result},
    tensor::Tensor,
};

impl Gradients {
    /// The gradients with respect to every node up to that at which the walk began, by position, and that position.
    pub(crate) fn of_all_nodes(&self, tape: &Tape) -> Result<(usize, Vec<Option<Tensor>>)> {
        let (root, upstream) = &self.from;
        if tape.recording() != self.recording {
            let of = format!("node %{root} and those before it");
            return Err(Error::NoGradient { of, why: NoGradient::OtherRecording });
        }
        let root = Var::new(tape, *root);
        Ok((root.index(), root.adjoints_from(upstream.clone())?))
    }
}

impl Var<'_> {
    /// The gradients of this single number with respect to every node up to it, by position; none where none arrives.
    pub(crate) fn adjoints(self) -> Result<Vec<Option<Tensor>>> {
        self.adjoints_from(Tensor::ones(self.shape(), self.dtype()))
    }

    /// The same for an upstream gradient of this value.
    fn adjoints_from(self, upstream: Tensor) -> Result<Vec<Option<Tensor>>> {
        let want = |needs_grad| if needs_grad { Want::Keep } else { Want::Nothing };
        let wants = self.tape().list().nodes[..=self.index()].iter().map(|node| want(node.needs_grad)).collect();
        let mut all = vec![None; self.index() + 1];
        for (id, gradient) in self.gradients(upstream, Wanted::Each(wants))? {
            all[id as usize] = Some(gradient);
        }
        Ok(all)
    }

    /// What the rule of this node makes of the gradient `dz` for one of its inputs; none if it has nothing for it.
    pub(crate) fn hands_on(self, dz: &Tensor, input: NodeId) -> Result<Option<Tensor>> {
        let mut wants = vec![Want::Nothing; self.index() + 1];
        wants[input as usize] = Want::Keep;
        Ok(self.gradients(dz.clone(), Wanted::Each(wants))?.pop().map(|(_, gradient)| gradient))
    }
}

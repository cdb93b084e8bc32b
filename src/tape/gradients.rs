//! What `backward` returns.

use super::{Kind, NodeId, Param, Var};
use crate::{
    error::{Error, NoGradient, Result},
    tensor::Tensor,
};

/// The gradients of one number by the leaves that it depends on, and by the nodes that were
/// [retained](Var::retain). A value of its own: the tape and the parameters hold no gradients.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub(super) recording: (u64, u64),
    /// By node, in descending order.
    pub(super) nodes: Vec<(NodeId, Tensor)>,
    /// The parameters of the recording and their leaves.
    pub(super) watched: Vec<(u64, NodeId)>,
}

impl Gradients {
    /// The gradient by `x`, of the shape of `x`.
    ///
    /// # Errors
    /// [`Error::NoGradient`] with the reason when there is none.
    pub fn wrt(&self, x: Var<'_>) -> Result<&Tensor> {
        self.get(x).ok_or_else(|| self.no_gradient(x))
    }

    /// The gradient by `x`, if there is one.
    pub fn get(&self, x: Var<'_>) -> Option<&Tensor> {
        if x.tape().recording() == self.recording { self.at(x.id()) } else { None }
    }

    /// The gradient by a parameter, in the precision of the tape.
    ///
    /// # Errors
    /// [`Error::NoGradient`] when the loss does not depend on it.
    pub fn of(&self, param: &Param) -> Result<&Tensor> {
        match self.watched.iter().find(|w| w.0 == param.id()) {
            None => Err(Error::NoGradient { of: format!("parameter `{}`", param.name()), why: NoGradient::NotWatched }),
            Some(&(_, id)) => self.at(id).ok_or_else(|| {
                let why = if param.trainable() { NoGradient::NotOnPath } else { NoGradient::Constant };
                Error::NoGradient { of: format!("parameter `{}`", param.name()), why }
            }),
        }
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for (_, gradient) in &mut self.nodes {
            crate::dispatch!(gradient.dtype(), T => {
                for g in gradient.data_mut::<T>() {
                    *g *= factor as T;
                }
            });
        }
    }

    /// Moves every number of every gradient into [−`limit`, `limit`]. NaN stays NaN.
    ///
    /// # Panics
    /// When `limit` is negative or NaN.
    pub fn clamp(&mut self, limit: f64) {
        for (_, gradient) in &mut self.nodes {
            crate::dispatch!(gradient.dtype(), T => {
                for g in gradient.data_mut::<T>() {
                    *g = g.clamp(-limit as T, limit as T);
                }
            });
        }
    }

    fn at(&self, id: NodeId) -> Option<&Tensor> {
        self.nodes.binary_search_by(|(node, _)| id.cmp(node)).ok().map(|i| &self.nodes[i].1)
    }

    fn no_gradient(&self, x: Var<'_>) -> Error {
        let inner = x.tape().inner.borrow();
        let node = &inner.nodes[x.index()];
        let why = if x.tape().recording() != self.recording {
            NoGradient::OtherRecording
        } else if !node.needs_grad && !matches!(node.kind, Kind::Leaf) {
            NoGradient::Constant
        } else if matches!(node.kind, Kind::Leaf) || node.retained {
            NoGradient::NotOnPath
        } else {
            NoGradient::NotRetained
        };
        Error::NoGradient { of: format!("node %{} of shape {} ({})", x.index(), node.shape(), node.at), why }
    }
}

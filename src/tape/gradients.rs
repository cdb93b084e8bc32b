//! What `backward` returns.

use super::{Kind, NodeId, Tape, Var, Wrt, extras::Known};
use crate::{
    error::{Error, NoGradient, Result},
    tensor::Tensor,
};

/// The gradients of one number with respect to the leaves that it depends on, and to the nodes that were
/// [retained](Var::retain). A value of its own: the tape and the parameters hold no gradients.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub(super) recording: (u64, u64),
    /// Where the walk began, and the gradient it began with.
    pub(super) from: (NodeId, Tensor),
    /// By node, in descending order.
    pub(super) nodes: Vec<(NodeId, Tensor)>,
    /// The parameters of the recording, each with the node that stands for it.
    pub(super) watched: Vec<(u64, NodeId)>,
    /// Parameters of other recordings, whose gradients were [added](Gradients::accumulate).
    pub(super) others: Vec<(u64, Tensor)>,
    pub(super) names: Known,
}

impl Gradients {
    /// The gradients with respect to nodes of `tape`, in descending order.
    pub(super) fn new(tape: &Tape, from: (NodeId, Tensor), nodes: Vec<(NodeId, Tensor)>) -> Self {
        let list = tape.list();
        Gradients {
            recording: tape.recording(),
            from,
            nodes,
            watched: list.notes.watched.clone(),
            others: Vec::new(),
            names: list.notes.names.known.clone(),
        }
    }

    /// The gradient with respect to a value of the tape or a parameter, of its shape and in the precision of the tape.
    ///
    /// ```
    /// use wengert::{Param, Tape, Tensor};
    /// let tape = Tape::f64();
    /// let (x, w) = (tape.leaf(3.0), Param::new("w", Tensor::from(2.0)));
    /// let gradients = (x * tape.watch(&w)).backward()?;
    /// assert_eq!((gradients.wrt(x)?.item(), gradients.wrt(&w)?.item()), (2.0, 3.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoGradient`] with the reason when there is none.
    pub fn wrt<'a>(&self, x: impl Into<Wrt<'a>>) -> Result<&Tensor> {
        match x.into() {
            Wrt::Var(x) if x.tape().recording() == self.recording => self.at(x.id()).ok_or_else(|| self.no_gradient(x)),
            Wrt::Var(x) => Err(self.no_gradient(x)),
            Wrt::Param(param) => self.of_param(param.id()).ok_or_else(|| {
                let why = match self.leaf(param.id()) {
                    None => NoGradient::NotWatched,
                    Some(_) if param.trainable() => NoGradient::NotOnPath,
                    Some(_) => NoGradient::Constant,
                };
                Error::NoGradient { of: format!("parameter `{}`", param.name()), why }
            }),
        }
    }

    /// The gradient with respect to a node, if it was kept.
    pub(super) fn at(&self, id: NodeId) -> Option<&Tensor> {
        self.nodes.binary_search_by(|(node, _)| id.cmp(node)).ok().map(|i| &self.nodes[i].1)
    }

    /// The node that stands for a parameter: the last, if a value was bound to it.
    pub(super) fn leaf(&self, param: u64) -> Option<NodeId> {
        self.watched.iter().rev().find(|w| w.0 == param).map(|w| w.1)
    }

    /// The gradient with respect to a parameter of this recording or of one that was added.
    pub(super) fn of_param(&self, param: u64) -> Option<&Tensor> {
        let own = self.leaf(param).and_then(|id| self.at(id));
        own.or_else(|| self.others.iter().find(|other| other.0 == param).map(|other| &other.1))
    }

    fn no_gradient(&self, x: Var<'_>) -> Error {
        let of = x.describe();
        let list = x.tape().list();
        let node = list.node(x.id());
        let why = if x.tape().recording() != self.recording {
            NoGradient::OtherRecording
        } else if !node.needs_grad {
            NoGradient::Constant
        } else if matches!(node.kind, Kind::Leaf) || node.retained {
            NoGradient::NotOnPath
        } else {
            NoGradient::NotRetained
        };
        Error::NoGradient { of, why }
    }
}

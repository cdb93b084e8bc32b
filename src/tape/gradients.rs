//! What `backward` returns.

use std::sync::Arc;

use super::{
    Kind, NodeId, Param, Tape, Var,
    scope::{Name, ScopeName},
};
use crate::{
    error::{Error, NameFault, NoGradient, Result},
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
    /// Parameters of other recordings, whose gradients were [added](Gradients::accumulate).
    pub(super) others: Vec<(u64, Tensor)>,
    pub(super) names: Arc<Vec<Name>>,
    pub(super) scopes: Arc<Vec<ScopeName>>,
}

impl Gradients {
    /// The gradients by the nodes of `tape`, in descending order.
    pub(super) fn new(tape: &Tape, nodes: Vec<(NodeId, Tensor)>) -> Self {
        let inner = tape.inner.borrow();
        Gradients {
            recording: tape.recording(),
            nodes,
            watched: inner.watched.clone(),
            others: Vec::new(),
            names: inner.names.clone(),
            scopes: inner.scopes.clone(),
        }
    }

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
        self.of_param(param.id()).ok_or_else(|| {
            let why = match self.leaf(param.id()) {
                None => NoGradient::NotWatched,
                Some(_) if param.trainable() => NoGradient::NotOnPath,
                Some(_) => NoGradient::Constant,
            };
            Error::NoGradient { of: format!("parameter `{}`", param.name()), why }
        })
    }

    /// The gradient by the value that was given this [name](Var::named), or by the parameter of this name. Inside a layer,
    /// names may be given with or without it: `0.hidden` or `hidden`.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf(3.0);
    /// let hidden = (x * x).named("hidden").retain();
    /// let gradients = (hidden * hidden).backward()?;
    /// assert_eq!(gradients.named("hidden")?.item(), 18.0);
    /// let error = gradients.named("hiden").unwrap_err();
    /// assert_eq!(error.to_string(), "no gradient is found by the name `hiden`: the names in the recording are hidden");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`] when nothing, or more than one value, has this name; [`Error::NoGradient`] when no gradient by that
    /// value was kept.
    pub fn named(&self, name: &str) -> Result<&Tensor> {
        let path = |n: &Name| match self.scopes[n.scope as usize].path.as_str() {
            "" => n.name.to_string(),
            layer => format!("{layer}.{}", n.name),
        };
        let nodes_where = |fits: &dyn Fn(&Name) -> bool| {
            let mut nodes: Vec<&Name> = self.names.iter().filter(|n| fits(n)).collect();
            nodes.dedup_by_key(|n| n.node);
            nodes
        };
        let mut found = nodes_where(&|n| path(n) == name);
        if found.is_empty() {
            found = nodes_where(&|n| *n.name == *name);
        }
        let fault = |fault| Error::Name { name: name.to_owned(), fault };
        match found[..] {
            [] => Err(fault(NameFault::Unknown { known: self.names.iter().map(path).collect() })),
            [only] => self.at(only.node).ok_or_else(|| {
                let of = format!("node %{}, named `{}`", only.node, path(only));
                Error::NoGradient { of, why: NoGradient::NotKept }
            }),
            _ => {
                let nodes = found.iter().map(|n| format!("node %{} (`{}`)", n.node, path(n))).collect();
                Err(fault(NameFault::Ambiguous { nodes }))
            }
        }
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.tensors_mut() {
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
        for gradient in self.tensors_mut() {
            crate::dispatch!(gradient.dtype(), T => {
                for g in gradient.data_mut::<T>() {
                    *g = g.clamp(-limit as T, limit as T);
                }
            });
        }
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let nodes = self.nodes.iter_mut().map(|(_, gradient)| gradient);
        nodes.chain(self.others.iter_mut().map(|(_, gradient)| gradient))
    }

    pub(super) fn at(&self, id: NodeId) -> Option<&Tensor> {
        self.nodes.binary_search_by(|(node, _)| id.cmp(node)).ok().map(|i| &self.nodes[i].1)
    }

    /// The leaf of a parameter.
    pub(super) fn leaf(&self, param: u64) -> Option<NodeId> {
        self.watched.iter().find(|w| w.0 == param).map(|w| w.1)
    }

    /// The gradient by a parameter of this recording or of one that was added.
    pub(super) fn of_param(&self, param: u64) -> Option<&Tensor> {
        let own = self.leaf(param).and_then(|id| self.at(id));
        own.or_else(|| self.others.iter().find(|other| other.0 == param).map(|other| &other.1))
    }

    fn no_gradient(&self, x: Var<'_>) -> Error {
        let of = x.describe();
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
        Error::NoGradient { of, why }
    }
}

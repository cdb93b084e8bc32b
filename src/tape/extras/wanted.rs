//! Which gradients a walk is asked for.

use super::super::{Kind, List, NodeId};

/// What is to be done with the gradient of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Want {
    Nothing,
    /// It passes through, to be handed on.
    Pass,
    /// It was asked for.
    Keep,
}

/// What is to be done with the gradients of all nodes.
pub(in super::super) enum Wanted {
    /// Those of leaves and retained nodes are asked for.
    Leaves,
    /// By node.
    Each(Vec<Want>),
}

impl Wanted {
    /// What is to be done with the gradient of a node.
    #[inline]
    pub fn of(&self, list: &List, id: NodeId) -> Want {
        let node = list.node(id);
        match self {
            Wanted::Each(want) => want[id as usize],
            Wanted::Leaves if !node.needs_grad => Want::Nothing,
            Wanted::Leaves if node.retained || matches!(node.kind, Kind::Leaf) => Want::Keep,
            Wanted::Leaves => Want::Pass,
        }
    }
}

//! An operation as nodes hold it.

use std::{mem::needs_drop, ops::Deref, sync::Arc};

use super::Op;

/// An operation that nodes, rules and scripts share. One without fields, as most are, takes no memory, and no count of its
/// owners.
#[derive(Clone)]
pub(crate) enum SharedOp {
    Fieldless(&'static dyn Op),
    Counted(Arc<dyn Op>),
}

impl SharedOp {
    pub fn new<O: Op + 'static>(op: O) -> Self {
        if size_of::<O>() == 0 && !needs_drop::<O>() {
            // There is no memory behind a box of what has no size, so none is lost.
            SharedOp::Fieldless(Box::leak(Box::new(op)))
        } else {
            SharedOp::Counted(Arc::new(op))
        }
    }
}

impl Deref for SharedOp {
    type Target = dyn Op;
    fn deref(&self) -> &Self::Target {
        match self {
            SharedOp::Fieldless(op) => *op,
            SharedOp::Counted(op) => &**op,
        }
    }
}

//! The way to a recording: its list, and its values by their positions.

use std::cell::{Ref, RefMut};

use super::{
    super::{List, NodeId, Tape, Var},
    Wrt,
};
use crate::error::{Error, NoGradient, Result};

/// There is one way for users to get at a recording that is being written.
#[cold]
fn busy() -> ! {
    panic!(
        "the tape is busy: it is computing an operation, whose `forward` may use the tensors that it is given, but not the \
         tape on which it is recorded"
    )
}

impl Tape {
    /// The recording, to read.
    #[inline]
    pub(crate) fn list(&self) -> Ref<'_, List> {
        self.list.try_borrow().unwrap_or_else(|_| busy())
    }

    /// The recording, to add to and to compute what is pending.
    #[inline]
    pub(crate) fn list_mut(&self) -> RefMut<'_, List> {
        self.list.try_borrow_mut().unwrap_or_else(|_| busy())
    }

    /// The value at position `index` of the recording, for a program that keeps positions ([`Var::index`]) instead of
    /// handles.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let index = (tape.leaf(3.0) * 2.0).index();
    /// assert_eq!(tape.var(index).item(), 6.0);
    /// ```
    ///
    /// # Panics
    /// When fewer values are recorded.
    #[track_caller]
    pub fn var(&self, index: usize) -> Var<'_> {
        let len = self.len();
        assert!(index < len, "the tape has no value at position {index}: {len} are recorded");
        Var::new(self, index as NodeId)
    }

    /// The position of what `op` is asked about.
    pub(crate) fn position(&self, op: &str, x: Wrt<'_>) -> Result<usize> {
        match x {
            Wrt::Var(x) => self.same_tape(op, &[x]).map(|()| x.index()),
            Wrt::Param(param) => {
                let known =
                    self.list().notes.watched.iter().rev().find(|known| known.0 == param.id()).map(|known| known.1);
                let of = format!("parameter `{}`", param.name());
                let missing = || Error::NoGradient { of, why: NoGradient::NotWatched };
                known.map(|node| node as usize).ok_or_else(missing)
            }
        }
    }
}

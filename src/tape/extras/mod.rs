//! What stands beside the heart: each file is a feature of its own, and the table says where the heart calls it.
//!
//! | file | what it adds | where the heart calls it |
//! |---|---|---|
//! | `lazy` | elementwise chains in one pass over memory | `evaluation`: `postpones`, `push_pending`, `affine`, `force`, `fold` |
//! | `pieces` | chains read where they are computed | `evaluation`: `in_pieces`, `with_chain`; rules: `as_chain` |
//! | `sums` | sums that are taken in the pass that writes another gradient | `slots`: `push_sum`, `sum_beside` |
//! | `placed` | gradients that come in pieces, added up in place | `slots`: `add_placed`; rules: `placed` |
//! | `memory` | what values hold; an error where there is no more | `evaluation`: `allocatable` |
//! | `names` | names of values and layers | `node`: the layer of a new node; `locate` of errors |
//! | `modes` | training or evaluation, which rule, no gradients, whose line | `node`: `push`; `backward`: `rule`, `pause`, `at_line` |
//! | `binding` | parameters as leaves, and values in their place | `gradients`: the leaf of a parameter |
//! | `hooks` | functions that replace gradients | `backward`, through [`Extras`] |
//! | `guard` | selections that keep NaN out | `backward`, through [`Extras`] |
//! | `checkpoint` | values computed again instead of being kept | `backward`, through [`Extras`] |
//! | `wanted` | which gradients are asked for | `backward`: `arrive`, `rule` |
//! | `few` | room for the gradients under way alone | `slots` |
//! | `access` | the list, unless it is in use; values by position | everywhere: `list`, `list_mut` |
//! | `accumulate` | gradients added up and scaled | nowhere |
//! | `adjoints` | the gradients of all nodes, and what one hands on | nowhere; `inspect` explains gradients with them |
//! | `recorded` | gradients that can be differentiated again | nowhere; it walks |
//! | `profile` | where the time goes | `evaluation`: `open`, `computed`; `backward`, through [`Extras`]; `lazy`; `function` |
//! | `peek` | pending values seen and forgotten again | nowhere; `inspect` reads through it |
//! | `precision` | the same recording in another precision | nowhere; `inspect` compares the two |
//!
//! [`Notes`] is what they keep with a recording, [`Extras`] what they do during a walk.
//!
//! What may not live here: the walk itself, and the list.

mod access;
mod accumulate;
mod adjoints;
mod binding;
mod checkpoint;
mod few;
mod guard;
mod hooks;
mod lazy;
mod memory;
mod modes;
mod names;
mod peek;
mod pieces;
mod placed;
mod precision;
mod profile;
mod recorded;
mod sums;
mod wanted;

pub use binding::Wrt;
pub(crate) use modes::NESTED;
pub use modes::{AtLine, Mode, Rule};
pub(super) use names::Known;
pub use names::Scope;
pub use profile::Spent;
pub(crate) use profile::{BOOKKEEPING, Measured};
pub(super) use wanted::{Want, Wanted};

use std::panic::Location;

use super::{NodeId, Tape, Var, slots::Slots};
use crate::{error::Result, ops::Coefficients};
use checkpoint::Segment;
pub(super) use few::Few;
use guard::{Guard, Masks};
use hooks::Hook;
use names::Names;
use profile::{InRule, Recorder};

/// What stands beside the list of nodes in a recording.
#[derive(Default)]
pub(crate) struct Notes {
    pub names: Names,
    /// The parameters of this recording: the identity of each and its node.
    pub watched: Vec<(u64, NodeId)>,
    /// Functions of the user that replace gradients, by node, then in the order in which they run.
    pub hooks: Vec<Hook>,
    /// The checkpoints, by their first nodes.
    pub segments: Vec<Segment>,
    /// On during [`Var::vjp`], in `detach` and in `no_grad`: new nodes other than leaves then want no gradient.
    pub no_grad: bool,
    /// The line that new nodes count as recorded at, if not that of the caller.
    pub line: Option<&'static Location<'static>>,
    /// The line that called the method at work, whose parts are recorded at lines of their own.
    pub caller: Option<&'static Location<'static>>,
    /// How many hand-written functions are being applied, one inside of the other.
    pub nested: usize,
    /// From how many elements on, elementwise results are left pending, if not as usual.
    pub lazy_from: Option<usize>,
    /// What makes the values of pending operations that are no rows of the table, by node, in order.
    pub affine: Vec<(NodeId, Coefficients)>,
    /// What is measured, while the tape is profiled.
    pub recorder: Option<Box<Recorder>>,
}

impl Notes {
    /// Forgets what belongs to nodes from `mark` on.
    pub fn truncate(&mut self, mark: usize) {
        self.names.truncate(mark);
        while self.watched.pop_if(|watched| watched.1 as usize >= mark).is_some() {}
        while self.hooks.pop_if(|hook| hook.node as usize >= mark).is_some() {}
        while self.segments.pop_if(|segment| segment.first as usize >= mark).is_some() {}
        while self.affine.pop_if(|affine| affine.0 as usize >= mark).is_some() {}
    }

    /// Forgets what belongs to the recording.
    pub fn clear(&mut self) {
        self.names.clear();
        self.watched.clear();
        self.hooks.clear();
        self.segments.clear();
        self.affine.clear();
        if let Some(recorder) = &mut self.recorder {
            recorder.reset();
        }
    }
}

/// What stands beside a walk.
pub(super) struct Extras<'t> {
    tape: &'t Tape,
    /// The checkpoints that the walk has not passed, in order.
    segments: Vec<Segment>,
    masks: Masks,
    /// Whether the tape is profiled.
    profiled: bool,
    /// The rule whose time is measured.
    timed: Option<InRule>,
}

impl<'t> Extras<'t> {
    /// For a walk that begins at `root`.
    pub fn new(tape: &'t Tape, root: NodeId) -> Self {
        Extras {
            tape,
            segments: tape.segments_up_to(root),
            masks: Masks::default(),
            profiled: tape.enter_walk(),
            timed: None,
        }
    }

    /// The walk comes to a node.
    #[inline]
    pub fn enter(&mut self, id: NodeId, slots: &mut Slots<'t>) {
        while let Some(passed) = self.segments.pop_if(|segment| segment.first > id) {
            checkpoint::leave(self.tape, passed, slots);
        }
    }

    /// The gradient of a node is complete: hooks may replace it.
    #[inline]
    pub fn run_hooks(&mut self, id: NodeId, slots: &mut Slots<'t>) -> Result<()> {
        let hooked = self.tape.list().is_hooked(id);
        if hooked { hooks::run(Var::new(self.tape, id), slots) } else { Ok(()) }
    }

    /// The rule of a node begins.
    #[inline]
    pub fn begin(&mut self, id: NodeId) {
        if self.profiled {
            self.timed = self.tape.enter_rule(id);
        }
    }

    /// The rule of a node has run, and its gradients are added up.
    #[inline]
    pub fn end(&mut self, id: NodeId) {
        if let Some(timed) = self.timed.take() {
            self.tape.leave_rule(id, timed);
        }
    }

    /// What selections ask of the contributions that are computed from `dz`, the gradient of a node or of all outputs of
    /// a call.
    #[inline]
    pub fn guard(&self, id: NodeId, dz: &[Var<'t>]) -> Guard<'t> {
        Guard::new(Var::new(self.tape, id), dz, &self.masks)
    }

    /// A contribution on its way to an input.
    #[inline]
    pub fn hand_on(&mut self, guard: &Guard<'t>, input: NodeId, dx: Var<'t>) -> Var<'t> {
        if let Some(timed) = &mut self.timed {
            timed.saw(dx);
        }
        guard.mark(&mut self.masks, input);
        guard.apply(dx)
    }

    /// The walk has ended, at the first node or with an error.
    pub fn finish(&mut self, slots: &mut Slots<'t>) {
        while let Some(segment) = self.segments.pop() {
            checkpoint::leave(self.tape, segment, slots);
        }
        if self.profiled {
            self.tape.leave_walk();
        }
    }
}

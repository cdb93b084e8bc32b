//! Where the time goes: a clock that always runs for somebody.
//!
//! Operations, rules, hand-written functions and walks open a *frame* and close it again; frames nest. The clock runs for
//! the innermost open frame, and for the user's program where none is open. Each moment is therefore counted once, however
//! deep functions are nested, and all that was measured adds up to the time that has passed. What the measuring itself
//! takes is counted too, under its own name.
//!
//! `owner` says in whose name a node was recorded (a function, a rule), `charge` what a frame is counted under, `numbers` gives
//! names and lines numbers, `work` says how many numbers were computed and moved, `spent` what of all that is handed out. A
//! tape that is not profiled pays one comparison per operation.

mod charge;
mod numbers;
mod owner;
mod spent;
mod work;

use std::{panic::Location, time::Instant};

use super::super::{Kind, List, NodeId, Rule, Tape, Var};
use charge::{Key, Sum};
use numbers::{Lines, Map, Names};
use owner::Owners;
pub(crate) use spent::Measured;
pub use spent::Spent;

/// The name of what is no operation: noting pending ones, adding gradients up, the walk itself.
pub(crate) const BOOKKEEPING: &str = "bookkeeping";

/// What is measured while a tape is profiled.
pub(crate) struct Recorder {
    /// Until when time is counted.
    last: Instant,
    /// The nanoseconds of the frames that are open, from the outermost.
    open: Vec<u64>,
    outside: u64,
    measuring: u64,
    /// The walks under way, one inside of the other.
    walks: Vec<usize>,
    steps: u64,
    /// Whether anything was measured since the last reset.
    used: bool,
    owners: Owners,
    names: Names,
    lines: Lines,
    sums: Map<Key, Sum>,
}

/// A frame, by its place among the open ones.
#[must_use = "the clock runs for a frame until it is closed"]
pub(crate) struct Frame(usize);

impl Recorder {
    fn new() -> Recorder {
        Recorder {
            last: Instant::now(),
            open: Vec::new(),
            outside: 0,
            measuring: 0,
            walks: Vec::new(),
            steps: 0,
            used: false,
            owners: Owners::default(),
            names: Names::default(),
            lines: Lines::default(),
            sums: Map::default(),
        }
    }

    /// The nanoseconds since the last call.
    fn lap(&mut self) -> u64 {
        let now = Instant::now();
        let passed = now - std::mem::replace(&mut self.last, now);
        passed.as_nanos() as u64
    }

    /// What has passed since the last call was measuring.
    fn measured_until_now(&mut self) {
        let passed = self.lap();
        self.measuring += passed;
    }

    fn open(&mut self) -> Frame {
        let passed = self.lap();
        *self.open.last_mut().unwrap_or(&mut self.outside) += passed;
        self.open.push(0);
        Frame(self.open.len() - 1)
    }

    /// The time of a frame. One that was left by an error or a panic has not been closed: its time is that of the frame
    /// around it.
    fn close(&mut self, Frame(place): Frame) -> u64 {
        let passed = self.lap();
        passed + self.open.drain(place.min(self.open.len())..).sum::<u64>()
    }

    /// A new recording begins.
    pub fn reset(&mut self) {
        self.outside += self.lap() + self.open.drain(..).sum::<u64>();
        self.owners.clear();
        self.walks.clear();
        self.steps += u64::from(std::mem::take(&mut self.used));
    }

    fn measured(&mut self) -> Measured {
        let passed = self.lap();
        *self.open.last_mut().unwrap_or(&mut self.outside) += passed;
        let seconds = |nanoseconds: u64| nanoseconds as f64 * 1e-9;
        Measured {
            spent: self.sums.iter().map(|(key, sum)| key.spent(sum, &self.names, &self.lines, &self.owners)).collect(),
            steps: self.steps + u64::from(self.used),
            outside: seconds(self.outside + self.open.iter().sum::<u64>()),
            measuring: seconds(self.measuring),
        }
    }
}

impl Tape {
    /// Begins to measure where the time goes, from nothing, or (with `false`) stops and forgets it. [`profile`](Tape::profile)
    /// returns what was measured; several recordings add up.
    pub fn set_profiling(&self, on: bool) {
        self.list_mut().notes.recorder = on.then(|| Box::new(Recorder::new()));
    }

    /// What was measured so far, if anything is.
    pub(crate) fn measured(&self) -> Option<Measured> {
        self.list_mut().notes.recorder.as_mut().map(|recorder| recorder.measured())
    }

    /// Opens the frame of a walk, if the tape is profiled.
    pub(super) fn enter_walk(&self) -> bool {
        let mut list = self.list_mut();
        let Some(recorder) = &mut list.notes.recorder else { return false };
        let Frame(place) = recorder.open();
        recorder.walks.push(place);
        true
    }

    /// Closes the frame of a walk.
    pub(super) fn leave_walk(&self) {
        let list = &mut *self.list_mut();
        let Some(&place) = list.notes.recorder.as_ref().and_then(|recorder| recorder.walks.last()) else { return };
        list.noted(Some(Frame(place)));
        list.notes.recorder.as_mut().map(|recorder| recorder.walks.pop());
    }

    /// Opens the frame of a hand-written function, in whose name nodes are recorded until the guard is dropped.
    pub(crate) fn enter_function(&self, name: &str, at: &'static Location<'static>) -> Option<InFunction<'_>> {
        let list = &mut *self.list_mut();
        let first = list.nodes.len() as NodeId;
        let recorder = list.notes.recorder.as_mut()?;
        let frame = recorder.open();
        let function = (recorder.names.number(name), recorder.lines.number(at));
        let before = recorder.owners.enter_function(first, function);
        recorder.measured_until_now();
        Some(InFunction { tape: self, frame: Some(frame), before })
    }

    /// Opens the frame of the rule of a node, in whose name nodes are recorded until it is closed.
    pub(super) fn enter_rule(&self, id: NodeId) -> Option<InRule> {
        let list = &mut *self.list_mut();
        let first = list.nodes.len() as NodeId;
        let recorder = list.notes.recorder.as_mut()?;
        let frame = recorder.open();
        let node = &list.nodes[id as usize];
        let function = match &node.kind {
            Kind::Output(call, _) => {
                Some((recorder.names.number(call.function.name()), recorder.lines.number(call.at)))
            }
            _ => None,
        };
        let by_hand = function.is_some() && self.rule() == Rule::Manual;
        let name = recorder.names.number(node.kind.name());
        let layer = recorder.names.number(list.notes.names.path(node.scope));
        let line = recorder.lines.number(node.at);
        let before = recorder.owners.enter_rule(id, first, (name, line, layer), (function, by_hand));
        recorder.measured_until_now();
        Some(InRule { frame, before, first, by_numbers: false })
    }

    /// Closes the frame of a rule.
    pub(super) fn leave_rule(&self, id: NodeId, rule: InRule) {
        let list = &mut *self.list_mut();
        list.charge_rule(rule.frame, id, rule.by_numbers);
        let end = list.nodes.len() as NodeId;
        if let Some(recorder) = &mut list.notes.recorder {
            recorder.owners.go_back(end, rule.before);
        }
    }
}

impl List {
    /// Opens the frame of an operation.
    #[inline]
    pub fn open(&mut self) -> Option<Frame> {
        self.notes.recorder.as_mut().map(|recorder| recorder.open())
    }

    /// Closes the frame of an operation that was computed at node `id`.
    #[inline]
    pub fn computed(&mut self, frame: Option<Frame>, id: NodeId) {
        if let Some(frame) = frame {
            self.charge_node(frame, id, false);
        }
    }

    /// Closes the frame of a chain of elementwise operations that was computed in one pass, perhaps to a total.
    #[inline]
    pub(super) fn chain_computed(
        &mut self,
        frame: Option<Frame>,
        chain: &[NodeId],
        inputs: &[NodeId],
        total: Option<NodeId>,
    ) {
        if let Some(frame) = frame {
            self.charge_chain(frame, chain, inputs, total);
        }
    }

    /// Closes the frame of what was computed at node `id` after a checkpoint had forgotten it.
    #[inline]
    pub(super) fn computed_again(&mut self, frame: Option<Frame>, id: NodeId) {
        match frame {
            Some(frame) if matches!(self.node(id).kind, Kind::Output(..)) => self.charge_bookkeeping(frame),
            Some(frame) => self.charge_node(frame, id, true),
            None => {}
        }
    }

    /// Closes a frame in which nothing was computed.
    #[inline]
    pub fn noted(&mut self, frame: Option<Frame>) {
        if let Some(frame) = frame {
            self.charge_bookkeeping(frame);
        }
    }
}

/// The rule of a node that runs.
pub(super) struct InRule {
    frame: Frame,
    /// In whose name nodes were recorded before.
    before: u32,
    /// The first node that it records.
    first: NodeId,
    /// Whether it returned a gradient that it had computed with numbers.
    by_numbers: bool,
}

impl InRule {
    /// The rule returned this gradient.
    pub(super) fn saw(&mut self, dx: Var<'_>) {
        self.by_numbers |= dx.id() >= self.first && matches!(dx.tape().list().node(dx.id()).kind, Kind::Constant);
    }
}

/// A hand-written function that is being applied: its frame ends when this is dropped.
pub(crate) struct InFunction<'t> {
    tape: &'t Tape,
    frame: Option<Frame>,
    before: u32,
}

impl Drop for InFunction<'_> {
    fn drop(&mut self) {
        let list = &mut *self.tape.list_mut();
        if let Some(frame) = self.frame.take() {
            list.charge_function(frame);
        }
        if let Some(recorder) = &mut list.notes.recorder {
            recorder.owners.go_back(list.nodes.len() as NodeId, self.before);
        }
    }
}

//! Switches of a tape: training or inference, which gradient hand-written rules give, stretches in which nothing wants a
//! gradient, and the line that new nodes count as recorded at.

use std::{fmt, panic::Location, str::FromStr};

use super::{super::Tape, Notes};
use crate::error::{Error, Result};

/// Which gradient a [`Function`](crate::Function) with a hand-written rule gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Rule {
    /// The rule written by hand.
    #[default]
    Manual,
    /// The tape's own, through the operations that the function's `forward` recorded.
    Tape,
}

/// Whether layers behave as in training or as in use (batch norm, dropout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Training: batch statistics, dropout on.
    #[default]
    Train,
    /// Evaluation: running statistics, dropout off. PyTorch's `eval`.
    Eval,
}

impl Tape {
    /// Which gradient functions with a hand-written rule get.
    pub fn rule(&self) -> Rule {
        self.rule.get()
    }

    /// Sets which gradient functions with a hand-written rule get; it is read when the gradient is taken, so one
    /// recording gives both.
    pub fn set_rule(&self, rule: Rule) {
        self.rule.set(rule);
    }

    /// Training or inference.
    pub fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// Sets training or inference for the layers recorded from here on.
    pub fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// Runs `f` with gradients off: its operations are recorded, but no gradient flows through them. A leaf made in it is
    /// still a leaf.
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        let _paused = self.pause();
        f()
    }

    /// Turns gradients off until the guard is dropped, also by a panic.
    pub(crate) fn pause(&self) -> Paused<'_> {
        let before = std::mem::replace(&mut self.list_mut().notes.no_grad, true);
        Paused { tape: self, before }
    }

    /// Goes into a hand-written function until the guard is dropped; none if [`NESTED`] of them are under way.
    pub(crate) fn go_into(&self) -> Option<Inside<'_>> {
        let nested = &mut self.list_mut().notes.nested;
        (*nested < NESTED).then(|| {
            *nested += 1;
            Inside(self)
        })
    }

    /// Lets new nodes count as recorded at `line` (or, with `None`, at that of their caller) until the guard is dropped:
    /// what a library records in the user's name belongs to the user's line, as what a rule records belongs to the line of
    /// the operation that it differentiates.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let here = std::panic::Location::caller();
    /// let line = tape.at_line(Some(here));
    /// let x = tape.leaf(1.0);
    /// drop(line);
    /// assert_eq!(tape.nodes().next().unwrap().line, here);
    /// ```
    pub fn at_line(&self, line: Option<&'static Location<'static>>) -> AtLine<'_> {
        self.set_line(|notes| &mut notes.line, |_| line)
    }

    /// Lets new nodes count as recorded at the line of whoever calls this, unless a line is set already: for methods
    /// whose parts are recorded in closures and helpers, which have lines of their own.
    #[track_caller]
    pub(crate) fn at_caller(&self) -> AtLine<'_> {
        let here = Location::caller();
        self.set_line(|notes| &mut notes.caller, |before| before.or(Some(here)))
    }

    fn set_line(&self, which: Which, line: impl FnOnce(MaybeLine) -> MaybeLine) -> AtLine<'_> {
        let list = &mut *self.list_mut();
        let now = which(&mut list.notes);
        AtLine { tape: self, which, before: std::mem::replace(now, line(*now)) }
    }
}

type MaybeLine = Option<&'static Location<'static>>;

/// One of the two lines that new nodes may be recorded at.
type Which = fn(&mut Notes) -> &mut MaybeLine;

/// How deep hand-written functions may be nested: each needs a piece of the stack, and a thread may have 2 MB of it.
pub(crate) const NESTED: usize = 200;

/// Goes out of a hand-written function when it is dropped.
pub(crate) struct Inside<'t>(&'t Tape);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.list_mut().notes.nested -= 1;
    }
}

/// Turns gradients on again when it is dropped.
#[must_use = "gradients are on again when this guard is dropped"]
pub(crate) struct Paused<'t> {
    tape: &'t Tape,
    before: bool,
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.tape.list_mut().notes.no_grad = self.before;
    }
}

/// Puts the line back when it is dropped; see [`Tape::at_line`].
#[must_use = "the line holds until this guard is dropped"]
pub struct AtLine<'t> {
    tape: &'t Tape,
    which: Which,
    before: MaybeLine,
}

impl Drop for AtLine<'_> {
    fn drop(&mut self) {
        *(self.which)(&mut self.tape.list_mut().notes) = self.before;
    }
}

impl FromStr for Rule {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "manual" => Ok(Rule::Manual),
            "tape" => Ok(Rule::Tape),
            _ => Err(Error::setting("gradient", "rule", name, "manual or tape")),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Manual => "manual",
            Rule::Tape => "tape",
        })
    }
}

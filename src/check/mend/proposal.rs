//! An edit that may mend a rule: what is done where, and how likely a person is to have made the opposite.

use std::rc::Rc;

use super::places::{Part, Place};
use crate::check::{
    kind::Puts,
    script::{Action, Alter, Edit, Source},
};

/// What is done at a place.
#[derive(Clone)]
pub(super) enum Change {
    /// The value altered, alike at every step of the place.
    Alter(Alter),
    /// The value altered with a value of each step's own.
    Each(Vec<Alter>),
    /// One side of a sum alone.
    Keep(usize),
    /// Another operation, and its description.
    Act(Vec<Action>, String),
    /// Another number: the old one and the new one, if they are the same at every step, and the actions.
    Number(Option<(f64, f64)>, Vec<Action>),
    /// Two operands exchanged.
    Exchange(usize, usize),
}

/// A change at a place.
#[derive(Clone)]
pub(super) struct Proposal {
    pub place: Rc<Place>,
    pub change: Change,
    /// The smaller, the likelier.
    pub cost: u32,
    /// The value that is put in, as text.
    pub with: String,
    /// What sort of value that is.
    pub puts: Puts,
    /// Whether it puts a value in for one that the rule computes.
    pub replaces: bool,
}

impl Proposal {
    /// The likeliest first, those of one cost in the order in which they were found.
    pub fn sort(proposals: &mut [Proposal]) {
        proposals.sort_by_key(|p| p.cost);
    }

    pub fn new(place: &Rc<Place>, change: Change, cost: u32, with: impl Into<String>) -> Self {
        Proposal { place: place.clone(), change, cost, with: with.into(), puts: Puts::Other, replaces: false }
    }

    pub fn putting(mut self, puts: Puts) -> Self {
        self.puts = puts;
        self
    }

    /// The edits of the script.
    pub fn edits(&self) -> Vec<(usize, Edit)> {
        let altered = |alter: &Alter| match self.place.part {
            Part::Operand(i) => Edit::AtOperand(i, alter.clone()),
            Part::Result => Edit::AtResult(alter.clone()),
        };
        let edit = |i: usize| match &self.change {
            Change::Alter(alter) => altered(alter),
            Change::Each(alters) => altered(&alters[i]),
            Change::Keep(operand) => Edit::Keep(*operand),
            Change::Act(actions, _) | Change::Number(_, actions) => Edit::Act(actions[i].clone()),
            Change::Exchange(a, b) => Edit::Exchange(*a, *b),
        };
        self.place.at.iter().enumerate().map(|(i, &step)| (step, edit(i))).collect()
    }

    /// What is done to the value, if that is all: of a family, for the first step.
    pub fn alter(&self) -> Option<&Alter> {
        match &self.change {
            Change::Alter(alter) => Some(alter),
            Change::Each(alters) => alters.first(),
            _ => None,
        }
    }

    /// Whether a value that is put in depends on what is edited at an earlier step of the place, so that it changes, too.
    pub fn feeds_itself(&self) -> bool {
        let fed = |alter: &Alter| match alter.source() {
            Some(Source::Step(s)) => self.place.after.get(s).copied().unwrap_or(false),
            _ => false,
        };
        match &self.change {
            Change::Alter(alter) => fed(alter),
            Change::Each(alters) => alters.iter().any(fed),
            _ => false,
        }
    }

    /// Whether the value put in is there when the place is reached.
    pub fn in_order(&self) -> bool {
        let known = |alter: &Alter, step: usize| !matches!(alter.source(), Some(Source::Step(s)) if s >= step);
        match &self.change {
            Change::Alter(alter) => self.place.at.iter().all(|&step| known(alter, step)),
            Change::Each(alters) => self.place.at.iter().zip(alters).all(|(&step, alter)| known(alter, step)),
            _ => true,
        }
    }
}

//! What a hand-written rule receives: inputs, outputs, upstream gradients, and what `forward` saved.

use std::fmt;

use crate::{Backward, Function, Var};

/// One of the values that a rule receives, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Input(usize),
    Output(usize),
    Upstream(usize),
    Saved(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Input(i) => write!(f, "input {i}"),
            Place::Output(i) => write!(f, "output {i}"),
            Place::Upstream(i) => write!(f, "upstream gradient {i}"),
            Place::Saved(i) => write!(f, "saved value {i}"),
        }
    }
}

/// The values that a rule receives.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub x: Vec<T>,
    pub z: Vec<T>,
    pub dz: Vec<T>,
    pub saved: Vec<T>,
}

impl<T> Given<T> {
    pub fn map<U>(&self, change: impl Fn(&T) -> U) -> Given<U> {
        let all = |values: &[T]| values.iter().map(&change).collect();
        Given { x: all(&self.x), z: all(&self.z), dz: all(&self.dz), saved: all(&self.saved) }
    }

    /// All places in order: those of inputs, outputs, upstream gradients and saved values.
    pub fn places(&self) -> Vec<Place> {
        let inputs = (0..self.x.len()).map(Place::Input);
        let outputs = (0..self.z.len()).map(Place::Output);
        let upstream = (0..self.dz.len()).map(Place::Upstream);
        inputs.chain(outputs).chain(upstream).chain((0..self.saved.len()).map(Place::Saved)).collect()
    }

    /// The values in the order of [`places`](Given::places).
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.x.iter().chain(&self.z).chain(&self.dz).chain(&self.saved)
    }

    pub fn get(&self, place: Place) -> Option<&T> {
        let at = self.places().iter().position(|other| *other == place)?;
        self.values().nth(at)
    }

    pub fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        match place {
            Place::Input(i) => self.x.get_mut(i),
            Place::Output(i) => self.z.get_mut(i),
            Place::Upstream(i) => self.dz.get_mut(i),
            Place::Saved(i) => self.saved.get_mut(i),
        }
    }
}

impl<'t> Given<Var<'t>> {
    /// The rule's answer.
    pub fn ask(&self, function: &dyn Function, needs: &[bool]) -> Vec<Option<Var<'t>>> {
        function.backward(Backward { x: &self.x, z: &self.z, dz: &self.dz, saved: &self.saved, needs })
    }
}

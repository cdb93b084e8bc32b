//! What a function under check is differentiated with respect to: inputs and parameters.

use std::fmt;

use super::Constraint;
use crate::Tensor;

/// What an argument is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Input(usize),
    Parameter(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Input(k) => write!(f, "input {k}"),
            Name::Parameter(name) => write!(f, "parameter `{name}`"),
        }
    }
}

/// An input, or a parameter replaced by a value.
#[derive(Clone)]
pub(super) struct Argument {
    pub name: Name,
    pub value: Tensor,
    pub constraint: Constraint,
}

impl Argument {
    /// The part of a gradient, or of a direction, along the surface on which the value must stay.
    pub fn tangent(&self, v: &Tensor) -> Tensor {
        self.constraint.tangent(&self.value, v)
    }
}

/// The values of arguments.
pub(super) fn values(arguments: &[Argument]) -> Vec<Tensor> {
    arguments.iter().map(|argument| argument.value.clone()).collect()
}

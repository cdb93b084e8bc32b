//! The state of an optimizer, whatever its formula: its parameters, its learning rate, the buffers that it keeps for
//! each parameter (momentum, running moments of the gradient), and the checks before a step.
//!
//! Buffers belong to parameters by position. They are allocated with the optimizer, so that a step allocates nothing.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::{
    Decay, Group,
    elements::{all_finite, non_finite},
};
use crate::{DType, Error, FormatProblem, Gradients, Param, Result, Tensor};

/// The part of an optimizer that does not depend on its formula.
#[derive(Debug)]
pub(super) struct OptimizerState {
    /// The optimizer's name, for errors.
    of: &'static str,
    pub params: Vec<Param>,
    pub learning_rate: f64,
    pub decay: Decay,
    pub steps: u64,
    pub allow_unused: bool,
    pub check_finite: bool,
    /// What the learning rate and the decay of each parameter are multiplied by.
    factors: Vec<Group>,
    /// The names of the buffers that the formula keeps for each parameter.
    names: Vec<&'static str>,
    /// The buffers of each parameter, in the order of `names`.
    buffers: Vec<Vec<Tensor>>,
}

/// What a formula gets for one parameter.
pub(super) struct Step<'a> {
    pub weight: &'a mut Tensor,
    pub gradient: &'a Tensor,
    /// In the order of the names given to [`OptimizerState::allocate`].
    pub buffers: &'a mut [Tensor],
    /// η for this parameter.
    pub learning_rate: f64,
    /// λ for this parameter.
    pub decay: f64,
}

impl OptimizerState {
    pub fn new(of: &'static str, params: &[Param], learning_rate: f64, names: &[&'static str]) -> Result<Self> {
        let mut distinct: Vec<Param> = Vec::with_capacity(params.len());
        let mut taken = HashSet::new();
        for param in params {
            if distinct.iter().any(|known| known.same(param)) {
                continue;
            }
            if !taken.insert(param.name()) {
                return Err(Error::setting(
                    of,
                    "parameter name",
                    format!("`{}` twice", param.name()),
                    "different for each; keep layers apart in a `Sequential`, or parameters with `Param::under`",
                ));
            }
            distinct.push(param.clone());
        }
        if distinct.is_empty() {
            let what = format!("{of}: the list of parameters");
            return Err(Error::Empty { what, need: "an optimizer needs at least one parameter to change" });
        }
        let mut state = OptimizerState {
            of,
            factors: vec![Group::default(); distinct.len()],
            params: distinct,
            learning_rate: 0.0,
            decay: Decay::None,
            steps: 0,
            allow_unused: false,
            check_finite: true,
            names: Vec::new(),
            buffers: Vec::new(),
        };
        state.set_learning_rate(learning_rate)?;
        state.allocate(names);
        Ok(state)
    }

    /// Gives each parameter one buffer of zeros for each name, instead of the buffers that it had.
    pub fn allocate(&mut self, names: &[&'static str]) {
        self.names = names.to_vec();
        let zeros = |param: &Param| names.iter().map(|_| Tensor::zeros(param.shape(), param.dtype())).collect();
        self.buffers = self.params.iter().map(zeros).collect();
    }

    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        self.learning_rate = self.not_negative("learning rate", learning_rate)?;
        Ok(())
    }

    pub fn set_decay(&mut self, decay: Decay) -> Result<()> {
        if let Decay::Weights(lambda) | Decay::Everything(lambda) = decay {
            self.not_negative("weight decay", lambda)?;
        }
        self.decay = decay;
        Ok(())
    }

    pub fn set_group(&mut self, params: &[Param], group: Group) -> Result<()> {
        self.not_negative("factor of the learning rate", group.learning_rate)?;
        self.not_negative("factor of the decay", group.decay)?;
        let place = |param: &Param| {
            let unknown = || Error::NotFound {
                what: "parameter of the optimizer",
                name: param.name().to_owned(),
                known: self.params.iter().map(|known| known.name().to_owned()).collect(),
            };
            self.params.iter().position(|known| known.same(param)).ok_or_else(unknown)
        };
        let places = params.iter().map(place).collect::<Result<Vec<_>>>()?;
        places.into_iter().for_each(|place| self.factors[place] = group);
        Ok(())
    }

    /// `value`, if it is a number that is 0 or more and finite.
    pub fn not_negative(&self, name: &'static str, value: f64) -> Result<f64> {
        match value.is_finite() && value >= 0.0 {
            true => Ok(value),
            false => Err(Error::setting(self.of, name, value, "finite and not negative")),
        }
    }

    /// `value`, if it is at least 0 and less than 1.
    pub fn fraction(&self, name: &'static str, value: f64) -> Result<f64> {
        match (0.0..1.0).contains(&value) {
            true => Ok(value),
            false => Err(Error::setting(self.of, name, value, "at least 0 and less than 1")),
        }
    }

    /// Calls `formula` for each parameter that has a gradient, after all of them have been checked.
    pub fn step(&mut self, gradients: &Gradients, mut formula: impl FnMut(Step)) -> Result<()> {
        let found = self.check(gradients)?;
        self.steps += 1;
        let all = self.params.iter().zip(&mut self.buffers).zip(&self.factors).zip(found);
        for (((param, buffers), factors), gradient) in all {
            let Some(gradient) = gradient else { continue };
            let (learning_rate, decay) =
                (factors.learning_rate * self.learning_rate, factors.decay * self.decay.of(param));
            param.update(|weight| {
                let dtype = weight.dtype();
                // A parameter can be converted at any time, and a tape in another precision gives its gradient in its
                // own.
                for buffer in buffers.iter_mut().filter(|buffer| buffer.dtype() != dtype) {
                    *buffer = buffer.cast(dtype);
                }
                let cast = (gradient.dtype() != dtype).then(|| gradient.cast(dtype));
                formula(Step { weight, gradient: cast.as_ref().unwrap_or(gradient), buffers, learning_rate, decay });
            });
        }
        Ok(())
    }

    /// The gradient of each parameter that is to be changed.
    fn check<'g>(&self, gradients: &'g Gradients) -> Result<SmallVec<[Option<&'g Tensor>; 16]>> {
        let mut found = SmallVec::new();
        for (param, buffers) in self.params.iter().zip(&self.buffers) {
            let gradient = match gradients.wrt(param) {
                _ if !param.trainable() => None,
                Ok(gradient) => Some(gradient),
                Err(_) if self.allow_unused => None,
                Err(error) => return Err(error),
            };
            found.push(gradient);
            let Some(gradient) = gradient else { continue };
            let shape = param.shape();
            if shape != *gradient.shape() || buffers.iter().any(|buffer| *buffer.shape() != shape) {
                let need = format!("`{}` must keep the shape that it had before", param.name());
                return Err(Error::shape(self.of, &[&shape, gradient.shape()], need));
            }
            if self.check_finite && !all_finite(gradient) {
                return Err(non_finite(param, gradient));
            }
        }
        Ok(found)
    }

    /// The state by name, as [`Optimizer::state`](super::Optimizer::state) returns it.
    pub fn entries(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::scalar(self.steps as f64, DType::F64))];
        for (param, buffers) in self.params.iter().zip(&self.buffers) {
            for (name, buffer) in self.names.iter().zip(buffers) {
                state.push((format!("{name}.{}", param.name()), buffer.clone()));
            }
        }
        state
    }

    /// What [`Optimizer::load_state`](super::Optimizer::load_state) does.
    pub fn load_entries(&mut self, state: &[(String, Tensor)]) -> Result<(), FormatProblem> {
        let own = self.entries();
        if let Some((name, _)) = state.iter().find(|(name, _)| own.iter().all(|(known, _)| known != name)) {
            return Err(FormatProblem::Unknown { name: name.clone() });
        }
        let mut found = Vec::with_capacity(own.len());
        for (name, own) in &own {
            let Some((_, tensor)) = state.iter().find(|(candidate, _)| candidate == name) else {
                return Err(FormatProblem::Missing { name: name.clone() });
            };
            if tensor.shape() != own.shape() {
                let (expected, found) = (own.shape().clone().into(), tensor.shape().clone().into());
                return Err(FormatProblem::Shape { name: name.clone(), expected, found });
            }
            let tensor = tensor.cast(own.dtype());
            let (holds, must) = allowed(name);
            if let Some((index, value)) = tensor.to_vec().into_iter().enumerate().find(|&(_, x)| !holds(x)) {
                return Err(FormatProblem::Number { name: name.clone(), index, value: value.to_string(), must });
            }
            found.push(tensor);
        }
        let mut found = found.into_iter();
        self.steps = found.next().map_or(0, |steps| steps.item() as u64);
        self.buffers.iter_mut().flatten().zip(found).for_each(|(buffer, tensor)| *buffer = tensor);
        Ok(())
    }
}

/// The buffers that are running means of squares.
const SQUARES: [&str; 2] = ["exp_avg_sq.", "square_avg."];

/// What the numbers of an entry must be, as a test and in words.
fn allowed(name: &str) -> (fn(f64) -> bool, &'static str) {
    if name == "steps" {
        (|x| (0.0..2f64.powi(53)).contains(&x) && x.fract() == 0.0, "a whole number from 0 to 2^53 - 1")
    } else if SQUARES.iter().any(|square| name.starts_with(square)) {
        (|x| x.is_finite() && x >= 0.0, "finite and not negative")
    } else {
        (f64::is_finite, "finite")
    }
}

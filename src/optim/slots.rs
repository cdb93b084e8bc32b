//! What all optimisers share: the list of parameters, the tensors kept for each, and the checks before a step.
//!
//! State is matched to parameters by position and made when the optimiser is, so that a step asks for no memory.

use std::collections::HashSet;

use crate::{DType, Element, Error, FormatProblem, Gradients, Param, Result, Tensor, dispatch};

/// Weight decay: which parameters are pulled towards 0, and how strongly (λ ≥ 0).
///
/// Whether λ w is added to the gradient or subtracted from the weight is up to the optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// No parameter.
    None,
    /// Those that [decay](Param::decays): all but the biases.
    Weights(f64),
    /// Every parameter, as PyTorch does by default.
    Everything(f64),
}

impl Decay {
    /// λ for one parameter.
    pub(super) fn of(self, param: &Param) -> f64 {
        match self {
            Decay::Weights(lambda) if param.decays() => lambda,
            Decay::Everything(lambda) => lambda,
            _ => 0.0,
        }
    }
}

/// The part of an optimiser that does not depend on its formula.
#[derive(Debug)]
pub(super) struct Slots {
    /// The optimiser's name, for errors.
    of: &'static str,
    pub params: Vec<Param>,
    pub rate: f64,
    pub decay: Decay,
    pub steps: u64,
    pub allow_unused: bool,
    pub check_finite: bool,
    /// What the formula keeps for a parameter, by name.
    names: Vec<&'static str>,
    /// The tensors by parameter, each in the order of `names`.
    tensors: Vec<Vec<Tensor>>,
}

/// What a formula gets for one parameter.
pub(super) struct Step<'a> {
    pub weight: &'a mut Tensor,
    pub gradient: &'a Tensor,
    /// In the order of the names given to [`Slots::keep`].
    pub state: &'a mut [Tensor],
    /// λ for this parameter.
    pub decay: f64,
}

impl Slots {
    pub fn new(of: &'static str, params: &[Param], rate: f64, names: &[&'static str]) -> Result<Self> {
        let mut distinct: Vec<Param> = Vec::with_capacity(params.len());
        let mut taken = HashSet::new();
        for param in params {
            if distinct.iter().any(|known| known.same(param)) {
                continue;
            }
            if !taken.insert(param.name()) {
                return Err(setting(of, "parameter name", format!("`{}` twice", param.name()), "different for each"));
            }
            distinct.push(param.clone());
        }
        if distinct.is_empty() {
            let what = format!("{of}: the list of parameters");
            return Err(Error::Empty { what, need: "an optimiser needs at least one parameter to change" });
        }
        let mut slots = Slots {
            of,
            params: distinct,
            rate: 0.0,
            decay: Decay::None,
            steps: 0,
            allow_unused: false,
            check_finite: true,
            names: Vec::new(),
            tensors: Vec::new(),
        };
        slots.set_rate(rate)?;
        slots.keep(names);
        Ok(slots)
    }

    /// Keeps one tensor of zeros under each name for each parameter, in place of what was kept before.
    pub fn keep(&mut self, names: &[&'static str]) {
        self.names = names.to_vec();
        let zeros = |param: &Param| names.iter().map(|_| Tensor::zeros(param.shape(), param.dtype())).collect();
        self.tensors = self.params.iter().map(zeros).collect();
    }

    pub fn set_rate(&mut self, rate: f64) -> Result<()> {
        self.rate = self.not_negative("rate", rate)?;
        Ok(())
    }

    pub fn set_decay(&mut self, decay: Decay) -> Result<()> {
        if let Decay::Weights(lambda) | Decay::Everything(lambda) = decay {
            self.not_negative("weight decay", lambda)?;
        }
        self.decay = decay;
        Ok(())
    }

    /// `value`, if it is a number that is 0 or more and finite.
    pub fn not_negative(&self, name: &'static str, value: f64) -> Result<f64> {
        match value.is_finite() && value >= 0.0 {
            true => Ok(value),
            false => Err(setting(self.of, name, value, "finite and not negative")),
        }
    }

    /// `value`, if it is at least 0 and less than 1.
    pub fn fraction(&self, name: &'static str, value: f64) -> Result<f64> {
        match (0.0..1.0).contains(&value) {
            true => Ok(value),
            false => Err(setting(self.of, name, value, "at least 0 and less than 1")),
        }
    }

    /// Calls `formula` for each parameter that has a gradient, after all of them have been checked.
    pub fn step(&mut self, gradients: &Gradients, mut formula: impl FnMut(Step)) -> Result<()> {
        self.check(gradients)?;
        self.steps += 1;
        for (param, state) in self.params.iter().zip(&mut self.tensors) {
            let Ok(gradient) = gradients.of(param) else { continue };
            if !param.trainable() {
                continue;
            }
            let decay = self.decay.of(param);
            param.update(|weight| {
                let dtype = weight.dtype();
                // A parameter can be converted at any time, and a tape of another precision gives its gradient in that.
                for kept in state.iter_mut().filter(|kept| kept.dtype() != dtype) {
                    *kept = kept.cast(dtype);
                }
                formula(Step { weight, gradient: &gradient.cast(dtype), state, decay });
            });
        }
        Ok(())
    }

    fn check(&self, gradients: &Gradients) -> Result<()> {
        for (param, state) in self.params.iter().zip(&self.tensors) {
            if !param.trainable() {
                continue;
            }
            let gradient = match gradients.of(param) {
                Ok(gradient) => gradient,
                Err(_) if self.allow_unused => continue,
                Err(error) => return Err(error),
            };
            let shape = param.shape();
            if shape != *gradient.shape() || state.iter().any(|kept| *kept.shape() != shape) {
                let need = format!("`{}` must keep the shape that it had before", param.name());
                let shapes = [shape, gradient.shape().clone()];
                return Err(Error::Shape { op: self.of.into(), shapes: shapes.into(), need, scope: String::new() });
            }
            if self.check_finite && !all_finite(gradient) {
                return Err(non_finite(param, gradient));
            }
        }
        Ok(())
    }

    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::scalar(self.steps as f64, DType::F64))];
        for (param, tensors) in self.params.iter().zip(&self.tensors) {
            for (name, tensor) in self.names.iter().zip(tensors) {
                state.push((format!("{name}.{}", param.name()), tensor.clone()));
            }
        }
        state
    }

    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), FormatProblem> {
        let own = self.state();
        if let Some((name, _)) = state.iter().find(|(name, _)| own.iter().all(|(known, _)| known != name)) {
            return Err(FormatProblem::Unknown { name: name.clone() });
        }
        let mut found = Vec::with_capacity(own.len());
        for (name, kept) in &own {
            let Some((_, tensor)) = state.iter().find(|(candidate, _)| candidate == name) else {
                return Err(FormatProblem::Missing { name: name.clone() });
            };
            if tensor.shape() != kept.shape() {
                let (expected, found) = (kept.shape().clone().into(), tensor.shape().clone().into());
                return Err(FormatProblem::Shape { name: name.clone(), expected, found });
            }
            found.push(tensor.cast(kept.dtype()));
        }
        let mut found = found.into_iter();
        let steps = found.next().map_or(0.0, |steps| steps.item());
        if steps < 0.0 || steps.fract() != 0.0 {
            return Err(FormatProblem::Other(format!("its entry `steps` is {steps}, which is no number of steps")));
        }
        self.steps = steps as u64;
        self.tensors.iter_mut().flatten().zip(found).for_each(|(kept, tensor)| *kept = tensor);
        Ok(())
    }
}

pub(super) fn setting(of: &str, name: &'static str, value: impl ToString, must: &'static str) -> Error {
    Error::Setting { of: of.into(), name, value: value.to_string(), must }
}

/// The error for a gradient that has failed [`all_finite`].
pub(super) fn non_finite(param: &Param, gradient: &Tensor) -> Error {
    let (index, value) = gradient.first_non_finite().unwrap_or((0, f64::NAN));
    Error::NonFinite { what: format!("the gradient of parameter `{}`", param.name()), index, value }
}

/// Whether no number is NaN or infinite; all are looked at, without a branch, which is faster than stopping at the first.
pub(super) fn all_finite(tensor: &Tensor) -> bool {
    dispatch!(tensor.dtype(), T => {
        let numbers = numbers::<T>(tensor);
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || numbers.iter().fold(true, |finite, x| finite & x.is_finite()),
        )
    })
}

/// The numbers of a tensor that has been converted to `T`.
pub(super) fn numbers<T: Element>(tensor: &Tensor) -> &[T] {
    tensor.as_slice().expect("the tensor was converted to this precision")
}

/// The numbers of a tensor that has been converted to `T`, for writing.
pub(super) fn numbers_mut<T: Element>(tensor: &mut Tensor) -> &mut [T] {
    tensor.as_mut_slice().expect("the tensor was converted to this precision")
}

/// The settings that all optimisers have, and the trait, for a struct with a field `slots` and a method `formula`.
macro_rules! optimizer {
    ($Name:ident) => {
        impl $Name {
            /// Sets weight decay.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) when it is negative or not finite.
            pub fn decay(mut self, decay: $crate::optim::Decay) -> $crate::Result<Self> {
                self.slots.set_decay(decay)?;
                Ok(self)
            }

            /// Whether a trainable parameter without a gradient is left as it is, instead of reported. Default: no.
            pub fn allow_unused(mut self, allow: bool) -> Self {
                self.slots.allow_unused = allow;
                self
            }

            /// Whether a step looks for NaN and infinities in the gradients first. Default: yes, since it costs little.
            pub fn check_finite(mut self, check: bool) -> Self {
                self.slots.check_finite = check;
                self
            }
        }

        impl $crate::optim::Optimizer for $Name {
            fn step(&mut self, gradients: &$crate::Gradients) -> $crate::Result<()> {
                let formula = self.formula();
                self.slots.step(gradients, formula)
            }
            fn rate(&self) -> f64 {
                self.slots.rate
            }
            fn set_rate(&mut self, rate: f64) -> $crate::Result<()> {
                self.slots.set_rate(rate)
            }
            fn params(&self) -> &[$crate::Param] {
                &self.slots.params
            }
            fn steps(&self) -> u64 {
                self.slots.steps
            }
            fn state(&self) -> Vec<(String, $crate::Tensor)> {
                self.slots.state()
            }
            fn load_state(&mut self, state: &[(String, $crate::Tensor)]) -> Result<(), $crate::FormatProblem> {
                self.slots.load_state(state)
            }
        }
    };
}
pub(super) use optimizer;

/// Runs a loop over one element of each tensor, compiled for the widest vectors of the machine:
/// `each!(T: w = weight, v = velocity; g = gradient; { *w -= ...; })` with the written tensors before the semicolon.
macro_rules! each {
    ($T:ident: $w:ident = $weight:expr $(, $v:ident = $state:expr)*; $g:ident = $gradient:expr; $body:block) => {{
        let $w = $crate::optim::slots::numbers_mut::<$T>($weight);
        $(let $v = $crate::optim::slots::numbers_mut::<$T>($state);)*
        let $g = $crate::optim::slots::numbers::<$T>($gradient);
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let count = $w.len();
                // Equal lengths, spelled out, let the compiler drop the bounds checks.
                let ($w, $g) = (&mut $w[..count], &$g[..count]);
                $(let $v = &mut $v[..count];)*
                for i in 0..count {
                    let ($w, $g) = (&mut $w[i], $g[i]);
                    $(let $v = &mut $v[i];)*
                    $body
                }
            },
        )
    }};
}
pub(super) use each;

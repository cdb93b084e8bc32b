//! Everything that can be checked, as functions of arguments.
//!
//! A layer, a closure and a hand-written [`Function`] all take the same form. The arguments of a layer are its inputs
//! and its parameters, which are [bound](Tape::bind) to the checked values, so that a layer that trains in single
//! precision is checked in double precision without being altered. Whatever a run changes (running statistics, or a
//! parameter) is put back before the next run.

use std::{panic::Location, sync::Arc};

use super::runner::Subject;
use crate::{Error, Function, Param, Tape, Tensor, Var, nn::Layer};

/// A function of tensors in tape algebra.
pub(super) struct Closure<F>(pub F);

impl<F: for<'t> Fn(&[Var<'t>]) -> Var<'t>> Subject for Closure<F> {
    fn outputs<'t>(&self, _: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        Ok(vec![self.0(arguments)])
    }
}

/// A function with a hand-written rule, and the line that requested the check.
pub(super) struct Ruled(pub Arc<dyn Function>, pub &'static Location<'static>);

impl Subject for Ruled {
    fn outputs<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        tape.apply_at(self.0.clone(), arguments, self.1)
    }
}

/// A function without its hand-written rule: what `forward` records.
pub(super) struct Unruled<'a>(pub &'a dyn Function);

impl Subject for Unruled<'_> {
    fn outputs<'t>(&self, _: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        Ok(self.0.forward(arguments))
    }
}

/// A function with some constant inputs: targets, masks.
pub(super) struct WithConstants<'a> {
    pub subject: Box<dyn Subject + 'a>,
    /// The constants with their places among the inputs, in order.
    pub constants: Vec<(usize, Tensor)>,
}

impl Subject for WithConstants<'_> {
    fn outputs<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        let mut all = arguments.to_vec();
        for (place, value) in &self.constants {
            all.insert(*place, tape.constant(value));
        }
        self.subject.outputs(tape, &all)
    }

    fn restore(&self) {
        self.subject.restore();
    }
}

/// A layer: its first arguments are the inputs, the others are its parameters.
pub(super) struct Layered<'a> {
    layer: &'a dyn Layer,
    pub params: Vec<Param>,
    /// Parameters and state as they were.
    before: Vec<(Param, Tensor)>,
}

impl<'a> Layered<'a> {
    pub fn new(layer: &'a dyn Layer) -> Self {
        let params = layer.params().into_iter().filter(Param::trainable).collect();
        let before = layer.tensors().into_iter().map(|p| (p.clone(), p.value())).collect();
        Layered { layer, params, before }
    }
}

impl Subject for Layered<'_> {
    fn outputs<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        let (inputs, values) = arguments.split_at(arguments.len() - self.params.len());
        for (param, &value) in self.params.iter().zip(values) {
            tape.bind(param, value)?;
        }
        Ok(self.layer.forward_all(inputs))
    }

    fn restore(&self) {
        for (param, value) in &self.before {
            param.update(|now| *now = value.clone());
        }
    }
}

impl Drop for Layered<'_> {
    fn drop(&mut self) {
        self.restore();
    }
}

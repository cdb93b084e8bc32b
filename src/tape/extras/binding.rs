//! Parameters in a recording: as leaves, or with a value that stands in for them.

use super::super::{Tape, Var};
use crate::{
    error::{Error, Result},
    param::Param,
};

impl Tape {
    /// Records a parameter once per recording, however often it is used: a trainable one as a leaf, a frozen one as a
    /// constant. So tied weights share a gradient.
    #[track_caller]
    pub fn watch(&self, param: &Param) -> Var<'_> {
        let known = self.list().notes.watched.iter().rev().find(|w| w.0 == param.id()).map(|w| w.1);
        if let Some(id) = known {
            return Var::new(self, id);
        }
        let var = if param.trainable() { self.leaf(param.value()) } else { self.constant(param.value()) };
        self.note(param, var);
        var
    }

    /// Lets `value` stand in for `param` in the rest of the recording: [`watch`](Tape::watch) then returns it. So a layer
    /// becomes a function of its parameters, which can be moved, shared or differentiated through, while the parameters
    /// themselves stay untouched.
    ///
    /// ```
    /// use wengert::{Param, Tape, Tensor};
    /// let weight = Param::new("weight", Tensor::from([1.0f64, 2.0]));
    /// let tape = Tape::f64();
    /// let step = tape.leaf(0.5);
    /// tape.bind(&weight, tape.constant([1.0, 2.0]) * step)?;
    /// let y = tape.watch(&weight).square().sum();
    /// assert_eq!(y.backward()?.wrt(step)?.item(), 5.0);              // d/ds (s² + 4s²)
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes differ; [`Error::DifferentTapes`] when `value` is on another tape.
    pub fn bind(&self, param: &Param, value: Var<'_>) -> Result<()> {
        self.same_tape("bind", &[value])?;
        let (own, other) = (param.shape(), value.shape());
        if own != other {
            let need = format!("what stands in for `{}` must have its shape", param.name());
            return Err(self.locate(Error::shape("bind", &[&own, &other], need)));
        }
        self.note(param, value);
        Ok(())
    }

    fn note(&self, param: &Param, value: Var<'_>) {
        let notes = &mut self.list_mut().notes;
        notes.watched.push((param.id(), value.id()));
        notes.names.give(value.id(), param.shared_name());
    }
}

/// What a gradient is asked with respect to: a value of the tape, or a parameter.
#[derive(Clone, Copy)]
pub enum Wrt<'a> {
    /// A value of the tape.
    Var(Var<'a>),
    /// A parameter.
    Param(&'a Param),
}

impl<'a> From<Var<'a>> for Wrt<'a> {
    fn from(x: Var<'a>) -> Self {
        Wrt::Var(x)
    }
}

impl<'a> From<&'a Param> for Wrt<'a> {
    fn from(param: &'a Param) -> Self {
        Wrt::Param(param)
    }
}

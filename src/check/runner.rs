//! How the checker runs and differentiates: always on fresh tapes, in double precision.
//!
//! Whatever is checked is a [`Subject`]: outputs computed from arguments. A [`Runner`] runs it with values for the
//! arguments and takes the gradient of L = Σ ⟨u, y⟩ with respect to each of them. User code may panic, or may be run on
//! inputs that do not suit it, so every run is caught.

use super::{
    caught::{Failure, caught},
    numbers::{dot, zeros},
};
use crate::{Error, Mode, Rule, Tape, Tensor, Var};

/// A function of arguments.
pub(super) trait Subject {
    /// The outputs, recorded on `tape`.
    fn outputs<'t>(&self, tape: &'t Tape, arguments: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error>;

    /// Puts back whatever a run changes.
    fn restore(&self) {}
}

/// A subject in a mode, to be run again and again.
#[derive(Clone, Copy)]
pub(super) struct Runner<'a> {
    pub subject: &'a dyn Subject,
    pub mode: Mode,
}

impl Runner<'_> {
    /// Runs the subject on a fresh tape, and passes arguments and outputs to `then`.
    pub fn run<R>(
        &self,
        at: &[Tensor],
        then: impl for<'t> FnOnce(&'t Tape, &[Var<'t>], &[Var<'t>]) -> Result<R, Error>,
    ) -> Result<R, Failure> {
        self.run_on(Tape::f64(), at, None, then)
    }

    /// [`run`](Runner::run) on a given tape, with one of the arguments a constant.
    pub fn run_on<R>(
        &self,
        tape: Tape,
        at: &[Tensor],
        constant: Option<usize>,
        then: impl for<'t> FnOnce(&'t Tape, &[Var<'t>], &[Var<'t>]) -> Result<R, Error>,
    ) -> Result<R, Failure> {
        self.subject.restore();
        tape.set_mode(self.mode);
        let enter = |(k, value)| if constant == Some(k) { tape.constant(value) } else { tape.leaf(value) };
        caught(|| -> Result<R, Error> {
            let arguments: Vec<Var<'_>> = at.iter().enumerate().map(enter).collect();
            let outputs = self.subject.outputs(&tape, &arguments)?;
            then(&tape, &arguments, &outputs)
        })?
        .map_err(Failure::from)
    }

    /// The outputs.
    pub fn values(&self, at: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        self.run(at, |_, _, outputs| Ok(values(outputs)))
    }

    /// L.
    pub fn weighted(&self, at: &[Tensor], upstream: &[Tensor]) -> Result<f64, Failure> {
        Ok(self.values(at)?.iter().zip(upstream).map(|(y, u)| dot(y, u)).sum())
    }

    /// The gradient of L with respect to each argument; `None` where the tape has no path.
    pub fn gradients(&self, at: &[Tensor], upstream: &[Tensor], rule: Rule) -> Result<Vec<Option<Tensor>>, Failure> {
        self.run(at, |tape, arguments, outputs| {
            tape.set_rule(rule);
            let Some(loss) = weighted(tape, outputs, upstream) else { return Ok(vec![None; arguments.len()]) };
            gradients_of(loss, arguments)
        })
    }

    /// The gradients with respect to all arguments except `constant`, and the number of operations needed to record
    /// them.
    pub fn partial(
        &self,
        at: &[Tensor],
        upstream: &[Tensor],
        constant: Option<usize>,
    ) -> Result<(usize, Vec<Option<Tensor>>), Failure> {
        self.run_on(Tape::f64(), at, constant, |tape, arguments, outputs| {
            let Some(loss) = weighted(tape, outputs, upstream) else { return Ok((0, vec![None; arguments.len()])) };
            let before = tape.len();
            let wanted: Vec<Var<'_>> = arguments.iter().copied().filter(|x| x.needs_grad()).collect();
            let mut found = tape.grad(loss, &wanted)?.into_iter();
            let operations = tape.len() - before;
            let of = |x: &Var<'_>| if x.needs_grad() { found.next().map(|g| g.value()) } else { None };
            Ok((operations, arguments.iter().map(of).collect()))
        })
    }
}

/// Runs `then` on a fresh tape whose leaves are `values`; `None` if it panics or finds nothing.
pub(super) fn attempt<'v, R>(
    values: impl IntoIterator<Item = &'v Tensor>,
    then: impl for<'t> FnOnce(&'t Tape, &[Var<'t>]) -> Option<R>,
) -> Option<R> {
    let run = || {
        let tape = Tape::f64();
        let leaves: Vec<Var<'_>> = values.into_iter().map(|value| tape.leaf(value)).collect();
        then(&tape, &leaves)
    };
    caught(run).ok().flatten()
}

/// The gradients, with zeros where there is none with respect to one of `x`.
pub(super) fn or_zeros<'v>(found: Vec<Option<Tensor>>, x: impl IntoIterator<Item = &'v Tensor>) -> Vec<Tensor> {
    found.into_iter().zip(x).map(|(gradient, x)| gradient.unwrap_or_else(|| zeros(x.shape()))).collect()
}

pub(super) fn values(all: &[Var<'_>]) -> Vec<Tensor> {
    all.iter().map(|v| v.value()).collect()
}

/// L, over the outputs through which a gradient flows.
pub(super) fn weighted<'t>(tape: &'t Tape, outputs: &[Var<'t>], upstream: &[Tensor]) -> Option<Var<'t>> {
    let terms = outputs.iter().zip(upstream).filter(|(y, _)| y.needs_grad());
    terms.map(|(&y, u)| (y * tape.constant(u)).sum()).reduce(|a, b| a + b)
}

/// The gradient of `loss` with respect to each of `x`; `None` where there is no path.
pub(super) fn gradients_of(loss: Var<'_>, x: &[Var<'_>]) -> Result<Vec<Option<Tensor>>, Error> {
    let gradients = loss.backward()?;
    Ok(x.iter().map(|&x| gradients.wrt(x).ok().cloned()).collect())
}

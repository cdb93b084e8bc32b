//! What went wrong with the numbers of a recording, and where.
//!
//! Two things go wrong. A number stops being finite: in the forward pass, so that the loss is lost; or in the backward
//! pass alone, where an infinite slope meets a 0. And a number stays finite but loses its digits, because an operation
//! multiplies the rounding errors of its inputs. Both are found *after* the fact, by reading what the tape has kept, so a
//! recording that nobody asks about pays nothing.
//!
//! How many digits an operation loses is told by its condition (Higham, *Accuracy and Stability of Numerical
//! Algorithms*, 2002, chapter 1), or measured where a better formula is known: see [`conditioning`] and [`formula`].

mod advice;
mod conditioning;
mod eigenvalues;
mod formula;
mod sentence;

use super::{Cause, NonFinite, Operand, Step, Why};
use crate::{
    error::{Error, Result},
    tape::{Tape, Var},
    tensor::DType,
};

/// What [`Var::detect_anomalies`] and [`Tape::detect_anomalies`] found. Printed, it is a line for each finding, in the
/// order in which they arose (of the gradient only if the loss is finite), or says that there is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Anomalies {
    /// The loss, if it was asked about and is not finite.
    pub loss: Option<f64>,
    /// Where numbers of the forward pass first were not finite: those that the loss is computed from, if the loss is not
    /// finite; else any.
    pub forward: Option<NonFinite>,
    /// What the number of [`forward`](Anomalies::forward) is in double precision, if only single precision cannot hold it.
    pub forward_in_double: Option<f64>,
    /// Where gradients first were not finite on the way from the loss.
    pub backward: Option<Why>,
    /// What the number of [`backward`](Anomalies::backward) is in double precision, if only single precision cannot hold
    /// it.
    pub backward_in_double: Option<f64>,
    /// The operations that lose digits, in the order of the recording, without that of [`backward`](Anomalies::backward).
    pub warnings: Vec<Warning>,
}

/// An operation that loses digits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// The operation.
    pub at: Step,
    /// How the digits are lost.
    pub loss: Loss,
    /// The element that loses most, an entry for each axis.
    pub index: Vec<usize>,
    /// How many elements lose too many.
    pub count: usize,
    /// The number of elements.
    pub of: usize,
    /// What the element was computed from.
    pub operands: Vec<Operand>,
    /// The element.
    pub value: f64,
    /// How many decimal digits are lost, of those that the precision of the tape has (7.2 or 15.7).
    pub digits: f64,
    /// What to write in its place.
    pub instead: &'static str,
}

/// How an operation loses digits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// Its slope multiplies rounding errors, in the value and in the gradient.
    Slope(f64),
    /// It subtracts numbers that are nearly equal.
    Cancellation,
    /// A formula that rounds away what another keeps: the value by that other one.
    Formula(f64),
    /// It has vectors of eigenvalues or singular values with this relative distance.
    Eigenvalues(f64),
}

impl Anomalies {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.loss.is_none() && self.forward.is_none() && self.backward.is_none() && self.warnings.is_empty()
    }
}

impl Tape {
    /// Looks for numbers that are not finite and for operations that lose digits in what is recorded so far. Of a loss,
    /// [`Var::detect_anomalies`] tells more.
    ///
    /// It reads the recording, which is the same with and without it: a tape that is never asked has no cost. Asked, it
    /// costs about as much as a few forward passes in double precision.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let p = tape.leaf([1e-6, 0.2]);
    /// let _ = (p + 1.0).ln();
    /// let found = tape.detect_anomalies()?;
    /// assert_eq!(found.warnings[0].instead, "`x.ln_1p()`");
    /// println!("{found}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tape::in_precision`], for a tape in single precision with a number that is not finite.
    pub fn detect_anomalies(&self) -> Result<Anomalies> {
        let forward = self.first_non_finite();
        let double = self.in_double(forward.is_some())?;
        let forward_in_double = forward.as_ref().and_then(|origin| in_double(double.as_ref()?, origin));
        let warnings = conditioning::warnings(self, &vec![true; self.len()]);
        Ok(Anomalies { loss: None, forward, forward_in_double, backward: None, backward_in_double: None, warnings })
    }

    /// The recording in double precision, if that is another.
    fn in_double(&self, wanted: bool) -> Result<Option<Tape>> {
        (wanted && self.dtype() == DType::F32).then(|| self.in_precision(DType::F64)).transpose()
    }
}

impl Var<'_> {
    /// Looks for what went wrong with the numbers of this loss: where the forward pass, the loss or the backward pass
    /// first was not finite, and which operations that it is computed from lose digits; each with the operation, the
    /// element, the operands, the layer and the line, and with what to write in its place.
    ///
    /// A slope counts as too steep, and a formula as too coarse, where half of the digits are lost: rounding errors are
    /// multiplied by more than ¼ ε^(−½), with the ε of the tape's [precision](DType::epsilon), that is 724 in single
    /// precision and 1.7·10⁷ in double. A subtraction is reported where most of its elements have fewer than two digits
    /// left.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([4.0, 0.0]).named("x");
    /// let loss = (x.sqrt() * tape.constant([1.0, 0.0])).sum();      // 0 times an infinite slope
    /// let found = loss.detect_anomalies()?;
    /// assert!(found.loss.is_none() && found.forward.is_none());
    /// let text = found.backward.expect("the gradient is NaN").to_string();
    /// assert!(text.ends_with("hands on NaN at index [1] for its own gradient 0.0 (0 times infinity); its input is 0.0"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// It differentiates once more, with every gradient kept, and leaves the recording as it is.
    ///
    /// # Errors
    /// [`Error::NotScalar`] when this is not one number; the errors of [`backward`](Var::backward) and of
    /// [`Tape::in_precision`].
    pub fn detect_anomalies(self) -> Result<Anomalies> {
        let shape = self.shape();
        if shape.numel() != 1 {
            return Err(Error::NotScalar { shape });
        }
        let (tape, value) = (self.tape(), self.item());
        let part = ancestors(self);
        let loss = Some(value).filter(|value| !value.is_finite());
        let forward = match loss {
            Some(_) => tape.first_non_finite_where(|node| part.get(node).is_some_and(|part| *part)),
            None => tape.first_non_finite(),
        };
        let backward = super::why::first_non_finite_gradient(self)?;
        let double = tape.in_double(forward.is_some() || backward.is_some())?;
        let forward_in_double = forward.as_ref().and_then(|origin| in_double(double.as_ref()?, origin));
        let backward_in_double = match (&backward, &double) {
            (Some(why), Some(double)) => gradient_in_double(double.var(self.index()), why)?,
            _ => None,
        };
        let mut warnings = conditioning::warnings(tape, &part);
        if let Some(Cause::NotFinite { by, .. }) = backward.as_ref().map(|why| &why.cause) {
            warnings.retain(|warning| warning.at.node != by.node);
        }
        Ok(Anomalies { loss, forward, forward_in_double, backward, backward_in_double, warnings })
    }
}

/// What a value is computed from, itself included, by position.
fn ancestors(y: Var<'_>) -> Vec<bool> {
    let list = y.tape().list();
    let mut part = vec![false; list.nodes.len()];
    part[y.index()] = true;
    for id in (0..=y.index()).rev() {
        if part[id] {
            list.nodes[id].inputs.iter().for_each(|&input| part[input as usize] = true);
        }
    }
    part
}

/// The same number of the recording in double precision, if it is finite there.
fn in_double(double: &Tape, origin: &NonFinite) -> Option<f64> {
    Some(double.var(origin.node).value().at(&origin.index)).filter(|value| value.is_finite())
}

/// The same number of a gradient in double precision, if it is finite there.
fn gradient_in_double(loss: Var<'_>, why: &Why) -> Result<Option<f64>> {
    let Cause::NotFinite { index, .. } = &why.cause else { return Ok(None) };
    let gradients = loss.adjoints()?;
    let number = gradients.get(why.of.node).and_then(|dx| Some(dx.as_ref()?.at(index)));
    Ok(number.filter(|number| number.is_finite()))
}

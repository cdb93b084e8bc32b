//! Plots of a function written in tape algebra: its values and the tape's derivative, from one closure.
//!
//! Let y = f(x) be elementwise. The Jacobian ∂yᵢ/∂xⱼ is then diagonal, and the vector-Jacobian product
//! with 1 at every place is the derivative at every place: Σᵢ 1 · ∂yᵢ/∂xⱼ = f′(xⱼ). So one forward and one backward
//! pass give both panels of the figure.

use super::{Curve, Figure, curve::sampled, curves};
use crate::{DType, Error, Result, Tape, Tensor, Var};

impl Curve {
    /// An elementwise function of a [`Var`] at 521 equally spaced places from `low` to `high`, in double precision,
    /// with the tape's derivative.
    ///
    /// Add [`manual`](Curve::manual) to see a derivative by hand beside it.
    ///
    /// ```
    /// use wengert::plot::{Curve, curves};
    /// let tanh = Curve::of("tanh", -4.0, 4.0, |x| x.tanh())?.manual(|x| 1.0 - x.tanh().powi(2));
    /// # let folder = tempfile::tempdir().unwrap();
    /// curves("tanh with its derivative", &[tanh]).save(folder.path().join("tanh"))?;
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] unless `low < high` and both are finite, [`Error::Shape`] when `f` does not give one number for
    /// each place, [`Error::NoGradient`] when no gradient flows through it.
    pub fn of(
        label: impl Into<String>,
        low: f64,
        high: f64,
        f: impl for<'t> FnOnce(Var<'t>) -> Var<'t>,
    ) -> Result<Curve> {
        let (label, x) = sampled(label, low, high)?;
        let tape = Tape::f64();
        let x = tape.leaf(Tensor::from(x));
        let y = f(x);
        if y.shape() != x.shape() {
            let need = "a function that is plotted must give one number for each place";
            return Err(Error::shape("plot", &[&x.shape(), &y.shape()], need));
        }
        let dx = y.vjp(&Tensor::ones(y.shape(), DType::F64))?;
        Ok(Curve::new(label, x.value().to_vec(), y.value().to_vec()).tape_values(dx.wrt(x)?.to_vec()))
    }
}

/// An elementwise function of a [`Var`] from `low` to `high`, with the tape's derivative below it, in one call.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// wengert::plot::function("Mish", -5.0, 5.0, |x| x * x.softplus().tanh())?.save(folder.path().join("mish"))?;
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`Curve::of`].
pub fn function(title: &str, low: f64, high: f64, f: impl for<'t> FnOnce(Var<'t>) -> Var<'t>) -> Result<Figure> {
    Ok(curves(title, &[Curve::of(title, low, high, f)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::places;

    #[test]
    fn values_and_derivative_are_those_of_the_function() {
        let square = Curve::of("x²", -2.0, 2.0, |x| x * x).unwrap();
        let by_hand = Curve::sample("x²", -2.0, 2.0, |x| x * x)
            .unwrap()
            .tape_values(places(-2.0, 2.0).iter().map(|x| 2.0 * x).collect::<Vec<_>>());
        assert_eq!(format!("{square:?}"), format!("{by_hand:?}"));
        assert!(function("x²", -2.0, 2.0, |x| x * x).unwrap().svg().unwrap().contains("f′(x)"));
    }

    #[test]
    fn functions_that_cannot_be_plotted_are_refused() {
        let message = Curve::of("total", 0.0, 1.0, |x| x.sum()).unwrap_err().to_string();
        assert!(message.contains("a function that is plotted must give one number for each place"), "{message}");
        assert!(message.contains("[521]"), "{message}");
        let step = Curve::of("step", -1.0, 1.0, |x| x.gt(0.0)).unwrap_err();
        assert!(matches!(step, Error::NoGradient { .. }), "{step}");
    }
}

//! Gradient clipping: gradients kept in bounds before a step.

use super::elements::{HELP, all_finite, non_finite, numbers};
use crate::{Element, Error, Gradients, Param, Result, dispatch};

/// Scales all gradients by one factor, so that the Euclidean norm of those of `params` together is at most `limit`, and
/// returns the norm that they had (Pascanu et al., arXiv 1211.5063).
///
/// A parameter without a gradient counts as 0. Gradients of other leaves and of retained nodes are scaled too, as if
/// the loss had been multiplied by the factor. The sum is computed in double precision, always in the same order.
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, optim::clip_norm};
/// let w = Param::new("w", Tensor::ones([2], DType::F64));
/// let tape = Tape::f64();
/// let mut gradients = (tape.watch(&w) * tape.constant([30.0, 40.0])).sum().backward()?;
/// assert_eq!(clip_norm(&mut gradients, &[w.clone()], 5.0)?, 50.0);
/// assert_eq!(gradients.wrt(&w)?.to_vec(), [3.0, 4.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] unless `limit` is positive; [`Error::NonFinite`] for a gradient with a NaN or an infinity, and
/// where the norm overflows. Then nothing is changed.
pub fn clip_norm(gradients: &mut Gradients, params: &[Param], limit: f64) -> Result<f64> {
    positive("clip_norm", limit)?;
    let mut squares = 0.0;
    for (index, param) in params.iter().enumerate() {
        let seen = params[..index].iter().any(|earlier| earlier.same(param));
        let Some(gradient) = gradients.wrt(param).ok().filter(|_| !seen) else { continue };
        if !all_finite(gradient) {
            return Err(non_finite(param, gradient));
        }
        squares += dispatch!(gradient.dtype(), T => sum_of_squares::<T>(numbers(gradient)));
    }
    let norm = squares.sqrt();
    if norm.is_infinite() {
        return Err(Error::non_finite("the norm of all gradients", 0, norm).help(HELP));
    }
    if norm > limit {
        gradients.scale(limit / norm);
    }
    Ok(norm)
}

/// Clamps every number of every gradient to [−`limit`, `limit`]. NaN stays NaN, for the optimizer to report.
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, optim::clip_value};
/// let w = Param::new("w", Tensor::ones([2], DType::F64));
/// let tape = Tape::f64();
/// let mut gradients = (tape.watch(&w) * tape.constant([-30.0, 4.0])).sum().backward()?;
/// clip_value(&mut gradients, 5.0)?;
/// assert_eq!(gradients.wrt(&w)?.to_vec(), [-5.0, 4.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] unless `limit` is positive.
pub fn clip_value(gradients: &mut Gradients, limit: f64) -> Result<()> {
    positive("clip_value", limit)?;
    gradients.clamp(limit);
    Ok(())
}

/// Σ x², as sixteen running sums that do not wait for each other.
fn sum_of_squares<T: Element + Into<f64>>(numbers: &[T]) -> f64 {
    let mut sums = [0.0; 16];
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for chunk in numbers.chunks(sums.len()) {
                for (sum, &x) in sums.iter_mut().zip(chunk) {
                    let x: f64 = x.into();
                    *sum += x * x;
                }
            }
        },
    );
    sums.iter().sum()
}

fn positive(of: &str, limit: f64) -> Result<()> {
    match limit > 0.0 {
        true => Ok(()),
        false => Err(Error::setting(of, "limit", limit, "positive")),
    }
}

//! Running products and logarithms of running sums.
//!
//! Both are *scans* by doubling (Hillis and Steele, 1986): after the step with distance 1, 2, 4, .. each entry combines
//! the last 2, 4, 8, .. entries up to its own. Nothing is divided or subtracted, so the gradient of a product is
//! correct at factors of 0, and no sum of exponentials overflows.

use super::composition::composition;
use crate::{error::Result, ops::sample::Sample, tape::Var};

/// Every entry along `axis` combined with all before it, by an associative operation.
#[track_caller]
fn scan<'t>(x: Var<'t>, axis: usize, combine: impl Fn(Var<'t>, Var<'t>) -> Result<Var<'t>>) -> Result<Var<'t>> {
    let (len, along) = (x.shape()[axis], axis as isize);
    let (mut y, mut distance) = (x, 1);
    while distance < len {
        let both = combine(y.try_narrow(along, 0, len - distance)?, y.try_narrow(along, distance, len - distance)?)?;
        y = Var::try_concat(&[y.try_narrow(along, 0, distance)?, both], along)?;
        distance *= 2;
    }
    Ok(y)
}

composition!(
    /// Running products along an axis: entry i is the product of the entries up to and including i.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([2.0, 0.0, 3.0]);
    /// assert_eq!(x.cumprod(0).value().to_vec(), [2.0, 0.0, 0.0]);
    /// assert_eq!(x.cumprod(0).sum().backward()?.wrt(x)?.to_vec(), [1.0, 8.0, 0.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[or_panic(cumprod)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
    pub fn try_cumprod(self, axis: isize) -> Result<Var<'t>> {
        scan(self, self.axis("cumprod", axis)?, |a, b| a.try_mul(b))
    },
    [Sample::unary("cumprod", [2, 5], |x| x.cumprod(1))]
);

composition!(
    /// ln Σ eˣ over the entries up to and including each along an axis, without overflow.
    #[or_panic(logcumsumexp)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
    pub fn try_logcumsumexp(self, axis: isize) -> Result<Var<'t>> {
        scan(self, self.axis("logcumsumexp", axis)?, |a, b| a.try_logaddexp(b))
    },
    [Sample::unary("logcumsumexp", [5, 2], |x| x.logcumsumexp(0))]
);

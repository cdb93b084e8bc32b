//! Logarithms of sums and products that neither overflow nor give 0 · ∞.

use super::composition::composition;
use crate::{
    error::Result,
    ops::sample::{Sample, numbers},
    tape::Var,
};

/// The error of shapes that do not broadcast, in the name of `op`.
fn broadcast(op: &str, a: Var<'_>, b: Var<'_>) -> Result<()> {
    let (first, second) = (a.shape(), b.shape());
    match first.broadcast(&second) {
        Some(_) => Ok(()),
        None => Err(a.shape_error(op, &[&first, &second], "aligned at the last axis, sizes must be equal or 1")),
    }
}

composition!(
    /// x ln y, and 0 where x = 0, even for y = 0: the term of an entropy. Where x = 0, no gradient flows.
    #[or_panic(xlogy)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
    pub fn try_xlogy(self, y: Var<'t>) -> Result<Var<'t>> {
        broadcast("xlogy", self, y)?;
        let zero = self.eq(0.0);
        zero.try_select(0.0, self.try_mul(zero.try_select(1.0, y)?.ln())?)
    },
    [Sample::new("xlogy", vec![numbers([2, 3], -2.0, 2.0, 1), numbers([3], 0.3, 2.0, 2)], |x| x[0].xlogy(x[1]))]
);

composition!(
    /// ln(eᵃ + eᵇ), without overflow: a + ln(1 + e^(b − a)) where a is the larger, and the other way round.
    #[or_panic(logaddexp)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
    pub fn try_logaddexp(self, other: Var<'t>) -> Result<Var<'t>> {
        broadcast("logaddexp", self, other)?;
        // Of equal infinities there is no difference: the logarithm of their sum is themselves, and they share its gradient.
        let infinite = self.eq(other) * self.abs().eq(f64::INFINITY);
        let apart = infinite.select(0.0, self - other);
        // Both forms are right everywhere, but the one that starts from the smaller operand may be −∞ + ∞.
        let either = apart.lt(0.0).select(other + apart.softplus(), self + (-apart).softplus());
        infinite.try_select((self + other) * 0.5, either)
    },
    [Sample::new("logaddexp", vec![numbers([2, 3], -2.0, 2.0, 1), numbers([3], -2.0, 2.0, 2)], |x| {
        x[0].logaddexp(x[1])
    })]
);

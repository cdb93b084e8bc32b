//! Standard deviation, norms and product along axes, from sums and movements.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    kernels::Real,
    ops::{
        reduce::resolve,
        sample::{Sample, large},
    },
    tape::Var,
    tensor::{DType, Tensor},
};

composition!(
    /// The Euclidean norm √Σx². Its subgradient at 0 is 0.
    #[over_all(norm)]
    #[or_panic(norm_axes)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for one
    /// named twice.
    pub fn try_norm_axes(self, axes, keepdim) -> Result<Var<'t>> {
        resolve("norm", self, axes)?;
        let squares = (self * self).try_sum_axes(axes, keepdim)?;
        if let Some(scale) = comparable(self, squares, axes)? {
            let scaled = (self / scale).square().try_sum_axes(axes, true)?;
            return (root(scaled) * scale).try_reshape(squares.shape());
        }
        Ok(root(squares))
    },
    [
        Sample::unary("norm of axis 1", [3, 4], |x| x.norm_axes(&[1], true)),
        Sample::unary("norm of large numbers", [3, 4], |x| (x * large(x)).norm_axes(&[0], false) / large(x)),
    ]
);

/// √x, with slope 0 at 0.
#[track_caller]
fn root(x: Var<'_>) -> Var<'_> {
    let zero = x.eq(0.0);
    // The square root has an infinite slope at 0; there it is taken of 1 instead, and not used.
    zero.select(0.0, zero.select(1.0, x).sqrt())
}

/// The least sum of squares that has lost no digits to underflow.
fn least(dtype: DType) -> f64 {
    crate::dispatch!(dtype, T => (T::MIN_POSITIVE / (T::EPSILON * T::EPSILON)).to_f64())
}

/// Where some sum of squares has overflowed or lost digits to underflow, a constant for each line along `axes`: the largest
/// size if it is such a line, so that the squares of quotients by it are in the range, and 1 elsewhere.
#[track_caller]
fn comparable<'t>(x: Var<'t>, squares: Var<'t>, axes: &[isize]) -> Result<Option<Var<'t>>> {
    let least = least(x.dtype());
    let any = |x: &Tensor, outside: fn(f64, f64) -> bool| crate::dispatch!(x.dtype(), T => x.data::<T>().iter().any(|&x| outside(x.to_f64(), least)));
    if x.shape().numel() == 0 || !any(&squares.value(), |sum, least| sum < least || sum == f64::INFINITY) {
        return Ok(None);
    }
    let largest = x.detach().abs().try_amax_axes(axes, true)?;
    let squares = squares.detach().try_reshape(largest.shape())?;
    let outside = (squares.lt(least) + squares.eq(f64::INFINITY)) * largest.gt(0.0) * largest.lt(f64::INFINITY);
    // Of lines of zeros nothing was lost.
    let lost = any(&outside.value(), |outside, _| outside != 0.0);
    Ok(if lost { Some(outside.select(largest, 1.0)) } else { None })
}

composition!(
    /// The standard deviation: the square root of [`var`](Var::var) with the same `correction`. Its subgradient where
    /// all numbers are equal is 0, as in PyTorch.
    #[over_all(std)]
    #[or_panic(std_axes)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for one
    /// named twice.
    pub fn try_std_axes(self, axes, [correction: usize], keepdim) -> Result<Var<'t>> {
        resolve("std", self, axes)?;
        let variance = self.try_var_axes(axes, correction, keepdim)?;
        let zero = variance.eq(0.0);
        Ok(zero.select(0.0, zero.select(1.0, variance).sqrt()))
    },
    [Sample::unary("std of axis 0", [4, 3], |x| x.std_axes(&[0], 1, false))]
);

composition!(
    /// The p-norm (Σ|x|ᵖ)^(1/p): for p = 0 the number of entries that are not 0, for p = ∞ the largest size, for p = −∞
    /// the smallest. Its subgradient where all entries are 0 is 0. For p < 1, and p ≠ 0, an entry of 0 has an infinite
    /// slope.
    #[over_all(p_norm)]
    #[or_panic(p_norm_axes)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Setting`](crate::Error::Setting)
    /// for a p that is NaN, [`Error::Shape`](crate::Error::Shape) for an extreme of nothing.
    pub fn try_p_norm_axes(self, axes, [p: f64], keepdim) -> Result<Var<'t>> {
        resolve("p_norm", self, axes)?;
        let size = self.abs();
        match p {
            0.0 => self.ne(0.0).try_sum_axes(axes, keepdim),
            1.0 => size.try_sum_axes(axes, keepdim),
            2.0 => self.try_norm_axes(axes, keepdim),
            f64::INFINITY => size.try_amax_axes(axes, keepdim),
            f64::NEG_INFINITY => size.try_amin_axes(axes, keepdim),
            p if p.is_nan() => Err(Error::setting("p_norm", "p", p, "a number or infinite")),
            p => {
                let powers = size.pow(p).try_sum_axes(axes, keepdim)?;
                let zero = powers.eq(0.0);
                // The root has an infinite slope at 0; there it is taken of 1 instead, and not used.
                Ok(zero.select(0.0, zero.select(1.0, powers).pow(1.0 / p)))
            }
        }
    },
    [
        Sample::unary("p_norm, p = 3", [3, 4], |x| x.p_norm_axes(&[1], 3.0, false)),
        Sample::unary("p_norm, p = infinity", [3, 4], |x| x.p_norm_axes(&[0], f64::INFINITY, true)),
    ]
);

composition!(
    /// The product, 1 where there is nothing to multiply. The gradient is correct even if factors are 0:
    /// halves are multiplied with each other, and nothing is divided.
    #[over_all(prod)]
    #[or_panic(prod_axes)]
    /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist, [`Error::Shape`](crate::Error::Shape) for one
    /// named twice.
    pub fn try_prod_axes(self, axes, keepdim) -> Result<Var<'t>> {
        let shape = self.shape();
        let _line = self.tape().at_caller();
        let axes = resolve("prod", self, axes)?;
        let product = axes.iter().try_fold(self, |x, &axis| multiply_along(x, axis))?;
        product.try_reshape(shape.reduced(&axes, keepdim))
    },
    [
        Sample::unary("prod of axis 1", [2, 5], |x| x.prod_axes(&[1], false)),
        Sample::unary("prod of axes 0 and 2, kept", [2, 2, 3], |x| x.prod_axes(&[0, 2], true)),
    ]
);

/// The product along one axis, which keeps size 1.
fn multiply_along<'t>(x: Var<'t>, axis: usize) -> Result<Var<'t>> {
    let shape = x.shape();
    let (len, along) = (shape[axis], axis as isize);
    if len == 0 {
        return Ok(x.tape().constant(Tensor::ones(shape.reduced(&[axis], true), x.dtype())));
    }
    if len == 1 {
        return Ok(x);
    }
    let half = len / 2;
    let both = multiply_along(x.try_narrow(along, 0, half)? * x.try_narrow(along, half, half)?, axis)?;
    if len % 2 == 0 { Ok(both) } else { Ok(both * x.try_narrow(along, len - 1, 1)?) }
}

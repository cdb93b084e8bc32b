//! The two number types that a tensor can hold, and the functions of them that the kernels are built from.
//!
//! Everything here is branch-free where a loop over it should vectorize: the exponential family and the logarithms in
//! both precisions, the inverse circular functions too, the circular and the error function in `f32` (all in [`math`]). In
//! `f64` the circular functions and erfinv have loops of their own ([`double`]). The inverse hyperbolic functions, 2ˣ and log₂ x are
//! computed in `f64` for either precision, as are the special functions ([`special`]), one call per element; so are the error
//! function in `f64` and powers.

use super::{
    math::{self, double, single},
    transpose,
    vector::HasVectors,
};
use std::{fmt, iter::Sum, ops};

/// `f32` or `f64`, as the kernels see them.
pub trait Real:
    Copy
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + fmt::Debug
    + fmt::Display
    + Sum
    + ops::Add<Output = Self>
    + ops::Sub<Output = Self>
    + ops::Mul<Output = Self>
    + ops::Div<Output = Self>
    + ops::Neg<Output = Self>
    + ops::AddAssign
    + ops::SubAssign
    + ops::MulAssign
    + HasVectors
{
    /// The number 0.
    const ZERO: Self;
    /// The number 1.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// The smallest positive number that is not subnormal.
    const SMALLEST: Self;

    /// The nearest number of this type.
    fn of(x: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// Neither NaN nor infinite.
    fn finite(self) -> bool;
    /// Whether it is NaN.
    fn nan(self) -> bool;
    /// Whether it is the zero with a sign.
    fn negative_zero(self) -> bool;
    /// `a` if `condition`, else `b`, without a branch.
    fn pick(condition: bool, a: Self, b: Self) -> Self;
    /// The larger of the two; NaN if either is NaN.
    fn larger(self, other: Self) -> Self;
    /// The smaller of the two; NaN if either is NaN.
    fn smaller(self, other: Self) -> Self;
    /// `self` to the power `p`.
    fn power(self, p: Self) -> Self;
    /// The angle of the point (`x` = other, `y` = self).
    fn arctan2(self, x: Self) -> Self;

    /// |x|.
    fn magnitude(self) -> Self;
    /// -1, 0 or 1 (NaN stays NaN).
    fn sign(self) -> Self;
    /// The largest integer not above x.
    fn round_down(self) -> Self;
    /// The smallest integer not below x.
    fn round_up(self) -> Self;
    /// The nearest integer, halves to even.
    fn round_even(self) -> Self;
    /// √x.
    fn root(self) -> Self;
    /// eˣ.
    fn exp_(self) -> Self;
    /// eˣ − 1, accurate near 0.
    fn exp_m1_(self) -> Self;
    /// ln x.
    fn ln_(self) -> Self;
    /// ln(1 + x), accurate near 0.
    fn ln_1p_(self) -> Self;
    /// sin x.
    fn sin_(self) -> Self;
    /// cos x.
    fn cos_(self) -> Self;
    /// tan x.
    fn tan_(self) -> Self;
    /// arcsin x.
    fn asin_(self) -> Self;
    /// arccos x.
    fn acos_(self) -> Self;
    /// arctan x.
    fn atan_(self) -> Self;
    /// sinh x.
    fn sinh_(self) -> Self;
    /// cosh x.
    fn cosh_(self) -> Self;
    /// tanh x.
    fn tanh_(self) -> Self;
    /// 1 / (1 + e⁻ˣ), without overflow.
    fn sigmoid_(self) -> Self;
    /// The logarithm to base 10.
    fn log10_(self) -> Self;
    /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
    fn erf_(self) -> Self;
    /// The normal distribution function Φ.
    fn normal_cdf_(self) -> Self;
    /// b / (a² + b²) for a = self, without overflow.
    fn atan2_slope_(self, b: Self) -> Self;

    /// [`turn`](transpose::turn) for as many numbers of each row as fill whole squares, and how many those are.
    fn turn_squares(rows: [&[Self]; transpose::ROWS], to: &mut [Self], stride: usize) -> usize;
    /// [`turn_lines`](transpose::turn_lines) for 16 lanes, if there is a way of its own.
    fn turn_sixteen(x: &[Self], terms: usize, to: &mut [Self]) -> bool;
    /// [`turn_apart`](transpose::turn_apart), if there is a way of its own.
    fn turn_apart(x: &[Self], sizes: [usize; 2], to: &mut [Self], stride: usize) -> bool;

    /// A function that is computed in double precision.
    #[inline(always)]
    fn by(self, function: impl Fn(f64) -> f64) -> Self {
        Self::of(function(self.to_f64()))
    }
    /// The inverse of the error function.
    #[inline(always)]
    fn erfinv_(self) -> Self {
        self.by(double::erfinv)
    }
    /// arsinh x.
    #[inline(always)]
    fn asinh_(self) -> Self {
        self.by(math::asinh)
    }
    /// arcosh x.
    #[inline(always)]
    fn acosh_(self) -> Self {
        self.by(math::acosh)
    }
    /// artanh x.
    #[inline(always)]
    fn atanh_(self) -> Self {
        self.by(math::atanh)
    }
    /// The logarithm to base 2.
    #[inline(always)]
    fn log2_(self) -> Self {
        self.by(math::log2)
    }
    /// 2ˣ.
    #[inline(always)]
    fn exp2_(self) -> Self {
        self.by(math::exp2)
    }
    /// The `order`-th derivative of ψ, the derivative of ln Γ.
    #[inline(always)]
    fn polygamma_(self, order: Self) -> Self {
        self.by(|x| double::polygamma(x, order.to_f64()))
    }
}

macro_rules! real {
    ($T:ident { $($fast:tt)* }) => {
        impl Real for $T {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $T::EPSILON;
            const INFINITY: Self = $T::INFINITY;
            const SMALLEST: Self = $T::MIN_POSITIVE;
            #[inline(always)]
            fn of(x: f64) -> Self { x as $T }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn finite(self) -> bool { self.is_finite() }
            #[inline(always)]
            fn nan(self) -> bool { self.is_nan() }
            #[inline(always)]
            fn negative_zero(self) -> bool { self.to_bits() == (-0.0 as Self).to_bits() }
            #[inline(always)]
            fn pick(condition: bool, a: Self, b: Self) -> Self { if condition { a } else { b } }
            #[inline(always)]
            fn larger(self, other: Self) -> Self { if self > other || self.is_nan() { self } else { other } }
            #[inline(always)]
            fn smaller(self, other: Self) -> Self { if self < other || self.is_nan() { self } else { other } }
            #[inline(always)]
            fn power(self, p: Self) -> Self { self.powf(p) }
            #[inline(always)]
            fn atan2_slope_(self, b: Self) -> Self { math::atan2_slope(self, b) }
            #[inline(always)]
            fn magnitude(self) -> Self { self.abs() }
            #[inline(always)]
            fn sign(self) -> Self { if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { self + 0.0 } }
            #[inline(always)]
            fn round_down(self) -> Self { self.floor() }
            #[inline(always)]
            fn round_up(self) -> Self { self.ceil() }
            #[inline(always)]
            fn round_even(self) -> Self { self.round_ties_even() }
            #[inline(always)]
            fn root(self) -> Self { self.sqrt() }
            $($fast)*
        }
    };
}

/// One forwarding method per line: `name => path of the function`.
macro_rules! forward {
    ($($method:ident => $function:path;)*) => {
        $(#[inline(always)] fn $method(self) -> Self { $function(self) })*
    };
}

real!(f64 {
    forward! {
        exp_ => math::exp; exp_m1_ => math::exp_m1; ln_ => math::ln; ln_1p_ => math::ln_1p;
        sin_ => double::sin; cos_ => double::cos; tan_ => double::tan;
        asin_ => math::asin; acos_ => math::acos; atan_ => math::atan;
        sinh_ => math::sinh; cosh_ => math::cosh; tanh_ => math::tanh;
        sigmoid_ => math::sigmoid; erf_ => libm::erf; normal_cdf_ => math::cdf_double;
        log10_ => libm::log10;
    }
    #[inline(always)]
    fn arctan2(self, x: f64) -> f64 {
        math::atan2(self, x)
    }
    #[inline(always)]
    fn turn_squares(rows: [&[f64]; transpose::ROWS], to: &mut [f64], stride: usize) -> usize {
        transpose::squares(rows, to, stride)
    }
    #[inline(always)]
    fn turn_sixteen(_: &[f64], _: usize, _: &mut [f64]) -> bool {
        false
    }
    #[inline(always)]
    fn turn_apart(_: &[f64], _: [usize; 2], _: &mut [f64], _: usize) -> bool {
        false
    }
});

real!(f32 {
    forward! {
        exp_ => math::exp; exp_m1_ => math::exp_m1; ln_ => math::ln; ln_1p_ => math::ln_1p;
        sin_ => single::sin; cos_ => single::cos; tan_ => single::tan;
        asin_ => math::asin; acos_ => math::acos; atan_ => math::atan;
        sinh_ => math::sinh; cosh_ => math::cosh; tanh_ => math::tanh;
        sigmoid_ => math::sigmoid; erf_ => single::erf; normal_cdf_ => math::cdf_single;
    }
    #[inline(always)]
    fn arctan2(self, x: f32) -> f32 {
        math::atan2_single(self, x)
    }
    #[inline(always)]
    fn log10_(self) -> f32 {
        self.by(math::log10)
    }
    #[inline(always)]
    fn turn_squares(rows: [&[f32]; transpose::ROWS], to: &mut [f32], stride: usize) -> usize {
        transpose::squares_of_f32(rows, to, stride)
    }
    #[inline(always)]
    fn turn_sixteen(x: &[f32], terms: usize, to: &mut [f32]) -> bool {
        transpose::sixteen_of_f32(x, terms, to)
    }
    #[inline(always)]
    fn turn_apart(x: &[f32], sizes: [usize; 2], to: &mut [f32], stride: usize) -> bool {
        transpose::apart_of_f32(x, sizes, to, stride)
    }
});

//! The checker's tensors, all in double precision: measuring, comparing and assembling them.

use rand::{RngExt, rngs::StdRng};

pub(super) use crate::error::counted as count;
use crate::{DType, Shape, Tape, Tensor, Var};

/// A relative difference that rounding may leave in an explanation.
pub(super) const EXACT: f64 = 1e-8;
/// A relative difference between two gradients that is more than rounding.
pub(super) const DIFFERENT: f64 = 1e-9;

pub(super) fn numbers(x: &Tensor) -> &[f64] {
    x.as_slice().expect("everything is checked in double precision")
}

/// ⟨a, b⟩.
pub(super) fn dot(a: &Tensor, b: &Tensor) -> f64 {
    numbers(a).iter().zip(numbers(b)).map(|(a, b)| a * b).sum()
}

/// Σ |a b|, to which the rounding of ⟨a, b⟩ is relative.
pub(super) fn mass(a: &Tensor, b: &Tensor) -> f64 {
    numbers(a).iter().zip(numbers(b)).map(|(a, b)| (a * b).abs()).sum()
}

/// The largest magnitude.
pub(super) fn size(x: &Tensor) -> f64 {
    numbers(x).iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

/// The largest magnitude in any of several tensors.
pub(super) fn largest(all: &[Tensor]) -> f64 {
    all.iter().map(size).fold(0.0, f64::max)
}

/// "a", "a and b", "a, b and c".
pub(super) fn enumerated(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// "all 3 maps", or "the only map".
pub(super) fn all_of(n: usize, what: &str) -> String {
    if n == 1 { format!("the only {what}") } else { format!("all {}", count(n, what)) }
}

/// "1 batch", "3 batches".
pub(super) fn batches(n: usize) -> String {
    format!("{n} batch{}", if n == 1 { "" } else { "es" })
}

/// To how many digits two numbers agree, given their relative difference.
pub(super) fn digits(off: f64) -> String {
    count((-off.max(1e-16).log10()).floor() as usize, "digit")
}

pub(super) fn is_finite(x: &Tensor) -> bool {
    x.first_non_finite().is_none()
}

/// The largest difference relative to `scale`; `None` when the shapes differ or a number is not finite.
pub(super) fn difference(a: &Tensor, b: &Tensor, scale: f64) -> Option<f64> {
    if a.shape() != b.shape() {
        return None;
    }
    let worst = numbers(a).iter().zip(numbers(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (is_finite(a) && is_finite(b)).then(|| if worst == 0.0 { 0.0 } else { worst / scale.max(f64::MIN_POSITIVE) })
}

/// The tensor with each number replaced by a function of its flat index and itself.
pub(super) fn mapped(x: &Tensor, change: impl Fn(usize, f64) -> f64) -> Tensor {
    let numbers = x.to_vec();
    Tensor::from_fn(x.shape().clone(), x.dtype(), |i| change(i, numbers[i]))
}

pub(super) fn zeros(shape: &Shape) -> Tensor {
    Tensor::zeros(shape.clone(), DType::F64)
}

/// A tensor changed by an operation of the tape.
pub(super) fn with_tape(x: &Tensor, change: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Tensor {
    let tape = Tape::f64();
    change(tape.constant(x)).value()
}

/// A tensor broadcast to a shape.
pub(super) fn spread(x: &Tensor, shape: &Shape) -> Tensor {
    with_tape(x, |x| x.broadcast_to(shape))
}

pub(super) fn spreads_to(x: &Tensor, shape: &Shape) -> bool {
    x.shape().broadcast(shape).as_ref() == Some(shape)
}

/// `of` at index `keep` of `axis`, and zeros elsewhere.
pub(super) fn masked(of: &Tensor, axis: usize, keep: usize) -> Tensor {
    let (inner, n) = (of.shape()[axis + 1..].iter().product::<usize>(), of.shape()[axis]);
    mapped(of, |i, v| if i / inner % n == keep { v } else { 0.0 })
}

/// An upstream gradient without symmetry: numbers of both signs, none near 0.
pub(super) fn upstream(z: &Tensor, rng: &mut StdRng) -> Tensor {
    Tensor::from_fn(z.shape().clone(), DType::F64, |_| {
        let size = 0.4 + 1.2 * rng.random::<f64>();
        if rng.random::<bool>() { size } else { -size }
    })
}

/// Numbers moved by up to a twentieth; a symmetric matrix stays symmetric, and integers stay unchanged (they may be
/// masks or labels).
pub(super) fn jittered(x: &Tensor, rng: &mut StdRng) -> Tensor {
    let numbers = x.to_vec();
    if numbers.iter().all(|v| v.fract() == 0.0) {
        return x.clone();
    }
    let factor = 1.0 + 0.05 * rng.random::<f64>();
    let n = x.shape().last().copied().unwrap_or(0);
    let square = x.shape().rank() >= 2 && x.shape()[x.shape().rank() - 2] == n;
    let symmetric = square
        && numbers.iter().enumerate().all(|(index, v)| {
            let (matrix, i, j) = (index / (n * n), index / n % n, index % n);
            numbers[matrix * n * n + j * n + i] == *v
        });
    Tensor::from_fn(x.shape().clone(), DType::F64, |i| {
        numbers[i] * if symmetric { factor } else { 1.0 + 0.05 * (rng.random::<f64>() - 0.5) }
    })
}

//! Inputs that must stay on a surface: symmetric matrices, unit vectors, probabilities.
//!
//! On such a surface only directions along it can be measured, and a gradient is defined up to a component normal to
//! it. So inputs are moved along the surface ([`Constraint::moved`]), and gradients are compared after projection onto
//! its directions ([`Constraint::tangent`]): an orthogonal projection P, for which ⟨g, P v⟩ = ⟨P g, v⟩.

use rand::{RngExt, rngs::StdRng};

use super::numbers::numbers;
use crate::{DType, Shape, Tensor};

/// What the values of an input must satisfy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Constraint {
    /// Nothing.
    #[default]
    Free,
    /// The last two axes hold symmetric matrices.
    Symmetric,
    /// The last two axes hold symmetric matrices with positive eigenvalues.
    PositiveDefinite,
    /// The vectors along the last axis have length 1.
    UnitNorm,
    /// The numbers along the last axis are positive and add up to 1.
    Simplex,
    /// Every number is above 0.
    Positive,
}

impl Constraint {
    /// Numbers of this shape that satisfy it, in double precision; those of an unconstrained input lie in `low..high`.
    pub(super) fn draw(self, shape: &Shape, (low, high): (f64, f64), rng: &mut StdRng) -> Tensor {
        let free = |rng: &mut StdRng, low: f64, high: f64| {
            Tensor::from_fn(shape, DType::F64, |_| low + (high - low) * rng.random::<f64>())
        };
        match self {
            Constraint::Free => free(rng, low, high),
            Constraint::Positive => free(rng, 0.3, 2.3),
            Constraint::Symmetric => symmetrised(&free(rng, low, high)),
            Constraint::UnitNorm => self.moved(&free(rng, -1.0, 1.0), None, 0.0),
            Constraint::Simplex => self.moved(&free(rng, 0.2, 1.0), None, 0.0),
            Constraint::PositiveDefinite => {
                // A Aᵀ / n + I/2 has well-separated eigenvalues of at least 1/2.
                let n = shape.last().copied().unwrap_or(1).max(1);
                let a = free(rng, -1.0, 1.0).to_vec();
                Tensor::from_fn(shape, DType::F64, |index| {
                    let (matrix, i, j) = (index / (n * n), index / n % n, index % n);
                    let row = |i: usize| &a[matrix * n * n + i * n..][..n];
                    let dot: f64 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                    dot / n as f64 + if i == j { 0.5 + 0.1 * i as f64 } else { 0.0 }
                })
            }
        }
    }

    /// The part of a direction, or of a gradient, that lies along the surface at `x`.
    pub(super) fn tangent(self, x: &Tensor, v: &Tensor) -> Tensor {
        match self {
            Constraint::Free | Constraint::Positive => v.clone(),
            Constraint::Symmetric | Constraint::PositiveDefinite => symmetrised(v),
            Constraint::UnitNorm => along_rows(x, v, |x, v| {
                let dot: f64 = x.iter().zip(&*v).map(|(x, v)| x * v).sum();
                v.iter_mut().zip(x).for_each(|(v, x)| *v -= dot * x);
            }),
            Constraint::Simplex => along_rows(x, v, |_, v| {
                let mean = v.iter().sum::<f64>() / v.len() as f64;
                v.iter_mut().for_each(|v| *v -= mean);
            }),
        }
    }

    /// x + t v, brought back onto the surface.
    pub(super) fn moved(self, x: &Tensor, v: Option<&Tensor>, t: f64) -> Tensor {
        let moved = match v {
            Some(v) => {
                let (from, along) = (numbers(x), numbers(v));
                Tensor::from_fn(x.shape().clone(), DType::F64, |i| from[i] + t * along[i])
            }
            None => x.clone(),
        };
        match self {
            Constraint::UnitNorm => along_rows(x, &moved, |_, v| {
                let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
                v.iter_mut().for_each(|v| *v /= length);
            }),
            // A direction with sum 0 preserves the sum; only freshly drawn numbers need this.
            Constraint::Simplex if v.is_none() => along_rows(x, &moved, |_, v| {
                let sum: f64 = v.iter().sum();
                v.iter_mut().for_each(|v| *v /= sum);
            }),
            _ => moved,
        }
    }
}

fn symmetrised(v: &Tensor) -> Tensor {
    let n = v.shape().last().copied().unwrap_or(1).max(1);
    let numbers = v.to_vec();
    Tensor::from_fn(v.shape().clone(), DType::F64, |index| {
        let (matrix, i, j) = (index / (n * n), index / n % n, index % n);
        0.5 * (numbers[index] + numbers[matrix * n * n + j * n + i])
    })
}

/// Changes each vector of `v` along the last axis, given the corresponding one of `x`.
fn along_rows(x: &Tensor, v: &Tensor, change: impl Fn(&[f64], &mut [f64])) -> Tensor {
    let n = v.shape().last().copied().unwrap_or(1).max(1);
    let (x, mut v_numbers) = (x.to_vec(), v.to_vec());
    for (x, v) in x.chunks(n).zip(v_numbers.chunks_mut(n)) {
        change(x, v);
    }
    Tensor::from_vec(v_numbers, v.shape()).expect("rows keep the shape")
}

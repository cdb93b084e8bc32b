//! What the machine can do at most: floating-point operations a second, and bytes.
//!
//! - The peak: products with additions on numbers that never leave the registers, in every thread, with the widest vectors
//!   of the processor; each counts as two operations.
//! - The bandwidth: a = b + s c (the *triad* of J. McCalpin's STREAM), two operands read and one written, in every thread,
//!   for vectors as large as an activation of the measured step, and for such as no cache holds.

use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use pulp::{Arch, Simd, WithSimd};
use wengert::Result;

/// Operations and bytes a second.
pub struct Peak {
    pub flops: f64,
    /// For vectors of 6 MB.
    pub activations: f64,
    /// For vectors of 256 MB.
    pub memory: f64,
}

/// Chains that are independent of each other: enough to hide the latency of an operation.
const CHAINS: usize = 12;
const ROUNDS: usize = 4_000_000;

/// A number of every chain, which depends on all products; and how many operations that were.
struct Products(f32);

impl WithSimd for Products {
    type Output = (f32, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, usize) {
        let (factor, term) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        let mut sums = [simd.splat_f32s(self.0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, term);
            }
        }
        let lanes = size_of::<S::f32s>() / size_of::<f32>();
        let end = sums.into_iter().fold(term, |a, b| simd.add_f32s(a, b));
        (simd.reduce_sum_f32s(end), 2 * lanes * CHAINS * ROUNDS)
    }
}

/// Runs `f` in every thread at once, each with its number.
fn everywhere(f: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        (0..wengert::threads()).for_each(|k| {
            _ = scope.spawn({
                let f = &f;
                move || f(k)
            })
        });
    });
}

fn flops(seconds: f64) -> Result<f64> {
    let made = AtomicUsize::new(0);
    let best = crate::quickest(seconds, || {
        everywhere(|k| {
            let (number, operations) = Arch::new().dispatch(Products(black_box(k as f32)));
            black_box(number);
            made.store(operations, Ordering::Relaxed);
        });
        Ok(())
    })?;
    Ok((made.into_inner() * wengert::threads()) as f64 / best)
}

/// Each thread has its own part of the vectors, as a kernel would have it; `repeats` hides what starting threads takes.
fn bandwidth(seconds: f64, numbers: usize, repeats: usize) -> Result<f64> {
    let part = numbers / wengert::threads();
    let vectors = || -> Vec<[Vec<f32>; 3]> {
        (0..wengert::threads()).map(|_| [vec![0.0; part], vec![1.0; part], vec![2.0; part]]).collect()
    };
    let mut all = vectors();
    let best = crate::quickest(seconds, || {
        thread::scope(|scope| {
            for [a, b, c] in &mut all {
                scope.spawn(move || {
                    for _ in 0..repeats {
                        a.iter_mut().zip(&*b).zip(&*c).for_each(|((a, b), c)| *a = b + 3.0 * c);
                        black_box(&mut *a);
                    }
                });
            }
        });
        Ok(())
    })?;
    Ok((3 * 4 * part * wengert::threads() * repeats) as f64 / best)
}

pub fn measure(seconds: f64) -> Result<Peak> {
    Ok(Peak {
        flops: flops(seconds)?,
        activations: bandwidth(seconds, 128 * 20 * 24 * 24, 20)?,
        memory: bandwidth(seconds, 64 << 20, 1)?,
    })
}

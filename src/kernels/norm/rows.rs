//! Normalization within each observation: x `[n, groups, c, s]` has rows of c·s numbers, each with its own statistics, and
//! a γ and a β for each of the groups · c channels. Layer normalization has one group, and one position a channel.
//!
//! With x̂ = (x − mean) · rstd over the m = c·s numbers of a row and g = γ · dz:
//!
//! dγ = Σ dz · x̂,  dβ = Σ dz,  dx = rstd · (g − (Σ g + x̂ · Σ g · x̂) / m),
//!
//! with the first two sums over all rows of a group, the others within a row. One sweep forward and one backward: a row
//! that fits into the cache is read from memory once. dγ and dβ are added up over a few rows in vectors, and those sums
//! in double precision and in order.

use std::ops::Range;

use super::{
    side::{LONG, SIDE, across, distances_of_sixteen},
    sums::{Distances, LANES, centered_products},
};
use crate::kernels::{Real, parallel, program::Pieces, scratch::with_scratch, simd};

/// Numbers whose upstream gradient is read at once.
const BLOCK: usize = 8192;
/// In at most so many parts, dγ and dβ are added up.
const PARTS: usize = 32;

/// The sizes of a tensor `[n, groups, c, s]` whose rows are the last two axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Observations.
    pub n: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Channels of a group.
    pub c: usize,
    /// Positions of a channel.
    pub s: usize,
}

/// What is kept of a row: its mean as it is rounded; 1 / √(var + ε); and what the mean lacks, negated and in units of
/// √(var + ε). So x̂ = (x − center) · rstd + shift has all digits of x, wherever the mean is.
pub type Kept<T> = [T; 3];

impl Rows {
    /// The number of rows.
    pub fn count(&self) -> usize {
        self.n * self.groups
    }

    /// The numbers of a row.
    pub fn length(&self) -> usize {
        self.c * self.s
    }

    /// The channels of a row.
    #[inline(always)]
    fn channels(&self, row: usize) -> Range<usize> {
        let first = if self.groups == 1 { 0 } else { row % self.groups * self.c };
        first..first + self.c
    }

    /// `out = x̂ · γ + β`, and what is kept of each row.
    pub fn normalize<T: Real>(&self, x: &[T], affine: [&[T]; 2], epsilon: T, out: &mut [T], kept: &mut [Kept<T>]) {
        let length = self.length();
        let group = parallel::rows_per_chunk(self.count(), length);
        parallel::each_chunk_of_two((out, kept), (group * length, group), x.len(), |chunk, out, kept| {
            let first = chunk * group;
            let x = &x[first * length..][..out.len()];
            let together = if length < LONG { SIDE } else { 1 };
            let rows = x.chunks(together * length).zip(out.chunks_mut(together * length));
            simd(
                #[inline(always)]
                || {
                    for (i, ((x, out), kept)) in rows.zip(kept.chunks_mut(together)).enumerate() {
                        match together {
                            1 => kept[0] = statistics(x, epsilon),
                            _ => statistics_of_sixteen(x, length, epsilon, kept),
                        }
                        self.apply(first + i * together, x, affine, kept, out);
                    }
                },
            );
        });
    }

    /// `out = x̂ · γ + β` in the rows from `first` on.
    #[inline(always)]
    fn apply<T: Real>(&self, first: usize, x: &[T], affine: [&[T]; 2], kept: &[Kept<T>], out: &mut [T]) {
        let (length, s) = (self.length(), self.s);
        let rows = x.chunks_exact(length).zip(out.chunks_exact_mut(length)).zip(kept);
        for (i, ((x, out), &[center, rstd, shift])) in rows.enumerate() {
            let [gamma, beta] = affine.map(|all| &all[self.channels(first + i)]);
            if s == 1 {
                for (((out, &x), &gamma), &beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
                    *out = ((x - center) * rstd + shift) * gamma + beta;
                }
                continue;
            }
            let planes = out.chunks_exact_mut(s).zip(x.chunks_exact(s)).zip(gamma.iter().zip(beta));
            for ((out, x), (&gamma, &beta)) in planes {
                let (scale, shift) = (rstd * gamma, shift * gamma + beta);
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = (x - center) * scale + shift;
                }
            }
        }
    }

    /// dx, and dγ and dβ `[groups · c]`, from x, the upstream gradient, γ and what [`normalize`](Rows::normalize) kept.
    pub fn backward<T: Real>(
        &self,
        x: &[T],
        dz: &Pieces<'_, T>,
        gamma: &[T],
        kept: &[Kept<T>],
        dx: &mut [T],
        [dgamma, dbeta]: [&mut [T]; 2],
    ) {
        let (rows, length, width) = (self.count(), self.length(), 2 * gamma.len());
        let block = (BLOCK / length.max(1)).max(1);
        let group = parallel::rows_per_chunk(rows, length).max(rows.div_ceil(PARTS));
        with_scratch(rows.div_ceil(group) * width, |partials: &mut [f64]| {
            partials.fill(0.0);
            parallel::each_chunk_of_two(
                (dx, &mut *partials),
                (group * length, width),
                x.len(),
                |chunk, dx, partial| {
                    for (i, dx) in dx.chunks_mut((block * length).max(1)).enumerate() {
                        let first = chunk * group + i * block;
                        let range = first * length..first * length + dx.len();
                        dz.with(range.clone(), |dz| {
                            let (inputs, kept) = ([&x[range], dz, gamma], &kept[first..]);
                            simd(
                                #[inline(always)]
                                || match (self.s, length < LONG) {
                                    (1, false) => self.block::<T, LANES, 1>(first, inputs, kept, dx, partial),
                                    (1, true) => self.block::<T, SIDE, SIDE>(first, inputs, kept, dx, partial),
                                    _ => self.block_of_planes(first, inputs, kept, dx, partial),
                                },
                            );
                        });
                    }
                },
            );
            let (sums, others) = partials.split_at_mut(width.min(partials.len()));
            for other in others.chunks_exact(width.max(1)) {
                sums.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
            }
            let sums = sums.iter().chain(std::iter::repeat(&0.0));
            dgamma.iter_mut().chain(dbeta).zip(sums).for_each(|(out, &sum)| *out = T::of(sum));
        });
    }

    /// The gradients of the rows from `first` on, with one position a channel, G rows together; those of γ and β are added
    /// to `partial`.
    #[inline(always)]
    fn block<T: Real, const L: usize, const G: usize>(
        &self,
        first: usize,
        [x, dz, gamma]: [&[T]; 3],
        kept: &[Kept<T>],
        dx: &mut [T],
        partial: &mut [f64],
    ) {
        let length = self.length();
        let inputs = x.chunks(G * length).zip(dz.chunks(G * length));
        let groups = inputs.zip(dx.chunks_mut(G * length)).zip(kept.chunks(G));
        with_scratch(
            partial.len(),
            #[inline(always)]
            |sums: &mut [T]| {
                sums.fill(T::ZERO);
                let (dgamma, dbeta) = sums.split_at_mut(gamma.len());
                let (mut along, mut sum) = ([[T::ZERO; L]; G], [[T::ZERO; L]; G]);
                for (g, (((x, dz), dx), kept)) in groups.enumerate() {
                    let rows = x.chunks_exact(length).zip(dz.chunks_exact(length)).zip(kept);
                    for (l, ((x, dz), kept)) in rows.clone().enumerate() {
                        let channels = self.channels(first + g * G + l);
                        let gamma = &gamma[channels.clone()];
                        let sums = [&mut dgamma[channels.clone()], &mut dbeta[channels]];
                        (along[l], sum[l]) = row_sums([x, dz, gamma], kept, sums);
                    }
                    let (along, sum) = (across(&along), across(&sum));
                    for (l, (((x, dz), kept), dx)) in rows.zip(dx.chunks_exact_mut(length)).enumerate() {
                        let gamma = &gamma[self.channels(first + g * G + l)];
                        let &[center, rstd, shift] = kept;
                        let [q, r] = coefficients(rstd, along[l], sum[l], length);
                        for (((dx, &x), &dz), &gamma) in dx.iter_mut().zip(x).zip(dz).zip(gamma) {
                            *dx = rstd * (gamma * dz) + (q * ((x - center) * rstd + shift) + r);
                        }
                    }
                }
                partial.iter_mut().zip(&*sums).for_each(|(sum, &x)| *sum += x.to_f64());
            },
        );
    }

    /// The gradients of the rows from `first` on; those of γ and β are added to `partial`.
    #[inline(always)]
    fn block_of_planes<T: Real>(
        &self,
        first: usize,
        [x, dz, gamma]: [&[T]; 3],
        kept: &[Kept<T>],
        dx: &mut [T],
        partial: &mut [f64],
    ) {
        let (length, s) = (self.length(), self.s);
        let rows = x.chunks_exact(length).zip(dz.chunks_exact(length)).zip(dx.chunks_exact_mut(length)).zip(kept);
        let (dgamma, dbeta) = partial.split_at_mut(gamma.len());
        for (i, (((x, dz), dx), &[center, rstd, shift])) in rows.enumerate() {
            let channels = self.channels(first + i);
            let planes = x.chunks_exact(s).zip(dz.chunks_exact(s)).zip(&gamma[channels.clone()]);
            let sums = dgamma[channels.clone()].iter_mut().zip(&mut dbeta[channels]);
            let (mut along_row, mut sum_row) = (0.0, 0.0);
            for (((x, dz), &gamma), (dgamma, dbeta)) in planes.clone().zip(sums) {
                let (product, sum) = centered_products::<T, LANES>(x, dz, center);
                let along = product * rstd.to_f64() + sum * shift.to_f64();
                *dgamma += along;
                *dbeta += sum;
                along_row += along * gamma.to_f64();
                sum_row += sum * gamma.to_f64();
            }
            let [q, r] = coefficients(rstd, T::of(along_row), T::of(sum_row), length);
            for (((x, dz), &gamma), dx) in planes.zip(dx.chunks_exact_mut(s)) {
                let p = rstd * gamma;
                for ((dx, &x), &dz) in dx.iter_mut().zip(x).zip(dz) {
                    *dx = p * dz + (q * ((x - center) * rstd + shift) + r);
                }
            }
        }
    }
}

/// What is kept of a row.
#[inline(always)]
fn statistics<T: Real>(x: &[T], epsilon: T) -> Kept<T> {
    let found = Distances::<T>::of::<LANES>(x);
    let rstd = T::ONE / (T::of(found.squares / x.len() as f64) + epsilon).root();
    [found.center, rstd, -(T::of(found.shift) * rstd)]
}

/// What is kept of each of at most sixteen rows.
#[inline(always)]
fn statistics_of_sixteen<T: Real>(x: &[T], length: usize, epsilon: T, kept: &mut [Kept<T>]) {
    let [center, mut shift, mut rstd] = distances_of_sixteen(x, length);
    for l in 0..SIDE {
        rstd[l] = T::ONE / (rstd[l] / T::of(length as f64) + epsilon).root();
        shift[l] = -(shift[l] * rstd[l]);
    }
    for (l, kept) in kept.iter_mut().enumerate() {
        *kept = [center[l], rstd[l], shift[l]];
    }
}

/// q and r of dx = rstd · g + q · x̂ + r in a row of `length` numbers, from Σ g · x̂ and Σ g.
#[inline(always)]
fn coefficients<T: Real>(rstd: T, along: T, sum: T, length: usize) -> [T; 2] {
    let factor = -(rstd / T::of(length as f64));
    [factor * along, factor * sum]
}

/// Running sums of g · x̂ and of g in a row, whose dz · x̂ and dz are added to those of the rows before it.
#[inline(always)]
fn row_sums<T: Real, const L: usize>(
    [x, dz, gamma]: [&[T]; 3],
    &[center, rstd, shift]: &Kept<T>,
    [dgamma, dbeta]: [&mut [T]; 2],
) -> ([T; L], [T; L]) {
    let (mut products, mut sums) = ([T::ZERO; L], [T::ZERO; L]);
    let ((xs, x), (dzs, dz), (gammas, gamma)) = (x.as_chunks::<L>(), dz.as_chunks::<L>(), gamma.as_chunks::<L>());
    let ((dgammas, dgamma), (dbetas, dbeta)) = (dgamma.as_chunks_mut::<L>(), dbeta.as_chunks_mut::<L>());
    let vectors = xs.iter().zip(dzs).zip(gammas.iter().zip(dgammas.iter_mut().zip(dbetas)));
    for ((x, dz), (gamma, (dgamma, dbeta))) in vectors {
        for l in 0..L {
            let (normal, g) = ((x[l] - center) * rstd + shift, gamma[l] * dz[l]);
            products[l] += g * normal;
            sums[l] += g;
            dgamma[l] += dz[l] * normal;
            dbeta[l] += dz[l];
        }
    }
    let rest = x.len();
    if rest == 0 {
        return (products, sums);
    }
    let (dz, gamma, dgamma, dbeta) = (&dz[..rest], &gamma[..rest], &mut dgamma[..rest], &mut dbeta[..rest]);
    for l in 0..L {
        if l < rest {
            let (normal, g) = ((x[l] - center) * rstd + shift, gamma[l] * dz[l]);
            products[l] += g * normal;
            sums[l] += g;
            dgamma[l] += dz[l] * normal;
            dbeta[l] += dz[l];
        }
    }
    (products, sums)
}

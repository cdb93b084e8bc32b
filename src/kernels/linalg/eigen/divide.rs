//! Eigenvalues and eigenvectors of a tridiagonal matrix by divide and conquer (Cuppen, *A Divide and Conquer Method for the
//! Symmetric Tridiagonal Eigenproblem*, Numerische Mathematik 36, 1981).
//!
//! With the number β between two halves, T = diag(T₁, T₂) + |β| u uᵀ, where T₁ and T₂ have |β| less at their ends, and u is
//! 1 and ±1 there and 0 elsewhere. From the eigenvalues d and vectors Q of the halves,
//!
//! ```text
//! T = Q (diag(d) + ρ z zᵀ) Qᵀ,    z = Qᵀ u / √2,    ρ = 2 |β|
//! ```
//!
//! whose eigenvalues are the roots of the [`secular`](super::secular) equation and whose vectors are products of Q with
//! those of the matrix in parentheses. The parts of at most [`MOST`] rows are left to rotations.
//!
//! Eigenvectors are rows here. Those of a half are 0 in the columns of the other one, which is not stored; so the products
//! take half of the multiplications, less for what [`deflation`](super::deflation) leaves out.

use super::{
    deflation::{Deflation, Side},
    rotations::{MOST, by_rotations},
    secular::{LANES, Secular, matching_z},
};
use crate::kernels::{
    Real,
    matmul::product,
    matrix::{MatMut, MatRef},
    scratch::with_scratch,
    simd,
};

/// The eigenvectors of all parts, one a row, row by row in `pitch` numbers.
pub(super) struct Rows<'a, T> {
    pub numbers: &'a mut [T],
    pub pitch: usize,
}

impl<T: Real> Rows<'_, T> {
    /// The numbers `columns` of row i.
    pub fn row(&mut self, i: usize, columns: std::ops::Range<usize>) -> &mut [T] {
        &mut self.numbers[i * self.pitch..][columns]
    }
}

/// The parts of one tridiagonal matrix on one level.
pub(super) struct Parts<'a, T> {
    /// The eigenvalues that belong to the rows.
    pub values: &'a mut [f64],
    /// The rows of each part in ascending order of their eigenvalues.
    pub order: &'a mut [usize],
    pub rows: Rows<'a, T>,
    /// As large as `rows`, for those of the next level.
    pub next: Rows<'a, T>,
}

/// The number of halvings until parts are small enough.
fn halvings(n: usize) -> u32 {
    (0..).find(|&times| n.div_ceil(1 << times) <= MOST).expect("n is finite")
}

impl<T: Real> Parts<'_, T> {
    /// Eigenvalues and vectors of the matrix with the diagonal that is in `values`, and `beside` it; `false` if they are
    /// not found.
    pub fn find(&mut self, beside: &[f64]) -> bool {
        let n = self.values.len();
        let times = halvings(n);
        let bound = |i: usize, level: u32| (i * n) >> level;
        for i in 1..1 << times {
            let at = bound(i, times);
            self.values[at - 1] -= beside[at - 1].abs();
            self.values[at] -= beside[at - 1].abs();
        }
        if !(0..1 << times).all(|i| self.small(bound(i, times), bound(i + 1, times), beside)) {
            return false;
        }
        for level in (0..times).rev() {
            for i in 0..1 << level {
                let middle = bound(2 * i + 1, level + 1);
                self.merge([bound(i, level), middle, bound(i + 1, level)], beside[middle - 1]);
            }
            std::mem::swap(&mut self.rows, &mut self.next);
        }
        true
    }

    /// The part `from..to` by rotations.
    fn small(&mut self, from: usize, to: usize, beside: &[f64]) -> bool {
        match to - from {
            ..=8 => self.small_in::<8>(from, to, beside),
            _ => self.small_in::<MOST>(from, to, beside),
        }
    }

    /// The same with vectors of at most WIDTH numbers.
    fn small_in<const WIDTH: usize>(&mut self, from: usize, to: usize, beside: &[f64]) -> bool {
        let n = to - from;
        let mut e = [0.0; WIDTH];
        e[..n - 1].copy_from_slice(&beside[from..to - 1]);
        let mut vectors = [[T::ZERO; WIDTH]; WIDTH];
        (0..n).for_each(|i| vectors[i][i] = T::ONE);
        let values = &mut self.values[from..to];
        let found = simd(
            #[inline(always)]
            || by_rotations(values, &mut e[..n], &mut vectors[..n]),
        );
        let order = &mut self.order[from..to];
        order.iter_mut().zip(from..).for_each(|(o, i)| *o = i);
        ascending(order, self.values);
        for (vector, i) in vectors[..n].iter().zip(from..) {
            self.rows.row(i, from..to).copy_from_slice(&vector[..n]);
        }
        found
    }

    /// Makes one part of `from..middle` and `middle..to`, from `rows` to `next`; `beta` is the number between them.
    fn merge(&mut self, [from, middle, to]: [usize; 3], beta: f64) {
        let half = 0.5f64.sqrt();
        let z = (from..to).map(|i| {
            let (column, sign) = if i < middle { (middle - 1, 1.0) } else { (middle, 1f64.copysign(beta)) };
            sign * half * self.rows.numbers[i * self.rows.pitch + column].to_f64()
        });
        let z: Vec<f64> = z.collect();
        let parts = Deflation { parts: self, bounds: [from, middle, to], rho: 2.0 * beta.abs(), z };
        let (kept, mut left_out) = parts.find();
        let count = kept.len();
        let mut values: Vec<f64> = self.values[from..to].to_vec();
        if count > 0 {
            self.rank_one([from, middle, to], 2.0 * beta.abs(), &kept, &mut values);
        }
        left_out.sort_by(|a, b| self.values[a.0].total_cmp(&self.values[b.0]));
        for (&(row, side), i) in left_out.iter().zip(from + count..) {
            values[i - from] = self.values[row];
            let (old, new) = (self.rows.row(row, from..to), self.next.row(i, from..to));
            let stored = side.columns([from, middle, to]);
            new.fill(T::ZERO);
            new[stored.start - from..stored.end - from].copy_from_slice(&old[stored.start - from..stored.end - from]);
        }
        self.values[from..to].copy_from_slice(&values);
        let order = &mut self.order[from..to];
        order.iter_mut().zip(from..).for_each(|(o, i)| *o = i);
        ascending(order, self.values);
    }

    /// Eigenvalues and vectors of diag(d) + ρ z zᵀ for the rows that were kept.
    fn rank_one(&mut self, [from, middle, to]: [usize; 3], rho: f64, kept: &[(usize, Side, f64)], values: &mut [f64]) {
        let count = kept.len();
        let padded = (count + 1).next_multiple_of(LANES);
        let (mut poles, mut squares, mut z) = (vec![0.0; padded], vec![0.0; padded], vec![0.0; padded]);
        let (mut sigma, mut tau) = (vec![0.0; count], vec![0.0; count]);
        for (i, &(row, _, z)) in kept.iter().enumerate() {
            poles[i] = self.values[row];
            squares[i] = z * z;
        }
        let above = poles[count - 1] + 4.0 * rho * squares.iter().sum::<f64>();
        poles[count..].fill(above);
        simd(
            #[inline(always)]
            || {
                let small = T::EPSILON.to_f64().sqrt() / 64.0;
                Secular { poles: &poles, squares: &squares, count, rho, small }.roots(&mut sigma, &mut tau);
                matching_z(&poles, &sigma, &tau, &mut z);
            },
        );
        (0..count).for_each(|j| values[j] = sigma[j] + tau[j]);
        // Rows that are 0 on the right first, then those that are not 0, then those that are 0 on the left.
        let mut grouped: Vec<usize> = (0..count).collect();
        grouped.sort_by_key(|&i| kept[i].1);
        let of = |side| kept.iter().filter(|k| k.1 == side).count();
        let (first_right, last_left) = (of(Side::Left), count - of(Side::Right));
        let poles: Vec<f64> = grouped.iter().map(|&i| poles[i]).collect();
        let z: Vec<T> = grouped.iter().map(|&i| T::of(z[i].copysign(kept[i].2))).collect();
        let pitch = self.next.pitch;
        with_scratch(count * count + count * (to - from), |scratch: &mut [T]| {
            let (vectors, packed) = scratch.split_at_mut(count * count);
            simd(
                #[inline(always)]
                || {
                    for ((vector, &sigma), &tau) in vectors.chunks_exact_mut(count).zip(&sigma).zip(&tau) {
                        rank_one_vector(&poles, &z, sigma, tau, vector);
                    }
                },
            );
            let vectors = MatRef::from_row_major_slice(vectors, count, count);
            for (terms, columns) in [(0..last_left, from..middle), (first_right..count, middle..to)] {
                let width = columns.len();
                let packed = &mut packed[..terms.len() * width];
                for (packed, &i) in packed.chunks_exact_mut(width).zip(&grouped[terms.clone()]) {
                    packed.copy_from_slice(self.rows.row(kept[i].0, columns.clone()));
                }
                let out = &mut self.next.numbers[from * pitch..][..count * pitch];
                let out = MatMut::from_row_major_slice_mut(out, count, pitch).subcols_mut(columns.start, width);
                let packed = MatRef::from_row_major_slice(packed, terms.len(), width);
                product(out, false, vectors.subcols(terms.start, terms.len()), packed);
            }
        });
    }
}

/// Brings rows into the ascending order of their values. Of one type, so that it is compiled once.
pub(super) fn ascending(rows: &mut [usize], values: &[f64]) {
    rows.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
}

/// z_i/(d_i − σ − τ), of length 1.
#[inline(always)]
fn rank_one_vector<T: Real>(poles: &[f64], z: &[T], sigma: f64, tau: f64, out: &mut [T]) {
    for ((out, &pole), &z) in out.iter_mut().zip(poles).zip(z) {
        *out = z / T::of((pole - sigma) - tau);
    }
    let mut sums = [T::ZERO; 32];
    let (runs, rest) = out.as_chunks::<32>();
    for run in runs {
        for l in 0..32 {
            sums[l] += run[l] * run[l];
        }
    }
    let squares = sums.into_iter().sum::<T>() + rest.iter().map(|&x| x * x).sum::<T>();
    let scale = T::of(1.0 / squares.to_f64().sqrt());
    out.iter_mut().for_each(|x| *x *= scale);
}

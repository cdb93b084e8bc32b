//! A symmetric matrix made tridiagonal by reflections (Householder): A = Q T Qᵀ with Q = H_{n−1} … H_2 H_1.
//!
//! From the last row to the first. H_k = I − τ v vᵀ takes the k numbers x left of the diagonal of row k to (0, …, 0, β),
//! β = −sign(x_{k−1}) |x|, with v = x − β e_{k−1}, scaled so that its last number is 1, and τ = (β − x_{k−1})/β. The
//! k×k matrix above it becomes
//!
//! ```text
//! H A H = A − v wᵀ − w vᵀ,    w = p − (τ/2)(pᵀ v) v,    p = τ A v
//! ```
//!
//! (Golub and Van Loan, *Matrix Computations*, section 8.3.1). The product A v reads the whole matrix and the update
//! writes it. Both are done in one pass: a number is updated for the row before, and then used for the product at once
//! as a_ij and as a_ji, so only the lower triangle is stored. In addition the [`BLOCK`]×[`BLOCK`] squares on the diagonal
//! are stored whole, which is why no vector ends within a row.

use super::BLOCK;
use crate::kernels::{
    Real, arch,
    vector::{Vector, Vectors},
};
use pulp::{Simd, WithSimd};

/// T and Q of the symmetric matrix in the lower triangle of `a`, which is n rows of a multiple of [`BLOCK`] numbers, their
/// unused numbers 0.
pub(super) struct Tridiagonal<'a, T> {
    /// The matrix, afterwards row k is the vector v of H_k, followed by zeros.
    pub a: &'a mut [T],
    /// The diagonal of T: n numbers.
    pub diagonal: &'a mut [f64],
    /// What is beside the diagonal: n − 1 numbers.
    pub beside: &'a mut [f64],
    /// The factor τ of every H_k.
    pub tau: &'a mut [T],
    /// Three rows of scratch memory.
    pub work: &'a mut [T],
}

impl<T: Real> Tridiagonal<'_, T> {
    pub fn find(self) {
        arch().dispatch(self);
    }
}

impl<T: Real> WithSimd for Tridiagonal<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Tridiagonal { a, diagonal, beside, tau, work } = self;
        let (n, pitch) = (diagonal.len(), a.len() / diagonal.len());
        mirror_blocks(a, n, pitch);
        work.fill(T::ZERO);
        let (v, rest) = work.split_at_mut(pitch);
        let (w, p) = rest.split_at_mut(pitch);
        let pass = Pass { ops: Vectors::<T, S>::new(simd), pitch };
        for k in (0..n).rev() {
            let (above, row) = a.split_at_mut(k * pitch);
            let row = &mut row[..pitch];
            let (vk, wk) = (v[k], w[k]);
            for ((x, &v), &w) in row[..=k].iter_mut().zip(&*v).zip(&*w) {
                *x -= vk * w + wk * v;
            }
            diagonal[k] = row[k].to_f64();
            if k == 0 {
                row.fill(T::ZERO);
                break;
            }
            let len = k.next_multiple_of(BLOCK);
            (beside[k - 1], tau[k]) = pass.reflection(row, k);
            p[..len].fill(T::ZERO);
            pass.update_and_multiply(above, [&v[..len], &w[..len], &row[..len]], &mut p[..len]);
            v.copy_from_slice(row);
            let tau = tau[k];
            let middle = tau * tau * T::of(0.5) * pass.dot(&p[..len], &v[..len]);
            for ((w, &p), &v) in w[..len].iter_mut().zip(&*p).zip(&*v) {
                *w = tau * p - middle * v;
            }
            w[k..len].fill(T::ZERO);
        }
    }
}

/// Copies what is below the diagonal in the squares on it to above it.
fn mirror_blocks<T: Copy>(a: &mut [T], n: usize, pitch: usize) {
    for i in 0..n {
        for j in i / BLOCK * BLOCK..i {
            a[j * pitch + i] = a[i * pitch + j];
        }
    }
}

/// The loops for one kind of vectors.
struct Pass<T: Real, S: Simd> {
    ops: Vectors<T, S>,
    pitch: usize,
}

impl<T: Real, S: Simd> Pass<T, S> {
    /// β and τ of the reflection for the first `k` numbers of a row, which becomes its vector v.
    #[inline(always)]
    fn reflection(&self, row: &mut [T], k: usize) -> (f64, T) {
        let last = row[k - 1].to_f64();
        row[k - 1..].fill(T::ZERO);
        let len = k.next_multiple_of(BLOCK);
        let squares = self.dot(&row[..len], &row[..len]);
        // The largest number of the matrix is about 1: what is less than ε² can be left out, and squares stay clear of
        // the smallest numbers.
        let smallest = T::EPSILON * T::EPSILON;
        let (beta, tau) = if squares <= smallest * smallest {
            row[..k].fill(T::ZERO);
            (last, T::ZERO)
        } else {
            let beta = -(last * last + squares.to_f64()).sqrt().copysign(last);
            let scale = T::of(1.0 / (last - beta));
            row[..len].iter_mut().for_each(|x| *x *= scale);
            (beta, T::of((beta - last) / beta))
        };
        row[k - 1] = T::ONE;
        (beta, tau)
    }

    /// a · b, of a whole number of blocks.
    #[inline(always)]
    fn dot(&self, a: &[T], b: &[T]) -> T {
        let (a, b) = (self.ops.cut(a), self.ops.cut(b));
        let mut sum = self.ops.splat(T::ZERO);
        for (&a, &b) in a.iter().zip(b) {
            sum = self.ops.mul_add(a, b, sum);
        }
        self.ops.sum(sum)
    }

    /// A ← A − v wᵀ − w vᵀ and p ← p + A x for the matrix in the rows of `a`.
    #[inline(always)]
    fn update_and_multiply(&self, a: &mut [T], [v, w, x]: [&[T]; 3], p: &mut [T]) {
        let rows = a.len() / self.pitch;
        let mut i = 0;
        if const { S::REGISTER_COUNT >= 32 } {
            while i + 4 <= rows {
                self.rows::<4>(i, a, [v, w, x], p);
                i += 4;
            }
        }
        while i + 2 <= rows {
            self.rows::<2>(i, a, [v, w, x], p);
            i += 2;
        }
        if i < rows {
            self.rows::<1>(i, a, [v, w, x], p);
        }
    }

    /// The same for the R rows from row i, which lie in one block.
    #[inline(always)]
    fn rows<const R: usize>(&self, i: usize, a: &mut [T], [v, w, x]: [&[T]; 3], p: &mut [T]) {
        let Pass { ops, pitch } = *self;
        let lanes = Vectors::<T, S>::LANES;
        let left = i / BLOCK * BLOCK;
        let (before, len) = (left / lanes, (left + BLOCK) / lanes);
        let mut all = a[i * pitch..].chunks_exact_mut(pitch);
        let mut rows: [&mut [Vector<T, S>]; R] = std::array::from_fn(|_| Default::default());
        let mut factors = [[ops.splat(T::ZERO); 3]; R];
        for r in 0..R {
            let row = all.next().expect("there are R rows");
            rows[r] = &mut ops.cut_mut(&mut row[..left + BLOCK])[..len];
            factors[r] = [ops.splat(-v[i + r]), ops.splat(-w[i + r]), ops.splat(x[i + r])];
        }
        let mut sums = [ops.splat(T::ZERO); R];
        {
            let (v, w, x) = (ops.cut(&v[..left + BLOCK]), ops.cut(&w[..left + BLOCK]), ops.cut(&x[..left + BLOCK]));
            let (v, w, x) = (&v[..len], &w[..len], &x[..len]);
            let p = &mut ops.cut_mut(&mut p[..left + BLOCK])[..len];
            for j in 0..before {
                let (vj, wj, xj) = (v[j], w[j], x[j]);
                let mut pj = p[j];
                for r in 0..R {
                    let [vi, wi, xi] = factors[r];
                    let updated = ops.mul_add(vi, wj, ops.mul_add(wi, vj, rows[r][j]));
                    rows[r][j] = updated;
                    sums[r] = ops.mul_add(updated, xj, sums[r]);
                    pj = ops.mul_add(updated, xi, pj);
                }
                p[j] = pj;
            }
            for j in before..len {
                for r in 0..R {
                    let [vi, wi, _] = factors[r];
                    let updated = ops.mul_add(vi, w[j], ops.mul_add(wi, v[j], rows[r][j]));
                    rows[r][j] = updated;
                    sums[r] = ops.mul_add(updated, x[j], sums[r]);
                }
            }
        }
        for r in 0..R {
            p[i + r] += ops.sum(sums[r]);
        }
    }
}

//! A = Q R by Householder reflections, with the signs that make both unique.
//!
//! The matrix is stored with its columns as rows. Step k takes the rest x of column k, from its k-th number on, to
//! (∓|x|, 0, …, 0) by H = I − v vᵀ, where v has the direction of x ± |x| e₁ and the length √2. The sign is that of x₁, so that
//! nothing cancels and the first number of v is a large one, which keeps the vectors far from dependent. Where there is
//! nothing but x₁, v = 0 (Golub and Van Loan, *Matrix Computations*, section 5.1). The rows of R whose diagonal is negative,
//! and the columns of Q, change their signs in the end.
//!
//! Some reflections are taken together, with their vectors as the rows of V:
//!
//! ```text
//! H₁ H₂ … = I − Vᵀ T⁻¹ V,    T = the part of V Vᵀ above its diagonal, and half of that diagonal
//! ```
//!
//! so that rows C become C − (T⁻ᵀ V Cᵀ)ᵀ V, two products and a small triangular system, and with T in place of Tᵀ for the
//! opposite order (Joffrain, Low, Quintana-Ortí, van de Geijn and Van Zee, *Accumulating Householder Transformations,
//! Revisited*, ACM Trans. Math. Softw. 32, 2006). The diagonal of T is 1 but for rounding (and where v = 0); taken as it is, the
//! lengths to which vectors were rounded leave the product orthogonal.

use super::{
    Outcome, each,
    rows::{BLOCK, copy, dot, inverse_power, subtract},
    triangular::Triangle,
};
use crate::kernels::{Real, arch, matmul::Product, scratch::with_scratch, transpose::transpose, vector::Vectors};
use pulp::{Simd, WithSimd};

/// Reflections taken together.
const TOGETHER: usize = 2 * BLOCK;

/// A = Q R of every `[m, n]`, m ≥ n, where the diagonal of the upper triangular R is not negative: `out` is `[m + n,
/// n]` for each, Q, then R. Fails for numbers that are not finite, and where a 0 on the diagonal leaves Q open.
pub fn qr<T: Real>(a: &[T], m: usize, n: usize, out: &mut [T]) -> Outcome {
    each(out, (m + n) * n, m, |i, out| {
        let a = &a[i * m * n..][..m * n];
        if n == 0 {
            return true;
        }
        if !a.iter().fold(true, |all, x| all & x.finite()) {
            return false;
        }
        let pitch = m.next_multiple_of(BLOCK);
        with_scratch((2 * pitch + m) * n, |scratch: &mut [T]| {
            let (packed, rest) = scratch.split_at_mut(m * n);
            let (columns, vectors) = rest.split_at_mut(pitch * n);
            transpose(a, [m, n], packed);
            copy(packed, m, columns, pitch);
            reflect(columns, vectors, pitch, T::ZERO);
            let (q, r) = out.split_at_mut(m * n);
            r.fill(T::ZERO);
            for (j, column) in columns.chunks_exact(pitch).enumerate() {
                column[..=j].iter().zip(r[j..].iter_mut().step_by(n)).for_each(|(&x, r)| *r = x);
            }
            if r.iter().step_by(n + 1).any(|&x| x == T::ZERO) {
                return false;
            }
            identity_reflected(vectors, columns, pitch);
            for (k, (r, q)) in r.chunks_exact_mut(n).zip(columns.chunks_exact_mut(pitch)).enumerate() {
                if r[k] < T::ZERO {
                    r[k..].iter_mut().chain(q).for_each(|x| *x = -*x);
                }
            }
            copy(columns, pitch, packed, m);
            transpose(packed, [n, m], q);
            true
        })
    })
}

/// Reflects the columns of a matrix, the rows of `columns`, until only R is left: number i of row j is then r_ij if i ≤ j, and
/// arbitrary otherwise. Rows have `pitch` numbers, a whole number of blocks. Row k of `vectors` becomes the v of step k. What
/// is left of a column counts as 0 if it is no longer than `negligible` times that column.
pub(super) fn reflect<T: Real>(columns: &mut [T], vectors: &mut [T], pitch: usize, negligible: T) {
    let n = columns.len() / pitch;
    vectors.fill(T::ZERO);
    for k in (0..n).step_by(TOGETHER) {
        let (panel, rest) = columns[k * pitch..].split_at_mut(TOGETHER.min(n - k) * pitch);
        let vectors = &mut vectors[k * pitch..][..panel.len()];
        arch().dispatch(Panel { columns: panel, vectors, pitch, first: k, negligible });
        apply(vectors, rest, pitch, k, true);
    }
}

/// Writes Qᵀ, the product of all reflections, as far as it has rows.
pub(super) fn identity_reflected<T: Real>(vectors: &[T], rows: &mut [T], pitch: usize) {
    let n = vectors.len() / pitch;
    rows.fill(T::ZERO);
    rows.iter_mut().step_by(pitch + 1).for_each(|x| *x = T::ONE);
    for k in (0..n).step_by(TOGETHER).rev() {
        let vectors = &vectors[k * pitch..][..TOGETHER.min(n - k) * pitch];
        // The rows before are still those of the identity, which these vectors do not touch.
        apply(vectors, &mut rows[k * pitch..], pitch, k, false);
    }
}

/// A few columns to be reflected one by one.
struct Panel<'a, T> {
    columns: &'a mut [T],
    vectors: &'a mut [T],
    pitch: usize,
    /// Which column of the matrix is the first of them.
    first: usize,
    negligible: T,
}

impl<T: Real> WithSimd for Panel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (Panel { columns, vectors, pitch, first, negligible }, ops) = (self, Vectors::new(simd));
        for j in 0..columns.len() / pitch {
            let k = first + j;
            let (column, rest) = columns[j * pitch..].split_at_mut(pitch);
            let vector = &mut vectors[j * pitch..][..pitch];
            vector[k..].copy_from_slice(&column[k..]);
            let vector = &mut vector[first..];
            column[k] = reflection(ops, vector, j);
            // The numbers of R above make up the rest of the column.
            if column[k].magnitude() <= negligible * largest(&column[..k]) {
                column[k] = T::ZERO;
                vector.fill(T::ZERO);
            }
            for other in rest.chunks_exact_mut(pitch) {
                let other = &mut other[first..];
                let along = dot(ops, other, vector);
                subtract(ops, other, along, vector);
            }
        }
    }
}

fn largest<T: Real>(x: &[T]) -> T {
    x.iter().fold(T::ZERO, |largest, x| largest.larger(x.magnitude()))
}

/// Replaces x, which begins at number `k` and has zeros before, by v, and returns ∓|x|.
#[inline(always)]
fn reflection<T: Real, S: Simd>(ops: Vectors<T, S>, x: &mut [T], k: usize) -> T {
    let least = T::EPSILON * T::EPSILON * T::EPSILON * T::EPSILON;
    let squares = dot(ops, x, x);
    let mut scale = T::ONE;
    // Otherwise they may have overflowed, or vanished.
    if !(squares > least && squares < T::ONE / least) {
        scale = inverse_power(x);
        x.iter_mut().for_each(|x| *x *= scale);
    }
    let first = std::mem::replace(&mut x[k], T::ZERO);
    let below = dot(ops, x, x);
    if below == T::ZERO {
        return first / scale;
    }
    let length = (first * first + below).root();
    let end = if first < T::ZERO { length } else { -length };
    let begin = first - end;
    x[k] = begin;
    let factor = (T::of(2.0) / (begin * begin + below)).root();
    for x in x {
        *x *= factor;
    }
    end / scale
}

/// Multiplies each row by reflections, from the first to the last if `forward`, otherwise from the last to the first. The
/// vectors have only zeros before number `first`.
fn apply<T: Real>(vectors: &[T], rows: &mut [T], pitch: usize, first: usize, forward: bool) {
    let (count, m, width) = (vectors.len() / pitch, rows.len() / pitch, pitch - first);
    if m == 0 {
        return;
    }
    with_scratch(count * (width + count + m) + m * width, |scratch: &mut [T]| {
        let (v, scratch) = scratch.split_at_mut(count * width);
        let (gram, scratch) = scratch.split_at_mut(count * count);
        let (dots, c) = scratch.split_at_mut(count * m);
        copy(&vectors[first..], pitch, v, width);
        copy(&rows[first..], pitch, c, width);
        let product = Product { m: count, n: count, k: width, ta: false, tb: true, scale: 1.0 };
        product.gemm(gram, false, v, v);
        Product { n: m, ..product }.gemm(dots, false, v, c);
        // V Vᵀ is symmetric, so that either triangle of T is there.
        let half = |x: T| if x == T::ZERO { T::ONE } else { x * T::of(0.5) };
        gram.iter_mut().step_by(count + 1).for_each(|x| *x = half(*x));
        Triangle { numbers: gram, pitch: count, transposed: false, lower: forward, unit: false }.solve(dots, m);
        Product { m, n: width, k: count, ta: true, tb: false, scale: -1.0 }.gemm(c, true, dots, v);
        rows.chunks_exact_mut(pitch).zip(c.chunks_exact(width)).for_each(|(row, c)| row[first..].copy_from_slice(c));
    });
}

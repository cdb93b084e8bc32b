//! A = U diag(s) Vᵀ.
//!
//! Let X be the columns of A, or its rows if those are fewer. Rotations W make them orthogonal ([`jacobi`]): the lengths of
//! the rows of W X are the singular values, their directions and the rows of W the singular vectors. Two steps before save
//! most of the rotations:
//!
//! - Where the rows of X are much longer than they are many, X = Lᵀ Qᵀ with reflections ([`qr`](super::qr)), and L
//!   takes the place of X (Drmač and Veselić, *New Fast and Accurate Jacobi SVD Algorithm I*, SIAM J. Matrix Anal. Appl. 29,
//!   2008).
//! - Where there are many, the eigenvectors of X Xᵀ are orthogonal and make the rows almost so. Squaring has lost half of the
//!   digits of short rows, which the rotations then find.

use super::{
    Outcome, each, eigh,
    jacobi::Rows,
    qr::{identity_reflected, reflect},
    rows::{BLOCK, copy, inverse_power},
};
use crate::kernels::{Real, matmul::Product, scratch::with_scratch, simd, transpose::transpose};
use smallvec::SmallVec;

/// From this many rows on, eigenvectors come first.
const MANY: usize = 24;

/// A = U diag(s) Vᵀ of every `[m, n]`, with k = min(m, n) singular values in descending order: `out` is
/// `[m + 1 + n, k]` for each, U, then s, then V. Fails for numbers that are not finite.
pub fn svd<T: Real>(a: &[T], m: usize, n: usize, out: &mut [T]) -> Outcome {
    let k = m.min(n);
    each(out, (m + 1 + n) * k, m.max(n), |i, out| {
        let a = &a[i * m * n..][..m * n];
        if !a.iter().fold(true, |all, x| all & x.finite()) {
            return false;
        }
        let (u, rest) = out.split_at_mut(m * k);
        let (s, v) = rest.split_at_mut(k);
        let length = m.max(n);
        with_scratch((length + k) * k, |scratch: &mut [T]| {
            let (x, w) = scratch.split_at_mut(length * k);
            let (long, short) = if m < n {
                x.copy_from_slice(a);
                (v, u)
            } else {
                transpose(a, [m, n], x);
                (u, v)
            };
            let found = decompose(x, w, s);
            transpose(x, [k, length], long);
            transpose(w, [k, k], short);
            found
        })
    })
}

/// Replaces X by the directions of the rows of W X, and writes W and the lengths in descending order.
fn decompose<T: Real>(x: &mut [T], w: &mut [T], s: &mut [T]) -> bool {
    let (k, length) = (s.len(), x.len() / s.len());
    // Powers of 2. The second leaves room below the first for the squares of short rows.
    let scales = [inverse_power(x), T::of((1u64 << 40) as f64)];
    x.iter_mut().for_each(|x| *x = *x * scales[0] * scales[1]);
    let found = if 2 * length > 3 * k { by_triangle(x, length, w, s) } else { rotate(x, length, w, s) };
    s.iter_mut().for_each(|s| *s = *s / scales[1] / scales[0]);
    found
}

/// With L in place of X.
fn by_triangle<T: Real>(x: &mut [T], length: usize, w: &mut [T], s: &mut [T]) -> bool {
    let (k, pitch) = (s.len(), length.next_multiple_of(BLOCK));
    with_scratch(2 * k * pitch + k * k, |scratch: &mut [T]| {
        let (columns, rest) = scratch.split_at_mut(k * pitch);
        let (vectors, triangle) = rest.split_at_mut(k * pitch);
        copy(x, length, columns, pitch);
        // What rounding leaves of columns that depend on others has no direction.
        reflect(columns, vectors, pitch, T::EPSILON * T::of(length as f64));
        copy(columns, pitch, triangle, k);
        (0..k).for_each(|j| triangle[j * k + j + 1..][..k - j - 1].fill(T::ZERO));
        let found = rotate(triangle, k, w, s);
        identity_reflected(vectors, columns, pitch);
        Product { m: k, n: pitch, k, ta: false, tb: false, scale: 1.0 }.gemm(vectors, false, triangle, columns);
        copy(vectors, pitch, x, length);
        found
    })
}

/// With all of X.
fn rotate<T: Real>(x: &mut [T], length: usize, w: &mut [T], s: &mut [T]) -> bool {
    let k = s.len();
    let (x_pitch, w_pitch) = (length.next_multiple_of(BLOCK), k.next_multiple_of(BLOCK));
    let pitch = x_pitch + w_pitch;
    precondition(x, length, w, k);
    with_scratch(k * pitch, |rows: &mut [T]| {
        for (i, row) in rows.chunks_exact_mut(pitch).enumerate() {
            row.fill(T::ZERO);
            row[..length].copy_from_slice(&x[i * length..][..length]);
            row[x_pitch..][..k].copy_from_slice(&w[i * k..][..k]);
        }
        let found = with_scratch(k, |squares: &mut [f64]| {
            Rows { numbers: &mut *rows, pitch, length: x_pitch, squares }.orthogonalize()
        });
        simd(
            #[inline(always)]
            || {
                for (s, row) in s.iter_mut().zip(rows.chunks_exact_mut(pitch)) {
                    *s = normalize(&mut row[..x_pitch]);
                    normalize(&mut row[x_pitch..]);
                }
            },
        );
        let mut order: SmallVec<[usize; 2 * BLOCK]> = (0..k).collect();
        order.sort_by(|&i, &j| s[j].partial_cmp(&s[i]).expect("no length is NaN"));
        s.sort_by(|a, b| b.partial_cmp(a).expect("no length is NaN"));
        for (i, &from) in order.iter().enumerate() {
            let (from, to) = rows[from * pitch..][..pitch].split_at(x_pitch);
            x[i * length..][..length].copy_from_slice(&from[..length]);
            w[i * k..][..k].copy_from_slice(&to[..k]);
        }
        let least = s[0] * T::of(T::EPSILON.to_f64().powi(4));
        let rank = s.iter().take_while(|&&s| s > least).count();
        s[rank..].fill(T::ZERO);
        complete(x, length, rank);
        found
    })
}

/// Divides a row by its length, which is returned.
#[inline(always)]
fn normalize<T: Real>(row: &mut [T]) -> T {
    let mut sums = [T::ZERO; BLOCK];
    for x in row.as_chunks::<BLOCK>().0 {
        for l in 0..BLOCK {
            sums[l] += x[l] * x[l];
        }
    }
    let length = sums.into_iter().sum::<T>().root();
    if length > T::ZERO {
        row.iter_mut().for_each(|x| *x = *x / length);
    }
    length
}

/// Replaces X by W X for the W that makes the rows orthogonal as far as eigenvectors do.
fn precondition<T: Real>(x: &mut [T], length: usize, w: &mut [T], k: usize) {
    if k < MANY {
        w.fill(T::ZERO);
        return w.iter_mut().step_by(k + 1).for_each(|w| *w = T::ONE);
    }
    with_scratch(k * k + k * (k + 1).max(length), |scratch: &mut [T]| {
        let (gram, packed) = scratch.split_at_mut(k * k);
        Product { m: k, n: k, k: length, ta: false, tb: true, scale: 1.0 }.gemm(gram, false, x, x);
        eigh(gram, k, &mut packed[..k * (k + 1)]).expect("the numbers are finite");
        transpose(&packed[k..k * (k + 1)], [k, k], gram);
        // The largest eigenvalue first.
        gram.chunks_exact(k).rev().zip(w.chunks_exact_mut(k)).for_each(|(from, to)| to.copy_from_slice(from));
        let copied = &mut packed[..k * length];
        copied.copy_from_slice(x);
        Product { m: k, n: length, k, ta: false, tb: false, scale: 1.0 }.gemm(x, false, w, copied);
        // What is shorter than the errors of the product has no direction.
        let size = |row: &[T]| row.iter().map(|&x| x * x).sum::<T>().root();
        let least = T::EPSILON * x.chunks_exact(length).map(size).fold(T::ZERO, T::larger);
        x.chunks_exact_mut(length).filter(|row| size(row) <= least).for_each(|row| row.fill(T::ZERO));
    });
}

/// Makes the rows from number `rank` on orthonormal, to each other and to those before, which are: of each unit vector that
/// the rows before contain the least of, what they do not contain.
fn complete<T: Real>(x: &mut [T], length: usize, rank: usize) {
    let k = x.len() / length;
    if rank == k {
        return;
    }
    with_scratch(length + k, |scratch: &mut [T]| {
        let (contained, along) = scratch.split_at_mut(length);
        contained.fill(T::ZERO);
        let add = |contained: &mut [T], row: &[T]| contained.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x * x);
        x[..rank * length].chunks_exact(length).for_each(|row| add(contained, row));
        for i in rank..k {
            let (known, rest) = x.split_at_mut(i * length);
            let row = &mut rest[..length];
            let least = (1..length).fold(0, |best, j| if contained[j] < contained[best] { j } else { best });
            row.fill(T::ZERO);
            row[least] = T::ONE;
            // Twice is enough.
            for _ in 0..2 {
                let along = &mut along[..i];
                Product { m: i, n: 1, k: length, ta: false, tb: false, scale: 1.0 }.gemm(along, false, known, row);
                Product { m: 1, n: length, k: i, ta: false, tb: false, scale: -1.0 }.gemm(row, true, along, known);
            }
            let size = row.iter().map(|&x| x * x).sum::<T>().root();
            row.iter_mut().for_each(|x| *x = *x / size);
            add(contained, row);
        }
    });
}

//! Scans: values that are carried along the middle axis of `[outer, len, inner]`, from entry to entry.
//!
//! An entry waits for the one before it. So lines side by side in memory are scanned together, a vector of them at a time,
//! and eight lines along the last axis each take a step in turn. Every line has the bits of a loop over it alone.

use super::{Real, parallel, scratch::with_scratch, simd};

/// Lines along the last axis that are scanned together.
const TOGETHER: usize = 8;

/// `out[:, i, :] = Σ over j ≤ i of x[:, j, :]`, or over j ≥ i if `reverse` (the adjoint).
pub fn cumsum<T: Real>(x: &[T], sizes: [usize; 3], reverse: bool, out: &mut [T]) {
    // No addition of 0 before the first, which would lose the sign of −0.
    scan(
        [x],
        sizes,
        reverse,
        -T::ZERO,
        out,
        #[inline(always)]
        |sum, [x]| (sum + x, sum + x),
    );
}

/// `out[:, i, :] = Π over j ≤ i of x[:, j, :]`.
pub fn cumprod<T: Real>(x: &[T], sizes: [usize; 3], out: &mut [T]) {
    scan(
        [x],
        sizes,
        false,
        T::ONE,
        out,
        #[inline(always)]
        |product, [x]| (product * x, product * x),
    );
}

/// `yᵢ = bᵢ + aᵢ yᵢ₋₁`, or its adjoint in b `yᵢ = bᵢ + aᵢ₊₁ yᵢ₊₁` if `reverse`.
pub fn recurrence<T: Real>(a: &[T], b: &[T], sizes: [usize; 3], reverse: bool, y: &mut [T]) {
    match reverse {
        false => scan(
            [a, b],
            sizes,
            false,
            T::ZERO,
            y,
            #[inline(always)]
            |y, [a, b]| (b + a * y, b + a * y),
        ),
        true => scan(
            [a, b],
            sizes,
            true,
            T::ZERO,
            y,
            #[inline(always)]
            |carried, [a, b]| (b + carried, a * (b + carried)),
        ),
    }
}

/// `out[:, i, :] = ln Σ over j ≤ i of e^x[:, j, :]`.
///
/// With the running maximum mᵢ that is `mᵢ + ln sᵢ` with the recurrence `sᵢ = e^(mᵢ₋₁ − mᵢ) sᵢ₋₁ + e^(xᵢ − mᵢ)`, whose
/// exponentials depend on no entry before and are taken in full vectors.
pub fn logcumsumexp<T: Real>(x: &[T], sizes: [usize; 3], out: &mut [T]) {
    let (count, [_, len, inner]) = (out.len(), sizes);
    scan(
        [x],
        sizes,
        false,
        -T::INFINITY,
        out,
        #[inline(always)]
        |max, [x]| (max.larger(x), max.larger(x)),
    );
    with_scratch(3 * count, |scratch: &mut [T]| {
        let (decay, rest) = scratch.split_at_mut(count);
        let (parts, sums) = rest.split_at_mut(count);
        let (line, max) = (len * inner, &*out);
        let numbers = parallel::rows_per_chunk(count / line.max(1), line) * line;
        parallel::each_chunk_of_two((decay, parts), (numbers, numbers), count, |chunk, decay, parts| {
            let at = chunk * numbers..chunk * numbers + parts.len();
            let (x, max) = (&x[at.clone()], &max[at]);
            simd(
                #[inline(always)]
                || {
                    for ((part, &x), &max) in parts.iter_mut().zip(x).zip(max) {
                        // Where both are −∞, the part is 0, and where both are ∞, 1.
                        let absent = x == -T::INFINITY;
                        *part = T::pick(absent, x, T::pick(x == max, T::ZERO, x - max)).exp_();
                    }
                    for (decay, max) in decay.chunks_exact_mut(line).zip(max.chunks_exact(line)) {
                        decay[..inner].fill(T::ZERO);
                        for ((decay, &max), &before) in decay[inner..].iter_mut().zip(&max[inner..]).zip(max) {
                            *decay = T::pick(before == max, T::ZERO, before - max).exp_();
                        }
                    }
                },
            );
        });
        recurrence(decay, parts, sizes, false, sums);
        parallel::each_chunk(out, numbers, count, |chunk, out| {
            let sums = &sums[chunk * numbers..][..out.len()];
            simd(
                #[inline(always)]
                || {
                    for (max, &sum) in out.iter_mut().zip(sums) {
                        *max += sum.ln_();
                    }
                },
            );
        });
    });
}

/// The gradient of [`cumprod`] from x, its result z and dz: `dxᵢ = zᵢ₋₁ yᵢ` with `yᵢ = dzᵢ + xᵢ₊₁ yᵢ₊₁`. Nothing is
/// divided.
pub fn cumprod_grad<T: Real>(x: &[T], z: &[T], dz: &[T], sizes: [usize; 3], dx: &mut [T]) {
    recurrence(x, dz, sizes, true, dx);
    let [_, len, inner] = sizes;
    let (line, work) = (len * inner, dx.len());
    let lines = parallel::rows_per_chunk(dx.len() / line.max(1), line);
    parallel::each_chunk(dx, lines * line, work, |chunk, dx| {
        let z = &z[chunk * lines * line..][..dx.len()];
        for (dx, z) in dx.chunks_exact_mut(line).zip(z.chunks_exact(line)) {
            dx[inner..].iter_mut().zip(z).for_each(|(dx, &z)| *dx *= z);
        }
    });
}

/// `(out, carried) = step(carried, x)` along every line, from `start`, or from its end if `reverse`.
#[inline(always)]
fn scan<T: Real, const K: usize>(
    x: [&[T]; K],
    [outer, len, inner]: [usize; 3],
    reverse: bool,
    start: T,
    out: &mut [T],
    step: impl Fn(T, [T; K]) -> (T, T) + Sync,
) {
    debug_assert!(x.iter().all(|x| x.len() == out.len()) && out.len() == outer * len * inner);
    let (line, work) = (len * inner, out.len());
    let lines = match inner {
        1 => parallel::rows_per_chunk(outer, len).next_multiple_of(TOGETHER),
        _ => parallel::rows_per_chunk(outer, line),
    };
    let place = move |i: usize| if reverse { len - 1 - i } else { i };
    parallel::each_chunk(out, lines * line, work, |chunk, out| {
        let x = x.map(|x| &x[chunk * lines * line..][..out.len()]);
        simd(
            #[inline(always)]
            || {
                if inner == 1 {
                    let (groups, whole) = (len * TOGETHER, out.len() / (len * TOGETHER) * (len * TOGETHER));
                    let (first, rest) = out.split_at_mut(whole);
                    for (i, out) in first.chunks_exact_mut(groups).enumerate() {
                        let x = x.map(|x| &x[i * groups..][..groups]);
                        rows::<T, K, TOGETHER>(x, len, &place, start, out, &step);
                    }
                    for (i, out) in rest.chunks_exact_mut(len).enumerate() {
                        rows::<T, K, 1>(x.map(|x| &x[whole + i * len..][..len]), len, &place, start, out, &step);
                    }
                    return;
                }
                with_scratch(
                    inner,
                    #[inline(always)]
                    |carried: &mut [T]| {
                        for (i, out) in out.chunks_exact_mut(line).enumerate() {
                            carried.fill(start);
                            for j in 0..len {
                                let at = place(j) * inner;
                                let x = x.map(|x| &x[i * line + at..][..inner]);
                                columns(x, carried, &mut out[at..][..inner], &step);
                            }
                        }
                    },
                );
            },
        );
    });
}

/// One step of the lines side by side in memory.
#[inline(always)]
fn columns<T: Real, const K: usize>(
    x: [&[T]; K],
    carried: &mut [T],
    out: &mut [T],
    step: &impl Fn(T, [T; K]) -> (T, T),
) {
    let n = out.len();
    let (x, carried) = (x.map(|x| &x[..n]), &mut carried[..n]);
    for i in 0..n {
        (out[i], carried[i]) = step(carried[i], x.map(|x| x[i]));
    }
}

/// N lines along the last axis, each a step in turn.
#[inline(always)]
fn rows<T: Real, const K: usize, const N: usize>(
    x: [&[T]; K],
    len: usize,
    place: &impl Fn(usize) -> usize,
    start: T,
    out: &mut [T],
    step: &impl Fn(T, [T; K]) -> (T, T),
) {
    let x: [[&[T]; K]; N] = std::array::from_fn(|row| x.map(|x| &x[row * len..][..len]));
    let mut rows = out.chunks_exact_mut(len);
    let out: [&mut [T]; N] = std::array::from_fn(|_| rows.next().expect("as many lines as are scanned together"));
    let mut carried = [start; N];
    for j in 0..len {
        let j = place(j);
        for row in 0..N {
            (out[row][j], carried[row]) = step(carried[row], x[row].map(|x| x[j]));
        }
    }
}

#[cfg(test)]
mod tests;

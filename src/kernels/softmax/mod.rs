//! Softmax and its relatives along the middle axis of `[outer, k, inner]`, and the cross-entropy of rows of logits.
//!
//! softmax(x)ᵢ = e^(xᵢ − M) / Σⱼ e^(xⱼ − M) with M = max x, so nothing overflows;
//! log softmax(x)ᵢ = xᵢ − M − ln Σⱼ e^(xⱼ − M), which stays exact where the softmax itself would round to 0.
//!
//! Entries of −∞ have probability 0. A line of nothing but −∞, or with +∞ or NaN in it, has no softmax and gives NaN;
//! its log-sum-exp is the limit: −∞, +∞ or NaN.
//!
//! Lines are processed in blocks that stay in the innermost cache, each step as one flat loop over the block, so that
//! `exp` runs in full vectors even for lines of ten classes.

mod lengths;
#[cfg(test)]
mod tests;

use super::{Real, parallel, rows, scratch::with_scratch, simd};

/// Numbers of a block.
const BLOCK: usize = 2048;
/// How many times as much work a number is, of which an exponential is taken, as one that is only moved.
const WORK: usize = 2;
/// Folds side by side.
const LANES: usize = 16;

/// The sizes of a tensor `[outer, k, inner]`; its lines run along the middle axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Product of the axes before.
    pub outer: usize,
    /// Length of a line.
    pub k: usize,
    /// Product of the axes after.
    pub inner: usize,
}

impl Lines {
    /// Lines along the last axis: the rows of a matrix.
    pub fn rows(outer: usize, k: usize) -> Self {
        Lines { outer, k, inner: 1 }
    }

    /// Softmax of every line.
    pub fn softmax<T: Real>(&self, x: &[T], out: &mut [T]) {
        self.blocks(
            out,
            #[inline(always)]
            |at, out| self.softmax_of_block(&x[at..at + out.len()], out),
        );
    }

    #[inline(always)]
    fn softmax_of_block<T: Real>(&self, x: &[T], out: &mut [T]) {
        with_scratch(
            self.lines(out.len()),
            #[inline(always)]
            |line: &mut [T]| {
                out.copy_from_slice(x);
                self.largest(out, line);
                self.update(out, line, |x, max| x - max);
                out.iter_mut().for_each(|x| *x = x.exp_());
                self.fold(out, line, T::ZERO, |s, x| s + x);
                line.iter_mut().for_each(|s| *s = T::ONE / *s);
                self.update(out, line, |x, scale| x * scale);
            },
        );
    }

    /// Logarithm of the softmax of every line.
    pub fn log_softmax<T: Real>(&self, x: &[T], out: &mut [T]) {
        self.blocks(
            out,
            #[inline(always)]
            |at, out| {
                let lines = self.lines(out.len());
                with_scratch(
                    lines + out.len(),
                    #[inline(always)]
                    |scratch: &mut [T]| {
                        let (line, exponentials) = scratch.split_at_mut(lines);
                        out.copy_from_slice(&x[at..at + out.len()]);
                        self.largest(out, line);
                        self.update(out, line, |x, max| x - max);
                        exponentials.iter_mut().zip(&*out).for_each(|(e, x)| *e = x.exp_());
                        self.fold(exponentials, line, T::ZERO, |s, x| s + x);
                        line.iter_mut().for_each(|s| *s = s.ln_());
                        self.update(out, line, |x, log| x - log);
                    },
                );
            },
        );
    }

    /// ln Σ eˣ of every line: `out` is `[outer, inner]`.
    pub fn logsumexp<T: Real>(&self, x: &[T], out: &mut [T]) {
        let (line, columns) = (self.k * self.inner, self.inner.max(1));
        let lines = (BLOCK / line.max(1)).max(1);
        parallel::each_chunk(out, lines * columns, WORK * x.len(), |block, out| {
            let x = &x[block * lines * line..][..out.len() / columns * line];
            simd(
                #[inline(always)]
                || {
                    with_scratch(
                        out.len() + x.len(),
                        #[inline(always)]
                        |scratch: &mut [T]| {
                            let (max, shifted) = scratch.split_at_mut(out.len());
                            shifted.copy_from_slice(x);
                            self.largest(shifted, max);
                            // An infinite maximum is not subtracted: ∞ − ∞ would hide the limit.
                            max.iter_mut().for_each(|m| *m = T::pick(m.magnitude() == T::INFINITY, T::ZERO, *m));
                            self.update(shifted, max, |x, max| x - max);
                            shifted.iter_mut().for_each(|x| *x = x.exp_());
                            self.fold(shifted, out, T::ZERO, |s, x| s + x);
                            out.iter_mut().zip(&*max).for_each(|(s, &max)| *s = s.ln_() + max);
                        },
                    );
                },
            );
        });
    }

    /// The numbers of a block of whole lines, and of its lines.
    fn block(&self) -> (usize, usize) {
        let line = self.k * self.inner;
        let planes = (BLOCK / line.max(1)).max(1);
        (planes * line.max(1), planes * self.inner)
    }

    /// Runs `body(at, block)` on blocks of whole lines of `out`.
    fn blocks<T: Real>(&self, out: &mut [T], body: impl Fn(usize, &mut [T]) + Sync) {
        let (size, work) = (self.block().0, WORK * out.len());
        parallel::each_chunk(out, size, work, |block, out| {
            simd(
                #[inline(always)]
                || body(block * size, out),
            );
        });
    }

    /// The number of lines in `numbers` numbers.
    #[inline(always)]
    fn lines(&self, numbers: usize) -> usize {
        numbers / self.k.max(1)
    }

    /// The largest of every line; NaN if any is NaN.
    #[inline(always)]
    fn largest<T: Real>(&self, x: &[T], line: &mut [T]) {
        if self.inner != 1 || self.k < 2 * LANES {
            return self.fold(x, line, -T::INFINITY, T::larger);
        }
        for (line, x) in line.iter_mut().zip(x.chunks_exact(self.k)) {
            *line = rows::lanes::<T, { rows::FOR_MAXIMA }>(x, -T::INFINITY, T::larger);
        }
    }

    /// `line = f(f(start, x₀), x₁) …` along every line of `x`.
    #[inline(always)]
    fn fold<T: Real>(&self, x: &[T], line: &mut [T], start: T, f: impl Fn(T, T) -> T) {
        line.fill(start);
        if self.inner == 1 {
            return fold_rows(x, self.k, line, start, f);
        }
        for (line, x) in line.chunks_exact_mut(self.inner).zip(x.chunks_exact((self.k * self.inner).max(1))) {
            for x in x.chunks_exact(self.inner) {
                line.iter_mut().zip(x).for_each(|(line, &x)| *line = f(*line, x));
            }
        }
    }

    /// `x = f(x, its line's number)`.
    #[inline(always)]
    fn update<T: Real>(&self, x: &mut [T], line: &[T], f: impl Fn(T, T) -> T) {
        if self.inner == 1 {
            for (&line, x) in line.iter().zip(x.chunks_exact_mut(self.k.max(1))) {
                x.iter_mut().for_each(|x| *x = f(*x, line));
            }
            return;
        }
        for (line, x) in line.chunks_exact(self.inner).zip(x.chunks_exact_mut((self.k * self.inner).max(1))) {
            for x in x.chunks_exact_mut(self.inner) {
                x.iter_mut().zip(line).for_each(|(x, &line)| *x = f(*x, line));
            }
        }
    }
}

/// `line[i] = f(… f(start, x) …)` over row i of `k` numbers. Short rows are folded side by side, long ones in several
/// running folds side by side, so that no number waits for the one before it.
#[inline(always)]
fn fold_rows<T: Real>(x: &[T], k: usize, line: &mut [T], start: T, f: impl Fn(T, T) -> T) {
    if k < 2 * LANES {
        let mut blocks = line.chunks_exact_mut(LANES);
        for (block, x) in blocks.by_ref().zip(x.chunks_exact((LANES * k).max(1))) {
            let mut folds = [start; LANES];
            for i in 0..k {
                for (row, fold) in folds.iter_mut().enumerate() {
                    *fold = f(*fold, x[row * k + i]);
                }
            }
            block.copy_from_slice(&folds);
        }
        let rest = blocks.into_remainder();
        for (line, x) in rest.iter_mut().rev().zip(x.rchunks_exact(k.max(1))) {
            *line = x.iter().fold(start, |a, &b| f(a, b));
        }
        return;
    }
    for (line, x) in line.iter_mut().zip(x.chunks_exact(k)) {
        let mut folds = [start; LANES];
        let (vectors, rest) = x.as_chunks::<LANES>();
        for vector in vectors {
            for (fold, &x) in folds.iter_mut().zip(vector) {
                *fold = f(*fold, x);
            }
        }
        let whole = folds.iter().fold(start, |a, &b| f(a, b));
        *line = rest.iter().fold(whole, |a, &b| f(a, b));
    }
}

/// `losses[i] = −log softmax(logits[i])[labels[i]]` for `logits [n, k]`; every label must be below `k`.
pub fn cross_entropy<T: Real>(logits: &[T], labels: &[usize], losses: &mut [T]) {
    let k = logits.len() / labels.len().max(1);
    let rows = (BLOCK / k.max(1)).max(1);
    debug_assert!(labels.iter().all(|&label| label < k) && losses.len() == labels.len());
    parallel::each_chunk(losses, rows, WORK * logits.len(), |block, losses| {
        let x = &logits[block * rows * k..][..losses.len() * k];
        let labels = &labels[block * rows..];
        simd(
            #[inline(always)]
            || {
                let lines = Lines::rows(losses.len(), k);
                with_scratch(
                    x.len() + losses.len(),
                    #[inline(always)]
                    |scratch: &mut [T]| {
                        let (shifted, sums) = scratch.split_at_mut(x.len());
                        shifted.copy_from_slice(x);
                        lines.largest(x, sums);
                        lines.update(shifted, sums, |x, max| x - max);
                        for ((loss, row), &label) in losses.iter_mut().zip(shifted.chunks_exact(k)).zip(labels) {
                            *loss = -row[label];
                        }
                        shifted.iter_mut().for_each(|x| *x = x.exp_());
                        lines.fold(shifted, sums, T::ZERO, |s, x| s + x);
                        losses.iter_mut().zip(&*sums).for_each(|(loss, sum)| *loss += sum.ln_());
                    },
                );
            },
        );
    });
}

/// `dx[i] = scale · (softmax(logits[i]) − onehot(labels[i]))`, the gradient of `scale · Σ losses[i]`.
pub fn cross_entropy_grad<T: Real>(logits: &[T], labels: &[usize], scale: T, dx: &mut [T]) {
    let k = logits.len() / labels.len().max(1);
    let lines = Lines::rows(labels.len(), k);
    lines.blocks(
        dx,
        #[inline(always)]
        |at, dx| {
            lines.softmax_of_block(&logits[at..at + dx.len()], dx);
            for (row, &label) in dx.chunks_exact_mut(k.max(1)).zip(&labels[at / k.max(1)..]) {
                row[label] -= T::ONE;
                row.iter_mut().for_each(|x| *x *= scale);
            }
        },
    );
}

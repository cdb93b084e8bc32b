//! Elementwise loops: `out[i] = f(x[i], …)` over one block, compiled for the widest vectors of the machine.
//!
//! An operand is a slice as long as the block, or one number for all of its elements.

use super::{PARALLEL, Real, parallel, rows, scratch::with_scratch, simd};

/// What an elementwise loop reads.
#[derive(Clone, Copy)]
pub enum Operand<'a, T> {
    /// One number for each element of the block.
    Each(&'a [T]),
    /// The same number for all of them.
    Same(T),
}

impl<T: Real> Operand<'_, T> {
    /// The number for element i.
    #[inline(always)]
    pub fn at(&self, i: usize) -> T {
        match *self {
            Operand::Each(x) => x[i],
            Operand::Same(x) => x,
        }
    }
}

/// A loop with one input and one parameter.
pub type Unary<T> = fn(&[T], T, &mut [T]);
/// A loop with two inputs.
pub type Binary<T> = fn(Operand<T>, Operand<T>, &mut [T]);
/// A loop with three inputs.
pub type Ternary<T> = fn(Operand<T>, Operand<T>, Operand<T>, &mut [T]);

/// A loop with four inputs.
pub type Quaternary<T> = fn(Operand<T>, [Operand<T>; 3], &mut [T]);

/// An elementwise loop by its number of inputs.
#[derive(Clone, Copy)]
pub enum Loop<T> {
    /// One input and one parameter.
    Unary(Unary<T>),
    /// Two inputs.
    Binary(Binary<T>),
    /// Three inputs.
    Ternary(Ternary<T>),
    /// Four inputs.
    Quaternary(Quaternary<T>),
}

impl<T: Real> Loop<T> {
    /// Computes `out` from operands.
    #[inline(always)]
    pub fn run<'o>(self, operand: impl Fn(usize) -> Operand<'o, T>, parameter: T, out: &mut [T])
    where
        T: 'o,
    {
        match self {
            Loop::Unary(run) => match operand(0) {
                Operand::Each(x) => run(x, parameter, out),
                Operand::Same(x) => {
                    let mut y = [x];
                    run(&[x], parameter, &mut y);
                    out.fill(y[0]);
                }
            },
            Loop::Binary(run) => run(operand(0), operand(1), out),
            Loop::Ternary(run) => run(operand(0), operand(1), operand(2), out),
            Loop::Quaternary(run) => run(operand(0), [operand(1), operand(2), operand(3)], out),
        }
    }
}

/// `out[i] = f(x[i])`.
#[inline(always)]
pub fn map<T: Real>(x: &[T], out: &mut [T], f: impl Fn(T) -> T) {
    simd(
        #[inline(always)]
        move || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(x);
            }
        },
    )
}

/// `out[i] = f(a[i], b[i])`.
#[inline(always)]
pub fn zip<T: Real>(a: Operand<T>, b: Operand<T>, out: &mut [T], f: impl Fn(T, T) -> T) {
    use Operand::{Each, Same};
    match (a, b) {
        (Each(a), Each(b)) => simd(
            #[inline(always)]
            move || {
                for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *out = f(a, b);
                }
            },
        ),
        (Each(a), Same(b)) => map(
            a,
            out,
            #[inline(always)]
            move |a| f(a, b),
        ),
        (Same(a), Each(b)) => map(
            b,
            out,
            #[inline(always)]
            move |b| f(a, b),
        ),
        (Same(a), Same(b)) => out.fill(f(a, b)),
    }
}

/// `acc[i] += x[i]`.
pub fn add_assign<T: Real>(acc: &mut [T], x: &[T]) {
    in_pieces(acc, |at, acc| Total::Sum.merge(acc, &x[at..at + acc.len()]));
}

/// `out[i] = x[i]`.
pub fn copy<T: Real>(x: &[T], out: &mut [T]) {
    in_pieces(out, |at, out| out.copy_from_slice(&x[at..at + out.len()]));
}

/// `out[i] = 0`.
pub fn clear<T: Real>(out: &mut [T]) {
    in_pieces(out, |_, out| out.fill(T::ZERO));
}

/// Calls `body(at, piece)` for pieces of `out` that begin at `at`, in parallel where there are many.
fn in_pieces<T: Real>(out: &mut [T], body: impl Fn(usize, &mut [T]) + Sync) {
    const PIECE: usize = PARALLEL / 2;
    let numbers = out.len();
    parallel::each_chunk(out, PIECE, numbers, |i, out| body(i * PIECE, out));
}

/// `out[i] = (a[i] − b[i]) · scale`.
pub fn difference<T: Real>(a: &[T], b: &[T], scale: T, out: &mut [T]) {
    zip(
        Operand::Each(a),
        Operand::Each(b),
        out,
        #[inline(always)]
        |a, b| (a - b) * scale,
    );
}

/// The mean of (a[i] − b[i])²: runs are summed in vectors, then added in double precision.
pub fn mean_square<T: Real>(a: &[T], b: &[T]) -> T {
    const RUN: usize = 1024;
    let runs = a.chunks(RUN).zip(b.chunks(RUN)).map(|(a, b)| {
        with_scratch(a.len(), |squares: &mut [T]| {
            zip(
                Operand::Each(a),
                Operand::Each(b),
                squares,
                #[inline(always)]
                |a, b| (a - b) * (a - b),
            );
            lanes::<T, 1>(squares, T::ZERO, plus).to_f64()
        })
    });
    T::of(runs.sum::<f64>() / a.len() as f64)
}

/// How a reduction combines many numbers into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Their sum.
    Sum,
    /// The largest; NaN if any is NaN.
    Max,
    /// The smallest; NaN if any is NaN.
    Min,
}

impl Total {
    /// The total of no numbers.
    pub(crate) fn start<T: Real>(self) -> T {
        match self {
            Total::Sum => T::ZERO,
            Total::Max => -T::INFINITY,
            Total::Min => T::INFINITY,
        }
    }

    /// The total of two.
    pub(crate) fn of_two<T: Real>(self, a: T, b: T) -> T {
        match self {
            Total::Sum => a + b,
            Total::Max => a.larger(b),
            Total::Min => a.smaller(b),
        }
    }

    /// The total of a slice.
    pub(crate) fn of<T: Real>(self, x: &[T]) -> T {
        let start = self.start();
        match self {
            Total::Sum => lanes::<T, 1>(x, start, plus),
            Total::Max => lanes::<T, { rows::FOR_MAXIMA }>(x, start, T::larger),
            Total::Min => lanes::<T, { rows::FOR_MAXIMA }>(x, start, T::smaller),
        }
    }

    /// `acc[i] = total of acc[i] and of x[i], x[n + i], …` with n the length of `acc`.
    pub(crate) fn merge<T: Real>(self, acc: &mut [T], x: &[T]) {
        match self {
            Total::Sum => rows::merge(acc, x, plus),
            Total::Max => rows::merge(acc, x, T::larger),
            Total::Min => rows::merge(acc, x, T::smaller),
        }
    }

    /// `acc[i] = total of acc[i] and of the row i` of `x`, which has as many rows as there are totals.
    pub(crate) fn merge_rows<T: Real>(self, acc: &mut [T], x: &[T]) {
        let start = self.start();
        match self {
            Total::Sum => rows::merge_each::<T, 1>(acc, x, start, plus),
            Total::Max => rows::merge_each::<T, { rows::FOR_MAXIMA }>(acc, x, start, T::larger),
            Total::Min => rows::merge_each::<T, { rows::FOR_MAXIMA }>(acc, x, start, T::smaller),
        }
    }
}

#[inline(always)]
fn plus<T: Real>(a: T, b: T) -> T {
    a + b
}

/// The total of a slice.
#[inline(always)]
fn lanes<T: Real, const CHAINS: usize>(x: &[T], start: T, f: impl Fn(T, T) -> T) -> T {
    simd(
        #[inline(always)]
        move || rows::lanes::<T, CHAINS>(x, start, f),
    )
}

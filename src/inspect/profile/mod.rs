//! Where the time of a program goes: by operation, by layer, by line, forward and backward.
//!
//! [`Tape::set_profiling`] starts the clock, [`Tape::profile`] reads it. Every moment is counted once, under the innermost
//! operation, rule or hand-written function that was running, so that the shares add up: what is outside of the tape (data,
//! the update, the program itself) has a row of its own, and so has the measuring. A chain of elementwise operations is
//! computed in one pass over memory, where no clock can tell its operations apart: it is one row, under all its names and
//! lines, wherever its value was first needed.
//!
//! Floating-point operations and bytes come from shapes, not from counters of the processor. An addition, a product, a
//! comparison and an exponential count as one operation each; the bytes are those of operands and result, each once, as if
//! nothing were in a cache. So FLOP/s compare with the peak of a machine, and GB/s may exceed what its memory delivers.

mod rows;
mod table;

use crate::tape::{BOOKKEEPING, Measured, Spent, Tape};

pub use rows::{Row, Rows};

/// Where the time went. It prints as a table by operation.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Profile {
    /// What was measured, in no particular order; [`operations`](Profile::operations), [`layers`](Profile::layers) and
    /// [`lines`](Profile::lines) sum it up.
    pub spent: Vec<Spent>,
    /// How many recordings there were: [`Tape::reset`] separates them.
    pub steps: u64,
    /// Seconds from the first moment to the last.
    pub seconds: f64,
    /// Seconds of them outside of the tape: data, updates, and whatever else the program does between operations.
    pub outside: f64,
    /// Seconds of them that the measuring took.
    pub measuring: f64,
}

impl Profile {
    fn new(Measured { spent, steps, outside, measuring }: Measured) -> Profile {
        let seconds = spent.iter().map(|spent| spent.seconds).sum::<f64>() + outside + measuring;
        Profile { spent, steps, seconds, outside, measuring }
    }

    /// Whether nothing was measured on the tape.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// By operation, forward and backward, the longest first. What runs inside of a hand-written function belongs to the
    /// innermost function, and is not counted twice.
    pub fn operations(&self) -> Rows<'_> {
        Rows::new(self, |spent| {
            let inner = spent.functions.last();
            let name = inner.map_or(&spent.operation, |function| &function.0).clone();
            let lines = inner.map_or(rows::places(&spent.lines), |function| rows::place(function.1));
            Row { layer: spent.layer.clone(), operation: name, lines, rule: spent.rule, ..Row::of(spent) }
        })
    }

    /// By layer, forward and backward, the longest first.
    pub fn layers(&self) -> Rows<'_> {
        Rows::new(self, |spent| {
            let name = if spent.operation == BOOKKEEPING { BOOKKEEPING } else { "" };
            Row { layer: spent.layer.clone(), operation: name.to_owned(), ..Row::of(spent) }
        })
    }

    /// By line of the program, forward and backward, the longest first. The line of a rule is that of the operation whose
    /// gradient it computes; operations inside of a hand-written function have their own.
    pub fn lines(&self) -> Rows<'_> {
        Rows::new(self, |spent| {
            let name = if spent.operation == BOOKKEEPING { BOOKKEEPING } else { "" };
            Row { lines: rows::places(&spent.lines), operation: name.to_owned(), ..Row::of(spent) }
        })
    }
}

impl Tape {
    /// Where the time went since [`set_profiling`](Tape::set_profiling)`(true)`, until now: for each operation, layer and
    /// line, forward and backward. Several recordings, as a loop of training makes them, add up.
    ///
    /// No bit of any result depends on it. While a tape is not profiled, an operation pays one comparison for it; while it
    /// is, several hundred nanoseconds, which have a row of their own.
    ///
    /// ```
    /// use wengert::{Tape, Tensor};
    /// let mut tape = Tape::f64();
    /// tape.set_profiling(true);
    /// for _ in 0..3 {
    ///     tape.reset();
    ///     let x = tape.leaf(Tensor::ones([20, 30], tape.dtype()));
    ///     let w = tape.leaf(Tensor::ones([30, 10], tape.dtype()));
    ///     x.matmul(w).tanh().sum().backward()?;
    /// }
    /// let profile = tape.profile();
    /// println!("{profile}");                       // a table; `profile.layers()` and `profile.lines()` are others
    /// let rows = profile.operations();
    /// let product = rows.iter().find(|row| row.operation == "matmul" && !row.backward).expect("it ran");
    /// assert_eq!((profile.steps, product.calls), (3, 3));
    /// assert_eq!(product.flops, Some(3 * 2 * 20 * 30 * 10));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// On a tape that was never profiled it [is empty](Profile::is_empty), and prints as a sentence that says so.
    pub fn profile(&self) -> Profile {
        self.measured().map(Profile::new).unwrap_or_default()
    }
}

//! Fetching ahead: while one product of a batch is computed, the operands of the next come from memory.
//!
//! A product of 256 x 256 matrices in `f32` takes 1.35 times as long with operands from memory as with operands in the
//! caches. So a [tile](super::registers) asks for a line of the next product every few terms, and before its sums for the
//! lines of `out` that it will write; 1.11 of the time is left. Asked for in one go, the lines would have to wait for each
//! other, and the product for them: nothing would be gained.
//!
//! A chain of elementwise operations fetches its next block in the same way.
//!
//! Nothing is read here: to ask for a line that turns out not to be needed costs time, and changes no result.

/// Bytes of a line of the cache.
const LINE: usize = 64;
/// One line is fetched for this many terms. In `f32` and on the widest vectors that is enough for two matrices of 192 x 192,
/// and for three of 288 x 288. The terms between two lines are unrolled; of 6 or more the compiler makes a slower loop.
pub(super) const EVERY: usize = 4;

/// The operands of the next product, or what is left of them.
pub(super) struct Ahead<'a, T> {
    operands: [&'a [T]; 3],
}

/// Nothing to fetch.
impl<T> Default for Ahead<'_, T> {
    fn default() -> Self {
        Ahead { operands: [&[]; 3] }
    }
}

impl<'a, T> Ahead<'a, T> {
    /// These will be read next, in this order.
    pub fn of(operands: [&'a [T]; 3]) -> Self {
        Ahead { operands }
    }

    /// Whether there is nothing to fetch.
    pub fn is_empty(&self) -> bool {
        self.operands.iter().all(|x| x.is_empty())
    }

    /// What to fetch during a sum of so many terms: part of one operand.
    #[inline(always)]
    pub fn take(&mut self, terms: usize) -> &'a [T] {
        let [first, second, third] = self.operands;
        let (here, rest) = first.split_at(first.len().min(terms / EVERY * per_line::<T>()));
        self.operands = if rest.is_empty() { [second, third, &[]] } else { [rest, second, third] };
        here
    }
}

/// The numbers of a line.
pub(in crate::kernels) const fn per_line<T>() -> usize {
    LINE / size_of::<T>()
}

/// The lines of some numbers.
#[inline(always)]
pub(in crate::kernels) fn lines<T>(numbers: &[T]) -> std::slice::Chunks<'_, T> {
    numbers.chunks(const { per_line::<T>() })
}

/// Asks for all lines of some numbers but the last, which may be shared with what follows them.
#[inline(always)]
pub(in crate::kernels) fn fetch_all<T, const CACHE: i32>(numbers: &[T]) {
    numbers.chunks_exact(const { per_line::<T>() }).for_each(ask::<T, CACHE>);
}

/// Asks for a line that is wanted later.
#[inline(always)]
pub(in crate::kernels) fn fetch<T>(line: &[T]) {
    ask::<T, SECOND>(line);
}

/// The first-level cache, as x86-64 knows it (hint T0).
pub(in crate::kernels) const FIRST: i32 = 3;
/// The second-level cache (hint T1).
pub(in crate::kernels) const SECOND: i32 = 2;

/// Asks for a line of a cache. Other processors than x86 are left to foresee by themselves what is read next.
#[inline(always)]
fn ask<T, const CACHE: i32>(line: &[T]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint. It reads and writes nothing that a program could see, never faults whatever the address, and every
    // x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<CACHE>(line.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

//! Scratch memory for kernels that need some: an unfolded image, the partial sums of a reduction, a packed operand.
//!
//! Every thread keeps a stack of buffers. A request takes the top one, grows it if it is too short, and puts it back, so
//! after the first call of a kernel no memory is asked of the system. Requests nest.

use super::Real;
use std::cell::RefCell;

/// One cache line, which is also the widest vector.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `body` with a buffer of `len` numbers, aligned to a cache line, that hold anything (never uninitialized memory).
#[inline(always)]
pub fn with_scratch<T: Real, R>(len: usize, body: impl FnOnce(&mut [T]) -> R) -> R {
    const { assert!(align_of::<T>() <= align_of::<Line>()) };
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
    if buffer.len() < lines {
        buffer.resize(lines, Line { _bytes: [0; 64] });
    }
    // SAFETY: the buffer is initialized, long enough, aligned for T and borrowed by nobody else while `body` runs; T is
    // f32 or f64, of which every bit pattern is a value.
    let result = body(unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast::<T>(), len) });
    BUFFERS.with_borrow_mut(|stack| stack.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_buffers_do_not_overlap_and_are_reused() {
        for _ in 0..2 {
            with_scratch(10, |outer: &mut [f64]| {
                outer.fill(1.0);
                with_scratch(7, |inner: &mut [f32]| inner.fill(2.0));
                assert!(outer.len() == 10 && outer.iter().all(|&x| x == 1.0));
                assert_eq!(outer.as_ptr() as usize % 64, 0);
            });
        }
        let place = || with_scratch(10, |buffer: &mut [f64]| buffer.as_ptr());
        assert_eq!(place(), place());
        with_scratch(0, |empty: &mut [f32]| assert!(empty.is_empty()));
    }
}

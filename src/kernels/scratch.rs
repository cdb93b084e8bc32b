//! Scratch memory for kernels that need some: an unfolded image, the partial sums of a reduction, a packed operand.
//!
//! Every thread keeps a stack of buffers. A request takes the top one, grows it if it is too short, and puts it back,
//! so after the first call of a kernel no memory is requested from the system. Requests nest.

use super::Real;
use std::cell::RefCell;

/// One cache line, which is also the width of the widest vector.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `body` with a buffer of `len` numbers, aligned to a cache line, with arbitrary contents (never uninitialized
/// memory).
#[inline(always)]
pub fn with_scratch<T: Real, R>(len: usize, body: impl FnOnce(&mut [T]) -> R) -> R {
    const { assert!(align_of::<T>() <= align_of::<Line>() && size_of::<Line>().is_multiple_of(size_of::<T>())) };
    let in_a_line = const { size_of::<Line>() / size_of::<T>() };
    // Divided, not multiplied: no length wraps, and an impossible one panics in `take`.
    let mut buffer = take(len.div_ceil(in_a_line));
    assert!(len <= buffer.len() * in_a_line, "scratch memory of {len} numbers was asked for");
    // SAFETY: the assertion keeps the `len` numbers inside the buffer, whose bytes a vector keeps below `isize::MAX`,
    // so that the product does not wrap. All of it is initialized, aligned for T and, taken off the stack, borrowed by
    // nobody else while `body` runs; T is f32 or f64, for which every bit pattern is a value.
    let result = body(unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast::<T>(), len) });
    put_back(buffer);
    result
}

/// The top buffer of the thread's stack, with at least so many lines. Compiled once, not for each kernel.
fn take(lines: usize) -> Vec<Line> {
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < lines {
        buffer.resize(lines, Line { _bytes: [0; 64] });
    }
    buffer
}

fn put_back(buffer: Vec<Line>) {
    BUFFERS.with_borrow_mut(|stack| stack.push(buffer));
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

    /// These lengths take 0 and 8 bytes if the product with the size of a number wraps.
    #[test]
    fn a_length_whose_bytes_wrap_is_never_handed_out() {
        for len in [1 << 61, (1 << 61) + 1] {
            let asked = std::panic::catch_unwind(|| with_scratch(len, |buffer: &mut [f64]| buffer.len()));
            let cause = asked.expect_err("there is no such memory");
            assert_eq!(cause.downcast_ref::<&str>(), Some(&"capacity overflow"));
        }
    }
}

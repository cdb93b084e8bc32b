//! Memory for large buffers, in large pages.
//!
//! Memory is handed out in pages of 4 kB, and the address of each is looked up when it is first touched. Streams through
//! hundreds of megabytes a step wait for that. Where the system has pages of 2 MB, and gives them to those who ask
//! (`transparent_hugepage` of Linux), reading a buffer that lies in them is up to 1.7 times as fast.

use std::sync::Arc;

use super::Real;

/// Buffers of fewer bytes lie in pages of the usual size.
const LARGE: usize = 1 << 20;

/// Bytes of a large page.
#[cfg(all(target_os = "linux", not(miri)))]
const PAGE: usize = 1 << 21;

/// `len` zeros.
pub fn zeros<T: Real>(len: usize) -> Arc<[T]> {
    let mut buffer = Arc::<[T]>::new_uninit_slice(len);
    let numbers = Arc::get_mut(&mut buffer).expect("nobody else knows of it yet");
    if size_of_val(numbers) >= LARGE {
        // Before any page is touched.
        ask_for_large_pages(numbers.as_ptr().addr(), size_of_val(numbers));
    }
    for number in numbers {
        number.write(T::ZERO);
    }
    // SAFETY: every number was written in the loop above.
    unsafe { buffer.assume_init() }
}

/// Asks for large pages for all that lies in these bytes. What else lies in the first and the last page gets them too.
#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_large_pages(start: usize, bytes: usize) {
    let first = start - start % PAGE;
    let end = (start + bytes).next_multiple_of(PAGE);
    // SAFETY: which pages the bytes lie in changes none of them, nor whether they can be read or written; addresses that
    // are not in use are skipped, and so is all of it by a system without large pages. The answer is of no interest.
    unsafe {
        libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
    }
}

/// Other systems, and an interpreter that has no such call, choose by themselves.
#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_large_pages(_: usize, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_any_length_are_zeros_that_can_be_written() {
        for len in [0, 1, 1000, LARGE / 4 - 1, LARGE / 4, 3 * LARGE + 7] {
            let mut buffer = zeros::<f32>(len);
            assert!(buffer.len() == len && buffer.iter().all(|&x| x == 0.0));
            Arc::get_mut(&mut buffer).unwrap().fill(1.5);
            assert!(buffer.iter().all(|&x| x == 1.5));
        }
    }
}

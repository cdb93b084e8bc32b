//! Numbers that several owners share, and that a single owner may write.
//!
//! Many numbers begin at a line of the cache: a vector that lies across two lines takes as long to read as two. In front of
//! them the owners are counted, so there is room for a line more, and where the first line begins follows from the address.

use std::{
    ops::{Deref, Range},
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
};

use super::{Real, pages};

/// More numbers than this begin at a line of the cache.
const MANY: usize = 1 << 12;

/// Bytes of a line.
const LINE: usize = 64;

/// An `Arc<[T]>` of which there are no weak references: whether it has a single owner is one look at the count, where
/// `Arc::get_mut` has to keep out those who would make a weak one. Every operation of a tape writes a new buffer.
#[derive(Clone)]
pub struct Shared<T>(Arc<[T]>);

impl<T: Real> Shared<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Shared(pages::zeros(if len > MANY { len.saturating_add(in_a_line::<T>()) } else { len }))
    }

    /// The numbers of `data`, which are copied: they and the count of their owners are one piece of memory.
    pub fn from_vec(data: Vec<T>) -> Self {
        if data.len() <= MANY {
            return Shared(data.into());
        }
        let mut copy = Shared::zeros(data.len());
        copy.get_mut().expect("nobody else knows of it yet").copy_from_slice(&data);
        copy
    }

    /// Whether it has a single owner.
    #[inline]
    pub fn unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The numbers for writing, if it has a single owner.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut [T]> {
        if !self.unique() {
            return None;
        }
        // What earlier owners have read in other threads was read before.
        fence(Ordering::Acquire);
        // SAFETY: this is the only reference. There are no weak ones, since the `Arc` is private and none is made here, and
        // another strong one could only be cloned from this one, which is borrowed as long as the slice is.
        let all = unsafe { &mut *Arc::as_ptr(&self.0).cast_mut() };
        if all.len() <= MANY {
            return Some(all);
        }
        let lines = lines(all);
        Some(&mut all[lines])
    }
}

const fn in_a_line<T>() -> usize {
    LINE / size_of::<T>()
}

/// Where in their memory many numbers are. Not inline: few numbers are read by more code, and more often.
#[inline(never)]
fn lines<T>(all: &[T]) -> Range<usize> {
    let start = all.as_ptr().align_offset(LINE).min(in_a_line::<T>());
    start..start + all.len() - in_a_line::<T>()
}

impl<T> Deref for Shared<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        if self.0.len() <= MANY { &self.0 } else { &self.0[lines(&self.0)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_owner_writes() {
        let mut first = Shared::<f32>::zeros(3);
        first.get_mut().unwrap()[1] = 2.0;
        let mut second = first.clone();
        assert!(!first.unique() && first.get_mut().is_none() && second.get_mut().is_none());
        let reader = std::thread::spawn(move || second.iter().sum::<f32>());
        assert_eq!(reader.join().unwrap(), 2.0);
        first.get_mut().unwrap().fill(1.0);
        assert_eq!(*first, [1.0; 3]);
        assert_eq!(*Shared::from_vec(vec![1.0, 2.0]), [1.0, 2.0]);
    }

    #[test]
    fn many_numbers_begin_at_a_line() {
        for len in [MANY - 1, MANY, MANY + 1, MANY + 16, MANY + 17, 1 << 20] {
            let mut zeros = Shared::<f32>::zeros(len);
            assert!(zeros.len() == len && zeros.iter().all(|&x| x == 0.0));
            zeros.get_mut().unwrap()[len - 1] = 1.0;
            assert_eq!(zeros[len - 1], 1.0);
            let copy = Shared::from_vec((0..len).map(|i| i as f64).collect());
            assert!(copy.len() == len && copy.iter().enumerate().all(|(i, &x)| x == i as f64));
            let aligned = (zeros.as_ptr().addr() % 64, copy.as_ptr().addr() % 64) == (0, 0);
            assert!(aligned || len <= MANY);
        }
    }
}

//! Numbers that several owners share, and that a single owner may write.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
};

use super::{Real, pages};

/// An `Arc<[T]>` of which there are no weak references: whether it has a single owner is one look at the count, where
/// `Arc::get_mut` has to keep out those who would make a weak one. Every operation of a tape writes a new buffer.
#[derive(Clone)]
pub struct Shared<T>(Arc<[T]>);

impl<T: Real> Shared<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Shared(pages::zeros(len))
    }

    /// The numbers of `data`, which are copied: they and the count of their owners are one piece of memory.
    pub fn from_vec(data: Vec<T>) -> Self {
        Shared(data.into())
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
        Some(unsafe { &mut *Arc::as_ptr(&self.0).cast_mut() })
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
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
}

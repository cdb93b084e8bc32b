//! Short lists in place, where a call to `collect` costs as much as an operation on one number.

use std::ops::Deref;

use smallvec::SmallVec;

/// Collects a short list that is to be kept.
#[inline(always)]
pub(crate) fn short<A: smallvec::Array>(items: impl Iterator<Item = A::Item>) -> SmallVec<A> {
    let mut list = SmallVec::new();
    for item in items {
        list.push(item);
    }
    list
}

/// A short list for a moment: up to four items are in place, and their count is known before them. A push to a list in memory
/// waits for the one before, which takes as long as a small sum.
pub(crate) enum Handful<T> {
    Few([T; 4], usize),
    Many(Vec<T>),
}

/// Collects a short list that is soon forgotten.
#[inline(always)]
pub(crate) fn handful<T: Copy>(mut items: impl ExactSizeIterator<Item = T>) -> Handful<T> {
    match (items.len(), items.next()) {
        (count @ ..=4, Some(first)) => {
            let mut few = [first; 4];
            few[1..].iter_mut().zip(items).for_each(|(place, item)| *place = item);
            Handful::Few(few, count)
        }
        (_, first) => Handful::Many(first.into_iter().chain(items).collect()),
    }
}

impl<T> Deref for Handful<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Handful::Few(few, count) => &few[..*count],
            Handful::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_length_are_what_was_collected() {
        for length in 0..7 {
            let want: Vec<usize> = (10..10 + length).collect();
            assert_eq!(*handful(want.iter().copied()), want);
            assert_eq!(*short::<[usize; 4]>(want.iter().copied()), want);
        }
    }
}

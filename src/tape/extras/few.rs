//! Values at a few of many positions.
//!
//! A walk has a gradient under way for a few nodes at a time, of a tape that may hold millions. A position costs four bytes,
//! and a value room only while it is there, so the walk goes over little memory.

use super::super::NodeId;

/// Room for so many is made at once: allocators have a piece of less than a kilobyte at hand.
const FEW: usize = 8;

/// Values at some of the positions `0..len`.
pub(in super::super) struct Few<T> {
    /// For each position its place among the values, counted from 1; 0 where there is none.
    places: Vec<u32>,
    values: Vec<Option<T>>,
    /// The places whose values were taken.
    free: Vec<u32>,
}

impl<T> Few<T> {
    /// No value at `len` positions.
    pub fn new(len: usize) -> Self {
        Few { places: vec![0; len], values: Vec::with_capacity(FEW), free: Vec::with_capacity(FEW) }
    }

    /// The value at a position, if there is one; at a position past the last there is none.
    #[inline]
    pub fn get(&self, id: NodeId) -> Option<&T> {
        let place = *self.places.get(id as usize)?;
        self.values.get((place as usize).wrapping_sub(1))?.as_ref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut T> {
        let place = *self.places.get(id as usize)?;
        self.values.get_mut((place as usize).wrapping_sub(1))?.as_mut()
    }

    /// Takes the value away from a position.
    #[inline]
    pub fn take(&mut self, id: NodeId) -> Option<T> {
        let place = std::mem::take(self.places.get_mut(id as usize)?);
        let value = self.values.get_mut((place as usize).wrapping_sub(1))?.take();
        self.free.push(place);
        value
    }

    /// Puts a value at a position.
    #[inline]
    pub fn put(&mut self, id: NodeId, value: T) {
        if let Some(held) = self.get_mut(id) {
            *held = value;
        } else if let Some(place) = self.free.pop() {
            self.places[id as usize] = place;
            self.values[place as usize - 1] = Some(value);
        } else {
            self.values.push(Some(value));
            self.places[id as usize] = self.values.len() as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_they_were_put_until_they_are_taken() {
        let mut few = Few::new(5);
        for (id, value) in [(4, "e"), (0, "a"), (2, "c"), (0, "A")] {
            few.put(id, value);
        }
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|id| few.get(id).copied()),
            [Some("A"), None, Some("c"), None, Some("e"), None]
        );
        assert_eq!([few.take(2), few.take(2), few.take(7)], [Some("c"), None, None]);
        few.put(1, "b");
        few.get_mut(4).into_iter().for_each(|value| *value = "E");
        assert_eq!([0, 1, 2, 3, 4].map(|id| few.get(id).copied()), [Some("A"), Some("b"), None, None, Some("E")]);
        assert_eq!(few.values.len(), 3, "the room of a value that was taken is used again");
    }
}

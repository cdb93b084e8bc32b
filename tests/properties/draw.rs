//! What the cases are drawn from.
//!
//! Shapes, axes and settings come from proptest's strategies, which shrink. Numbers come from a seed. They lie on a
//! lattice of odd multiples of 1/32: they are exact in both precisions, none is nearer than 1/32 to a multiple of 1/16,
//! where kinks are put, and the steps of the numeric derivative are shorter than that.

use proptest::prelude::*;

use crate::array::Array;

/// A pseudo-random number for each seed and place (the finalizer of SplitMix64).
pub fn mix(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// A pseudo-random number below `count`.
pub fn below(seed: u64, place: u64, count: usize) -> usize {
    (mix(seed, place) % count as u64) as usize
}

/// Lattice numbers between `low` and `high`, which are multiples of 1/16.
pub fn numbers(dims: &[usize], seed: u64, (low, high): (f64, f64)) -> Array {
    let steps = ((high - low) * 16.0) as usize;
    let mut place = 0;
    Array::from_fn(dims, |_| {
        place += 1;
        low + (below(seed, place, steps) as f64 + 0.5) / 16.0
    })
}

/// Lattice numbers around 0, no two of which are equal.
pub fn distinct(dims: &[usize], seed: u64) -> Array {
    let count: usize = dims.iter().product();
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, below(seed, i as u64, i + 1));
    }
    let data = order.into_iter().map(|k| (k as f64 - (count / 2) as f64 + 0.5) / 16.0).collect();
    Array { dims: dims.to_vec(), data }
}

/// A size: often small, sometimes 1, now and then 0.
pub fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0usize), 4 => Just(1usize), 12 => 2usize..=5]
}

/// A size of at least 1.
pub fn some() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(1usize), 4 => 2usize..=5]
}

/// Sizes of `ranks` axes.
pub fn shape(ranks: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(size(), ranks)
}

/// Sizes of at least 1 of `ranks` axes.
pub fn filled(ranks: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(some(), ranks)
}

/// Which axes of a full shape an operand has in full, and how many of the leading ones it lacks.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    full: u8,
    drop_leading: bool,
}

pub fn keep() -> impl Strategy<Value = Keep> {
    (prop_oneof![2 => Just(u8::MAX), 5 => any::<u8>()], any::<bool>())
        .prop_map(|(full, drop_leading)| Keep { full, drop_leading })
}

impl Keep {
    /// A shape that broadcasts to `full`.
    pub fn of(self, full: &[usize]) -> Vec<usize> {
        let dims: Vec<usize> =
            full.iter().enumerate().map(|(i, &n)| if self.full >> i & 1 == 1 { n } else { 1 }).collect();
        let leading = if self.drop_leading { dims.iter().take_while(|&&n| n == 1).count() } else { 0 };
        dims[leading..].to_vec()
    }
}

/// Any axes of a value with `rank` axes, in any order, each counted from either end; none at all means all of them.
pub fn pick_axes(rank: usize, seed: u64) -> Vec<isize> {
    let mut axes: Vec<isize> = Vec::new();
    for i in 0..rank {
        if mix(seed, i as u64) & 1 == 1 {
            let place = below(seed, 100 + i as u64, axes.len() + 1);
            axes.insert(place, pick_end(i, rank, seed));
        }
    }
    axes
}

/// One axis of a value with `rank` axes, counted from either end.
pub fn pick_axis(rank: usize, seed: u64) -> isize {
    pick_end(below(seed, 0, rank), rank, seed)
}

fn pick_end(axis: usize, rank: usize, seed: u64) -> isize {
    let from_end = mix(seed, 200 + axis as u64) & 1 == 1;
    axis as isize - if from_end { rank as isize } else { 0 }
}

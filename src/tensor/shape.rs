//! Shapes: the sizes of a tensor along its axes, outermost first.
//!
//! Two shapes *broadcast* when, aligned at their last axes, each pair of sizes is equal or one of them is 1; a missing
//! axis counts as 1. The result has the larger size of each pair: `[4, 1, 3]` with `[5, 3]` gives `[4, 5, 3]`.

use std::{fmt, ops::Deref};

use smallvec::SmallVec;

use super::lists::short;

/// The sizes of a tensor along its axes, outermost first; `[]` is a single number.
///
/// ```
/// use wengert::Shape;
/// let s = Shape::from([2, 3]);
/// assert_eq!((s.rank(), s.numel(), s.to_string()), (2, 6, "[2, 3]".into()));
/// ```
#[derive(Clone)]
pub struct Shape(Sizes);

/// Every node has a copy of a shape. Up to four sizes are in place, and are copied and moved in one piece: a processor that
/// reads as one what was written in parts waits until all of it is in the cache.
#[derive(Clone)]
enum Sizes {
    Few(Few),
    Many(Vec<usize>),
}

/// The first `rank` of the sizes; the others are 0.
#[derive(Clone, Copy)]
#[repr(C)]
struct Few {
    sizes: [usize; 4],
    rank: Rank,
}

/// The length of [`Few`], of which the values that it cannot have mark [`Sizes::Many`].
#[derive(Clone, Copy)]
#[repr(usize)]
enum Rank {
    Zero,
    One,
    Two,
    Three,
    Four,
}

const RANKS: [Rank; 5] = [Rank::Zero, Rank::One, Rank::Two, Rank::Three, Rank::Four];
const _: () = assert!(size_of::<Shape>() == size_of::<[usize; 5]>());

impl PartialEq for Shape {
    /// Size by size: a call to compare memory costs more than the comparison of a few axes.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank() && std::iter::zip(self.dims(), other.dims()).all(|(a, b)| a == b)
    }
}

impl Eq for Shape {}

impl std::hash::Hash for Shape {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.dims().hash(state);
    }
}

impl Default for Shape {
    fn default() -> Self {
        Shape::scalar()
    }
}

impl Shape {
    /// The shape of a single number: no axes, one element.
    pub fn scalar() -> Self {
        Shape(Sizes::Few(Few { sizes: [0; 4], rank: Rank::Zero }))
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.dims().len()
    }

    /// The number of elements: the product of the sizes, 1 for a single number, and `usize::MAX` where it is larger.
    pub fn numel(&self) -> usize {
        self.dims().iter().fold(1, |count: usize, &size| count.saturating_mul(size))
    }

    /// The sizes as a slice.
    #[inline]
    pub fn dims(&self) -> &[usize] {
        match &self.0 {
            Sizes::Few(few) => &few.sizes[..few.rank as usize],
            Sizes::Many(sizes) => sizes,
        }
    }

    /// The shape that both broadcast to, or `None` if they are incompatible.
    ///
    /// ```
    /// use wengert::Shape;
    /// let wide = Shape::from([4, 1, 3]).broadcast(&Shape::from([5, 3]));
    /// assert_eq!(wide, Some(Shape::from([4, 5, 3])));
    /// assert_eq!(Shape::from([2]).broadcast(&Shape::from([3])), None);
    /// ```
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        if self == other {
            return Some(self.clone());
        }
        let rank = self.rank().max(other.rank());
        let common = |i| match (self.size_from_front(i, rank), other.size_from_front(i, rank)) {
            (a, b) if a == b => Some(a),
            (1, n) | (n, 1) => Some(n),
            _ => None,
        };
        (0..rank).map(common).collect()
    }

    /// The size of axis `i` after this shape is extended at the front to `rank` axes.
    pub(crate) fn size_from_front(&self, i: usize, rank: usize) -> usize {
        let missing = rank - self.rank();
        if i < missing { 1 } else { self.dims()[i - missing] }
    }

    /// This shape, of at least one axis, with another last size.
    pub(crate) fn with_last(&self, size: usize) -> Shape {
        let (_, kept) = self.split_last().expect("a shape without axes has no last size");
        kept.iter().copied().chain([size]).collect()
    }

    /// This shape with the given axes set to 1 (`keepdim`) or removed.
    pub(crate) fn reduced(&self, axes: &[usize], keepdim: bool) -> Shape {
        self.iter()
            .enumerate()
            .filter_map(|(i, &n)| match (axes.contains(&i), keepdim) {
                (false, _) => Some(n),
                (true, true) => Some(1),
                (true, false) => None,
            })
            .collect()
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        self.dims()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape::from(&dims[..])
    }
}

impl From<&[usize]> for Shape {
    #[inline]
    fn from(dims: &[usize]) -> Self {
        Shape(match RANKS.get(dims.len()) {
            Some(&rank) => Sizes::Few(Few { sizes: std::array::from_fn(|i| dims.get(i).copied().unwrap_or(0)), rank }),
            None => Sizes::Many(dims.to_vec()),
        })
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape::from(&dims[..])
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl From<()> for Shape {
    fn from((): ()) -> Self {
        Shape::scalar()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        let sizes: SmallVec<[usize; 4]> = short(sizes.into_iter());
        Shape::from(&sizes[..])
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

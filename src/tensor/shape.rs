//! Shapes: the sizes of a tensor along its axes, outermost first.
//!
//! Two shapes *broadcast* when, aligned at their last axes, each pair of sizes is equal or one of them is 1; a missing
//! axis counts as 1. The result has the larger size of each pair: `[4, 1, 3]` with `[5, 3]` gives `[4, 5, 3]`.

use std::{fmt, ops::Deref};

use smallvec::SmallVec;

/// Collects a short list in place: a call to `collect` costs as much as an operation on one number.
#[inline(always)]
pub(crate) fn short<A: smallvec::Array>(items: impl Iterator<Item = A::Item>) -> SmallVec<A> {
    let mut list = SmallVec::new();
    items.for_each(|item| list.push(item));
    list
}

/// The sizes of a tensor along its axes, outermost first; `[]` is a single number.
///
/// ```
/// use wengert::Shape;
/// let s = Shape::from([2, 3]);
/// assert_eq!((s.rank(), s.numel(), s.to_string()), (2, 6, "[2, 3]".into()));
/// ```
#[derive(Eq, Default)]
pub struct Shape(SmallVec<[usize; 4]>);

impl PartialEq for Shape {
    /// Size by size: a call to compare memory costs more than the comparison of a few axes.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank() && std::iter::zip(&self.0, &other.0).all(|(a, b)| a == b)
    }
}

impl std::hash::Hash for Shape {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Shape {
    /// The shape of a single number: no axes, one element.
    pub fn scalar() -> Self {
        Shape(SmallVec::new())
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements: the product of the sizes, 1 for a single number, and `usize::MAX` where it is larger.
    pub fn numel(&self) -> usize {
        self.0.iter().fold(1, |count: usize, &size| count.saturating_mul(size))
    }

    /// The sizes as a slice.
    pub fn dims(&self) -> &[usize] {
        &self.0
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
        let mut common = Shape::scalar();
        for i in 0..rank {
            common.0.push(match (self.size_from_front(i, rank), other.size_from_front(i, rank)) {
                (a, b) if a == b => a,
                (1, n) | (n, 1) => n,
                _ => return None,
            });
        }
        Some(common)
    }

    /// The size of axis `i` after this shape is extended at the front to `rank` axes.
    pub(crate) fn size_from_front(&self, i: usize, rank: usize) -> usize {
        let missing = rank - self.rank();
        if i < missing { 1 } else { self.0[i - missing] }
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

impl Clone for Shape {
    #[inline]
    fn clone(&self) -> Self {
        Shape::from(self.dims())
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(SmallVec::from_slice(&dims))
    }
}

/// Size by size, as shapes are compared: every node has a copy of one.
impl From<&[usize]> for Shape {
    #[inline]
    fn from(dims: &[usize]) -> Self {
        let mut few = [0; 4];
        if dims.len() > few.len() {
            return Shape(SmallVec::from_slice(dims));
        }
        (0..few.len()).filter(|&i| i < dims.len()).for_each(|i| few[i] = dims[i]);
        Shape(SmallVec::from_buf_and_len(few, dims.len()))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(SmallVec::from_vec(dims))
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
        Shape(short(sizes.into_iter()))
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

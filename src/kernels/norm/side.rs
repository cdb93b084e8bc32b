//! Short rows, sixteen side by side.
//!
//! To add up the numbers of a vector takes several steps that wait for each other, and so does what follows, as 1 / √var:
//! too long for rows of a few vectors. So the running sums of sixteen rows are written down as they are, turned, and added
//! as whole vectors, which then hold a number for each row.

use super::sums::{horizontal, lanes, two_lanes};
use crate::kernels::{
    Real,
    transpose::{SIXTEEN, turn_apart},
};

/// Rows side by side.
pub(super) const SIDE: usize = SIXTEEN;
/// Rows of fewer numbers are taken side by side.
pub(super) const LONG: usize = 128;

/// [`Distances`](super::sums::Distances) of at most sixteen rows: centers, what they lack of the means, and squares.
#[inline(always)]
pub(super) fn distances_of_sixteen<T: Real>(x: &[T], length: usize) -> [[T; SIDE]; 3] {
    let share = T::ONE / T::of(length as f64);
    let rows = x.chunks_exact(length.max(1));
    let (mut a, mut b) = ([[T::ZERO; SIDE]; SIDE], [[T::ZERO; SIDE]; SIDE]);
    for (sums, row) in a.iter_mut().zip(rows.clone()) {
        *sums = lanes(row);
    }
    let mut center = across(&a);
    for center in &mut center {
        *center *= share;
    }
    for ((row, &center), (a, b)) in rows.zip(&center).zip(a.iter_mut().zip(&mut b)) {
        (*a, *b) = two_lanes(
            row,
            row,
            #[inline(always)]
            |x, _| ((x - center) * (x - center), x - center),
        );
    }
    let (mut squares, mut shift) = (across(&a), across(&b));
    for l in 0..SIDE {
        let sum = shift[l];
        shift[l] = sum * share;
        let rest = squares[l] - sum * shift[l];
        squares[l] = T::pick(rest < T::ZERO, T::ZERO, rest);
    }
    [center, shift, squares]
}

/// The total of each row's running sums.
#[inline(always)]
pub(super) fn across<T: Real, const L: usize, const G: usize>(lanes: &[[T; L]; G]) -> [T; G] {
    if L != SIDE || G != SIDE {
        return std::array::from_fn(
            #[inline(always)]
            |row| T::of(horizontal(lanes[row])),
        );
    }
    let mut turned = [[T::ZERO; G]; L];
    turn_apart(lanes.as_flattened(), [L, L], turned.as_flattened_mut(), G);
    let mut total = turned[0];
    for x in &turned[1..] {
        for row in 0..G {
            total[row] += x[row];
        }
    }
    total
}

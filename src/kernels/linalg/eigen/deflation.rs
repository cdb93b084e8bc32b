//! Which eigenvectors of diag(d) + ρ z zᵀ need no computation, as in LAPACK's `dlaed2`.
//!
//! Where |ρ z_i| is negligible, d_i is an eigenvalue and its unit vector an eigenvector. Where two poles are so close that a
//! rotation of their vectors, which makes one of the two z_i zero, leaves a negligible number beside the diagonal, the same
//! holds after it. Negligible is what is smaller than a few ε times the largest d and z.

use super::divide::{Parts, ascending};
use crate::kernels::Real;
use std::ops::Range;

/// In which half an eigenvector has numbers other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Left,
    Both,
    Right,
}

impl Side {
    /// The columns of those numbers, which are the stored ones.
    pub fn columns(self, [from, middle, to]: [usize; 3]) -> Range<usize> {
        match self {
            Side::Left => from..middle,
            Side::Both => from..to,
            Side::Right => middle..to,
        }
    }
}

/// Two halves that are to be merged.
pub(super) struct Deflation<'a, 'b, T> {
    pub parts: &'a mut Parts<'b, T>,
    /// The first row, the first of the second half, and the end.
    pub bounds: [usize; 3],
    pub rho: f64,
    /// For each row of both halves.
    pub z: Vec<f64>,
}

/// The rows that are kept, with their z, in ascending order of their eigenvalues.
type Kept = Vec<(usize, Side, f64)>;
/// Those that are eigenvectors already.
type LeftOut = Vec<(usize, Side)>;

impl<T: Real> Deflation<'_, '_, T> {
    /// Divides the rows in two kinds.
    pub fn find(mut self) -> (Kept, LeftOut) {
        let [from, middle, to] = self.bounds;
        let largest = |x: &[f64]| x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let (largest_d, largest_z) = (largest(&self.parts.values[from..to]), largest(&self.z));
        let negligible = 4.0 * T::EPSILON.to_f64() * largest_d.max(largest_z);
        let mut sides = vec![Side::Right; to - from];
        sides[..middle - from].fill(Side::Left);
        let (mut kept, mut left_out) = (Kept::with_capacity(to - from), LeftOut::with_capacity(to - from));
        let mut last = None;
        for row in self.ascending() {
            if self.rho * self.z[row - from].abs() <= negligible {
                left_out.push((row, sides[row - from]));
                continue;
            }
            let Some(before) = last.replace(row) else { continue };
            let (s, c) = (self.z[before - from], self.z[row - from]);
            let length = (c * c + s * s).sqrt();
            let (c, s) = (c / length, -s / length);
            let gap = self.parts.values[row] - self.parts.values[before];
            if (gap * c * s).abs() > negligible {
                kept.push((before, sides[before - from], self.z[before - from]));
                continue;
            }
            self.z[row - from] = length;
            let both = [before, row].map(|row| sides[row - from]);
            let side = if both[0] == both[1] { both[0] } else { Side::Both };
            for (row, stored) in [before, row].into_iter().zip(both) {
                self.widen(row, stored, side);
                sides[row - from] = side;
            }
            self.rotate(before, row, c, s, side);
            left_out.push((before, side));
        }
        if let Some(row) = last {
            kept.push((row, sides[row - from], self.z[row - from]));
        }
        (kept, left_out)
    }

    /// The rows of both halves in ascending order of their eigenvalues.
    fn ascending(&self) -> Vec<usize> {
        let [from, _, to] = self.bounds;
        let mut rows = self.parts.order[from..to].to_vec();
        ascending(&mut rows, self.parts.values);
        rows
    }

    /// Writes the zeros of a row that are not stored, if it is to have numbers on both sides.
    fn widen(&mut self, row: usize, stored: Side, side: Side) {
        let [from, middle, to] = self.bounds;
        match stored {
            _ if side == stored => {}
            Side::Left => self.parts.rows.row(row, middle..to).fill(T::ZERO),
            Side::Right => self.parts.rows.row(row, from..middle).fill(T::ZERO),
            Side::Both => {}
        }
    }

    /// Rotates the vectors of rows i and j, and their eigenvalues.
    fn rotate(&mut self, i: usize, j: usize, c: f64, s: f64, side: Side) {
        let (values, pitch) = (&mut self.parts.values, self.parts.rows.pitch);
        let (di, dj) = (values[i], values[j]);
        values[i] = di * c * c + dj * s * s;
        values[j] = di * s * s + dj * c * c;
        let (c, s) = (T::of(c), T::of(s));
        let columns = side.columns(self.bounds);
        let (low, high) = self.parts.rows.numbers.split_at_mut(i.max(j) * pitch);
        let low = &mut low[i.min(j) * pitch..][columns.clone()];
        let (x, y) = if i < j { (low, &mut high[columns]) } else { (&mut high[columns], low) };
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
        }
    }
}

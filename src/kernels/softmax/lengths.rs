//! Lines divided by their lengths: y = x / ‖x‖, and with the upstream gradient g, dx = (g − y ⟨g, y⟩) / ‖x‖.
//!
//! Where squares overflow or lose digits, a line is divided by its largest size first. A line whose length is 0, or whose 1/‖x‖ is
//! infinite, has no direction: its y and dx are 0. Its 1/‖x‖ is given as 0, which makes them so.

use super::{LANES, Lines};
use crate::kernels::{Real, parallel, scratch::with_scratch, simd};

/// Whether 1/‖x‖ is that of a sum of squares that has neither overflowed nor lost digits; so is NaN.
#[inline(always)]
fn is_ordinary<T: Real>(inverse: T) -> bool {
    let most = T::EPSILON / T::SMALLEST.root();
    ((inverse > T::ZERO) & (inverse <= most)) | inverse.nan()
}

impl Lines {
    /// Every line of `x` divided by its length, and 1/‖x‖ `[outer, inner]`.
    pub fn directions<T: Real>(&self, x: &[T], out: &mut [T], inverse: &mut [T]) {
        let (size, columns) = self.block();
        parallel::each_chunk_of_two((out, inverse), (size, columns), x.len(), |block, out, inverse| {
            let x = &x[block * size..][..out.len()];
            simd(
                #[inline(always)]
                || {
                    self.products(x, x, out, inverse);
                    let mut ordinary = true;
                    for squares in inverse.iter_mut() {
                        *squares = T::ONE / squares.root();
                        ordinary &= is_ordinary(*squares);
                    }
                    out.copy_from_slice(x);
                    self.update(out, inverse, |x, inverse| x * inverse);
                    if !ordinary {
                        self.extreme_directions(x, out, inverse);
                    }
                },
            );
        });
    }

    /// The directions of those lines of a block whose squares leave the range, which their 1/‖x‖ so far tells.
    #[cold]
    fn extreme_directions<T: Real>(&self, x: &[T], out: &mut [T], inverse: &mut [T]) {
        for (line, inverse) in inverse.iter_mut().enumerate() {
            if is_ordinary(*inverse) {
                continue;
            }
            let first = line / self.inner * self.k * self.inner + line % self.inner;
            let places = || (0..self.k).map(|i| first + i * self.inner);
            let largest = places().fold(T::ZERO, |most, i| most.larger(x[i].magnitude()));
            if !largest.finite() {
                continue;
            }
            let length = places().map(|i| x[i] / largest).map(|x| x * x).sum::<T>().root();
            *inverse = T::ONE / length / largest;
            let none = largest == T::ZERO || !inverse.finite();
            *inverse = T::pick(none, T::ZERO, *inverse);
            places().for_each(|i| out[i] = T::pick(none, T::ZERO, x[i] / largest / length));
        }
    }

    /// The gradient with respect to x, from the directions `y`, 1/‖x‖ and the upstream gradient `dy`.
    pub fn directions_grad<T: Real>(&self, y: &[T], inverse: &[T], dy: &[T], dx: &mut [T]) {
        let (size, columns) = self.block();
        let numbers = dx.len();
        parallel::each_chunk(dx, size, numbers, |block, dx| {
            let (y, dy) = (&y[block * size..][..dx.len()], &dy[block * size..][..dx.len()]);
            let inverse = &inverse[block * columns..];
            simd(
                #[inline(always)]
                || {
                    with_scratch(
                        self.lines(dx.len()),
                        #[inline(always)]
                        |along: &mut [T]| {
                            self.products(y, dy, dx, along);
                            if self.inner == 1 {
                                let rows =
                                    y.chunks_exact(self.k).zip(dy.chunks_exact(self.k)).zip(&*along).zip(inverse);
                                for (dx, (((y, dy), &along), &inverse)) in dx.chunks_exact_mut(self.k).zip(rows) {
                                    let both = y.iter().zip(dy);
                                    dx.iter_mut()
                                        .zip(both)
                                        .for_each(|(dx, (&y, &dy))| *dx = (dy - y * along) * inverse);
                                }
                                return;
                            }
                            dx.copy_from_slice(y);
                            self.update(dx, along, |y, along| y * along);
                            dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = dy - *dx);
                            self.update(dx, &inverse[..along.len()], |dx, inverse| dx * inverse);
                        },
                    );
                },
            );
        });
    }

    /// Σ a b along every line; long rows are read once, the products of others are written to `scratch` first.
    #[inline(always)]
    fn products<T: Real>(&self, a: &[T], b: &[T], scratch: &mut [T], line: &mut [T]) {
        if self.inner != 1 || self.k < 2 * LANES {
            scratch.iter_mut().zip(a).zip(b).for_each(|((product, &a), &b)| *product = a * b);
            return self.fold(scratch, line, T::ZERO, |sum, product| sum + product);
        }
        for ((line, a), b) in line.iter_mut().zip(a.chunks_exact(self.k)).zip(b.chunks_exact(self.k)) {
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            let mut sums = [T::ZERO; LANES];
            for (a, b) in a.iter().zip(b) {
                sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += a * b);
            }
            let whole = sums.iter().fold(T::ZERO, |sum, &x| sum + x);
            *line = a_rest.iter().zip(b_rest).fold(whole, |sum, (&a, &b)| sum + a * b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{close, numbers};

    /// By the definition, number by number in double precision.
    #[test]
    fn directions_and_their_gradients_by_the_definition() {
        for (outer, k, inner) in [(3, 4, 1), (2, 5, 3), (70, 512, 1), (1, 1, 1), (40, 1000, 4), (0, 3, 2), (2, 0, 3)] {
            let (lines, count) = (Lines { outer, k, inner }, outer * k * inner);
            let (mut x, g) = (numbers::<f64>(count, 1), numbers::<f64>(count, 2));
            let places = |line: usize| (0..k).map(move |j| (line / inner * k + j) * inner + line % inner);
            if outer > 1 {
                places(0).for_each(|i| x[i] = 0.0);
            }
            let (mut y, mut inverse, mut dx) =
                (vec![f64::NAN; count], vec![f64::NAN; outer * inner], vec![f64::NAN; count]);
            if outer > 2 {
                // Squares that overflow, and that are 0 or subnormal.
                places(inner).for_each(|i| x[i] *= 1e200);
                places(2 * inner).for_each(|i| x[i] *= 1e-160);
            }
            lines.directions(&x, &mut y, &mut inverse);
            lines.directions_grad(&y, &inverse, &g, &mut dx);
            let (mut unit, mut slope) = (vec![0.0; count], vec![0.0; count]);
            for line in 0..outer * inner {
                let size = places(line).map(|i| x[i].abs()).fold(0.0, f64::max);
                let length = places(line).map(|i| (x[i] / size) * (x[i] / size)).sum::<f64>().sqrt();
                let along: f64 = places(line).map(|i| x[i] / size / length * g[i]).sum();
                for i in places(line).filter(|_| length > 0.0) {
                    unit[i] = x[i] / size / length;
                    slope[i] = (g[i] - unit[i] * along) / length / size;
                }
            }
            close(&y, &unit, 1e-14);
            close(&dx, &slope, 1e-13);
        }
    }
}

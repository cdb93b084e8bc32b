//! Two lines of outputs at a time: kernels of three lines with four products in place of six.
//!
//! The lines d₀ to d₃ of an image and the lines g₀ to g₂ of a kernel give two lines of outputs, y₀ = d₀g₀ + d₁g₁ + d₂g₂ and
//! y₁ = d₁g₀ + d₂g₁ + d₃g₂, where each product stands for a sum over channels and taps in x. Winograd's F(2, 3) (Lavin & Gray
//! 2015, arXiv 1509.09308) finds both from the sums s of four *phases*:
//!
//! ```text
//! phase   image      kernel
//!   0     d₁ + d₂    (g₀ + g₁ + g₂) / 2      y₀ = s₀ + s₁ + s₂
//!   1     d₀ - d₂    g₀                      y₁ = s₀ - s₂ + s₃
//!   2     d₂ - d₁    (g₀ - g₁ + g₂) / 2
//!   3     d₃ - d₁    g₂
//! ```
//!
//! With the even lines of a padded image in one plane and the odd ones in another, the four lines of all pairs are shifted
//! copies again. A phase is found when a tile loads its numbers, by one addition for the products with all its filters, and
//! is never written.

use super::{LANES, Shifted, copy_line};
use crate::kernels::{
    Real,
    scratch::with_scratch,
    simd,
    vector::{Vector, Vectors},
    window::Window,
};
use pulp::Simd;

/// Sums of products for two lines of outputs.
pub(super) const PHASES: usize = 4;
/// With fewer channels or filters than this, what is done for each pair of lines costs more than the products saved.
const FEW: usize = 8;

impl Shifted {
    /// The shifts of `window` over `channels` planes for a convolution with so many `filters`: of pairs of lines, where they
    /// save products. Double precision, which is asked for its digits, sums all of them.
    pub fn of_convolution<T>(window: Window, channels: usize, filters: usize) -> Option<Self> {
        let sizes = Shifted::new(window, channels)?;
        let pays = size_of::<T>() == size_of::<f32>()
            && window.kernel[0] == 3
            && window.stride == [1, 1]
            && window.dilation[0] == 1
            && channels.min(filters) >= FEW;
        if !pays {
            return Some(sizes);
        }
        let [pairs, columns] = [window.outputs(0).div_ceil(2), window.outputs(1)];
        let area = 2 * (pairs + 1) * sizes.width;
        let taps = (0..channels).flat_map(|c| (0..window.kernel[1]).map(move |kx| (c, kx)));
        Some(Shifted {
            area,
            together: 2,
            shifts: taps.map(|(c, kx)| c * area + kx * window.dilation[1]).collect(),
            places: ((pairs - 1) * sizes.width + columns).next_multiple_of(LANES),
            ..sizes
        })
    }

    /// How many kernels there are for each one of the convolution.
    #[inline(always)]
    pub(super) fn phases(&self) -> usize {
        if self.together == 2 { PHASES } else { 1 }
    }

    /// The shifts of the two copies of an image that a phase combines.
    #[inline(always)]
    pub(super) fn phase<const PHASE: usize>(&self) -> [usize; 2] {
        let (next, odd) = (self.width, self.area / 2);
        match PHASE {
            0 => [odd, next],
            1 => [0, next],
            2 => [next, odd],
            3 => [odd + next, odd],
            _ => [0, 0],
        }
    }

    /// Hands the kernels of all phases, `[filters, phases, channels, taps in x]`, to `body`.
    pub(super) fn with_weights_of_phases<T: Real, R>(&self, w: &[T], body: impl FnOnce(&[T]) -> R) -> R {
        let (half, across, terms) = (T::of(0.5), self.window.kernel[1], self.shifts.len());
        with_scratch(w.len() / 3 * PHASES, |phases: &mut [T]| {
            for (filter, phases) in w.chunks_exact(3 * terms).zip(phases.chunks_exact_mut(PHASES * terms)) {
                for t in 0..terms {
                    let kernel = &filter[t / across * 3 * across + t % across..];
                    let [a, b, c] = [kernel[0], kernel[across], kernel[2 * across]];
                    let all = [half * (a + b + c), a, half * (a - b + c), c];
                    (0..PHASES).for_each(|phase| phases[phase * terms + t] = all[phase]);
                }
            }
            body(phases)
        })
    }

    /// Copies the planes `x` into `padded`, zeros around: of each plane, the even lines before the odd ones.
    pub(super) fn pad_pairs<T: Real>(&self, x: &[T], padded: &mut [T]) {
        let ([height, width], [top, left]) = (self.window.size, self.window.padding);
        let pairs = self.area / self.width / 2;
        padded[self.channels * self.area..].fill(T::ZERO);
        simd(
            #[inline(always)]
            || {
                for (plane, padded) in x.chunks_exact(self.window.area()).zip(padded.chunks_exact_mut(self.area)) {
                    for y in 0..2 * pairs {
                        let line = &mut padded[(y % 2 * pairs + y / 2) * self.width..][..self.width];
                        if y < top || y >= top + height {
                            line.fill(T::ZERO);
                        } else {
                            copy_line(&plane[(y - top) * width..][..width], left, line);
                        }
                    }
                }
            },
        );
    }
}

/// The numbers of a phase from the two copies of the image that it combines (or those of the first, if this is none).
#[inline(always)]
pub(super) fn of_phase<T: Real, S: Simd, const PHASE: usize>(
    vectors: Vectors<T, S>,
    here: &[T],
    other: &[T],
    at: usize,
) -> Vector<T, S> {
    match PHASE {
        PHASES => vectors.load(here, at),
        0 => vectors.add(vectors.load(here, at), vectors.load(other, at)),
        _ => vectors.sub(vectors.load(here, at), vectors.load(other, at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{numbers, size};

    fn outputs<T: Real>(sizes: &Shifted, x: &[T], w: &[T]) -> Vec<T> {
        let mut out =
            vec![T::of(f64::NAN); w.len() / (sizes.channels * sizes.window.taps()) * sizes.window.positions()];
        let (mut padded, mut wide) = (vec![T::of(f64::NAN); sizes.image()], vec![T::of(f64::NAN); sizes.tile()]);
        sizes.pad(x, &mut padded);
        sizes.with_weights(w, |w| sizes.forward(&padded, w, None, &mut wide, &mut out));
        out
    }

    /// Random sizes: both ways find the same sums, and the errors of pairs are not much larger.
    #[test]
    fn pairs_of_lines_are_as_accurate_as_all_products() {
        let mut errors = [0.0; 2];
        for seed in 0..40 {
            let random = numbers::<f64>(7, 100 + seed);
            let size = |k: usize, least, most| size(random[k], least, most);
            let window = Window {
                size: [size(0, 6, 40), size(1, 14, 40)],
                kernel: [3, size(2, 1, 4)],
                stride: [1, 1],
                padding: [size(3, 0, 2), size(4, 0, 2)],
                dilation: [1, 1],
            };
            let (channels, filters) = (size(5, 8, 40), size(6, 8, 40));
            let Some(direct) = Shifted::new(window, channels) else { continue };
            let pairs = Shifted::of_convolution::<f32>(window, channels, filters).expect("it pays like all products");
            assert!(pairs.together == 2 && direct.together == 1, "{window:?}");
            let x = numbers::<f32>(channels * window.area(), 1 + seed);
            let w = numbers::<f32>(filters * channels * window.taps(), 2 + seed);
            let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
            let want = outputs(&direct, &double(&x), &double(&w));
            for (error, sizes) in errors.iter_mut().zip([&pairs, &direct]) {
                let got = outputs(sizes, &x, &w);
                let largest = got.iter().zip(&want).map(|(&y, want)| (f64::from(y) - want).abs()).fold(0.0, f64::max);
                assert!(largest < 1e-4, "{largest} {window:?}");
                *error += largest;
            }
        }
        assert!(errors[0] > 0.0 && errors[0] <= 2.0 * errors[1], "{errors:?}");
    }

    #[test]
    fn double_precision_and_few_channels_sum_all_products() {
        let window = Window { size: [16, 16], kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
        let together = |sizes: Option<Shifted>| sizes.expect("no unfolding").together;
        assert_eq!(together(Shifted::of_convolution::<f32>(window, 8, 8)), 2);
        assert_eq!(together(Shifted::of_convolution::<f64>(window, 8, 8)), 1);
        assert_eq!(together(Shifted::of_convolution::<f32>(window, 7, 8)), 1);
        assert_eq!(together(Shifted::of_convolution::<f32>(window, 8, 7)), 1);
    }
}

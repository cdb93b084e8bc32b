//! The outputs of kernels of 3 x 3 in squares of 2 x 2: 16 products in place of 36.
//!
//! With the phases v = Bᵀ d B of an image and u = G g Gᵀ of a kernel, a square of outputs is Aᵀ m A for m = Σ over channels of
//! u ⊙ v. Along one axis Aᵀm is m₀ + (m₁ + m₂), m₃ + (m₁ - m₂): the *inner* phases 1 and 2 are turned by H(a, b) = (a + b, a - b)
//! before they are added to the *outer* ones, 0 and 3. So four sums in registers are enough for the 16 phases of a square, if
//! they are summed four at a time, in two halves that meet in memory:
//!
//! ```text
//! inner in y:  inner in x  →  H in x  →  outer in x  →  H in y  ↘
//! outer in y:  inner in x  →  H in x  →  outer in x              +
//! ```
//!
//! No sum is turned back: then each output would hold, up to rounding, numbers of the image that it does not see, and a NaN or
//! infinity among them would not cancel.
//!
//! [`image`] does this with a square in each lane.

mod image;

use super::{LANES, PHASES};
use crate::kernels::{Real, arch, scratch::with_scratch, vector::Vectors, window::Window};
use image::{FILTERS, Image, VECTORS};
use pulp::{Simd, WithSimd};
use std::marker::PhantomData;

/// Phases that are summed together.
const TOGETHER: usize = 4;
/// The place of the phase in row i and column j, in the order in which they are summed.
const ORDER: [[usize; 4]; 4] = [[12, 8, 9, 13], [4, 0, 1, 5], [6, 2, 3, 7], [14, 10, 11, 15]];
/// Channels whose phases are in the innermost cache together.
const CHANNELS: usize = 16;
/// With fewer channels or filters than this, what is done for each square costs more than the products saved.
const FEW: usize = 3;

/// The sizes of such a convolution.
pub(in crate::kernels) struct Outputs {
    window: Window,
    channels: usize,
    filters: usize,
}

impl Outputs {
    /// The outputs of `window` over so many channels, if this method pays off: at most a third more of them are found than
    /// there are, with whole vectors for each line and whole squares in both halves.
    pub fn new<T: Real>(window: Window, channels: usize, filters: usize) -> Option<Self> {
        let lanes = arch().dispatch(Lanes::<T>(PhantomData))?;
        let [rows, columns] = [0, 1].map(|axis| window.outputs(axis));
        let found = (rows.next_multiple_of(4)).saturating_mul(columns.next_multiple_of(lanes));
        let pays = (window.kernel, window.stride, window.dilation) == ([3, 3], [1, 1], [1, 1])
            && channels.min(filters) >= FEW
            && found / 4 <= rows * columns / 3;
        pays.then_some(Outputs { window, channels, filters })
    }

    /// Channels of a block.
    fn block(&self) -> usize {
        self.channels.div_ceil(self.channels.div_ceil(CHANNELS))
    }

    /// Hands the phases of the kernels `w [filters, channels, 3, 3]` (of one group after the other) to `body`: of a block of
    /// channels, of a few filters, `[phases / TOGETHER, channels, TOGETHER, filters]`.
    pub fn with_weights<T: Real, R>(&self, w: &[T], body: impl FnOnce(&[T]) -> R) -> R {
        with_scratch(w.len() / 9 * PHASES, |phases: &mut [T]| {
            let groups = w.chunks_exact(self.filters * self.channels * 9);
            for (w, phases) in groups.zip(phases.chunks_exact_mut(self.filters * self.channels * PHASES)) {
                for (i, kernel) in w.as_chunks::<9>().0.iter().enumerate() {
                    self.phases_of_kernel([i / self.channels, i % self.channels], kernel, phases);
                }
            }
            body(phases)
        })
    }

    fn phases_of_kernel<T: Real>(&self, [filter, channel]: [usize; 2], kernel: &[T; 9], phases: &mut [T]) {
        let first = [filter / FILTERS * FILTERS, channel / self.block() * self.block()];
        let (filters, channels) = (FILTERS.min(self.filters - first[0]), self.block().min(self.channels - first[1]));
        let few =
            &mut phases[PHASES * (first[1] * self.filters + first[0] * channels)..][..PHASES * channels * filters];
        let [a, b, c, d, e, f, g, h, i] = *kernel;
        let rows = [of_kernel([a, b, c]), of_kernel([d, e, f]), of_kernel([g, h, i])];
        for x in 0..4 {
            let column = of_kernel([rows[0][x], rows[1][x], rows[2][x]]);
            for y in 0..4 {
                let (four, k) = (ORDER[y][x] / TOGETHER, ORDER[y][x] % TOGETHER);
                let at = ((four * channels + channel - first[1]) * TOGETHER + k) * filters + filter - first[0];
                few[at] = column[y];
            }
        }
    }

    /// Numbers of scratch for the phases of an image.
    fn phases(&self) -> usize {
        PHASES * self.block() * VECTORS * LANES
    }

    /// Numbers of scratch for [`forward`](Self::forward).
    pub fn scratch(&self) -> usize {
        self.phases() + TOGETHER * self.filters * VECTORS * LANES
    }

    /// `out [filters, positions]` of an image, from such kernels and a bias for each filter; the image `next` is fetched.
    pub fn forward<T: Real>(
        &self,
        [x, next]: [&[T]; 2],
        w: &[T],
        bias: Option<&[T]>,
        scratch: &mut [T],
        out: &mut [T],
    ) {
        let (phases, sums) = scratch.split_at_mut(self.phases());
        arch().dispatch(Image { sizes: self, x, next, w, bias, phases, sums, out });
    }
}

/// G of three numbers.
fn of_kernel<T: Real>([a, b, c]: [T; 3]) -> [T; 4] {
    let half = T::of(0.5);
    [a, half * (a + b + c), half * (a - b + c), c]
}

/// Whether the machine has registers for the sums of a tile. Double precision, which is asked for its digits, sums all products.
const fn many<T, S: Simd>() -> bool {
    S::REGISTER_COUNT >= 32 && size_of::<T>() == size_of::<f32>()
}

/// Asks for the numbers of a vector, if there are [`many`] registers.
struct Lanes<T>(PhantomData<T>);

impl<T: Real> WithSimd for Lanes<T> {
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<usize> {
        many::<T, S>().then_some(Vectors::<T, S>::LANES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{
        shifted::Shifted,
        testing::{numbers, size},
    };

    fn all_products<T: Real>(sizes: &Shifted, x: &[T], w: &[T], bias: &[T], out: &mut [T]) {
        let (mut padded, mut wide) = (vec![T::of(f64::NAN); sizes.image()], vec![T::of(f64::NAN); sizes.tile()]);
        sizes.pad(x, &mut padded);
        sizes.forward(&padded, w, Some(bias), &mut wide, out);
    }

    /// Random sizes: the same outputs as by all products, with errors that are not much larger.
    #[test]
    fn squares_are_as_accurate_as_all_products() {
        if arch().dispatch(Lanes::<f32>(PhantomData)).is_none() {
            return eprintln!("skipped: this machine has too few registers for squares of outputs");
        }
        let (mut errors, mut seen) = ([0.0; 2], 0);
        for seed in 0..60 {
            let random = numbers::<f64>(6, 300 + seed);
            let size = |k: usize, least, most| size(random[k], least, most);
            let window = Window {
                size: [size(0, 4, 40), size(1, 12, 70)],
                kernel: [3, 3],
                stride: [1, 1],
                padding: [size(2, 0, 3), size(3, 0, 3)],
                dilation: [1, 1],
            };
            let (channels, filters) = (size(4, 3, 40), size(5, 3, 21));
            let Some(squares) = Outputs::new::<f32>(window, channels, filters) else { continue };
            let Some(direct) = Shifted::new(window, channels) else { continue };
            seen += 1;
            let x = numbers::<f32>(channels * window.area(), 1 + seed);
            let w = numbers::<f32>(filters * channels * 9, 2 + seed);
            let bias = numbers::<f32>(filters, 3 + seed);
            let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
            let mut want = vec![f64::NAN; filters * window.positions()];
            all_products(&direct, &double(&x), &double(&w), &double(&bias), &mut want);
            let mut got = [vec![f32::NAN; want.len()], vec![f32::NAN; want.len()]];
            with_scratch(squares.scratch(), |scratch: &mut [f32]| {
                scratch.fill(f32::NAN);
                squares.with_weights(&w, |w| {
                    squares.forward([&x, &x[x.len() / 2..]], w, Some(&bias), scratch, &mut got[0])
                });
            });
            all_products(&direct, &x, &w, &bias, &mut got[1]);
            for (error, got) in errors.iter_mut().zip(&got) {
                let largest = got.iter().zip(&want).map(|(&y, want)| (f64::from(y) - want).abs()).fold(0.0, f64::max);
                assert!(largest < 1e-4, "{largest} {window:?}");
                *error += largest;
            }
        }
        assert!(seen > 10 && errors[0] > 0.0 && errors[0] <= 2.0 * errors[1], "{seen}: {errors:?}");
    }

    /// A number that is not finite reaches the outputs that see it, and no bit of the others changes.
    #[test]
    fn an_output_depends_on_what_it_sees_alone() {
        let (channels, filters, [height, width]) = (19, 5, [13, 37]);
        let window =
            Window { size: [height, width], kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
        let Some(squares) = Outputs::new::<f32>(window, channels, filters) else {
            return eprintln!("skipped: this machine has too few registers for squares of outputs");
        };
        let (mut x, w) = (numbers::<f32>(channels * height * width, 1), numbers::<f32>(filters * channels * 9, 2));
        let outputs = |x: &[f32]| {
            let mut out = vec![f32::NAN; filters * window.positions()];
            with_scratch(squares.scratch(), |scratch: &mut [f32]| {
                scratch.fill(f32::NAN);
                squares.with_weights(&w, |w| squares.forward([x, &[]], w, None, scratch, &mut out));
            });
            out
        };
        let usual = outputs(&x);
        for (n, value) in [f32::NAN, f32::INFINITY, 1e30].into_iter().enumerate() {
            for (row, column) in [(0, 0), (6, 16), (7, 17), (height - 1, width - 1)] {
                let place = ((5 * n + 3) * height + row) * width + column;
                let before = std::mem::replace(&mut x[place], value);
                for (i, (here, usual)) in outputs(&x).into_iter().zip(&usual).enumerate() {
                    let (y, x) = (i / width % height, i % width);
                    let sees = y.abs_diff(row) <= 1 && x.abs_diff(column) <= 1;
                    let text = format!("{value} at [{row}, {column}]: {here} for {usual} at [{y}, {x}]");
                    assert!(if sees { here != *usual } else { here.to_bits() == usual.to_bits() }, "{text}");
                }
                x[place] = before;
            }
        }
    }

    #[test]
    fn narrow_images_double_precision_and_few_channels_are_left_to_others() {
        let window = |size| Window { size, kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
        let here = arch().dispatch(Lanes::<f32>(PhantomData)).is_some();
        assert_eq!(Outputs::new::<f32>(window([32, 32]), 3, 3).is_some(), here);
        assert!(Outputs::new::<f64>(window([32, 32]), 3, 3).is_none());
        assert!(Outputs::new::<f32>(window([32, 32]), 2, 3).is_none());
        assert!(Outputs::new::<f32>(window([32, 32]), 3, 2).is_none());
        assert!(Outputs::new::<f32>(window([32, 10]), 3, 3).is_none());
        assert!(Outputs::new::<f32>(Window { stride: [2, 1], ..window([32, 32]) }, 3, 3).is_none());
    }
}

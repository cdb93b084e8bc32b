//! Convolution without unfolding, for sums with few terms.
//!
//! In a zero-padded image of width W, output (y, x) has the place q = y·W + x and sees, through each tap, the place q +
//! shift(tap): the same shift for all outputs. So with the outputs laid out at width W too (and the few at the end of
//! each line discarded), a convolution is a sum of shifted copies of the image, and its weight gradient a set of dot
//! products of dy with shifted copies. Both run in register tiles straight from the image, which stays in the innermost
//! cache. The share of work discarded is (kernel − 1) / W, less than the cost of unfolding when a sum has few terms.
//!
//! With kernels of three lines, a convolution finds two lines of outputs at a time, with a third less products ([`pairs`]). With
//! strides, the padded image is laid out so that outputs see shifted copies again ([`strides`]), and dx is several convolutions
//! ([`adjoint`]).

mod adjoint;
mod forward;
mod grad_weight;
mod pairs;
mod strides;

use super::{Real, arch, simd, window::Window};
pub(super) use adjoint::Adjoint;
use forward::Forward;
use grad_weight::GradWeight;
use strides::Axis;

/// Places come in runs of this many: the widest vector of f32.
const LANES: usize = 16;
/// Sums with more terms than this are left to unfolding, whose cost is then small compared to the product's.
const TERMS: usize = 2048;
/// Bytes of dy that a weight gradient reads again for every term: they should stay in the innermost cache, beside planes of
/// the image.
const NEAR: usize = 28 << 10;
/// Padded images with more numbers than this are left to unfolding, which needs no memory for the padding.
const PADDED: usize = 1 << 28;

/// How a window's taps shift a padded image.
pub(super) struct Shifted {
    window: Window,
    /// Planes summed over.
    channels: usize,
    /// Width of the padded image, or of a phase of it.
    width: usize,
    /// Numbers of a padded plane, with all its phases.
    area: usize,
    /// How many lines of outputs are found together: 2 in [`pairs`], or 1.
    together: usize,
    /// The shift of every term (in pairs, of every term of a phase): channel by channel, tap by tap.
    shifts: Vec<usize>,
    /// Places to compute: from the first output to the last, rounded up to whole vectors.
    places: usize,
}

impl Shifted {
    /// The shifts of `window` over `channels` planes, if this method pays off.
    pub fn new(window: Window, channels: usize) -> Option<Self> {
        let [y, x] = [0, 1].map(|axis| Axis::new(&window, axis));
        let [rows, columns] = [0, 1].map(|axis| window.outputs(axis));
        let (width, planes) = (x.places, y.phases.saturating_mul(x.phases));
        let area = planes.saturating_mul(y.places).saturating_mul(width);
        let pays = window.taps() > 1
            && channels.saturating_mul(area) <= PADDED
            && channels * window.taps() <= TERMS
            && rows * columns >= 4 * LANES
            && 2 * width <= 3 * columns;
        pays.then(|| Shifted {
            window,
            channels,
            width,
            area,
            together: 1,
            shifts: (0..channels)
                .flat_map(|c| (0..window.kernel[0]).map(move |ky| (c, ky)))
                .flat_map(|(c, ky)| (0..window.kernel[1]).map(move |kx| (c, ky, kx)))
                .map(|(c, ky, kx)| {
                    let ([above, line], [left, place]) = (y.of(ky), x.of(kx));
                    c * area + ((above * x.phases + left) * y.places + line) * width + place
                })
                .collect(),
            places: ((rows - 1) * width + columns).next_multiple_of(LANES),
        })
    }

    /// Numbers of scratch for an image: its planes, and a vector that tiles may read past the end.
    pub fn image(&self) -> usize {
        self.channels * self.area + LANES
    }

    /// Numbers of scratch for `filters` planes of outputs at the padded width.
    pub fn outputs(&self, filters: usize) -> usize {
        filters * self.places
    }

    /// How many images' weight gradients are summed in registers before they are accumulated.
    pub fn images_together<T>(&self) -> usize {
        (NEAR / (grad_weight::FILTERS * self.places * size_of::<T>())).clamp(1, 16)
    }

    /// Copies the planes `x` into `padded`, zeros around.
    pub fn pad<T: Real>(&self, x: &[T], padded: &mut [T]) {
        if self.together == 2 {
            return self.pad_pairs(x, padded);
        }
        if self.window.stride != [1, 1] {
            return self.pad_phases(x, padded);
        }
        let (width, [top, left]) = (self.window.size[1], self.window.padding);
        let planes = self.channels * self.area;
        padded[planes..].fill(T::ZERO);
        simd(
            #[inline(always)]
            || {
                for (plane, padded) in x.chunks_exact(self.window.area()).zip(padded.chunks_exact_mut(self.area)) {
                    let (above, rest) = padded.split_at_mut(top * self.width);
                    let (lines, below) = rest.split_at_mut(self.window.size[0] * self.width);
                    above.fill(T::ZERO);
                    below.fill(T::ZERO);
                    for (row, line) in plane.chunks_exact(width).zip(lines.chunks_exact_mut(self.width)) {
                        copy_line(row, left, line);
                    }
                }
            },
        );
    }

    /// Lays out the output planes `dy` at the padded width, with zeros at the end of each line.
    pub fn spread<T: Real>(&self, dy: &[T], spread: &mut [T]) {
        let columns = self.window.outputs(1);
        simd(
            #[inline(always)]
            || {
                for (plane, spread) in
                    dy.chunks_exact(self.window.positions()).zip(spread.chunks_exact_mut(self.places))
                {
                    let (lines, rest) = spread.split_at_mut(self.places.min(self.window.outputs(0) * self.width));
                    rest.fill(T::ZERO);
                    for (row, line) in plane.chunks_exact(columns).zip(lines.chunks_mut(self.width)) {
                        copy_line(row, 0, line);
                    }
                }
            },
        );
    }

    /// Numbers of scratch for [`forward`](Self::forward).
    pub fn tile(&self) -> usize {
        forward::FILTERS * self.together * self.places
    }

    /// Hands the kernels `w [filters, channels, taps]` to `body`, as [`forward`](Self::forward) takes them.
    pub fn with_weights<T: Real, R>(&self, w: &[T], body: impl FnOnce(&[T]) -> R) -> R {
        match self.together {
            1 => body(w),
            _ => self.with_weights_of_phases(w, body),
        }
    }

    /// `out [filters, positions]` of one padded image, from such kernels and a bias for each filter; `wide` is
    /// scratch of length [`tile`](Self::tile).
    pub fn forward<T: Real>(&self, padded: &[T], w: &[T], bias: Option<&[T]>, wide: &mut [T], out: &mut [T]) {
        arch().dispatch(Forward { sizes: self, padded, w, bias, wide, out });
    }

    /// `dw [filters, terms] += Σ over images of dy · shifted x`, for several images that were padded and spread one
    /// after the other.
    pub fn grad_weight<T: Real>(&self, padded: &[T], spread: &[T], dw: &mut [T]) {
        arch().dispatch(GradWeight { sizes: self, padded, spread, dw });
    }
}

/// Copies the line `row` of an image into `out`, `left` numbers from its start, with zeros around it. In whole vectors that
/// overlap: a call takes longer than so few numbers.
#[inline(always)]
fn copy_line<T: Real>(row: &[T], left: usize, out: &mut [T]) {
    let around = left.max(out.len() - left - row.len());
    match (out.first_chunk_mut::<LANES>(), row.len().checked_sub(LANES)) {
        (Some(first), Some(last)) if around <= LANES => {
            if around > 0 {
                *first = [T::ZERO; LANES];
                if let Some(end) = out.last_chunk_mut::<LANES>() {
                    *end = [T::ZERO; LANES];
                }
            }
            let out = &mut out[left..];
            let mut at = 0;
            loop {
                if let (Some(x), Some(out)) = (row[at..].first_chunk::<LANES>(), out[at..].first_chunk_mut()) {
                    *out = *x;
                }
                if at == last {
                    break;
                }
                at = last.min(at + LANES);
            }
        }
        _ => {
            out.fill(T::ZERO);
            out[left..left + row.len()].copy_from_slice(row);
        }
    }
}

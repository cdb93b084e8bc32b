//! Pooling with all options, and pooling to a given size.
//!
//! Along each axis, output o sees the inputs o · stride − padding + k · dilation, k < kernel, that exist. There are
//! ⌊(size + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1 outputs; with `ceil_mode` the quotient is rounded up,
//! but a window that begins in the padding on the far side is left out. *Adaptive* pooling gives windows instead of a
//! kernel: output o of n sees the inputs from ⌊o · size / n⌋ to ⌈(o + 1) · size / n⌉, the latter excluded. Where the outputs
//! divide the sizes, these are the windows of a pool with a stride of its own size, which is faster. All this is PyTorch's.

use super::{composition::composition, taps::Taps};
use crate::{
    error::{Error, Result},
    ops::{Window, sample::Sample},
    tape::Var,
    tensor::Shape,
};

/// A pool with all its options; [`Window`], for the pools of everyday, has the first three.
///
/// ```
/// use wengert::{Tape, functional::Pool};
/// let tape = Tape::f64();
/// let x = tape.leaf([[1.0, 2.0, 3.0]]).reshape([1, 1, 1, 3]);
/// let pool = Pool { kernel: [1, 2], ..Pool::square(2) };
/// assert_eq!(x.max_pool2d_with(&pool).value().to_vec(), [2.0]);
/// assert_eq!(x.max_pool2d_with(&pool.ceil_mode()).value().to_vec(), [2.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps between two positions.
    pub stride: [usize; 2],
    /// Rows and columns added on each side: −∞ for a maximum, 0 for a mean.
    pub padding: [usize; 2],
    /// Distance between two entries that a window sees; of a maximum alone.
    pub dilation: [usize; 2],
    /// Whether a last window that reaches beyond the padded image counts.
    pub ceil_mode: bool,
    /// Whether a mean counts the padding as zeros.
    pub count_padding: bool,
    /// What sums are divided by in place of the number of entries.
    pub divisor: Option<f64>,
}

impl From<Window> for Pool {
    fn from(Window { kernel, stride, padding }: Window) -> Self {
        Pool { kernel, stride, padding, dilation: [1; 2], ceil_mode: false, count_padding: true, divisor: None }
    }
}

impl Pool {
    /// A square window with a stride of its own size.
    pub fn square(size: usize) -> Self {
        Window::square(size).into()
    }

    /// The same stride in y and x.
    pub fn stride(self, stride: usize) -> Self {
        Pool { stride: [stride; 2], ..self }
    }

    /// The same padding on every side.
    pub fn padding(self, padding: usize) -> Self {
        Pool { padding: [padding; 2], ..self }
    }

    /// The same dilation in y and x.
    pub fn dilation(self, dilation: usize) -> Self {
        Pool { dilation: [dilation; 2], ..self }
    }

    /// A last window that reaches beyond the padded image counts.
    pub fn ceil_mode(self) -> Self {
        Pool { ceil_mode: true, ..self }
    }

    /// Whether a mean counts the padding as zeros; it does unless told otherwise.
    pub fn count_padding(self, count_padding: bool) -> Self {
        Pool { count_padding, ..self }
    }

    /// What sums are divided by, in place of the number of entries.
    pub fn divisor(self, divisor: f64) -> Self {
        Pool { divisor: Some(divisor), ..self }
    }

    /// The number of windows along `axis` (0 for y, 1 for x) of an image of this size, if they fit.
    fn windows(&self, axis: usize, size: usize) -> Option<usize> {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|of| of[axis]);
        let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        let padded = padding.checked_mul(2)?.checked_add(size)?;
        if stride == 0 || dilation == 0 || padding > kernel / 2 || padded > isize::MAX as usize {
            return None;
        }
        // Rounded up, even a window that is larger than the padded image may count.
        let room = padded as i128 - reach as i128 + if self.ceil_mode { stride as i128 - 1 } else { 0 };
        let last = usize::try_from(room.div_euclid(stride as i128)).ok()?;
        let begins = last.checked_mul(stride).is_some_and(|start| start < size + padding);
        if self.ceil_mode && !begins { Some(last).filter(|&count| count > 0) } else { last.checked_add(1) }
    }

    /// What so many windows see, with the weights of a mean, or of a sum; nothing if one of them sees no pixel.
    fn taps(&self, axis: usize, size: usize, windows: usize) -> Option<Taps> {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|of| of[axis]);
        let padded = 2 * padding + size;
        let real = |output: usize| {
            let start = output * stride;
            let first = padding.saturating_sub(start).div_ceil(dilation);
            let end = (size + padding).saturating_sub(start).div_ceil(dilation).min(kernel);
            (first.min(end)..end).map(move |tap| start + tap * dilation - padding)
        };
        let weight = |output: usize| match self.divisor {
            Some(_) => 1.0,
            None if self.count_padding => 1.0 / (padded - output * stride).min(kernel) as f64,
            None => 1.0 / real(output).len() as f64,
        };
        let seen = (0..windows).all(|output| real(output).len() > 0);
        seen.then(|| Taps::new(windows, |output| real(output).map(|input| (input, weight(output))).collect()))
    }

    /// The taps along y and x of these images.
    fn over(&self, op: &str, x: &Shape) -> Result<[Taps; 2]> {
        let [height, width] = images(op, x)?;
        let fault = || {
            let Pool { kernel, stride, padding, dilation, .. } = self;
            let need = format!(
                "the window {kernel:?} with stride {stride:?} and dilation {dilation:?} must fit into the padded image \
                 and see a pixel everywhere, and the padding {padding:?} must be at most half of it"
            );
            Error::shape(op, &[x], need)
        };
        let (down, across) = self.windows(0, height).zip(self.windows(1, width)).ok_or_else(fault)?;
        let [kh, kw] = self.kernel;
        let entries = [down.saturating_mul(kh.min(height)), across.saturating_mul(kw.min(width))];
        Taps::room(op, x, [down, across], entries)?;
        let taps = self.taps(0, height, down).zip(self.taps(1, width, across));
        taps.map(|(y, x)| [y, x]).ok_or_else(fault)
    }
}

/// Height and width of images with pixels.
pub(super) fn images(op: &str, x: &Shape) -> Result<[usize; 2]> {
    match *x.dims() {
        [_, _, height, width] if height > 0 && width > 0 => Ok([height, width]),
        _ => Err(Error::shape(op, &[x], "images [n, c, h, w] of at least one pixel are needed")),
    }
}

/// Adaptive pooling with equal windows side by side, where the height and the width are multiples of `outputs`.
fn side_by_side(x: &Shape, outputs: [usize; 2]) -> Option<Window> {
    let &[_, _, height, width] = x.dims() else { return None };
    let kernel = [height.checked_div(outputs[0])?, width.checked_div(outputs[1])?];
    // Places in larger images do not fit into 32 bits, in which a max pool keeps them.
    let fits = height.checked_mul(width).is_some_and(|area| u32::try_from(area).is_ok());
    let equal = kernel[0] > 0 && kernel[1] > 0 && [kernel[0] * outputs[0], kernel[1] * outputs[1]] == [height, width];
    (fits && equal).then_some(Window { kernel, stride: kernel, padding: [0; 2] })
}

/// The windows of adaptive pooling along one axis, with the weights of a mean.
fn adaptive(op: &str, x: &Shape, outputs: [usize; 2]) -> Result<[Taps; 2]> {
    let sizes = images(op, x)?;
    // Windows side by side, which share an entry at most.
    Taps::room(op, x, outputs, [0, 1].map(|axis| sizes[axis].saturating_add(outputs[axis])))?;
    Ok([0, 1].map(|axis| {
        let (size, outputs) = (sizes[axis] as u128, outputs[axis] as u128);
        Taps::new(outputs as usize, |o| {
            let (first, end) = (o as u128 * size / outputs, ((o as u128 + 1) * size).div_ceil(outputs));
            (first..end).map(|i| (i as usize, 1.0 / (end - first) as f64)).collect()
        })
    }))
}

composition!(
    /// Max pooling of images `[n, c, h, w]` with all [options](Pool): dilation, rounding up. At a tie the first gets
    /// the gradient. [`max_pool2d`](Var::max_pool2d), without these options, is faster.
    #[or_panic(max_pool2d_with)]
    /// [`Error::Shape`] when the window does not fit.
    pub fn try_max_pool2d_with(self, pool: &Pool) -> Result<Var<'t>> {
        let [y, x] = pool.over("max_pool2d", &self.shape()).map_err(|error| self.tape().locate(error))?;
        y.max(x.max(self, 3)?, 2)
    },
    [
        Sample::unary("max_pool2d, rounded up", [1, 2, 5, 4], |x| x
            .max_pool2d_with(&Pool::square(3).stride(2).ceil_mode())),
        Sample::unary("max_pool2d, dilated", [1, 1, 5, 6], |x| x
            .max_pool2d_with(&Pool::square(2).stride(1).dilation(3))),
    ]
);

composition!(
    /// Average pooling of images `[n, c, h, w]` with all [options](Pool): rounding up, another divisor, padding that
    /// counts or not. [`avg_pool2d`](Var::avg_pool2d), without the first two, is faster.
    #[or_panic(avg_pool2d_with)]
    /// [`Error::Shape`] when the window does not fit, [`Error::Setting`] for a dilation, or for a divisor that is 0 or
    /// not finite.
    pub fn try_avg_pool2d_with(self, pool: &Pool) -> Result<Var<'t>> {
        if pool.dilation != [1, 1] {
            return Err(Error::setting("avg_pool2d", "dilation", format!("{:?}", pool.dilation), "[1, 1]"));
        }
        if let Some(divisor) = pool.divisor.filter(|d| !d.is_finite() || *d == 0.0) {
            return Err(Error::setting("avg_pool2d", "divisor", divisor, "finite and not 0"));
        }
        let taps = pool.over("avg_pool2d", &self.shape()).map_err(|error| self.tape().locate(error))?;
        let sums = Taps::sum_of_images(taps, self)?;
        Ok(pool.divisor.map_or(sums, |divisor| sums / divisor))
    },
    [
        Sample::unary("avg_pool2d, rounded up", [1, 2, 5, 4], |x| {
            x.avg_pool2d_with(&Pool::square(3).stride(2).padding(1).ceil_mode().count_padding(false))
        }),
        Sample::unary("avg_pool2d, own divisor", [1, 1, 4, 4], |x| x.avg_pool2d_with(&Pool::square(2).divisor(3.0))),
    ]
);

composition!(
    /// The means of images `[n, c, h, w]` over windows that give the height and width `size`, which need not divide
    /// theirs: `[n, c, size]`.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([[1.0, 2.0, 4.0]]).reshape([1, 1, 1, 3]);
    /// assert_eq!(x.adaptive_avg_pool2d([1, 2]).value().to_vec(), [1.5, 3.0]);
    /// ```
    #[or_panic(adaptive_avg_pool2d)]
    /// [`Error::Shape`] when these are not images of at least one pixel.
    pub fn try_adaptive_avg_pool2d(self, size: [usize; 2]) -> Result<Var<'t>> {
        if let Some(window) = side_by_side(&self.shape(), size) {
            return self.try_avg_pool2d(window, true);
        }
        let taps = adaptive("adaptive_avg_pool2d", &self.shape(), size).map_err(|error| self.tape().locate(error))?;
        Taps::sum_of_images(taps, self)
    },
    [
        Sample::unary("adaptive_avg_pool2d", [1, 2, 5, 4], |x| x.adaptive_avg_pool2d([3, 3])),
        Sample::unary("adaptive_avg_pool2d, equal windows", [1, 2, 4, 6], |x| x.adaptive_avg_pool2d([2, 2])),
    ]
);

composition!(
    /// The maxima of images `[n, c, h, w]` over windows that give the height and width `size`, which need not divide
    /// theirs: `[n, c, size]`. At a tie the first gets the gradient, in row-major order.
    #[or_panic(adaptive_max_pool2d)]
    /// [`Error::Shape`] when these are not images of at least one pixel.
    pub fn try_adaptive_max_pool2d(self, size: [usize; 2]) -> Result<Var<'t>> {
        if let Some(window) = side_by_side(&self.shape(), size) {
            return self.try_max_pool2d(window);
        }
        let [y, x] = adaptive("adaptive_max_pool2d", &self.shape(), size).map_err(|error| self.tape().locate(error))?;
        y.max(x.max(self, 3)?, 2)
    },
    [
        Sample::unary("adaptive_max_pool2d", [1, 2, 5, 4], |x| x.adaptive_max_pool2d([3, 3])),
        Sample::unary("adaptive_max_pool2d, equal windows", [1, 2, 4, 6], |x| x.adaptive_max_pool2d([2, 2])),
    ]
);

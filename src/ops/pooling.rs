//! Windows over images, and the maximum of each.
//!
//! The gradient of a maximum goes to the place where it was found (the first, at a tie). For fixed places, taking
//! numbers from them and putting numbers back are linear and adjoint to each other.

use std::{cell::RefCell, sync::Arc};

use super::{
    convolution::missing_axes,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    piecewise::{Chain, NEAR, Piecewise, build_of},
    sample::{Sample, Sampled},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::window,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// A window that slides over images: kernel, stride and padding in y and x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps between two positions.
    pub stride: [usize; 2],
    /// Rows and columns added on each side: −∞ for a maximum, 0 for a mean.
    pub padding: [usize; 2],
}

impl Window {
    /// A square window with a stride of its own size.
    pub fn square(size: usize) -> Self {
        Window { kernel: [size; 2], stride: [size; 2], padding: [0; 2] }
    }

    /// The same stride in y and x.
    pub fn stride(self, stride: usize) -> Self {
        Window { stride: [stride; 2], ..self }
    }

    /// The same padding on every side.
    pub fn padding(self, padding: usize) -> Self {
        Window { padding: [padding; 2], ..self }
    }

    pub(super) fn over(&self, op: &str, x: &Shape) -> Result<window::Window> {
        let &[_, _, height, width] = x.dims() else {
            return Err(Error::shape(op, &[x], "images [n, c, h, w] are needed").help(missing_axes(x.rank() < 4)));
        };
        if height == 0 || width == 0 {
            return Err(Error::shape(op, &[x], "images [n, c, h, w] of at least one pixel are needed"));
        }
        let Window { kernel, stride, padding } = *self;
        let window = window::Window { size: [height, width], kernel, stride, padding, dilation: [1, 1] };
        if !window.fits() || (0..2).any(|axis| padding[axis] > kernel[axis] / 2) {
            let need = format!(
                "the window {kernel:?} with stride {stride:?} must fit into the padded image, and the padding \
                 {padding:?} must be at most half of it"
            );
            return Err(Error::shape(op, &[x], need));
        }
        Ok(window)
    }

    pub(super) fn output(&self, op: &str, x: &Shape) -> Result<Shape> {
        let window = self.over(op, x)?;
        Ok(Shape::from([x[0], x[1], window.outputs(0), window.outputs(1)]))
    }
}

/// Where each maximum was found in its plane. Later recordings reuse the memory, as they reuse that of tensors.
pub(super) struct Found(Vec<u32>);

/// At most this many freed vectors are kept for reuse.
const KEPT: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

impl Found {
    /// `len` numbers, of which all are to be written.
    fn take(len: usize) -> Self {
        let mut numbers = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        numbers.resize(len, 0);
        Found(numbers)
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.0);
        // While a thread ends, its list may be gone already: the memory is then simply freed.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(numbers);
            }
        });
    }
}

/// The maximum of each window.
pub(super) struct MaxPool(Window);

impl Op for MaxPool {
    fn name(&self) -> &str {
        "max_pool2d"
    }

    fn attributes(&self) -> String {
        format!("{:?} stride {:?}", self.0.kernel, self.0.stride)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{maxpool}(x)", [r"\operatorname{unpool}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let shape = self.0.output("max_pool2d", x[0])?;
        // The place of a maximum is stored in 32 bits.
        match x[0][2] * x[0][3] <= u32::MAX as usize {
            true => Ok(shape),
            false => Err(Error::shape("max_pool2d", x, "images of at most 2^32 - 1 pixels are needed")),
        }
    }

    fn flops(&self, _: &[&Shape], z: &Shape) -> Option<u64> {
        Some((z.numel() * (self.0.kernel.iter().product::<usize>() - 1)) as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        self.forward_of((&Chain::of(x[0]), x[0].shape()), &[], shape, saved)
    }

    fn piecewise(&self, x: &[&Shape]) -> Option<&dyn Piecewise> {
        (x[0][2] * x[0][3] <= NEAR).then_some(self)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let places = at.saved().and_then(|saved| saved.downcast::<Found>().ok()).expect("max_pool2d keeps its places");
        let unpool = MaxUnpool { window: self.0, places, shape: at.x[0].shape() };
        Ok(Grads::from_iter([Some(at.tape().builtin(unpool, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Piecewise for MaxPool {
    fn forward_of(
        &self,
        (x, of): (&Chain<'_>, &Shape),
        _: &[&Tensor],
        shape: Shape,
        saved: &mut Option<Saved>,
    ) -> Result<Tensor> {
        let window = self.0.over("max_pool2d", of)?;
        let mut places = Found::take(shape.numel());
        let y = build_of!(x, shape, |x, out| window.max_pool(&x.pieces(of), out, &mut places.0));
        *saved = Some(Arc::new(places));
        Ok(y)
    }
}

impl Sampled for MaxPool {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("max_pool2d", [2, 2, 4, 6], |x| x.max_pool2d(Window::square(2))),
            Sample::unary("max_pool2d, overlapping and padded", [1, 2, 5, 5], |x| {
                x.max_pool2d(Window::square(3).stride(2).padding(1))
            }),
        ]
    }
}

/// Puts numbers back at the places of the maxima, and adds up those that meet.
pub(super) struct MaxUnpool {
    window: Window,
    places: Arc<Found>,
    shape: Shape,
}

impl Op for MaxUnpool {
    fn name(&self) -> &str {
        "max_unpool2d"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{unpool}(x)", [r"\operatorname{unpool}^\top(\bar z)"]))
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let window = self.window.over("max_unpool2d", &shape)?;
        Ok(build!(x[0].dtype(), shape, |T, out| window.max_pool_grad(x[0].data::<T>(), &self.places.0, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let take = TakeMax { window: self.window, places: self.places.clone() };
        Ok(Grads::from_iter([Some(at.tape().builtin(take, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for MaxUnpool {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("max_unpool2d", [1, 1, 1, 2], |x| {
            let unpool = MaxUnpool {
                window: Window::square(2),
                places: Arc::new(Found(vec![1, 6])),
                shape: [1, 1, 2, 4].into(),
            };
            expect(x.tape().builtin(unpool, &[x]))
        })]
    }
}

/// Takes the numbers at the places of the maxima.
pub(super) struct TakeMax {
    window: Window,
    places: Arc<Found>,
}

impl Op for TakeMax {
    fn name(&self) -> &str {
        "take_max2d"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{unpool}^\top(x)", [r"\operatorname{unpool}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.window.output("take_max2d", x[0])
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let window = self.window.over("take_max2d", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| window.max_pool_gather(x[0].data::<T>(), &self.places.0, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let unpool = MaxUnpool { window: self.window, places: self.places.clone(), shape: at.x[0].shape() };
        Ok(Grads::from_iter([Some(at.tape().builtin(unpool, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for TakeMax {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("take_max2d", [1, 1, 2, 4], |x| {
            expect(x.tape().builtin(TakeMax { window: Window::square(2), places: Arc::new(Found(vec![1, 6])) }, &[x]))
        })]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Max pooling: the maximum of each window of images `[n, c, h, w]`. At a tie the first gets the gradient.
        #[or_panic(max_pool2d)]
        /// [`Error::Shape`] when the window does not fit.
        pub fn try_max_pool2d(self, window: Window) -> Result<Var<'t>> {
            self.tape().builtin(MaxPool(window), &[self])
        }
    );
}

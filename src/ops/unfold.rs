//! Unfolding images into their windows (im2col), and folding windows back (col2im).
//!
//! Unfolding turns images `[n, c, h, w]` into `[n, c·kh·kw, l]`, one column for each of the l positions of a kernel, so
//! that a convolution is a matrix product, and any other function of a window can be written. Folding adds every entry
//! back to the pixel that it was read from. Both are linear, and each is the adjoint of the other, hence its gradient.

use super::{
    convolution::{ConvSpec, misfit, missing_axes},
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::window::Window,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// How a kernel slides over images.
#[derive(Clone, Copy)]
struct Slide {
    kernel: [usize; 2],
    spec: ConvSpec,
}

impl Slide {
    /// The window over images of `size`, and the shape of its columns for images `[n, c, h, w]`.
    fn over(&self, op: &str, image: &Shape) -> Result<(Window, Shape)> {
        let Slide { kernel, spec: ConvSpec { stride, padding, dilation, groups } } = *self;
        let &[n, c, height, width] = image.dims() else {
            return Err(
                Error::shape(op, &[image], "images [n, c, h, w] are needed").help(missing_axes(image.rank() < 4))
            );
        };
        if groups != 1 || stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
            let need = format!(
                "kernel {kernel:?}, stride {stride:?} and dilation {dilation:?} must be at least 1, and groups, here \
                 {groups}, must be 1"
            );
            return Err(Error::shape(op, &[image], need));
        }
        let window = Window { size: [height, width], kernel, stride, padding, dilation };
        if !window.fits() {
            return Err(Error::shape(op, &[image], misfit(&window)));
        }
        Shape::from([n, c, kernel[0], kernel[1], window.outputs(0), window.outputs(1)]).countable(op, &[image])?;
        Ok((window, Shape::from([n, c * window.taps(), window.positions()])))
    }
}

/// Every window of every image as a column.
pub(super) struct Unfold(Slide);

impl Op for Unfold {
    fn name(&self) -> &str {
        "unfold"
    }

    fn attributes(&self) -> String {
        format!("kernel {:?} stride {:?} padding {:?}", self.0.kernel, self.0.spec.stride, self.0.spec.padding)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{unfold}(x)", [r"\operatorname{fold}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.0.over("unfold", x[0]).map(|over| over.1)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let (window, _) = self.0.over("unfold", x[0].shape())?;
        let n = shape[0];
        Ok(build!(x[0].dtype(), shape, |T, out| window.unfold(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let fold = Fold { slide: self.0, image: at.x[0].shape() };
        Ok(Grads::from_iter([Some(at.tape().builtin(fold, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Unfold {
    fn samples() -> Vec<Sample> {
        let spec = ConvSpec::default().stride(2).padding(1);
        vec![Sample::unary("unfold", [2, 2, 4, 3], move |x| x.unfold([2, 3], spec))]
    }
}

/// Every column added back to the image `[n, c, h, w]` that it was read from.
pub(super) struct Fold {
    slide: Slide,
    image: Shape,
}

impl Op for Fold {
    fn name(&self) -> &str {
        "fold"
    }

    fn attributes(&self) -> String {
        format!("into {} {}", self.image, Unfold(self.slide).attributes())
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{fold}(x)", [r"\operatorname{unfold}(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (_, columns) = self.slide.over("fold", &self.image)?;
        match columns == *x[0] {
            true => Ok(self.image.clone()),
            false => Err(Error::shape("fold", &[x[0], &self.image], format!("these images need columns {columns}"))),
        }
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let (window, _) = self.slide.over("fold", &self.image)?;
        let n = shape[0];
        Ok(build!(x[0].dtype(), shape, |T, out| window.fold(x[0].data::<T>(), n, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([Some(at.tape().builtin(Unfold(self.slide), &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Fold {
    fn samples() -> Vec<Sample> {
        let spec = ConvSpec::default().dilation(2);
        vec![Sample::unary("fold", [2, 8, 6], move |x| x.fold([2, 2, 4, 5], [2, 2], spec))]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Every window of the images `[n, c, h, w]` as a column: `[n, c · kh · kw, positions]`, where the rows run
        /// over channels, then over the kernel. Taps outside the image give 0; the groups of `spec` must be 1.
        ///
        /// ```
        /// use wengert::{Tape, ops::ConvSpec};
        /// let tape = Tape::f64();
        /// let image = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape([1, 1, 2, 3]);
        /// let windows = image.unfold([2, 2], ConvSpec::default());
        /// assert_eq!(windows.value().to_vec(), [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0]);
        /// ```
        #[or_panic(unfold)]
        /// [`Error::Shape`] when the kernel does not fit into the padded images.
        pub fn try_unfold(self, kernel: [usize; 2], spec: ConvSpec) -> Result<Var<'t>> {
            self.tape().builtin(Unfold(Slide { kernel, spec }), &[self])
        }
    );

    twin!(
        /// The images `[n, c, h, w]` in which every pixel is the sum of the entries that [`unfold`](Var::unfold) reads
        /// from it. It is the adjoint of `unfold`, not its inverse, since windows overlap.
        #[or_panic(fold)]
        /// [`Error::Shape`] when these are not the columns of such images.
        pub fn try_fold(self, image: [usize; 4], kernel: [usize; 2], spec: ConvSpec) -> Result<Var<'t>> {
            self.tape().builtin(Fold { slide: Slide { kernel, spec }, image: image.into() }, &[self])
        }
    );
}

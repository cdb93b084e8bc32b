//! The mean of each window of an image. It is linear; its adjoint spreads each number evenly over the window.

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    pooling::Window,
    sample::{Sample, Sampled},
    twins::{expect, twin},
};
use crate::{
    error::Result,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The mean of each window.
pub(super) struct AvgPool {
    window: Window,
    count_padding: bool,
}

impl Op for AvgPool {
    fn name(&self) -> &str {
        "avg_pool2d"
    }

    fn attributes(&self) -> String {
        format!("{:?} stride {:?}", self.window.kernel, self.window.stride)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{avgpool}(x)", [r"\operatorname{avgpool}^\top(\bar z)"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.window.output("avg_pool2d", x[0])
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let window = self.window.over("avg_pool2d", x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| window.avg_pool(x[0].data::<T>(), self.count_padding, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let back = AvgUnpool { window: self.window, count_padding: self.count_padding, shape: at.x[0].shape() };
        Ok(Grads::from_iter([Some(at.tape().builtin(back, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for AvgPool {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("avg_pool2d", [2, 2, 4, 6], |x| x.avg_pool2d(Window::square(2), true)),
            Sample::unary("avg_pool2d, padded, padding not counted", [1, 2, 5, 5], |x| {
                x.avg_pool2d(Window::square(3).stride(2).padding(1), false)
            }),
        ]
    }
}

/// The adjoint of [`AvgPool`]: each number is spread evenly over its window.
pub(super) struct AvgUnpool {
    window: Window,
    count_padding: bool,
    shape: Shape,
}

impl Op for AvgUnpool {
    fn name(&self) -> &str {
        "avg_unpool2d"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\operatorname{avgpool}^\top(x)", [r"\operatorname{avgpool}(\bar z)"]))
    }

    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let window = self.window.over("avg_unpool2d", &shape)?;
        Ok(build!(x[0].dtype(), shape, |T, out| window.avg_pool_grad(x[0].data::<T>(), self.count_padding, out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let pool = AvgPool { window: self.window, count_padding: self.count_padding };
        Ok(Grads::from_iter([Some(at.tape().builtin(pool, &[at.dz])?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for AvgUnpool {
    fn samples() -> Vec<Sample> {
        vec![Sample::unary("avg_unpool2d", [1, 1, 1, 2], |x| {
            let op = AvgUnpool { window: Window::square(2), count_padding: true, shape: [1, 1, 2, 4].into() };
            expect(x.tape().builtin(op, &[x]))
        })]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Average pooling: the mean of each window of images `[n, c, h, w]`. Padding counts as zeros if
        /// `count_padding`, else not at all.
        #[or_panic(avg_pool2d)]
        /// [`Error::Shape`](crate::Error::Shape) when the window does not fit.
        pub fn try_avg_pool2d(self, window: Window, count_padding: bool) -> Result<Var<'t>> {
            self.tape().builtin(AvgPool { window, count_padding }, &[self])
        }
    );
}

//! Two-dimensional convolution (strictly speaking, cross-correlation, as usual in the field), in PyTorch's layout.
//!
//! For images x `[n, c_in, h, w]` and kernels w `[c_out, c_in/groups, kh, kw]`
//!
//! z(n, o, p) = b(o) + Σ w(o, i, k) x(n, i, p · stride + k · dilation − padding).
//!
//! z is linear in x and in w, so three operations are closed under differentiation: the convolution itself, its adjoint
//! with respect to the input and its adjoint with respect to the kernels. With ⟨·,·⟩ the sum of products, ⟨g, conv(x,
//! w)⟩ = ⟨input(w, g), x⟩ = ⟨weight(x, g), w⟩. The adjoint with respect to the input is the transposed convolution.

mod spec;
mod transposed;

use smallvec::SmallVec;

pub use spec::ConvSpec;
pub(super) use spec::misfit;
pub(crate) use spec::missing_axes;

use super::{
    Looped,
    formula::Formula,
    op::{Grads, Op, Vjp},
    piecewise::{Chain, NEAR, Piecewise, build_of},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::conv,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

fn output(c: &conv::Conv2d) -> Shape {
    Shape::from([c.n, c.c_out, c.out_h(), c.out_w()])
}

/// The numbers of one kernel: so many products make one number of the output.
fn taps(weight: &Shape) -> u64 {
    (weight.numel() / weight[0].max(1)) as u64
}

/// conv(x, w) + b.
pub(super) struct Conv2d(ConvSpec);

impl Op for Conv2d {
    fn name(&self) -> &str {
        "conv2d"
    }

    fn attributes(&self) -> String {
        let ConvSpec { stride, padding, dilation, groups } = self.0;
        format!("stride {stride:?} padding {padding:?} dilation {dilation:?} groups {groups}")
    }

    fn formula(&self, inputs: usize) -> Option<Formula> {
        let gradients = [r"x_2 \ast \bar z", r"x_1 \star \bar z", r"\sum \bar z"];
        let value = if inputs == 3 { r"x_1 \star x_2 + x_3" } else { r"x_1 \star x_2" };
        Some(Formula::new(value, gradients.into_iter().take(inputs)))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let sizes = self.0.sizes("conv2d", x[0], x[1])?;
        if let Some(bias) = x.get(2).filter(|b| b.dims() != [sizes.c_out]) {
            return Err(Error::shape("conv2d", &[x[1], bias], "the bias needs one number for each kernel"));
        }
        Ok(output(&sizes))
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        Some(z.numel() as u64 * (2 * taps(x[1]) + u64::from(x.len() == 3)))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        self.forward_of((&Chain::of(x[0]), x[0].shape()), &x[1..], shape, saved)
    }

    fn piecewise(&self, x: &[&Shape]) -> Option<&dyn Piecewise> {
        (x[0].numel() <= x[0][0] * NEAR).then_some(self)
    }

    fn rule_flops(&self, x: &[&Shape], z: &Shape, needs: &[bool]) -> Option<u64> {
        // What is not computed in one pass is recorded, and counts for itself.
        let one = needs[1] && self.0.sizes("conv2d", x[0], x[1]).is_ok_and(|sizes| sizes.in_one_pass());
        let bias = if needs.get(2) == Some(&true) { z.numel().saturating_sub(z[1]) } else { 0 };
        one.then(|| z.numel() as u64 * 2 * (1 + u64::from(needs[0])) * taps(x[1]) + bias as u64)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, w, dz, tape) = (at.x[0], at.x[1], at.dz, at.tape());
        let sizes = self.0.sizes("conv2d", &x.shape(), &w.shape())?;
        if !at.recorded && at.needs[1] && sizes.in_one_pass() {
            return Ok(crate::dispatch!(tape.dtype(), T => in_one_pass::<T>(&at, &sizes)));
        }
        let dx = at.by(0, || tape.builtin(Conv2dInput { spec: self.0, shape: x.shape() }, &[w, dz]))?;
        let dw = at.by(1, || tape.builtin(Conv2dWeight { spec: self.0, shape: w.shape() }, &[x, dz]))?;
        let mut gradients = Grads::from_iter([dx, dw]);
        if at.x.len() == 3 {
            gradients.push(at.by(2, || dz.try_sum_axes(&[0, 2, 3], false))?);
        }
        Ok(gradients)
    }
}

impl Piecewise for Conv2d {
    fn forward_of(
        &self,
        (x, of): (&Chain<'_>, &Shape),
        rest: &[&Tensor],
        shape: Shape,
        _: &mut Option<Saved>,
    ) -> Result<Tensor> {
        let sizes = self.0.sizes("conv2d", of, rest[0].shape())?;
        Ok(build_of!(x, shape, |x, out| {
            sizes.forward(&x.pieces(of), rest[0].data(), rest.get(1).map(|b| b.data()), out);
        }))
    }
}

/// All gradients as numbers, in one pass over x and dz, which are not written out where they are chains and images are small.
fn in_one_pass<'t, T: Looped>(at: &Vjp<'_, 't>, sizes: &conv::Conv2d) -> Grads<'t> {
    if output(sizes).numel() / sizes.n > NEAR {
        at.dz.value();
    }
    let (of, w) = (at.x[0].shape(), at.x[1].value());
    let mut dw = Tensor::zeros(w.shape().clone(), T::DTYPE);
    let mut db = (at.needs.get(2) == Some(&true)).then(|| Tensor::zeros([sizes.c_out], T::DTYPE));
    let dx = Var::as_chains::<T, _>([at.x[0], at.dz], |[x, dz]| {
        let dims = output(sizes);
        let mut pass = |dx: &mut [T]| {
            let db = db.as_mut().map(|db| db.data_mut::<T>());
            sizes.backward([&x.pieces(&of), &dz.pieces(&dims)], w.data::<T>(), dx, dw.data_mut::<T>(), db);
        };
        match at.needs[0] {
            true => Some(Tensor::build::<T>(of.clone(), pass)),
            false => {
                pass(&mut []);
                None
            }
        }
    });
    let gradients = [dx, Some(dw), db].into_iter().take(at.x.len());
    gradients.map(|g| g.map(|g| at.tape().constant(g))).collect()
}

impl Sampled for Conv2d {
    fn samples() -> Vec<Sample> {
        let strided = ConvSpec::default().stride(2).padding(1);
        let grouped = ConvSpec::default().dilation(2).padding(2).groups(2);
        vec![
            Sample::new("conv2d", inputs([2, 2, 5, 4], [3, 2, 3, 2]), |x| x[0].conv2d(x[1], None, ConvSpec::default())),
            Sample::new("conv2d with bias, stride and padding", with_bias(), move |x| {
                x[0].conv2d(x[1], Some(x[2]), strided)
            }),
            Sample::new("conv2d in groups, dilated", inputs([1, 4, 4, 5], [2, 2, 3, 3]), move |x| {
                x[0].conv2d(x[1], None, grouped)
            }),
        ]
    }
}

fn inputs(x: [usize; 4], w: [usize; 4]) -> Vec<Tensor> {
    vec![numbers(x, -1.0, 1.0, 1), numbers(w, -1.0, 1.0, 2)]
}

fn with_bias() -> Vec<Tensor> {
    let mut all = inputs([1, 2, 4, 5], [2, 2, 3, 3]);
    all.push(numbers([2], -1.0, 1.0, 3));
    all
}

/// The adjoint of the convolution with respect to its input, for given kernels and upstream gradient.
pub(super) struct Conv2dInput {
    spec: ConvSpec,
    shape: Shape,
}

impl Op for Conv2dInput {
    fn name(&self) -> &str {
        "conv2d_input"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"x_1 \ast x_2", [r"\bar z \star x_2", r"\bar z \star x_1"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let sizes = self.spec.sizes("conv2d_input", &self.shape, x[0])?;
        match output(&sizes) == *x[1] {
            true => Ok(self.shape.clone()),
            false => {
                Err(Error::shape("conv2d_input", &[x[1], &output(&sizes)], "the gradient must have the output's shape"))
            }
        }
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[1].numel() as u64 * taps(x[0]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = self.spec.sizes("conv2d_input", &shape, x[0].shape())?;
        Ok(build!(x[0].dtype(), shape, |T, out| sizes.grad_input(x[0].data::<T>(), x[1].data::<T>(), out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (w, g, u, tape) = (at.x[0], at.x[1], at.dz, at.tape());
        let dw = at.by(0, || tape.builtin(Conv2dWeight { spec: self.spec, shape: w.shape() }, &[u, g]))?;
        let dg = at.by(1, || tape.builtin(Conv2d(self.spec), &[u, w]))?;
        Ok(Grads::from_iter([dw, dg]))
    }
}

impl Sampled for Conv2dInput {
    fn samples() -> Vec<Sample> {
        let spec = ConvSpec::default().stride(2).padding(1);
        let all = vec![numbers([2, 3, 3, 3], -1.0, 1.0, 1), numbers([1, 2, 2, 3], -1.0, 1.0, 2)];
        vec![Sample::new("conv_transpose2d", all, move |x| expect(x[1].try_conv_transpose2d(x[0], None, spec, [0, 0])))]
    }
}

/// The adjoint of the convolution with respect to its kernels, for given input and upstream gradient.
pub(super) struct Conv2dWeight {
    spec: ConvSpec,
    shape: Shape,
}

impl Op for Conv2dWeight {
    fn name(&self) -> &str {
        "conv2d_weight"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"x_1 \star x_2", [r"\bar z \ast x_2", r"x_1 \star \bar z"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.spec.sizes("conv2d_weight", x[0], &self.shape).map(|_| self.shape.clone())
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        Some(2 * x[1].numel() as u64 * taps(z))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = self.spec.sizes("conv2d_weight", x[0].shape(), &shape)?;
        Ok(build!(x[0].dtype(), shape, |T, out| sizes.grad_weight(x[0].data::<T>(), x[1].data::<T>(), out)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, g, u, tape) = (at.x[0], at.x[1], at.dz, at.tape());
        let dx = at.by(0, || tape.builtin(Conv2dInput { spec: self.spec, shape: x.shape() }, &[u, g]))?;
        let dg = at.by(1, || tape.builtin(Conv2d(self.spec), &[x, u]))?;
        Ok(Grads::from_iter([dx, dg]))
    }
}

impl Sampled for Conv2dWeight {
    fn samples() -> Vec<Sample> {
        let spec = ConvSpec::default().padding(1);
        let all = vec![numbers([2, 1, 4, 4], -1.0, 1.0, 1), numbers([2, 2, 4, 4], -1.0, 1.0, 2)];
        vec![Sample::new("conv2d_weight", all, move |x| {
            expect(x[0].tape().builtin(Conv2dWeight { spec, shape: [2, 1, 3, 3].into() }, &[x[0], x[1]]))
        })]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Convolution of images `[n, c_in, h, w]` with kernels `[c_out, c_in/groups, kh, kw]`, plus a bias `[c_out]`.
        #[or_panic(conv2d)]
        /// [`Error::Shape`] when the shapes do not match.
        pub fn try_conv2d(self, weight: Var<'t>, bias: Option<Var<'t>>, spec: ConvSpec) -> Result<Var<'t>> {
            let inputs: SmallVec<[Var<'t>; 3]> = [Some(self), Some(weight), bias].into_iter().flatten().collect();
            self.tape().builtin(Conv2d(spec), &inputs)
        }
    );
}

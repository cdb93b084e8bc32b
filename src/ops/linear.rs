//! Fully connected layers: Y = X Wᵀ + b, with dX = dY W, dW = dYᵀ X, and for db the sum of dY over its rows.

use smallvec::SmallVec;

use super::{
    formula::Formula,
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::{
        elementwise::Total,
        matmul::{Product, linear},
        program::Program,
    },
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// x Wᵀ + b over the last axis of x: one node for a fully connected layer.
pub(super) struct Linear;

impl Op for Linear {
    fn name(&self) -> &str {
        "linear"
    }

    fn formula(&self, inputs: usize) -> Option<Formula> {
        let gradients = [r"\bar z x_2", r"\bar z^\top x_1", r"\sum_{0} \bar z"];
        let value = if inputs == 3 { r"x_1 x_2^\top + x_3" } else { r"x_1 x_2^\top" };
        Some(Formula::new(value, gradients.into_iter().take(inputs)))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (input, weight) = (x[0], x[1]);
        if weight.rank() != 2 || input.rank() < 1 || input.last() != weight.last() {
            let need = "the input needs as many features (its last size) as the weight [outputs, inputs] has columns";
            return Err(Error::shape("linear", &x[..2], need));
        }
        if x.get(2).is_some_and(|bias| bias.dims() != &weight[..1]) {
            return Err(Error::shape(
                "linear",
                &[weight, x[2]],
                "the bias needs one number for each row of the weight",
            ));
        }
        Ok(input.with_last(weight[0]))
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        Some(z.numel() as u64 * (2 * x[1][1] as u64 + u64::from(x.len() == 3)))
    }

    fn rule_flops(&self, x: &[&Shape], z: &Shape, needs: &[bool]) -> Option<u64> {
        let products = u64::from(needs[0]) + u64::from(needs[1]);
        Some(z.numel() as u64 * (products * 2 * x[1][1] as u64 + u64::from(needs.get(2) == Some(&true))))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let (outputs, inputs) = (x[1].shape()[0], x[1].shape()[1]);
        let rows = shape[..shape.rank() - 1].iter().product();
        Ok(build!(x[0].dtype(), shape, |T, out| {
            let bias = x.get(2).map(|bias| bias.data::<T>());
            linear(out, x[0].data::<T>(), x[1].data::<T>(), bias, (rows, inputs, outputs));
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, w) = (at.x[0], at.x[1]);
        let (shape, weight) = (x.shape(), w.shape());
        let (outputs, inputs) = (weight[0], weight[1]);
        let rows: usize = shape[..shape.rank() - 1].iter().product();
        let dz = at.dz.try_reshape([rows, outputs])?;
        if !at.recorded {
            return Linear::on_numbers(Vjp { dz, ..at }, &shape, (rows, inputs, outputs));
        }
        let mut gradients: SmallVec<_> = SmallVec::new();
        gradients.push(at.by(0, || dz.product(false, w, false)?.try_reshape(&shape))?);
        gradients.push(at.by(1, || {
            let x = x.try_reshape([rows, inputs])?;
            dz.product(true, x, false)
        })?);
        if at.x.len() == 3 {
            gradients.push(at.by(2, || dz.try_sum_axes(&[0], false))?);
        }
        Ok(gradients)
    }
}

impl Linear {
    /// The rule without a node for each of its products and sums, where nobody differentiates it again.
    fn on_numbers<'t>(
        at: Vjp<'_, 't>,
        shape: &Shape,
        (rows, inputs, outputs): (usize, usize, usize),
    ) -> Result<Grads<'t>> {
        let tape = at.tape();
        let product = |ta, [m, n, k]: [usize; 3], factor: Var<'t>, shape: Shape| {
            let product = Product { m, n, k, ta, tb: false, scale: 1.0 };
            let gradient = tape.with_values(&[at.dz, factor], |x| {
                build!(tape.dtype(), shape, |T, out| product.gemm(out, false, x[0].data::<T>(), x[1].data::<T>()))
            });
            Ok(tape.constant(gradient))
        };
        let dx = at.by(0, || product(false, [rows, inputs, outputs], at.x[1], shape.clone()))?;
        let dw = at.by(1, || product(true, [outputs, inputs, rows], at.x[0], at.x[1].shape()))?;
        let Some(bias) = at.x.get(2) else { return Ok(Grads::from_buf_and_len([dx, dw, None, None], 2)) };
        let db = at.by(2, || {
            let (dims, kept, shape) = ([rows, outputs], [1, outputs], bias.shape());
            Ok(tape.constant(tape.with_values(&[at.dz], |x| {
                build!(tape.dtype(), shape, |T, out| {
                    Program::of(x[0].data::<T>(), &dims).fold(Total::Sum, &dims, &kept, out);
                })
            })))
        })?;
        Ok(Grads::from_buf_and_len([dx, dw, db, None], 3))
    }
}

impl Sampled for Linear {
    fn samples() -> Vec<Sample> {
        let inputs = vec![numbers([4, 3], -1.0, 1.0, 1), numbers([2, 3], -1.0, 1.0, 2), numbers([2], -1.0, 1.0, 3)];
        let deep = vec![numbers([2, 2, 3], -1.0, 1.0, 1), numbers([2, 3], -1.0, 1.0, 2)];
        vec![
            Sample::new("linear", inputs, |x| x[0].linear(x[1], Some(x[2]))),
            Sample::new("linear without bias, of rank 3", deep, |x| x[0].linear(x[1], None)),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// A fully connected layer: x Wᵀ + b, for x `[.., inputs]`, W `[outputs, inputs]` and b `[outputs]`.
        #[or_panic(linear)]
        /// [`Error::Shape`] when the shapes do not match.
        pub fn try_linear(self, weight: Var<'t>, bias: Option<Var<'t>>) -> Result<Var<'t>> {
            match bias {
                Some(bias) => self.tape().builtin(Linear, &[self, weight, bias]),
                None => self.tape().builtin(Linear, &[self, weight]),
            }
        }
    );
}

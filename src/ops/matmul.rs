//! Matrix products.
//!
//! For Y = A B the gradients are dA = dY Bᵀ and dB = Aᵀ dY. A transposition is a flag of the product, never a copy, so
//! the gradients of each of the four forms are products of the same four forms.

use smallvec::SmallVec;

use super::{
    formula::Formula,
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::matmul::{Product, linear},
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The product of the last two axes, broadcast over the axes before them; each factor may be transposed.
pub(super) struct Matmul {
    ta: bool,
    tb: bool,
}

impl Matmul {
    /// The sizes of one product, and the shape of the whole result.
    fn product(&self, a: &Shape, b: &Shape) -> Result<(Product, Shape)> {
        if a.rank() < 2 || b.rank() < 2 {
            return Err(Error::shape("matmul", &[a, b], "each factor must have at least two axes, rows and columns"));
        }
        let sizes = |s: &Shape, transposed: bool| {
            let (rows, columns) = (s[s.rank() - 2], s[s.rank() - 1]);
            if transposed { (columns, rows) } else { (rows, columns) }
        };
        let ((m, k), (k2, n)) = (sizes(a, self.ta), sizes(b, self.tb));
        if k != k2 {
            let need = format!(
                "the columns of the left{} and the rows of the right{} must agree ({k} and {k2} differ)",
                if self.ta { " (transposed)" } else { "" },
                if self.tb { " (transposed)" } else { "" }
            );
            return Err(Error::shape("matmul", &[a, b], need));
        }
        let (batch_a, batch_b) = (Shape::from(&a[..a.rank() - 2]), Shape::from(&b[..b.rank() - 2]));
        let batch = batch_a
            .broadcast(&batch_b)
            .ok_or_else(|| Error::shape("matmul", &[a, b], "the sizes before the last two axes must be equal or 1"))?;
        let shape = batch.iter().copied().chain([m, n]).collect();
        Ok((Product { m, n, k, ta: self.ta, tb: self.tb }, shape))
    }
}

impl Op for Matmul {
    fn name(&self) -> &str {
        "matmul"
    }

    fn attributes(&self) -> String {
        match (self.ta, self.tb) {
            (false, false) => "",
            (true, false) => "left transposed",
            (false, true) => "right transposed",
            (true, true) => "both transposed",
        }
        .to_owned()
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let turned = |x: &str, transposed: bool| if transposed { format!(r"{x}^\top") } else { x.to_owned() };
        let product = |a: (&str, bool), b: (&str, bool)| format!("{} {}", turned(a.0, a.1), turned(b.0, b.1));
        let (a, b, dz) = ("x_1", "x_2", r"\bar z");
        let by_a = if self.ta { product((b, self.tb), (dz, true)) } else { product((dz, false), (b, !self.tb)) };
        let by_b = if self.tb { product((dz, true), (a, self.ta)) } else { product((a, !self.ta), (dz, false)) };
        Some(Formula::new(product((a, self.ta), (b, self.tb)), [by_a, by_b]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.product(x[0], x[1]).map(|p| p.1)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let (product, _) = self.product(x[0].shape(), x[1].shape())?;
        let batch = Shape::from(&shape[..shape.rank() - 2]);
        Ok(build!(x[0].dtype(), shape, |T, out| {
            let (a, b) = (x[0].data::<T>(), x[1].data::<T>());
            if batch.numel() == 1 {
                product.gemm(out, false, a, b);
            } else {
                let at = offsets(&batch, x[0].shape(), x[1].shape());
                product.batched(out, a, b, &at);
            }
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, b, dz) = (at.x[0], at.x[1], at.dz);
        let product = |a: Var<'t>, ta, b, tb| a.tape().builtin(Matmul { ta, tb }, &[a, b]);
        let da = at.by(0, || {
            let da = if self.ta { product(b, self.tb, dz, true) } else { product(dz, false, b, !self.tb) };
            da?.try_sum_to(&a.shape())
        })?;
        let db = at.by(1, || {
            let db = if self.tb { product(dz, true, a, self.ta) } else { product(a, !self.ta, dz, false) };
            db?.try_sum_to(&b.shape())
        })?;
        Ok(Grads::from_iter([da, db]))
    }
}

/// Where the factors of each product in a broadcast batch begin.
fn offsets(batch: &Shape, a: &Shape, b: &Shape) -> Vec<(usize, usize)> {
    let start = |shape: &Shape, index: usize| {
        let matrix: usize = shape[shape.rank() - 2..].iter().product();
        let (mut rest, mut stride, mut offset) = (index, matrix, 0);
        for axis in (0..batch.rank()).rev() {
            let here = rest % batch[axis];
            rest /= batch[axis];
            let size = Shape::from(&shape[..shape.rank() - 2]).size_from_front(axis, batch.rank());
            if size != 1 {
                offset += here * stride;
            }
            stride *= size;
        }
        offset
    };
    (0..batch.numel()).map(|i| (start(a, i), start(b, i))).collect()
}

impl Sampled for Matmul {
    fn samples() -> Vec<Sample> {
        let pair = |a: &[usize], b: &[usize]| vec![numbers(a, -1.0, 1.0, 8), numbers(b, -1.0, 1.0, 9)];
        vec![
            Sample::new("matmul", pair(&[2, 3], &[3, 4]), |x| x[0].matmul(x[1])),
            Sample::new("matmul, left transposed", pair(&[3, 2], &[3, 4]), move |x| matmul(x, true, false)),
            Sample::new("matmul, right transposed", pair(&[2, 3], &[4, 3]), move |x| matmul(x, false, true)),
            Sample::new("matmul, both transposed", pair(&[3, 2], &[4, 3]), move |x| matmul(x, true, true)),
            Sample::new("matmul of batches", pair(&[2, 1, 2, 3], &[3, 3, 2]), |x| x[0].matmul(x[1])),
            Sample::new("matmul of a vector and a matrix", pair(&[3], &[3, 2]), |x| x[0].matmul(x[1])),
            Sample::new("matmul of a batch and a vector", pair(&[2, 4, 3], &[3]), |x| x[0].matmul(x[1])),
            Sample::new("matmul of two vectors", pair(&[3], &[3]), |x| x[0].matmul(x[1])),
            Sample::new("matmul of a batch with one matrix", pair(&[4, 2, 3], &[3, 2]), |x| x[0].matmul(x[1])),
        ]
    }
}

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
        Ok(input[..input.rank() - 1].iter().copied().chain([weight[0]]).collect())
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
        let (shape, [outputs, inputs]) = (x.shape(), [w.shape()[0], w.shape()[1]]);
        let rows: usize = shape[..shape.rank() - 1].iter().product();
        let dz = at.dz.try_reshape([rows, outputs])?;
        let tape = at.tape();
        let mut gradients: SmallVec<_> = SmallVec::new();
        gradients.push(at.by(0, || tape.builtin(Matmul { ta: false, tb: false }, &[dz, w])?.try_reshape(&shape))?);
        gradients.push(at.by(1, || {
            let x = x.try_reshape([rows, inputs])?;
            tape.builtin(Matmul { ta: true, tb: false }, &[dz, x])
        })?);
        if at.x.len() == 3 {
            gradients.push(at.by(2, || dz.try_sum_axes(&[0], false))?);
        }
        Ok(gradients)
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

fn matmul<'t>(x: &[Var<'t>], ta: bool, tb: bool) -> Var<'t> {
    expect(x[0].product(ta, x[1], tb))
}

impl<'t> Var<'t> {
    /// The product of matrices, either of which may be transposed, broadcast over the axes before the last two.
    #[track_caller]
    pub(crate) fn product(self, transposed: bool, other: Var<'t>, other_transposed: bool) -> Result<Var<'t>> {
        self.tape().builtin(Matmul { ta: transposed, tb: other_transposed }, &[self, other])
    }

    twin!(
        /// The matrix product over the last two axes, `[.., m, k]` with `[.., k, n]`, broadcast over the axes before
        /// them. A vector `[k]` counts as a row on the left and as a column on the right, and that axis is dropped from
        /// the result.
        #[or_panic(matmul)]
        /// [`Error::Shape`] when the shapes do not match.
        pub fn try_matmul(self, other: Var<'t>) -> Result<Var<'t>> {
            let (a, b) = (self.shape(), other.shape());
            if a.rank() == 1 || b.rank() == 1 {
                return self.try_matmul_of_vectors(other);
            }
            let op = Matmul { ta: false, tb: false };
            if a.rank() > 2 && b.rank() == 2 && a[a.rank() - 1] == b[0] {
                // One large product instead of a batch of small ones.
                let rows = a[..a.rank() - 1].iter().product();
                let flat = self.try_reshape([rows, b[0]])?;
                let shape: Shape = a[..a.rank() - 1].iter().copied().chain([b[1]]).collect();
                return self.tape().builtin(op, &[flat, other])?.try_reshape(&shape);
            }
            self.tape().builtin(op, &[self, other])
        }
    );

    /// [`try_matmul`](Var::try_matmul) where at least one factor is a vector.
    #[track_caller]
    fn try_matmul_of_vectors(self, other: Var<'t>) -> Result<Var<'t>> {
        let (a, b) = (self.shape(), other.shape());
        let left = if a.rank() == 1 { self.unsqueeze(0) } else { self };
        let right = if b.rank() == 1 { other.unsqueeze(1) } else { other };
        let y = left.try_matmul(right)?;
        let full = y.shape();
        let gone =
            |axis: usize| (axis + 2 == full.rank() && a.rank() == 1) || (axis + 1 == full.rank() && b.rank() == 1);
        y.try_reshape(full.iter().enumerate().filter(|&(axis, _)| !gone(axis)).map(|(_, &n)| n).collect::<Shape>())
    }

    twin!(
        /// A fully connected layer: x Wᵀ + b, for x `[.., inputs]`, W `[outputs, inputs]` and b `[outputs]`.
        #[or_panic(linear)]
        /// [`Error::Shape`] when the shapes do not match.
        pub fn try_linear(self, weight: Var<'t>, bias: Option<Var<'t>>) -> Result<Var<'t>> {
            let inputs: SmallVec<[Var<'t>; 3]> = [Some(self), Some(weight), bias].into_iter().flatten().collect();
            self.tape().builtin(Linear, &inputs)
        }
    );
}

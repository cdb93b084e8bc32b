//! Matrix products.
//!
//! For Y = A B the gradients are dA = dY Bᵀ and dB = Aᵀ dY. A transposition is a flag of the product, never a copy, so
//! the gradients of each of the four forms are products of the same four forms. So is a factor before the product, and
//! a matrix that is added to it: Y = C + s A B in one pass over the numbers, with dC = dY.

use super::{
    formula::Formula,
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::{matmul::Product, space::Space},
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The product of the last two axes, broadcast over the axes before them; each factor may be transposed, and a third
/// input is added.
#[derive(Clone, Copy)]
pub(super) struct Matmul {
    ta: bool,
    tb: bool,
    scale: f64,
}

impl Matmul {
    /// A B.
    const PLAIN: Matmul = Matmul { ta: false, tb: false, scale: 1.0 };

    /// The sizes of one product.
    fn product(&self, a: &Shape, b: &Shape) -> Result<Product> {
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
        let Matmul { ta, tb, scale } = *self;
        Ok(Product { m, n, k, ta, tb, scale })
    }
}

impl Op for Matmul {
    fn name(&self) -> &str {
        "matmul"
    }

    fn attributes(&self) -> String {
        let scale = Some(format!("times {}", self.scale)).filter(|_| self.scale != 1.0);
        let turned = match (self.ta, self.tb) {
            (false, false) => None,
            (true, false) => Some("left transposed".to_owned()),
            (false, true) => Some("right transposed".to_owned()),
            (true, true) => Some("both transposed".to_owned()),
        };
        scale.into_iter().chain(turned).collect::<Vec<_>>().join(", ")
    }

    fn formula(&self, inputs: usize) -> Option<Formula> {
        let turned = |x: &str, transposed: bool| if transposed { format!(r"{x}^\top") } else { x.to_owned() };
        let product = |a: (&str, bool), b: (&str, bool)| format!("{} {}", turned(a.0, a.1), turned(b.0, b.1));
        let (a, b, dz) = ("x_1", "x_2", r"\bar z");
        let by_a = if self.ta { product((b, self.tb), (dz, true)) } else { product((dz, false), (b, !self.tb)) };
        let by_b = if self.tb { product((dz, true), (a, self.ta)) } else { product((a, !self.ta), (dz, false)) };
        let scaled = |product: String| match self.scale {
            1.0 => product,
            scale => format!(r"{scale} \, {product}"),
        };
        let (value, mut gradients) = (scaled(product((a, self.ta), (b, self.tb))), vec![scaled(by_a), scaled(by_b)]);
        if inputs < 3 {
            return Some(Formula::new(value, gradients));
        }
        gradients.push(dz.to_owned());
        let sign = if self.scale < 0.0 { "" } else { "+ " };
        Some(Formula::new(format!("x_3 {sign}{value}"), gradients))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let Product { m, n, .. } = self.product(x[0], x[1])?;
        let batch = |x: &Shape| Shape::from(&x[..x.rank() - 2]);
        let need = "the sizes before the last two axes must be equal or 1";
        let batch = batch(x[0]).broadcast(&batch(x[1])).ok_or_else(|| Error::shape("matmul", &x[..2], need))?;
        let shape = batch.iter().copied().chain([m, n]).collect::<Shape>();
        let fits = |c: &&Shape| c.broadcast(&shape).is_some_and(|whole| whole == shape && c.ends_with(matrix(&shape)));
        match x.get(2) {
            Some(c) if !fits(c) => {
                let need = format!("the product is {shape}, and what is added to it must be, or broadcast to it");
                Err(Error::shape("addmm", &[x[2], x[0], x[1]], need))
            }
            _ => Ok(shape),
        }
    }

    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        let product = self.product(x[0], x[1]).ok()?;
        Some(z.numel() as u64 * (2 * product.k as u64 + u64::from(x.len() == 3)))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let product = self.product(x[0].shape(), x[1].shape())?;
        let batch = Shape::from(&shape[..shape.rank() - 2]);
        Ok(build!(x[0].dtype(), shape, |T, out| {
            let (a, b) = (x[0].data::<T>(), x[1].data::<T>());
            let c = x.get(2).map(|c| c.data::<T>());
            if batch.numel() == 1 {
                if let Some(c) = c {
                    out.copy_from_slice(c);
                }
                product.gemm(out, c.is_some(), a, b);
            } else if !out.is_empty() {
                // Of matrices without numbers there may be more than memory has offsets for.
                let none = Shape::from([]);
                let at = offsets(&batch, [x[0].shape(), x[1].shape(), x.get(2).map_or(&none, |c| c.shape())]);
                product.batched(out, c, a, b, &at);
            }
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, b, dz) = (at.x[0], at.x[1], at.dz);
        let product = |a: Var<'t>, ta, b, tb| a.tape().builtin(Matmul { ta, tb, ..*self }, &[a, b]);
        let da = at.by(0, || {
            let da = if self.ta { product(b, self.tb, dz, true) } else { product(dz, false, b, !self.tb) };
            da?.try_sum_to(&a.shape())
        })?;
        let db = at.by(1, || {
            let db = if self.tb { product(dz, true, a, self.ta) } else { product(a, !self.ta, dz, false) };
            db?.try_sum_to(&b.shape())
        })?;
        let mut gradients = Grads::from_iter([da, db]);
        if let Some(c) = at.x.get(2) {
            gradients.push(at.by(2, || dz.try_sum_to(&c.shape()))?);
        }
        Ok(gradients)
    }
}

/// The sizes of a matrix of the batch.
fn matrix(shape: &Shape) -> &[usize] {
    &shape[shape.rank().saturating_sub(2)..]
}

/// Where the operands of each product in a broadcast batch begin.
fn offsets(batch: &Shape, operands: [&Shape; 3]) -> Vec<[usize; 3]> {
    let own = operands.map(|shape| &shape[..shape.rank().saturating_sub(2)]);
    let size = operands.map(|shape| matrix(shape).iter().product::<usize>());
    let space = Space::new(batch, own);
    let (mut offsets, mut place) = (Vec::with_capacity(batch.numel()), space.place(0));
    while offsets.len() < batch.numel() {
        let start = [0, 1, 2].map(|k| space.offset(k, &place));
        let step = [0, 1, 2].map(|k| usize::from(space.moves(k)));
        offsets.extend((0..space.run()).map(|i| [0, 1, 2].map(|k| (start[k] + i * step[k]) * size[k])));
        space.advance(&mut place);
    }
    offsets
}

impl Sampled for Matmul {
    fn samples() -> Vec<Sample> {
        let pair = |a: &[usize], b: &[usize]| vec![numbers(a, -1.0, 1.0, 8), numbers(b, -1.0, 1.0, 9)];
        let added = |c: &[usize]| {
            let mut inputs = pair(&[3, 2, 3], &[3, 4]);
            inputs.push(numbers(c, -1.0, 1.0, 10));
            inputs
        };
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
            Sample::new("addmm", added(&[2, 4]), |x| x[2].addmm(x[0], x[1], -0.5)),
            Sample::new("addmm of a row", added(&[4]), |x| x[2].addmm(x[0], x[1], 2.0)),
            Sample::new("addmm of batches", added(&[3, 2, 4]), |x| x[2].addmm(x[0], x[1], 1.0)),
        ]
    }
}

#[track_caller]
fn matmul<'t>(x: &[Var<'t>], ta: bool, tb: bool) -> Var<'t> {
    expect(x[0].product(ta, x[1], tb))
}

impl<'t> Var<'t> {
    /// The product of matrices, either of which may be transposed, broadcast over the axes before the last two.
    #[track_caller]
    pub(crate) fn product(self, transposed: bool, other: Var<'t>, other_transposed: bool) -> Result<Var<'t>> {
        self.tape().builtin(Matmul { ta: transposed, tb: other_transposed, scale: 1.0 }, &[self, other])
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
            let op = Matmul::PLAIN;
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
        let left = if a.rank() == 1 { self.try_unsqueeze(0)? } else { self };
        let right = if b.rank() == 1 { other.try_unsqueeze(1)? } else { other };
        let y = left.try_matmul(right)?;
        let full = y.shape();
        let gone =
            |axis: usize| (axis + 2 == full.rank() && a.rank() == 1) || (axis + 1 == full.rank() && b.rank() == 1);
        y.try_reshape(full.iter().enumerate().filter(|&(axis, _)| !gone(axis)).map(|(_, &n)| n).collect::<Shape>())
    }

    twin!(
        /// `self` + `scale` · A B, computed in one pass: the product is added up where the sum is wanted. A is
        /// `[.., m, k]`, B is `[.., k, n]`, and `self` is broadcast to the product.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let (a, b) = (tape.constant([[1.0, 2.0]]), tape.constant([[3.0], [4.0]]));
        /// assert_eq!(tape.constant([[100.0]]).addmm(a, b, -2.0).item(), 78.0); // 100 − 2 · 11
        /// ```
        #[or_panic(addmm)]
        /// [`Error::Shape`] when the shapes do not match.
        pub fn try_addmm(self, a: Var<'t>, b: Var<'t>, scale: f64) -> Result<Var<'t>> {
            let op = Matmul { scale, ..Matmul::PLAIN };
            let shape = op.shape(&[&a.shape(), &b.shape()]).map_err(|error| error.called("addmm"))?;
            let c = match self.shape().ends_with(matrix(&shape)) {
                true => self,
                // What cannot be broadcast is refused with the shapes of all three.
                false => self.try_broadcast_to(&shape).unwrap_or(self),
            };
            self.tape().builtin(op, &[a, b, c])
        }
    );
}

//! The linear recurrence yᵢ = bᵢ + aᵢ yᵢ₋₁ along an axis, and two scans whose rules are made of it: running products, and
//! logarithms of running sums of exponentials.
//!
//! Its adjoint in b runs from the other end, yᵢ = bᵢ + aᵢ₊₁ yᵢ₊₁, and either has the other in its rule, with the gradient g of
//! b: that of aᵢ is gᵢ yᵢ₋₁, or gᵢ₋₁ yᵢ. So all of them differentiate to any order, each in one sweep.
//!
//! * zᵢ = Π xⱼ over j ≤ i: dxᵢ = zᵢ₋₁ yᵢ with yᵢ = z̄ᵢ + xᵢ₊₁ yᵢ₊₁. Nothing is divided, so this is right at factors of 0.
//! * zᵢ = ln Σ e^xⱼ over j ≤ i: dxᵢ = e^(xᵢ − zᵢ) yᵢ with yᵢ = z̄ᵢ + e^(zᵢ − zᵢ₊₁) yᵢ₊₁. z grows along the axis, so no
//!   exponential overflows.

use super::{
    along::around,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::Result,
    kernels::scan,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// yᵢ = bᵢ + aᵢ yᵢ₋₁, or yᵢ = bᵢ + aᵢ₊₁ yᵢ₊₁ if reversed, of a and b.
pub(super) struct Recurrence {
    axis: usize,
    reverse: bool,
}

impl Op for Recurrence {
    fn name(&self) -> &str {
        "recurrence"
    }

    fn attributes(&self) -> String {
        format!("axis {}{}", self.axis, if self.reverse { " reversed" } else { "" })
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let (value, back) = match self.reverse {
            false => (r"(x_2)_i + (x_1)_i z_{i - 1}", r"\bar z_i + (x_1)_{i + 1} g_{i + 1}"),
            true => (r"(x_2)_i + (x_1)_{i + 1} z_{i + 1}", r"\bar z_i + (x_1)_i g_{i - 1}"),
        };
        let by_a = if self.reverse { "g_{i - 1} z_i" } else { "g_i z_{i - 1}" };
        Some(Formula::new(value, [by_a.to_owned(), format!("g_i = {back}")]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        debug_assert_eq!(x[0], x[1], "what records a recurrence sees to its shapes");
        Ok(x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(2 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, y| {
            scan::recurrence(x[0].data::<T>(), x[1].data::<T>(), sizes, self.reverse, y)
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (a, y) = (at.x[0], at.z);
        let by_b = a.recurrence(at.dz, self.axis, !self.reverse)?;
        let by_a = at.by(0, || {
            let (moved, kept) = if self.reverse { (by_b, y) } else { (y, by_b) };
            Ok(moved.before(self.axis, 0.0)? * kept)
        })?;
        Ok(Grads::from_iter([by_a, at.needs[1].then_some(by_b)]))
    }
}

impl Sampled for Recurrence {
    fn samples() -> Vec<Sample> {
        let inputs = || vec![numbers([2, 4, 2], -2.0, 2.0, 1), numbers([2, 4, 2], -2.0, 2.0, 2)];
        let sample =
            |name, axis, reverse| Sample::new(name, inputs(), move |x| expect(x[0].recurrence(x[1], axis, reverse)));
        vec![sample("recurrence", 1, false), sample("recurrence reversed", 2, true)]
    }
}

/// Running products along an axis.
pub(super) struct Cumprod {
    axis: usize,
}

impl Op for Cumprod {
    fn name(&self) -> &str {
        "cumprod"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let by_x = r"\sum_{i \ge j} \bar z_i \prod_{k \le i, k \ne j} x_k";
        Some(Formula::new(r"\prod_{j \le i} x_j", [by_x]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(x[0].numel() as u64)
    }

    /// The recurrence (2) and a product.
    fn rule_flops(&self, x: &[&Shape], _: &Shape, _: &[bool]) -> Option<u64> {
        Some(3 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, z| scan::cumprod(x[0].data::<T>(), sizes, z)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, z, dz) = (at.x[0], at.z, at.dz);
        if at.recorded {
            let dx = z.before(self.axis, 1.0)? * x.recurrence(dz, self.axis, true)?;
            return Ok(Grads::from_iter([Some(dx)]));
        }
        let (x, z, dz, sizes) = (x.value(), z.value(), dz.value(), around(&x.shape(), self.axis));
        let dx = build!(z.dtype(), z.shape().clone(), |T, dx| {
            scan::cumprod_grad(x.data::<T>(), z.data::<T>(), dz.data::<T>(), sizes, dx);
        });
        Ok(Grads::from_iter([Some(at.tape().constant(dx))]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(vec![self.axis])
    }
}

impl Sampled for Cumprod {
    fn samples() -> Vec<Sample> {
        let mut with_zeros = numbers([3, 4], -2.0, 2.0, 1);
        [1, 4, 6].into_iter().for_each(|i| with_zeros.data_mut::<f64>()[i] = 0.0);
        vec![
            Sample::unary("cumprod", [2, 5], |x| x.cumprod(1)),
            Sample::unary("cumprod of axis 1 of 3", [2, 3, 2], |x| x.cumprod(1)),
            Sample::new("cumprod with zeros", vec![with_zeros], |x| x[0].cumprod(1)),
        ]
    }
}

/// Logarithms of running sums of exponentials along an axis.
pub(super) struct LogCumSumExp {
    axis: usize,
}

impl Op for LogCumSumExp {
    fn name(&self) -> &str {
        "logcumsumexp"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.axis)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        Some(Formula::new(r"\ln(\sum_{j \le i} e^{x_j})", [r"\sum_{i \ge j} e^{x_j - z_i} \bar z_i"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }

    /// Two comparisons, two exponentials, a product, two sums, a logarithm.
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(8 * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = around(&shape, self.axis);
        Ok(build!(x[0].dtype(), shape, |T, z| scan::logcumsumexp(x[0].data::<T>(), sizes, z)))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, z, dz) = (at.x[0], at.z, at.dz);
        // Of equal infinities there is no difference. An entry of −∞ adds nothing to any sum.
        let ratio = |a: Var<'t>, b: Var<'t>| a.eq(b).select(0.0, a - b).exp();
        let decay = ratio(z.before(self.axis, f64::NEG_INFINITY)?, z);
        let part = x.eq(f64::NEG_INFINITY).select(0.0, ratio(x, z));
        Ok(Grads::from_iter([Some(part * decay.recurrence(dz, self.axis, true)?)]))
    }

    fn mixes(&self) -> Mixes {
        Mixes::Along(vec![self.axis])
    }
}

impl Sampled for LogCumSumExp {
    fn samples() -> Vec<Sample> {
        vec![
            Sample::unary("logcumsumexp", [2, 5], |x| x.logcumsumexp(1)),
            Sample::unary("logcumsumexp of axis 0", [5, 2], |x| x.logcumsumexp(0)),
        ]
    }
}

impl<'t> Var<'t> {
    /// yᵢ = bᵢ + aᵢ yᵢ₋₁, or yᵢ = bᵢ + aᵢ₊₁ yᵢ₊₁ if `reverse`, with this value as a.
    #[track_caller]
    fn recurrence(self, b: Var<'t>, axis: usize, reverse: bool) -> Result<Var<'t>> {
        self.tape().builtin(Recurrence { axis, reverse }, &[self, b])
    }

    /// For each entry along `axis` the one before it, and for the first `start`.
    #[track_caller]
    fn before(self, axis: usize, start: f64) -> Result<Var<'t>> {
        let (len, along) = (self.shape()[axis], axis as isize);
        if len == 0 {
            return Ok(self);
        }
        let start = Tensor::full(self.shape().reduced(&[axis], true), start, self.dtype());
        Var::try_concat(&[self.tape().constant(start), self.try_narrow(along, 0, len - 1)?], along)
    }

    twin!(
        /// Running products along an axis: entry i is the product of the entries up to and including i.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let x = tape.leaf([2.0, 0.0, 3.0]);
        /// assert_eq!(x.cumprod(0).value().to_vec(), [2.0, 0.0, 0.0]);
        /// assert_eq!(x.cumprod(0).sum().backward()?.wrt(x)?.to_vec(), [1.0, 8.0, 0.0]);
        /// # Ok::<(), wengert::Error>(())
        /// ```
        #[or_panic(cumprod)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_cumprod(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("cumprod", axis)?;
            self.tape().builtin(Cumprod { axis }, &[self])
        }
    );
    twin!(
        /// ln Σ eˣ over the entries up to and including each along an axis, without overflow.
        #[or_panic(logcumsumexp)]
        /// [`Error::Axis`](crate::Error::Axis) for an axis that does not exist.
        pub fn try_logcumsumexp(self, axis: isize) -> Result<Var<'t>> {
            let axis = self.axis("logcumsumexp", axis)?;
            self.tape().builtin(LogCumSumExp { axis }, &[self])
        }
    );
}

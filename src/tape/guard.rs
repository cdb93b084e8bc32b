//! A selection whose unused branch cannot put a NaN into the gradient.
//!
//! y = m ? a : b passes dy to the branch that was chosen and 0 to the other. If the other is f(x) with an infinite slope
//! at x, or was never defined there, the chain rule says 0 · ∞ or 0 · NaN, which is NaN, although x was not used.
//!
//! So the walk *masks* the gradients that come through a selection. Where a masked gradient dy is exactly 0 and the rule
//! behind it answers NaN, the contribution is 0:
//!
//! dx ← (dx is NaN and dy = 0) ? 0 : dx.
//!
//! This is tape algebra, so it holds in derivatives of any order; and since a finite dx is left as it is, so is its
//! derivative by dy, which products with Jacobians rest on. A NaN that arrives from above, or that the chosen branch
//! makes of a gradient other than 0, stays.
//!
//! How far the mask reaches depends on what an operation does with the places of its numbers: see [`Mixes`].

use super::{NodeId, Var, slots::Slots};
use crate::{
    ops::{Elementwise, Mixes, Op},
    tensor::Tensor,
};

/// What a masked gradient asks of the contributions that are computed from it.
pub(super) enum Guard<'t> {
    /// No mask, or one that ends here.
    Off,
    /// The rule keeps zeros: nothing to do but hand the mask on.
    HandOn,
    /// NaN counts as 0 where this is 1.
    Where(Var<'t>),
}

impl<'t> Guard<'t> {
    /// For an elementwise operation with the upstream gradient `dy`.
    #[inline]
    pub fn of_row(row: &'static Elementwise, parameter: f64, dy: Var<'t>, masked: bool) -> Self {
        match masked {
            _ if row.selects() => Guard::HandOn,
            false => Guard::Off,
            true if row.keeps_zeros(parameter) => Guard::HandOn,
            true => Guard::Where(dy.eq(0.0)),
        }
    }

    /// For any other operation.
    #[inline]
    pub fn of_op(op: &dyn Op, x: &[Var<'t>], dy: Var<'t>, masked: bool) -> Self {
        if !masked {
            return Guard::Off;
        }
        match op.mixes() {
            Mixes::Nothing => Guard::HandOn,
            Mixes::All => Guard::of_rule(&[dy], masked),
            Mixes::Along(axes) => {
                let shape = x[0].shape();
                let kept = shape.reduced(&axes, true);
                let used = if dy.rank() == shape.rank() { dy } else { dy.reshape(&kept) }.ne(0.0);
                Guard::Where(used.sum_to(&kept).eq(0.0))
            }
        }
    }

    /// For a rule of which nothing is known, with the upstream gradients `dz` of all outputs.
    #[inline]
    pub fn of_rule(dz: &[Var<'t>], masked: bool) -> Self {
        match masked && dz.iter().all(|dz| all_zero(&dz.value())) {
            true => Guard::Where(dz[0].tape().constant(1.0)),
            false => Guard::Off,
        }
    }

    /// For an output that hands its gradient on as it is.
    #[inline]
    pub fn of_copy(masked: bool) -> Self {
        if masked { Guard::HandOn } else { Guard::Off }
    }

    /// The contribution, with 0 for NaN where nothing was used.
    #[inline]
    pub fn apply(&self, dx: Var<'t>) -> Var<'t> {
        match self {
            Guard::Off | Guard::HandOn => dx,
            // NaN is the only number that differs from itself.
            Guard::Where(unused) => (dx.ne(dx) * *unused).select(0.0, dx),
        }
    }

    /// Hands the mask on to an input.
    #[inline]
    pub fn mark(&self, slots: &mut Slots<'t>, input: NodeId) {
        if !matches!(self, Guard::Off) {
            slots.mask(input);
        }
    }
}

fn all_zero(tensor: &Tensor) -> bool {
    crate::dispatch!(tensor.dtype(), T => tensor.data::<T>().iter().all(|&x| x == 0.0))
}

//! A selection whose unused branch cannot put a NaN into the gradient.
//!
//! z = m ? a : b passes dz to the branch that was chosen and 0 to the other. If the other is f(x) with an infinite slope
//! at x, or was never defined there, the chain rule says 0 · ∞ or 0 · NaN, which is NaN, although x was not used.
//!
//! So the walk *masks* the gradients that come through a selection. Where a masked gradient dz is exactly 0 and the rule
//! behind it answers NaN, the contribution is 0:
//!
//! dx ← (dx is NaN and dz = 0) ? 0 : dx.
//!
//! This is tape algebra, so it holds in derivatives of any order; and since a finite dx is left as it is, so is its
//! derivative with respect to dz, which products with Jacobians rest on. A NaN that arrives from above, or that the
//! chosen branch makes of a gradient other than 0, stays.
//!
//! How far the mask reaches depends on what an operation does with the places of its numbers: see [`Mixes`]. An operation
//! of several inputs that keeps the rows of one apart does this itself, where it is told that its dz is masked (layer norm).

use super::super::{Kind, NodeId, Rule, Var};
use crate::{ops::Mixes, tensor::Tensor};

/// For each node, whether a contribution to its gradient came through a selection, whose zeros mean "not used"; empty
/// until one has.
#[derive(Default)]
pub(in super::super) struct Masks(Vec<bool>);

impl Masks {
    fn set(&mut self, id: NodeId) {
        if self.0.len() <= id as usize {
            self.0.resize(id as usize + 1, false);
        }
        self.0[id as usize] = true;
    }

    fn any(&self, mut ids: std::ops::Range<NodeId>) -> bool {
        ids.any(|id| self.0.get(id as usize).is_some_and(|&masked| masked))
    }
}

/// What a masked gradient asks of the contributions that are computed from it.
pub(in super::super) enum Guard<'t> {
    /// No mask, or one that ends here.
    Off,
    /// The rule keeps zeros: nothing to do but hand the mask on.
    HandOn,
    /// NaN counts as 0 where this is 1.
    Where(Var<'t>),
}

impl<'t> Guard<'t> {
    /// For the rule of the node `z`, and the gradients `dz` of it or of all outputs of its call.
    #[inline]
    pub fn new(z: Var<'t>, dz: &[Var<'t>], masks: &Masks) -> Self {
        let list = z.tape().list();
        let node = list.node(z.id());
        let kind = &node.kind;
        if matches!(kind, Kind::Elementwise(row, _) if row.selects()) {
            return Guard::HandOn;
        }
        if masks.0.is_empty() {
            return Guard::Off;
        }
        let first = match kind {
            Kind::Output(_, k) if dz.len() > 1 => z.id() - *k as NodeId,
            _ => z.id(),
        };
        if !masks.any(first..first + dz.len() as NodeId) {
            return Guard::Off;
        }
        let mixes = match kind {
            Kind::Elementwise(row, parameter) if row.keeps_zeros(*parameter) => Mixes::Nothing,
            Kind::Elementwise(..) => Mixes::Along(Vec::new()),
            Kind::Op(op) => op.mixes(),
            Kind::Output(..) if z.tape().rule() == Rule::Tape => Mixes::Nothing,
            Kind::Output(..) | Kind::Leaf | Kind::Constant => Mixes::All,
        };
        let x = node.inputs.first().map(|&x| Var::new(z.tape(), x));
        drop(list);
        match mixes {
            Mixes::Nothing => Guard::HandOn,
            Mixes::Along(axes) if axes.is_empty() => Guard::Where(dz[0].eq(0.0)),
            Mixes::Along(axes) => {
                let shape = x.expect("an operation that mixes numbers along axes has an input").shape();
                let kept = shape.reduced(&axes, true);
                let used = if dz[0].rank() == shape.rank() { dz[0] } else { dz[0].reshape(&kept) }.ne(0.0);
                Guard::Where(used.sum_to(&kept).eq(0.0))
            }
            Mixes::All if dz.iter().all(|dz| all_zero(&dz.value())) => Guard::Where(z.tape().constant(1.0)),
            Mixes::All => Guard::Off,
        }
    }

    /// Whether zeros of the gradient mean "not used".
    #[inline]
    pub fn is_on(&self) -> bool {
        !matches!(self, Guard::Off)
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
    pub fn mark(&self, masks: &mut Masks, input: NodeId) {
        if self.is_on() {
            masks.set(input);
        }
    }
}

fn all_zero(tensor: &Tensor) -> bool {
    crate::dispatch!(tensor.dtype(), T => tensor.data::<T>().iter().all(|&x| x == 0.0))
}

//! Joining tensors along an axis that they have, or along a new one.
//!
//! The gradient of each part is the slice of dz that it fills.

use super::{
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::{expect, twin},
};
use crate::{
    error::{Error, Result},
    kernels::join,
    tape::{Saved, Var},
    tensor::{Shape, Tensor, build},
};

/// The inputs joined along an axis.
pub(super) struct Concat(usize);

impl Op for Concat {
    fn name(&self) -> &str {
        "concat"
    }

    fn attributes(&self) -> String {
        format!("axis {}", self.0)
    }

    fn formula(&self, inputs: usize) -> Option<Formula> {
        let x: Vec<String> = (1..=inputs).map(|k| format!("x_{k}")).collect();
        let parts = (1..=inputs).map(|k| format!(r"\operatorname{{part}}_{{{k}}}(\bar z)"));
        Some(Formula::new(format!("[{}]", x.join(", ")), parts))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let first = x[0];
        let fits = |s: &&&Shape| {
            s.rank() == first.rank() && s.iter().zip(first.iter()).enumerate().all(|(i, (a, b))| i == self.0 || a == b)
        };
        if !x.iter().all(|s| fits(&s)) {
            let need = format!("all sizes but that of axis {} must be equal", self.0);
            return Err(Error::shape("concat", x, need));
        }
        let total = x.iter().fold(0, |total: usize, s| total.saturating_add(s[self.0]));
        Ok(first.iter().enumerate().map(|(i, &n)| if i == self.0 { total } else { n }).collect())
    }

    fn flops(&self, _: &[&Shape], _: &Shape) -> Option<u64> {
        Some(0)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let inner = shape[self.0 + 1..].iter().product();
        Ok(build!(x[0].dtype(), shape, |T, out| {
            let parts: Vec<_> = x.iter().map(|x| (x.data::<T>(), x.shape()[self.0])).collect();
            join::concat(&parts, inner, out);
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let mut start = 0;
        (0..at.x.len())
            .map(|k| {
                let len = at.x[k].shape()[self.0];
                let dx = at.by(k, || at.dz.try_narrow(self.0 as isize, start, len));
                start += len;
                dx
            })
            .collect()
    }

    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl Sampled for Concat {
    fn samples() -> Vec<Sample> {
        let pair = |a: [usize; 2], b: [usize; 2]| vec![numbers(a, -1.0, 1.0, 1), numbers(b, -1.0, 1.0, 2)];
        vec![
            Sample::new("concat", pair([2, 3], [2, 2]), |x| expect(Var::try_concat(x, 1))),
            Sample::new("stack", pair([2, 3], [2, 3]), |x| Var::stack(x, 1)),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The inputs joined along an axis.
        #[or_panic(concat)]
        /// [`Error::Empty`] when there are none, [`Error::Shape`] when their other sizes differ.
        pub fn try_concat(parts: &[Var<'t>], axis: isize) -> Result<Var<'t>> {
            let Some(first) = parts.first() else {
                return Err(Error::Empty { what: "the list of parts to concat".into(), need: "give at least one" });
            };
            let axis = first.axis("concat", axis)?;
            first.tape().builtin(Concat(axis), parts)
        }
    );

    twin!(
        /// The inputs, of equal shape, stacked along a new axis, whose position may count from the end.
        #[or_panic(stack)]
        /// [`Error::Empty`] when there are none, [`Error::Shape`] when their shapes differ, [`Error::Axis`] when the
        /// result has no such axis.
        pub fn try_stack(parts: &[Var<'t>], axis: isize) -> Result<Var<'t>> {
            let Some(first) = parts.first() else {
                return Err(Error::Empty { what: "the list of parts to stack".into(), need: "give at least one" });
            };
            let shapes: Vec<Shape> = parts.iter().map(|part| part.shape()).collect();
            if shapes.iter().any(|shape| *shape != shapes[0]) {
                return Err(first.shape_error("stack", &shapes.iter().collect::<Vec<_>>(), "all shapes must be equal"));
            }
            let axis = first.new_axis("stack", axis)? as isize;
            let _line = first.tape().at_caller();
            let widened = parts.iter().map(|part| part.try_unsqueeze(axis)).collect::<Result<Vec<_>>>()?;
            Var::try_concat(&widened, axis)
        }
    );
}

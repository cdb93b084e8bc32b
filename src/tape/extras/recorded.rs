//! Gradients that are recorded: a walk whose rules stay on the tape, so that its result can be differentiated again.

use super::{
    super::{
        Kind, NodeId, Tape, Var,
        backward::{no_gradient, walk, zeros},
        slots::Slot,
    },
    Want, Wanted,
};
use crate::{
    error::{Error, Result},
    tensor::Tensor,
};

/// The gradients with respect to `x`: what does not depend on any of them is left out of the walk.
fn dependents(y: Var<'_>, x: &[Var<'_>]) -> Wanted {
    let list = y.tape().list();
    let mut want = vec![Want::Nothing; y.index() + 1];
    x.iter().filter(|v| v.id() <= y.id()).for_each(|v| want[v.index()] = Want::Keep);
    let first = x.iter().map(|v| v.index()).min().unwrap_or(0);
    for id in first..=y.index() {
        let node = &list.nodes[id];
        let reads = |&input: &NodeId| want[input as usize] != Want::Nothing;
        let through_call = matches!(&node.kind, Kind::Output(call, _) if call.inputs.iter().any(reads));
        if want[id] == Want::Nothing && node.needs_grad && (through_call || node.inputs.iter().any(reads)) {
            want[id] = Want::Pass;
        }
    }
    Wanted::Each(want)
}

impl Tape {
    /// The gradient of the single number `y` with respect to each of `x`, recorded on the tape: it can be differentiated
    /// again.
    ///
    /// Where `y` does not depend on an `x`, its gradient is 0.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf(2.0);
    /// let dy = tape.grad(x * x * x, &[x])?[0];
    /// assert_eq!(dy.item(), 12.0);                              // 3x²
    /// assert_eq!(dy.backward()?.wrt(x)?.item(), 12.0);          // 6x
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Var::backward`]; [`Error::NoGradient`] for an `x` that is a constant.
    #[track_caller]
    pub fn grad<'t>(&'t self, y: Var<'t>, x: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        let shape = y.shape();
        if shape.numel() != 1 {
            return Err(Error::NotScalar { shape });
        }
        let one = self.constant(Tensor::ones(shape, self.dtype()));
        self.grad_with(y, x, one)
    }

    /// The recorded gradient of Σ `upstream` · `y` with respect to each of `x`; `upstream` may itself be differentiated.
    ///
    /// # Errors
    /// As [`grad`](Tape::grad); [`Error::Shape`] when `upstream` has another shape than `y`;
    /// [`Error::DifferentTapes`] when one of them is not on this tape.
    pub fn grad_with<'t>(&'t self, y: Var<'t>, x: &[Var<'t>], upstream: Var<'t>) -> Result<Vec<Var<'t>>> {
        self.same_tape("grad", &[y, upstream])?;
        self.same_tape("grad", x)?;
        let (shape, upstream_shape) = (y.shape(), upstream.shape());
        if shape != upstream_shape {
            let need = "the upstream gradient must have the shape of the value";
            return Err(Error::shape("grad", &[&shape, &upstream_shape], need));
        }
        if let Some(v) = x.iter().find(|v| !v.needs_grad()) {
            return Err(no_gradient(*v));
        }
        let found = walk(y, Slot::Node(upstream.id()), dependents(y, x), None)?;
        let gradient = |v: &Var<'t>| match found.binary_search_by(|(id, _)| v.id().cmp(id)).map(|place| &found[place].1)
        {
            Ok(Slot::Node(node)) => Var::new(self, *node),
            _ => zeros(*v),
        };
        Ok(x.iter().map(gradient).collect())
    }
}

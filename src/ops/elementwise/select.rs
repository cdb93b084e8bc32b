//! The elementwise choice between two values: z = a where the mask is not 0, else b.
//!
//! da = dz where a was chosen, else 0, and vice versa for db. The engine sees to it that these zeros mean "not used"
//! and silence a NaN behind them.

use super::{Elementwise, Slope};
use crate::{
    kernels::{elementwise::Loop, ternary::select},
    ops::{operators::Operand, twins::twin},
    tape::Var,
};

/// a where the mask is not 0, else b. The gradient flows to the chosen one only.
pub(crate) static SELECT: Elementwise = Elementwise {
    name: "select",
    formula: r"\begin{cases} b & a \ne 0 \\ c & \text{else} \end{cases}",
    parameter: None,
    domain: &[(0.5, 1.0), (-2.0, 2.0), (-2.0, 2.0)],
    loop_f32: Loop::Ternary(select),
    loop_f64: Loop::Ternary(select),
    rule: Some(|x, _, _, g, k| match k {
        1 => x[0].select(g, 0.0),
        2 => x[0].select(0.0, g),
        _ => x[0] * 0.0,
    }),
    slope: Slope::Chosen,
    number_first: false,
};

impl<'t> Var<'t> {
    twin!(
        /// `a` where this mask is not 0, else `b`.
        ///
        /// The branch that is not chosen affects neither the value nor the gradient, even where its slope is infinite
        /// or undefined: 0 · ∞ and 0 · NaN count as 0 there, in derivatives of any order. A NaN from the chosen branch
        /// or from the upstream gradient stays visible. The mask itself is a constant.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let x = tape.leaf([-1.0, 4.0]);
        /// let y = x.gt(0.0).select(x.sqrt(), x);
        /// assert_eq!(y.value().to_vec(), [-1.0, 2.0]);
        /// assert_eq!(y.sum().backward()?.wrt(x)?.to_vec(), [1.0, 0.25]);
        /// # Ok::<(), wengert::Error>(())
        /// ```
        ///
        /// This holds through elementwise operations, sums, operations that move numbers and, line by line, softmax,
        /// logsumexp, `amax` and `amin`. An operation that mixes all its numbers (a matrix product, a convolution, a
        /// batch norm, a loss, a hand-written rule) is safe when none of its output is used. If part of it is, a NaN in
        /// the rest comes through: then make the input of such a branch harmless first. The engine recognizes an unused
        /// number by an upstream gradient of exactly 0; where that gradient is 0 by chance and the slope is infinite,
        /// it counts as unused too.
        #[or_panic(select)]
        /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
        pub fn try_select(self, a: impl Into<Operand<'t>>, b: impl Into<Operand<'t>>) -> Result<Var<'t>> {
            let tape = self.tape();
            let mask = if self.needs_grad() { self.detach() } else { self };
            tape.elementwise(&SELECT, 0.0, &[mask, a.into().lift(tape), b.into().lift(tape)], None)
        }
    );
}

//! The choice between two values, element by element: z = a where the mask is not 0, else b.
//!
//! da = dz where a was chosen, else 0; db the other way round. That these zeros mean "not used", and silence a NaN
//! behind them, is the engine's part.

use super::{Elementwise, Slope};
use crate::{
    kernels::elementwise::{Loop, select},
    ops::{operators::Operand, twins::twin},
    tape::Var,
};

/// a where the mask is not 0, else b. The gradient goes to the chosen one alone.
pub(crate) static SELECT: Elementwise = Elementwise {
    name: "select",
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
        /// What is not chosen enters neither the value nor the gradient, also where the branch has an infinite slope or
        /// is not defined: 0 · ∞ and 0 · NaN count as 0 there, in derivatives of any order. A NaN that the chosen
        /// branch makes, or that comes from above, stays visible. The mask itself is a constant.
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
        /// This holds through elementwise operations, sums, operations that move numbers, and, line by line, softmax,
        /// logsumexp, `amax` and `amin`. What brings all its numbers together (a matrix product, a convolution, a batch
        /// norm, a loss, a rule by hand) is safe when nothing of it is used; if a part is, a NaN in the rest comes
        /// through: then make the input of such a branch harmless before it. The engine knows an unused number by its
        /// upstream gradient, exactly 0; where that gradient is 0 by chance and the slope infinite, it counts as unused
        /// too.
        #[or_panic(select)]
        /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
        pub fn try_select(self, a: impl Into<Operand<'t>>, b: impl Into<Operand<'t>>) -> Result<Var<'t>> {
            let tape = self.tape();
            let mask = if self.needs_grad() { self.detach() } else { self };
            tape.elementwise(&SELECT, 0.0, &[mask, a.into().lift(tape), b.into().lift(tape)], None)
        }
    );
}

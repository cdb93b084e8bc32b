//! The methods of the functions that have a parameter; their rows are in [`rows`](super::rows).

use super::{CELU, ELU, LEAKY_RELU, POLYGAMMA};
use crate::tape::Var;

impl<'t> Var<'t> {
    /// x for x > 0, `slope` · x elsewhere. The subgradient at 0 is `slope`.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Var<'t> {
        self.unary(&LEAKY_RELU, slope)
    }

    /// x for x > 0, α (eˣ − 1) elsewhere (Clevert et al., arXiv 1511.07289). The subgradient at 0 is α.
    #[track_caller]
    pub fn elu(self, alpha: f64) -> Var<'t> {
        self.unary(&ELU, alpha)
    }

    /// x for x > 0, α (e^{x/α} − 1) elsewhere (Barron, arXiv 1704.07483): smooth at 0 for every α.
    #[track_caller]
    pub fn celu(self, alpha: f64) -> Var<'t> {
        self.unary(&CELU, alpha)
    }

    /// ψ⁽ⁿ⁾(x), the n-th derivative of [`digamma`](Var::digamma): `order` 1 is the trigamma function. Where x is 0 or a
    /// negative integer it has poles: ∞ for odd orders. NaN for an order above 170, whose factorial no number holds.
    #[track_caller]
    pub fn polygamma(self, order: usize) -> Var<'t> {
        self.unary(&POLYGAMMA, order as f64)
    }
}

//! The methods of the activation functions that have a parameter; their rows are in [`rows`](super::rows).

use super::{CELU, ELU, LEAKY_RELU};
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
}

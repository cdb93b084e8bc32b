//! Activation functions that are a line of other operations.

use super::sample::Sample;
use crate::tape::Var;

pub(super) fn samples() -> Vec<Sample> {
    vec![Sample::unary("selu", [2, 3], |x| x.selu()), Sample::unary("clamp", [2, 3], |x| x.clamp(-0.51, 0.83))]
}

impl<'t> Var<'t> {
    /// λ x for x > 0, λ α (eˣ − 1) elsewhere, with the α and λ that keep mean 0 and variance 1 (Klambauer et al., arXiv
    /// 1706.02515).
    #[track_caller]
    pub fn selu(self) -> Var<'t> {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const LAMBDA: f64 = 1.050_700_987_355_480_5;
        self.elu(ALPHA) * LAMBDA
    }

    /// x for x > 0, `slope` · x elsewhere. The derivative at 0 is `slope`.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Var<'t> {
        self.unary(&super::elementwise::LEAKY_RELU, slope)
    }

    /// x for x > 0, α (eˣ − 1) elsewhere (Clevert et al., arXiv 1511.07289). The derivative at 0 is α.
    #[track_caller]
    pub fn elu(self, alpha: f64) -> Var<'t> {
        self.unary(&super::elementwise::ELU, alpha)
    }

    /// x for x > 0, α (e^{x/α} − 1) elsewhere (Barron, arXiv 1704.07483): smooth at 0 for every α.
    #[track_caller]
    pub fn celu(self, alpha: f64) -> Var<'t> {
        self.unary(&super::elementwise::CELU, alpha)
    }
}

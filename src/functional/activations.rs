//! Activation functions composed of other operations.

use super::composition::composition;
use crate::{ops::sample::Sample, tape::Var};

composition!(
    /// λ x for x > 0, λ α (eˣ − 1) elsewhere, with the α and λ that keep mean 0 and variance 1 (Klambauer et al., arXiv
    /// 1706.02515).
    pub fn selu(self) -> Var<'t> {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const LAMBDA: f64 = 1.050_700_987_355_480_5;
        self.elu(ALPHA) * LAMBDA
    },
    [Sample::unary("selu", [2, 3], |x| x.selu())]
);

composition!(
    /// min(max(x, low), high); the derivative is 1 from `low` to `high`, both ends included.
    pub fn clamp(self, low: f64, high: f64) -> Var<'t> {
        self.max(low).min(high)
    },
    [Sample::unary("clamp", [2, 3], |x| x.clamp(-0.51, 0.83))]
);

//! Activation functions composed of other operations.

use super::composition::composition;
use crate::{
    ops::sample::{Sample, numbers},
    tape::Var,
};

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

composition!(
    /// x for x > 0, `slope` · x elsewhere, with a learned slope for each channel (axis 1), or a single one (He et al.,
    /// arXiv 1502.01852). At 0 it is the second.
    #[or_panic(prelu)]
    /// [`Error::Shape`](crate::Error::Shape) unless there is one slope, or one for each channel.
    pub fn try_prelu(self, slope: Var<'t>) -> Result<Var<'t>> {
        let one = slope.numel() == 1;
        let slope = if one { slope.try_reshape(()) } else { slope.try_per_channel(self) };
        let slope = slope.map_err(|error| error.called("prelu"))?;
        self.gt(0.0).try_select(self, self.try_mul(slope)?)
    },
    [Sample::new("prelu", vec![numbers([2, 3, 2], -2.0, 2.0, 1), numbers([3], 0.1, 0.9, 2)], |x| x[0].prelu(x[1]))]
);

//! A sample: an operation at inputs where its gradient is defined.

use crate::{
    tape::{Tape, Var},
    tensor::{DType, Shape, Tensor},
};

type Run = Box<dyn for<'t> Fn(&[Var<'t>]) -> Var<'t> + Send + Sync>;

/// An operation at inputs where its gradient is defined: a row of [`table`](super::table).
pub struct Sample {
    /// The operation, and what is particular to this sample.
    pub name: String,
    /// The inputs, in double precision.
    pub inputs: Vec<Tensor>,
    /// Whether a gradient flows through the operation.
    pub differentiable: bool,
    run: Run,
}

impl Sample {
    pub(crate) fn new(
        name: &str,
        inputs: Vec<Tensor>,
        run: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + Send + Sync + 'static,
    ) -> Self {
        Sample::of(name, inputs, Box::new(run))
    }

    fn of(name: &str, inputs: Vec<Tensor>, run: Run) -> Self {
        Sample { name: name.to_owned(), inputs, differentiable: true, run }
    }

    pub(crate) fn unary(
        name: &str,
        shape: impl Into<Shape>,
        run: impl for<'t> Fn(Var<'t>) -> Var<'t> + Send + Sync + 'static,
    ) -> Self {
        Sample::of(name, vec![numbers(shape, -2.0, 2.0, 1)], Box::new(move |x| run(x[0])))
    }

    /// Records the operation on `x`.
    pub fn run<'t>(&self, x: &[Var<'t>]) -> Var<'t> {
        (self.run)(x)
    }

    /// Enters the inputs as leaves of `tape`.
    pub fn leaves<'t>(&self, tape: &'t Tape) -> Vec<Var<'t>> {
        self.inputs.iter().map(|x| tape.leaf(x)).collect()
    }
}

/// Distinct numbers between `low` and `high`: a low-discrepancy sequence, the same for the same seed.
pub(crate) fn numbers(shape: impl Into<Shape>, low: f64, high: f64, seed: usize) -> Tensor {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let fraction = |i: usize| ((i + 1) as f64 * GOLDEN + seed as f64 * std::f64::consts::SQRT_2).fract();
    Tensor::from_fn(shape, DType::F64, |i| low + (high - low) * fraction(i))
}

/// A number whose square overflows in the precision of x.
pub(crate) fn large(x: Var<'_>) -> f64 {
    if x.dtype() == DType::F32 { 1e25 } else { 1e200 }
}

/// An operation that says at which inputs it is tested.
pub(crate) trait Sampled {
    fn samples() -> Vec<Sample>;
}

/// An operation or a composition that a table lists; only [`list!`](list) implements it.
pub(crate) trait Listed {}

/// The list of a table: the samples of every entry, and the compiler's proof that each is in it.
macro_rules! list {
    ($($Listed:ty),* $(,)?) => {
        $(impl $crate::ops::sample::Listed for $Listed {})*
        fn listed() -> Vec<$crate::ops::sample::Sample> {
            let mut all = Vec::new();
            $(all.extend(<$Listed as $crate::ops::sample::Sampled>::samples());)*
            all
        }
    };
}
pub(crate) use list;

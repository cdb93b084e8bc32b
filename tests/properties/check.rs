//! What every operation must satisfy.
//!
//! 1. Shape and value are those of the naive reference, in `f64` and in `f32`, within a [`Bound`] on rounding.
//! 2. Deferred evaluation gives the same bits as immediate evaluation: value and gradients, in both precisions.
//! 3. The gradient g of ⟨u, f⟩ with respect to each input, for a random u, has ⟨g, v⟩ = ⟨u, D⟩ for a random direction
//!    v, where D is the change of the reference along v.
//! 4. The recorded gradient is the same, and its own gradient with respect to u is D, elementwise.
//! 5. The recorded gradient's gradient with respect to each input is the change of the first-order gradient.
//! 6. The gradient in `f32` is that in `f64`, within the bound.

use proptest::test_runner::TestCaseError;
use wengert::{DType, Error, Tape, Var};

use crate::{
    array::Array,
    difference::{Difference, dot, dot_of_sizes, largest_of, near},
    draw::numbers,
};

pub type Outcome = Result<(), TestCaseError>;

/// How far rounding may move a value, in terms of the precision's epsilon.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Sums of products with positive coefficients: epsilon times the number of terms, times the same sum of the
    /// absolute values of the terms.
    Terms(usize),
    /// Anything else: epsilon times this factor, times 1 + the largest absolute value.
    Size(f64),
}

/// What one recording gives: the value and the gradients with respect to all inputs.
#[derive(Debug, PartialEq)]
pub struct Run {
    pub value: Array,
    pub gradients: Vec<Array>,
}

pub fn fault<T>(why: String) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(why))
}

type Operation<'a> = &'a dyn for<'t> Fn(&[Var<'t>]) -> Var<'t>;
type Reference<'a> = &'a dyn Fn(&[Array]) -> Array;

/// Checks everything that this module lists, for an operation that is differentiable with respect to all of `inputs`.
pub fn agree(
    what: &str,
    inputs: &[Array],
    bound: Bound,
    run: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    naive: impl Fn(&[Array]) -> Array,
) -> Outcome {
    let case = Case { what, inputs, bound, second_order: true, run: &run, naive: &naive };
    let y = case.values()?;
    // What is infinite or NaN has no slope.
    if y.data.iter().all(|y| y.is_finite()) { case.gradients(&y) } else { Ok(()) }
}

/// Checks the same except for the second order: for sizes at which the worst-case rounding is larger than the
/// differences of gradients.
pub fn agree_to_first_order(
    what: &str,
    inputs: &[Array],
    bound: Bound,
    run: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    naive: impl Fn(&[Array]) -> Array,
) -> Outcome {
    let case = Case { what, inputs, bound, second_order: false, run: &run, naive: &naive };
    let y = case.values()?;
    case.gradients(&y)
}

/// Checks shape and value alone, of an operation that passes no gradient on.
pub fn agree_without_gradient(
    what: &str,
    inputs: &[Array],
    bound: Bound,
    run: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    naive: impl Fn(&[Array]) -> Array,
) -> Outcome {
    let tape = Tape::f64();
    let x: Vec<Var> = inputs.iter().map(|x| tape.leaf(x.tensor())).collect();
    if run(&x).needs_grad() {
        return fault(format!("{what} was to pass no gradient on"));
    }
    Case { what, inputs, bound, second_order: false, run: &run, naive: &naive }.values().map(|_| ())
}

/// An operation, its inputs and its reference.
pub struct Case<'a> {
    pub what: &'a str,
    pub inputs: &'a [Array],
    pub bound: Bound,
    pub second_order: bool,
    pub run: Operation<'a>,
    pub naive: Reference<'a>,
}

impl Case<'_> {
    pub fn fault<T>(&self, why: String) -> Result<T, TestCaseError> {
        let shapes: Vec<&[usize]> = self.inputs.iter().map(|x| &x.dims[..]).collect();
        fault(format!("{} of {shapes:?}: {why}", self.what))
    }

    /// The value and the gradients of ⟨`upstream`, value⟩.
    pub fn record(
        &self,
        inputs: &[Array],
        upstream: &Array,
        dtype: DType,
        lazy_from: usize,
    ) -> Result<Run, TestCaseError> {
        let tape = Tape::with_dtype(dtype);
        tape.set_lazy_from(lazy_from);
        let x: Vec<Var> = inputs.iter().map(|x| tape.leaf(x.tensor())).collect();
        let y = (self.run)(&x);
        let zeros = || inputs.iter().map(|x| Array::zeros(&x.dims)).collect::<Vec<_>>();
        let gradients = match y.vjp(&upstream.tensor()) {
            Ok(found) => x
                .iter()
                .zip(zeros())
                .map(|(&x, zero)| found.wrt(x).ok().map(Array::of).unwrap_or(zero))
                .collect::<Vec<_>>(),
            Err(Error::NoGradient { .. }) if !y.needs_grad() => zeros(),
            Err(error) => return self.fault(format!("backward failed: {error}")),
        };
        if let Some((k, g)) = gradients.iter().enumerate().find(|(k, g)| g.dims != inputs[*k].dims) {
            return self.fault(format!("the gradient by input {k} has shape {:?}", g.dims));
        }
        Ok(Run { value: Array::of(&y.value()), gradients })
    }

    /// How much rounding may change each number of the reference `y` at `inputs` in a precision.
    fn rounding(&self, inputs: &[Array], y: &Array, epsilon: f64) -> Vec<f64> {
        match self.bound {
            Bound::Terms(terms) => {
                let sizes = (self.naive)(&inputs.iter().map(|x| x.map(f64::abs)).collect::<Vec<_>>());
                sizes.data.iter().map(|size| terms as f64 * epsilon * size.abs()).collect()
            }
            Bound::Size(factor) => vec![factor * epsilon * (1.0 + largest_of(&y.data)); y.numel()],
        }
    }

    /// The reference's value, once the operation's has been found to agree with it in both precisions.
    fn values(&self) -> Result<Array, TestCaseError> {
        let want = (self.naive)(self.inputs);
        for dtype in [DType::F64, DType::F32] {
            let tape = Tape::with_dtype(dtype);
            let x: Vec<Var> = self.inputs.iter().map(|x| tape.constant(x.tensor())).collect();
            let got = Array::of(&(self.run)(&x).value());
            if got.dims != want.dims {
                return self.fault(format!("shape {:?} in place of {:?}", got.dims, want.dims));
            }
            // Both sides round.
            let ours = self.rounding(self.inputs, &want, f64::EPSILON);
            let theirs = self.rounding(self.inputs, &want, dtype.epsilon());
            for (i, (&got, &want)) in got.data.iter().zip(&want.data).enumerate() {
                let same = got == want || (got.is_nan() && want.is_nan());
                if !(same || near(got, want, ours[i] + theirs[i])) {
                    let allowed = ours[i] + theirs[i];
                    return self.fault(format!("in {dtype}, number {i} is {got}, not {want} (within {allowed:.1e})"));
                }
            }
        }
        Ok(want)
    }

    fn gradients(&self, y: &Array) -> Outcome {
        let upstream = numbers(&y.dims, 71, (-1.0, 1.0));
        let directions: Vec<Array> =
            self.inputs.iter().enumerate().map(|(k, x)| numbers(&x.dims, 72 + k as u64, (-1.0, 1.0))).collect();
        let run = self.record(self.inputs, &upstream, DType::F64, usize::MAX)?;
        let single = self.record(self.inputs, &upstream, DType::F32, usize::MAX)?;
        self.same_bits(&run, &self.record(self.inputs, &upstream, DType::F64, 0)?)?;
        self.same_bits(&single, &self.record(self.inputs, &upstream, DType::F32, 0)?)?;

        let slack = self.slack(&upstream, &run)?;
        let noise = self.rounding(self.inputs, y, f64::EPSILON);
        let mut together = Difference { slope: vec![0.0; y.numel()], error: vec![0.0; y.numel()] };
        for (k, direction) in directions.iter().enumerate() {
            let change = self.difference(k, direction, &noise)?;
            let got = dot(&run.gradients[k].data, &direction.data);
            let want = dot(&upstream.data, &change.slope);
            let allowed = upstream.data.iter().zip(&change.error).map(|(u, e)| (u * e).abs()).sum::<f64>()
                + f64::EPSILON * dot_of_sizes(&slack[k], &direction.data)
                + f64::EPSILON * y.numel() as f64 * dot_of_sizes(&upstream.data, &change.slope);
            if !near(got, want, allowed) {
                return self.fault(format!(
                    "the gradient by input {k} along a direction is {got}, by differences {want} (within {allowed:.1e})"
                ));
            }
            together.slope.iter_mut().zip(&change.slope).for_each(|(sum, d)| *sum += d);
            together.error.iter_mut().zip(&change.error).for_each(|(sum, e)| *sum += e);
        }
        self.in_single_precision(&run, &single, &slack)?;
        self.recorded(&upstream, &directions, &run, &slack, &together)
    }

    /// For each number of the gradients, the factor of epsilon that bounds its rounding.
    fn slack(&self, upstream: &Array, run: &Run) -> Result<Vec<Vec<f64>>, TestCaseError> {
        match self.bound {
            // A gradient is a sum of as many products as the value has numbers, at most.
            Bound::Terms(terms) => {
                let sizes: Vec<Array> = self.inputs.iter().map(|x| x.map(f64::abs)).collect();
                let sizes = self.record(&sizes, &upstream.map(f64::abs), DType::F64, usize::MAX)?;
                let factor = (terms + run.value.numel()) as f64;
                Ok(sizes.gradients.iter().map(|g| g.data.iter().map(|g| factor * g.abs()).collect()).collect())
            }
            Bound::Size(factor) => {
                Ok(run.gradients.iter().map(|g| vec![8.0 * factor * (1.0 + largest_of(&g.data)); g.numel()]).collect())
            }
        }
    }

    fn same_bits(&self, now: &Run, later: &Run) -> Outcome {
        let bits = |x: &Array| x.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        if bits(&now.value) != bits(&later.value) {
            return self.fault(format!("at once {:?}, deferred {:?}", now.value.data, later.value.data));
        }
        match (0..now.gradients.len()).find(|&k| bits(&now.gradients[k]) != bits(&later.gradients[k])) {
            Some(k) => self.fault(format!(
                "the gradient by input {k} is at once {:?}, deferred {:?}",
                now.gradients[k].data, later.gradients[k].data
            )),
            None => Ok(()),
        }
    }

    /// The change of the reference along a direction of input `k`, and the bound on its error.
    fn difference(&self, k: usize, direction: &Array, noise: &[f64]) -> Result<Difference, TestCaseError> {
        let at = |step: f64| {
            let mut inputs = self.inputs.to_vec();
            inputs[k] = inputs[k].moved(direction, step);
            (self.naive)(&inputs).data
        };
        let difference = Difference::new(noise, at);
        match difference.at_kink() {
            true => self.fault(format!("the differences along input {k} do not settle: the case sits at a kink")),
            false => Ok(difference),
        }
    }

    fn in_single_precision(&self, run: &Run, single: &Run, slack: &[Vec<f64>]) -> Outcome {
        let epsilon = f64::from(f32::EPSILON);
        for (k, slack) in slack.iter().enumerate() {
            for (i, slack) in slack.iter().enumerate() {
                let (want, got) = (run.gradients[k].data[i], single.gradients[k].data[i]);
                if !near(got, want, epsilon * slack) {
                    let allowed = epsilon * slack;
                    return self.fault(format!(
                        "in f32, number {i} of the gradient by input {k} is {got}, not {want} (within {allowed:.1e})"
                    ));
                }
            }
        }
        Ok(())
    }
}

//! The product of a Hessian with a vector, four ways, on a function of any number of variables.
//!
//! The function is Rosenbrock's valley, extended to a chain: each number should be the square of the one before it, and
//! all should be 1.
//!
//! f(x) = Σᵢ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²,  i = 1 … n − 1
//!
//! Its Hessian H is tridiagonal, so H v can be written down by hand, and every way can be measured against it:
//! Hᵢᵢ = 1200 xᵢ² − 400 xᵢ₊₁ + 2 (except for the last i) + 200 (except for the first), and Hᵢ,ᵢ₊₁ = −400 xᵢ.

use std::time::Instant;

use wengert::{DType, Result, Tape, Tensor, Var, nn::Init};

/// Rosenbrock's chain of `x` `[n]`, n at least 2.
pub fn valley(x: Var<'_>) -> Var<'_> {
    let n = x.numel();
    let (here, next) = (x.narrow(0, 0, n - 1), x.narrow(0, 1, n - 1));
    let (miss, rest) = (next - here * here, 1.0 - here);
    (100.0 * miss * miss + rest * rest).sum()
}

/// H v for the chain, from the formula above.
pub fn by_hand(x: &[f64], v: &[f64]) -> Vec<f64> {
    let last = x.len() - 1;
    let entry = |i: usize| {
        let mut sum = 0.0;
        if i < last {
            sum += (1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0) * v[i] - 400.0 * x[i] * v[i + 1];
        }
        if i > 0 {
            sum += 200.0 * v[i] - 400.0 * x[i - 1] * v[i - 1];
        }
        sum
    };
    (0..=last).map(entry).collect()
}

/// The ways to H v.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// The whole Hessian, times v.
    Matrix,
    /// Reverse over reverse: the gradient of ⟨∇f, v⟩.
    Twice,
    /// Forward over reverse: how ∇f changes along v.
    Forward,
    /// No second derivative at all: the central difference of two gradients, with this step.
    Difference(f64),
}

/// The step of a central difference that loses least in double precision, near the cube root of the rounding error.
pub const STEP: f64 = 1e-5;

/// All four, with their names.
pub const WAYS: [(&str, Way); 4] = [
    ("the Hessian, times v", Way::Matrix),
    ("reverse over reverse", Way::Twice),
    ("forward over reverse", Way::Forward),
    ("difference of gradients", Way::Difference(STEP)),
];

/// H v at `x` on an empty tape.
pub fn product(way: Way, tape: &Tape, x: &Tensor, v: &Tensor) -> Result<Tensor> {
    let along = tape.constant(v);
    match way {
        Way::Matrix => {
            let x = tape.leaf(x);
            let hessian = tape.hessian(valley(x), x)?;
            Ok((hessian * along).sum_axes(&[1], false).value())
        }
        Way::Twice => {
            let x = tape.leaf(x);
            let gradient = tape.grad(valley(x), &[x])?[0];
            Ok((gradient * along).sum().backward()?.wrt(x)?.clone())
        }
        Way::Forward => {
            let x = tape.leaf(x);
            let gradient = tape.grad(valley(x), &[x])?[0];
            Ok(tape.jvp(gradient, &[x], &[along])?.value())
        }
        Way::Difference(step) => {
            let ahead = gradient(tape, tape.constant(x) + along * step)?;
            let behind = gradient(tape, tape.constant(x) - along * step)?;
            Ok(((ahead - behind) / (2.0 * step)).value())
        }
    }
}

/// The gradient of the chain at a point, as a constant.
fn gradient<'t>(tape: &'t Tape, place: Var<'t>) -> Result<Var<'t>> {
    let x = tape.leaf(place.value());
    Ok(tape.constant(valley(x).backward()?.wrt(x)?))
}

/// A point and a direction, normally distributed; both are exact in single precision, so that either tape gets the same
/// numbers.
pub fn drawn(n: usize, seed: u64) -> (Tensor, Tensor) {
    let draw = |k: u64| Init::Normal(1.0).draw([n], 2 * seed + k).cast(DType::F64);
    (draw(0), draw(1))
}

/// |got − want| / |want|, in the Euclidean norm.
pub fn relative_error(got: &[f64], want: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut got.iter().zip(want).map(|(g, w)| g - w)) / norm(&mut want.iter().copied())
}

/// What one product costs.
pub struct Cost {
    /// Milliseconds, including the recording of f.
    pub ms: f64,
    /// Entries on the tape at the end.
    pub entries: usize,
    /// The error against the formula by hand.
    pub error: f64,
}

/// What the ways cost at one size.
pub struct Size {
    pub n: usize,
    /// Milliseconds for one gradient including the recording of f: the unit of cost.
    pub gradient_ms: f64,
    /// In the order of [`WAYS`]; there is no whole Hessian beyond [`LARGEST_MATRIX`].
    pub ways: Vec<Option<Cost>>,
}

/// The largest n for which the whole Hessian is computed: all its rows are on the tape at once.
const LARGEST_MATRIX: usize = 1024;

/// The costs of a gradient and of each of [`WAYS`] for n numbers.
pub fn costs(n: usize, seed: u64) -> Result<Size> {
    let (x, v) = drawn(n, seed);
    let want = by_hand(&x.to_vec(), &v.to_vec());
    let run = |way: Way| {
        let (mut tape, x, v) = (Tape::f64(), &x, &v);
        move || {
            tape.reset();
            product(way, &tape, x, v).map(|hv| (tape.len(), hv))
        }
    };
    let mut tape = Tape::f64();
    let gradient = || {
        tape.reset();
        let x = tape.leaf(&x);
        let gradient = valley(x).backward()?.wrt(x)?.clone();
        Ok((tape.len(), gradient))
    };
    // The whole Hessian evicts everything else from the caches, so it does not take turns with the others.
    let [_, others @ ..] = WAYS.map(|(_, way)| run(way));
    let mut turns: Vec<Run<'_>> = vec![Box::new(gradient)];
    turns.extend(others.into_iter().map(|run| Box::new(run) as Run<'_>));
    let mut costs = in_turns(turns, &want)?.into_iter();
    let gradient_ms = costs.next().map_or(f64::NAN, |cost| cost.ms);
    let matrix = if n <= LARGEST_MATRIX { in_turns(vec![Box::new(run(Way::Matrix))], &want)?.pop() } else { None };
    Ok(Size { n, gradient_ms, ways: [matrix].into_iter().chain(costs.map(Some)).collect() })
}

/// Something to measure: it returns the entries on its tape, and its numbers.
type Run<'a> = Box<dyn FnMut() -> Result<(usize, Tensor)> + 'a>;

/// The median times of runs that take turns, so that a busy moment of the machine affects them all: as many rounds as
/// fit into 0.2 s, from 5 to 101, after one to warm up.
fn in_turns(mut runs: Vec<Run<'_>>, want: &[f64]) -> Result<Vec<Cost>> {
    let mut last = runs.iter_mut().map(|run| run()).collect::<Result<Vec<_>>>()?;
    let mut times = vec![Vec::new(); runs.len()];
    let begin = Instant::now();
    for round in 0..101 {
        if round >= 5 && begin.elapsed().as_secs_f64() > 0.2 {
            break;
        }
        for (k, run) in runs.iter_mut().enumerate() {
            let start = Instant::now();
            last[k] = run()?;
            times[k].push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let cost = |((entries, numbers), mut times): ((usize, Tensor), Vec<f64>)| {
        times.sort_by(f64::total_cmp);
        Cost { ms: times[times.len() / 2], entries, error: relative_error(&numbers.to_vec(), want) }
    };
    Ok(last.into_iter().zip(times).map(cost).collect())
}

/// The error of a difference of gradients as its step shrinks: the steps, and one curve per kind of difference.
pub struct Steps {
    pub steps: Vec<f64>,
    pub one_sided: Vec<f64>,
    pub central: Vec<f64>,
    pub central_f32: Vec<f64>,
    /// The error of reverse over reverse, which has no step, in double and in single precision.
    pub without: [f64; 2],
}

/// Differences with steps of 1, 10^(−1/4), … 10^(−15), for n numbers along a direction of length 1.
pub fn steps(n: usize, seed: u64) -> Result<Steps> {
    let (x, v) = drawn(n, seed);
    let length = v.to_vec().iter().map(|v| v * v).sum::<f64>().sqrt();
    let v = Tensor::from(v.to_vec().iter().map(|v| v / length).collect::<Vec<f64>>());
    let want = by_hand(&x.to_vec(), &v.to_vec());
    let error = |hv: Tensor| relative_error(&hv.to_vec(), &want);

    let steps: Vec<f64> = (0..=60).map(|k| 10f64.powf(-f64::from(k) / 4.0)).collect();
    let central = |dtype| -> Result<Vec<f64>> {
        let one = |&step| product(Way::Difference(step), &Tape::with_dtype(dtype), &x, &v).map(error);
        steps.iter().map(one).collect()
    };
    let one_sided = |&step: &f64| -> Result<f64> {
        let tape = Tape::f64();
        let (here, along) = (tape.constant(&x), tape.constant(&v));
        let difference = gradient(&tape, here + along * step)? - gradient(&tape, here)?;
        Ok(error((difference / step).value()))
    };
    let without = |dtype| product(Way::Twice, &Tape::with_dtype(dtype), &x, &v).map(error);
    Ok(Steps {
        one_sided: steps.iter().map(one_sided).collect::<Result<_>>()?,
        central: central(DType::F64)?,
        central_f32: central(DType::F32)?,
        without: [without(DType::F64)?, without(DType::F32)?],
        steps,
    })
}

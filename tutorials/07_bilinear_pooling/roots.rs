//! The gradients of the three square roots in single precision, against double precision.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use wengert::{
    DType, Result, Rule, Tape, Tensor,
    nn::{Layer, MatrixSqrt},
};

/// The roots that are compared.
pub const ROOTS: [&str; 4] = ["eigh", "lyapunov", "newton:5", "newton:15"];
/// The size of the matrices.
const N: usize = 16;
/// The number of matrices at each place.
const MATRICES: usize = 8;

/// The relative error of each root's gradient at one kind of spectrum, in the order of [`ROOTS`]: medians, NaN counted as
/// infinite.
#[derive(Serialize)]
pub struct Row {
    /// The condition number, or the relative distance of neighboring eigenvalues.
    pub at: f64,
    pub errors: [f64; 4],
}

/// Condition numbers from 1 to 10⁸, with eigenvalues equally far apart on a logarithmic scale.
pub fn by_condition(seed: u64) -> Result<Vec<Row>> {
    (1..=16)
        .map(|k| 10f64.powf(f64::from(k) / 2.0))
        .map(|condition| row(condition, |i| condition.powf(-(i as f64) / (N - 1) as f64), seed))
        .collect()
}

/// Eigenvalues 1, 1 + d, 1 + 2d and so on, for distances d from 0.1 down to 10⁻⁸.
pub fn by_distance(seed: u64) -> Result<Vec<Row>> {
    (2..=16)
        .map(|k| 10f64.powf(-f64::from(k) / 2.0))
        .map(|distance| row(distance, |i| 1.0 + distance * i as f64, seed))
        .collect()
}

fn row(at: f64, spectrum: impl Fn(usize) -> f64, seed: u64) -> Result<Row> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut errors = [const { Vec::new() }; 4];
    for _ in 0..MATRICES {
        let mut normal = || Tensor::from_fn([N, N], DType::F64, |_| StandardNormal.sample(&mut random));
        let (turn, upstream) = (normal(), normal());
        // Rounded to single precision first: all see the same matrix.
        let a = {
            let tape = Tape::f64();
            let g = tape.constant(turn);
            let vectors = (g + g.transpose(0, 1)).eigh().1;
            let values = tape.constant((0..N).map(&spectrum).collect::<Vec<f64>>());
            let a = (vectors * values).matmul(vectors.transpose(0, 1));
            ((a + a.transpose(0, 1)) * 0.5).value().cast(DType::F32)
        };
        let exact = gradient("lyapunov", DType::F64, &a, &upstream)?;
        for (errors, name) in errors.iter_mut().zip(ROOTS) {
            let got = gradient(name, DType::F32, &a, &upstream)?;
            let length = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
            let error = length(&mut got.iter().zip(&exact).map(|(g, e)| g - e)) / length(&mut exact.iter().copied());
            errors.push(if error.is_nan() { f64::INFINITY } else { error });
        }
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Ok(Row { at, errors: errors.map(median) })
}

/// The gradient of ⟨upstream, A^½⟩ with respect to A.
fn gradient(root: &str, dtype: DType, a: &Tensor, upstream: &Tensor) -> Result<Vec<f64>> {
    let tape = Tape::with_dtype(dtype);
    tape.set_rule(Rule::Manual);
    let a = tape.leaf(a);
    let z = root.parse::<MatrixSqrt>()?.forward(a);
    let upstream = tape.constant(upstream);
    let upstream = upstream + upstream.transpose(0, 1);
    Ok((z * upstream).sum().backward()?.wrt(a)?.to_vec())
}

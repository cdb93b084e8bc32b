//! Correct hand-written rules of every kind: what the mutations start from.

mod algebra;
mod elementwise;
mod gates;
mod groups;
mod hand;
mod loops;
mod losses;
mod normalize;
mod pieces;
mod spatial;

use std::sync::Arc;

pub use hand::Hand;
use wengert::{Backward, DType, Function, Shape, Tensor, Var};

/// A correct rule, and inputs to try it on.
pub struct Rule {
    /// Its kind: elementwise, reduction, …
    pub kind: &'static str,
    /// The function.
    pub function: Arc<dyn Function>,
    /// Inputs in double precision, of sizes that are easily told apart.
    pub inputs: Vec<Tensor>,
}

fn rule(
    kind: &'static str,
    name: &'static str,
    inputs: Vec<Tensor>,
    forward: for<'t> fn(&[Var<'t>]) -> Vec<Var<'t>>,
    backward: for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>,
) -> Rule {
    Rule { kind, function: Arc::new(Hand { name, forward, backward }), inputs }
}

/// Numbers between `low` and `high` with no pattern.
fn numbers(shape: impl Into<Shape>, low: f64, high: f64, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| {
        let wild = ((i as f64 + 1.0) * 12.9898 + seed * 78.233).sin() * 43758.5453;
        low + (high - low) * (wild - wild.floor())
    })
}

/// All rules.
pub fn all() -> Vec<Rule> {
    let mut all = elementwise::rules();
    all.extend(losses::rules());
    all.extend(normalize::rules());
    all.extend(algebra::rules());
    all.extend(spatial::rules());
    all.extend(loops::rules());
    all.extend(pieces::rules());
    all.extend(gates::rules());
    all.extend(groups::rules());
    all
}

/// Row `k`, which stays a matrix.
#[track_caller]
fn row<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(0, k, 1)
}

/// The sum along an axis, which stays with size 1.
#[track_caller]
fn sum<'t>(x: Var<'t>, axis: isize) -> Var<'t> {
    x.sum_axes(&[axis], true)
}

/// The transpose of a matrix.
#[track_caller]
fn t<'t>(x: Var<'t>) -> Var<'t> {
    x.transpose(0, 1)
}

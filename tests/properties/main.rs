//! Properties of every operation over random shapes, axes, broadcast patterns and settings.
//!
//! Each operation is compared with a naive reference: plain loops over the indices of small `f64` arrays ([`array`]),
//! which know neither tapes nor broadcasting kernels. [`check`] says what is compared: values in both precisions,
//! deferred and immediate evaluation, and gradients of first and second order against differences of the reference.
//!
//! The cases are drawn from fixed seeds, so a run is repeatable, and a failure is printed with its smallest case and
//! leaves no file behind.

mod array;
mod check;
mod difference;
mod draw;
mod elementwise;
mod indexing;
mod joining;
mod large;
mod losses;
mod matrices;
mod movement;
mod normalize;
mod precision;
mod products;
mod recorded;
mod reductions;
mod rows;
mod windows;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestRunner},
};

use check::Outcome;

/// Tests `property` on `cases` draws from `strategy`, the same in every run.
fn each_case<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value) -> Outcome) {
    let config = Config { cases, rng_seed: RngSeed::Fixed(1964), failure_persistence: None, ..Config::default() };
    if let Err(why) = TestRunner::new(config).run(&strategy, property) {
        panic!("{why}");
    }
}

//! Operations whose shapes, axes and settings are drawn at random, from a seed: what fits is accepted, what does not is
//! an error that names the operation, and nothing panics, whatever the arguments.
//!
//! A case draws arguments that fit. In two of three cases some of them are then replaced: by a neighbor, by a size that
//! no memory holds, by an axis more or less. `.ci/fuzz` runs the same with as many cases as wanted: `WENGERT_FUZZ_CASES`
//! is the number of cases, `WENGERT_FUZZ_SEED` the seed of the first one.

mod draw;
mod matrices;
mod movement;
mod products;
mod windows;

use std::collections::BTreeMap;

use crate::fuzz::{Case, seeds};
use draw::Draw;
use wengert::{Error, Result, Var};

/// An operation on drawn arguments.
type Try = for<'t> fn(&mut Draw<'t>) -> Result<Var<'t>>;

/// Checks a result that was accepted: its value has its shape, and the gradients have those of the inputs.
fn whole<'t>(draw: &Draw<'t>, y: Var<'t>) {
    let sizes = draw.leaves.iter().map(|leaf| leaf.shape().numel());
    if sizes.chain([y.shape().numel()]).max() > Some(draw::MOST) {
        return;
    }
    assert_eq!(y.value().to_vec().len(), y.shape().numel());
    let gradients = match y.sum().backward() {
        Ok(gradients) => gradients,
        Err(error) => return assert!(matches!(error, Error::NoGradient { .. } | Error::TooLarge { .. }), "{error}"),
    };
    for &leaf in &draw.leaves {
        if let Ok(gradient) = gradients.wrt(leaf) {
            assert_eq!(*gradient.shape(), leaf.shape());
            gradient.to_vec();
        }
    }
}

/// Whether an error names the operation. What memory cannot hold may be a value on the way, and a mean of nothing is one.
fn names(name: &str, error: &Error, text: &str) -> bool {
    match error {
        Error::TooLarge { .. } | Error::Empty { .. } => true,
        _ => text.split(':').next().is_some_and(|op| name.starts_with(op) || op == "mean"),
    }
}

#[test]
fn arguments_at_random_are_accepted_or_refused() {
    let seeds = seeds(20_000);
    let cases = seeds.end - seeds.start;
    let tables = [&movement::REDUCTIONS[..], &movement::ROWS, movement::OTHERS, &products::PAIRS, products::OTHERS];
    let table = [tables.concat(), windows::TABLE.into(), matrices::SQUARE.into(), matrices::OTHERS.into()].concat();
    let mut answers: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for seed in seeds {
        let (name, run) = table[(seed / 3) as usize % table.len()];
        let _case = Case(name, seed);
        let tapes = draw::tapes();
        let mut draw = Draw::new(&tapes[seed as usize % 2], seed, seed % 3 > 0);
        match run(&mut draw) {
            Ok(y) => {
                whole(&draw, y);
                answers.entry(name).or_default()[0] += 1;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(draw.damaged, "{name} refused what fits: {text}");
                assert!(names(name, &error, &text), "{name} answered: {text}");
                answers.entry(name).or_default()[1] += 1;
            }
        }
    }
    let refused: u64 = answers.values().map(|[_, refused]| refused).sum();
    assert!(cases < 20_000 || refused > cases / 10, "only {refused} of {cases} were refused");
    for (name, [accepted, refused]) in answers {
        assert!(cases < 20_000 || accepted > refused / 10, "{name}: {accepted} accepted, {refused} refused");
    }
}

//! Where in a rule an edit lies, or a mistake: the operation, and those next to it.

use std::panic::Location;

use super::unread::by_readers;
use crate::check::{
    script::{Script, Source},
    verdict::Spot,
};

/// The spot of some steps of a script; a step past the last stands for an output.
pub(in crate::check) fn spot_of(script: &Script, at: &[usize]) -> Spot {
    let line = at.first().and_then(|&k| by_readers(script, k));
    let steps = &script.steps;
    let step = |k: usize| match script.outputs.get(k.wrapping_sub(steps.len())) {
        Some(Source::Step(end)) => *end,
        _ => k,
    };
    let at: Vec<usize> = at.iter().map(|&k| step(k)).filter(|&k| k < steps.len()).collect();
    let mut beside = Vec::new();
    for &k in &at {
        beside.extend(steps[k].inputs.iter().filter_map(|&source| made(script, source)));
        readers_of(script, k, &mut beside);
    }
    Spot { line, own: at.iter().map(|&k| steps[k].at).collect(), beside }
}

/// Where a value was made, if a line of the source made it.
fn made(script: &Script, mut source: Source) -> Option<&'static Location<'static>> {
    while let Source::Step(k) = source {
        let step = &script.steps[k];
        if !step.is("identity") {
            return Some(step.at);
        }
        source = *step.inputs.first()?;
    }
    None
}

/// Where a value is read.
fn readers_of(script: &Script, k: usize, all: &mut Vec<&'static Location<'static>>) {
    for (reader, step) in script.steps.iter().enumerate().skip(k + 1) {
        match step.inputs.contains(&Source::Step(k)) {
            true if step.is("identity") => readers_of(script, reader, all),
            true => all.push(step.at),
            false => {}
        }
    }
}

//! The line of a step where the source cannot be read.

use super::places::{dependents, readers};
use crate::check::{
    Line,
    script::{Script, Source},
};

/// The line that a step belongs to, or an answer if it is past the last, by who reads it: its own, or that of its reader if
/// a helper recorded it.
pub(super) fn by_readers(script: &Script, step: usize) -> Option<Line> {
    let steps = &script.steps;
    let mut at = match script.outputs.get(step.wrapping_sub(steps.len())) {
        Some(Source::Step(k)) => *k,
        _ => step,
    };
    // A helper is a line that several lines call: its steps are read on different ones.
    for _ in 0..4 {
        let here = steps.get(at)?.at;
        let mut read: Vec<_> = steps
            .iter()
            .enumerate()
            .filter(|(_, s)| s.at == here)
            .flat_map(|(k, _)| readers(script, k).map(|(reader, _)| steps[reader].at))
            .filter(|other| (other.file(), other.line()) != (here.file(), here.line()))
            .collect();
        read.sort();
        read.dedup();
        let main = steps.iter().filter(|s| s.at.file() == here.file()).count() * 2 >= steps.len();
        if read.len() < 2 && main {
            break;
        }
        if read.len() < 2 || same_operation(script, at) {
            let Some((reader, _)) = readers(script, at).next() else { break };
            at = reader;
        } else {
            break;
        }
    }
    Some(Line::from(steps.get(at)?.at)).filter(|line| !line.is_ours())
}

/// Whether a line records the same operation for several readers, independently: not as in a loop that carries a value.
fn same_operation(script: &Script, at: usize) -> bool {
    let step = &script.steps[at];
    let twin = |k: usize| script.steps[k].at == step.at && script.steps[k].name() == step.name();
    let leads = |from: usize, to: usize| dependents(script, from)[to];
    (0..script.steps.len()).any(|k| k != at && twin(k) && !leads(at.min(k), at.max(k)))
}

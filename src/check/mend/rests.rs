//! Terms that a loop computes and forgets to add.
//!
//! In `let h = g * y; let r = pad(h); g = h` in a loop, where `g = h + r` belongs, r leads nowhere. It cannot be added to the result
//! of the line of h, where it is not there yet, and `g = h` leaves no step. So after each value that leads nowhere, what was
//! made before it and is read after it is handed on by a step of its own, to which the value can be added.

use smallvec::SmallVec;

use super::split::leads_to;
use crate::check::script::{Action, Script, Source, Step};

/// After so many values that lead nowhere, others are handed on; of those, the last of the same shape, so many.
const IDLE: usize = 24;
const HANDED_ON: usize = 2;

/// The program with such steps put in. Its first `answers` outputs are answers; the others lead to none.
pub(super) fn with_rests(script: Script, answers: usize) -> Script {
    let live = leads_to(&script, 0..answers);
    let reads = |k: usize, read: usize| live[k] && script.steps[k].inputs.contains(&Source::Step(read));
    let read_after = |at: usize, read: usize| (at + 1..script.steps.len()).any(|k| reads(k, read));
    let idle = script.outputs[answers..].iter().filter_map(|&source| match source {
        Source::Step(k) if !live[k] => Some(k),
        _ => None,
    });
    let idle: Vec<usize> = idle.collect();
    let runs_again = |end: &usize| idle.iter().any(|k| k != end && script.steps[*k].at == script.steps[*end].at);
    // What is handed on after which step.
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); script.steps.len()];
    for &end in idle.iter().filter(|end| runs_again(end)).take(IDLE) {
        let before = (0..end).rev().filter(|&k| live[k] && script.steps[k].shape == script.steps[end].shape);
        after[end] = before.filter(|&k| read_after(end, k)).take(HANDED_ON).collect();
    }
    let identity = crate::ops::row("identity", 1, false).expect("it is in the table");
    let (mut steps, mut now): (Vec<Step>, Vec<usize>) = (Vec::new(), Vec::new());
    let moved = |now: &[usize], source: Source| match source {
        Source::Step(k) => Source::Step(now[k]),
        other => other,
    };
    for (k, step) in script.steps.iter().enumerate() {
        let inputs = step.inputs.iter().map(|&source| moved(&now, source)).collect();
        steps.push(Step { inputs, ..step.clone() });
        now.push(steps.len() - 1);
        for &read in &after[k] {
            steps.push(Step {
                action: Action::Elementwise(identity, 0.0),
                inputs: SmallVec::from_slice(&[Source::Step(now[read])]),
                shape: step.shape.clone(),
                at: step.at,
                detached: false,
            });
            now[read] = steps.len() - 1;
        }
    }
    let outputs = script.outputs.iter().map(|&source| moved(&now, source)).collect();
    Script { outputs, steps, ..script }
}

#[cfg(test)]
mod tests {
    use super::with_rests;
    use crate::{
        Tape, Tensor, Var,
        check::script::{Alter, Edit, Script, Source},
    };

    #[test]
    fn a_term_that_a_loop_does_not_use_can_be_added_to_what_is_read_after_it() {
        let at = [Tensor::from([2.0, 3.0])];
        let tape = Tape::f64();
        let x = tape.leaf(&at[0]);
        let (mut g, mut rests): (Var<'_>, Vec<Var<'_>>) = (x, Vec::new());
        for _ in 0..2 {
            g = g * 2.0;
            rests.push(g.sqrt());
        }
        let script = Script::of(&tape, &[x], &[-g, rests[0], rests[1]]);
        let with = with_rests(script.clone(), 1);
        assert_eq!(with.outputs(&at, &[]), script.outputs(&at, &[]));
        let named = |name: &str| (0..with.steps.len()).filter(|&k| with.steps[k].name() == name).collect::<Vec<_>>();
        let (handed_on, rests) = (named("identity"), named("sqrt"));
        let both = handed_on.iter().zip(&rests);
        let edits: Vec<_> =
            both.map(|(&at, &rest)| (at, Edit::AtResult(Alter::Plus(Source::Step(rest), 1.0)))).collect();
        let right = |x: f64| -(0..2).fold(x, |g, _| 2.0 * g + f64::sqrt(2.0 * g));
        assert_eq!((handed_on.len(), with.output(&at, &edits)), (2, Some(Tensor::from([right(2.0), right(3.0)]))));
    }
}

//! Terms that a rule computes and forgets to add.
//!
//! In `let h = g * y; let r = pad(h); g = h`, where `g = h + r` belongs, r leads nowhere. It cannot be added to the result
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
    let read_after = |at: usize, read: usize| {
        let answer = script.outputs[..answers].contains(&Source::Step(read));
        answer || (at + 1..script.steps.len()).any(|k| reads(k, read))
    };
    let idle = script.outputs[answers..].iter().filter_map(|&source| match source {
        Source::Step(k) if !live[k] => Some(k),
        _ => None,
    });
    // What is handed on after which step.
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); script.steps.len()];
    for end in idle.take(IDLE) {
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
    fn a_term_that_is_not_used_can_be_added_to_what_is_read_after_it() {
        let at = [Tensor::from([2.0, 3.0])];
        let tape = Tape::f64();
        let x = tape.leaf(&at[0]);
        let h: Var<'_> = x * 2.0;
        let (rest, answer) = (h.sqrt(), h.exp());
        let script = Script::of(&tape, &[x], &[answer, rest]);
        let with = with_rests(script.clone(), 1);
        assert_eq!(with.outputs(&at, &[]), script.outputs(&at, &[]));
        let handed_on = with.steps.iter().position(|step| step.name() == "identity").unwrap();
        let rest = with.steps.iter().position(|step| step.name() == "sqrt").unwrap();
        assert!(rest < handed_on && with.steps[handed_on].at == with.steps[rest].at);
        let plus = Edit::AtResult(Alter::Plus(Source::Step(rest), 1.0));
        let sums = with.output(&at, &[(handed_on, plus)]).unwrap();
        assert_eq!(sums, Tensor::from([4.0 + f64::sqrt(4.0), 6.0 + f64::sqrt(6.0)].map(f64::exp)));
    }
}

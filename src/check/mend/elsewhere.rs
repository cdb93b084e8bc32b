//! The same edit at another place, where a person more likely makes the mistake.
//!
//! A factor that a value lacks may as well be missing where that value is read. Two places say more than the others:
//!
//! - A sum that another line adds to something, and only there: `a + back`, where `a + w * back` belongs.
//! - A product that has the factor already, in another line: `r * r`, where `r * r * r` belongs.
//! - A sum over n numbers, in another line, if the factor is 1/n: a mean belongs there.
//!
//! Whether the edit is the same there is not reasoned out but tried.

use super::{
    places::{Part, Place, readers},
    program::Program,
    proposal::{Change, Proposal},
};
use crate::check::script::{Alter, Source};

/// Operations that a factor passes through.
const MOVES: &[&str] = &["slice", "scatter", "permute", "reshape", "negate"];

/// The edits, those of them elsewhere that mend the rule there, too.
pub(super) fn likelier(program: &Program, mut edits: Vec<Proposal>) -> Vec<Proposal> {
    for i in 0..edits.len() {
        let all = [
            read_by_a_sum(program, &edits[i]),
            beside_its_like(program, &edits[i]),
            at_a_reduction(program, &edits[i]),
        ];
        for other in all.into_iter().flatten() {
            let before = std::mem::replace(&mut edits[i], other);
            let all: Vec<_> = edits.iter().flat_map(Proposal::edits).collect();
            if edits[i].in_order() && program.mended(&all).is_some() && program.holds_apart(&all) {
                break;
            }
            edits[i] = before;
        }
    }
    edits
}

/// The step of an edit that puts a factor in at one place, and the factor.
fn factor(edit: &Proposal) -> Option<(usize, Source)> {
    match (&edit.change, &edit.place.at[..]) {
        (Change::Alter(Alter::Times(by) | Alter::Over(by)), &[step]) => Some((step, *by)),
        _ => None,
    }
}

fn same_line(program: &Program, a: usize, b: usize) -> bool {
    let (a, b) = (program.script.steps[a].at, program.script.steps[b].at);
    (a.file(), a.line()) == (b.file(), b.line())
}

fn moved(edit: &Proposal, step: usize, part: Part) -> Proposal {
    Proposal { place: Place::one(step, part, edit.place.linear).into(), ..edit.clone() }
}

/// At the side of a sum on another line that alone reads the value.
fn read_by_a_sum(program: &Program, edit: &Proposal) -> Option<Proposal> {
    let (first, _) = factor(edit)?;
    let steps = &program.script.steps;
    let moves = |k: usize| MOVES.contains(&steps[k].name());
    let starts = match edit.place.part {
        Part::Result => first < steps.len() && (moves(first) || steps[first].has_terms()),
        Part::Operand(_) => moves(first),
    };
    let mut at = Some(first).filter(|_| starts)?;
    loop {
        let mut all = readers(&program.script, at);
        let (reader, operand) = all.next().filter(|_| all.next().is_none())?;
        if program.script.outputs[..program.answers].contains(&Source::Step(at)) {
            return None;
        }
        match (same_line(program, reader, first), steps[reader].has_terms()) {
            (false, true) => return Some(moved(edit, reader, Part::Operand(operand))),
            (_, false) if moves(reader) => at = reader,
            _ => return None,
        }
    }
}

/// At a product on another line that has the factor already.
fn beside_its_like(program: &Program, edit: &Proposal) -> Option<Proposal> {
    let (first, by) = factor(edit)?;
    let steps = &program.script.steps;
    let has =
        |k: usize| steps[k].name() == "mul" && steps[k].inputs.iter().any(|&i| program.origin(i) == program.origin(by));
    let mut waiting = vec![Some(first).filter(|&k| k < steps.len())?];
    while let Some(k) = waiting.pop() {
        if !matches!(steps[k].name(), "mul" | "div") || (same_line(program, k, first) && has(k)) {
            continue;
        }
        if has(k) {
            return Some(moved(edit, k, Part::Result));
        }
        let read = steps[k].inputs.iter().filter_map(|source| match source {
            Source::Step(s) if readers(&program.script, *s).count() == 1 => Some(*s),
            _ => None,
        });
        waiting.extend(read);
    }
    None
}

/// At a sum over n numbers that the value is a product of, if 1/n is missing.
fn at_a_reduction(program: &Program, edit: &Proposal) -> Option<Proposal> {
    let (Change::Alter(Alter::Scale(by)), Part::Result, &[first]) = (&edit.change, edit.place.part, &edit.place.at[..])
    else {
        return None;
    };
    let steps = &program.script.steps;
    let is = |k: usize| {
        let count = program.shape_of(steps[k].inputs[0]).map_or(0, |of| of.numel() / steps[k].shape.numel().max(1));
        steps[k].name() == "sum" && count > 1 && (by * count as f64 - 1.0).abs() < 1e-7
    };
    let (mut waiting, mut sums) = (vec![Some(first).filter(|&k| k < steps.len())?], Vec::new());
    while let Some(k) = waiting.pop() {
        let only = |s: &&Source| matches!(s, Source::Step(s) if readers(&program.script, *s).count() == 1);
        match steps[k].name() {
            "sum" if is(k) && !same_line(program, k, first) => sums.push(k),
            "mul" | "div" | "sum" | "negate" | "reshape" | "permute" => {
                let read = steps[k].inputs.iter().filter(only);
                waiting.extend(read.filter_map(|s| if let Source::Step(s) = s { Some(*s) } else { None }));
            }
            _ => {}
        }
    }
    if let [sum] = sums[..] { Some(moved(edit, sum, Part::Result)) } else { None }
}

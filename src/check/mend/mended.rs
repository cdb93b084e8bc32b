//! How a line should read: its expression as it stands, and with the edits that mend it.
//!
//! The expression is written from the recorded operations of the line, so it is what the line computes, whatever names
//! stand in the source. A value that the edit takes from `forward` is written out.

use std::panic::Location;

use super::{
    expression::Expression,
    handed_on::HandedOn,
    names::{Names, end_of_line},
    places::readers,
    program::Program,
    proposal::{Change, Proposal},
    writer::Writer,
};
use crate::{
    Tensor,
    check::{
        Line,
        given::Place as Of,
        numbers::mapped,
        script::{Edit, Script, Source},
        verdict::Mend,
    },
};

/// Longer expressions are cut.
const LONG: usize = 96;
/// Around a change, about so many characters are left.
const AROUND: usize = 32;
/// Of more lines, none is shown.
const LINES: usize = 3;

/// The lines that the edits change, as they should read; `None` if that cannot be written.
pub(super) fn mends(program: &Program, edits: &[Proposal]) -> Option<Vec<Mend>> {
    let all: Vec<(usize, Edit)> = edits.iter().flat_map(Proposal::edits).collect();
    let names = Names::default();
    let mut ends: Vec<usize> = Vec::new();
    for edit in edits {
        for step in read_at(program, &names, edit.place.at[0]) {
            let end = if step < program.script.steps.len() { end_of_line(&names, &program.script, step) } else { step };
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
    }
    if ends.len() > LINES {
        return None;
    }
    ends.into_iter().map(|end| mend(program, &all, &names, end)).collect()
}

/// The line that hands a value on, as it should read.
pub(super) fn under_another_name(program: &Program, edit: &Proposal, other: &HandedOn) -> Option<Mend> {
    let (Change::Alter(alter), Some(stands)) = (&edit.change, other.of.clone()) else { return None };
    let names = Names::default();
    let argument = |k: usize| argument(program, &names, k);
    let script = &program.script;
    let writer = Writer { script, edits: &[], argument: &argument, names: &names, in_scope: true, in_full: true };
    let reads = writer.after(Expression::atom(stands.clone()), alter, &mut Vec::new())?.text;
    (reads.chars().count() <= LONG).then(|| Mend { line: other.line.clone(), stands, reads })
}

/// The steps of the source that read what is edited at a step: itself, unless it only hands on a value.
fn read_at(program: &Program, names: &Names, step: usize) -> Vec<usize> {
    let argument = |_| None;
    let (script, edits) = (&program.script, &[]);
    let writer = Writer { script, edits, argument: &argument, names, in_scope: true, in_full: false };
    if step >= program.script.steps.len() || !writer.is_handed_on(step) {
        return vec![step];
    }
    readers(&program.script, step).flat_map(|(reader, _)| read_at(program, names, reader)).collect()
}

fn mend(program: &Program, edits: &[(usize, Edit)], names: &Names, end: usize) -> Option<Mend> {
    let at: &Location<'_> = match program.script.outputs.get(end.wrapping_sub(program.script.steps.len())) {
        Some(&Source::Step(k)) => program.script.steps[k].at,
        Some(_) => return None,
        None => program.script.steps[end].at,
    };
    let line = Line::from(at);
    if line.is_ours() {
        return None;
    }
    let argument = |k: usize| argument(program, names, k);
    let script = &program.script;
    let written = |in_full: bool| {
        let with = |edits| Writer { script, edits, argument: &argument, names, in_scope: true, in_full };
        Some((with(&[]).root(end)?.text, with(edits).root(end)?.text))
    };
    let (mut stands, mut reads) = written(true)?;
    if stands.chars().count().max(reads.chars().count()) > LONG {
        (stands, reads) = written(false)?;
    }
    let (stands, reads) = cut(&stands, &reads);
    let short = |text: &str| text.chars().count() <= LONG + AROUND && text != "…";
    (stands != reads && short(&stands) && short(&reads)).then_some(Mend { line, stands, reads })
}

/// Two texts without most of what they begin and end with alike, if they are long.
fn cut(a: &str, b: &str) -> (String, String) {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let whole = |text: &[char]| text.iter().collect::<String>();
    if a.len().max(b.len()) <= LONG {
        return (whole(&a), whole(&b));
    }
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let back = back.min(a.len().min(b.len()) - front);
    // Cuts are made at spaces.
    let space = |from: usize, to: usize| (from..to).find(|&i| a[i] == ' ');
    let start = front.checked_sub(AROUND).and_then(|from| space(from, front));
    let end = (a.len() - back + AROUND).min(a.len());
    let end = space(end, a.len()).map(|end| a.len() - end);
    let part = |text: &[char]| {
        let to = text.len() - end.unwrap_or(0);
        let inner = whole(&text[start.map_or(0, |at| at + 1)..to]);
        format!("{}{inner}{}", if start.is_some() { "… " } else { "" }, if end.is_some() { " …" } else { "" })
    };
    (part(&a), part(&b))
}

/// What an argument of the program is called: by its place, or what `forward` computes.
fn argument(program: &Program, names: &Names, k: usize) -> Option<Expression> {
    if let Some(place) = program.places.get(k) {
        return Some(placed(*place));
    }
    let value = program.points[0].arguments.get(k)?;
    let inputs = program.places.iter().filter(|place| matches!(place, Of::Input(_))).count();
    if let Some(step) = k.checked_sub(program.given).filter(|&step| step < program.forward.steps.len()) {
        return written_out(names, &program.forward, step);
    }
    // What else there is was made of these.
    let complement = |of: &Tensor, squared: bool| *value == mapped(of, |_, v| 1.0 - if squared { v * v } else { v });
    let known = (0..program.given + program.forward.steps.len()).find_map(|of| {
        let squared =
            [false, true].into_iter().find(|&squared| complement(&program.points[0].arguments[of], squared))?;
        let of = argument(program, names, of)?;
        let subtracted = if squared { Expression::binary('*', &of, &of) } else { of };
        Some(Expression::binary('-', &Expression::number(1.0), &subtracted))
    });
    known.or_else(|| {
        let truth = program.truth.as_ref()?;
        let given = &program.points[0].arguments;
        let upstream = (0..program.given).filter(|&k| matches!(program.places[k], Of::Upstream(_)));
        let results = truth.results(given[..inputs].iter().chain(upstream.map(|k| &given[k])))?;
        written_out(names, truth, results.iter().position(|result| result == value)?)
    })
}

fn placed(place: Of) -> Expression {
    Expression::atom(match place {
        Of::Input(k) => format!("x[{k}]"),
        Of::Output(k) => format!("z[{k}]"),
        Of::Upstream(k) => format!("dz[{k}]"),
        Of::Saved(k) => format!("saved[{k}]"),
    })
}

/// A step of `forward`, or of the true gradient, in terms of inputs.
fn written_out(names: &Names, script: &Script, step: usize) -> Option<Expression> {
    let inputs = |k: usize| Some(placed(Of::Input(k)));
    let writer = Writer { script, edits: &[], argument: &inputs, names, in_scope: false, in_full: true };
    writer.root(step).filter(|of| of.text.chars().count() <= LONG / 2 && !of.text.contains('…'))
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_expressions_are_cut_around_the_change() {
        let long = |middle: &str| format!("{} + {middle} + {}", ["a * b"; 12].join(" + "), ["c"; 30].join(" + "));
        let (stands, reads) = cut(&long("x"), &long("x * y"));
        assert!(stands.starts_with("… ") && stands.ends_with(" …") && stands.len() < 90, "{stands}");
        assert_eq!(reads, stands.replace("x", "x * y"));
        assert_eq!(cut("a", "a * b"), ("a".to_owned(), "a * b".to_owned()));
        // What begins with the change is cut behind it alone.
        let tail = ["+ c"; 60].join(" ");
        let (stands, reads) = cut(&format!("x {tail}"), &format!("-x {tail}"));
        assert!(stands.starts_with("x + c") && reads.starts_with("-x + c") && reads.ends_with(" …"));
    }
}

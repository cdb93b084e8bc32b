//! From edits to a verdict.

use super::{
    found::{Found, found},
    mended,
    numbers::text,
    places::Part,
    program::Program,
    proposal::{Change, Proposal},
    reductions,
    spots::spot_of,
};
use crate::check::{
    Fault, Line, Verdict,
    case::Case,
    kind::Puts,
    numbers::{EXACT, count},
    script::{Action, Alter, Source, Step},
};

/// The verdict on the gradients by inputs `of`, with one fault for each edit.
pub(super) fn verdict(program: &Program, case: &Case, of: &[usize], edits: &[Proposal]) -> Verdict {
    let all: Vec<_> = edits.iter().flat_map(Proposal::edits).collect();
    let residual = program.mended(&all).unwrap_or(f64::NAN);
    let mut faults: Vec<Fault> = edits.iter().map(|edit| fault(program, case, edit)).collect();
    let found: Vec<Found> = edits.iter().map(|edit| found(program, edit)).collect();
    let evidence: Vec<String> =
        edits.iter().zip(&found).flat_map(|(edit, found)| sentences(program, edit, found)).collect();
    let mut lines = found.iter().filter_map(Found::to_mend);
    let fault = match faults.len() {
        1 => faults.remove(0),
        _ => Fault::Several { faults },
    };
    let mut verdict = case.verdict(of[0], fault, residual).at(lines.next().cloned());
    if let [edit] = edits {
        verdict = verdict.putting(if program.is_compared(&all) { Puts::Compared } else { puts(edit) });
    }
    for &k in &of[1..] {
        verdict.of.extend(case.verdict(k, Fault::Unknown, 0.0).of);
    }
    for sentence in evidence {
        verdict.evidence.push(sentence);
    }
    // An edit that fits by coincidence is known by the point apart.
    if residual <= EXACT && program.apart.is_some() {
        verdict.spots = edits.iter().map(|edit| spot_of(&program.script, &edit.place.at)).collect();
    }
    let there = match (edits, &found[..]) {
        ([edit], [Found { handed_on: Some(other), .. }]) => mended::under_another_name(program, edit, other),
        _ => None,
    };
    verdict.mends = there.map(|mend| vec![mend]).or_else(|| mended::mends(program, edits)).unwrap_or_default();
    verdict
}

/// What an edit puts in.
fn puts(edit: &Proposal) -> Puts {
    match (edit.alter(), &edit.change) {
        (Some(Alter::Plus(..)), _) => Puts::Term,
        (Some(Alter::Scale(-1.0)), _) | (None, Change::Act(..)) => Puts::Operation,
        _ => edit.puts,
    }
}

fn each(edit: &Proposal) -> &'static str {
    if edit.place.at.len() > 1 { ", each time the line runs" } else { "" }
}

fn sentences(program: &Program, edit: &Proposal, found: &Found) -> Vec<String> {
    let other = found.handed_on.as_ref().map(|other| match &other.of {
        Some(of) => {
            format!(
                "{} gives `{of}` the name `{}`, under which it is read, without any operation",
                other.line, other.name
            )
        }
        None => format!("it reads `{}`, which has its value from {}", other.name, other.line),
    });
    std::iter::once(sentence(program, edit, &found.line)).chain(other).collect()
}

fn sentence(program: &Program, edit: &Proposal, line: &Option<Line>) -> String {
    let at = line.as_ref().map_or(String::new(), |line| format!(" at {line}"));
    let step = program.script.steps.get(edit.place.at[0]);
    let place = match (step, edit.place.part) {
        (Some(_), Part::Result) => result(program, edit.place.at[0]),
        (Some(step), Part::Operand(i)) => format!("operand {i} of `{}`", step.name()),
        (None, _) => "the answer".to_owned(),
    };
    let all = each(edit);
    let with = &edit.with;
    if let Some(alter) = edit.alter() {
        return match alter {
            Alter::Times(_) => format!("with {place}{at} multiplied by {with}{all}, the rule is exact"),
            Alter::Over(_) => format!("with {place}{at} divided by {with}{all}, the rule is exact"),
            Alter::Plus(..) => format!("with {with} added to {place}{at}{all}, the rule is exact"),
            Alter::Scale(c) if *c == -1.0 => format!("with the other sign of {place}{at}{all}, the rule is exact"),
            Alter::Scale(c) => format!("with {place}{at} times {}{all}, the rule is exact", text(*c)),
            Alter::Shift(c) => format!("with {} added to {place}{at}{all}, the rule is exact", text(*c)),
            Alter::Use(_) => format!("with {with} as {place}{at}{all}, the rule is exact"),
            Alter::Center(axis) => {
                format!("with the mean of {place}{at} over axis {axis} subtracted{all}, the rule is exact")
            }
            Alter::Sum(_, axes, _) => format!("with a sum over axes {axes:?} as {place}{at}{all}, the rule is exact"),
            Alter::Turn(..) => format!("with {place}{at} transposed{all}, the rule is exact"),
            Alter::Mirror(by) => {
                let mean = if *by == 1.0 { "the sum" } else { "the mean" };
                format!("with {mean} of {place} and its transpose{at}{all}, the rule is exact")
            }
            Alter::Roll(axis, by) => {
                format!("with {place}{at} moved {} along axis {axis}{all}, the rule is exact", by_places(*by))
            }
            Alter::Flip(axis) => format!("with {place}{at} read backwards along axis {axis}{all}, the rule is exact"),
        };
    }
    match &edit.change {
        Change::Alter(_) | Change::Each(_) => String::new(),
        Change::Keep(operand) => format!("with operand {operand} alone for {place}{at}{all}, the rule is exact"),
        Change::Act(_, what) => format!("with `{what}` in {place}{at}{all}, the rule is exact"),
        Change::Number(Some((_, new)), _) => format!("with {} in {place}{at}{all}, the rule is exact", text(*new)),
        Change::Number(None, _) => format!("with other numbers in {place}{at}{all}, the rule is exact"),
        Change::Exchange(a, b) => format!("with operands {a} and {b} of {place}{at} exchanged{all}, the rule is exact"),
    }
}

fn fault(program: &Program, case: &Case, edit: &Proposal) -> Fault {
    let step = program.script.steps.get(edit.place.at[0]);
    let with = edit.with.clone();
    match (&edit.change, edit.alter()) {
        (_, Some(Alter::Times(_))) => Fault::MissingFactor { factor: with },
        (_, Some(Alter::Over(_))) => Fault::ExtraFactor { factor: with },
        (_, Some(Alter::Plus(..))) => Fault::DroppedTerm { term: with },
        (_, Some(Alter::Scale(c))) if *c == -1.0 => Fault::WrongOperation { edit: "the other sign".to_owned() },
        (_, Some(Alter::Scale(c))) => {
            let how = match c.abs() > 1.0 {
                true => format!("a factor {} is missing", program.number(*c)),
                false => format!("a factor {} too many", program.number(c.recip())),
            };
            Fault::WrongConstant { how }
        }
        (_, Some(Alter::Shift(c))) => Fault::WrongConstant { how: format!("{} is not added", program.number(*c)) },
        (_, Some(Alter::Use(source))) if let Some((other, divides)) = without(program, edit, *source) => {
            let factor = read(program, case, other);
            if divides { Fault::MissingFactor { factor } } else { Fault::ExtraFactor { factor } }
        }
        (_, Some(Alter::Use(_))) => {
            let used = match edit.place.part {
                Part::Operand(i) => step.map(|step| read(program, case, step.inputs[i])),
                Part::Result => match program.origin(Source::Step(edit.place.at[0])) {
                    Source::Argument(k) => program.places.get(k).map(|place| place.to_string()),
                    _ => None,
                },
            };
            Fault::MixedUp { used: used.unwrap_or_else(|| "its own result".to_owned()), wanted: with }
        }
        (_, Some(Alter::Center(axis))) => Fault::DroppedTerm { term: format!("the mean over axis {axis}") },
        (_, Some(Alter::Sum(..))) => Fault::WrongAxis { how: with },
        (_, Some(Alter::Turn(..))) => {
            Fault::WrongOperation { edit: format!("{} transposed", part(program, edit, step)) }
        }
        (_, Some(Alter::Mirror(by))) => {
            let what = part(program, edit, step);
            Fault::WrongOperation {
                edit: match *by == 1.0 {
                    true => format!("{what} without {what} transposed, which is to be added"),
                    false => format!("{what} is taken for symmetric: the mean of it and it transposed belongs there"),
                },
            }
        }
        (_, Some(Alter::Flip(axis))) => Fault::WrongMovement {
            how: format!("{} is to be turned around along axis {axis} (a flip)", part(program, edit, step)),
        },
        (_, Some(Alter::Roll(axis, by))) => {
            let (what, far) = (part(program, edit, step), by_places(*by));
            Fault::WrongMovement { how: format!("{what} is to be moved {far} along axis {axis}") }
        }
        (Change::Keep(operand), _) => Fault::WrongOperation { edit: format!("operand {operand} alone") },
        (Change::Act(actions, what), _) => another(step, &actions[0], what),
        (Change::Number(Some((old, new)), _), _) => {
            // What a value is compared with is hardly a size.
            let compares = step.is_some_and(|step| !step.differentiable());
            let meaning = if compares { String::new() } else { program.meaning(*new) };
            let how = format!("it has {} where {} belongs{meaning}", text(*old), text(*new));
            Fault::WrongConstant { how }
        }
        (Change::Number(None, _), _) => Fault::WrongConstant { how: "the numbers of a loop".to_owned() },
        (Change::Exchange(a, b), _) => match step.map(Step::name) {
            Some("concat") => {
                Fault::WrongMovement { how: format!("pieces {a} and {b} of `concat` are exchanged: another order") }
            }
            name => Fault::WrongOperation { edit: format!("the operands of `{}` exchanged", name.unwrap_or("?")) },
        },
        (Change::Alter(_) | Change::Each(_), None) => Fault::Unknown,
    }
}

/// If a product a b, or a quotient a / b, is replaced by a: where b comes from, and whether it divides.
fn without(program: &Program, edit: &Proposal, wanted: Source) -> Option<(Source, bool)> {
    let same = |a: Source, b: Source| program.origin(a) == program.origin(b);
    let step = program.script.steps.get(edit.place.at[0])?;
    let product = match edit.place.part {
        Part::Result => step,
        Part::Operand(i) => match step.inputs[i] {
            Source::Step(k) => &program.script.steps[k],
            _ => return None,
        },
    };
    match (product.name(), &product.inputs[..]) {
        ("mul", &[a, b]) if same(a, wanted) => Some((b, false)),
        ("mul", &[a, b]) if same(b, wanted) => Some((a, false)),
        ("div", &[a, b]) if same(a, wanted) => Some((b, true)),
        _ => None,
    }
}

/// "by 1 place", "back by 2 places".
fn by_places(by: isize) -> String {
    format!("{}by {}", if by < 0 { "back " } else { "" }, count(by.unsigned_abs(), "place"))
}

fn part(program: &Program, edit: &Proposal, step: Option<&Step>) -> String {
    match (edit.place.part, step) {
        (Part::Operand(i), Some(step)) => format!("operand {i} of `{}`", step.name()),
        (Part::Result, Some(_)) => result(program, edit.place.at[0]),
        _ => "the answer".to_owned(),
    }
}

fn another(step: Option<&Step>, action: &Action, what: &str) -> Fault {
    let Some(step) = step else { return Fault::Unknown };
    match (&step.action, action) {
        (Action::Op(_), Action::Op(other)) if (step.name(), other.name()) == ("reshape", "permute") => {
            Fault::WrongOperation { edit: "it has `reshape` where `permute` belongs".to_owned() }
        }
        (Action::Op(own), Action::Op(_)) => match step.name() {
            "sum" | "amax" | "amin" | "softmax" | "logsumexp" => {
                let other = Step { action: action.clone(), ..step.clone() };
                let (used, wanted) = (reductions::axes_of(step), reductions::axes_of(&other));
                Fault::WrongAxis { how: format!("`{}` over {used} instead of {wanted}", step.name()) }
            }
            _ => {
                let how = format!("`{}` {} where {what} belongs", step.called(), own.attributes());
                Fault::WrongMovement { how }
            }
        },
        _ => Fault::WrongOperation { edit: format!("it has `{}` where `{what}` belongs", step.name()) },
    }
}

/// What a step reads, by name.
fn read(program: &Program, case: &Case, source: Source) -> String {
    match program.origin(source) {
        Source::Argument(k) => match case.first().given.places().get(k) {
            Some(place) => place.to_string(),
            None => "a value of `forward`".to_owned(),
        },
        Source::Step(k) => {
            let step = &program.script.steps[k];
            format!("the value of `{}` ({})", step.called(), Line::from(step.at))
        }
        Source::Fixed(k) => format!("the constant made at {}", Line::from(program.script.fixed_at[k])),
    }
}

/// The result of a step, or what it hands on.
fn result(program: &Program, step: usize) -> String {
    match program.origin(Source::Step(step)) {
        Source::Argument(k) if k < program.places.len() => program.places[k].to_string(),
        Source::Step(k) => format!("the result of `{}`", program.script.steps[k].called()),
        _ => format!("the result of `{}`", program.script.steps[step].called()),
    }
}

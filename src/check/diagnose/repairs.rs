//! Single edits of the rule that make it right.
//!
//! A rule in tape algebra is a program that knows the user's lines. If one edit of it (a sign, an operand, a term, an
//! operation) makes it exact at both points, that is the line to fix.

use super::pieces::wrong_piece;
use crate::{
    Shape, Tensor,
    check::{
        Fault, Line, Verdict,
        case::Case,
        given::Given,
        kind::{Kind, Puts},
        mend::{self, Lines, leads_to, readers},
        numbers::count,
        ready::Ready,
        script::{Action, Edit, Script, Source, Step},
    },
};

/// Longer programs are not searched.
pub(super) const LONGEST: usize = 300;

/// The edit that doubles a result.
pub(super) const TWICE: &str = "twice its result";

/// All combinations of the places where a rule reads a value are tried, up to this many places.
const READS: usize = 7;

/// Operations that are easily confused.
const CONFUSABLE: &[&[&str]] = &[
    &["add", "sub"],
    &["mul", "div"],
    &["sin", "cos"],
    &["sinh", "cosh"],
    &["exp", "exp_m1", "sigmoid", "softplus"],
    &["gt", "ge", "lt", "le"],
    &["max", "min"],
    &["tanh", "sigmoid"],
    &["sqrt", "square", "rsqrt", "recip"],
    &["ln", "ln_1p"],
];

/// The first edit of the rule that makes it exact.
fn repair(case: &Case, k: usize) -> Option<(Script, usize, Edit, String, f64)> {
    let script = case.rule_with_right(k)?;
    if script.steps.len() > LONGEST {
        return None;
    }
    let ready = Ready::new(case, k, &script, &[])?;
    let all = (0..script.steps.len())
        .rev()
        .flat_map(|at| edits(&script, at, &case.first().given).into_iter().map(move |(edit, how)| (at, edit, how)));
    let (at, edit, how, residual) = all.into_iter().find_map(|(at, edit, how)| {
        let edits = [(at, edit.clone())];
        let residual = ready.mended(&edits).filter(|_| mend::holds_far(case, &ready, &script, &edits))?;
        Some((at, edit, how, residual))
    })?;
    Some((script, at, edit, how, residual))
}

/// The verdict with the first edit that makes the rule exact, and whether it is another operation on the same operands.
pub(super) fn mended(case: &Case, k: usize) -> Option<(Verdict, bool)> {
    let (script, at, edit, how, residual) = repair(case, k)?;
    let step = &script.steps[at];
    let (places, inputs) = (case.first().given.places(), case.with_right(k));
    let lines = Lines::of(&script, &places, &inputs);
    let mut line = line_of(&lines, at, &edit).unwrap_or_else(|| Line::from(step.at));
    let evidence = format!("with {how} in `{}` at {line}, the rule is exact", step.name());
    let operation = !matches!(edit, Edit::Operand(..));
    // A product that is read where one of its factors belongs has a factor too many.
    let other_factor = |operand: usize, wanted: Source| match step.inputs[operand] {
        Source::Step(k) => match (script.steps[k].name(), &script.steps[k].inputs[..]) {
            ("mul", &[a, b]) if a == wanted => Some(b),
            ("mul", &[a, b]) if b == wanted => Some(a),
            _ => None,
        },
        _ => None,
    };
    let name_of = |source: Source| match source {
        Source::Step(k) => format!("the result of `{}`", script.steps[k].name()),
        Source::Argument(k) => case.first().given.places()[k].to_string(),
        Source::Fixed(_) => "a constant".to_owned(),
    };
    let result = |k: usize| format!("the result of `{}`", script.steps[k].name());
    let (fault, puts) = match edit {
        Edit::Operand(operand, wanted) if let Some(factor) = other_factor(operand, wanted) => {
            // The line to mend is that of the product, unless others read it.
            if let Source::Step(product) = step.inputs[operand]
                && readers(&script, product).count() == 1
            {
                line = lines.line(&[product]).unwrap_or(line);
            }
            (Fault::ExtraFactor { factor: name_of(factor) }, Puts::Received)
        }
        Edit::Operand(operand, wanted) if !matches!(step.inputs[operand], Source::Fixed(_)) => {
            let used = match step.inputs[operand] {
                Source::Step(used) => result(used),
                Source::Argument(used) => places[used].to_string(),
                Source::Fixed(_) => unreachable!("numbers are left alone"),
            };
            let (wanted, puts) = match wanted {
                Source::Step(k) => (format!("{} ({})", result(k), Line::from(script.steps[k].at)), Puts::OwnResult),
                Source::Argument(k) => (places[k].to_string(), Puts::Received),
                Source::Fixed(_) => unreachable!("no number is put in"),
            };
            (Fault::MixedUp { used, wanted }, puts)
        }
        // One operand alone, of a product or a quotient: a factor, or a divisor, too many.
        Edit::Keep(kept) if step.inputs.len() == 2 && (step.name() == "mul" || (step.name(), kept) == ("div", 0)) => {
            let factor = name_of(step.inputs[1 - kept]);
            match step.name() {
                "mul" => (Fault::ExtraFactor { factor }, Puts::Received),
                _ => (Fault::MissingFactor { factor }, Puts::Received),
            }
        }
        Edit::Row(row) => {
            let edit = format!("it has `{}` where `{}` belongs", step.name(), row.name);
            (Fault::WrongOperation { edit }, Puts::Operation)
        }
        Edit::Scale(-1.0) => (Fault::WrongOperation { edit: how }, Puts::Operation),
        _ => (Fault::WrongOperation { edit: how }, Puts::Other),
    };
    Some((case.verdict(k, fault, residual).at(Some(line)).because(evidence).putting(puts), operation))
}

/// Some or all places where the rule reads one value, changed to read another of the same shape.
pub(super) fn rerouted(case: &Case, k: usize) -> Option<Verdict> {
    let (given, script) = (&case.first().given, case.rule_with_right(k)?);
    let (all, inputs) = (given.places(), case.with_right(k));
    let (lines, ready) = (Lines::of(&script, &all, &inputs), Ready::new(case, k, &script, &[])?);
    let shapes: Vec<&Shape> = given.values().map(Tensor::shape).collect();
    for used in 0..shapes.len() {
        let reads = reads(&script, used);
        if reads.is_empty() || reads.len() > READS {
            continue;
        }
        for wanted in (0..shapes.len()).filter(|&wanted| wanted != used && shapes[wanted] == shapes[used]) {
            for set in 1..1usize << reads.len() {
                let chosen: Vec<(usize, usize)> =
                    (0..reads.len()).filter(|i| set >> i & 1 == 1).map(|i| reads[i]).collect();
                let edits = reading(&chosen, wanted);
                let residual = ready.mended(&edits).filter(|_| mend::holds_far(case, &ready, &script, &edits));
                let Some(residual) = residual else { continue };
                let [used, wanted] = [used, wanted].map(|place| given.places()[place].to_string());
                let line = lines.line_of_reads(&chosen)?;
                let evidence = format!(
                    "reading {wanted} in place of {used} in {}, from {line} on, the rule is exact",
                    count(chosen.len(), "place")
                );
                let fault = Fault::MixedUp { used, wanted };
                return Some(case.verdict(k, fault, residual).because(evidence).at(Some(line)));
            }
        }
    }
    None
}

/// Where a rule reads an argument on its way to its first answer alone: steps with the place among their operands. The
/// others are gradients that are right.
pub(super) fn reads(script: &Script, argument: usize) -> Vec<(usize, usize)> {
    let (first, others) = (leads_to(script, 0..1), leads_to(script, 1..script.outputs.len()));
    let operands = |(at, step): (usize, &Step)| (0..step.inputs.len()).map(move |operand| (at, operand));
    let all = script.steps.iter().enumerate().filter(|(at, _)| first[*at] && !others[*at]).flat_map(operands);
    all.filter(|&(at, operand)| script.steps[at].inputs[operand] == Source::Argument(argument)).collect()
}

/// The edits by which a rule reads another argument at some places.
pub(super) fn reading(places: &[(usize, usize)], wanted: usize) -> Vec<(usize, Edit)> {
    let mut edits: Vec<(usize, Edit)> = Vec::new();
    for &(at, operand) in places {
        match edits.iter_mut().find(|(step, _)| *step == at) {
            Some((_, Edit::Operands(operands, _))) => operands.push(operand),
            _ => edits.push((at, Edit::Operands(vec![operand], Source::Argument(wanted)))),
        }
    }
    edits
}

/// The line to fix: where an edit of the rule makes it exact, or else where it computes its answer.
pub(super) fn line_of_repair(case: &Case, k: usize) -> Option<Line> {
    let places = case.first().given.places();
    if let Some((script, at, edit, ..)) = repair(case, k) {
        return line_of(&Lines::of(&script, &places, &case.with_right(k)), at, &edit);
    }
    if let Some(verdict) = rerouted(case, k) {
        return verdict.line;
    }
    let (script, inputs) = (case.rule_script(k)?, [k]);
    let (lines, answer) = (Lines::of(&script, &places, &inputs), script.steps.len());
    if let Some(other) = lines.handed_on(&[answer], None, false) {
        return Some(other.line);
    }
    // What is right for another input is wrong in the list of answers.
    if let Some(whole) = case.rule_with_right(k).filter(|whole| whole.outputs[1..].contains(&whole.outputs[0])) {
        let inputs = case.with_right(k);
        return Lines::of(&whole, &places, &inputs).to_mend(&[whole.steps.len()], None, false);
    }
    match wrong_piece(case, k, &script) {
        Some(piece) => lines.to_mend(&[piece], None, false),
        None => mend::departure(case, &[k]).or_else(|| lines.to_mend(&[answer], None, false)),
    }
}

/// The line of an edit.
fn line_of(lines: &Lines<'_>, at: usize, edit: &Edit) -> Option<Line> {
    match edit {
        Edit::Operand(operand, _) => lines.to_mend(&[at], Some(*operand), true),
        Edit::TransposeOperand(operand) => lines.to_mend(&[at], Some(*operand), false),
        Edit::Scale(_) => lines.to_mend(&[at], None, false),
        _ => lines.line(&[at]),
    }
}

/// The edits to try at a step of a rule, with what each does.
fn edits(script: &Script, at: usize, given: &Given<Tensor>) -> Vec<(Edit, String)> {
    let step = &script.steps[at];
    let mut edits = vec![(Edit::Scale(-1.0), "the other sign".to_owned())];
    for operand in 0..step.inputs.len() {
        if step.inputs.len() > 1 || matches!(step.name(), "negate" | "square" | "sqrt" | "add" | "sub" | "mul" | "div")
        {
            edits.push((Edit::Keep(operand), format!("operand {operand} alone")));
        }
    }
    edits.extend(other_rows(step));
    edits.push((Edit::Scale(2.0), TWICE.to_owned()));
    edits.push((Edit::Scale(0.5), "half its result".to_owned()));
    if step.name() == "sum" && step.inputs.len() == 1 {
        for axis in 0..shape_of(script, step.inputs[0], given).rank() as isize {
            edits.push((Edit::SumOver(vec![axis]), format!("a sum over axis {axis}")));
        }
    }
    for (operand, &now) in step.inputs.iter().enumerate() {
        if step.name() == "matmul" {
            edits.push((Edit::TransposeOperand(operand), format!("operand {operand} transposed")));
        }
        for (argument, place) in given.places().into_iter().enumerate() {
            if now != Source::Argument(argument) {
                let edit = Edit::Operand(operand, Source::Argument(argument));
                edits.push((edit, format!("{place} as operand {operand}")));
            }
        }
        for earlier in 0..at.min(64) {
            if now != Source::Step(earlier) && script.steps[earlier].shape == *shape_of(script, now, given) {
                let name = script.steps[earlier].name();
                edits.push((
                    Edit::Operand(operand, Source::Step(earlier)),
                    format!("the result of `{name}` ({}) as operand {operand}", Line::from(script.steps[earlier].at)),
                ));
            }
        }
    }
    edits
}

/// Single mistakes in the rule's program for input `k`: a term left out, a sign within it, a different operation.
pub(in crate::check) fn mistakes(case: &Case, k: usize) -> Vec<(usize, Edit, String)> {
    let Some(script) = case.rule_script(k) else { return Vec::new() };
    (0..script.steps.len())
        .flat_map(|at| mistakes_at(&script, at).into_iter().map(move |(edit, how, _)| (at, edit, how)))
        .collect()
}

/// The same at one step, with the kind of each.
pub(in crate::check) fn mistakes_at(script: &Script, at: usize) -> Vec<(Edit, String, Kind)> {
    let step = &script.steps[at];
    let mut all = Vec::new();
    if step.has_terms() {
        let alone =
            |keep| (Edit::Keep(keep), format!("operand {keep} alone is left of `{}`", step.name()), Kind::DroppedTerm);
        all.extend([0, 1].map(alone));
    }
    all.extend(other_rows(step).into_iter().map(|(edit, how)| (edit, how, Kind::WrongOperation)));
    let within = |other: &Step| other.has_terms() && other.inputs.contains(&Source::Step(at));
    if script.steps.iter().any(within) {
        all.push((Edit::Scale(-1.0), "the other sign".to_owned(), Kind::WrongOperation));
    }
    all
}

/// Operations that are easily confused with that of a step.
pub(in crate::check) fn other_rows(step: &Step) -> Vec<(Edit, String)> {
    let Action::Elementwise(row, _) = &step.action else { return Vec::new() };
    let groups = CONFUSABLE.iter().filter(|group| group.contains(&row.name));
    let others = groups.flat_map(|group| group.iter()).filter(|other| **other != row.name);
    let rows = others.filter_map(|other| {
        let row = crate::ops::row(other, step.inputs.len(), row.parameter.is_some())?;
        Some((Edit::Row(row), format!("`{other}` in place of `{}`", step.name())))
    });
    rows.collect()
}

fn shape_of<'s>(script: &'s Script, source: Source, given: &'s Given<Tensor>) -> &'s Shape {
    match source {
        Source::Step(k) => &script.steps[k].shape,
        Source::Fixed(k) => script.fixed[k].shape(),
        Source::Argument(k) => given.values().nth(k).expect("an argument of this rule").shape(),
    }
}

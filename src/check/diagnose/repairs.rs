//! Single edits of the rule that make it right.
//!
//! A rule in tape algebra is a program, with the user's lines. If one edit of it (a sign, an operand, a term, an
//! operation) makes it exact at both points, that is the line to mend.

use super::{Case, Point};
use crate::{
    Backward, Tape, Tensor, Var,
    check::{
        Fault, Line, Verdict,
        script::{Action, Edit, Script, Source, Step},
        subject::caught,
    },
};

/// Longer programs are not searched.
const LONGEST: usize = 300;

/// The places of a rule where a value is read are tried in all combinations up to this many places.
const READS: usize = 7;

/// Operations that are easily taken for each other.
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

/// The rule's answer for input `k` as a program from inputs, outputs, upstream gradients and memory.
pub(super) fn rule_script(case: &Case<'_>, point: &Point, k: usize) -> Option<Script> {
    caught(|| {
        let tape = Tape::f64();
        let enter = |all: &[Tensor]| all.iter().map(|v| tape.leaf(v)).collect::<Vec<Var<'_>>>();
        let (x, z, dz, memory) = (enter(&point.x), enter(&point.z), enter(&point.dz), enter(&point.memory));
        let at = Backward { x: &x, z: &z, dz: &dz, memory: &memory, needs: case.needs };
        let answer = case.function.backward(at).swap_remove(k)?;
        let slots: Vec<Var<'_>> = [x, z, dz, memory].concat();
        Some(Script::of(&tape, &slots, &[answer]))
    })
    .ok()
    .flatten()
}

pub(super) fn slots_of(point: &Point) -> impl Iterator<Item = &Tensor> {
    point.x.iter().chain(&point.z).chain(&point.dz).chain(&point.memory)
}

fn mended_by(script: &Script, point: &Point, edits: &[(usize, Edit)]) -> Option<Tensor> {
    caught(|| {
        let tape = Tape::f64();
        let slots: Vec<Var<'_>> = slots_of(point).map(|v| tape.leaf(v)).collect();
        Some(script.run(&tape, &slots, edits)?.remove(0).value())
    })
    .ok()
    .flatten()
}

/// The first edit of the rule that makes it exact.
fn repair(case: &Case<'_>, k: usize) -> Option<(Script, usize, Edit, String, f64)> {
    let script = rule_script(case, &case.points[0], k)?;
    if script.steps.len() > LONGEST {
        return None;
    }
    for at in (0..script.steps.len()).rev() {
        for (edit, how) in edits(&script, at, &case.points[0]) {
            if let Some(residual) = case.repaired(k, |p| mended_by(&script, p, &[(at, edit.clone())])) {
                return Some((script, at, edit, how, residual));
            }
        }
    }
    None
}

pub(super) fn mended(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let (script, at, edit, how, residual) = repair(case, k)?;
    let step = &script.steps[at];
    let line = Line::from(step.at);
    let evidence = format!("with {how} in `{}` at {line}, the rule is exact", step.name());
    let fault = match edit {
        Edit::Operand(_, wanted) => match (wanted, wrong_operand(&script, at, &edit)) {
            (Source::Slot(_), Some(used)) => Fault::MixedUp { used, wanted: slot_name(&case.points[0], wanted) },
            _ => Fault::WrongOperation { edit: how },
        },
        Edit::Row(row) => {
            Fault::WrongOperation { edit: format!("it has `{}` where `{}` belongs", step.name(), row.name) }
        }
        _ => Fault::WrongOperation { edit: how },
    };
    Some(Verdict::new(fault, format!("input {k}"), residual).at(Some(line)).because(evidence))
}

fn wrong_operand(script: &Script, at: usize, edit: &Edit) -> Option<String> {
    let Edit::Operand(operand, _) = edit else { return None };
    match script.steps[at].inputs[*operand] {
        Source::Step(step) => Some(format!("the result of `{}`", script.steps[step].name())),
        Source::Fixed(_) => None,
        Source::Slot(_) => Some("another value".to_owned()),
    }
}

/// Some or all places where the rule reads one value, reading another of the same shape instead.
pub(super) fn rerouted(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let point = &case.points[0];
    let script = rule_script(case, point, k)?;
    let shapes: Vec<_> = slots_of(point).map(Tensor::shape).collect();
    for used in 0..shapes.len() {
        let reads: Vec<(usize, usize)> = script
            .steps
            .iter()
            .enumerate()
            .flat_map(|(at, step)| (0..step.inputs.len()).map(move |operand| (at, operand)))
            .filter(|&(at, operand)| script.steps[at].inputs[operand] == Source::Slot(used))
            .collect();
        if reads.is_empty() || reads.len() > READS {
            continue;
        }
        for wanted in (0..shapes.len()).filter(|&wanted| wanted != used && shapes[wanted] == shapes[used]) {
            for set in 1..1usize << reads.len() {
                let chosen: Vec<(usize, usize)> =
                    (0..reads.len()).filter(|i| set >> i & 1 == 1).map(|i| reads[i]).collect();
                let mut edits: Vec<(usize, Edit)> = Vec::new();
                for &(at, operand) in &chosen {
                    match edits.iter_mut().find(|(step, _)| *step == at) {
                        Some((_, Edit::Operands(operands, _))) => operands.push(operand),
                        _ => edits.push((at, Edit::Operands(vec![operand], Source::Slot(wanted)))),
                    }
                }
                let Some(residual) = case.repaired(k, |p| mended_by(&script, p, &edits)) else { continue };
                let [used, wanted] = [used, wanted].map(|slot| slot_name(point, Source::Slot(slot)));
                let line = Line::from(script.steps[chosen[0].0].at);
                let evidence = format!(
                    "reading {wanted} in place of {used} in {} places, from {line} on, the rule is exact",
                    chosen.len()
                );
                let fault = Fault::MixedUp { used, wanted };
                return Some(Verdict::new(fault, format!("input {k}"), residual).because(evidence).at(Some(line)));
            }
        }
    }
    None
}

/// The line to mend: where an edit of the rule makes it exact, or else where it computes its answer.
pub(super) fn line_of_repair(case: &Case<'_>, k: usize) -> Option<Line> {
    if let Some((script, at, ..)) = repair(case, k) {
        return Some(Line::from(script.steps[at].at));
    }
    if let Some(verdict) = rerouted(case, k) {
        return verdict.line;
    }
    let script = rule_script(case, &case.points[0], k)?;
    script.steps.last().map(|step| Line::from(step.at))
}

/// What a slot of a rule is called.
fn slot_name(point: &Point, source: Source) -> String {
    let Source::Slot(mut k) = source else { return "a computed value".to_owned() };
    for (name, count) in [
        ("input", point.x.len()),
        ("output", point.z.len()),
        ("upstream gradient", point.dz.len()),
        ("saved value", point.memory.len()),
    ] {
        if k < count {
            return format!("{name} {k}");
        }
        k -= count;
    }
    unreachable!("a rule has no other slots")
}

/// The edits that are tried at a step of a rule, with what each does.
fn edits(script: &Script, at: usize, point: &Point) -> Vec<(Edit, String)> {
    let step = &script.steps[at];
    let mut edits = vec![(Edit::Scale(-1.0), "the other sign".to_owned())];
    for operand in 0..step.inputs.len() {
        if step.inputs.len() > 1 || matches!(step.name(), "negate" | "square" | "sqrt" | "add" | "sub" | "mul" | "div")
        {
            edits.push((Edit::Keep(operand), format!("operand {operand} alone")));
        }
    }
    edits.extend(other_rows(step));
    edits.push((Edit::Scale(2.0), "twice its result".to_owned()));
    edits.push((Edit::Scale(0.5), "half its result".to_owned()));
    if step.name() == "sum" && step.inputs.len() == 1 {
        let rank = rank_of(script, step.inputs[0], point);
        for axis in 0..rank as isize {
            edits.push((Edit::SumOver(vec![axis]), format!("a sum over axis {axis}")));
        }
    }
    for (operand, &now) in step.inputs.iter().enumerate() {
        if step.name() == "matmul" {
            edits.push((Edit::TransposeOperand(operand), format!("operand {operand} transposed")));
        }
        for slot in 0..slots_of(point).count() {
            if now != Source::Slot(slot) {
                let name = slot_name(point, Source::Slot(slot));
                edits.push((Edit::Operand(operand, Source::Slot(slot)), format!("{name} as operand {operand}")));
            }
        }
        for earlier in 0..at.min(64) {
            if now != Source::Step(earlier) && script.steps[earlier].shape == *shape_of(script, now, point) {
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

/// Single mistakes in the rule's program for input `k`: a term left out, a sign within it, another operation.
pub(super) fn mistakes(case: &Case<'_>, point: &Point, k: usize) -> Vec<(usize, Edit, String)> {
    let Some(script) = rule_script(case, point, k) else { return Vec::new() };
    let mut all = Vec::new();
    for (at, step) in script.steps.iter().enumerate() {
        let sum = ["add", "sub"].contains(&step.name()) && step.inputs.len() == 2;
        if sum {
            all.extend([0, 1].map(|keep| (at, Edit::Keep(keep), String::new())));
        }
        all.extend(other_rows(step).into_iter().map(|(edit, how)| (at, edit, how)));
        let within = |other: &Step| {
            ["add", "sub"].contains(&other.name())
                && other.inputs.contains(&Source::Step(at))
                && other.inputs.len() == 2
        };
        if script.steps.iter().any(within) {
            all.push((at, Edit::Scale(-1.0), "the other sign".to_owned()));
        }
    }
    all
}

/// Operations that are easily taken for the one of a step.
fn other_rows(step: &Step) -> Vec<(Edit, String)> {
    let Action::Elementwise(row, _) = &step.action else { return Vec::new() };
    let groups = CONFUSABLE.iter().filter(|group| group.contains(&row.name));
    let others = groups.flat_map(|group| group.iter()).filter(|other| **other != row.name);
    let rows = others.filter_map(|other| {
        let row = crate::ops::row(other, step.inputs.len(), row.parameter.is_some())?;
        Some((Edit::Row(row), format!("`{other}` in place of `{}`", step.name())))
    });
    rows.collect()
}

fn shape_of<'s>(script: &'s Script, source: Source, point: &'s Point) -> &'s crate::Shape {
    match source {
        Source::Step(k) => &script.steps[k].shape,
        Source::Fixed(k) => script.fixed[k].shape(),
        Source::Slot(k) => slots_of(point).nth(k).expect("a slot of this rule").shape(),
    }
}

fn rank_of(script: &Script, source: Source, point: &Point) -> usize {
    shape_of(script, source, point).rank()
}

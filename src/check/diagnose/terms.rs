//! Single edits: of the program of the true gradient, to get the wrong one; of the rule's program, to get the true one.
//!
//! The true gradient is recorded by the tape as a program of its own, whose nodes carry the line of the operation that
//! they differentiate. If leaving out one of its terms gives the rule's answer, that is the term the rule lacks.
//!
//! The rule is a program too, with the user's lines. If one edit of it (a sign, an operand, a term, an operation) makes
//! it exact, that is the line to mend.

use smallvec::SmallVec;

use super::{Case, Point, paths::forward_script};
use crate::{
    Backward, Tape, Tensor, Var,
    check::{
        Fault, Line, Verdict,
        script::{Action, Edit, Script, Source},
        subject::caught,
    },
};

/// Longer programs are not searched.
const LONGEST: usize = 300;

pub(super) fn faults(case: &Case<'_>, k: usize) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = dropped(case, k).into_iter().collect();
    found.extend(mended(case, k));
    found
}

/// A term of the true gradient without which it is the rule's answer.
fn dropped(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let script = gradient_script(case, k)?;
    let search = |at: usize| {
        let step = &script.steps[at];
        let keep: &[(usize, &str)] = match step.name() {
            "add" | "sub" if step.inputs.len() == 2 => &[(0, "second"), (1, "first")],
            _ => return None,
        };
        keep.iter().find_map(|&(operand, _)| {
            let residual = case.residual(k, |p| replayed(&script, p, at, &Edit::Keep(operand)))?;
            let lost = match step.inputs[1 - operand] {
                Source::Step(term) => &script.steps[term],
                _ => step,
            };
            let line = Line::from(lost.at);
            let fault = Fault::DroppedTerm { term: lost.name().to_owned() };
            let evidence =
                format!("without the term that the derivative of line {line} adds, the true gradient is this one");
            Some(Verdict::new(fault, format!("input {k}"), residual).because(evidence))
        })
    };
    (0..script.steps.len().min(LONGEST)).find_map(search)
}

/// The true gradient by input `k` as a program from inputs and upstream gradients.
fn gradient_script(case: &Case<'_>, k: usize) -> Option<Script> {
    let point = &case.points[0];
    let forward = forward_script(case)?;
    caught(|| {
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = point.x.iter().map(|x| tape.leaf(x)).collect();
        let dz: Vec<Var<'_>> = point.dz.iter().map(|dz| tape.leaf(dz)).collect();
        let z = forward.run(&tape, &x, None)?;
        let weighted = z.iter().zip(&dz).filter(|(z, _)| z.needs_grad()).map(|(&z, &dz)| (z * dz).sum());
        let loss = weighted.reduce(|a, b| a + b)?;
        let gradient = tape.grad(loss, &[x[k]]).ok()?;
        let slots: Vec<Var<'_>> = x.iter().chain(&dz).copied().collect();
        Some(Script::of(&tape, &slots, &gradient))
    })
    .ok()
    .flatten()
}

fn replayed(script: &Script, point: &Point, at: usize, edit: &Edit) -> Option<Tensor> {
    caught(|| {
        let tape = Tape::f64();
        let slots: Vec<Var<'_>> = point.x.iter().chain(&point.dz).map(|v| tape.constant(v)).collect();
        Some(script.run(&tape, &slots, Some((at, edit)))?.remove(0).value())
    })
    .ok()
    .flatten()
}

/// The rule's answer for input `k` as a program from inputs, outputs, upstream gradients and memory.
fn rule_script(case: &Case<'_>, k: usize) -> Option<Script> {
    let point = &case.points[0];
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

fn slots_of(point: &Point) -> impl Iterator<Item = &Tensor> {
    point.x.iter().chain(&point.z).chain(&point.dz).chain(&point.memory)
}

fn mended_at(script: &Script, point: &Point, at: usize, edit: &Edit) -> Option<Tensor> {
    caught(|| {
        let tape = Tape::f64();
        let slots: Vec<Var<'_>> = slots_of(point).map(|v| tape.leaf(v)).collect();
        Some(script.run(&tape, &slots, Some((at, edit)))?.remove(0).value())
    })
    .ok()
    .flatten()
}

/// The first edit of the rule that makes it exact.
fn repair(case: &Case<'_>, k: usize) -> Option<(Script, usize, Edit, String, f64)> {
    let script = rule_script(case, k)?;
    if script.steps.len() > LONGEST {
        return None;
    }
    for at in (0..script.steps.len()).rev() {
        for (edit, how) in edits(&script, at, &case.points[0]) {
            if let Some(residual) = case.repaired(k, |p| mended_at(&script, p, at, &edit)) {
                return Some((script, at, edit, how, residual));
            }
        }
    }
    None
}

fn mended(case: &Case<'_>, k: usize) -> Option<Verdict> {
    let (script, at, edit, how, residual) = repair(case, k)?;
    let step = &script.steps[at];
    let line = Line::from(step.at);
    let evidence = format!("with {how} in `{}` at {line}, the rule is exact", step.name());
    let fault = match edit {
        Edit::Operand(_, wanted) => match (wanted, wrong_operand(&script, at, &edit)) {
            (Source::Slot(_), Some(used)) => Fault::MixedUp { used, wanted: slot_name(&case.points[0], wanted) },
            _ => Fault::WrongOperation { edit: how },
        },
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

/// Where an edit of the rule makes it exact: the line to mend.
pub(super) fn line_of_repair(case: &Case<'_>, k: usize) -> Option<Line> {
    let (script, at, ..) = repair(case, k)?;
    Some(Line::from(script.steps[at].at))
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
    if let Action::Elementwise(row, _) = &step.action {
        let groups = CONFUSABLE.iter().filter(|group| group.contains(&row.name));
        for other in groups.flat_map(|group| group.iter()).filter(|other| **other != row.name) {
            if let Some(other_row) = crate::ops::row(other, step.inputs.len(), row.parameter.is_some()) {
                edits.push((Edit::Row(other_row), format!("`{other}` in its place")));
            }
        }
    }
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

/// The first operation of the rule, in its own order, whose result is not finite though its operands are.
pub(super) fn first_non_finite(case: &Case<'_>, point: &Point) -> Option<(String, Option<Line>)> {
    caught(|| {
        let tape = Tape::f64();
        let enter = |all: &[Tensor]| all.iter().map(|v| tape.constant(v)).collect::<Vec<Var<'_>>>();
        let (x, z, dz, memory) = (enter(&point.x), enter(&point.z), enter(&point.dz), enter(&point.memory));
        let at = Backward { x: &x, z: &z, dz: &dz, memory: &memory, needs: case.needs };
        case.function.backward(at);
        first_non_finite_node(&tape)
    })
    .ok()
    .flatten()
}

/// The first node of a recording with a number that is not finite, of operands that all are: its name and line.
pub(in crate::check) fn first_non_finite_node(tape: &Tape) -> Option<(String, Option<Line>)> {
    for node in 0..tape.len() {
        let finite = |id: usize| Var::new(tape, id as u32).value().first_non_finite().is_none();
        if finite(node) {
            continue;
        }
        let view = tape.nodes().nth(node)?;
        let inputs: SmallVec<[usize; 4]> = view.inputs.iter().copied().collect();
        if inputs.iter().all(|&i| finite(i)) {
            return Some((view.op, Some(Line::from(view.line))));
        }
    }
    None
}

//! Where NaN and infinities come from: the first operation, in forward order, that makes one out of finite numbers.

use super::{Case, Point, residues::results, tape::operands};
use crate::{
    Backward, Tape, Tensor, Var,
    check::{
        Line,
        script::Script,
        subject::{Probe, caught},
    },
};

/// The first operation, in forward order, whose own derivative is not finite at its operands, with its line.
pub(in crate::check) fn first_non_finite_derivative(
    probe: &Probe<'_>,
    at: &[Tensor],
) -> Option<(String, Option<Line>)> {
    let script = probe.run(at, |tape, slots, outputs| Ok(Script::of(tape, slots, outputs))).ok()?;
    let values = results(&script, at)?;
    script.steps.iter().enumerate().find_map(|(k, step)| {
        let operands = operands(&script, k, at, &values);
        if operands.iter().any(|x| x.first_non_finite().is_some()) {
            return None;
        }
        let local = caught(|| {
            let tape = Tape::f64();
            let x: Vec<Var<'_>> = operands.iter().map(|x| tape.leaf(x)).collect();
            let y = step.perform(&tape, &x, None).ok()?;
            if !y.needs_grad() {
                return Some(false);
            }
            let found = y.sum().backward().ok()?;
            Some(x.iter().any(|&x| found.get(x).is_some_and(|g| g.first_non_finite().is_some())))
        });
        matches!(local, Ok(Some(true))).then(|| (step.name().to_owned(), Some(Line::from(step.at))))
    })
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
        if !view.inputs.is_empty() && view.inputs.iter().all(|&i| finite(i)) {
            return Some((view.op, Some(Line::from(view.line))));
        }
    }
    None
}

//! Where NaN and infinities come from: the first operation, in forward order, that makes one from finite numbers.

use super::plain::lines_of_rule;
use crate::{
    Rule, Tape, Tensor, Var,
    check::{
        Line,
        case::{Case, Point},
        numbers::is_finite,
        runner::{Runner, attempt, weighted},
        script::Script,
    },
};

/// The first operation, in forward order, whose own derivative is not finite at its operands, with its line. Without
/// one, the first operation of the backward pass that makes such a number: in a rule by hand, or where a product
/// overflows.
pub(in crate::check) fn first_non_finite_derivative(
    runner: &Runner<'_>,
    at: &[Tensor],
    upstream: &[Tensor],
    rule: Rule,
) -> (String, Option<Line>) {
    let found = of_an_operation(runner, at).or_else(|| on_the_way_back(runner, at, upstream, rule));
    found.unwrap_or_else(|| ("a rule on plain numbers".to_owned(), None))
}

fn on_the_way_back(
    runner: &Runner<'_>,
    at: &[Tensor],
    upstream: &[Tensor],
    rule: Rule,
) -> Option<(String, Option<Line>)> {
    let found = runner.run(at, |tape, arguments, outputs| {
        tape.set_rule(rule);
        let Some(loss) = weighted(tape, outputs, upstream) else { return Ok(None) };
        let reached: Vec<Var<'_>> = arguments.iter().copied().filter(|x| x.needs_grad()).collect();
        tape.grad(loss, &reached)?;
        Ok(first_non_finite_node(tape))
    });
    found.ok().flatten()
}

fn of_an_operation(runner: &Runner<'_>, at: &[Tensor]) -> Option<(String, Option<Line>)> {
    let script = runner.run(at, |tape, arguments, outputs| Ok(Script::of(tape, arguments, outputs))).ok()?;
    let results = script.results(at)?;
    script.steps.iter().enumerate().find_map(|(k, step)| {
        let operands = script.operands(k, at, &results);
        if !operands.iter().all(is_finite) {
            return None;
        }
        let infinite = attempt(&operands, |tape, x| {
            let y = step.perform(tape, x, None).ok()?;
            if !y.needs_grad() {
                return Some(false);
            }
            let found = y.sum().backward().ok()?;
            Some(x.iter().any(|&x| found.wrt(x).ok().is_some_and(|g| !is_finite(g))))
        });
        (infinite == Some(true)).then(|| {
            let rule = lines_of_rule(step, &operands).into_iter().flatten().find(|line| !line.is_library());
            (step.name().to_owned(), rule.or(Some(Line::from(step.at))))
        })
    })
}

/// The first operation of the rule, in execution order, whose result is not finite though its operands are.
pub(super) fn first_non_finite(case: &Case, point: &Point) -> Option<(String, Option<Line>)> {
    attempt([], |tape, _| {
        point.given.map(|value| tape.constant(value)).ask(&*case.function, &case.needs);
        first_non_finite_node(tape)
    })
}

/// The first node of a recording with a non-finite number and only finite operands: its name and line.
fn first_non_finite_node(tape: &Tape) -> Option<(String, Option<Line>)> {
    for node in 0..tape.len() {
        let finite = |id: usize| is_finite(&Var::new(tape, id as u32).value());
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

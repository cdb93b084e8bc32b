//! Rules on plain numbers.
//!
//! The rule of an [`Op`](crate::ops::Op) computes with slices: it is no program on the tape. So an operation whose gradient
//! is wrong is examined by itself, from outside, with differences for the truth. What `behavior`, `relations`,
//! `reductions`, `regions` and `residues` ask needs no program; `contributions` and `couplings` compare the matrix of the
//! rule with that of the derivative.

use std::sync::Arc;

use super::rules::numeric_faults;
use crate::{
    Backward, Function, Tape, Tensor, Var,
    check::{
        Line, Verdict,
        runner::attempt,
        script::{Action, Script, Step},
    },
    ops::Vjp,
};

/// Operations on plain numbers whose own rule is wrong, each examined as a function by itself.
pub(super) fn own_rules(script: &Script, at: &[Tensor]) -> Vec<Verdict> {
    let Some(results) = script.results(at) else { return Vec::new() };
    let mut found = Vec::new();
    for (k, step) in script.steps.iter().enumerate() {
        if !matches!(step.action, Action::Op(_)) || !found.is_empty() {
            continue;
        }
        let inputs = script.operands(k, at, &results);
        let function: Arc<dyn Function> = Arc::new(Alone { step: step.clone() });
        let recorded = Line::from(step.at);
        found = numeric_faults(&function, &inputs, step.at, lines_of_rule(step, &inputs));
        for verdict in &mut found {
            verdict.rule = Some(step.name().to_owned());
            match verdict.line.as_ref().is_some_and(|line| !line.is_ours() && *line != recorded) {
                true => verdict.evidence.push(format!("the operation is recorded at {recorded}")),
                false => verdict.line = Some(recorded.clone()),
            }
        }
    }
    found
}

/// Where an operation's own rule makes its answer for each input.
pub(super) fn lines_of_rule(step: &Step, inputs: &[Tensor]) -> Vec<Option<Line>> {
    let Action::Op(op) = &step.action else { return Vec::new() };
    let lines = attempt(inputs, |tape, x| {
        let z = step.perform(tape, x, None).ok()?;
        let needs = vec![true; x.len()];
        let answers =
            op.vjp(Vjp { x, z, dz: tape.constant(z.value()), needs: &needs, recorded: false, masked: false }).ok()?;
        let line = |answer: Var<'_>| tape.nodes().nth(answer.index()).map(|node| Line::from(node.line));
        Some(answers.into_iter().map(|answer| line(answer?)).collect())
    });
    lines.unwrap_or_default()
}

/// An operation as a function with a rule, which is the operation's own.
struct Alone {
    step: Step,
}

impl Function for Alone {
    fn name(&self) -> &str {
        self.step.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let done = self.step.perform(x[0].tape(), x, None);
        vec![done.unwrap_or_else(|error| panic!("{error}"))]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        // A separate tape: the operation may be differentiable only once.
        let tape = Tape::f64();
        let own: Vec<Var<'_>> = x.iter().map(|x| tape.leaf(x.value())).collect();
        let y = self.forward(&own)[0];
        let Action::Op(op) = &self.step.action else { unreachable!("a row has its rule in tape algebra") };
        // An experiment may give it another output; then there is nothing that `forward` saved.
        let given = z[0].value();
        let z = if y.value() == given { y } else { tape.constant(given) };
        let needs = vec![true; own.len()];
        let dz = tape.constant(dz[0].value());
        let found = tape.no_grad(|| op.vjp(Vjp { x: &own, z, dz, needs: &needs, recorded: false, masked: false }));
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        found.iter().map(|g| g.map(|g| x[0].tape().constant(g.value()))).collect()
    }
}

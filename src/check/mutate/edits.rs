//! Mistakes in one line of a rule: the opposite of what [`mend`](crate::check::mend) looks for.
//!
//! A line that runs in a loop is changed each time it runs.

use super::examined::Examined;
use crate::check::{
    diagnose::mistakes_at,
    given::Place,
    kind::Kind,
    mend::{carrying, groups, spot_of},
    script::{Action, Alter, Edit, Script, Source, Step},
    verdict::Spot,
};

/// Edits that are made together, the kind of fault that they are, and a sentence.
#[derive(Clone)]
pub(super) struct Slipped {
    pub edits: Vec<(usize, Edit)>,
    pub kind: Kind,
    pub how: String,
    /// Where in the rule.
    pub spot: Spot,
}

/// At most this many pairs are formed for a gradient.
const PAIRS: usize = 24;

/// All single mistakes in the rule's program for input `k`.
pub(super) fn singles(rule: &Examined, k: usize) -> Vec<Slipped> {
    let Some(script) = rule.program(k) else { return Vec::new() };
    let carries = carrying(&script, &rule.given().places());
    let mut all = Vec::new();
    for unit in units(&script) {
        let step = &script.steps[unit[0]];
        let spot = spot_of(&script, &unit);
        let mut offer = |kind: Kind, how: String, edit: &dyn Fn(&Step) -> Edit| {
            let edits = unit.iter().map(|&at| (at, edit(&script.steps[at]))).collect();
            let how = format!("{how} at step {} of {}", unit[0], unit.len());
            all.push(Slipped { edits, kind, how, spot: spot.clone() });
        };
        let depends = |i: usize| match step.inputs[i] {
            Source::Step(s) => carries[s],
            Source::Argument(a) => matches!(rule.given().places().get(a), Some(Place::Upstream(_))),
            Source::Fixed(_) => false,
        };
        match (step.name(), step.inputs.len()) {
            ("mul", 2) => {
                for i in (0..2).filter(|&i| !depends(i)) {
                    offer(Kind::MissingFactor, format!("factor {i} is left out"), &|_| Edit::Keep(1 - i));
                    let twice = |step: &Step| Edit::AtResult(Alter::Times(step.inputs[i]));
                    offer(Kind::ExtraFactor, format!("factor {i} is taken twice"), &twice);
                }
            }
            // What is not divided by has a factor too many.
            ("div", 2) => {
                offer(Kind::ExtraFactor, "the divisor is left out".to_owned(), &|_| Edit::Keep(0));
                let twice = |step: &Step| Edit::AtResult(Alter::Over(step.inputs[1]));
                offer(Kind::MissingFactor, "the divisor is taken twice".to_owned(), &twice);
            }
            ("mul" | "div" | "add" | "sub", 1) if step.has_number() => {
                for (by, plus) in [(1.0, 1.0), (1.0, -1.0), (2.0, 0.0)] {
                    let other = |step: &Step| match step.action {
                        Action::Elementwise(row, n) => Edit::Act(Action::Elementwise(row, by * n + plus)),
                        _ => Edit::Scale(1.0),
                    };
                    offer(Kind::WrongConstant, format!("the number is another, times {by} plus {plus}"), &other);
                }
            }
            ("matmul", 2) => {
                for i in 0..2 {
                    offer(Kind::WrongOperation, format!("operand {i} is transposed"), &|_| Edit::TransposeOperand(i));
                }
                offer(Kind::WrongOperation, "the operands are exchanged".to_owned(), &|_| Edit::Exchange(0, 1));
            }
            ("permute", 1) => {
                offer(Kind::WrongOperation, "the transposition is left out".to_owned(), &|_| Edit::Keep(0));
            }
            ("concat", n) if n > 1 => {
                offer(Kind::WrongMovement, "two pieces are exchanged".to_owned(), &|_| Edit::Exchange(0, 1));
            }
            ("slice" | "scatter" | "index_select" | "index_add", _) => {
                for action in alike(&script, step) {
                    let Action::Op(op) = &action else { continue };
                    let how = format!("the numbers come from, or go to, another place, {}", op.attributes());
                    offer(Kind::WrongMovement, how, &|_| Edit::Act(action.clone()));
                }
            }
            ("sum", 1) => {
                for axis in 0..4 {
                    let how = format!("the sum runs over axis {axis}");
                    offer(Kind::WrongAxis, how, &|_| Edit::SumOver(vec![axis]));
                }
            }
            _ => {}
        }
        if unit.len() > 1 {
            for (edit, how, kind) in mistakes_at(&script, unit[0]) {
                offer(kind, how, &|_| edit.clone());
            }
        }
    }
    all
}

/// Two of the mistakes at once, at different steps.
pub(super) fn pairs(singles: &[Slipped]) -> Vec<(usize, usize)> {
    let apart = |a: &Slipped, b: &Slipped| a.edits.iter().all(|(s, _)| b.edits.iter().all(|(t, _)| s != t));
    let n = singles.len();
    let all = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
    let all: Vec<(usize, usize)> = all.filter(|&(a, b)| apart(&singles[a], &singles[b])).collect();
    let every = all.len().div_ceil(PAIRS).max(1);
    all.into_iter().step_by(every).collect()
}

/// The steps of a program, those of one line of a loop together.
fn units(script: &Script) -> Vec<Vec<usize>> {
    let groups = groups(script);
    let within = |a: &Vec<usize>, b: &Vec<usize>| a.len() < b.len() && a.iter().all(|k| b.contains(k));
    let least: Vec<&Vec<usize>> = groups.iter().filter(|g| !groups.iter().any(|other| within(other, g))).collect();
    let alone = (0..script.steps.len()).filter(|k| !least.iter().any(|group| group.contains(k)));
    alone.map(|k| vec![k]).chain(least.iter().map(|group| (*group).clone())).collect()
}

/// The same operation with the attributes that it has elsewhere in the rule, if the shape stays.
fn alike(script: &Script, step: &Step) -> Vec<Action> {
    let Action::Op(own) = &step.action else { return Vec::new() };
    let mut found: Vec<String> = vec![own.attributes()];
    let others = script.steps.iter().filter(|other| other.name() == step.name() && other.shape == step.shape);
    let new = others.filter_map(|other| match &other.action {
        Action::Op(op) if !found.contains(&op.attributes()) => {
            found.push(op.attributes());
            Some(other.action.clone())
        }
        _ => None,
    });
    new.collect()
}

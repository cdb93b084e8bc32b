//! The branches of rules that no input has taken: the inputs are moved there, and a remark says where that fails.
//!
//! The way to a branch is Newton's: from the number that is nearest to it, along the gradient of its margin. The border
//! between two branches is looked at from close by, too: a rule whose border is not that of its `forward` is wrong between
//! the two, where perhaps no number lies. Inputs that must stay on a surface stay on it.

use super::examination::Examination;
use crate::{
    Mode, Rule, Tape, Tensor,
    check::{
        Constraint, Fault, Line, Verdict,
        arguments::{Argument, values},
        branches::{Choice, Fork, Side, forks},
        measure::Evaluation,
        numbers::{dot, is_finite, largest, mapped, numbers, zeros},
        runner::{Runner, gradients_of, or_zeros},
        settings::Inputs,
    },
};

/// Numbers from which a branch is tried to reach, and steps from each.
const STARTS: usize = 3;
const STEPS: usize = 8;
/// Choices that are looked into, and branches that a report names.
const TRIED: usize = 12;
const NAMED: usize = 3;
/// Numbers that are moved where a fault was found.
const MANY: usize = 12;

/// What is known of the branches of the rules in a check.
pub(super) struct Branches {
    /// Inputs that were moved to a border.
    pub moved: Vec<Moved>,
    /// A remark for each branch that was not reached.
    pub unreached: Vec<Verdict>,
}

/// Inputs of which a number was moved.
pub(super) struct Moved {
    choice: Choice,
    side: Side,
    goal: Goal,
    pub arguments: Vec<Argument>,
}

/// Where to move a number.
#[derive(Clone, Copy)]
enum Goal {
    /// As far beyond the border as it was from it, at least.
    Across,
    /// Close to the border: a rule with a border of its own is wrong between that and the one of `forward`.
    Beside,
}

/// Looks at the inputs of all batches that run, and at `beside`, inputs beside kinks.
pub(super) fn branches(e: &Examination<'_>, beside: Option<&[Argument]>) -> Branches {
    let mut taken = Taken::default();
    let runner = e.runner(Mode::Train);
    for (b, _) in &e.sound {
        taken.look(&runner, &e.values(*b), beside.is_some());
    }
    if let Some(arguments) = beside {
        taken.look(&runner, &values(arguments), false);
    }
    let mut place = e.largest();
    place.arguments = beside.unwrap_or(place.arguments);
    let mut found = Branches { moved: Vec::new(), unreached: Vec::new() };
    let add = |taken: &mut Taken, all: &mut Vec<Moved>, moved: Moved| {
        taken.look(&runner, &values(&moved.arguments), false);
        all.push(moved);
    };
    for (choice, side, _) in taken.missing().into_iter().filter(|(.., guards)| !guards).take(TRIED) {
        // The way to another one may have led here.
        if !taken.takes(&choice, side)
            && let Some(moved) = moved(&place, &choice, side, Goal::Across)
        {
            add(&mut taken, &mut found.moved, moved);
        }
    }
    let choices: Vec<Choice> = taken.choices().filter(|seen| !seen.guards).map(|seen| seen.choice.clone()).collect();
    for choice in choices.iter().take(TRIED) {
        for moved in [false, true].into_iter().filter_map(|side| moved(&place, choice, side, Goal::Beside)) {
            add(&mut taken, &mut found.moved, moved);
        }
    }
    found.unreached = taken.missing().iter().map(|(choice, side, guards)| remark(e, choice, *side, *guards)).collect();
    let more = found.unreached.len().saturating_sub(NAMED);
    found.unreached.truncate(NAMED);
    if let (Some(last), true) = (found.unreached.last_mut(), more > 0) {
        last.evidence.push(format!("the same holds of {more} more"));
    }
    found
}

fn remark(e: &Examination<'_>, choice: &Choice, side: Side, guards: bool) -> Verdict {
    let how = match &e.check.inputs {
        Inputs::Given(_) => "check it",
        Inputs::Drawn { .. } => "widen `range`, or check the function by itself",
    };
    let tried = if guards { "" } else { ", and the checker found no way to move the inputs there" };
    let fault = Fault::Unreached { how: choice.clause(side, "never ") };
    let mut verdict = Verdict::new(fault, "a branch", 0.0).at(Some(Line::from(choice.at)));
    verdict.rule = Some(choice.rule.clone());
    let holds = choice.clause(side, "");
    verdict.because(format!("a mistake there would not be seen{tried}: {how} with inputs where {holds}"))
}

/// The branches that the rules have taken at some inputs.
#[derive(Default)]
struct Taken {
    all: Vec<Seen>,
}

/// What is known of one choice.
struct Seen {
    choice: Choice,
    sides: [bool; 2],
    guards: bool,
    /// How far all numbers are from the border, at the inputs that were looked at last.
    distances: Vec<f64>,
}

impl Taken {
    /// Looks which branches are taken at these inputs, some of which may be `kinks`.
    fn look(&mut self, runner: &Runner<'_>, at: &[Tensor], kinks: bool) {
        let found = runner.run(at, |tape, _, _| {
            Ok(forks(tape)
                .iter()
                .map(|fork| {
                    let distances = numbers(&fork.margin.value()).iter().map(|margin| margin.abs()).collect();
                    let sides = [false, true].map(|side| fork.takes(side, kinks));
                    Seen { choice: fork.choice.clone(), sides, guards: fork.guards, distances }
                })
                .collect::<Vec<_>>())
        });
        for new in found.unwrap_or_default() {
            match self.all.iter_mut().find(|seen| seen.choice == new.choice) {
                Some(seen) => {
                    seen.sides = [0, 1].map(|side| seen.sides[side] || new.sides[side]);
                    seen.guards &= new.guards;
                    seen.distances = new.distances;
                }
                None => self.all.push(new),
            }
        }
    }

    fn takes(&self, choice: &Choice, side: Side) -> bool {
        self.all.iter().any(|seen| seen.choice == *choice && seen.sides[usize::from(side)])
    }

    /// All choices. Of two with one border, as those of a rule and of its `forward`, the first counts.
    fn choices(&self) -> impl Iterator<Item = &Seen> {
        let same = |a: &Seen, b: &Seen| a.choice.rule == b.choice.rule && a.distances == b.distances;
        let known = move |k: usize| self.all[..k].iter().any(|other| same(other, &self.all[k]));
        (0..self.all.len()).filter(move |&k| !known(k)).map(|k| &self.all[k])
    }

    /// The branches not taken, and whether they are behind a guard.
    fn missing(&self) -> Vec<(Choice, Side, bool)> {
        let of = |seen: &Seen| {
            let missing = [false, true].into_iter().filter(|&side| !seen.sides[usize::from(side)]);
            missing.map(|side| (seen.choice.clone(), side, seen.guards)).collect::<Vec<_>>()
        };
        self.choices().flat_map(of).collect()
    }
}

impl Moved {
    /// What is so there: "where `gt` is false (src/lib.rs:7)".
    pub fn holds(&self) -> String {
        let line = Line::from(self.choice.at);
        match self.goal {
            Goal::Across => format!("where {} ({line})", self.choice.clause(self.side, "")),
            Goal::Beside => format!("beside the border of `{}` ({line})", self.choice.op),
        }
    }

    /// With more numbers moved there: what is wrong in one place looks like many things.
    pub fn many(&self, e: &Examination<'_>) -> Vec<Argument> {
        let mut arguments = self.arguments.clone();
        let starts = starts(&Evaluation { arguments: &arguments, ..e.largest() }, &self.choice);
        // Every second one of the other side: the rest stays where it is.
        let others = starts.into_iter().filter(|(margin, ..)| (*margin > 0.0) != self.side);
        for (_, nth, i) in others.step_by(2).take(MANY) {
            let place = Evaluation { arguments: &arguments, ..e.largest() };
            if let Some(next) = from(&place, (&self.choice, nth, i), self.side, self.goal) {
                arguments = next;
            }
        }
        arguments
    }
}

/// Inputs at which a number takes this branch, near those of `place`.
fn moved(place: &Evaluation<'_>, choice: &Choice, side: Side, goal: Goal) -> Option<Moved> {
    let starts = starts(place, choice).into_iter().take(STARTS);
    let arguments = starts.into_iter().find_map(|(_, nth, i)| from(place, (choice, nth, i), side, goal))?;
    Some(Moved { choice: choice.clone(), side, goal, arguments })
}

/// The margin of each number, the nearest to the border first: where the choice is made for the n-th time, and its index.
fn starts(place: &Evaluation<'_>, choice: &Choice) -> Vec<(f64, usize, usize)> {
    let found = place.runner.run(&place.at(), |tape, _, _| {
        let mut starts: Vec<(f64, usize, usize)> = Vec::new();
        for (nth, fork) in of_choice(tape, choice).enumerate().filter(|(_, fork)| fork.margin.needs_grad()) {
            let margins = fork.margin.value();
            starts.extend(numbers(&margins).iter().enumerate().map(|(i, &margin)| (margin, nth, i)));
        }
        Ok(starts)
    });
    let mut starts = found.unwrap_or_default();
    starts.retain(|(margin, ..)| margin.is_finite());
    starts.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    starts
}

fn of_choice<'t>(tape: &'t Tape, choice: &Choice) -> impl Iterator<Item = Fork<'t>> {
    forks(tape).into_iter().filter(|fork| fork.choice == *choice)
}

/// Newton's steps for one number, element `i` where the choice is made for the `nth` time.
fn from(place: &Evaluation<'_>, number: (&Choice, usize, usize), side: Side, goal: Goal) -> Option<Vec<Argument>> {
    let mut arguments = place.arguments.to_vec();
    let mut aim = None;
    for _ in 0..=STEPS {
        let (margin, gradients) = margin_of(&Evaluation { arguments: &arguments, ..*place }, number)?;
        let directions = directions(&arguments, &gradients);
        let slope: f64 = directions.iter().zip(&gradients).map(|(v, g)| dot(v, g)).sum();
        let aim = *aim.get_or_insert_with(|| {
            let reach = 0.1 * largest(&values(&arguments)).clamp(1e-3, 1e3) * slope.sqrt();
            let size = match goal {
                // Far enough that a second point near by is on the same side.
                Goal::Across => reach.max(1.06 * margin.abs()),
                Goal::Beside => 0.05 * reach,
            };
            if side { size } else { -size }
        });
        if (margin - aim).abs() <= 0.5 * aim.abs() && aim != 0.0 {
            let there = Evaluation { arguments: &arguments, ..*place };
            let values = there.runner.values(&there.at()).ok()?;
            let finite = values.iter().chain(&there.gradients(Rule::Tape).ok()?).all(is_finite);
            return finite.then_some(arguments);
        }
        let t = (aim - margin) / slope;
        for (argument, direction) in arguments.iter_mut().zip(&directions) {
            argument.value = argument.constraint.moved(&argument.value, Some(direction), t);
        }
        if !arguments.iter().all(is_allowed) {
            return None;
        }
    }
    None
}

/// The margin of one number, and its gradient with respect to each argument.
fn margin_of(place: &Evaluation<'_>, (choice, nth, i): (&Choice, usize, usize)) -> Option<(f64, Vec<Tensor>)> {
    let found = place.runner.run(&place.at(), |tape, arguments, _| {
        tape.set_rule(Rule::Tape);
        let Some(fork) = of_choice(tape, choice).nth(nth) else { return Ok(None) };
        let chosen = mapped(&zeros(&fork.margin.shape()), |k, _| f64::from(u8::from(k == i)));
        let margin = (fork.margin * tape.constant(chosen)).sum();
        Ok(Some((margin.item(), gradients_of(margin, arguments)?)))
    });
    let (margin, gradients) = found.ok()??;
    Some((margin, or_zeros(gradients, place.arguments.iter().map(|argument| &argument.value))))
}

/// Where to move each argument. Integers, which may be labels, stay if anything else can be moved.
fn directions(arguments: &[Argument], gradients: &[Tensor]) -> Vec<Tensor> {
    let along = |integers: bool| -> Vec<Tensor> {
        let of = |(argument, gradient): (&Argument, &Tensor)| {
            let stays = argument.constraint == Constraint::PositiveDefinite
                || (!integers && numbers(&argument.value).iter().all(|v| v.fract() == 0.0));
            if stays { zeros(gradient.shape()) } else { argument.tangent(gradient) }
        };
        arguments.iter().zip(gradients).map(of).collect()
    };
    let without = along(false);
    if largest(&without) > 0.0 { without } else { along(true) }
}

/// Whether the value is finite, and positive if it must be.
fn is_allowed(argument: &Argument) -> bool {
    let positive = matches!(argument.constraint, Constraint::Positive | Constraint::Simplex);
    is_finite(&argument.value) && (!positive || numbers(&argument.value).iter().all(|v| *v > 0.0))
}

//! The rule as a program, at two points and a third one apart.

use rand::{SeedableRng, rngs::StdRng};

use super::{
    compared::Compared,
    lines::Lines,
    places::{Part, Place, readers},
    proposal::Proposal,
    rests::with_rests,
    split::split,
    values::{self, Value},
};
use crate::{
    Shape, Tensor,
    check::{
        case::{Case, Point},
        given::Place as Of,
        numbers::{EXACT, difference, jittered, size},
        script::{Alter, Edit, Script, Source},
    },
};

/// Longer programs are not searched.
const LONGEST: usize = 300;
/// The largest gradient that is searched, in numbers.
const LARGEST: usize = 20_000;

/// What the program computes at a point, and what it should.
pub(super) struct At {
    /// What the rule receives, and values of `forward` that may be put in.
    pub arguments: Vec<Tensor>,
    /// The results of all steps, without any edit.
    pub results: Vec<Tensor>,
    /// The true gradients with respect to the inputs that are answered.
    pub truth: Vec<Tensor>,
    /// A random direction for each.
    pub directions: Vec<Tensor>,
}

/// The rule for some inputs.
pub(super) struct Program {
    pub script: Script,
    /// How many of its outputs are answers; the others are values that lead to none.
    pub answers: usize,
    /// How many of the answers are wrong; these come first.
    pub wrong: usize,
    pub forward: Script,
    /// How many arguments the rule itself receives.
    pub given: usize,
    pub points: Vec<At>,
    /// A point apart, which no search has seen.
    pub apart: Option<At>,
    /// Points far apart, for edits that are seen through comparisons alone.
    compared: Compared,
    pub values: Vec<Value>,
    /// The operations by which the tape itself computes the gradients.
    pub truth: Option<Script>,
    /// Sizes in the shapes of inputs and outputs, with their meaning.
    pub sizes: Vec<(String, usize)>,
    /// What the rule receives.
    pub places: Vec<Of>,
    /// The inputs that its answers are for.
    pub inputs: Vec<usize>,
}

impl Program {
    /// The program for the inputs `of`, and for those whose gradient is right and has to stay so; `None` if it is none
    /// (plain numbers) or too long.
    pub fn of(case: &Case, of: &[usize]) -> Option<Program> {
        let answered = [of, &case.right()].concat();
        let script = case.whole_rule(&answered)?;
        let forward = case.forward_script()?;
        let first = case.first();
        let places = first.given.places();
        let given = places.len();
        let shapes: Vec<Shape> = first.given.values().map(|value| value.shape().clone()).collect();
        let script = split(script.with_argument_steps(&shapes), given, of.len(), answered.len());
        let script = with_rests(script, answered.len());
        let numbers: usize = first.given.values().map(Tensor::numel).max().unwrap_or(0);
        if script.steps.len() <= given || script.steps.len() > LONGEST || numbers > LARGEST {
            return None;
        }
        let fits =
            |p: &Point| answered.iter().all(|&k| p.answer[k].as_ref().is_some_and(|a| a.shape() == p.truth[k].shape()));
        if !case.points.iter().all(fits) {
            return None;
        }
        let mut rng = StdRng::seed_from_u64(0x6d65_6e64);
        let truth = case.gradient_script(&forward, of);
        let more = values::computed(&forward, truth.as_ref(), first.given.x.len());
        let mut at = |p: &Point| {
            let mut arguments: Vec<Tensor> = p.given.values().cloned().collect();
            arguments.extend(more.at(&p.given, &forward, truth.as_ref())?);
            let right: Vec<Tensor> = answered.iter().map(|&k| p.truth[k].clone()).collect();
            let directions = right.iter().map(|t| crate::check::numbers::upstream(t, &mut rng)).collect();
            let results = script.results(&arguments)?;
            Some(At { arguments, results, truth: right, directions })
        };
        let points: Vec<At> = case.points.iter().map(&mut at).collect::<Option<_>>()?;
        let mut apart = StdRng::seed_from_u64(0x0061_7061_7274);
        let mut x = first.given.x.clone();
        for _ in 0..4 {
            x = x.iter().map(|x| jittered(x, &mut apart)).collect();
        }
        let apart = case.point(&x, &mut apart).ok().filter(fits).and_then(|p| at(&p));
        let compared = Compared::of(case, &script, &answered, |p| at(p).filter(|_| fits(p)));
        let rule = (&script, answered.len());
        let values = values::all(case, rule, &forward, truth.as_ref(), &more, &points);
        let sizes = case.sizes_of(of);
        let (answers, wrong) = (answered.len(), of.len());
        let inputs = answered;
        Some(Program {
            answers,
            wrong,
            script,
            forward,
            given,
            points,
            apart,
            compared,
            values,
            truth,
            sizes,
            places,
            inputs,
        })
    }

    /// What remains wrong at the two points with these edits; `None` if it is more than rounding.
    pub fn mended(&self, edits: &[(usize, Edit)]) -> Option<f64> {
        let mut worst = 0f64;
        for at in &self.points {
            worst = worst.max(self.off(at, edits)?);
        }
        Some(worst)
    }

    /// Whether the edits mend the rule at the point apart, too, and at those far apart if they are seen through comparisons.
    pub fn holds_apart(&self, edits: &[(usize, Edit)]) -> bool {
        let far = self.compared.points_for(&self.script, edits);
        self.apart.iter().chain(far).all(|at| self.off(at, edits).is_some())
    }

    /// Whether the edits decide a comparison, so that they were tried at many points.
    pub fn is_compared(&self, edits: &[(usize, Edit)]) -> bool {
        self.compared.decides(&self.script, edits)
    }

    /// Whether the rule is right at a point, given these arguments.
    pub fn is_right_with<'v>(&self, at: &At, given: impl Iterator<Item = &'v Tensor>, edits: &[(usize, Edit)]) -> bool {
        let Some(answers) = self.script.outputs(given, edits) else { return false };
        answers.iter().zip(&at.truth).all(|(answer, truth)| off(answer, truth).is_some_and(|off| off <= EXACT))
    }

    /// Whether the edits make some of the wrong answers right at all points, but not all, and leave the right ones so.
    pub fn mends_some(&self, edits: &[(usize, Edit)]) -> bool {
        let changed = self.script.changed_by(edits);
        let mut mended: Vec<bool> = changed[self.script.steps.len()..][..self.wrong].to_vec();
        if !mended.contains(&true) {
            return false;
        }
        for at in &self.points {
            let Some(answers) = self.script.rerun(&at.arguments, &at.results, edits, self.answers) else {
                return false;
            };
            let right = |(answer, truth): (&Option<Tensor>, &Tensor)| {
                let off = answer.as_ref().map(|answer| off(answer, truth));
                off.is_none_or(|off| off.is_some_and(|off| off <= EXACT))
            };
            let right: Vec<bool> = answers.iter().zip(&at.truth).map(right).collect();
            mended.iter_mut().zip(&right).for_each(|(mended, right)| *mended &= right);
            if !mended.contains(&true) || right[self.wrong..].contains(&false) {
                return false;
            }
        }
        mended.contains(&false)
    }

    fn off(&self, at: &At, edits: &[(usize, Edit)]) -> Option<f64> {
        // A wrong answer that depends on no edit stays wrong, and a right one right.
        let changed = self.script.changed_by(edits);
        let wrong = self.script.steps.len()..self.script.steps.len() + self.wrong;
        if changed[wrong].contains(&false) {
            return None;
        }
        let answers = self.script.rerun(&at.arguments, &at.results, edits, self.answers)?;
        let mut worst = 0f64;
        for (answer, truth) in answers.iter().zip(&at.truth) {
            let Some(answer) = answer else { continue };
            let off = off(answer, truth)?;
            if off > EXACT {
                return None;
            }
            worst = worst.max(off);
        }
        Some(worst)
    }

    /// The program beside its source.
    pub fn lines(&self) -> Lines<'_> {
        Lines::of(&self.script, &self.places, &self.inputs)
    }

    /// Whether anything but this operand reads the value there: a result that several read, or an argument.
    pub fn read_elsewhere(&self, step: usize, operand: usize) -> bool {
        match self.script.steps.get(step).map(|s| s.inputs[operand]) {
            Some(Source::Step(k)) => {
                readers(&self.script, k).count() > 1 || self.script.outputs.contains(&Source::Step(k))
            }
            _ => true,
        }
    }

    /// Whether the rule computes the value and makes no use of it.
    pub fn is_idle(&self, source: Source) -> bool {
        matches!(source, Source::Step(_)) && self.script.outputs[self.answers..].contains(&source)
    }

    /// Whether the rule computes the value.
    fn computes(&self, source: Source) -> bool {
        matches!(self.origin(source), Source::Step(_))
    }

    /// Whether a value is divided by one that the rule computes.
    pub fn cancels(&self, alter: &Alter) -> bool {
        matches!(alter, Alter::Over(source) if self.computes(*source))
    }

    /// Whether an edit puts a value in for one that the rule computes.
    pub fn replaces(&self, proposal: &Proposal) -> bool {
        let Some(Alter::Use(kept)) = proposal.alter() else { return false };
        let steps = proposal.place.at.iter().filter_map(|&k| self.script.steps.get(k));
        match proposal.place.part {
            // A factor is left out.
            Part::Result => {
                let first = steps.take(1).flat_map(|step| &step.inputs);
                first.into_iter().any(|input| input != kept && self.computes(*input))
            }
            Part::Operand(i) => steps.into_iter().any(|step| self.computes(step.inputs[i])),
        }
    }

    /// Where a value was made, before it was handed on: a step, a constant, or an argument.
    pub fn origin(&self, mut source: Source) -> Source {
        while let Source::Step(k) = source {
            match self.script.steps.get(k) {
                Some(step) if step.is("identity") && step.inputs.len() == 1 => source = step.inputs[0],
                _ => break,
            }
        }
        source
    }

    /// What is read at a place: where its value comes from.
    fn source_at(&self, place: &Place) -> Option<Source> {
        match (self.script.steps.get(place.at[0]), place.part) {
            (Some(_), Part::Result) => Some(Source::Step(place.at[0])),
            (Some(step), Part::Operand(i)) => step.inputs.get(i).copied(),
            (None, _) => self.script.outputs.get(place.at[0] - self.script.steps.len()).copied(),
        }
    }

    /// The shape of the value at a place.
    pub fn shape_at(&self, place: &Place) -> Option<Shape> {
        self.shape_of(self.source_at(place)?)
    }

    /// The shape of a value.
    pub fn shape_of(&self, source: Source) -> Option<Shape> {
        Some(match source {
            Source::Step(k) => self.script.steps[k].shape.clone(),
            Source::Fixed(k) => self.script.fixed[k].shape().clone(),
            Source::Argument(k) => self.points[0].arguments.get(k)?.shape().clone(),
        })
    }

    /// Whether the value at a place depends on an upstream gradient.
    pub fn carries(&self, carrying: &[bool], place: &Place) -> bool {
        match self.source_at(place) {
            Some(Source::Step(k)) => carrying[k],
            Some(Source::Argument(k)) => matches!(self.places.get(k), Some(Of::Upstream(_))),
            _ => false,
        }
    }
}

/// The difference between an answer and the true gradient, relative to the larger one.
fn off(answer: &Tensor, truth: &Tensor) -> Option<f64> {
    difference(answer, truth, size(truth).max(size(answer)))
}

//! Does it run, and what shape and precision comes out?

use super::{
    examination::{DOES_NOT_RUN, Examination, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    DType, Mode, Shape, Tape, Tensor,
    check::{
        Fault, Outcome, Verdict,
        caught::Failure,
        numbers::{is_finite, size},
        runner,
        settings::Inputs,
    },
};

pub(super) fn test(e: &mut Examination<'_>) {
    let outputs: Vec<Result<Vec<Tensor>, Failure>> =
        (0..e.batches.len()).map(|b| e.runner(Mode::Train).values(&e.values(b))).collect();
    running(e, &outputs);
    rows(e, &outputs);
    announced(e);
    modes(e, &outputs);
    precision(e, &outputs);
}

fn running(e: &mut Examination<'_>, outputs: &[Result<Vec<Tensor>, Failure>]) {
    if e.batches.iter().all(|batch| batch.observations.is_none()) {
        let outcome = match &outputs[0] {
            Ok(values) => passed(format!("output of shape {}", shapes(values))),
            Err(failure) => failed(failure.to_string()),
        };
        e.note(Question::Runs, outcome);
    } else {
        for (question, several) in [(Question::RunsWithOne, false), (Question::RunsWithSeveral, true)] {
            let which: Vec<usize> =
                (0..e.batches.len()).filter(|&b| (e.batches[b].observations > Some(1)) == several).collect();
            let failures: Vec<String> = which
                .iter()
                .filter_map(|&b| {
                    Some(format!(
                        "{} of shape {}: {}",
                        e.batches[b].arguments[0].name,
                        e.batches[b].arguments[0].value.shape(),
                        outputs[b].as_ref().err()?
                    ))
                })
                .collect();
            let outcome = match (which.is_empty(), failures.first()) {
                (true, _) => not_applicable("no such batch was given"),
                (_, Some(first)) => failed(first.clone()),
                _ => {
                    let shown = outputs[which[0]].as_ref().map(|v| shapes(v)).unwrap_or_default();
                    passed(format!("{} to {shown}", e.batches[which[0]].arguments[0].value.shape()))
                }
            };
            e.note(question, outcome);
        }
    }
    let failure = outputs.iter().find_map(|run| run.as_ref().err());
    if let Some(failure) = failure {
        let mut verdict = Verdict::new(Fault::Failed, "the forward run", 0.0).because(failure.sentence.clone());
        if let Some(hint) = other_axis(e) {
            verdict = verdict.because(hint);
        }
        e.verdicts.push(verdict.at(failure.line.clone()));
    }
}

fn shapes(values: &[Tensor]) -> String {
    values.iter().map(|v| v.shape().to_string()).collect::<Vec<_>>().join(" and ")
}

/// Whether the subject runs when another axis counts the observations: rows taken for columns.
fn other_axis(e: &Examination<'_>) -> Option<String> {
    let Inputs::Drawn { shapes, .. } = &e.check.inputs else { return None };
    let told = e.axis();
    let last = e.batches.last()?;
    let (n, was) = (last.observations?, last.arguments[0].value.shape());
    let rank = e.check.valid.as_ref().map_or(shapes.last().map_or(0, |s| s.rank()) + 1, Vec::len);
    (0..rank).filter(|&axis| axis != told).find_map(|axis| {
        let dims = match &e.check.valid {
            Some(valid) => valid.iter().enumerate().map(|(k, &size)| if k == axis { n } else { size }).collect(),
            None => {
                let mut dims = shapes.last()?.dims().to_vec();
                dims.insert(axis, n);
                dims
            }
        };
        e.runs_on(&dims).then(|| {
            format!(
                "{n} observations were laid along axis {told}, in an input of shape {was}; laid along axis {axis}, in \
                 shape {}, it runs: the layer reads axis {axis} as the observations",
                Shape::from(dims)
            )
        })
    })
}

impl Examination<'_> {
    /// Whether the subject runs with its first input of these sizes.
    fn runs_on(&self, dims: &[usize]) -> bool {
        let mut at = self.values(self.batches.len() - 1);
        at[0] = Tensor::full(Shape::from(dims), 0.5, DType::F64);
        self.runner(Mode::Train).values(&at).is_ok()
    }
}

/// Every output has a row for each observation, of the same shape whatever their number.
fn rows(e: &mut Examination<'_>, outputs: &[Result<Vec<Tensor>, Failure>]) {
    let known: Vec<(usize, &[Tensor])> = outputs
        .iter()
        .zip(&e.batches)
        .filter_map(|(run, batch)| Some((batch.observations?, run.as_ref().ok()?.as_slice())))
        .collect();
    let layer = e.check.layer.is_some();
    let axis = e.axis();
    let outcome = match known.first() {
        None if layer => not_applicable(DOES_NOT_RUN),
        None => not_applicable("no axis of observations was declared"),
        Some(_) => {
            let odd = known.iter().find_map(|(n, values)| {
                let odd = values.iter().find(|y| y.shape().get(axis) != Some(n))?;
                Some(failed(format!("{n} observations gave an output of shape {}", odd.shape())))
            });
            odd.unwrap_or_else(|| passed(format!("for {} batches", known.len())))
        }
    };
    // A loss has one number for the whole batch: that is no fault of a function.
    let outcome = match outcome {
        Outcome::Failed(_) if known.iter().all(|(_, values)| values.iter().all(|y| y.numel() == 1)) => {
            not_applicable("the output is one number for the whole batch")
        }
        other => other,
    };
    e.note(Question::Rows, outcome);
}

/// The shapes that are known before anything is computed are those of the values; and so are the values.
fn announced(e: &mut Examination<'_>) {
    let run = |b: usize, lazy: usize| {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy);
        e.runner(Mode::Train).run_on(tape, &e.values(b), None, |_, _, outputs| {
            Ok(outputs.iter().map(|y| (y.shape(), y.value())).collect::<Vec<_>>())
        })
    };
    let mut compared = 0;
    let mut fault = None;
    for b in 0..e.batches.len() {
        let (Ok(now), Ok(later)) = (run(b, usize::MAX), run(b, 0)) else { continue };
        for ((_, now), (announced, later)) in now.iter().zip(&later) {
            compared += 1;
            if announced != later.shape() || now.shape() != later.shape() {
                fault = Some(format!("announced {announced}, computed {} and {}", later.shape(), now.shape()));
            } else if now != later && is_finite(now) {
                fault = Some("values computed at once and values computed later differ".to_owned());
            }
        }
    }
    let outcome = match (fault, compared) {
        (Some(fault), _) => failed(fault),
        (None, 0) => not_applicable(DOES_NOT_RUN),
        (None, n) => passed(format!("{n} outputs, computed at once and when needed")),
    };
    e.note(Question::AnnouncedShapes, outcome);
}

fn modes(e: &mut Examination<'_>, outputs: &[Result<Vec<Tensor>, Failure>]) {
    let outcome = 'found: {
        if e.check.layer.is_none() {
            break 'found not_applicable("a function has no modes");
        }
        let mut compared = 0;
        for (b, train) in outputs.iter().enumerate() {
            let Ok(train) = train else { continue };
            match e.runner(Mode::Infer).values(&e.values(b)) {
                Err(failure) => break 'found failed(format!("inference fails: {failure}")),
                Ok(infer) if shapes(&infer) != shapes(train) => {
                    break 'found failed(format!("training gives {}, inference {}", shapes(train), shapes(&infer)));
                }
                Ok(_) => compared += 1,
            }
        }
        match compared {
            0 => not_applicable(DOES_NOT_RUN),
            n => passed(format!("for {n} batches")),
        }
    };
    e.note(Question::Modes, outcome);
}

/// A single-precision run gives the numbers of the double-precision one, to single precision.
fn precision(e: &mut Examination<'_>, outputs: &[Result<Vec<Tensor>, Failure>]) {
    /// Rounding of the inputs and of a few hundred operations.
    const BUDGET: f64 = 1e-3;
    let outcome = 'found: {
        let mut worst = 0.0f64;
        let mut compared = 0;
        for (b, double) in outputs.iter().enumerate() {
            let Ok(double) = double else { continue };
            let fits = |x: &Tensor| x.to_vec().iter().all(|v| *v == 0.0 || (1e-30..1e30).contains(&v.abs()));
            if !e.values(b).iter().chain(double).all(fits) {
                break 'found not_applicable("the numbers are too large or too small for single precision");
            }
            let single = e.runner(Mode::Train).run_on(Tape::new(), &e.values(b), None, |_, _, y| Ok(runner::values(y)));
            let single = match single {
                Ok(values) => values,
                Err(failure) => break 'found failed(format!("single precision fails: {failure}")),
            };
            for (single, double) in single.iter().zip(double) {
                if single.dtype() != DType::F32 || double.dtype() != DType::F64 {
                    break 'found failed(format!("outputs came in {} and {}", single.dtype(), double.dtype()));
                }
                let pairs = single.to_vec().into_iter().zip(double.to_vec());
                let off = pairs.filter(|(_, d)| d.is_finite()).map(|(s, d)| (s - d).abs()).fold(0.0, f64::max);
                worst = worst.max(off / size(double).max(f64::MIN_POSITIVE));
                compared += 1;
            }
        }
        match compared {
            0 => not_applicable(DOES_NOT_RUN),
            _ if worst > BUDGET || worst.is_nan() => {
                failed(format!("they differ by {worst:.1e}, relative to the largest"))
            }
            _ => passed(format!("to {worst:.1e}, relative to the largest")),
        }
    };
    e.note(Question::SinglePrecision, outcome);
}

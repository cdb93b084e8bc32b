//! Does it run, and what shape and precision does it return?

use super::{
    examination::{DOES_NOT_RUN, Examination, failed, not_applicable, passed},
    questions::Question,
};
use crate::{
    DType, Mode, Shape, Tape, Tensor,
    check::{
        Fault, Outcome, Verdict,
        arguments::values,
        caught::Failure,
        numbers::{batches, count, is_finite, size},
        runner,
        settings::Inputs,
    },
};

/// The outputs for a batch.
type Run = Result<Vec<Tensor>, Failure>;

pub(super) fn test(e: &mut Examination<'_>) {
    let outputs: Vec<Run> = (0..e.batches.len()).map(|b| e.runner(Mode::Train).values(&e.values(b))).collect();
    running(e, &outputs);
    e.note(Question::Rows, rows(e, &outputs));
    e.note(Question::AnnouncedShapes, announced(e));
    e.note(Question::Modes, modes(e, &outputs));
    e.note(Question::SinglePrecision, precision(e, &outputs));
}

fn running(e: &mut Examination<'_>, outputs: &[Run]) {
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
            let failure = which.iter().find_map(|&b| {
                let input = &e.batches[b].arguments[0];
                Some(format!("{} of shape {}: {}", input.name, input.value.shape(), outputs[b].as_ref().err()?))
            });
            let outcome = match (which.first(), failure) {
                (None, _) => not_applicable("no such batch was given"),
                (_, Some(failure)) => failed(failure),
                (Some(&b), None) => {
                    let shown = outputs[b].as_ref().map(|v| shapes(v)).unwrap_or_default();
                    passed(format!("{} to {shown}", e.batches[b].arguments[0].value.shape()))
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

/// Whether the subject runs when another axis counts the observations: rows mistaken for columns.
fn other_axis(e: &Examination<'_>) -> Option<String> {
    let Inputs::Drawn { shapes, .. } = &e.check.inputs else { return None };
    let told = e.axis();
    let last = e.batches.last()?;
    let (n, was) = (last.observations?, last.arguments[0].value.shape());
    let rank = e.check.valid.as_ref().map_or(shapes.last()?.first()?.rank() + 1, Vec::len);
    (0..rank).filter(|&axis| axis != told).find_map(|axis| {
        let dims = match &e.check.valid {
            Some(valid) => valid.iter().enumerate().map(|(k, &size)| if k == axis { n } else { size }).collect(),
            None => {
                let mut dims = shapes.last()?.first()?.dims().to_vec();
                dims.insert(axis, n);
                dims
            }
        };
        let mut at = values(&last.arguments);
        at[0] = Tensor::full(Shape::from(&dims[..]), 0.5, DType::F64);
        e.runner(Mode::Train).values(&at).is_ok().then(|| {
            format!(
                "{} laid along axis {told}, in an input of shape {was}; laid along axis {axis}, in shape {}, it runs: the \
                 layer reads axis {axis} as the observations",
                if n == 1 { "1 observation was".to_owned() } else { format!("{n} observations were") },
                Shape::from(dims)
            )
        })
    })
}

/// Every output has a row for each observation, of the same shape whatever the number of observations.
fn rows(e: &Examination<'_>, outputs: &[Run]) -> Outcome {
    let known: Vec<(usize, &[Tensor])> = outputs
        .iter()
        .zip(&e.batches)
        .filter_map(|(run, batch)| Some((batch.observations?, run.as_ref().ok()?.as_slice())))
        .collect();
    if known.is_empty() {
        let why = if e.check.layer.is_some() { DOES_NOT_RUN } else { "no axis of observations was declared" };
        return not_applicable(why);
    }
    let odd = known.iter().find_map(|(n, values)| {
        let odd = values.iter().find(|y| y.shape().get(e.axis()) != Some(n))?;
        Some(format!("{} gave an output of shape {}", count(*n, "observation"), odd.shape()))
    });
    match odd {
        // A loss has one number for the whole batch: that is not a fault of the function.
        Some(_) if known.iter().all(|(_, values)| values.iter().all(|y| y.numel() == 1)) => {
            not_applicable("the output is one number for the whole batch")
        }
        Some(odd) => failed(odd),
        None => passed(format!("for {}", batches(known.len()))),
    }
}

/// The shapes known before anything is computed are those of the values, and so are known values.
fn announced(e: &Examination<'_>) -> Outcome {
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
    match (fault, compared) {
        (Some(fault), _) => failed(fault),
        (None, 0) => not_applicable(DOES_NOT_RUN),
        (None, n) => passed(format!("{}, computed at once and when needed", count(n, "output"))),
    }
}

fn modes(e: &Examination<'_>, outputs: &[Run]) -> Outcome {
    if e.check.layer.is_none() {
        return not_applicable("a function has no modes");
    }
    let mut compared = 0;
    for (b, train) in outputs.iter().enumerate() {
        let Ok(train) = train else { continue };
        match e.runner(Mode::Eval).values(&e.values(b)) {
            Err(failure) => return failed(format!("inference fails: {failure}")),
            Ok(infer) if shapes(&infer) != shapes(train) => {
                return failed(format!("training gives {}, inference {}", shapes(train), shapes(&infer)));
            }
            Ok(_) => compared += 1,
        }
    }
    match compared {
        0 => not_applicable(DOES_NOT_RUN),
        n => passed(format!("for {}", batches(n))),
    }
}

/// A single-precision run gives the numbers of the double-precision one, to single precision.
fn precision(e: &Examination<'_>, outputs: &[Run]) -> Outcome {
    /// Rounding of the inputs and of a few hundred operations.
    const BUDGET: f64 = 1e-3;
    let mut worst = 0.0f64;
    let mut compared = 0;
    for (b, double) in outputs.iter().enumerate() {
        let Ok(double) = double else { continue };
        let fits = |x: &Tensor| x.to_vec().iter().all(|v| *v == 0.0 || (1e-30..1e30).contains(&v.abs()));
        if !e.values(b).iter().chain(double).all(fits) {
            return not_applicable("the numbers are too large or too small for single precision");
        }
        let single = e.runner(Mode::Train).run_on(Tape::new(), &e.values(b), None, |_, _, y| Ok(runner::values(y)));
        let single = match single {
            Ok(values) => values,
            Err(failure) => return failed(format!("single precision fails: {failure}")),
        };
        for (single, double) in single.iter().zip(double) {
            if single.dtype() != DType::F32 || double.dtype() != DType::F64 {
                return failed(format!("outputs came in {} and {}", single.dtype(), double.dtype()));
            }
            let pairs = single.to_vec().into_iter().zip(double.to_vec());
            let off = pairs.filter(|(_, d)| d.is_finite()).map(|(s, d)| (s - d).abs()).fold(0.0, f64::max);
            worst = worst.max(off / size(double).max(f64::MIN_POSITIVE));
            compared += 1;
        }
    }
    match compared {
        0 => not_applicable(DOES_NOT_RUN),
        _ if worst > BUDGET || worst.is_nan() => failed(format!("they differ by {worst:.1e}, relative to the largest")),
        _ => passed(format!("to {worst:.1e}, relative to the largest")),
    }
}

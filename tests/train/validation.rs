//! Validation while a network trains: the best epoch, early stopping, and runs that resume.

use std::ops::ControlFlow;

use wengert::{
    DType, Result, Tensor,
    io::Checkpoint,
    nn::{Layer, Linear},
    optim::Sgd,
    train::{Batch, History, Monitor, Scores, Trainer, Validation, mean_squared_error},
};

/// y = 2x + 1 to train on, and y = 1.5x to validate on: the best epoch is not the last.
fn batch(slope: f64, offset: f64) -> Batch {
    let x = Tensor::from_fn([8, 1], DType::F32, |i| i as f64 / 4.0 - 1.0);
    let y = Tensor::from_fn([8, 1], DType::F32, |i| slope * (i as f64 / 4.0 - 1.0) + offset);
    Batch::from((x, y))
}

fn fresh() -> Linear {
    let net = Linear::new(1, 1, 0);
    net.weight.set(&Tensor::from([[0.0]])).unwrap();
    net.bias.set(&Tensor::from([0.0])).unwrap();
    net
}

/// A run of `epochs` epochs: its history, and weight and bias at its end.
fn run(
    epochs: usize,
    validation: impl FnOnce(Validation<'_>) -> Validation<'_>,
    trainer: impl FnOnce(Trainer<'_>) -> Trainer<'_>,
) -> (Result<History>, [f64; 2]) {
    let net = fresh();
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let mut held_out = (1, |_| std::iter::once(batch(1.5, 0.0)));
    let history = {
        let validation = validation(Validation::new(&mut held_out));
        let whole = Trainer::new(&net, &mut sgd).loss(mean_squared_error).metric("worst", |y, batch| {
            let target = batch.targets[0].to_vec();
            Ok(y[0].to_vec().iter().zip(target).fold(0.0, |worst: f64, (y, t)| worst.max((y - t).abs())))
        });
        let mut training = (2, |_| (0..2).map(|_| batch(2.0, 1.0)));
        trainer(whole.validate(validation).epochs(epochs)).fit(&mut training)
    };
    (history, [net.weight.value().item(), net.bias.value().item()])
}

/// The validation loss of y = w x + b.
fn loss([w, b]: [f64; 2]) -> f64 {
    let x = |i: usize| i as f64 / 4.0 - 1.0;
    (0..8).map(|i| (w * x(i) + b - 1.5 * x(i)).powi(2)).sum::<f64>() / 8.0
}

#[test]
fn validations_are_those_of_the_weights_after_each_epoch() {
    let (history, end) = run(6, |v| v, |t| t);
    let history = history.unwrap();
    assert_eq!(history.validations.iter().map(|s| s.epoch).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!((history.validations[5].loss - loss(end)).abs() < 1e-6);
    let best = (0..6).min_by(|&a, &b| history.validations[a].loss.total_cmp(&history.validations[b].loss)).unwrap();
    assert_eq!(history.best, Some(best + 1));
    assert!(best < 5, "the last epoch is not the best: {:?}", history.validations);
    assert_eq!(history.losses.len(), 12);
    let (rare, _) = run(5, |v| v.every(2), |t| t);
    assert_eq!(rare.unwrap().validations.iter().map(|s| s.epoch).collect::<Vec<_>>(), [2, 4, 5]);
}

#[test]
fn the_best_weights_are_kept_and_the_run_stops_early() {
    let (whole, _) = run(40, |v| v, |t| t);
    let best = whole.unwrap().best.unwrap();
    let (history, kept) = run(40, |v| v.patience(3).keep_best(), |t| t);
    let history = history.unwrap();
    assert_eq!((history.best, history.validations.len()), (Some(best), best + 3));
    let value = history.validations[best - 1].loss;
    assert!((loss(kept) - value).abs() < 1e-6, "{} is not {value}", loss(kept));
    let (_, last) = run(best + 3, |v| v, |t| t);
    assert_ne!(kept, last);
}

#[test]
fn a_metric_can_decide_and_a_hook_can_stop() {
    let (lowest, _) = run(30, |v| v.monitor(Monitor::Lowest("worst".into())), |t| t);
    let lowest = lowest.unwrap();
    let values: Vec<f64> = lowest.validations.iter().map(|s| s.metrics[0]).collect();
    let place = (0..30).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
    assert_eq!(lowest.best, Some(place + 1));
    let (highest, _) = run(30, |v| v.monitor(Monitor::Highest("worst".into())), |t| t);
    let place = (0..30).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
    assert_eq!(highest.unwrap().best, Some(place + 1));
    let stop = |scores: &Scores| Ok(if scores.epoch == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    let (stopped, _) = run(30, |v| v, |t| t.on_validation(stop));
    assert_eq!(stopped.unwrap().validations.len(), 4);
    let (error, _) = run(3, |v| v.monitor(Monitor::Highest("accuracy".into())), |t| t);
    assert_eq!(error.unwrap_err().to_string(), "there is no metric `accuracy`: the names are worst");
}

#[test]
fn a_run_with_validation_resumes_bit_for_bit_and_knows_its_best_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (straight, one) = run(12, |v| v.keep_best(), |t| t);
    // Resumed behind the best epoch, whose weights only the checkpoint knows.
    run(9, |v| v.keep_best(), |t| t.save_checkpoints(&path, 1)).0.unwrap();
    assert!(straight.as_ref().unwrap().best.unwrap() < 9);
    let (resumed, two) = run(12, |v| v.keep_best(), |t| t.resume_from(&path).save_checkpoints(&path, 1));
    let (mut straight, mut resumed) = (straight.unwrap(), resumed.unwrap());
    (straight.seconds, resumed.seconds) = (0.0, 0.0);
    assert_eq!(straight, resumed);
    assert_eq!(one, two);
    assert_eq!(Checkpoint::load(&path).unwrap().epoch, 12);
    // A run that stopped early has nothing left to do.
    let (stopped, at) = run(30, |v| v.patience(2).keep_best(), |t| t.save_checkpoints(&path, 1));
    let (again, same) = run(30, |v| v.patience(2).keep_best(), |t| t.resume_from(&path));
    assert_eq!((stopped.unwrap(), at), (again.unwrap(), same));

    run(2, |v| v, |t| t.save_checkpoints(&path, 1)).0.unwrap();
    let (error, _) = run(4, |v| v.keep_best(), |t| t.resume_from(&path));
    let expected = "best weights = to be kept (they were not), but it must be what it was when the run was started";
    assert_eq!(error.unwrap_err().to_string(), format!("resuming from {}: {expected}", path.display()));

    let net = fresh();
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let trainer = Trainer::new(&net, &mut sgd).loss(mean_squared_error).resume_from(&path);
    let error = trainer.fit(&mut (1, |_| std::iter::once(batch(2.0, 1.0)))).unwrap_err().to_string();
    let expected = "metrics = none (they were worst), but it must be what it was when the run was started";
    assert_eq!(error, format!("resuming from {}: {expected}", path.display()));
}

#[test]
fn the_table_shows_each_validation_and_names_the_epoch_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    fn print<'a>(trainer: Trainer<'a>, path: &std::path::Path) -> Trainer<'a> {
        trainer.rows_every(3).output(std::fs::File::create(path).unwrap())
    }
    let (history, _) = run(3, |v| v.every(2).keep_best(), |t| print(t, &path));
    let history = history.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rule = format!("|{}|", "=".repeat(8 * 15 - 1));
    assert_eq!((lines[0], lines[3], lines[8]), (&*rule, &*rule, &*rule));
    assert_eq!(
        &lines[1..3],
        [
            "|     Epoch    |   Iteration  | Time Elapsed |  Mini-batch  |  Validation  |  Mini-batch  |  Validation  | Base Learning|",
            "|              |              |  (seconds)   |     Loss     |     Loss     |    Worst     |    Worst     |     Rate     |"
        ]
    );
    // Iterations 1, 3 and 6 are due; epochs of two iterations end with 4 and 6.
    let [first, second] = &history.validations[..] else { panic!("{:?}", history.validations) };
    let number = |value: f64| format!("{value:.4}");
    for (line, (epoch, iteration, scores)) in
        lines[4..8].iter().zip([(1, 1, None), (2, 3, None), (2, 4, Some(first)), (3, 6, Some(second))])
    {
        let mut cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.remove(3); // the seconds
        let validated = |value: &dyn Fn(&Scores) -> f64| scores.map(|scores| number(value(scores))).unwrap_or_default();
        let expected = [
            String::new(),
            epoch.to_string(),
            iteration.to_string(),
            number(history.losses[iteration - 1]),
            validated(&|scores| scores.loss),
            number(history.metric("worst")[iteration - 1]),
            validated(&|scores| scores.metrics[0]),
            "0.1000".to_owned(),
            String::new(),
        ];
        assert_eq!(cells, expected);
    }
    let best = history.validations.iter().find(|scores| Some(scores.epoch) == history.best).unwrap();
    let note = format!(
        "The network keeps the weights of epoch {}, the best: its validation loss is {:.4}.",
        best.epoch, best.loss
    );
    assert_eq!(lines[9..], [note]);

    // The metric that decides is named with its value; without weights to keep there is no such line.
    let (history, _) = run(2, |v| v.monitor(Monitor::Highest("worst".into())).keep_best(), |t| print(t, &path));
    let value = history.unwrap().validations.iter().map(|scores| scores.metrics[0]).fold(0.0, f64::max);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with(&format!("the best: its validation worst is {value:.4}.\n")), "{text}");
    run(2, |v| v, |t| print(t, &path)).0.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("=|\n"));
}

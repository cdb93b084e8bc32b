//! The training loop: what it computes, what it prints, how it stops and how it resumes.
#![cfg(feature = "train")]

mod any_loss;
mod margin;
mod margin_stability;
mod solver;
mod validation;
mod verification;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wengert::data::{Batches, Dataset, Shuffle};
use wengert::io::Checkpoint;
use wengert::nn::{BatchNorm, Conv2d, Dropout, Elu, Flatten, Layer, Linear, Sequential, Tanh};
use wengert::optim::{Adam, Decay, Optimizer, Schedule, Sgd};
use wengert::train::{Batch, History, Trainer, accuracy, confusion, finalize_statistics, predict};
use wengert::{DType, Error, Tape, Tensor, Var};

/// 60 images of 2x3 pixels in three classes that a small network can tell apart.
fn set() -> Dataset {
    let pixel = |i: usize, p: usize| if p / 2 == i % 3 { 1.0 } else { ((i * 7 + p * 5) % 11) as f32 / 12.0 };
    let images = (0..60).flat_map(|i| (0..6).map(move |p| pixel(i, p))).collect();
    Dataset::new(images, (0..60).map(|i| i % 3).collect(), [1, 2, 3], ["a", "b", "c"].map(String::from).into()).unwrap()
}

fn batches() -> Batches {
    Batches::new(set(), 8).unwrap().shuffle(Shuffle::EveryEpoch, 3)
}

fn net() -> Sequential {
    let hidden = Sequential::new().then(Flatten).then(Linear::new(6, 16, 1)).then(BatchNorm::new(16)).then(Tanh);
    hidden.then(Linear::new(16, 3, 2))
}

fn numbers(net: &dyn Layer) -> Vec<Vec<f64>> {
    net.tensors().iter().map(|p| p.value().to_vec()).collect()
}

/// A run of `epochs` epochs on the small set: its losses and the network.
fn run(epochs: usize, change: impl FnOnce(Trainer) -> Trainer) -> (wengert::Result<History>, Sequential) {
    let net = net();
    let mut optimizer = Adam::new(&net.params(), 0.02).unwrap();
    let schedule = Schedule::CosineAnnealing { t_max: 84, eta_min: 0.0 }.after_warmup(5);
    let trainer = Trainer::new(&net, &mut optimizer).epochs(epochs).schedule(schedule).clip_norm(1.0);
    let history = change(trainer.settings(3, serde_json::json!({ "batch": 8 }))).fit(&mut batches());
    (history, net)
}

#[test]
fn a_run_is_the_loop_written_by_hand() {
    let (history, trained) = run(4, |trainer| trainer);
    let history = history.unwrap();

    let net = net();
    let mut optimizer = Adam::new(&net.params(), 0.02).unwrap();
    let schedule = Schedule::CosineAnnealing { t_max: 84, eta_min: 0.0 }.after_warmup(5);
    let mut tape = Tape::new();
    let mut losses = Vec::new();
    for (t, batch) in batches().run(0, 0).take(4 * 7).enumerate() {
        tape.reset();
        let images = Tensor::from_vec(batch.images, [8, 1, 2, 3]).unwrap();
        let loss = net.forward(tape.constant(images)).cross_entropy(&batch.labels);
        losses.push(loss.item());
        let mut gradients = loss.backward().unwrap();
        wengert::optim::clip_norm(&mut gradients, &net.params(), 1.0).unwrap();
        optimizer.set_learning_rate(schedule.learning_rate(0.02, t as u64)).unwrap();
        optimizer.step(&gradients).unwrap();
    }
    assert_eq!(history.losses, losses);
    assert_eq!(history.metric("accuracy").len(), 28);
    assert_eq!(numbers(&net), numbers(&trained));
}

#[test]
fn the_optimizer_has_its_own_rate_again() {
    let net = net();
    let mut optimizer = Sgd::new(&net.params(), 0.02).unwrap();
    let schedule = Schedule::Step { step_size: 3, gamma: 0.5 };
    let mut rates = Vec::new();
    let hook = |it: &wengert::train::Iteration| {
        rates.push(it.learning_rate);
        Ok(())
    };
    Trainer::new(&net, &mut optimizer).schedule(schedule).on_iteration(hook).fit(&mut batches()).unwrap();
    assert_eq!(rates, [0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.005]);
    assert_eq!(optimizer.learning_rate(), 0.02);
}

#[test]
fn training_learns_and_the_answers_agree_with_each_other() {
    let (history, net) = run(12, |trainer| trainer);
    assert!(*history.unwrap().losses.last().unwrap() < 0.2);
    let set = set();
    let images = Tensor::from_slice(set.images(), [60, 1, 2, 3]).unwrap();
    finalize_statistics(&net, &images, 7).unwrap();
    let classes = predict(&net, &images, 7).unwrap();
    assert_eq!(classes, predict(&net, &images, 60).unwrap());
    let right = classes.iter().zip(set.labels()).filter(|(a, b)| a == b).count();
    assert_eq!(accuracy(&net, &images, set.labels(), 16).unwrap(), right as f64 / 60.0);
    assert!(right >= 57, "{right} of 60");
    let counts = confusion(set.labels(), &classes, 3).unwrap();
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert_eq!(counts[0] + counts[4] + counts[8], right);
}

#[test]
fn the_table_has_the_first_row_every_nth_and_the_last() {
    let mut text = Vec::new();
    let net = net();
    let mut optimizer = Adam::new(&net.params(), 0.02).unwrap();
    let trainer = Trainer::new(&net, &mut optimizer).epochs(3).output(&mut text).rows_every(10);
    trainer.fit(&mut batches()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let places: Vec<Vec<&str>> = lines[4..lines.len() - 1]
        .iter()
        .map(|l| l.split('|').map(str::trim).collect::<Vec<_>>()[1..3].to_vec())
        .collect();
    assert_eq!(places, [["1", "1"], ["2", "10"], ["3", "20"], ["3", "21"]]);
    assert!(lines.iter().all(|line| line.len() == 91), "{text}");
    assert!(lines[0] == lines[3] && lines[0] == lines[lines.len() - 1]);
}

#[test]
fn statistics_are_those_of_all_images() {
    let norm = BatchNorm::new(2);
    let images = Tensor::from_fn([7, 2, 1, 1], DType::F32, |i| ((i * i) % 13) as f64);
    finalize_statistics(&norm, &images, 3).unwrap();
    for channel in 0..2 {
        let x: Vec<f64> = (0..7).map(|n| images.at(&[n, channel, 0, 0])).collect();
        let mean = x.iter().sum::<f64>() / 7.0;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 7.0;
        assert!((norm.running_mean.value().at(&[channel]) - mean).abs() < 1e-5);
        assert!((norm.running_var.value().at(&[channel]) - variance).abs() < 1e-4);
    }
    assert_eq!(norm.weight.value().to_vec(), [1.0, 1.0]);
}

#[test]
fn a_run_taken_up_is_the_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (straight, one) = run(6, |trainer| trainer);
    run(2, |trainer| trainer.save_checkpoints(&path, 1)).0.unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap().epoch, 2);
    let (resumed, two) = run(6, |trainer| trainer.resume_from(&path).save_checkpoints(&path, 3));
    let (straight, resumed) = (straight.unwrap(), resumed.unwrap());
    assert_eq!(straight.losses, resumed.losses);
    assert_eq!(straight.metrics, resumed.metrics);
    assert_eq!(numbers(&one), numbers(&two));
    let again = run(6, |trainer| trainer.resume_from(&path)).0.unwrap();
    assert_eq!(again, resumed, "a finished run has nothing left to do");
}

#[test]
fn masks_of_dropout_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let run = |epochs: usize, change: &dyn Fn(Trainer) -> Trainer| {
        let hidden = Sequential::new().then(Flatten).then(Linear::new(6, 16, 1)).then(Tanh);
        let net = hidden.named("drop", Dropout::new(0.5, 9)).then(Linear::new(16, 3, 2));
        // A cast network: the counter must stay exact.
        net.tensors().iter().for_each(|tensor| tensor.cast(DType::F32));
        let mut optimizer = Adam::new(&net.params(), 0.02).unwrap();
        let trainer = change(Trainer::new(&net, &mut optimizer).epochs(epochs));
        (trainer.fit(&mut batches()).unwrap().losses, numbers(&net))
    };
    let straight = run(5, &|trainer| trainer);
    run(2, &|trainer| trainer.save_checkpoints(&path, 1));
    let resumed = run(5, &|trainer| trainer.resume_from(&path));
    assert_eq!(straight, resumed);
    let calls = straight.1.last().unwrap();
    assert_eq!(calls[..], [35.0], "one mask for each of 5 times 7 batches");
}

/// The run of the process that is killed: slow, with a checkpoint after each epoch.
fn slow_run(path: &Path) {
    let wait = |_: &wengert::train::Iteration| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    run(12, |trainer| trainer.save_checkpoints(path, 1).on_iteration(wait)).0.unwrap();
}

/// Not a test of its own: what the process that is killed does.
#[test]
fn child_of_the_kill() {
    if let Some(path) = std::env::var_os("WENGERT_TEST_CHILD") {
        slow_run(Path::new(&path));
    }
}

#[test]
fn a_killed_process_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_of_the_kill"])
        .env("WENGERT_TEST_CHILD", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut looks = 0;
    // Every look at the file while it is being replaced finds a whole one.
    while looks < 25 && start.elapsed() < Duration::from_secs(60) {
        if path.exists() {
            Checkpoint::load(&path).unwrap();
            looks += 1;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = Checkpoint::load(&path).unwrap();
    assert!((1..12).contains(&saved.epoch), "killed after epoch {}", saved.epoch);
    let (straight, one) = run(12, |trainer| trainer);
    let (resumed, two) = run(12, |trainer| trainer.resume_from(&path));
    assert_eq!(straight.unwrap().losses, resumed.unwrap().losses);
    assert_eq!(numbers(&one), numbers(&two));
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    run(1, |trainer| trainer.save_checkpoints(&path, 1)).0.unwrap();
    let resuming = format!("resuming from {}: ", path.display());
    let error = |seed, batch: usize| {
        let (result, _) =
            run(2, |trainer| trainer.resume_from(&path).settings(seed, serde_json::json!({ "batch": batch })));
        result.unwrap_err().to_string().replace(&resuming, "")
    };
    assert_eq!(error(4, 8), "seed = 4 (it was 3), but it must be what it was when the run was started");
    let expected =
        r#"settings = {"batch":9} (they were {"batch":8}), but it must be what it was when the run was started"#;
    assert_eq!(error(3, 9), expected);

    let wide = Sequential::new().then(Flatten).then(Linear::new(6, 5, 1)).then(BatchNorm::new(5)).then(Tanh);
    let wide = wide.then(Linear::new(5, 3, 2));
    let mut optimizer = Adam::new(&wide.params(), 0.02).unwrap();
    let trainer = Trainer::new(&wide, &mut optimizer).settings(3, serde_json::json!({ "batch": 8 }));
    let error = trainer.resume_from(&path).fit(&mut batches()).unwrap_err().to_string();
    let expected = "its entry `net.1.weight` has shape [16, 6], but [5, 6] is needed";
    assert_eq!(error, format!("{}: {expected}", path.display()));
}

/// Passes its input on, and spoils it from the call `from` on.
struct Spoil {
    from: usize,
    calls: std::cell::Cell<usize>,
    value: f64,
}

impl Layer for Spoil {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() >= self.from { x * self.value } else { x }
    }
}

/// A network of a linear layer behind a [`Spoil`].
struct Spoiled(Spoil, Linear);

impl Layer for Spoiled {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.1.forward(self.0.forward(x.flatten(1)))
    }
    fn params(&self) -> Vec<wengert::Param> {
        self.1.params()
    }
}

#[test]
fn a_loss_of_nan_stops_the_run_and_leaves_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let spoil = Spoil { from: 18, calls: 0.into(), value: f64::NAN };
    let net = Spoiled(spoil, Linear::new(6, 3, 0));
    let mut optimizer = Sgd::new(&net.params(), 0.1).unwrap();
    let trainer = Trainer::new(&net, &mut optimizer).epochs(5).save_checkpoints(&path, 1);
    let error = trainer.fit(&mut batches()).unwrap_err();
    assert!(matches!(error, Error::NonFinite { .. }));
    let expected = "the loss of iteration 18 (epoch 3) holds NaN at index 0; every number must be finite; \
                    first, node %2 (mul) is NaN at index [0, 0]: it was computed from FIRST and NaN, \
                    at tests/train/main.rs:LINE; check the inputs, lower the learning rate, or clip the gradients of the \
                    steps before (`Trainer::clip_norm`); `Trainer::replay` opens iteration 18";
    assert_eq!(without_numbers(&error.to_string()), expected);
    let saved = Checkpoint::load(&path).unwrap();
    assert_eq!((saved.epoch, saved.losses.len()), (2, 14));
    assert!(numbers(&net).iter().flatten().all(|x| x.is_finite()));
}

/// A message without the first operand and the line, which belong to the data and to this file.
fn without_numbers(message: &str) -> String {
    let cut = |text: &str, after: &str, until: &str, word: &str| {
        let (before, rest) = text.split_once(after).unwrap();
        format!("{before}{after}{word}{}", &rest[rest.find(until).unwrap()..])
    };
    let text = cut(message, "computed from ", " and", "FIRST");
    cut(&text, "tests/train/main.rs:", ";", "LINE")
}

/// √ of a parameter that is 0: finite itself, with an infinite slope.
struct Root(wengert::Param, wengert::Param);

impl Layer for Root {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.flatten(1) * tape.watch(&self.0) + tape.watch(&self.1).sqrt()
    }
    fn params(&self) -> Vec<wengert::Param> {
        vec![self.0.clone(), self.1.clone()]
    }
}

#[test]
fn a_gradient_that_is_not_finite_names_the_first_such_parameter_of_the_network() {
    let param = |name: &str| wengert::Param::new(name, Tensor::zeros([6], DType::F32));
    let net = Sequential::new().then(Root(param("scale"), param("shift"))).then(Linear::new(6, 3, 0));
    let mut batches = (1, |_| std::iter::once((Tensor::ones([3, 6], DType::F32), vec![0, 1, 1])));
    for clip in [false, true] {
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        let trainer = Trainer::new(&net, &mut sgd);
        let trainer = if clip { trainer.clip_norm(1.0) } else { trainer };
        let message = trainer.fit(&mut batches).unwrap_err().to_string();
        let message = message.replace("-inf", "inf");
        let (before, rest) = message.split_once("tests/train/main.rs:").unwrap();
        let message = format!("{before}LINE{}", &rest[rest.find(" in layer").unwrap()..]);
        let (message, own) = message.split_once(" for its own gradient ").unwrap();
        let expected = "the gradient of parameter `0.shift` holds inf at index 0; every number must be finite; \
                        the forward pass is finite throughout, so it arose in the backward pass: the gradient with respect \
                        to %3 (leaf `0.shift`) is not finite: sqrt at LINE in layer 0 hands on inf at index [0]";
        assert_eq!(message, expected);
        let expected = "; its input is 0.0; check the inputs, lower the learning rate, or clip the gradients of the steps \
                        before (`Trainer::clip_norm`); `Trainer::replay` opens iteration 1";
        assert!(own.ends_with(expected), "{own}");
    }
}

#[test]
fn bad_runs_are_reported() {
    let error = |result: wengert::Result<History>| result.unwrap_err().to_string();
    let schedule = Schedule::Step { step_size: 0, gamma: 0.5 };
    assert_eq!(error(run(1, |t| t.schedule(schedule)).0), "schedule: step_size = 0, but it must be at least 1");
    assert_eq!(error(run(1, |t| t.clip_norm(-1.0)).0), "clip_norm: limit = -1, but it must be positive");
    assert_eq!(error(run(0, |t| t).0), "trainer: epochs = 0, but it must be at least 1");
    let stop = |_: &wengert::train::Iteration| {
        Err(Error::Setting { of: "hook".into(), name: "x", value: "1".into(), must: "2" })
    };
    assert_eq!(error(run(1, |t| t.on_iteration(stop)).0), "hook: x = 1, but it must be 2");
    let message = error(run(1, |t| t.resume_from("/no/such/file")).0);
    assert_eq!(message, "cannot read /no/such/file: No such file or directory (os error 2)");
    let net = net();
    let mut optimizer = Sgd::new(&net.params(), 0.1).unwrap();
    let mut nothing = (1, |_| std::iter::empty::<Batch>());
    let message = Trainer::new(&net, &mut optimizer).fit(&mut nothing).unwrap_err().to_string();
    assert_eq!(message, "epoch 1 of the source of batches is empty: an epoch needs at least one batch");
    let mut wrong = (1, |_| std::iter::once((Tensor::zeros([2, 6], DType::F32), vec![0, 3])));
    let message = Trainer::new(&net, &mut optimizer).fit(&mut wrong).unwrap_err().to_string();
    let expected = "cross_entropy: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 4 classes";
    assert_eq!(message, expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let error = |result: wengert::Result<History>| result.unwrap_err().to_string();
    let message = error(run(1, |t| t.save_checkpoints("/dev/full", 1)).0);
    assert_eq!(message, "cannot write /dev/full: No space left on device (os error 28)");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let message = error(run(1, |t| t.output(full)).0);
    assert_eq!(message, "cannot write the table of losses: No space left on device (os error 28)");
}

#[test]
fn bad_questions_are_reported() {
    fn error<T>(result: wengert::Result<T>) -> String {
        result.err().unwrap().to_string()
    }
    let (net, images) = (net(), Tensor::zeros([4, 6], DType::F32));
    assert_eq!(error(predict(&net, &images, 0)), "predict: batch = 0, but it must be at least 1");
    let empty = Tensor::zeros([0, 6], DType::F32);
    let expected = "predict: the tensor of images is empty: it takes at least one image";
    assert_eq!(error(predict(&net, &empty, 4)), expected);
    let expected = "finalize_statistics: batch = 0, but it must be at least 1";
    assert_eq!(error(finalize_statistics(&net, &images, 0)), expected);
    let expected = "accuracy: labels = 3 of them for 4 images, but it must be one for each image";
    assert_eq!(error(accuracy(&net, &images, &[0, 1, 2], 4)), expected);
    let flat = Sequential::new().then(Tanh);
    let expected = "the network's output: a classifier must return logits [observations, classes], but got [4, 3, 2]";
    assert_eq!(error(predict(&flat, &Tensor::zeros([4, 3, 2], DType::F32), 4)), expected);
    let rows = Tensor::from([[0.0, 1.0], [0.0, f64::NAN], [0.0, 0.0]]);
    let expected = "the output of the network for image 1 holds NaN at index 1; every number must be finite";
    assert_eq!(error(predict(&flat, &rows, 2)), expected);
    let expected =
        "confusion: predicted classes = 1 of them for 2 true classes, but it must be one for each true class";
    assert_eq!(error(confusion(&[0, 1], &[0], 2)), expected);
    let expected = "confusion: label 2 of observation 1 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes";
    assert_eq!(error(confusion(&[0, 1], &[0, 2], 2)), expected);
}

/// The digits run in PyTorch's double precision: the same losses and parameters, from the same start.
#[test]
fn golden_sixty_steps_of_the_digits_run_in_double_precision() {
    let Some(shared) = std::env::var_os("WENGERT_SHARED").map(std::path::PathBuf::from) else {
        println!("skipped: WENGERT_SHARED does not name the folder of reference data");
        return;
    };
    let reference = wengert::io::load_tensors(shared.join("golden/elu_run.safetensors")).unwrap();
    let find = |name: &str| &reference.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1;
    let set = wengert::data::mnist::load(shared.join("data/mnist")).unwrap().0.first(5000).unwrap();
    let count = set.len() as f64;
    let mut mean = vec![0.0; 784];
    for image in set.images().chunks_exact(784) {
        mean.iter_mut().zip(image).for_each(|(m, &p)| *m += exact(p) / count);
    }
    let centered: Vec<f64> =
        set.images().chunks_exact(784).flat_map(|image| image.iter().zip(&mean).map(|(&p, m)| exact(p) - m)).collect();

    let net = Sequential::new()
        .named("conv", Conv2d::new(1, 20, 5, 0))
        .named("bn", BatchNorm::new(20))
        .named("elu", Elu::new(20, 0))
        .named("flatten", Flatten)
        .named("fc", Linear::new(11520, 10, 0));
    let names = ["conv_w", "conv_b", "gamma", "beta", "alpha", "fc_w", "fc_b"];
    for (param, name) in net.params().iter().zip(names) {
        param.cast(DType::F64);
        param.set(find(&format!("start/{name}"))).unwrap();
    }
    let batch = |b: usize| {
        let images = Tensor::from_slice(&centered[b * 128 * 784..(b + 1) * 128 * 784], [128, 1, 28, 28]).unwrap();
        (images, set.labels()[b * 128..(b + 1) * 128].to_vec())
    };
    let mut optimizer = Sgd::new(&net.params(), 0.01).unwrap().momentum(0.9).unwrap();
    optimizer = optimizer.decay(Decay::Weights(1e-4)).unwrap();
    // 60 steps are one epoch of 39 batches and 21 of the next.
    let mut source = (60, |_| (0..60).map(|step| batch(step % 39)));
    let history = Trainer::new(&net, &mut optimizer).fit(&mut source).unwrap();
    let near = |what: &str, got: &[f64], expected: &Tensor| {
        let expected = expected.to_vec();
        // The convolution's bias has a gradient of 0, since batch norm cancels its effect: what moves it is
        // rounding.
        let scale = expected.iter().fold(1e-5f64, |scale, x| scale.max(x.abs()));
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!((got - expected).abs() <= 1e-9 * scale, "{what}[{i}]: {got} instead of {expected}");
        }
        assert_eq!(got.len(), expected.len(), "{what}");
    };
    near("losses", &history.losses, find("losses"));
    for (param, name) in net.params().iter().zip(names) {
        near(name, &param.value().to_vec(), find(&format!("after60/{name}")));
    }
}

/// A pixel as the double nearest to k / 255, where the data set holds the float.
fn exact(pixel: f32) -> f64 {
    (f64::from(pixel) * 255.0).round() / 255.0
}

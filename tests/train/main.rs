//! The training loop: what it computes and what it prints.
#![cfg(feature = "train")]

mod any_loss;
mod failures;
mod golden;
mod margin;
mod margin_stability;
mod resume;
mod solver;
mod validation;
mod verification;

use wengert::data::{Batches, Dataset, Shuffle};
use wengert::nn::{BatchNorm, Flatten, Layer, Linear, Sequential, Tanh};
use wengert::optim::{Adam, Optimizer, Schedule, Sgd};
use wengert::train::{History, Trainer, accuracy, confusion, finalize_statistics, predict};
use wengert::{DType, Tape, Tensor};

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

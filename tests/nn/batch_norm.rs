//! Batch norm and its statistics against naive computations.

use wengert::{
    DType, Mode, Tape, Tensor,
    nn::{BatchNorm, Layer},
};

use crate::{assert_close, names, numbers, run};

/// Mean and population variance of each channel of `[n, c, s..]`.
fn moments(x: &Tensor) -> Vec<(f64, f64)> {
    let (c, s) = (x.shape()[1], x.shape()[2..].iter().product::<usize>());
    let x = x.to_vec();
    (0..c)
        .map(|k| {
            let channel: Vec<f64> = x.iter().enumerate().filter(|(i, _)| i / s % c == k).map(|(_, &x)| x).collect();
            let count = channel.len() as f64;
            let mean = channel.iter().sum::<f64>() / count;
            (mean, channel.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
        })
        .collect()
}

/// γ (x − mean) / √(var + ε) + β, number by number.
fn normalized(x: &Tensor, statistics: &[(f64, f64)], layer: &BatchNorm) -> Vec<f64> {
    let (c, s) = (x.shape()[1], x.shape()[2..].iter().product::<usize>());
    let (gamma, beta) = (layer.weight.value().to_vec(), layer.bias.value().to_vec());
    let each = |(i, x): (usize, f64)| {
        let k = i / s % c;
        gamma[k] * (x - statistics[k].0) / (statistics[k].1 + layer.epsilon).sqrt() + beta[k]
    };
    x.to_vec().into_iter().enumerate().map(each).collect()
}

fn batch_norm() -> BatchNorm {
    let layer = BatchNorm::new(3);
    layer.weight.set(&Tensor::from([0.5, 1.0, 2.0])).unwrap();
    layer.bias.set(&Tensor::from([-1.0, 0.0, 0.25])).unwrap();
    layer.tensors().iter().for_each(|param| param.cast(DType::F64));
    layer
}

#[test]
fn batch_norm_uses_the_batch_in_training_and_keeps_running_averages() {
    let layer = batch_norm();
    assert_eq!(names(&layer.tensors()), ["weight", "bias", "running_mean", "running_var"]);
    let mut running = vec![(0.0, 1.0); 3];
    for seed in 0..4 {
        let x = numbers(&[4, 3, 2, 5], f64::from(seed) * 1.3);
        let batch = moments(&x);
        assert_close("training", &run(&layer, &x, Mode::Train).to_vec(), &normalized(&x, &batch, &layer), 1e-12);
        for (running, batch) in running.iter_mut().zip(&batch) {
            // PyTorch: the momentum is the weight of the new batch, whose variance is a sample's, divided by m - 1.
            running.0 = 0.9 * running.0 + 0.1 * batch.0;
            running.1 = 0.9 * running.1 + 0.1 * batch.1 * 40.0 / 39.0;
        }
        assert_close(
            "mean",
            &layer.running_mean.value().to_vec(),
            &running.iter().map(|r| r.0).collect::<Vec<_>>(),
            1e-13,
        );
        assert_close(
            "variance",
            &layer.running_var.value().to_vec(),
            &running.iter().map(|r| r.1).collect::<Vec<_>>(),
            1e-13,
        );
    }
    // Inference uses the averages, and leaves them unchanged.
    let x = numbers(&[1, 3, 2, 5], 9.0);
    assert_close("inference", &run(&layer, &x, Mode::Eval).to_vec(), &normalized(&x, &running, &layer), 1e-12);
    assert_close("mean", &layer.running_mean.value().to_vec(), &running.iter().map(|r| r.0).collect::<Vec<_>>(), 1e-13);
    assert_eq!(layer.params().len(), 2, "statistics are not learned");
}

#[test]
fn collected_statistics_are_those_of_all_observations_together() {
    let layer = batch_norm();
    // Numbers far from 0, where sums of squares lose digits, in batches of different sizes.
    let all = Tensor::from_fn([9, 3], DType::F64, |i| 100.0 + (i as f64 * 0.9).sin());
    let part =
        |from: usize, to: usize| Tensor::from_vec(all.to_vec()[3 * from..3 * to].to_vec(), [to - from, 3]).unwrap();
    run(&layer, &part(0, 2), Mode::Train);
    layer.start_statistics();
    run(&layer, &part(5, 9), Mode::Train);
    layer.start_statistics();
    for (from, to) in [(0, 2), (2, 7), (7, 9)] {
        run(&layer, &part(from, to), Mode::Train);
        assert_ne!(layer.running_mean.value().to_vec()[0], moments(&all)[0].0, "nothing is set before the end");
    }
    layer.finish_statistics();
    let want = moments(&all);
    assert_close("mean", &layer.running_mean.value().to_vec(), &want.iter().map(|m| m.0).collect::<Vec<_>>(), 1e-13);
    assert_close("variance", &layer.running_var.value().to_vec(), &want.iter().map(|m| m.1).collect::<Vec<_>>(), 1e-11);
    // Inference then gives what training would give on the whole set as one batch.
    assert_close("inference", &run(&layer, &all, Mode::Eval).to_vec(), &run(&layer, &all, Mode::Train).to_vec(), 1e-9);
    // Without batches in between nothing changes; afterward the running averages continue.
    let before = layer.running_mean.value();
    layer.start_statistics();
    layer.finish_statistics();
    assert_eq!(layer.running_mean.value(), before);
    run(&layer, &part(0, 2), Mode::Train);
    assert_ne!(layer.running_mean.value(), before);
}

#[test]
fn a_frozen_batch_norm_uses_its_statistics_and_keeps_them() {
    let (net, x) = (batch_norm(), numbers(&[4, 3], 0.4));
    let run = |mode| {
        let tape = Tape::f64();
        tape.set_mode(mode);
        net.forward(tape.constant(&x)).value()
    };
    run(Mode::Train);
    let statistics = || net.state().iter().map(|param| param.value()).collect::<Vec<_>>();
    let (known, evaluated) = (statistics(), run(Mode::Eval));
    net.freeze("").unwrap();
    assert_eq!((run(Mode::Train), statistics(), net.couples_observations()), (evaluated.clone(), known.clone(), false));
    net.start_statistics();
    run(Mode::Train);
    net.finish_statistics();
    assert_eq!(statistics(), known);
    // One of its parameters is trained: the batch counts again.
    net.unfreeze("bias").unwrap();
    assert_ne!(run(Mode::Train), evaluated);
    assert_ne!(statistics(), known);
    assert!(net.couples_observations());
}

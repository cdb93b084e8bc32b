//! A run that is watched: what is seen is what a loop by hand sees, and the run is the same.
#![cfg(feature = "train")]

use wengert::{
    DType, Param, Tape, Tensor, Var,
    nn::{Layer, Linear, Relu, Sequential},
    optim::{Optimizer, Sgd},
    train::{Batch, History, Spread, Trainer, Watch, mean_squared_error},
};

fn net() -> Sequential {
    Sequential::new().named("fc1", Linear::new(3, 8, 1)).named("act", Relu).named("fc2", Linear::new(8, 1, 3))
}

fn batch() -> Batch {
    let number = |i: usize| (i as f64 * 0.37).sin();
    Batch::from((Tensor::from_fn([10, 3], DType::F32, number), Tensor::from_fn([10, 1], DType::F32, |i| number(3 * i))))
}

fn run(watch: Option<&mut Watch>, clip: f64) -> (History, Vec<Vec<f64>>) {
    let net = net();
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let trainer = Trainer::new(&net, &mut sgd).epochs(30).clip_norm(clip);
    let trainer = trainer.loss(mean_squared_error).chart(true);
    let trainer = match watch {
        Some(watch) => trainer.watch(watch),
        None => trainer,
    };
    let history = trainer.fit(&mut vec![batch()]).unwrap();
    (History { seconds: 0.0, ..history }, net.params().iter().map(|param| param.value().to_vec()).collect())
}

#[test]
fn a_watched_run_has_the_bits_of_one_that_is_not() {
    let mut watch = Watch::every(7);
    assert_eq!(run(Some(&mut watch), 1.0), run(None, 1.0));
    assert_eq!(watch.samples.iter().map(|sample| sample.iteration).collect::<Vec<_>>(), [1, 7, 14, 21, 28]);
    assert_eq!(watch.layers(), ["fc1", "act", "fc2"]);
    assert_eq!(watch.params(), ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
}

fn linear<'t>(x: Var<'t>, params: &[Param]) -> Var<'t> {
    let of = |k: usize| x.tape().watch(&params[k]);
    x.linear(of(0), Some(of(1)))
}

#[test]
fn a_sample_holds_what_a_loop_by_hand_computes() {
    let mut watch = Watch::every(1);
    run(Some(&mut watch), 0.01);
    let params = net().params();
    let (batch, tape) = (batch(), Tape::new());
    let mut sgd = Sgd::new(&params, 0.1).unwrap();
    let hidden = linear(tape.constant(&batch.inputs[0]), &params[..2]);
    let y = linear(hidden.relu(), &params[2..]);
    let loss = y.mse_loss(tape.constant(&batch.targets[0]));
    let mut gradients = loss.backward().unwrap();
    let first = &watch.samples[0];
    assert_eq!((first.iteration, first.loss), (1, loss.item()));
    assert_eq!(first.layers[0].activations, Spread::of(&hidden.value()));
    assert_eq!(first.layers[1].activations, Spread::of(&hidden.relu().value()));
    for (seen, param) in first.params.iter().zip(&params) {
        assert_eq!(seen.gradient, Spread::of(gradients.wrt(param).unwrap()), "{}", seen.name);
    }
    // The step is that of the clipped gradients.
    wengert::optim::clip_norm(&mut gradients, &params, 0.01).unwrap();
    let before: Vec<Tensor> = params.iter().map(|param| param.value()).collect();
    sgd.step(&gradients).unwrap();
    for ((seen, param), before) in first.params.iter().zip(&params).zip(before) {
        let (before, after) = (before.to_vec(), param.value().to_vec());
        let step: f64 = before.iter().zip(&after).map(|(a, b)| (a - b) * (a - b)).sum();
        let size: f64 = before.iter().map(|a| a * a).sum();
        assert!(
            (seen.ratio - (step / size).sqrt()).abs() < 1e-12,
            "{}: {} {}",
            seen.name,
            seen.ratio,
            (step / size).sqrt()
        );
    }
}

#[test]
fn a_spread_counts_every_number_once() {
    let numbers = [0.0, f64::NAN, 3.0, 1.0, -0.1, 0.099, 1e-5, 1e-30, f64::NEG_INFINITY, 2e-11];
    let spread = Spread::of(&Tensor::from(numbers));
    assert_eq!((spread.zeros, spread.not_finite), (0.1, 0.2));
    let counts: Vec<f64> = spread.decades.iter().map(|share| (share * 10.0).round()).collect();
    assert_eq!(counts, [2.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(Spread::of(&Tensor::zeros([0], DType::F32)), Spread::default());
}

#[cfg(feature = "plot")]
#[test]
fn what_was_seen_can_be_drawn() {
    let mut watch = Watch::every(5);
    run(Some(&mut watch), 1.0);
    for figure in [watch.activations(), watch.gradients(), watch.ratios()] {
        assert!(figure.svg().unwrap().starts_with("<svg"));
    }
    assert!(watch.gradients().svg().unwrap().contains("gradient, fc1.weight"));
}

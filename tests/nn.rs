//! Layers against naive computations: values, statistics, names and initialization.

use wengert::{
    DType, Mode, Param, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Dropout, Elu, Flatten, Init, Layer, Linear, MaxPool2d, Relu, Sequential, Tanh},
    ops::{ConvSpec, Window},
};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin())
}

fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance * want.abs().max(1.0), "{what}: element {i} is {got}, naively {want}");
    }
}

/// The output of a layer in double precision.
fn run(layer: &dyn Layer, x: &Tensor, mode: Mode) -> Tensor {
    let tape = Tape::f64();
    tape.set_mode(mode);
    layer.forward(tape.constant(x)).value()
}

fn names(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| param.name().to_owned()).collect()
}

#[test]
fn a_linear_layer_is_a_product_and_a_bias() {
    let layer = Linear::new(3, 2, 7);
    let (w, b) = (layer.weight.value(), layer.bias.value());
    let x = numbers(&[2, 2, 3], 0.0);
    let mut want = Vec::new();
    for row in x.to_vec().chunks(3) {
        want.extend((0..2).map(|o| (0..3).map(|i| row[i] * w.at(&[o, i])).sum::<f64>() + b.at(&[o])));
    }
    let y = run(&layer, &x, Mode::Train);
    assert_eq!(y.shape().dims(), [2, 2, 2]);
    assert_close("linear", &y.to_vec(), &want, 1e-14);
    assert_eq!((names(&layer.params()), layer.param_count()), (vec!["weight".into(), "bias".into()], 8));
}

#[test]
fn a_convolution_is_a_sum_over_taps_with_stride_padding_dilation_and_groups() {
    let dense = Conv2d::new(2, 4, 3, 1);
    let weight = Param::new("weight", numbers(&[4, 1, 3, 3], 5.0));
    let grouped = Conv2d { weight, ..Conv2d::new(2, 4, 3, 2) };
    let spec = ConvSpec::default();
    let layers = [
        dense,
        Conv2d::new(2, 4, 3, 3).with(spec.stride(2).padding(1)),
        Conv2d::new(2, 4, 3, 4).with(ConvSpec { stride: [1, 2], padding: [2, 0], dilation: [2, 1], groups: 1 }),
        grouped.with(spec.groups(2).padding(1)),
    ];
    let x = numbers(&[2, 2, 7, 6], 0.0);
    for layer in &layers {
        let ConvSpec { stride, padding, dilation, groups } = layer.spec;
        let y = run(layer, &x, Mode::Train);
        let (w, b) = (layer.weight.value(), layer.bias.value());
        let out = |size: usize, axis: usize| (size + 2 * padding[axis] - dilation[axis] * 2 - 1) / stride[axis] + 1;
        let (rows, columns, inside) = (out(7, 0), out(6, 1), 2 / groups);
        assert_eq!(y.shape().dims(), [2, 4, rows, columns], "{:?}", layer.spec);
        let mut want = Vec::new();
        for (n, o, r, c) in indices(2, 4, rows, columns) {
            let mut sum = b.at(&[o]);
            for (i, kr, kc, _) in indices(inside, 3, 3, 1) {
                let (row, column) = (r * stride[0] + kr * dilation[0], c * stride[1] + kc * dilation[1]);
                if (padding[0]..7 + padding[0]).contains(&row) && (padding[1]..6 + padding[1]).contains(&column) {
                    let channel = o / (4 / groups) * inside + i;
                    sum += w.at(&[o, i, kr, kc]) * x.at(&[n, channel, row - padding[0], column - padding[1]]);
                }
            }
            want.push(sum);
        }
        assert_close(&format!("{:?}", layer.spec), &y.to_vec(), &want, 1e-13);
    }
}

/// All indices of four nested loops.
fn indices(a: usize, b: usize, c: usize, d: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

#[test]
fn pools_and_activations_are_their_formulas() {
    let x = numbers(&[2, 3, 5, 5], 0.0);
    let window = Window::square(3).stride(2).padding(1);
    let mut want = Vec::new();
    for (n, c, r, k) in indices(2, 3, 3, 3) {
        let around = |at: usize| (2 * at).saturating_sub(1)..(2 * at + 2).min(5);
        let all = around(r).flat_map(|row| around(k).map(move |column| (row, column)));
        want.push(all.map(|(row, column)| x.at(&[n, c, row, column])).fold(f64::NEG_INFINITY, f64::max));
    }
    assert_eq!(run(&MaxPool2d(window), &x, Mode::Train).to_vec(), want);
    let flat = x.to_vec();
    assert_eq!(run(&Relu, &x, Mode::Train).to_vec(), flat.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
    assert_close(
        "tanh",
        &run(&Tanh, &x, Mode::Train).to_vec(),
        &flat.iter().map(|x| x.tanh()).collect::<Vec<_>>(),
        1e-15,
    );
    let flattened = run(&Flatten, &x, Mode::Train);
    assert_eq!((flattened.shape().dims(), flattened.to_vec()), (&[2, 75][..], flat.clone()));
    let elu = Elu::new(3, 9);
    let alpha = elu.alpha.value().to_vec();
    let want: Vec<f64> =
        flat.iter().enumerate().map(|(i, &x)| if x > 0.0 { x } else { alpha[i / 25 % 3] * x.exp_m1() }).collect();
    assert_close("elu", &run(&elu, &x, Mode::Train).to_vec(), &want, 1e-15);
}

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
fn a_sequence_names_its_parameters_and_shows_its_features() {
    let net = Sequential::new()
        .named("conv", Conv2d::new(1, 2, 3, 0))
        .then(BatchNorm::new(2))
        .named("head", Sequential::new().then(Flatten).named("fc", Linear::new(18, 4, 1)));
    let learned = ["conv.weight", "conv.bias", "1.weight", "1.bias", "head.fc.weight", "head.fc.bias"];
    assert_eq!(names(&net.params()), learned);
    assert_eq!(names(&net.state()), ["1.running_mean", "1.running_var"]);
    assert_eq!(names(&net.tensors()), [&learned[..], &["1.running_mean", "1.running_var"]].concat());
    assert_eq!(net.param_count(), 18 + 2 + 2 + 2 + 72 + 4);
    let tape = Tape::f64();
    tape.set_mode(Mode::Eval);
    let x = tape.constant(numbers(&[2, 1, 5, 5], 0.0));
    let y: Var = net.forward(x);
    assert_eq!(y.shape().dims(), [2, 4]);
    let features = net.features(x, &["head.fc", "conv", "head"]).unwrap();
    assert_eq!(features[1].shape().dims(), [2, 2, 3, 3]);
    assert_eq!((features[0].value(), features[2].value()), (y.value(), y.value()));
    let error = net.features(x, &["conv", "pool"]).err().unwrap();
    let known = "conv, 1, head, head.0, head.fc";
    assert_eq!(error.to_string(), format!("there is no layer `pool`: the names are {known}"));
    let gradients = y.sum().backward().unwrap();
    assert!(net.params().iter().all(|param| gradients.wrt(param).unwrap().shape() == &param.shape()));
    assert_eq!(Sequential::new().forward(x).value(), x.value(), "no layers hand their input on");
}

#[test]
fn parameters_start_from_the_distribution_that_was_asked_for() {
    let shape = [64, 32, 5, 5];
    let (fan_in, fan_out) = (32.0 * 25.0, 64.0f64 * 25.0);
    let inits = [
        (Init::Normal(0.01), 1e-4, f64::INFINITY),
        (Init::He, 2.0 / fan_in, f64::INFINITY),
        (Init::Uniform(-0.5, 0.5), 1.0 / 12.0, 0.5),
        (Init::Glorot, 2.0 / (fan_in + fan_out), (6.0 / (fan_in + fan_out)).sqrt()),
        (Init::Lecun, 1.0 / (3.0 * fan_in), (1.0f64 / fan_in).sqrt()),
    ];
    for (init, variance, bound) in inits {
        let x = init.draw(shape, 3);
        let numbers = x.to_vec();
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let spread = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // Five standard deviations of the mean of 51200 numbers, and of their variance.
        assert!(mean.abs() < 5.0 * (variance / count).sqrt(), "{init:?}: mean {mean}");
        assert!(
            (spread / variance - 1.0).abs() < 5.0 * (2.0 / count).sqrt(),
            "{init:?}: variance {spread}, not {variance}"
        );
        let largest = numbers.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(
            largest <= bound * (1.0 + 1e-6) && (bound.is_infinite() || largest > 0.99 * bound),
            "{init:?}: up to {largest}"
        );
        assert_eq!(x, init.draw(shape, 3), "{init:?}: the same seed");
        assert_ne!(x, init.draw(shape, 4), "{init:?}: another seed");
    }
    assert_eq!(Init::Constant(0.3).draw([2], 0).to_vec(), [f64::from(0.3f32); 2]);
    let (first, second) = (Linear::new(100, 50, 5), Linear::new(100, 50, 5));
    assert_eq!(first.weight.value(), second.weight.value());
    assert!(
        first.bias.value().to_vec().iter().all(|b| b.abs() <= 0.1)
            && first.bias.value() != Tensor::zeros([50], DType::F32)
    );
    assert!(first.weight.decays() && !first.bias.decays());
}

#[test]
fn dropout_drops_its_share_scales_the_rest_and_repeats_by_seed() {
    let x = Tensor::full([100, 200], 3.0, DType::F64);
    let layer = Dropout::new(0.25, 8);
    let first = run(&layer, &x, Mode::Train).to_vec();
    assert!(first.iter().all(|&y| y == 0.0 || y == 4.0), "kept numbers are divided by 1 - p");
    let dropped = first.iter().filter(|&&y| y == 0.0).count() as f64 / 20_000.0;
    assert!((dropped - 0.25).abs() < 5.0 * (0.25 * 0.75 / 20_000.0f64).sqrt(), "a share of {dropped} was dropped");
    let second = run(&layer, &x, Mode::Train).to_vec();
    assert_ne!(first, second, "every call draws anew");
    let again = Dropout::new(0.25, 8);
    assert_eq!((run(&again, &x, Mode::Train).to_vec(), run(&again, &x, Mode::Train).to_vec()), (first, second));
    assert_eq!(run(&layer, &x, Mode::Eval), x);
    assert_eq!(run(&Dropout::new(0.0, 8), &x, Mode::Train), x);
    // The gradient flows where the number did.
    let tape = Tape::f64();
    let leaf = tape.leaf(&x);
    let y = layer.forward(leaf);
    assert_eq!(
        y.sum().backward().unwrap().wrt(leaf).unwrap().to_vec(),
        y.value().to_vec().iter().map(|y| y / 3.0).collect::<Vec<_>>()
    );
    let caught = std::panic::catch_unwind(|| Dropout::new(1.0, 0)).unwrap_err();
    let message = "dropout: the probability is 1, but it must be at least 0 and less than 1";
    assert_eq!(caught.downcast_ref::<String>().map(String::as_str), Some(message));
}

/// x and y to (x + y, x y).
struct Both;

impl Layer for Both {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] + x[1], x[0] * x[1]]
    }
}

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).expect_err("a panic was expected");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic has a message")).to_owned(),
    }
}

#[test]
fn values_go_through_a_network_side_by_side() {
    let tape = Tape::f64();
    let (a, b) = (tape.constant([2.0, 3.0]), tape.constant([5.0, 7.0]));
    let net = Sequential::new().named("both", Both).named("again", Both);
    let y: Vec<Vec<f64>> = net.forward_all(&[a, b]).iter().map(|y| y.value().to_vec()).collect();
    assert_eq!(y, [[7.0 + 10.0, 10.0 + 21.0], [70.0, 210.0]]);
    assert_eq!(
        message(|| _ = Both.forward(a)),
        "nn::Both takes or returns several values: call `forward_all` instead of `forward`"
    );
    assert_eq!(
        message(|| _ = Relu.forward_all(&[a, b])),
        "wengert::nn::activation::Relu takes one input, but was given 2"
    );
    let halves = Sequential::new().then(Halves);
    assert_eq!(
        message(|| _ = halves.forward(a)),
        "the network returns 2 values: call `forward_all` instead of `forward`"
    );
    assert_eq!(halves.forward_all(&[a]).len(), 2);
}

/// x to (x / 2, x / 2).
struct Halves;

impl Layer for Halves {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] / 2.0; 2]
    }
}

#[test]
fn features_run_no_layer_behind_the_last_that_is_asked_for() {
    let net =
        Sequential::new().named("a", Tanh).named("b", Relu).named("c", Sequential::new().named("d", Tanh).then(Both));
    let tape = Tape::f64();
    let x = tape.constant([0.5, -0.5]);
    let before = tape.len();
    let found = net.features(x, &["b", "a"]).unwrap();
    assert_eq!(tape.len() - before, 2, "tanh and relu");
    assert_eq!(found[1].value().to_vec(), [0.5f64.tanh(), -0.5f64.tanh()]);
    net.features(x, &["c.d"]).unwrap();
    assert_eq!(tape.len() - before, 5, "and tanh, relu, tanh");
}

#[test]
fn layers_and_parameters_are_found_frozen_and_trained_by_name() {
    let body = Sequential::new().named("fc", Linear::new(3, 4, 0)).named("norm", BatchNorm::new(4));
    let net = Sequential::new().named("body", body).named("body2", Linear::new(4, 2, 1));
    assert_eq!(net.param("body.norm.running_var").unwrap().shape().dims(), [4]);
    let error = net.param("fc.weight").unwrap_err().to_string();
    let all = "body.fc.weight, body.fc.bias, body.norm.weight, body.norm.bias, body2.weight, body2.bias";
    let state = "body.norm.running_mean, body.norm.running_var";
    assert_eq!(error, format!("there is no parameter `fc.weight`: the names are {all}, {state}"));
    net.freeze("body").unwrap();
    net.freeze("body2.bias").unwrap();
    let trained = |net: &Sequential| names(&net.params().into_iter().filter(Param::trainable).collect::<Vec<_>>());
    assert_eq!(trained(&net), ["body2.weight"]);
    net.unfreeze("").unwrap();
    assert_eq!(trained(&net).len(), 6);
    let error = net.freeze("bod").unwrap_err().to_string();
    assert_eq!(error, format!("there is no layer or parameter `bod`: the names are {all}"));
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

#[test]
fn what_layers_of_the_crate_record_belongs_to_the_line_that_put_them_into_the_network() {
    let inner = Sequential::new().named("fc", Linear::new(3, 2, 0));
    let line = line!() - 1;
    let net = Sequential::new().named("block", inner).named("both", Halves);
    let tape = Tape::f64();
    net.forward_all(&[tape.constant(numbers(&[1, 3], 0.0))]);
    let lines: Vec<(String, u32)> = tape.nodes().map(|node| (node.layer, node.line.line())).collect();
    assert!(lines.contains(&("block.fc".to_owned(), line)), "{lines:?}");
    assert!(lines.iter().all(|(layer, at)| layer != "block.fc" || *at == line), "{lines:?}");
    let elsewhere: Vec<_> = tape.nodes().filter(|node| node.line.file() != file!()).map(|n| (n.op, n.line)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let wrong = message(|| _ = net.forward_all(&[tape.constant(numbers(&[1, 4], 0.0))]));
    let place = format!("(in layer block.fc, at tests/nn.rs:{line}:35)");
    assert!(wrong.ends_with(&place), "{wrong}");
}

#[test]
fn two_layers_of_one_name_are_refused_where_the_network_is_built() {
    let message = |build: fn() -> Sequential| {
        let caught = std::panic::catch_unwind(|| _ = build()).unwrap_err();
        caught.downcast_ref::<String>().expect("the panic has a message").clone()
    };
    let named = || Sequential::new().named("fc", Linear::new(2, 2, 0)).then(Relu).named("fc", Linear::new(2, 2, 1));
    let expected = "sequential: layers 0 and 2 are both named `fc`; give each a name of its own";
    assert_eq!(message(named), expected);
    let numbered = || Sequential::new().named("1", Tanh).then(Relu);
    assert_eq!(message(numbered), "sequential: layers 0 and 1 are both named `1`; give each a name of its own");
}

//! Layers against naive computations, and their initialization.

mod batch_norm;
mod sequence;

use wengert::{
    DType, Mode, Param, Tape, Tensor,
    nn::{Conv2d, Dropout, Elu, Flatten, Init, Layer, Linear, MaxPool2d, Relu, Tanh},
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

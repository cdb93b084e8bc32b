//! Layers around one operation, number by number.

use wengert::{
    Tape, Tensor, Var,
    functional::{Conv3dSpec, Interpolate, Pool},
    nn::{
        AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, AvgPool2dWith, Celu, Conv1d, Conv3d, Embedding,
        FixedElu, Gelu, GlobalAvgPool2d, Hardswish, Layer, LeakyRelu, LogSigmoid, LogSoftmax, MaxPool1d, MaxPool2dWith,
        Mish, PRelu, Relu, Selu, Sigmoid, Silu, Softmax, Softplus, Tanh, Upsample,
    },
    ops::{ConvSpec, Window},
};

use crate::{assert_computes, names, numbers};

/// The standard normal distribution function: 1/2 and the area from 0 to x, by Simpson's rule.
fn normal_cdf(x: f64) -> f64 {
    let (steps, density) = (1000, |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt());
    let h = x / f64::from(steps);
    let weight = |k| if k == 0 || k == steps { 1.0 } else { 2.0 + 2.0 * f64::from(k % 2) };
    0.5 + h / 3.0 * (0..=steps).map(|k| weight(k) * density(h * f64::from(k))).sum::<f64>()
}

#[test]
fn activations_are_their_formulas() {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus = |x: f64| (1.0 + x.exp()).ln();
    let elu = |x: f64, alpha: f64| if x > 0.0 { x } else { alpha * (x.exp() - 1.0) };
    type Formula<'a> = Box<dyn Fn(f64) -> f64 + 'a>;
    let activations: [(&dyn Layer, Formula); 13] = [
        (&Relu, Box::new(|x| x.max(0.0))),
        (&Tanh, Box::new(f64::tanh)),
        (&Sigmoid, Box::new(logistic)),
        (&LogSigmoid, Box::new(|x| logistic(x).ln())),
        (&Softplus, Box::new(softplus)),
        (&Gelu, Box::new(|x| x * normal_cdf(x))),
        (&Silu, Box::new(|x| x * logistic(x))),
        (&Mish, Box::new(|x| x * softplus(x).tanh())),
        (&Hardswish, Box::new(|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0)),
        (&Selu, Box::new(|x| 1.0507009873554805 * elu(x, 1.6732632423543772))),
        (&LeakyRelu(0.2), Box::new(|x| if x > 0.0 { x } else { 0.2 * x })),
        (&FixedElu(0.7), Box::new(|x| elu(x, 0.7))),
        (&Celu::new(0.7), Box::new(|x| if x > 0.0 { x } else { 0.7 * ((x / 0.7).exp() - 1.0) })),
    ];
    let x = numbers(&[3, 20], 0.0);
    assert!(x.to_vec().iter().any(|&x| x < -1.9) && x.to_vec().iter().any(|&x| x > 1.9));
    for (layer, formula) in activations {
        let want: Vec<f64> = x.to_vec().into_iter().map(formula).collect();
        assert_computes(layer, &x, &[3, 20], &want);
    }
}

#[test]
fn softmax_is_exponentials_over_their_sum_along_its_axis() {
    let x = numbers(&[2, 3, 4], 0.0);
    // Along axis 1, with numbers of the same observation and column; along the last, with those of the same row.
    let column = |i: usize| i / 12 * 4 + i % 4;
    let row = |i: usize| i / 4;
    let share = |line: &dyn Fn(usize) -> usize| -> Vec<f64> {
        let exp = |i: usize| x.to_vec()[i].exp();
        (0..24).map(|i| exp(i) / (0..24).filter(|&j| line(j) == line(i)).map(exp).sum::<f64>()).collect()
    };
    let logarithms = |share: Vec<f64>| share.into_iter().map(f64::ln).collect::<Vec<_>>();
    assert_computes(&Softmax(1), &x, &[2, 3, 4], &share(&column));
    assert_computes(&Softmax(-1), &x, &[2, 3, 4], &share(&row));
    assert_computes(&LogSoftmax(1), &x, &[2, 3, 4], &logarithms(share(&column)));
    assert_computes(&LogSoftmax(-1), &x, &[2, 3, 4], &logarithms(share(&row)));
}

#[test]
fn average_pools_are_means_over_windows_and_over_images() {
    let x = numbers(&[2, 3, 4, 5], 0.0);
    let window = Window { kernel: [3, 2], stride: [2, 1], padding: [1, 0] };
    let (mut windows, mut images) = (Vec::new(), Vec::new());
    for (n, c) in (0..6).map(|i| (i / 3, i % 3)) {
        let pixels = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| -> f64 {
            rows.flat_map(|r| columns.clone().map(move |k| (r, k))).map(|(r, k)| x.at(&[n, c, r, k])).sum()
        };
        // Three rows from row −1 on, and from row 1 on: the row outside counts as zeros.
        for rows in [0..2, 1..4] {
            windows.extend((0..4).map(|k| pixels(rows.clone(), k..k + 2) / 6.0));
        }
        images.push(pixels(0..4, 0..5) / 20.0);
    }
    assert_computes(&AvgPool2d(window), &x, &[2, 3, 2, 4], &windows);
    assert_computes(&GlobalAvgPool2d, &x, &[2, 3], &images);
}

#[test]
fn an_embedding_is_a_row_for_each_index_and_its_gradient_counts_the_uses() {
    let layer = Embedding::new(5, 3, 9);
    assert_eq!((names(&layer.params()), layer.weight.shape().dims()), (vec!["weight".to_owned()], &[5, 3][..]));
    let indices = [4, 0, 4, 2];
    let x = Tensor::from([[4.0, 0.0], [4.0, 2.0]]);
    let want: Vec<f64> = indices
        .iter()
        .flat_map(|&i| (0..3).map(move |k| (i, k)))
        .map(|(i, k)| layer.weight.value().at(&[i, k]))
        .collect();
    assert_computes(&layer, &x, &[2, 2, 3], &want);
    let tape = Tape::f64();
    let gradients = layer.forward(tape.constant(&x)).sum().backward().unwrap();
    let uses = [1.0, 0.0, 1.0, 0.0, 2.0];
    assert_eq!(gradients.wrt(&layer.weight).unwrap().to_vec(), uses.map(|n| [n; 3]).concat());

    let (drawn, count) = (Embedding::new(1000, 50, 3).weight.value().to_vec(), 50_000.0);
    let mean = drawn.iter().sum::<f64>() / count;
    let variance = drawn.iter().map(|x| x * x).sum::<f64>() / count - mean * mean;
    assert!(mean.abs() < 5.0 / f64::sqrt(count) && (variance - 1.0).abs() < 5.0 * f64::sqrt(2.0 / count));
    assert_eq!(Embedding::new(1000, 50, 3).weight.value().to_vec(), drawn, "the same seed");
    assert_ne!(Embedding::new(1000, 50, 4).weight.value().to_vec(), drawn, "another seed");
}

#[test]
fn layers_of_pools_sequences_and_volumes_call_what_they_are_named_after() {
    let x = numbers(&[2, 3, 6, 5], 0.4);
    let tape = Tape::f64();
    let v = tape.constant(&x);
    let same = |layer: &dyn Layer, x: Var<'_>, y: Var<'_>| assert_eq!(layer.forward(x).value(), y.value());
    let pool = Pool::square(3).stride(2).ceil_mode();
    same(&MaxPool2dWith(pool.dilation(2)), v, v.max_pool2d_with(&pool.dilation(2)));
    same(&AvgPool2dWith(pool.divisor(2.0)), v, v.avg_pool2d_with(&pool.divisor(2.0)));
    same(&AdaptiveAvgPool2d([4, 2]), v, v.adaptive_avg_pool2d([4, 2]));
    same(&AdaptiveMaxPool2d([4, 2]), v, v.adaptive_max_pool2d([4, 2]));
    let options = Interpolate::size([3, 9]).bicubic();
    same(&Upsample(options), v, v.interpolate(&options));
    let (line, window) = (v.reshape([2, 3, 30]), Window::square(4).stride(3));
    same(&MaxPool1d(window), line, line.max_pool1d(window));
    same(&AvgPool1d(window), line, line.avg_pool1d(window, true));
}

#[test]
fn convolutions_of_sequences_and_volumes_begin_as_in_pytorch_and_have_its_names() {
    let (line, volume) = (Conv1d::new(3, 8, 5, 1), Conv3d::new(2, 8, 3, 1));
    let parts = [(line.params(), vec![8, 3, 5], 15.0), (volume.params(), vec![8, 2, 3, 3, 3], 54.0)];
    for (params, shape, seen) in parts {
        assert_eq!(names(&params), ["weight", "bias"]);
        assert_eq!((params[0].shape().dims(), params[1].shape().dims()), (&shape[..], &[8][..]));
        let bound = f64::sqrt(1.0 / seen);
        let drawn = params[0].value().to_vec();
        let most = drawn.iter().chain(&params[1].value().to_vec()).fold(0.0f64, |most, x| most.max(x.abs()));
        assert!(0.9 * bound < most && most <= bound * (1.0 + 1e-6), "{most} of {bound}");
    }
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[1, 3, 9], 0.1));
    let spec = ConvSpec::default().stride(2).padding(1);
    let by_hand = x.conv1d(tape.watch(&line.weight), Some(tape.watch(&line.bias)), spec);
    assert_eq!(line.with(spec).forward(x).value(), by_hand.value());
    let x = tape.constant(numbers(&[1, 2, 4, 4, 4], 0.1));
    let spec = Conv3dSpec::default().padding(1);
    let by_hand = x.conv3d(tape.watch(&volume.weight), Some(tape.watch(&volume.bias)), spec);
    assert_eq!(volume.with(spec).forward(x).value(), by_hand.value());
}

#[test]
fn prelu_learns_a_slope_for_each_channel_or_one_for_all() {
    let x = numbers(&[2, 3, 4], 0.7);
    let (own, one) = (PRelu::new(3), PRelu::new(1));
    own.weight.set(&Tensor::from([0.1, 0.2, 0.3])).unwrap();
    let slope = |i: usize| [0.1, 0.2, 0.3].map(|a: f64| f64::from(a as f32))[i / 4 % 3];
    let of = |slope: &dyn Fn(usize) -> f64| -> Vec<f64> {
        x.to_vec().iter().enumerate().map(|(i, &x)| if x > 0.0 { x } else { slope(i) * x }).collect()
    };
    assert_computes(&own, &x, &[2, 3, 4], &of(&slope));
    assert_computes(&one, &x, &[2, 3, 4], &of(&|_| 0.25));
    assert_eq!(names(&own.params()), ["weight"]);
}

//! Convolutions that know where they are, against loops over positions, channels and taps.

use wengert::{
    DType, Mode, Param, Tape, Tensor,
    nn::{
        AddCoords, Conv2d, CoordConv, DynamicLocalFilter2d, Lambda, Layer, LearnedMap, LocallyConnected2d,
        LowRankLocallyConnected2d, ScaleMapConv2d, Sequential,
    },
    ops::ConvSpec,
};

use crate::{assert_computes, message, names, numbers};

/// A convolution as a loop: `w` is asked for the weight of observation n, kernel o, row and column of the output, input
/// channel, row and column of the kernel.
fn naive(
    x: &Tensor,
    kernels: [usize; 3],
    spec: ConvSpec,
    w: impl Fn(usize, usize, [usize; 2], [usize; 3]) -> f64,
) -> Vec<f64> {
    let &[n, c_in, height, width] = x.shape().dims() else { panic!("images are needed") };
    let ([c_out, kh, kw], ConvSpec { stride, padding, dilation, .. }) = (kernels, spec);
    let [oh, ow] = spec.output_size([height, width], [kh, kw]).unwrap();
    let mut y = Vec::new();
    for at in 0..n * c_out * oh * ow {
        let (image, o, r, c) = (at / (c_out * oh * ow), at / (oh * ow) % c_out, at / ow % oh, at % ow);
        let mut sum = 0.0;
        for tap in 0..c_in * kh * kw {
            let (i, kr, kc) = (tap / (kh * kw), tap / kw % kh, tap % kw);
            let (row, column) = (r * stride[0] + kr * dilation[0], c * stride[1] + kc * dilation[1]);
            let inside =
                (padding[0]..height + padding[0]).contains(&row) && (padding[1]..width + padding[1]).contains(&column);
            if inside {
                sum += w(image, o, [r, c], [i, kr, kc]) * x.at(&[image, i, row - padding[0], column - padding[1]]);
            }
        }
        y.push(sum);
    }
    y
}

/// Asserts that the layer computes `want` in double precision, and in single precision up to its rounding.
#[track_caller]
fn assert_both(layer: &dyn Layer, x: &Tensor, shape: &[usize], want: &[f64]) {
    assert_computes(layer, x, shape, want);
    let tape = Tape::new();
    let y = layer.forward(tape.constant(x)).value();
    assert_eq!(y.dtype(), DType::F32);
    assert!(y.to_vec().iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-5 * want.abs().max(1.0)));
}

/// A side network that returns these maps, whatever its input is.
fn maps(maps: Tensor) -> impl Layer + Send + Sync {
    Lambda(move |x: wengert::Var<'_>| x.tape().constant(&maps))
}

/// The specifications that the loops are compared for, on images 6x5.
fn specs() -> [ConvSpec; 3] {
    let spec = ConvSpec::default();
    [spec, spec.stride(2).padding(1), ConvSpec { stride: [1, 2], padding: [2, 0], dilation: [2, 1], groups: 1 }]
}

#[test]
fn coordinates_run_from_minus_one_to_one_and_the_radius_is_taken_from_the_center() {
    let x = numbers(&[2, 2, 4, 3], 0.0);
    let mut want = Vec::new();
    for n in 0..2 {
        want.extend_from_slice(&x.to_vec()[24 * n..24 * (n + 1)]);
        let pixels = || (0..12).map(|p| (2.0 * (p / 3) as f64 / 3.0 - 1.0, (p % 3) as f64 - 1.0));
        want.extend(pixels().map(|(i, _)| i));
        want.extend(pixels().map(|(_, j)| j));
        want.extend(pixels().map(|(i, j)| (i * i + j * j).sqrt()));
    }
    assert_both(&AddCoords::new().with_radius(), &x, &[2, 5, 4, 3], &want);
    let two: Vec<f64> = want.chunks(60).flat_map(|image| image[..48].to_vec()).collect();
    assert_both(&AddCoords::new(), &x, &[2, 4, 4, 3], &two);
    assert_both(&AddCoords::new(), &Tensor::from([[[[5.0]]]]), &[1, 3, 1, 1], &[5.0, 0.0, 0.0]);
    let tape = Tape::f64();
    let need = "add_coords: images [n, c, h, w] are needed, but got [2, 3]";
    assert_eq!(message(|| _ = AddCoords::new().forward(tape.constant(numbers(&[2, 3], 0.0)))), need);
}

#[test]
fn a_coord_conv_is_a_convolution_over_the_coordinates_as_well() {
    let (x, spec) = (numbers(&[2, 2, 6, 5], 0.0), ConvSpec::default().stride(2).padding(1));
    let layer = CoordConv::with_coords(AddCoords::new().with_radius(), 2, 3, 3, 7).with(spec);
    let all = { AddCoords::new().with_radius().forward(Tape::f64().constant(&x)).value() };
    let (w, b) = (layer.param("conv.weight").unwrap().value(), layer.param("conv.bias").unwrap().value());
    let want = naive(&all, [3, 3, 3], spec, |_, o, _, [i, r, c]| w.at(&[o, i, r, c]));
    let want: Vec<f64> = want.iter().enumerate().map(|(at, y)| y + b.at(&[at / 9 % 3])).collect();
    assert_both(&layer, &x, &[2, 3, 3, 3], &want);
    assert_eq!(names(&layer.params()), ["conv.weight", "conv.bias"]);
    let net = Sequential::new().named("coord", layer);
    let tape = Tape::f64();
    let shown = net.features(tape.constant(&x), &["coord.conv", "coord"]).unwrap();
    assert_eq!(shown[0].value(), shown[1].value());
}

#[test]
fn a_scaled_convolution_is_one_with_scaled_kernels_at_each_position() {
    let x = numbers(&[2, 3, 6, 5], 0.0);
    for spec in specs() {
        let [oh, ow] = spec.output_size([6, 5], [3, 3]).unwrap();
        // A scale for each position, for each channel of each position, and one for all images.
        for [m, channels] in [[2, 1], [2, 4], [1, 1]] {
            let s = numbers(&[m, channels, oh, ow], 3.0);
            let layer = ScaleMapConv2d::new(3, 4, 3, maps(s.clone()), 5).with(spec);
            let (w, b) = (layer.weight.value(), layer.bias.value());
            let scaled = |n: usize, o: usize, [r, c]: [usize; 2], [i, kr, kc]: [usize; 3]| {
                s.at(&[n % m, o % channels, r, c]) * w.at(&[o, i, kr, kc])
            };
            let want = naive(&x, [4, 3, 3], spec, scaled);
            let want: Vec<f64> = want.iter().enumerate().map(|(at, y)| y + b.at(&[at / (oh * ow) % 4])).collect();
            assert_both(&layer, &x, &[2, 4, oh, ow], &want);
        }
    }
}

#[test]
fn low_rank_kernels_are_mixtures_and_reach_from_one_scale_to_any_kernels() {
    let (x, spec) = (numbers(&[2, 2, 4, 3], 0.0), ConvSpec::default());
    let s = numbers(&[2, 3, 3, 2], 3.0);
    let layer = LowRankLocallyConnected2d::new(2, 2, 2, 3, maps(s.clone()), 5);
    assert_eq!(layer.weight.shape().dims(), [6, 2, 2, 2]);
    let (w, b) = (layer.weight.value(), layer.bias.value());
    let mixed = |n: usize, o: usize, [r, c]: [usize; 2], [i, kr, kc]: [usize; 3]| {
        (0..3).map(|k| s.at(&[n, k, r, c]) * w.at(&[2 * k + o, i, kr, kc])).sum::<f64>()
    };
    let want = naive(&x, [2, 2, 2], spec, mixed);
    let want: Vec<f64> = want.iter().enumerate().map(|(at, y)| y + b.at(&[at / 6 % 2])).collect();
    assert_both(&layer, &x, &[2, 2, 3, 2], &want);

    // Rank 1 is a scale map.
    let s = numbers(&[2, 1, 3, 2], 3.0);
    let one = LowRankLocallyConnected2d::new(2, 2, 2, 1, maps(s.clone()), 5);
    let scaled = ScaleMapConv2d::new(2, 2, 2, maps(s), 5);
    let tape = Tape::f64();
    let image = tape.constant(&x);
    assert_eq!(one.forward(image).value(), scaled.forward(image).value());

    // With a set of kernels for each position, and maps that pick one each, it is the untied layer.
    let untied = LocallyConnected2d::new(2, 2, 2, [4, 3], 9);
    untied.bias.set(&Tensor::zeros([2, 3, 2], DType::F32)).unwrap();
    let pick = Tensor::eye(6, DType::F64).reshape([1, 6, 3, 2]).unwrap();
    let all = LowRankLocallyConnected2d::new(2, 2, 2, 6, maps(pick), 0);
    all.bias.set(&Tensor::zeros([2], DType::F32)).unwrap();
    all.weight.set(&untied.weight.value().reshape([12, 2, 2, 2]).unwrap()).unwrap();
    assert_computes(&all, &x, &[2, 2, 3, 2], &untied.forward(image).value().to_vec());
}

#[test]
fn dynamic_filters_are_what_the_side_network_returns_and_teach_it() {
    let (x, spec) = (numbers(&[2, 2, 6, 5], 0.0), ConvSpec::default().stride(2).padding(1));
    for m in [2, 1] {
        let kernels = numbers(&[m, 3 * 2 * 9, 3, 3], 3.0);
        let layer = DynamicLocalFilter2d::new(2, 3, 3, maps(kernels.clone())).with(spec);
        layer.bias.set(&Tensor::from([0.5, -1.0, 2.0])).unwrap();
        let own = |n: usize, o: usize, [r, c]: [usize; 2], [i, kr, kc]: [usize; 3]| {
            kernels.at(&[n % m, o * 18 + i * 9 + kr * 3 + kc, r, c])
        };
        let want = naive(&x, [3, 3, 3], spec, own);
        let want: Vec<f64> = want.iter().enumerate().map(|(at, y)| y + [0.5, -1.0, 2.0][at / 9 % 3]).collect();
        assert_both(&layer, &x, &[2, 3, 3, 3], &want);
    }
    let layer = DynamicLocalFilter2d::new(2, 3, 3, CoordConv::new(2, 54, 3, 0).with(spec)).with(spec);
    assert_eq!(names(&layer.params()), ["bias", "side.conv.weight", "side.conv.bias"]);
    let tape = Tape::f64();
    let gradients = layer.forward(tape.constant(&x)).square().sum().backward().unwrap();
    let taught = layer.params().iter().all(|param| gradients.wrt(param).unwrap().to_vec().iter().any(|g| *g != 0.0));
    assert!(taught);
}

#[test]
fn an_untied_layer_has_kernels_and_a_bias_at_each_position() {
    let x = numbers(&[2, 3, 6, 5], 0.0);
    for spec in specs() {
        let layer = LocallyConnected2d::with_spec(3, 4, 3, [6, 5], spec, 5);
        let [oh, ow] = spec.output_size([6, 5], [3, 3]).unwrap();
        assert_eq!(layer.weight.shape().dims(), [oh, ow, 4, 3, 3, 3]);
        let (w, b) = (layer.weight.value(), layer.bias.value().to_vec());
        let own = |_: usize, o: usize, [r, c]: [usize; 2], [i, kr, kc]: [usize; 3]| w.at(&[r, c, o, i, kr, kc]);
        let want = naive(&x, [4, 3, 3], spec, own);
        let want: Vec<f64> = want.iter().enumerate().map(|(at, y)| y + b[at % (4 * oh * ow)]).collect();
        assert_both(&layer, &x, &[2, 4, oh, ow], &want);
        let bound = 1.0 / 27f64.sqrt();
        let drawn = w.to_vec();
        let largest = drawn.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        assert!((0.95 * bound..=1.0001 * bound).contains(&largest), "{largest}");
    }
}

#[test]
fn an_untied_layer_is_a_fully_connected_one_whose_matrix_is_masked() {
    let layer = LocallyConnected2d::new(2, 3, 2, [4, 3], 5);
    let (w, b) = (layer.weight.value(), layer.bias.value());
    // Rows: outputs o, r, c. Columns: pixels i, row, column.
    let tap = |at: usize| {
        let (output, pixel) = (at / 24, at % 24);
        let (o, r, c) = (output / 6, output / 2 % 3, output % 2);
        let (i, row, column) = (pixel / 12, pixel / 3 % 4, pixel % 3);
        let reached = (r..r + 2).contains(&row) && (c..c + 2).contains(&column);
        reached.then(|| [r, c, o, i, row - r, column - c])
    };
    let mask = Tensor::from_fn([18, 24], DType::F64, |at| f64::from(tap(at).is_some()));
    // What is masked is not 0 in the matrix itself.
    let matrix = Tensor::from_fn([18, 24], DType::F64, |at| tap(at).map_or(7.0, |tap| w.at(&tap)));
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[5, 2, 4, 3], 0.0));
    let dense = tape.leaf(&matrix);
    let bias = tape.constant(&b).reshape([18]);
    let whole = x.flatten(1).linear(dense * tape.constant(&mask), Some(bias));
    let untied = layer.forward(x);
    let difference = (untied.flatten(1) - whole).abs().amax().item();
    assert!(difference < 1e-14, "{difference}");

    let by_matrix = whole.sin().sum().backward().unwrap().wrt(dense).unwrap().to_vec();
    let by_position = untied.sin().sum().backward().unwrap().wrt(&layer.weight).unwrap().clone();
    for (at, g) in by_matrix.iter().enumerate() {
        let want = tap(at).map_or(0.0, |tap| by_position.at(&tap));
        assert!((g - want).abs() < 1e-13, "entry {at}: {g} and {want}");
    }
}

/// The numbers in parameters that are no bias.
fn weights(layer: &dyn Layer) -> usize {
    layer.params().iter().filter(|p| !p.name().ends_with("bias")).map(|p| p.shape().numel()).sum()
}

#[test]
fn the_numbers_of_weights_are_those_of_the_formulas() {
    // 128 channels to 128, 3x3, on 16x16 positions.
    let spec = ConvSpec::default().padding(1);
    assert_eq!(weights(&Conv2d::new(128, 128, 3, 0).with(spec)), 147_456);
    let scaled = ScaleMapConv2d::new(128, 128, 3, LearnedMap::new([1, 16, 16], 1.0), 0).with(spec);
    assert_eq!(weights(&scaled), 147_712);
    let untied = LocallyConnected2d::with_spec(128, 128, 3, [16, 16], spec, 0);
    assert_eq!(weights(&untied), 37_748_736);
    // The example in the documentation of Keras's LocallyConnected2D, with its biases.
    assert_eq!(LocallyConnected2d::new(3, 64, 3, [32, 32], 0).param_count(), 1_612_800);
}

#[test]
fn a_side_network_is_named_found_shown_and_frozen() {
    let side = Sequential::new().named("coord", CoordConv::new(1, 2, 3, 0));
    let net = Sequential::new().named("local", LowRankLocallyConnected2d::new(1, 4, 3, 2, side, 1));
    let all = ["local.weight", "local.bias", "local.side.coord.conv.weight", "local.side.coord.conv.bias"];
    assert_eq!(names(&net.params()), all);
    net.freeze("local.side").unwrap();
    assert_eq!(names(&net.params().into_iter().filter(Param::trainable).collect::<Vec<_>>()), all[..2]);
    let tape = Tape::f64();
    tape.set_mode(Mode::Eval);
    let x = tape.constant(numbers(&[2, 1, 5, 5], 0.0));
    let shown = net.features(x, &["local.side", "local.side.coord", "local"]).unwrap();
    assert_eq!(shown[0].shape().dims(), [2, 2, 3, 3]);
    assert_eq!(shown[0].value(), shown[1].value());
    assert_eq!(shown[2].value(), net.forward(x).value());
}

#[test]
fn maps_of_another_size_are_refused_by_the_layer_that_needs_them() {
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[2, 1, 5, 5], 0.0));
    let net = Sequential::new().named("local", ScaleMapConv2d::new(1, 4, 3, LearnedMap::new([1, 5, 5], 1.0), 0));
    let place = format!("(in layer local, at tests/layers/location.rs:{}:33)", line!() - 1);
    let need =
        "scale map: the side network must return maps [2 or 1, 1, 3, 3] or [2 or 1, 4, 3, 3], but got [1, 1, 5, 5]";
    assert_eq!(message(|| _ = net.forward(x)), format!("{need} {place}"));
    let low = LowRankLocallyConnected2d::new(1, 4, 3, 2, CoordConv::new(1, 3, 3, 0), 0);
    let need = "low rank: the side network must return maps [2 or 1, 2, 3, 3], but got [2, 3, 3, 3]";
    assert_eq!(message(|| _ = low.forward(x)), need);
    let dynamic = |x| _ = DynamicLocalFilter2d::new(1, 4, 3, Conv2d::new(1, 36, 1, 0)).forward(x);
    let need = "dynamic filter: the side network must return maps [2 or 1, 36, 3, 3], but got [2, 36, 5, 5]";
    assert_eq!(message(|| dynamic(x)), need);
    let small = tape.constant(numbers(&[2, 1, 2, 2], 0.0));
    let need = "output_size: the kernel 3x3 must fit into the image 2x2 padded by [0, 0], but got [2, 2] and [3, 3]";
    assert_eq!(message(|| dynamic(small)), need);
    assert_eq!(message(|| _ = LocallyConnected2d::new(1, 1, 3, [2, 2], 0)), format!("locally connected: {need}"));
    let need = "low rank: the rank is 0, but it must be at least 1";
    assert_eq!(message(|| _ = LowRankLocallyConnected2d::new(1, 4, 3, 0, AddCoords::new(), 0)), need);
    let need = "learned map: maps [c, h, w] are needed, but got [2]";
    assert_eq!(message(|| _ = LearnedMap::from_tensor(&Tensor::from([1.0, 2.0]))), need);
    let none = ConvSpec::default().stride(0).output_size([4, 4], [3, 3]).unwrap_err().to_string();
    assert_eq!(none, "output_size: stride [0, 0] and dilation [1, 1] must be at least 1, but got [4, 4] and [3, 3]");
    let two = Sequential::new().named("two", ScaleMapConv2d::new(1, 4, 3, Twice, 0));
    assert_eq!(message(|| _ = two.forward(x)), "the side network must return one value, but it returned 2");
}

/// x to (x, x).
struct Twice;

impl Layer for Twice {
    fn forward_all<'t>(&self, x: &[wengert::Var<'t>]) -> Vec<wengert::Var<'t>> {
        vec![x[0]; 2]
    }
}

#[test]
fn a_local_convolution_refuses_shapes_that_do_not_fit() {
    let tape = Tape::f64();
    let of = |shape: &[usize]| tape.constant(numbers(shape, 0.0));
    let (x, w, spec) = (of(&[2, 2, 4, 3]), of(&[3, 2, 3, 2, 2, 2]), ConvSpec::default());
    let fails = |need: &str, result: wengert::Result<wengert::Var<'_>>| {
        assert_eq!(result.expect_err("an error").to_string(), format!("local_conv2d: {need}"));
    };
    fails(
        "images [n, c, h, w] and kernels [oh, ow, c_out, c_in, kh, kw] or [n, oh, ow, c_out, c_in, kh, kw] are needed, but \
         got [2, 4, 3] and [3, 2, 3, 2, 2, 2]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis \
         with `.unsqueeze(0)`",
        of(&[2, 4, 3]).try_local_conv2d(w, None, spec),
    );
    fails(
        "groups, here 2, must be 1, but got [2, 2, 4, 3] and [3, 2, 3, 2, 2, 2]",
        x.try_local_conv2d(w, None, spec.groups(2)),
    );
    fails(
        "the 3 channels (axis 1) of the images must be the 2 channels (axis 1) of the kernels times 1 group, which must \
         divide the 3 kernels (axis 0), but got [2, 3, 4, 3] and [3, 2, 2, 2]",
        of(&[2, 3, 4, 3]).try_local_conv2d(w, None, spec),
    );
    fails(
        "kernels for 5x4 positions are needed, but got [2, 2, 4, 3] and [3, 2, 3, 2, 2, 2]",
        x.try_local_conv2d(w, None, spec.padding(1)),
    );
    fails(
        "kernels for each of 2 images are needed, but got [2, 2, 4, 3] and [4, 3, 2, 3, 2, 2, 2]",
        x.try_local_conv2d(of(&[4, 3, 2, 3, 2, 2, 2]), None, spec),
    );
    fails(
        "the bias needs one number for each kernel: [c_out, oh, ow], but got [3, 2, 3, 2, 2, 2] and [3]",
        x.try_local_conv2d(w, Some(of(&[3])), spec),
    );
}

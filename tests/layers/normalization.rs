//! Normalization within each observation, over runs of numbers that a loop lays out.

use wengert::{
    Tensor,
    nn::{GroupNorm, InstanceNorm, Layer, LayerNorm},
};

use crate::{assert_computes, names, numbers};

/// The numbers of x, each run of `length` with mean 0 and variance 1; then γ and β of the place that `of` names.
fn normalized(
    x: &Tensor,
    length: usize,
    epsilon: f64,
    scale: &[f64],
    shift: &[f64],
    of: impl Fn(usize) -> usize,
) -> Vec<f64> {
    let runs = x.to_vec();
    let standard = runs.chunks(length).flat_map(|run| {
        let mean = run.iter().sum::<f64>() / length as f64;
        let variance = run.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / length as f64;
        run.iter().map(move |x| (x - mean) / (variance + epsilon).sqrt()).collect::<Vec<_>>()
    });
    standard.enumerate().map(|(i, x)| scale[of(i)] * x + shift[of(i)]).collect()
}

/// Gives a layer other parameters than those it starts from, which are 1 and 0, and returns them.
fn scale_and_shift(layer: &dyn Layer) -> (Vec<f64>, Vec<f64>) {
    let params = layer.params();
    assert_eq!(names(&params), ["weight", "bias"]);
    let (weight, bias) = (&params[0], &params[1]);
    assert!(weight.value().to_vec().iter().all(|&w| w == 1.0) && bias.value().to_vec().iter().all(|&b| b == 0.0));
    assert!(weight.decays() && !bias.decays());
    let count = weight.shape().numel();
    // Halves and quarters are the same in both precisions.
    let (scale, shift) = ((0..count).map(|k| 0.5 + k as f64), (0..count).map(|k| 0.25 * k as f64 - 1.0));
    let (scale, shift): (Vec<f64>, Vec<f64>) = (scale.collect(), shift.collect());
    weight.set(&Tensor::from_vec(scale.clone(), weight.shape()).unwrap()).unwrap();
    bias.set(&Tensor::from_vec(shift.clone(), bias.shape()).unwrap()).unwrap();
    (scale, shift)
}

#[test]
fn layer_norm_is_over_the_last_axes() {
    let x = numbers(&[2, 3, 4], 0.0);
    let layer = LayerNorm::new([4]);
    let (scale, shift) = scale_and_shift(&layer);
    assert_computes(&layer, &x, &[2, 3, 4], &normalized(&x, 4, 1e-5, &scale, &shift, |i| i % 4));
    let layer = LayerNorm { epsilon: 0.5, ..LayerNorm::new([3, 4]) };
    let (scale, shift) = scale_and_shift(&layer);
    assert_computes(&layer, &x, &[2, 3, 4], &normalized(&x, 12, 0.5, &scale, &shift, |i| i % 12));
}

#[test]
fn group_norm_is_over_runs_of_channels_and_their_pixels() {
    let x = numbers(&[2, 6, 2, 3], 0.0);
    let layer = GroupNorm::new(2, 6);
    let (scale, shift) = scale_and_shift(&layer);
    assert_computes(&layer, &x, &[2, 6, 2, 3], &normalized(&x, 3 * 6, 1e-5, &scale, &shift, |i| i / 6 % 6));
    let features = numbers(&[2, 6], 1.0);
    assert_computes(&layer, &features, &[2, 6], &normalized(&features, 3, 1e-5, &scale, &shift, |i| i % 6));
}

#[test]
fn instance_norm_is_over_the_pixels_of_a_channel_and_has_parameters_if_asked() {
    let x = numbers(&[2, 3, 2, 4], 0.0);
    let layer = InstanceNorm::new(3);
    assert_eq!(names(&layer.tensors()), [""; 0]);
    assert_computes(&layer, &x, &[2, 3, 2, 4], &normalized(&x, 8, 1e-5, &[1.0], &[0.0], |_| 0));
    let layer = layer.affine();
    let (scale, shift) = scale_and_shift(&layer);
    assert_computes(&layer, &x, &[2, 3, 2, 4], &normalized(&x, 8, 1e-5, &scale, &shift, |i| i / 8 % 3));
    let sequence = numbers(&[2, 3, 5], 1.0);
    assert_computes(&layer, &sequence, &[2, 3, 5], &normalized(&sequence, 5, 1e-5, &scale, &shift, |i| i / 5 % 3));
}

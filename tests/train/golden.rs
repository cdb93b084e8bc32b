//! The run of the third tutorial against the same run in PyTorch.

use wengert::DType;
use wengert::Tensor;
use wengert::nn::{BatchNorm, Conv2d, Elu, Flatten, Layer, Linear, Sequential};
use wengert::optim::{Decay, Sgd};
use wengert::train::Trainer;

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

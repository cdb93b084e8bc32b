//! Sixty steps of the ELU run in double precision, from given weights, against PyTorch's losses and parameters.
//!
//! Reads `golden/elu_run.safetensors` and `data/mnist` below the folder that `WENGERT_SHARED` names.

#[path = "../tutorials/03_elu_digits/elu.rs"]
mod elu;

use std::path::PathBuf;

use wengert::{
    DType, Mode, Param, Rule, Tape, Tensor,
    data::mnist,
    io::load_tensors,
    nn::{BatchNorm, Conv2d, Flatten, Init, Layer, Linear, Sequential},
    optim::{Decay, Optimizer, Sgd},
};

/// The folder of reference values; without it, a visible message that the test is skipped.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("WENGERT_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: WENGERT_SHARED does not name the folder of reference values");
    }
    folder
}

struct Golden(Vec<(String, Tensor)>);

impl Golden {
    fn get(&self, name: &str) -> Tensor {
        self.0.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no reference value {name}")).1.clone()
    }
}

/// The names of the reference values and ours.
const NAMES: [(&str, &str); 7] = [
    ("conv_w", "conv.weight"),
    ("conv_b", "conv.bias"),
    ("gamma", "norm.weight"),
    ("beta", "norm.bias"),
    ("alpha", "elu.alpha"),
    ("fc_w", "fc.weight"),
    ("fc_b", "fc.bias"),
];

fn network(golden: &Golden) -> Sequential {
    let zero = Init::Constant(0.0);
    let net = Sequential::new()
        .named("conv", Conv2d::with_init(1, 20, 5, zero, 0))
        .named("norm", BatchNorm::new(20))
        .named("elu", elu::EluLayer::new(20, 0))
        .named("flatten", Flatten)
        .named("fc", Linear::with_init(11_520, 10, zero, 0));
    for param in net.tensors() {
        param.cast(DType::F64);
        if let Some((theirs, _)) = NAMES.iter().find(|n| n.1 == param.name()) {
            param.set(&golden.get(&format!("start/{theirs}"))).unwrap();
        }
    }
    net
}

/// The 5000 images minus their mean, in double precision, and their labels.
fn images(shared: &std::path::Path) -> (Vec<f64>, Vec<usize>) {
    let (train, _) = mnist::load_first(shared.join("data/mnist"), 5000, 1).unwrap();
    let mut pixels: Vec<f64> = train.images().iter().map(|&p| (f64::from(p) * 255.0).round() / 255.0).collect();
    let size = train.image_len();
    let mut mean = vec![0.0; size];
    for image in pixels.chunks(size) {
        mean.iter_mut().zip(image).for_each(|(m, p)| *m += p);
    }
    mean.iter_mut().for_each(|m| *m /= train.len() as f64);
    for image in pixels.chunks_mut(size) {
        image.iter_mut().zip(&mean).for_each(|(p, m)| *p -= m);
    }
    (pixels, train.labels().to_vec())
}

fn run(golden: &Golden, (pixels, labels): &(Vec<f64>, Vec<usize>), rule: Rule) -> (Vec<f64>, Vec<Param>) {
    let net = network(golden);
    let mut sgdm = Sgd::new(&net.params(), 0.01).unwrap().momentum(0.9).unwrap().decay(Decay::Weights(1e-4)).unwrap();
    let mut tape = Tape::f64();
    let losses = (0..60).map(|step| {
        tape.reset();
        tape.set_rule(rule);
        tape.set_mode(Mode::Train);
        let rows = (step % 39) * 128..(step % 39 + 1) * 128;
        let batch = Tensor::from_slice(&pixels[rows.start * 784..rows.end * 784], [128, 1, 28, 28]).unwrap();
        let loss = net.forward(tape.constant(batch)).cross_entropy(&labels[rows]);
        sgdm.step(&loss.backward().unwrap()).unwrap();
        loss.item()
    });
    (losses.collect(), net.params())
}

fn assert_relative(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    let scale = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * scale, "{what}[{i}] is {g}, PyTorch has {w}");
    }
    assert_eq!(got.len(), want.len(), "{what}");
}

#[test]
fn golden_elu_run_follows_pytorch_with_either_rule() {
    let Some(shared) = shared() else { return };
    let golden = Golden(load_tensors(shared.join("golden/elu_run.safetensors")).unwrap());
    let data = images(&shared);
    let [manual, taped] = [Rule::Manual, Rule::Tape].map(|rule| run(&golden, &data, rule));
    for (rule, (losses, params)) in [("manual", &manual), ("tape", &taped)] {
        let want = golden.get("losses").to_vec();
        for (step, (loss, want)) in losses.iter().zip(&want).enumerate() {
            assert!((loss / want - 1.0).abs() < 1e-9, "{rule}: the loss of step {step} is {loss}, PyTorch has {want}");
        }
        for (theirs, ours) in NAMES {
            let param = params.iter().find(|p| p.name() == ours).unwrap();
            let want = golden.get(&format!("after60/{theirs}")).to_vec();
            if ours == "conv.bias" {
                // Batch norm subtracts the mean, so a bias before it has gradient 0: what is there is rounding.
                let rounding = |values: &[f64]| values.iter().all(|v| v.abs() < 1e-14);
                assert!(rounding(&want) && rounding(&param.value().to_vec()), "{rule}: conv.bias is not 0");
                continue;
            }
            assert_relative(&format!("{rule}: {ours}"), &param.value().to_vec(), &want, 1e-9);
        }
    }
    for (step, (a, b)) in manual.0.iter().zip(&taped.0).enumerate() {
        assert!((a / b - 1.0).abs() < 1e-12, "step {step}: {a} by hand, {b} by the tape");
    }
}

//! What is right passes.

use wengert::{
    Tensor, Var,
    check::{self, Fault},
    functional,
    nn::{
        AvgPool2d, BatchNorm, BilinearPooling, Celu, Conv2d, Dropout, Elu, Embedding, FixedElu, Flatten, Gelu,
        GlobalAvgPool2d, GroupNorm, Hardswish, InstanceNorm, L2Normalize, Lambda, Layer, LayerNorm, LeakyRelu, Linear,
        LogSigmoid, LogSoftmax, MaxPool2d, Mish, Relu, Residual, Selu, Sequential, Sigmoid, SignedSqrt, Silu, Softmax,
        Softplus, Tanh, UpperTriangle,
    },
    ops::Window,
};

#[test]
fn every_operation_passes() {
    let mut alarms = Vec::new();
    for sample in functional::table().into_iter().filter(|sample| sample.differentiable) {
        let report = check::closure(|x| sample.run(x), &sample.inputs).named(&sample.name).run().unwrap();
        if !report.passed() || report.verdicts.iter().any(|v| !v.fault.is_remark()) {
            alarms.push(report.to_string());
        }
    }
    assert!(alarms.is_empty(), "{} alarms:\n{}", alarms.len(), alarms.join("\n\n"));
}

fn assert_sound(layer: &dyn Layer, shapes: &[&[usize]]) {
    let report = check::check_layer(layer, shapes).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.verdicts.iter().all(|v| v.fault.is_remark()), "{report}");
}

#[test]
fn every_layer_passes() {
    assert_sound(&Linear::new(4, 3, 0), &[&[4]]);
    assert_sound(&Conv2d::new(2, 3, 3, 0), &[&[2, 5, 6]]);
    assert_sound(&BatchNorm::new(3), &[&[3, 4, 2]]);
    assert_sound(&Elu::new(3, 0), &[&[3], &[3, 4, 2]]);
    let activations: [&dyn Layer; 15] = [
        &Relu,
        &Tanh,
        &Sigmoid,
        &LogSigmoid,
        &Softplus,
        &Gelu,
        &Silu,
        &Mish,
        &Hardswish,
        &Selu,
        &LeakyRelu(0.1),
        &FixedElu(0.7),
        &Celu::new(0.7),
        &Softmax(-1),
        &LogSoftmax(1),
    ];
    for activation in activations {
        assert_sound(activation, &[&[5], &[2, 3, 3]]);
    }
    assert_sound(&Flatten, &[&[2, 3, 3]]);
    assert_sound(&MaxPool2d(Window::square(2)), &[&[2, 4, 4]]);
    assert_sound(&AvgPool2d(Window::square(3).stride(2).padding(1)), &[&[2, 4, 5]]);
    assert_sound(&GlobalAvgPool2d, &[&[2, 3, 4]]);
    assert_sound(&LayerNorm::new([4]), &[&[4], &[3, 4]]);
    assert_sound(&GroupNorm::new(2, 6), &[&[6], &[6, 2, 3]]);
    assert_sound(&InstanceNorm::new(3), &[&[3, 5], &[3, 2, 3]]);
    assert_sound(&InstanceNorm::new(3).affine(), &[&[3, 5], &[3, 2, 3]]);
    assert_sound(&BilinearPooling::new(), &[&[2, 3, 3]]);
    assert_sound(&BilinearPooling::new().centered(), &[&[2, 3, 3]]);
    assert_sound(&UpperTriangle, &[&[3, 3]]);
    assert_sound(&SignedSqrt, &[&[5], &[2, 3, 3]]);
    assert_sound(&L2Normalize, &[&[5], &[3, 3]]);
    assert_sound(&Residual::new(Sequential::new().then(Linear::new(4, 4, 0)).then(Tanh)), &[&[4]]);
    assert_sound(&Lambda(|x| x.sin() * x), &[&[4], &[2, 3]]);
    assert_sound(&Dropout::new(0.5, 3), &[&[6]]);
    let net = Sequential::new()
        .then(Conv2d::new(1, 4, 3, 0))
        .then(BatchNorm::new(4))
        .then(Elu::new(4, 1))
        .then(Flatten)
        .then(Linear::new(4 * 16, 3, 2));
    assert_sound(&net, &[&[1, 6, 6]]);
}

#[test]
fn the_rows_of_an_embedding_pass() {
    let layer = Embedding::new(4, 3, 0);
    let inputs = [Tensor::from([[3.0, 0.0, 3.0], [1.0, 1.0, 3.0]]), layer.weight.value()];
    let rows = check::closure(
        |x| {
            x[0].tape().bind(&layer.weight, x[1]).unwrap();
            layer.forward(x[0])
        },
        &inputs,
    );
    let report = rows.constant(0).run().unwrap();
    assert!(report.passed() && report.verdicts.iter().all(|v| v.fault.is_remark()), "{report}");
}

#[test]
fn kinks_are_reported_and_are_not_faults() {
    let zero = [Tensor::from([0.0, 1.0, -1.0, 0.0])];
    let report = check::gradcheck(|x| x[0].relu(), &zero).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.verdicts.iter().map(|v| v.fault.clone()).collect::<Vec<_>>(), [Fault::Kink]);
    println!("{report}");
}

#[test]
fn ties_of_max_and_borders_of_clamp_are_kinks() {
    let remarks = |f: for<'t> fn(&[Var<'t>]) -> Var<'t>, inputs: &[Tensor]| {
        let report = check::gradcheck(f, inputs).unwrap();
        assert!(report.passed(), "{report}");
        assert!(report.verdicts.iter().all(|v| v.fault == Fault::Kink), "{report}");
        report.gradients.iter().flat_map(|g| g.special.iter().map(|s| s.index)).collect::<Vec<_>>()
    };
    let ties = [Tensor::from([1.0, 2.0, 3.0]), Tensor::from([1.0, 0.5, 3.0])];
    assert_eq!(remarks(|x| x[0].max(x[1]), &ties), [0, 2, 0, 2]);
    let row = [Tensor::from([2.0, 0.3, 2.0, 1.0])];
    assert_eq!(remarks(|x| x[0].amax_axes(&[0], false), &row), [0, 2]);
    let borders = [Tensor::from([-1.0, 0.2, 2.0, 3.0])];
    assert_eq!(remarks(|x| x[0].clamp(-1.0, 2.0), &borders), [0, 2]);
    assert_eq!(remarks(|x| x[0].abs(), &[Tensor::from([0.0, 1.0])]), [0]);
}

//! What is right passes.

use wengert::{
    check::{self, Fault},
    functional,
    nn::{BatchNorm, Conv2d, Dropout, Elu, Flatten, Layer, Linear, MaxPool2d, Relu, Sequential, Tanh},
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
    assert_sound(&Relu, &[&[5], &[2, 3, 3]]);
    assert_sound(&Tanh, &[&[5], &[2, 3, 3]]);
    assert_sound(&Flatten, &[&[2, 3, 3]]);
    assert_sound(&MaxPool2d(Window::square(2)), &[&[2, 4, 4]]);
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
fn kinks_are_reported_and_are_not_faults() {
    let zero = [wengert::Tensor::from([0.0, 1.0, -1.0, 0.0])];
    let report = check::gradcheck(|x| x[0].relu(), &zero).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.verdicts.iter().map(|v| v.fault.clone()).collect::<Vec<_>>(), [Fault::Kink]);
    println!("{report}");
}

#[test]
fn ties_of_max_and_borders_of_clamp_are_kinks() {
    let remarks = |f: for<'t> fn(&[wengert::Var<'t>]) -> wengert::Var<'t>, inputs: &[wengert::Tensor]| {
        let report = check::gradcheck(f, inputs).unwrap();
        assert!(report.passed(), "{report}");
        assert!(report.verdicts.iter().all(|v| v.fault == Fault::Kink), "{report}");
        report.gradients.iter().flat_map(|g| g.special.iter().map(|s| s.index)).collect::<Vec<_>>()
    };
    let ties = [wengert::Tensor::from([1.0, 2.0, 3.0]), wengert::Tensor::from([1.0, 0.5, 3.0])];
    assert_eq!(remarks(|x| x[0].max(x[1]), &ties), [0, 2, 0, 2]);
    let row = [wengert::Tensor::from([2.0, 0.3, 2.0, 1.0])];
    assert_eq!(remarks(|x| x[0].amax_axes(&[0], false), &row), [0, 2]);
    let borders = [wengert::Tensor::from([-1.0, 0.2, 2.0, 3.0])];
    assert_eq!(remarks(|x| x[0].clamp(-1.0, 2.0), &borders), [0, 2]);
    assert_eq!(remarks(|x| x[0].abs(), &[wengert::Tensor::from([0.0, 1.0])]), [0]);
}

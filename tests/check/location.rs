//! Convolutions with kernels that depend on the position: the derivatives by hand that the tutorial shows, and those of
//! the layers.

#[path = "../../tutorials/08_caffe_questions/local_rules.rs"]
mod local_rules;

use local_rules::{LocalConv, ScaleMap};
use wengert::{
    Backward, DType, Tensor, Var, assert_layer_ok, check,
    nn::{
        AddCoords, Conv2d, CoordConv, DynamicLocalFilter2d, LearnedMap, LocallyConnected2d, LowRankLocallyConnected2d,
        ScaleMapConv2d, Sequential, Softmax,
    },
    ops::ConvSpec,
};

use crate::hand::hand;

fn numbers<const N: usize>(shape: [usize; N], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin())
}

/// Images, kernels and a map, for a convolution with stride 2 and padding 1.
fn scaled() -> ([Tensor; 3], ConvSpec) {
    let inputs = [numbers([2, 2, 5, 4], 0.0), numbers([3, 2, 3, 2], 1.0), numbers([2, 1, 3, 3], 2.0)];
    (inputs, ConvSpec::default().stride(2).padding(1))
}

#[test]
fn the_rules_by_hand_agree_with_the_tape_and_with_differences() {
    let (inputs, spec) = scaled();
    let report = check::function(ScaleMap(spec), &inputs).run().unwrap();
    assert!(report.passed(), "{report}");

    let (x, bias) = (numbers([2, 2, 4, 3], 0.0), numbers([3, 3, 2], 2.0));
    let shared = [x.clone(), numbers([3, 2, 3, 2, 2, 2], 1.0), bias.clone()];
    let report = check::function(LocalConv(ConvSpec::default()), &shared).run().unwrap();
    assert!(report.passed(), "{report}");
    let of_each_image = [x, numbers([2, 3, 2, 3, 2, 2, 2], 1.0), bias];
    let report = check::function(LocalConv(ConvSpec::default()), &of_each_image).run().unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn a_rule_that_forgets_the_scale_in_the_gradient_of_the_kernels_is_told_so() {
    let (inputs, _) = scaled();
    let rule = hand(
        |x| vec![x[0].conv2d(x[1], None, ConvSpec::default().stride(2).padding(1)) * x[2]],
        |Backward { x, dz, .. }| {
            let columns = x[0].unfold([3, 2], ConvSpec::default().stride(2).padding(1));
            let dw = Var::einsum("nop,nkp->ok", &[dz[0].flatten(2), columns]).reshape(x[1].shape());
            let scaled = (dz[0] * x[2]).flatten(2);
            let dx = Var::einsum("ok,nop->nkp", &[x[1].flatten(1), scaled]);
            let u = x[0].conv2d(x[1], None, ConvSpec::default().stride(2).padding(1));
            let dx = dx.fold([2, 2, 5, 4], [3, 2], ConvSpec::default().stride(2).padding(1));
            vec![Some(dx), Some(dw), Some((dz[0] * u).sum_axes(&[1], true))]
        },
    );
    let report = check::function(rule, &inputs).run().unwrap();
    assert!(!report.passed());
    let sentence = "a factor is missing: input 2";
    assert_eq!(report.verdict().unwrap().fault.to_string(), sentence);
}

#[test]
fn the_layers_pass_the_check() {
    assert_layer_ok!(AddCoords::new().with_radius(), [2, 3, 4]);
    assert_layer_ok!(CoordConv::new(2, 3, 2, 0), [2, 3, 4]);
    assert_layer_ok!(ScaleMapConv2d::new(2, 3, 2, CoordConv::new(2, 1, 2, 1), 0), [2, 3, 4]);
    assert_layer_ok!(ScaleMapConv2d::new(2, 3, 2, LearnedMap::new([3, 2, 3], 0.5), 0), [2, 3, 4]);
    let side = Sequential::new().then(Conv2d::new(2, 3, 2, 1)).then(Softmax(1));
    assert_layer_ok!(LowRankLocallyConnected2d::new(2, 2, 2, 3, side, 0), [2, 3, 4]);
    assert_layer_ok!(DynamicLocalFilter2d::new(2, 2, 2, CoordConv::new(2, 16, 2, 1)), [2, 3, 4]);
    assert_layer_ok!(LocallyConnected2d::new(2, 2, 2, [3, 4], 0), [2, 3, 4]);
}

//! The programs that answer questions about Caffe: their layers have right gradients, the published wrong ones get their
//! verdicts, and what they call equal is equal.

#[allow(unused_macros, clippy::duplicate_mod, reason = "for the programs, which print in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_conv_as_fc.rs"]
mod conv_as_fc;
#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_dice_loss.rs"]
mod dice_loss;
#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_euclidean_loss.rs"]
mod euclidean_loss;
#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_features.rs"]
mod features;
#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_momentum.rs"]
mod momentum;
#[allow(dead_code, reason = "the programs are used in part")]
#[path = "../examples/caffe_smooth_l1_loss.rs"]
mod smooth_l1_loss;

use dice_loss::Dice;
use euclidean_loss::EuclideanLoss;
use smooth_l1_loss::SmoothL1;
use wengert::{
    DType, Function, Param, Rule, Tape, Tensor, Var,
    check::{self, Fault, Report},
    nn::{Conv2d, Layer, Linear},
};

fn assert_passed(report: &Report) {
    assert!(report.passed() && report.verdict().is_none(), "{report}");
}

/// A loss and its gradient with respect to the first input, the others being constant.
fn of_first(function: impl Function + 'static, x: &[Tensor], rule: Rule) -> (f64, Vec<f64>) {
    let tape = Tape::f64();
    tape.set_rule(rule);
    let first = tape.leaf(&x[0]);
    let all: Vec<Var> = [first].into_iter().chain(x[1..].iter().map(|x| tape.constant(x))).collect();
    let loss = tape.apply(function, &all).unwrap()[0];
    (loss.item(), (loss * 3.0).backward().unwrap().wrt(first).unwrap().to_vec())
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-14, "{a} and {b}");
    }
}

#[test]
fn the_losses_pass_and_are_their_formulas_under_both_rules() {
    let pair = euclidean_loss::pair();
    assert_passed(&check::function(EuclideanLoss { published: false }, &pair).run().unwrap());
    let region = dice_loss::region();
    for form in [Dice::Sums, Dice::Squares] {
        assert_passed(&check::function(form, &region).run().unwrap());
        assert_passed(&check::function(form, &region).constant(1).run().unwrap());
    }
    let boxes = smooth_l1_loss::boxes();
    for sigma in [1.0, 3.0] {
        assert_passed(&check::function(SmoothL1 { sigma }, &boxes).constant(2).constant(3).run().unwrap());
    }
    for rule in [Rule::Manual, Rule::Tape] {
        let (p, t) = (pair[0].to_vec(), pair[1].to_vec());
        let (loss, slope) = of_first(EuclideanLoss { published: false }, &pair, rule);
        let square: f64 = p.iter().zip(&t).map(|(p, t)| (p - t).powi(2)).sum();
        assert_close(&[loss], &[square / 6.0]);
        assert_close(&slope, &p.iter().zip(&t).map(|(p, t)| 3.0 * (p - t) / 3.0).collect::<Vec<_>>());

        let (p, g) = (region[0].to_vec(), region[1].to_vec());
        let sum = |f: &dyn Fn(f64, f64) -> f64| p.iter().zip(&g).map(|(p, g)| f(*p, *g)).sum::<f64>();
        let (shared, size, squares) = (sum(&|p, g| p * g), sum(&|p, g| p + g), sum(&|p, g| p * p + g * g));
        let dice = (2.0 * shared + 1.0) / (size + 1.0);
        let (loss, slope) = of_first(Dice::Sums, &region, rule);
        assert_close(&[loss], &[1.0 - dice]);
        assert_close(&slope, &g.iter().map(|g| 3.0 * (dice - 2.0 * g) / (size + 1.0)).collect::<Vec<_>>());
        let (loss, slope) = of_first(Dice::Squares, &region, rule);
        assert_close(&[loss], &[1.0 - 2.0 * shared / squares]);
        let of = |(p, g): (&f64, &f64)| -6.0 * (g * squares - 2.0 * p * shared) / (squares * squares);
        assert_close(&slope, &p.iter().zip(&g).map(of).collect::<Vec<_>>());

        let [p, t, inside, outside] = [0, 1, 2, 3].map(|k: usize| boxes[k].to_vec());
        let (loss, slope) = of_first(SmoothL1 { sigma: 2.0 }, &boxes, rule);
        let each = |i: usize| {
            let x: f64 = inside[i] * (p[i] - t[i]);
            let near = x.abs() < 0.25;
            let value = if near { 0.5 * 4.0 * x * x } else { x.abs() - 0.125 };
            let slope = if near { 4.0 * x } else { x.signum() };
            (outside[i] * value / 3.0, 3.0 * outside[i] * inside[i] * slope / 3.0)
        };
        assert_close(&[loss], &[(0..12).map(|i| each(i).0).sum::<f64>()]);
        assert_close(&slope, &(0..12).map(|i| each(i).1).collect::<Vec<_>>());
    }
}

#[test]
fn the_published_mistakes_get_their_verdicts() {
    let report = check::function(EuclideanLoss { published: true }, &euclidean_loss::pair()).run().unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::UpstreamIgnored);
    let report = check::function(Dice::Mixed, &dice_loss::region()).constant(1).run().unwrap();
    let verdict = report.verdict().unwrap().fault.to_string();
    assert_eq!(verdict, "a factor too many: the result of `mul`", "2p, in 2pD where D belongs");
    // The mask wants no gradient in practice; if it does, the fault is found for both.
    let both = check::function(Dice::Mixed, &dice_loss::region()).run().unwrap();
    assert!(!both.passed());
}

#[test]
fn a_target_that_wants_no_gradient_costs_nothing_in_backward() {
    let work = |target_too: bool| {
        let tape = Tape::f64();
        let [p, t] = euclidean_loss::pair();
        let p = tape.leaf(p);
        let t = if target_too { tape.leaf(t) } else { tape.constant(t) };
        let loss = tape.apply(EuclideanLoss { published: false }, &[p, t]).unwrap()[0];
        let before = tape.len();
        tape.grad(loss, &[p, t][..1 + usize::from(target_too)]).unwrap();
        tape.nodes().skip(before).filter(|node| node.op == "mul").count()
    };
    assert_eq!((work(false), work(true)), (2, 4));
}

#[test]
fn the_forms_of_momentum_are_their_formulas_and_differ_once_the_rate_changes() {
    let constant = [0.1; 8];
    let falling = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.02, 0.02];
    for rates in [constant, falling] {
        for name in ["MATLAB", "Caffe", "PyTorch", "Nesterov"] {
            assert_close(&momentum::published(name, &rates), &momentum::by_library(name, &rates).unwrap());
        }
        assert_close(&momentum::published("MATLAB", &rates), &momentum::published("Caffe", &rates));
    }
    let (caffe, torch) = (momentum::published("Caffe", &falling), momentum::published("PyTorch", &falling));
    assert_close(&caffe[..3], &torch[..3]);
    assert!(caffe[3..].iter().zip(&torch[3..]).all(|(a, b)| (a - b).abs() > 1e-2), "{caffe:?} and {torch:?}");
    assert_close(&momentum::published("Caffe", &constant), &momentum::published("PyTorch", &constant));
    assert!((momentum::published("Nesterov", &constant)[0] - caffe[0]).abs() > 1e-2, "a different method");
}

#[test]
fn a_convolution_with_a_kernel_of_the_whole_image_is_a_fully_connected_layer() {
    for (c, size, outputs) in [(1, 1, 1), (3, 4, 5), (2, 7, 3)] {
        let fc = conv_as_fc::layer(c * size * size, outputs).unwrap();
        let conv = conv_as_fc::as_convolution(&fc, c, size).unwrap();
        assert_equal(&fc, &conv, &[2, c, size, size], |x, fc| fc.forward(x.flatten(1)), |y| y.flatten(1));
    }
}

#[test]
fn a_convolution_1x1_is_a_fully_connected_layer_at_each_pixel() {
    let fc = conv_as_fc::layer(3, 5).unwrap();
    let conv = conv_as_fc::as_convolution(&fc, 3, 1).unwrap();
    let pixels = |x: Var<'_>, fc: &Linear| fc.forward(x.permute(&[0, 2, 3, 1])).permute(&[0, 3, 1, 2]).index();
    let by_index = |x: Var<'_>, fc: &Linear| x.tape().var(pixels(x, fc)).value();
    let tape = Tape::new();
    let x = tape.constant(conv_as_fc::exact(&[2, 3, 4, 6], 7));
    assert_eq!(by_index(x, &fc), conv.forward(x).value());
    assert_equal(&fc, &conv, &[2, 3, 4, 6], |x, fc| fc.forward(x.permute(&[0, 2, 3, 1])).permute(&[0, 3, 1, 2]), |y| y);
}

/// Asserts that both layers have the same outputs and the same gradients, bit for bit, on numbers whose sums are exact.
fn assert_equal(
    fc: &Linear,
    conv: &Conv2d,
    shape: &[usize],
    dense: impl for<'t> Fn(Var<'t>, &Linear) -> Var<'t>,
    mapped: impl for<'t> Fn(Var<'t>) -> Var<'t>,
) {
    let gradients = |y: Var<'_>, x: Var<'_>, params: &[&Param]| {
        let upstream = y.tape().constant(conv_as_fc::exact(y.shape().dims(), 11));
        let found = (y * upstream).sum().backward().unwrap();
        let of_params = params.iter().map(|param| found.wrt(*param).unwrap().to_vec());
        [found.wrt(x).unwrap().to_vec()].into_iter().chain(of_params).collect::<Vec<_>>()
    };
    let tape = Tape::new();
    let x = tape.leaf(conv_as_fc::exact(shape, 7));
    let (a, b) = (dense(x, fc), mapped(conv.forward(x)));
    assert_eq!(a.value(), b.value());
    assert_eq!(gradients(a, x, &[&fc.weight, &fc.bias]), gradients(b, x, &[&conv.weight, &conv.bias]));
}

#[test]
fn features_cost_the_layers_before_them_and_frozen_layers_no_gradient() {
    let net = features::alexnet("fc8", 10, 0).unwrap();
    let layers = |name: &str| {
        let tape = Tape::new();
        net.features(tape.constant(features::images()), &[name]).unwrap();
        tape.nodes().filter(|node| !matches!(&*node.op, "leaf" | "constant")).map(|node| node.layer).collect::<Vec<_>>()
    };
    let all: Vec<&str> = net.children().into_iter().map(|(name, _)| name).collect();
    for (k, value) in net.values()[1..].iter().enumerate() {
        assert_eq!(layers(value), all[..=k], "up to {value}");
    }
    let mut work = vec![features::gradient_work(&net).unwrap()];
    for layer in ["conv1", "conv2", "fc6", "fc7"] {
        net.freeze(layer).unwrap();
        work.push(features::gradient_work(&net).unwrap());
    }
    assert!(work.windows(2).all(|pair| pair[1] < pair[0]), "{work:?}");
    net.freeze("fc8").unwrap();
    let tape = Tape::new();
    assert!(!net.forward(tape.constant(features::images())).needs_grad());
    assert_eq!(net.param("fc7.bias").unwrap().dtype(), DType::F32);
}

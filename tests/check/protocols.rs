//! The protocols of MATLAB, Caffe, PyTorch and JAX on this crate: each port is right, and behaves like its original.

#[path = "../../examples/protocols/caffe/mod.rs"]
mod caffe;
#[path = "../../examples/protocols/jax.rs"]
mod jax;
#[path = "../../examples/protocols/matlab/mod.rs"]
mod matlab;
#[path = "../../examples/protocols/torch.rs"]
mod torch;

use wengert::{
    DType, Function, Mode, Param, Rule, Shape, Tape, Tensor, Var,
    check::{self, Fault, Report},
    nn::Layer,
    optim::{Decay, Group, Optimizer, Sgd},
};

fn assert_passed(report: &Report) {
    assert!(report.passed(), "{report}");
    assert!(report.verdicts.iter().all(|v| v.fault.is_remark()), "{report}");
}

/// Numbers between −2 and 2, none near 0.
fn numbers(shape: &[usize], shift: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| {
        let x = 2.0 * (shift + 2.3 * i as f64).sin();
        x + 0.1f64.copysign(x)
    })
}

/// The gradients of a function under a rule, for an upstream gradient that differs everywhere.
fn gradients(function: impl Function + 'static, at: &[Tensor], rule: Rule) -> Vec<Vec<f64>> {
    let tape = Tape::f64();
    tape.set_rule(rule);
    let x: Vec<Var<'_>> = at.iter().map(|x| tape.leaf(x)).collect();
    let z = tape.apply(function, &x).unwrap();
    let terms = z.iter().enumerate().map(|(k, z)| {
        let shape = z.shape();
        (*z * tape.constant(numbers(shape.dims(), 0.3 + k as f64))).sum()
    });
    let loss = terms.reduce(|a, b| a + b).unwrap();
    let found = loss.backward().unwrap();
    x.iter().map(|&x| found.wrt(x).unwrap().to_vec()).collect()
}

fn assert_manual_is_tape<F: Function + 'static>(function: impl Fn() -> F, at: &[Tensor]) {
    let [manual, tape] = [Rule::Manual, Rule::Tape].map(|rule| gradients(function(), at, rule));
    for (manual, tape) in manual.iter().flatten().zip(tape.iter().flatten()) {
        assert!((manual - tape).abs() <= 1e-13 * tape.abs().max(1.0), "{manual} and {tape}");
    }
}

#[test]
fn matlab_layers_pass_and_the_alphas_sum_over_all_but_channels() {
    let elu = matlab::Ported::new(matlab::EluLayer::new(3, 0));
    assert_passed(&check::check_layer(&elu, &[vec![3], vec![3, 4, 2]]).unwrap());
    assert_passed(
        &check::check_layer(&matlab::Ported::new(matlab::RandomLeakyLayer::new(0.1, 0.3, 7)), &[[5]]).unwrap(),
    );

    // Two observations, one channel of 2 × 2 places, all x = −1: dα = 8 (e⁻¹ − 1).
    let elu = matlab::Ported::new(matlab::EluLayer::new(1, 0));
    let tape = Tape::f64();
    let loss = elu.forward(tape.constant(Tensor::full([2, 1, 2, 2], -1.0, DType::F64))).sum();
    let dalpha = loss.backward().unwrap().wrt(&elu.params()[0]).unwrap().item();
    assert!((dalpha - 8.0 * ((-1.0f64).exp() - 1.0)).abs() < 1e-12);
}

#[test]
fn matlab_predict_is_for_inference_and_forward_for_training() {
    let layer = matlab::Ported::new(matlab::RandomLeakyLayer::new(0.1, 0.3, 7));
    let run = |mode: Mode| {
        let tape = Tape::f64();
        tape.set_mode(mode);
        let x = tape.leaf([[-1.0, -1.0, 2.0]]);
        let z = layer.forward(x);
        (z.value().to_vec(), z.sum().backward().unwrap().wrt(x).unwrap().to_vec())
    };
    let (z, dx) = run(Mode::Eval);
    assert_eq!((z, dx), (vec![-0.2, -0.2, 2.0], vec![0.2, 0.2, 1.0]));
    let (z, dx) = run(Mode::Train);
    assert!(z[0] != z[1] && (-0.3..-0.1).contains(&z[0]) && (-0.3..-0.1).contains(&z[1]), "{z:?}");
    assert_eq!(dx, [-z[0], -z[1], 1.0], "the slopes that were drawn are those of the gradient");
}

#[test]
fn matlab_layers_of_two_inputs_and_outputs_pass() {
    let layer = matlab::Ported::new(matlab::RotationLayer::new(0.3));
    assert_passed(&check::layer_with_inputs(&layer, &[[4], [4]]).run().unwrap());
    let tape = Tape::f64();
    let z = matlab::Ported::new(matlab::RotationLayer::new(0.0)).forward_all(&[tape.leaf(3.0), tape.leaf(4.0)]);
    assert_eq!((z[0].item(), z[1].item()), (3.0, 4.0));
    let refused = std::panic::catch_unwind(|| layer.forward_all(&[Tape::f64().leaf(1.0)]).len());
    let sentence = *refused.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(sentence, "layer `rotationLayer` takes 2 inputs, but got 1");
}

#[test]
fn matlab_state_goes_from_pass_to_pass_until_it_is_reset() {
    let layer = matlab::Ported::new(matlab::IntegratorLayer::new(2));
    assert_passed(&check::layer(&layer, &[[2]]).run().unwrap());
    let pass = |mode: Mode| {
        let tape = Tape::f64();
        tape.set_mode(mode);
        layer.forward(tape.constant([[1.0, 2.0]])).value().to_vec()
    };
    assert_eq!(pass(Mode::Train), [1.0, 2.0]);
    assert_eq!(pass(Mode::Train), [1.5, 3.0], "x + h / 2");
    assert_eq!((pass(Mode::Eval), pass(Mode::Eval)), (vec![1.75, 3.5], vec![1.75, 3.5]), "predict leaves the state");
    let tape = Tape::f64();
    let x = tape.constant([[1.0, 2.0]]);
    assert_eq!(layer.predict_and_update_state(&[x])[0].value().to_vec(), [1.75, 3.5]);
    assert_eq!(pass(Mode::Eval), [1.875, 3.75]);
    layer.reset_state();
    assert_eq!(pass(Mode::Train), [1.0, 2.0]);
    // The gradient with respect to the leak is the state before the pass.
    let tape = Tape::f64();
    let loss = layer.forward(tape.constant([[1.0, 2.0]])).sum();
    assert_eq!(loss.backward().unwrap().wrt(&layer.params()[0]).unwrap().to_vec(), [1.0, 2.0]);
}

#[test]
fn the_factors_of_a_parameter_reach_the_optimizer() {
    let elu = matlab::Ported::new(matlab::EluLayer::new(1, 0).learn_rate_factor(10.0).l2_factor(0.0));
    let fast = Group { learning_rate: 10.0, decay: 0.0 };
    let definition = caffe::Definition { param_str: "alpha: 0.5", tops: 1, param: &[fast] };
    let blob = caffe::Ported::new(caffe::Elu, definition, &[Shape::from([1, 1])]).unwrap();
    let of_blob = || blob.groups().map(|(param, group)| (param.clone(), group)).collect::<Vec<_>>();
    for (param, group) in elu.groups().into_iter().chain(of_blob()) {
        param.cast(DType::F64);
        param.set(&Tensor::from([0.5])).unwrap();
        let mut sgd = Sgd::new(std::slice::from_ref(&param), 0.01).unwrap().decay(Decay::Weights(1.0)).unwrap();
        sgd = sgd.group(std::slice::from_ref(&param), group).unwrap();
        let tape = Tape::f64();
        sgd.step(&(tape.watch(&param) * 2.0).sum().backward().unwrap()).unwrap();
        assert_eq!(param.value().to_vec(), [0.5 - 0.1 * 2.0], "ten times the rate, no decay");
    }
}

/// A Caffe layer for bottoms of these shapes.
fn caffe_layer<L: caffe::PythonLayer>(
    layer: L,
    param_str: &str,
    tops: usize,
    bottom: &[&[usize]],
) -> Result<caffe::Ported<L>, String> {
    let shapes: Vec<Shape> = bottom.iter().map(|&dims| Shape::from(dims)).collect();
    caffe::Ported::new(layer, caffe::Definition { param_str, tops, param: &[] }, &shapes)
}

fn euclidean() -> caffe::Ported<caffe::EuclideanLoss> {
    caffe_layer(caffe::EuclideanLoss, "", 1, &[&[4, 3], &[4, 3]]).unwrap()
}

#[test]
fn caffe_layers_pass() {
    let pair = [numbers(&[4, 3], 1.0), numbers(&[4, 3], 2.0)];
    let polar = caffe_layer(caffe::Polar, "", 2, &[&[4, 3], &[4, 3]]).unwrap();
    assert_passed(&check::function(euclidean().rule(), &pair).run().unwrap());
    assert_passed(&check::function(polar.rule(), &pair).run().unwrap());
    assert_manual_is_tape(|| euclidean().rule(), &pair);
    assert_manual_is_tape(|| polar.rule(), &pair);
    let elu = caffe_layer(caffe::Elu, "alpha: 0.25", 1, &[&[1, 3]]).unwrap();
    assert_passed(&check::layer(&elu, &[vec![3], vec![3, 4, 2]]).run().unwrap());
    let center = caffe_layer(caffe::Center::default(), "momentum: 0.9", 1, &[&[1, 3]]).unwrap();
    assert_passed(&check::layer(&center, &[[3]]).run().unwrap());
}

#[test]
fn caffe_blobs_begin_at_param_str_and_state_follows_the_phase() {
    let elu = caffe_layer(caffe::Elu, "alpha: 0.25", 1, &[&[1, 3]]).unwrap();
    assert_eq!(elu.params()[0].value().to_vec(), [0.25; 3]);
    let center = caffe_layer(caffe::Center::default(), "momentum: 0.75", 1, &[&[2, 2]]).unwrap();
    assert!(center.params().is_empty() && center.groups().next().is_none());
    let pass = |mode: Mode| {
        let tape = Tape::f64();
        tape.set_mode(mode);
        center.forward(tape.constant([[1.0, 4.0], [3.0, 8.0]])).value().to_vec()
    };
    assert_eq!(pass(Mode::Eval), [1.0, 4.0, 3.0, 8.0]);
    assert_eq!(pass(Mode::Train), [-1.0, -2.0, 1.0, 2.0]);
    assert_eq!(center.state()[0].value().to_vec(), [0.5, 1.5], "a quarter of the means 2 and 6");
    assert_eq!(pass(Mode::Eval), [0.5, 2.5, 2.5, 6.5]);
}

#[test]
fn caffe_loss_follows_its_weight() {
    let tape = Tape::f64();
    let (a, b) = (tape.leaf([[1.0, 2.0], [3.0, 5.0]]), tape.constant([[0.0, 2.0], [1.0, 1.0]]));
    let loss = euclidean().try_forward(&[a, b]).unwrap()[0];
    assert_eq!(loss.item(), (1.0 + 4.0 + 16.0) / 4.0);
    assert_eq!((loss * 3.0).backward().unwrap().wrt(a).unwrap().to_vec(), [1.5, 0.0, 3.0, 6.0]);
}

#[test]
fn caffe_does_not_propagate_down_to_a_label() {
    let layer = euclidean().rule();
    let tape = Tape::f64();
    let x = [tape.leaf([[1.0]]), tape.constant([[0.0]])];
    let (z, saved) = layer.forward_and_save(&x);
    let at = wengert::Backward { x: &x, z: &z, dz: &z, saved: &saved, needs: &[true, false] };
    let sent: Vec<bool> = layer.backward(at).iter().map(Option::is_some).collect();
    assert_eq!(sent, [true, false]);
}

#[test]
fn caffe_refuses_before_it_computes() {
    /// Announces a different shape from the one it computes.
    struct Boastful;
    impl caffe::PythonLayer for Boastful {
        fn name(&self) -> &str {
            "Boastful"
        }
        fn setup(&mut self, _: &str, _: &[Shape], _: usize) -> Result<Vec<Param>, String> {
            Ok(Vec::new())
        }
        fn reshape(&self, _: &[Shape]) -> Result<Vec<Shape>, String> {
            Ok(vec![Shape::from([7])])
        }
        fn forward<'t>(&self, bottom: &[Var<'t>], _: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
            (bottom.to_vec(), Vec::new())
        }
        fn backward<'t>(&self, top: &[Var<'t>], _: &[bool], _: caffe::Saved<'_, 't>) -> Vec<Option<Var<'t>>> {
            vec![Some(top[0])]
        }
    }
    let tape = Tape::f64();
    let (two, three) = (tape.leaf([[1.0, 2.0]]), tape.leaf([[1.0, 2.0, 3.0]]));
    let net = euclidean();
    let before = tape.len();
    assert_eq!(net.try_forward(&[two]).err().unwrap(), "layer `EuclideanLoss` takes 2 bottoms, but got 1");
    assert_eq!(
        net.try_forward(&[two, three]).err().unwrap(),
        "layer `EuclideanLoss`: prediction [1, 2] and target [1, 3] must have the same shape"
    );
    let polar = caffe_layer(caffe::Polar, "", 2, &[&[1, 2], &[1, 2]]).unwrap();
    assert_eq!(
        polar.try_forward(&[two, three]).err().unwrap(),
        "layer `Polar`: x [1, 2] and y [1, 3] must have the same shape"
    );
    assert_eq!(tape.len(), before);
    let boastful = caffe_layer(Boastful, "", 1, &[&[1, 2]]).unwrap();
    assert_eq!(
        boastful.try_forward(&[two]).err().unwrap(),
        "layer `Boastful` announced tops [[7]], but computed [[1, 2]]"
    );
    let refused = |param_str: &str, tops| caffe_layer(caffe::Elu, param_str, tops, &[&[1, 2]]).err().unwrap();
    assert_eq!(refused("", 1), "layer `Elu`: param_str `` gives no number `alpha`");
    assert_eq!(refused("alpha: half", 1), "layer `Elu`: param_str `alpha: half` gives no number `alpha`");
    assert_eq!(refused("alpha: 1", 2), "layer `Elu`: needs 1 bottoms and 1 tops, not 1 and 2");
    let definition = caffe::Definition { param_str: "", tops: 1, param: &[Group::default()] };
    let many = caffe::Ported::new(caffe::EuclideanLoss, definition, &[Shape::from([1]), Shape::from([1])]);
    assert_eq!(many.err().unwrap(), "layer `EuclideanLoss`: 0 blobs have no use for 1 factors");
}

#[test]
fn torch_functions_pass() {
    let (x, alpha) = (numbers(&[4, 3], 1.0), Tensor::from([0.2, 0.5, 0.9]));
    assert_passed(&check::function(torch::Ported(torch::Elu), &[x.clone(), alpha.clone()]).run().unwrap());
    assert_manual_is_tape(|| torch::Ported(torch::Elu), &[x.clone(), alpha]);
    let x = [x];
    assert_passed(&check::function(torch::Ported(torch::RowMax), &x).run().unwrap());
    assert_manual_is_tape(|| torch::Ported(torch::RowMax), &x);
    let embedding = || torch::Ported(torch::Embedding { rows: vec![2, 0, 2, 3] });
    assert_passed(&check::function(embedding(), &x).run().unwrap());
    assert_manual_is_tape(embedding, &x);
}

#[test]
fn torch_index_has_no_gradient_and_a_row_read_twice_gets_both() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 5.0, 2.0], [7.0, 3.0, 4.0]]);
    let top = tape.apply(torch::Ported(torch::RowMax), &[x]).unwrap();
    assert_eq!((top[0].value().to_vec(), top[1].value().to_vec()), (vec![5.0, 7.0], vec![1.0, 0.0]));
    let through_both = (top[0] * 2.0 + top[1] * 100.0).sum().backward().unwrap();
    assert_eq!(through_both.wrt(x).unwrap().to_vec(), [0.0, 2.0, 0.0, 2.0, 0.0, 0.0]);

    let table = tape.leaf([[1.0], [2.0], [3.0]]);
    let read = tape.apply(torch::Ported(torch::Embedding { rows: vec![2, 0, 2] }), &[table]).unwrap()[0];
    let upstream = tape.constant([[1.0], [10.0], [100.0]]);
    assert_eq!((read * upstream).sum().backward().unwrap().wrt(table).unwrap().to_vec(), [10.0, 0.0, 101.0]);
}

#[test]
fn jax_functions_pass() {
    let x = numbers(&[4, 3], 1.0);
    let with_alpha = [x.clone(), Tensor::from([0.2, 0.5, 0.9])];
    assert_passed(&check::function(jax::elu(), &with_alpha).run().unwrap());
    assert_manual_is_tape(jax::elu, &with_alpha);
    assert_passed(&check::function(jax::log1pexp(), std::slice::from_ref(&x)).run().unwrap());
    assert_manual_is_tape(jax::log1pexp, &[x]);
}

#[test]
fn jax_log1pexp_is_right_where_exp_overflows() {
    let at = [Tensor::from([-800.0, 0.0, 29.0, 31.0, 1000.0])];
    let upstream = numbers(&[5], 0.3).to_vec();
    // The tape's gradient too: the branch that `select` leaves out overflows, but puts no NaN into it. Beyond 30 the
    // forward pass uses x for ln(1 + eˣ), whose slope is e⁻³⁰ off.
    for (rule, within) in [(Rule::Manual, 1e-15), (Rule::Tape, 2.0 * (-30f64).exp())] {
        let found = &gradients(jax::log1pexp(), &at, rule)[0];
        for ((found, x), u) in found.iter().zip(at[0].to_vec()).zip(&upstream) {
            assert!((found - u / (1.0 + (-x).exp())).abs() < within, "{found} at {x}, {rule}");
        }
    }
}

#[test]
fn jax_clipped_gradient_is_reported_as_no_derivative() {
    let x = [numbers(&[4, 3], 1.0)];
    let report = check::function(jax::clip_gradient(1.0), &x).run().unwrap();
    assert!(!report.passed());
    assert!(report.verdicts.iter().any(|v| matches!(v.fault, Fault::UpstreamNotLinear)), "{report}");

    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0, 3.0]);
    let z = tape.apply(jax::clip_gradient(0.5), &[x]).unwrap()[0];
    let loss = (z * tape.constant([0.25, 4.0, -7.0])).sum();
    assert_eq!(z.value().to_vec(), [1.0, 2.0, 3.0]);
    assert_eq!(loss.backward().unwrap().wrt(x).unwrap().to_vec(), [0.25, 0.5, -0.5]);
}

#[test]
fn the_four_elus_are_one() {
    let (x, alpha) = (numbers(&[4, 3], 1.0), Tensor::from([0.2, 0.5, 0.9]));
    let at = [x.clone(), alpha.clone()];
    let torch = gradients(torch::Ported(torch::Elu), &at, Rule::Manual);
    let jax = gradients(jax::elu(), &at, Rule::Manual);
    let layer = matlab::Ported::new(matlab::EluLayer::new(3, 0));
    let tape = Tape::f64();
    let leaf = tape.leaf(&x);
    layer.params()[0].cast(DType::F64);
    layer.params()[0].set(&alpha).unwrap();
    let loss = (layer.forward(leaf) * tape.constant(numbers(&[4, 3], 0.3))).sum().backward().unwrap();
    let matlab = [loss.wrt(leaf).unwrap().to_vec(), loss.wrt(&layer.params()[0]).unwrap().to_vec()];
    for (k, of_matlab) in matlab.iter().enumerate() {
        for ((a, b), c) in torch[k].iter().zip(&jax[k]).zip(of_matlab) {
            assert!((a - b).abs() < 1e-14 && (a - c).abs() < 1e-14, "{a}, {b}, {c}");
        }
    }
}

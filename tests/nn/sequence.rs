//! Networks of layers: names, features, several values side by side, and lines.

use wengert::{
    Mode, Param, Tape, Var,
    nn::{BatchNorm, Conv2d, Flatten, Layer, Linear, Relu, Sequential, Tanh},
};

use crate::{names, numbers};

#[test]
fn a_sequence_names_its_parameters_and_shows_its_features() {
    let net = Sequential::new()
        .named("conv", Conv2d::new(1, 2, 3, 0))
        .then(BatchNorm::new(2))
        .named("head", Sequential::new().then(Flatten).named("fc", Linear::new(18, 4, 1)));
    let learned = ["conv.weight", "conv.bias", "1.weight", "1.bias", "head.fc.weight", "head.fc.bias"];
    assert_eq!(names(&net.params()), learned);
    assert_eq!(names(&net.state()), ["1.running_mean", "1.running_var"]);
    assert_eq!(names(&net.tensors()), [&learned[..], &["1.running_mean", "1.running_var"]].concat());
    assert_eq!(net.param_count(), 18 + 2 + 2 + 2 + 72 + 4);
    let tape = Tape::f64();
    tape.set_mode(Mode::Eval);
    let x = tape.constant(numbers(&[2, 1, 5, 5], 0.0));
    let y: Var = net.forward(x);
    assert_eq!(y.shape().dims(), [2, 4]);
    let features = net.features(x, &["head.fc", "conv", "head"]).unwrap();
    assert_eq!(features[1].shape().dims(), [2, 2, 3, 3]);
    assert_eq!((features[0].value(), features[2].value()), (y.value(), y.value()));
    let error = net.features(x, &["conv", "pool"]).err().unwrap();
    let known = "conv, 1, head, head.0, head.fc";
    assert_eq!(error.to_string(), format!("there is no layer `pool`: the names are {known}"));
    let gradients = y.sum().backward().unwrap();
    assert!(net.params().iter().all(|param| gradients.wrt(param).unwrap().shape() == &param.shape()));
    assert_eq!(Sequential::new().forward(x).value(), x.value(), "no layers hand their input on");
}

/// x and y to (x + y, x y).
struct Both;

impl Layer for Both {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] + x[1], x[0] * x[1]]
    }
}

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).expect_err("a panic was expected");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic has a message")).to_owned(),
    }
}

#[test]
fn values_go_through_a_network_side_by_side() {
    let tape = Tape::f64();
    let (a, b) = (tape.constant([2.0, 3.0]), tape.constant([5.0, 7.0]));
    let line = line!() - 1;
    let net = Sequential::new().named("both", Both).named("again", Both);
    let y: Vec<Vec<f64>> = net.forward_all(&[a, b]).iter().map(|y| y.value().to_vec()).collect();
    assert_eq!(y, [[7.0 + 10.0, 10.0 + 21.0], [70.0, 210.0]]);
    assert_eq!(
        message(|| _ = Both.forward(a)),
        "layer `Both` has no `forward`; if it has a `forward_all`, call that instead, and if not, write one of them"
    );
    let two = message(|| _ = Relu.forward_all(&[a, b]));
    let takes = format!("layer `Relu`: it takes one input (the second is from tests/nn/sequence.rs:{line}:");
    assert!(two.starts_with(&takes) && two.ends_with("), but got [2] and [2]"), "{two}");
    assert_eq!(message(|| _ = Relu.forward_all(&[])), "layer `Relu` takes one input, but was given none");
    // A layer with neither is told so whichever of them is called.
    struct Neither;
    impl Layer for Neither {}
    let missing =
        "layer `Neither` has no `forward`; if it has a `forward_all`, call that instead, and if not, write one of them";
    assert_eq!(message(|| _ = Neither.forward(a)), missing);
    assert_eq!(message(|| _ = Neither.forward_all(&[a])), missing);
    let halves = Sequential::new().then(Halves);
    assert_eq!(
        message(|| _ = halves.forward(a)),
        "the network returns 2 values: call `forward_all` instead of `forward`"
    );
    assert_eq!(halves.forward_all(&[a]).len(), 2);
}

/// x to (x / 2, x / 2).
struct Halves;

impl Layer for Halves {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] / 2.0; 2]
    }
}

#[test]
fn features_run_no_layer_behind_the_last_that_is_asked_for() {
    let net =
        Sequential::new().named("a", Tanh).named("b", Relu).named("c", Sequential::new().named("d", Tanh).then(Both));
    let tape = Tape::f64();
    let x = tape.constant([0.5, -0.5]);
    let before = tape.len();
    let found = net.features(x, &["b", "a"]).unwrap();
    assert_eq!(tape.len() - before, 2, "tanh and relu");
    assert_eq!(found[1].value().to_vec(), [0.5f64.tanh(), -0.5f64.tanh()]);
    net.features(x, &["c.d"]).unwrap();
    assert_eq!(tape.len() - before, 5, "and tanh, relu, tanh");
}

#[test]
fn layers_and_parameters_are_found_frozen_and_trained_by_name() {
    let body = Sequential::new().named("fc", Linear::new(3, 4, 0)).named("norm", BatchNorm::new(4));
    let net = Sequential::new().named("body", body).named("body2", Linear::new(4, 2, 1));
    assert_eq!(net.param("body.norm.running_var").unwrap().shape().dims(), [4]);
    let error = net.param("fc.weight").unwrap_err().to_string();
    let all = "body.fc.weight, body.fc.bias, body.norm.weight, body.norm.bias, body2.weight, body2.bias";
    let state = "body.norm.running_mean, body.norm.running_var";
    assert_eq!(error, format!("there is no parameter `fc.weight`: the names are {all}, {state}"));
    net.freeze("body").unwrap();
    net.freeze("body2.bias").unwrap();
    let trained = |net: &Sequential| names(&net.params().into_iter().filter(Param::trainable).collect::<Vec<_>>());
    assert_eq!(trained(&net), ["body2.weight"]);
    net.unfreeze("").unwrap();
    assert_eq!(trained(&net).len(), 6);
    let error = net.freeze("bod").unwrap_err().to_string();
    assert_eq!(error, format!("there is no layer or parameter `bod`: the names are {all}"));
}

#[test]
fn what_layers_of_the_crate_record_belongs_to_the_line_that_put_them_into_the_network() {
    let inner = Sequential::new().named("fc", Linear::new(3, 2, 0));
    let line = line!() - 1;
    let net = Sequential::new().named("block", inner).named("both", Halves);
    let tape = Tape::f64();
    net.forward_all(&[tape.constant(numbers(&[1, 3], 0.0))]);
    let lines: Vec<(String, u32)> = tape.nodes().map(|node| (node.layer, node.line.line())).collect();
    assert!(lines.contains(&("block.fc".to_owned(), line)), "{lines:?}");
    assert!(lines.iter().all(|(layer, at)| layer != "block.fc" || *at == line), "{lines:?}");
    let elsewhere: Vec<_> = tape.nodes().filter(|node| node.line.file() != file!()).map(|n| (n.op, n.line)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let wrong = message(|| _ = net.forward_all(&[tape.constant(numbers(&[1, 4], 0.0))]));
    let place = format!("(in layer block.fc, at tests/nn/sequence.rs:{line}:35)");
    assert!(wrong.ends_with(&place), "{wrong}");
}

#[test]
fn two_layers_of_one_name_are_refused_where_the_network_is_built() {
    let message = |build: fn() -> Sequential| {
        let caught = std::panic::catch_unwind(|| _ = build()).unwrap_err();
        caught.downcast_ref::<String>().expect("the panic has a message").clone()
    };
    let named = || Sequential::new().named("fc", Linear::new(2, 2, 0)).then(Relu).named("fc", Linear::new(2, 2, 1));
    let expected = "sequential: layers 0 and 2 are both named `fc`; give each a name of its own";
    assert_eq!(message(named), expected);
    let numbered = || Sequential::new().named("1", Tanh).then(Relu);
    assert_eq!(message(numbered), "sequential: layers 0 and 1 are both named `1`; give each a name of its own");
}

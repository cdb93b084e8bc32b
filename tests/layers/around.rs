//! Layers around other layers and around closures.

use wengert::{
    DType, Mode, Tape, Tensor, Var,
    nn::{Dropout, Lambda, Layer, Linear, Residual, Sequential, Tanh},
};

use crate::{assert_computes, message, names, numbers};

#[test]
fn a_residual_layer_adds_its_input_to_what_its_body_returns() {
    let x = numbers(&[2, 3], 0.0);
    let want: Vec<f64> = x.to_vec().iter().map(|x| x + x.tanh()).collect();
    assert_computes(&Residual::new(Tanh), &x, &[2, 3], &want);
    let dropout = Residual::new(Dropout::new(0.5, 1));
    let run = |mode| {
        let tape = Tape::f64();
        tape.set_mode(mode);
        dropout.forward(tape.constant(Tensor::ones([6], DType::F64))).value().to_vec()
    };
    assert!(run(Mode::Train).iter().all(|y| [1.0, 3.0].contains(y)), "dropped, or doubled and added");
    assert_eq!(run(Mode::Eval), [2.0; 6]);
}

#[test]
fn a_residual_body_is_named_found_and_frozen() {
    let body = Sequential::new().named("fc", Linear::new(3, 3, 0)).named("tanh", Tanh);
    let net = Sequential::new().named("block", Residual::new(body)).named("head", Linear::new(3, 2, 1));
    let all = ["block.body.fc.weight", "block.body.fc.bias", "head.weight", "head.bias"];
    assert_eq!(names(&net.params()), all);
    assert_eq!(names(&Residual::new(Linear::new(3, 3, 0)).params()), ["body.weight", "body.bias"]);
    net.freeze("block.body").unwrap();
    assert!(!net.param("block.body.fc.bias").unwrap().trainable());
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[2, 3], 0.0));
    let shown = net.features(x, &["block", "block.body", "block.body.fc", "block.body.tanh"]).unwrap();
    assert_eq!(shown[0].value(), (x + shown[1]).value());
    assert_eq!(shown[1].value(), shown[2].tanh().value());
    assert_eq!(shown[3].value(), shown[1].value());
}

#[test]
fn a_residual_body_that_changes_the_shape_is_refused_even_where_it_would_broadcast() {
    let narrow = Residual::new(Linear::new(3, 1, 0));
    let net = Sequential::new().named("block", narrow);
    let line = line!() - 1;
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[2, 3], 0.0));
    let sentence = "residual: the output of the body must have the shape of its input, but got [2, 1] and [2, 3]";
    let place = format!("(in layer block, at tests/layers/around.rs:{line}:33)");
    assert_eq!(message(|| _ = net.forward(x)), format!("{sentence} {place}"));
    assert_eq!(
        message(|| _ = Residual::new(Twice).forward_all(&[x])),
        "the network returns 2 values: call `forward_all` instead of `forward`"
    );
    let traced = |x: &[Var]| drop(Sequential::new().then(Residual::new(Twice)).forward_all(x));
    assert_eq!(message(|| traced(&[x])), "residual: the body must return one value, but it returned 2");
    let two = message(|| traced(&[x, x]));
    assert!(
        two.starts_with("layer `Residual`: it takes one input (the second is from tests/layers/around.rs:"),
        "{two}"
    );
    assert!(two.contains("), but got [2, 3] and [2, 3] (in layer 0, at tests/layers/around.rs:"), "{two}");
}

/// x to (x, x).
struct Twice;

impl Layer for Twice {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0]; 2]
    }
}

#[test]
fn what_a_closure_records_belongs_to_its_own_lines() {
    let own = Lambda(|x| x.sin() * 2.0);
    let inside = Residual::new(Lambda(|x| x.cos()));
    let net = Sequential::new().named("own", own).named("block", inside);
    let line = line!() - 1;
    let tape = Tape::f64();
    let x = numbers(&[2, 3], 0.0);
    let y = net.forward(tape.constant(&x)).value();
    let want = x.to_vec().into_iter().map(|x| 2.0 * x.sin()).map(|x| x + x.cos());
    assert_eq!(y.to_vec(), want.collect::<Vec<_>>());
    let recorded: Vec<(String, String, &str, u32)> =
        tape.nodes().skip(1).map(|node| (node.layer, node.op, node.line.file(), node.line.line())).collect();
    let node = |layer: &str, op: &str, line: u32| (layer.to_owned(), op.to_owned(), file!(), line);
    let own = [node("own", "sin", line - 2), node("own", "mul", line - 2)];
    let block = [node("block.body", "cos", line - 1), node("block", "add", line)];
    assert_eq!(recorded, [own, block].concat());
}

#[test]
fn an_error_inside_of_a_closure_names_its_layer() {
    let net = Sequential::new().named("pick", Lambda(|x: Var| x.narrow(1, 2, 2)));
    let tape = Tape::f64();
    let x = tape.constant(Tensor::from([[1.0, 2.0, 3.0]]));
    assert!(message(|| _ = net.forward(x)).ends_with("(in layer pick)"), "{}", message(|| _ = net.forward(x)));
}

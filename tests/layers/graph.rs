//! Networks with named values: what runs, what is refused, and how weights come from another network by name.

use wengert::{
    DType, GraphFault, Mode, Tape, Tensor, Var, check,
    nn::{BatchNorm, Conv2d, Flatten, Graph, LambdaAll, Layer, Linear, MaxPool2d, Relu, Residual, Sequential, Tanh},
    ops::{ConvSpec, Window},
};

use crate::{message, names, numbers};

/// A small network of the kind of AlexNet, with a branch that only the second output needs.
fn net() -> Graph {
    Graph::builder(["data"])
        .layer("conv1", Conv2d::new(2, 3, 3, 0).with(ConvSpec::default().padding(1)), ["data"], ["conv1"])
        .layer("relu1", Relu, ["conv1"], ["relu1"])
        .layer("pool1", MaxPool2d(Window::square(2)), ["relu1"], ["pool1"])
        .layer("flat", Flatten, ["pool1"], ["flat"])
        .layer("aux", Linear::new(12, 2, 1), ["flat"], ["aux"])
        .layer("fc7", Linear::new(12, 5, 2), ["flat"], ["fc7"])
        .layer("fc8", Linear::new(5, 4, 3), ["fc7"], ["fc8"])
        .build(["fc8", "aux"])
        .unwrap()
}

fn image() -> Tensor {
    numbers(&[2, 2, 4, 4], 0.0)
}

/// The layers that recorded something, each once, in order.
fn ran(tape: &Tape) -> Vec<String> {
    let mut layers: Vec<String> = tape.nodes().map(|node| node.layer).filter(|layer| !layer.is_empty()).collect();
    layers.dedup();
    layers
}

#[test]
fn a_graph_computes_what_its_layers_compute_one_after_the_other() {
    let net = net();
    let tape = Tape::f64();
    let x = tape.constant(image());
    let layer = |name: &str| net.children().into_iter().find(|(n, _)| *n == name).unwrap().1;
    let flat = layer("conv1").forward(x).relu().max_pool2d(Window::square(2)).flatten(1);
    let y = net.forward_all(&[x]);
    assert_eq!(y[0].value(), layer("fc8").forward(layer("fc7").forward(flat)).value());
    assert_eq!(y[1].value(), layer("aux").forward(flat).value());
    assert_eq!(net.outputs().collect::<Vec<_>>(), ["fc8", "aux"]);
    assert_eq!(net.inputs(), ["data"]);
    assert_eq!(net.values(), ["data", "conv1", "relu1", "pool1", "flat", "aux", "fc7", "fc8"]);
    assert_eq!(names(&net.params())[..2], ["conv1.weight", "conv1.bias"]);
    let report = check::layer(&net, &[[2, 4, 4]]).run().unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn several_bottoms_and_tops_are_handed_on_by_name() {
    let both = LambdaAll(|x| vec![x[0] + x[1], x[0] - x[1]]);
    let net = Graph::builder(["a", "b"])
        .layer("both", both, ["b", "a"], ["sum", "difference"])
        .layer("product", LambdaAll(|x| vec![x[0] * x[1]]), ["difference", "sum"], ["product"])
        .build(["product", "difference", "a"])
        .unwrap();
    let tape = Tape::f64();
    let y = net.forward_all(&[tape.constant(5.0), tape.constant(2.0)]);
    assert_eq!(y.iter().map(|y| y.item()).collect::<Vec<_>>(), [-21.0, -3.0, 5.0]);
}

#[test]
fn up_to_a_value_only_the_layers_before_it_run() {
    let net = net();
    let tape = Tape::f64();
    let fc7 = net.features(tape.constant(image()), &["fc7"]).unwrap()[0];
    assert_eq!(ran(&tape), ["conv1", "relu1", "pool1", "flat", "fc7"], "neither `aux` nor `fc8`");
    let operations = tape.nodes().filter(|node| !matches!(&*node.op, "constant" | "leaf")).count();
    assert_eq!(operations, 5, "convolution, relu, pooling, flattening, the fully connected layer");

    let whole = Tape::f64();
    net.forward_all(&[whole.constant(image())]);
    assert_eq!(ran(&whole), ["conv1", "relu1", "pool1", "flat", "aux", "fc7", "fc8"]);
    let several = Tape::f64();
    let found = net.features(several.constant(image()), &["fc7", "relu1", "fc7"]).unwrap();
    assert_eq!((found[0].value(), found[2].value()), (fc7.value(), fc7.value()));
    assert_eq!(several.len(), tape.len(), "each layer runs once, however many values are wanted");
}

#[test]
fn a_run_goes_from_any_values_to_any_others() {
    let net = net();
    let tape = Tape::f64();
    let flat = net.features(tape.constant(image()), &["flat"]).unwrap()[0].value();
    let tape = Tape::f64();
    let fc8 = net.run(&[("flat", tape.constant(&flat))], &["fc8"]).unwrap()[0];
    assert_eq!(ran(&tape), ["fc7", "fc8"]);
    let whole = Tape::f64();
    assert_eq!(fc8.value(), net.forward_all(&[whole.constant(image())])[0].value());
    let given = tape.constant(&flat);
    assert_eq!(net.run(&[("flat", given)], &["flat"]).unwrap()[0].index(), given.index(), "a given value stays");
}

#[test]
fn activations_are_a_copy_that_later_passes_do_not_change() {
    let net = net();
    let fc7 = net.activations(&image(), "fc7").unwrap();
    let before = fc7.to_vec();
    net.param("fc7.weight").unwrap().update(|w| *w = Tensor::zeros(w.shape(), DType::F32));
    assert_ne!(net.activations(&image(), "fc7").unwrap().to_vec(), before);
    assert_eq!(fc7.to_vec(), before);
    // In evaluation mode: the statistics of a batch norm are the running ones, and stay.
    let norm = Sequential::new().named("norm", BatchNorm::new(3)).named("tanh", Tanh);
    let x = numbers(&[4, 3], 0.0);
    let tape = Tape::f64();
    tape.set_mode(Mode::Eval);
    let eval = norm.forward(tape.constant(&x)).value();
    assert_eq!(norm.activations(&x, "tanh").unwrap(), eval);
    assert_eq!(norm.activations(&x, "tanh").unwrap(), eval);
}

#[test]
fn frozen_layers_cost_no_gradient_work() {
    let net = net();
    // The gradient as operations on the tape, so that they can be counted.
    let work = || {
        let tape = Tape::f64();
        let y = net.forward_all(&[tape.constant(image())]);
        let loss = y[0].square().sum() + y[1].sum();
        let params: Vec<Var> = net.params().iter().filter(|p| p.trainable()).map(|p| tape.watch(p)).collect();
        let before = tape.len();
        tape.grad(loss, &params).unwrap();
        let ops = |op: &str| tape.nodes().skip(before).filter(|node| node.op.contains(op)).count();
        (tape.len() - before, ops("conv"), ops("pool"))
    };
    let whole = work();
    assert!(whole.1 > 0 && whole.2 > 0, "{whole:?}");
    net.freeze("conv1").unwrap();
    let head = work();
    assert!(head.0 < whole.0 && (head.1, head.2) == (0, 0), "{head:?} of {whole:?}");
    ["fc7", "aux"].iter().for_each(|name| net.freeze(name).unwrap());
    assert!(work().0 < head.0);
}

#[test]
fn weights_come_from_another_network_by_name() {
    let trained = net();
    let body = || Sequential::new().named("fc7", Linear::new(12, 5, 7)).named("fc8", Linear::new(5, 4, 8));
    let net = Sequential::new().named("conv1", Conv2d::new(2, 3, 3, 9)).named("head", Linear::new(5, 2, 4));
    let unmatched = net.copy_from(&trained).unwrap();
    assert_eq!(unmatched.missing, ["head.weight", "head.bias"]);
    assert_eq!(unmatched.unknown, ["aux.weight", "aux.bias", "fc7.weight", "fc7.bias", "fc8.weight", "fc8.bias"]);
    assert_eq!(net.param("conv1.weight").unwrap().value(), trained.param("conv1.weight").unwrap().value());

    let other = Sequential::new().named("fc7", Linear::new(12, 5, 5)).named("fc8", Linear::new(5, 3, 6));
    let before = other.param("fc7.weight").unwrap().value();
    assert_eq!(
        other.copy_from(&trained).unwrap_err().to_string(),
        "copy_from: `fc8.weight` has another shape in the other network; rename the layer to keep its own values, but \
         got [3, 5] and [4, 5]"
    );
    assert_eq!(other.param("fc7.weight").unwrap().value(), before, "nothing is copied then");
    // A graph and a sequence have the same names.
    assert!(body().copy_from(&trained).unwrap().missing.is_empty());
}

#[test]
fn a_graph_that_cannot_run_is_refused_when_it_is_built() {
    let refused = |graph: wengert::Result<Graph>| graph.err().unwrap().to_string();
    let begin = || Graph::builder(["data"]).layer("fc", Linear::new(4, 4, 0), ["data"], ["fc"]);
    assert_eq!(
        refused(begin().layer("relu", Relu, ["fx"], ["relu"]).build(["relu"])),
        "graph: layer `relu` takes `fx`, which is neither an input nor returned by a layer; the values are data, fc, relu"
    );
    assert_eq!(
        refused(begin().layer("a", Relu, ["y"], ["x"]).layer("b", Relu, ["x"], ["y"]).build(["y"])),
        "graph: layer `a` takes `y`, which layer `b` returns only later; layers run in the order in which they were \
         added, so add `b` before `a`; a cycle cannot run"
    );
    assert_eq!(
        refused(begin().layer("relu", Relu, ["fc"], ["fc"]).build(["fc"])),
        "graph: layer `relu` returns `fc` in place of the `fc` that it takes; give the top a name of its own"
    );
    assert_eq!(
        refused(begin().layer("other", Relu, ["data"], ["fc"]).build(["fc"])),
        "graph: the name `fc` is given to a value of layer `fc` and to one of layer `other`; give each a name of its own"
    );
    assert_eq!(
        refused(Graph::builder(["x", "x"]).build(["x"])),
        "graph: the name `x` is given to a value of the inputs and to one of the inputs; give each a name of its own"
    );
    assert_eq!(
        refused(begin().layer("fc", Relu, ["fc"], ["relu"]).build(["relu"])),
        "graph: two layers are named `fc`; their parameters could not be told apart"
    );
    assert_eq!(
        refused(begin().layer("none", Relu, [""; 0], vec!["relu"]).build(["relu"])),
        "graph: layer `none` has no bottom; it needs at least one"
    );
    assert_eq!(
        refused(begin().layer("relu", Relu, ["fc"], ["relu"]).build(["fc"])),
        "graph: no output depends on layer `relu`; leave it out, or add `relu` to the outputs"
    );
    assert_eq!(
        refused(Graph::builder(["data", "label"]).layer("fc", Relu, ["data"], ["fc"]).build(["fc"])),
        "graph: no output depends on input `label`; leave it out, or add it to the outputs"
    );
    assert_eq!(refused(begin().build(["fc8"])), "there is no output `fc8`: the names are data, fc");
    let fault = begin().layer("relu", Relu, ["fc"], ["fc"]).build(["fc"]).err().unwrap();
    let wengert::Error::Graph(GraphFault::InPlace { layer, value }) = fault else { panic!("{fault}") };
    assert_eq!((&*layer, &*value), ("relu", "fc"), "the names stay data");
}

#[test]
fn what_is_wrong_with_a_run_is_told_by_name() {
    let net = net();
    let tape = Tape::f64();
    let x = tape.constant(image());
    let refused = |found: wengert::Result<Vec<Var>>| found.err().unwrap().to_string();
    let known = "data, conv1, relu1, pool1, flat, aux, fc7, fc8";
    assert_eq!(
        refused(net.run(&[("data", x)], &["fc9"])),
        format!("there is no value of the network `fc9`: the names are {known}")
    );
    assert_eq!(
        refused(net.run(&[("fc7", x)], &["aux", "fc8"])),
        "graph: what is wanted depends on the input `data`, which was not given; given were: fc7"
    );
    assert_eq!(
        refused(net.features(x, &["fc9"])),
        "there is no layer `fc9`: the names are conv1, relu1, pool1, flat, aux, fc7, fc8"
    );
    assert_eq!(message(|| _ = net.forward_all(&[x, x])), "graph: the inputs are data: 1 of them, but 2 were given");
    assert_eq!(message(|| _ = net.forward(x)), "the network returns 2 values: call `forward_all` instead of `forward`");
    let two = Graph::builder(["x"]).layer("relu", Relu, ["x"], ["a", "b"]).build(["a", "b"]).unwrap();
    assert_eq!(message(|| _ = two.forward_all(&[x])), "graph: layer `relu` has 2 tops, but returned 1 values");
}

#[test]
fn layers_inside_the_layers_of_a_graph_have_paths_and_the_users_line() {
    let block = Residual::new(Sequential::new().named("fc", Linear::new(3, 3, 0)));
    let net = Graph::builder(["x"])
        .layer("block", block, ["x"], ["y"])
        .layer("head", Linear::new(3, 2, 1), ["y"], ["z"])
        .build(["z"])
        .unwrap();
    let line = line!() - 3;
    let tape = Tape::f64();
    let x = tape.constant(numbers(&[2, 3], 0.0));
    let inside = net.features(x, &["block.body.fc", "block"]).unwrap();
    assert_eq!((x + inside[0]).value(), inside[1].value());
    assert_eq!(ran(&tape), ["block.body.fc", "block"]);
    assert_eq!(names(&net.params())[0], "block.body.fc.weight");
    let y = net.forward(x);
    let node = tape.nodes().nth(y.index()).unwrap();
    assert_eq!((&*node.layer, node.line.file(), node.line.line()), ("head", file!(), line));
}

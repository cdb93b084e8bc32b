//! Features from the middle of a network: names, partial runs and their cost, weights by name, frozen layers.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{
    DType, Result, Tape, Tensor, Var,
    nn::{Conv2d, Flatten, Graph, Layer, Linear, MaxPool2d, Relu, summary},
    ops::{ConvSpec, Window},
};

/// A small relative of AlexNet for images `[n, 3, 16, 16]`, under the names of its values. The last layer is `head`.
pub fn alexnet(head: &str, classes: usize, seed: u64) -> Result<Graph> {
    let conv =
        |c_in, c_out, size, seed| Conv2d::new(c_in, c_out, size, seed).with(ConvSpec::default().padding(size / 2));
    Graph::builder(["data"])
        .layer("conv1", conv(3, 8, 5, seed), ["data"], ["conv1"])
        .layer("relu1", Relu, ["conv1"], ["relu1"])
        .layer("pool1", MaxPool2d(Window::square(2)), ["relu1"], ["pool1"])
        .layer("conv2", conv(8, 12, 3, seed + 1), ["pool1"], ["conv2"])
        .layer("relu2", Relu, ["conv2"], ["relu2"])
        .layer("pool2", MaxPool2d(Window::square(4)), ["relu2"], ["pool2"])
        .layer("flat", Flatten, ["pool2"], ["flat"])
        .layer("fc6", Linear::new(48, 32, seed + 2), ["flat"], ["fc6"])
        .layer("relu6", Relu, ["fc6"], ["relu6"])
        .layer("fc7", Linear::new(32, 32, seed + 3), ["relu6"], ["fc7"])
        .layer("relu7", Relu, ["fc7"], ["relu7"])
        .layer(head, Linear::new(32, classes, seed + 4), ["relu7"], ["score"])
        .build(["score"])
}

pub fn images() -> Tensor {
    Tensor::from_fn([2, 3, 16, 16], DType::F32, |i| (0.37 * i as f64).sin())
}

/// The number of operations on a tape, leaves and constants left out.
fn operations(tape: &Tape) -> usize {
    tape.nodes().filter(|node| !matches!(&*node.op, "leaf" | "constant")).count()
}

/// The number of values that the gradient of the score with respect to all that is trained records.
pub fn gradient_work(net: &Graph) -> Result<usize> {
    let tape = Tape::new();
    let loss = net.forward(tape.constant(images())).square().sum();
    let trained: Vec<Var> = net.params().iter().filter(|p| p.trainable()).map(|p| tape.watch(p)).collect();
    let before = tape.len();
    tape.grad(loss, &trained)?;
    Ok(tape.len() - before)
}

pub fn main() -> Result<()> {
    let net = alexnet("fc8", 10, 0)?;
    println!("{}\n", summary(&net, [3, 16, 16]));

    let fc7 = net.activations(&images(), "fc7")?;
    println!("fc7: {}", fc7.shape());
    for names in [&["conv1"][..], &["pool1", "fc7"], &["score"]] {
        let tape = Tape::new();
        let found = net.features(tape.constant(images()), names)?;
        let shapes: Vec<String> = found.iter().map(|value| value.shape().to_string()).collect();
        println!("up to {}: {} operations, {}", names.join(" and "), operations(&tape), shapes.join(" and "));
    }
    let tape = Tape::new();
    let score = net.run(&[("fc7", tape.constant(&fc7))], &["score"])?[0];
    let same = score.value() == net.activations(&images(), "score")?;
    println!("from fc7 to score: {} operations, the same score: {same}", operations(&tape));

    // The copy outlives later passes and changed weights.
    let (kept, weight) = (fc7.to_vec(), net.param("fc7.weight")?);
    weight.set(&Tensor::zeros(weight.shape(), DType::F32))?;
    let changed = net.activations(&images(), "fc7")?.to_vec() != kept;
    println!("fc7 of a later pass differs: {changed}; the copy is as it was: {}", fc7.to_vec() == kept);

    let other = alexnet("scenes", 4, 9)?;
    let unmatched = other.copy_from(&net)?;
    println!(
        "copied by name; without values: {}; left over: {}",
        unmatched.missing.join(", "),
        unmatched.unknown.join(", ")
    );
    for layer in ["", "conv1", "conv2", "fc6", "fc7"] {
        if !layer.is_empty() {
            other.freeze(layer)?;
        }
        let up_to = if layer.is_empty() { "nothing frozen".to_owned() } else { format!("frozen up to {layer}") };
        println!("{up_to}: the gradient takes {} operations", gradient_work(&other)?);
    }
    Ok(())
}

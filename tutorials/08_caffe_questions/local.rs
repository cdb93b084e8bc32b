//! Convolutions that know where they are: what they cost, and what they are equal to.

use wengert::{
    DType, Result, Tape, Tensor, Var, check,
    nn::{Conv2d, CoordConv, Layer, LearnedMap, LocallyConnected2d, LowRankLocallyConnected2d, ScaleMapConv2d},
    ops::ConvSpec,
};

use crate::local_rules::{LocalConv, ScaleMap};

/// Prints the numbers of weights, two equalities, and the checks of the derivatives by hand.
pub fn run() -> Result<()> {
    weights();
    one_scale_at_each_position()?;
    a_sparse_matrix()?;
    by_hand()
}

/// How many weights the layers have for 128 channels of 16x16, with kernels 3x3; biases are not counted.
fn weights() {
    let (c, size, padded) = (128, 16, ConvSpec::default().padding(1));
    let map = |rank| LearnedMap::new([rank, size, size], 1.0);
    let layers: [(&str, Box<dyn Layer>); 5] = [
        ("convolution", Box::new(Conv2d::new(c, c, 3, 0).with(padded))),
        ("CoordConv", Box::new(CoordConv::new(c, c, 3, 0).with(padded))),
        ("scale map", Box::new(ScaleMapConv2d::new(c, c, 3, map(1), 0).with(padded))),
        ("low rank, R = 4", Box::new(LowRankLocallyConnected2d::new(c, c, 3, 4, map(4), 0).with(padded))),
        ("untied", Box::new(LocallyConnected2d::with_spec(c, c, 3, [size; 2], padded, 0))),
    ];
    println!("weights, 16x16x128 to 16x16x128, 3x3");
    for (name, layer) in layers {
        let weights: usize =
            layer.params().iter().filter(|p| !p.name().ends_with("bias")).map(|p| p.shape().numel()).sum();
        println!("{name:<18}{weights:>12}");
    }
}

/// The kernels s(p) W, written out for each position, and s times the convolution with W.
fn one_scale_at_each_position() -> Result<()> {
    let tape = Tape::f64();
    let x = tape.constant(numbers([2, 3, 8, 8], 0.0));
    let w = tape.constant(numbers([4, 3, 3, 3], 1.0));
    let s = tape.constant(numbers([2, 1, 6, 6], 2.0));
    let written_out = s.reshape([2, 6, 6, 1, 1, 1, 1]) * w;
    let difference =
        x.local_conv2d(written_out, None, ConvSpec::default()) - x.conv2d(w, None, ConvSpec::default()) * s;
    println!("\nkernels s(p) W at each position, and s (W * x): they differ by {:.12}", largest(difference));
    Ok(())
}

/// The untied layer as a fully connected one: the images with a single 1 show the columns of its matrix.
fn a_sparse_matrix() -> Result<()> {
    let layer = LocallyConnected2d::new(1, 4, 3, [8, 8], 0);
    let tape = Tape::f64();
    let of_nothing = layer.forward(tape.constant(Tensor::zeros([1, 1, 8, 8], DType::F64))).flatten(1);
    let ones = tape.constant(Tensor::eye(64, DType::F64)).reshape([64, 1, 8, 8]);
    let matrix = (layer.forward(ones).flatten(1) - of_nothing).transpose(0, 1);
    let used = matrix.value().to_vec().iter().filter(|w| **w != 0.0).count();
    let x = tape.constant(numbers([5, 1, 8, 8], 0.0));
    let difference = layer.forward(x).flatten(1) - x.flatten(1).linear(matrix, Some(of_nothing.reshape([144])));
    let (entries, shape) = (matrix.numel(), matrix.shape());
    println!(
        "untied, as a matrix {shape}: {used} of {entries} entries are not 0; they differ by {:.12}",
        largest(difference)
    );
    Ok(())
}

/// The hand-written derivatives against the tape and against differences.
fn by_hand() -> Result<()> {
    let spec = ConvSpec::default();
    let x = numbers([2, 2, 5, 4], 0.0);
    let scaled = [x.clone(), numbers([3, 2, 3, 2], 1.0), numbers([2, 1, 3, 3], 2.0)];
    let untied = [x.clone(), numbers([3, 3, 3, 2, 3, 2], 1.0), numbers([3, 3, 3], 2.0)];
    let dynamic = [x, numbers([2, 3, 3, 3, 2, 3, 2], 1.0), numbers([3, 3, 3], 2.0)];
    let reports = [
        ("scale map", check::function(ScaleMap(spec), &scaled).run()?),
        ("untied", check::function(LocalConv(spec), &untied).run()?),
        ("dynamic filters", check::function(LocalConv(spec), &dynamic).run()?),
    ];
    println!("\nderivatives by hand, by the tape and by differences, first and second order");
    for (name, report) in reports {
        println!("{name:<18}{}", if report.passed() { "agree" } else { "DISAGREE" });
    }
    Ok(())
}

/// Numbers between −1 and 1.
fn numbers<const N: usize>(shape: [usize; N], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin())
}

fn largest(difference: Var<'_>) -> f64 {
    difference.abs().amax().item()
}

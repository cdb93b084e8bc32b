//! A convolution as a fully connected layer: with a kernel as large as the image, and with one of 1x1.
//!
//! y(o, p) = Σ_k W(o, k) x(k, p) + b(o), where k goes over channels and taps. If the kernel covers the whole image there
//! is one position p, and k goes over all numbers of the image: a fully connected layer. If the kernel has one tap, k goes
//! over the channels: the same fully connected layer at each pixel.

#[macro_use]
#[allow(dead_code, clippy::duplicate_mod, reason = "the tutorial includes this program, and prints in the same way")]
#[path = "../tutorials/print.rs"]
mod print;

use wengert::{
    DType, Result, Tape, Tensor, Var,
    nn::{Conv2d, Layer, Linear},
};

/// Numbers with few digits: their products and sums are exact, so that the order of a sum makes no difference.
pub fn exact(shape: &[usize], step: usize) -> Tensor {
    Tensor::from_fn(shape, DType::F32, |i| ((i * step) % 17) as f64 / 8.0 - 1.0)
}

/// A convolution with the weights of a fully connected layer, whose inputs are `[c_in, size, size]`.
pub fn as_convolution(fc: &Linear, c_in: usize, size: usize) -> Result<Conv2d> {
    let outputs = fc.bias.shape()[0];
    let conv = Conv2d::new(c_in, outputs, size, 0);
    let kernels = Tensor::from_vec(fc.weight.value().to_vec(), [outputs, c_in, size, size])?;
    conv.weight.set(&kernels)?;
    conv.bias.set(&fc.bias.value())?;
    Ok(conv)
}

/// A fully connected layer with numbers of few digits.
pub fn layer(inputs: usize, outputs: usize) -> Result<Linear> {
    let fc = Linear::new(inputs, outputs, 0);
    fc.weight.set(&exact(&[outputs, inputs], 5))?;
    fc.bias.set(&exact(&[outputs], 3))?;
    Ok(fc)
}

/// The largest difference of two values and of the gradients of their sums of squares with respect to `x`.
fn apart<'t>(x: Var<'t>, a: Var<'t>, b: Var<'t>) -> Result<[f64; 2]> {
    let largest = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let slope = |y: Var<'t>| Ok::<_, wengert::Error>(y.square().sum().backward()?.wrt(x)?.to_vec());
    Ok([largest(a.value().to_vec(), b.value().to_vec()), largest(slope(a)?, slope(b)?)])
}

pub fn main() -> Result<()> {
    let tape = Tape::new();
    let x = tape.leaf(exact(&[2, 3, 4, 4], 7));
    let fc = layer(3 * 4 * 4, 5)?;
    let conv = as_convolution(&fc, 3, 4)?;
    let (dense, mapped) = (fc.forward(x.flatten(1)), conv.forward(x));
    let [value, slope] = apart(x, dense, mapped.flatten(1))?;
    println!("kernel 4x4 on 4x4: {} and {}, {value} and {slope} apart", dense.shape(), mapped.shape());

    // On a larger image the same kernels are a classifier at every position.
    let wide = tape.leaf(exact(&[2, 3, 6, 9], 7));
    let scores = conv.forward(wide);
    let window = fc.forward(wide.narrow(2, 2, 4).narrow(3, 5, 4).flatten(1));
    let there = scores.narrow(2, 2, 1).narrow(3, 5, 1).flatten(1);
    println!(
        "on 6x9: {}; at row 2, column 5 the window alone is {} apart",
        scores.shape(),
        apart(wide, window, there)?[0]
    );

    let fc = layer(3, 5)?;
    let pixels = fc.forward(x.permute(&[0, 2, 3, 1])).permute(&[0, 3, 1, 2]);
    let [value, slope] = apart(x, pixels, as_convolution(&fc, 3, 1)?.forward(x))?;
    println!("kernel 1x1, a fully connected layer at each pixel: {}, {value} and {slope} apart", pixels.shape());
    Ok(())
}

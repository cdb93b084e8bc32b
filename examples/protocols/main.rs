//! Layers as MATLAB, Caffe, PyTorch and JAX have them, on one contract.
//!
//! ```text
//! cargo run --release --example protocols
//! ```
//!
//! Each of the four files holds the protocol of one system as a small adapter over [`wengert::Function`], and layers
//! written for it. Every layer is checked, and trained if there is something to learn. The page `src/guide/porting.md`
//! has the four side by side.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

mod caffe;
mod jax;
mod matlab;
mod torch;

use std::error::Error;

use wengert::{
    DType, Function, Param, Rule, Tape, Tensor,
    check::{self, Report},
    nn::Layer,
    optim::{Optimizer, Sgd},
};

fn main() -> Result<(), Box<dyn Error>> {
    matlab()?;
    caffe()?;
    torch()?;
    jax()
}

/// One line for a report, or all of it if the check failed.
fn tell(report: &Report) {
    let [passed, failed, not_applicable] = report.counts();
    println!("  {:<34} {passed} passed, {failed} failed, {not_applicable} not applicable", report.subject);
    if let (false, Some(verdict)) = (report.passed(), report.verdict()) {
        println!("    {verdict}");
    }
}

/// Numbers between −2 and 2 with no simple pattern.
fn numbers(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 2.0 * (1.0 + 2.3 * i as f64).sin())
}

fn matlab() -> Result<(), Box<dyn Error>> {
    println!("MATLAB: predict, forward with memory, backward");
    let elu = matlab::Ported::new(matlab::EluLayer::new(3, 0));
    tell(&check::layer(&elu, &[vec![3], vec![3, 4, 2]]).named("eluLayer").run()?);
    let leaky = matlab::Ported::new(matlab::RandomLeakyLayer::new(0.1, 0.3, 7));
    tell(&check::layer(&leaky, &[[5]]).named("randomLeakyLayer").run()?);

    // With either gradient, training recovers the alphas from the outputs of a layer with known ones.
    let (x, wanted) = (numbers(&[16, 3]), Tensor::from([0.2, 0.5, 0.9]));
    let target = {
        let tape = Tape::f64();
        let (x, alpha) = (tape.constant(&x), tape.constant(&wanted));
        (x.relu() + alpha * x.min(0.0).exp_m1()).value()
    };
    for rule in [Rule::Manual, Rule::Tape] {
        let elu = matlab::Ported::new(matlab::EluLayer::new(3, 0));
        let mut sgd = Sgd::new(&elu.params(), 0.5)?.momentum(0.9)?;
        let mut tape = Tape::new();
        tape.set_rule(rule);
        let mut losses = Vec::new();
        for _ in 0..100 {
            tape.reset();
            let loss = elu.forward(tape.constant(&x)).mse_loss(tape.constant(&target));
            losses.push(loss.item());
            sgd.step(&loss.backward()?)?;
        }
        println!(
            "  trained, {rule} rule: loss {:.4} to {:.0e}, alphas {}",
            losses[0],
            losses[99],
            elu.params()[0].value()
        );
    }
    Ok(())
}

fn caffe() -> Result<(), Box<dyn Error>> {
    println!("Caffe: setup, reshape, forward, backward with propagate_down");
    let target = Tensor::from_fn([4, 3], DType::F64, |i| (0.7 * i as f64).cos());
    let pair = [numbers(&[4, 3]), target];
    tell(&check::function(caffe::Ported(caffe::EuclideanLoss), &pair).run()?);
    tell(&check::function(caffe::Ported(caffe::Polar), &pair).run()?);

    let net = caffe::Net::new(caffe::EuclideanLoss);
    let tape = Tape::f64();
    let (prediction, label) = (tape.leaf(&pair[0]), tape.constant(&pair[1]));
    let loss = net.forward(&tape, &[prediction, label])?[0];
    let once = loss.backward()?.wrt(prediction)?.to_vec();
    let weighted = (loss * 3.0).backward()?.wrt(prediction)?.to_vec();
    println!("  loss_weight 3: the gradient is {} times as large", weighted[0] / once[0]);
    let top = caffe::Net::new(caffe::Polar).forward(&tape, &[tape.leaf(3.0), tape.leaf(4.0)])?;
    println!("  two tops of Polar at (3, 4): length {:.4}, angle {:.4}", top[0].item(), top[1].item());
    if let Err(refused) = net.forward(&tape, &[prediction]) {
        println!("  refused: {refused}");
    }
    Ok(())
}

fn torch() -> Result<(), Box<dyn Error>> {
    println!("PyTorch: save_for_backward, needs_input_grad, mark_non_differentiable");
    let x = numbers(&[4, 3]);
    tell(&check::function(torch::Ported(torch::Elu), &[x.clone(), Tensor::from([0.2, 0.5, 0.9])]).run()?);
    tell(&check::function(torch::Ported(torch::RowMax), std::slice::from_ref(&x)).run()?);
    let rows = vec![2, 0, 2, 3];
    tell(&check::function(torch::Ported(torch::Embedding { rows: rows.clone() }), std::slice::from_ref(&x)).run()?);

    // A table whose rows are pulled to the corners of a square; row 1 is never read and stays put.
    let table = Param::new("weight", Tensor::zeros([4, 2], DType::F32));
    let mut sgd = Sgd::new(std::slice::from_ref(&table), 0.5)?;
    let mut tape = Tape::new();
    for _ in 0..100 {
        tape.reset();
        let read = tape.apply(torch::Ported(torch::Embedding { rows: rows.clone() }), &[tape.watch(&table)])?[0];
        let loss = read.mse_loss(tape.constant([[1.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]));
        sgd.step(&loss.backward()?)?;
    }
    println!("  trained: row 2, read twice, is {:?}, row 1, never read, {:?}", row(&table, 2), row(&table, 1));
    Ok(())
}

fn row(table: &Param, r: usize) -> Vec<f64> {
    table.value().to_vec()[2 * r..2 * r + 2].iter().map(|v| (v * 1e4).round() / 1e4).collect()
}

fn jax() -> Result<(), Box<dyn Error>> {
    println!("JAX: fwd with residuals, bwd with one cotangent per argument");
    let x = numbers(&[4, 3]);
    tell(&check::function(jax::elu(), &[x.clone(), Tensor::from([0.2, 0.5, 0.9])]).run()?);
    tell(&check::function(jax::log1pexp(), std::slice::from_ref(&x)).run()?);
    println!(
        "  log1pexp at 1000: slope {} by hand, {} by the tape",
        slope(jax::log1pexp(), Rule::Manual)?,
        slope(jax::log1pexp(), Rule::Tape)?
    );
    // Deliberately not a derivative: a rule that is not linear in the upstream gradient.
    tell(&check::function(jax::clip_gradient(1.0), std::slice::from_ref(&x)).run()?);
    Ok(())
}

/// The slope of a function at 1000.
fn slope(function: impl Function + 'static, rule: Rule) -> wengert::Result<f64> {
    let tape = Tape::f64();
    tape.set_rule(rule);
    let x = tape.leaf(1000.0);
    Ok(tape.apply(function, &[x])?[0].backward()?.wrt(x)?.item())
}

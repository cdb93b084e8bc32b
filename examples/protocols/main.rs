//! Layers as MATLAB, Caffe, PyTorch and JAX have them, on one contract.
//!
//! ```text
//! cargo run --release --example protocols
//! ```
//!
//! Each of the four modules holds the protocol of one system as a small adapter over [`wengert::Function`], and layers
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
    nn::{Graph, Layer},
    optim::{Decay, Group, Optimizer, Sgd},
    train::{Batch, Solver},
};

use caffe::Definition;

fn main() -> Result<(), Box<dyn Error>> {
    matlab()?;
    caffe()?;
    torch()?;
    jax()
}

/// What the integrator returns for the input 1, in training.
fn pass(layer: &dyn Layer) -> f64 {
    let tape = Tape::f64();
    layer.forward(tape.constant([[1.0, 1.0]])).value().to_vec()[0]
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
    println!("MATLAB: predict, forward with memory, backward, several inputs and outputs, state, factors");
    let elu = matlab::Ported::new(matlab::EluLayer::new(3, 0));
    tell(&check::layer(&elu, &[vec![3], vec![3, 4, 2]]).named("eluLayer").run()?);
    let leaky = matlab::Ported::new(matlab::RandomLeakyLayer::new(0.1, 0.3, 7));
    tell(&check::layer(&leaky, &[[5]]).named("randomLeakyLayer").run()?);
    let turn = matlab::Ported::new(matlab::RotationLayer::new(0.3));
    tell(&check::layer_with_inputs(&turn, &[[4], [4]]).named("rotationLayer, 2 inputs, 2 outputs").run()?);
    let integrator = matlab::Ported::new(matlab::IntegratorLayer::new(2));
    tell(&check::layer(&integrator, &[[2]]).named("integratorLayer, with state").run()?);
    let mut sums: Vec<f64> = (0..2).map(|_| pass(&integrator)).collect();
    let tape = Tape::f64();
    sums.push(integrator.predict_and_update_state(&[tape.constant([[1.0, 1.0]])])[0].value().to_vec()[0]);
    integrator.reset_state();
    println!("  integratorLayer, the same input three times: {sums:?}; after resetState: {}", pass(&integrator));

    // With either gradient, training recovers the alphas from the outputs of a layer with known ones.
    let (x, wanted) = (numbers(&[16, 3]), Tensor::from([0.2, 0.5, 0.9]));
    let target = {
        let tape = Tape::f64();
        let (x, alpha) = (tape.constant(&x), tape.constant(&wanted));
        (x.relu() + alpha * x.min(0.0).exp_m1()).value()
    };
    for rule in [Rule::Manual, Rule::Tape] {
        let elu = matlab::Ported::new(matlab::EluLayer::new(3, 0).learn_rate_factor(5.0).l2_factor(0.0));
        let mut sgd = Sgd::new(&elu.params(), 0.1)?.momentum(0.9)?.decay(Decay::Weights(1e-4))?;
        for (param, factors) in elu.groups() {
            sgd = sgd.group(&[param], factors)?;
        }
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
    println!("Caffe: setup with param_str, reshape, forward, backward with propagate_down, blobs with factors");
    let target = Tensor::from_fn([4, 3], DType::F64, |i| (0.7 * i as f64).cos());
    let pair = [numbers(&[4, 3]), target];
    let shapes = [pair[0].shape().clone(), pair[1].shape().clone()];
    let of = |tops| Definition { tops, ..Definition::default() };
    let (euclidean, polar) =
        (caffe::Ported::new(caffe::EuclideanLoss, of(1), &shapes)?, caffe::Ported::new(caffe::Polar, of(2), &shapes)?);
    tell(&check::function(euclidean.rule(), &pair).run()?);
    tell(&check::function(polar.rule(), &pair).run()?);
    let fast = Group { learning_rate: 5.0, decay: 0.0 };
    let definition = Definition { param_str: "alpha: 0.25", tops: 1, param: &[fast] };
    let elu = caffe::Ported::new(caffe::Elu, definition, &shapes[..1])?;
    tell(&check::layer(&elu, &[vec![3], vec![3, 2, 2]]).named("Elu, one learned blob").run()?);
    let definition = Definition { param_str: "momentum: 0.9", tops: 1, param: &[] };
    let center = caffe::Ported::new(caffe::Center::default(), definition, &shapes[..1])?;
    tell(&check::layer(&center, &[[3]]).named("Center, a blob that is state").run()?);

    let tape = Tape::f64();
    let (prediction, label) = (tape.leaf(&pair[0]), tape.constant(&pair[1]));
    let loss = euclidean.try_forward(&[prediction, label])?[0];
    let once = loss.backward()?.wrt(prediction)?.to_vec();
    let weighted = (loss * 3.0).backward()?.wrt(prediction)?.to_vec();
    println!("  loss_weight 3: the gradient is {} times as large", weighted[0] / once[0]);
    let top = polar.try_forward(&[tape.leaf(3.0), tape.leaf(4.0)])?;
    println!("  two tops of Polar at (3, 4): length {:.4}, angle {:.4}", top[0].item(), top[1].item());
    if let Err(refused) = euclidean.try_forward(&[prediction]) {
        println!("  refused: {refused}");
    }
    if let Err(refused) = caffe::Ported::new(caffe::Elu, of(1), &shapes[..1]).map(drop) {
        println!("  refused: {refused}");
    }

    // A net of three layers that share one protocol, trained with the factors of the blob.
    let factors: Vec<(Param, Group)> = elu.groups().map(|(blob, group)| (blob.clone(), group)).collect();
    let net = Graph::builder(["data", "target"])
        .layer("center", center, ["data"], ["centered"])
        .layer("elu", elu, ["centered"], ["elu"])
        .layer("loss", euclidean, ["elu", "target"], ["loss"])
        .build(["loss"])?;
    let alpha = net.param("elu.alpha")?;
    let mut sgd = Sgd::new(&net.params(), 0.02)?.momentum(0.9)?;
    for (blob, group) in factors {
        sgd = sgd.group(&[blob], group)?;
    }
    let wanted = {
        let x = tape.constant(&pair[0]);
        let x = x - x.mean_axes(&[0], true);
        x.relu() + tape.constant([0.2, 0.5, 0.9]) * x.min(0.0).exp_m1()
    };
    let batch = Batch { inputs: vec![pair[0].clone(), wanted.value()], ..Batch::default() };
    let mut solver = Solver::new(&net, &mut sgd, vec![batch]).loss(|y, _| Ok(y[0]));
    solver.step(200)?;
    println!("  trained: loss {:.4} to {:.0e}, alphas {}", solver.losses()[0], solver.losses()[199], alpha.value());
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

//! A network as the solution of a differential equation: small swings of a damped pendulum.
//!
//! u″ + 2ζω u′ + ω² u = 0,  u(0) = 1,  u′(0) = 0,  for t from 0 to [`END`].
//!
//! The loss is the mean square of the left side at some times. It contains the second derivative of the network with
//! respect to its input, and training differentiates that with respect to the parameters: third order in all (Lagaris,
//! Likas and Fotiadis, 1998; Raissi, Perdikaris and Karniadakis, 2019). The network never sees a value of the solution.

use wengert::{
    DType, Param, Result, Tape, Tensor, Var,
    nn::{Init, Layer, Linear, Sequential, Tanh},
    optim::{Adam, Optimizer, Schedule},
};

/// The damping ratio ζ.
pub const ZETA: f64 = 0.1;
/// The frequency ω without damping, in radians per unit of time.
pub const OMEGA: f64 = 2.0;
/// The end of the time that is fitted, a little over three swings.
pub const END: f64 = 10.0;
/// The number of times at which the equation must hold.
const PLACES: usize = 128;
/// Adam's first learning rate; it falls to a hundredth along half a cosine.
const RATE: f64 = 0.01;

/// The solution in closed form, in tape algebra: with β = ω √(1 − ζ²), e^(−ζωt) (cos βt + ζω/β sin βt).
pub fn exact(t: Var<'_>) -> Var<'_> {
    let (decay, beta) = (ZETA * OMEGA, OMEGA * (1.0 - ZETA * ZETA).sqrt());
    (-decay * t).exp() * ((beta * t).cos() + decay / beta * (beta * t).sin())
}

/// A tanh network of one number, with two hidden layers of 16.
pub fn network(seed: u64) -> Sequential {
    let layer = |inputs, outputs, k| Linear::with_init(inputs, outputs, Init::Glorot, 3 * seed + k);
    let net =
        Sequential::new().then(layer(1, 16, 0)).then(Tanh).then(layer(16, 16, 1)).then(Tanh).then(layer(16, 1, 2));
    for param in net.params() {
        param.cast(DType::F64);
    }
    net
}

/// u = 1 + N t² / (1 + t²) at the times `t` `[n, 1]`: whatever the network N is, u(0) = 1 and u′(0) = 0. N sees the
/// time shifted and scaled to ±2.5.
pub fn solution<'t>(net: &Sequential, t: Var<'t>) -> Var<'t> {
    let square = t * t;
    1.0 + square / (1.0 + square) * net.forward((t - END / 2.0) / 2.0)
}

/// (u″ + 2ζω u′ + ω² u) / ω² at each of the times `t`, which must be a leaf. Each entry of `u` depends only on its own
/// time, so the gradient of their sum is u′.
pub fn residual<'t>(t: Var<'t>, u: Var<'t>) -> Result<Var<'t>> {
    let tape = t.tape();
    let first = tape.grad(u.sum(), &[t])?[0];
    let second = tape.grad(first.sum(), &[t])?[0];
    Ok((second + 2.0 * ZETA * OMEGA * first + OMEGA * OMEGA * u) / (OMEGA * OMEGA))
}

/// `count` times from 0 to [`END`], both included, as a column.
pub fn times(count: usize) -> Tensor {
    Tensor::from_fn([count, 1], DType::F64, |i| END * i as f64 / (count - 1) as f64)
}

/// The residuals of the network at [`PLACES`] times, on an empty tape.
fn residuals<'t>(net: &Sequential, tape: &'t Tape) -> Result<Var<'t>> {
    let t = tape.leaf(times(PLACES));
    residual(t, solution(net, t))
}

/// The result of a training.
pub struct Fit {
    pub net: Sequential,
    /// The mean square of the residuals before each step.
    pub losses: Vec<f64>,
    /// How many of the steps were Adam's.
    pub adam: usize,
    /// The largest distance to the exact solution after Adam, and at the end.
    pub errors: [f64; 2],
    /// Entries on the tape of one loss.
    pub entries: usize,
}

/// Trains with `adam` steps of Adam and then `newton` steps of Gauss-Newton.
pub fn train(seed: u64, adam: usize, newton: usize) -> Result<Fit> {
    let net = network(seed);
    let params = net.params();
    let mut losses = Vec::with_capacity(adam + newton);
    let schedule = Schedule::CosineAnnealing { t_max: adam as u64, eta_min: RATE / 100.0 };
    let mut optimizer = Adam::new(&params, RATE)?;
    let mut tape = Tape::f64();
    let mut entries = 0;
    for step in 0..adam {
        tape.reset();
        let r = residuals(&net, &tape)?;
        let loss = (r * r).mean();
        entries = tape.len();
        losses.push(loss.item());
        optimizer.set_learning_rate(schedule.learning_rate(RATE, step as u64))?;
        optimizer.step(&loss.backward()?)?;
    }
    let after_adam = largest_error(&net);
    let mut damping = 1e-2;
    for _ in 0..newton {
        losses.push(gauss_newton(&net, &params, &mut tape, &mut damping)?);
    }
    let errors = [after_adam, largest_error(&net)];
    Ok(Fit { net, losses, adam, errors, entries })
}

/// The largest distance from the network to the exact solution, at 1001 times.
fn largest_error(net: &Sequential) -> f64 {
    let tape = Tape::f64();
    let t = tape.constant(times(1001));
    (solution(net, t) - exact(t)).abs().value().to_vec().into_iter().fold(0.0, f64::max)
}

/// One step of Gauss-Newton with damping λ (Levenberg, 1944; Marquardt, 1963); returns the loss before it.
///
/// With r the residuals and J their Jacobian with respect to the parameters, the loss is nearly |r + J p|², least at
/// p = −J⁺ r. The damped step is p = −Jᵀ (J Jᵀ + λ I)⁻¹ r, a system with as many unknowns as residuals, of which there
/// are fewer than parameters here. A step that raises the loss is undone, and λ grows.
fn gauss_newton(net: &Sequential, params: &[Param], tape: &mut Tape, damping: &mut f64) -> Result<f64> {
    tape.reset();
    let r = residuals(net, tape)?;
    let loss = (r * r).mean().item();
    let j = tape.constant(jacobian(r, params)?);
    let gram = j.matmul(j.transpose(0, 1));
    let start = flat(params.iter().map(Param::value));
    for _ in 0..20 {
        let shift = tape.constant(Tensor::eye(PLACES, DType::F64)) * *damping;
        let p = j.transpose(0, 1).matmul((gram + shift).try_solve(r.detach())?).value().to_vec();
        set(params, &start.iter().zip(&p).map(|(w, p)| w - p).collect::<Vec<f64>>())?;
        let trial = Tape::f64();
        let r = residuals(net, &trial)?;
        if (r * r).mean().item() < loss {
            *damping /= 10.0;
            return Ok(loss);
        }
        *damping *= 3.0;
    }
    set(params, &start)?;
    Ok(loss)
}

/// The Jacobian of the residuals with respect to all parameters: one walk per row, and none is recorded.
fn jacobian(r: Var<'_>, params: &[Param]) -> Result<Tensor> {
    let mut rows = Vec::new();
    for i in 0..r.numel() {
        let one = Tensor::from_fn(r.shape(), DType::F64, |k| f64::from(i == k));
        let gradients = r.vjp(&one)?;
        for param in params {
            rows.extend(gradients.wrt(param)?.to_vec());
        }
    }
    let width = rows.len() / r.numel();
    Tensor::from(rows).reshape([r.numel(), width])
}

fn flat(tensors: impl Iterator<Item = Tensor>) -> Vec<f64> {
    tensors.flat_map(|tensor| tensor.to_vec()).collect()
}

/// Sets all parameters from their concatenated numbers.
fn set(params: &[Param], mut numbers: &[f64]) -> Result<()> {
    for param in params {
        let (its, rest) = numbers.split_at(param.shape().numel());
        param.set(&Tensor::from(its.to_vec()).reshape(param.shape())?)?;
        numbers = rest;
    }
    Ok(())
}

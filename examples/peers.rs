//! Times a step of small workloads on numbers that other engines can reproduce.
//!
//! `cargo run --release --example peers -- elu|mlp|linalg|chain` prints a line for each variant:
//! `wengert VERSION WORK VARIANT threads N: median X unit  min Y unit  check loss L`. A step is forward, backward and
//! update, in single precision.
//!
//! - `elu` (ms): 128 images 28x28, convolution 5x5x20, batch norm, ELU with a learned alpha per channel, fully
//!   connected 10, cross-entropy; SGD with momentum 0.9, learning rate 0.01, weight decay 1e-4 on everything.
//! - `mlp` (us): 2 - 16 - 16 - 1 with tanh, 32 observations, target x0 · x1, mean squared error, SGD with learning rate
//!   0.05.
//! - `linalg` (ms, no update): Z = A^½ of 16 matrices A = X Xᵀ/d + I/2 of size d = 64 and 256, loss Σ Z ∘ (G + Gᵀ), the
//!   gradient with respect to A. Its check is |Z Z − A|/|A|, the loss, and the length of the gradient.
//! - `chain` (ns an operation, no update): n multiplications of one number, and the gradient with respect to it, for n up
//!   to a million. Its check is the gradient.

#[macro_use]
#[path = "../tutorials/print.rs"]
mod print;

use std::time::Instant;

use wengert::{
    Backward, DType, Function, Param, Result, Rule, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Elu, Flatten, Init, Layer, Linear, MatrixSqrt, NewtonSchulz, Sequential, Tanh},
    optim::{Decay, Momentum, Optimizer, Sgd},
};

/// The shared numbers: a hash of (index + seed · 1000003), uniform in [-scale, scale), row-major.
fn fill(seed: u32, shape: &[usize], scale: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F32, |i| {
        let mut x = (i as u32).wrapping_add(seed.wrapping_mul(1_000_003));
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (f64::from(x ^ (x >> 16)) / 4_294_967_296.0 * 2.0 - 1.0) * scale
    })
}

/// ELU with its derivative written by hand.
struct EluRule;

impl Function for EluRule {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (x, alpha) = (x[0], x[1]);
        vec![x.gt(0.0).select(x, alpha * x.min(0.0).exp_m1())]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, alpha, z, dz) = (x[0], x[1], z[0], dz[0]);
        let positive = x.gt(0.0);
        let dx = dz * positive.select(1.0, alpha + z);
        let dalpha = (dz * x.min(0.0).exp_m1()).sum_to(&alpha.shape());
        vec![Some(dx), Some(dalpha)]
    }
}

/// The layer of the manual rule.
struct EluManual {
    alpha: Param,
}

impl Layer for EluManual {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.tape().apply(EluRule, &[x, alpha]).expect("the rule names all its inputs")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}

fn elu() -> Result<()> {
    for rule in [Rule::Manual, Rule::Tape] {
        let conv = Conv2d::with_init(1, 20, 5, Init::Constant(0.0), 0);
        conv.weight.set(&fill(1, &[20, 1, 5, 5], 0.2))?;
        let out = Linear::with_init(11_520, 10, Init::Constant(0.0), 0);
        out.weight.set(&fill(3, &[10, 11_520], 0.01))?;
        let alphas = fill(2, &[20], 1.0).to_vec().iter().map(|a| ((a + 1.0) / 2.0) as f32).collect::<Vec<_>>();
        let net = Sequential::new().then(conv).then(BatchNorm::new(20));
        let net = match rule {
            Rule::Manual => net.then(EluManual { alpha: Param::new("alpha", Tensor::from(alphas)) }),
            Rule::Tape => net.then(Elu { alpha: Param::new("alpha", Tensor::from(alphas)) }),
        };
        let net = net.then(Flatten).then(out);
        let images = fill(4, &[128, 1, 28, 28], 1.0);
        let labels: Vec<usize> = (0..128).map(|i| i * 7 % 10).collect();
        let mut tape = Tape::new();
        let mut sgd =
            Sgd::new(&net.params(), 0.01)?.momentum(0.9)?.form(Momentum::PyTorch).decay(Decay::Everything(1e-4))?;
        measure("elu", &rule.to_string(), (20, 200), ("ms", 1e3), || {
            tape.reset();
            let loss = net.forward(tape.constant(images.clone())).cross_entropy(&labels);
            sgd.step(&loss.backward()?)?;
            Ok(loss.item())
        })?;
    }
    Ok(())
}

fn mlp() -> Result<()> {
    let layer = |seed, outputs, inputs, scale| {
        let layer = Linear::with_init(inputs, outputs, Init::Constant(0.0), 0);
        layer.weight.set(&fill(seed, &[outputs, inputs], scale)).map(|()| layer)
    };
    let net = Sequential::new()
        .then(layer(1, 16, 2, 0.7)?)
        .then(Tanh)
        .then(layer(2, 16, 16, 0.25)?)
        .then(Tanh)
        .then(layer(3, 1, 16, 0.25)?);
    let x = fill(4, &[32, 2], 1.0);
    let target = Tensor::from_fn([32, 1], DType::F32, |i| x.at(&[i, 0]) * x.at(&[i, 1]));
    let mut tape = Tape::new();
    let mut sgd = Sgd::new(&net.params(), 0.05)?;
    measure("mlp", "tape", (2000, 10_000), ("us", 1e6), || {
        tape.reset();
        let loss = net.forward(tape.constant(x.clone())).mse_loss(tape.constant(target.clone()));
        sgd.step(&loss.backward()?)?;
        Ok(loss.item())
    })
}

fn linalg() -> Result<()> {
    let newton = MatrixSqrt::NewtonSchulz(NewtonSchulz::new(5)?);
    let ways = [
        ("eigh", MatrixSqrt::Eigh, Rule::Tape),
        ("eigh_lyapunov", MatrixSqrt::Lyapunov, Rule::Manual),
        ("newton_schulz5", newton, Rule::Tape),
        ("newton_schulz5_manual", newton, Rule::Manual),
    ];
    for (d, (name, root, rule)) in [64, 256].into_iter().flat_map(|d| ways.map(|way| (d, way))) {
        let shape = [16, d, d];
        let product =
            |seed, f: &dyn for<'t> Fn(Var<'t>) -> Var<'t>| f(Tape::new().constant(fill(seed, &shape, 1.0))).value();
        let half = Tensor::eye(d, DType::F32);
        let a = product(1, &|x| x.matmul(x.transpose(-2, -1)) / d as f64 + x.tape().constant(&half) * 0.5);
        let g = product(2, &|g| g + g.transpose(-2, -1));
        let mut tape = Tape::new();
        tape.set_rule(rule);
        let mut step = || {
            tape.reset();
            let a = tape.leaf(a.clone());
            let z = root.forward(a);
            let loss = (z * tape.constant(g.clone())).sum();
            let da = loss.backward()?.wrt(a)?.clone();
            Ok((z.value(), loss.item(), da))
        };
        let (z, loss, da) = step()?;
        let length = |x: &Tensor| x.to_vec().iter().map(|x| x * x).sum::<f64>().sqrt();
        let residual = {
            let tape = Tape::new();
            let z = tape.constant(z);
            length(&(z.matmul(z) - tape.constant(a.clone())).value()) / length(&a)
        };
        let check = format!("residual {residual:.1e} loss {loss:.2} |grad| {:.3}", length(&da));
        for _ in 0..4 {
            step()?;
        }
        let runs = if d == 64 { 100 } else { 30 };
        time(&format!("linalg {name} 16x{d}x{d}"), runs, ("ms", 1e3), &check, || step().map(drop))?;
    }
    Ok(())
}

fn chain() -> Result<()> {
    let mut tape = Tape::new();
    for length in [10_000, 100_000, 1_000_000] {
        let mut step = || {
            tape.reset();
            let x = tape.leaf(0.5);
            let y = (0..length).fold(x, |y, _| y * 0.999_999);
            Ok(y.backward()?.wrt(x)?.item())
        };
        let check = format!("dx {:.4}", step()?);
        step()?;
        let scale = 1e9 / f64::from(length);
        time(&format!("chain of {length}"), 11, ("ns", scale), &check, || step().map(drop))?;
    }
    Ok(())
}

/// The loss of the fourth step; then `warm` untimed steps and `runs` timed ones.
fn measure(
    work: &str,
    variant: &str,
    (warm, runs): (usize, usize),
    unit: (&str, f64),
    mut step: impl FnMut() -> Result<f64>,
) -> Result<()> {
    for _ in 0..3 {
        step()?;
    }
    let check = step()?;
    for _ in 0..warm {
        step()?;
    }
    time(&format!("{work} {variant}"), runs, unit, &format!("loss {check:.6}"), || step().map(drop))
}

/// Times `runs` steps and prints the line.
fn time(
    work: &str,
    runs: usize,
    (unit, scale): (&str, f64),
    check: &str,
    mut step: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        step()?;
        times.push(start.elapsed().as_secs_f64() * scale);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "wengert {} {work} threads {}: median {:.3} {unit}  min {:.3} {unit}  check {check}",
        env!("CARGO_PKG_VERSION"),
        wengert::threads(),
        times[runs / 2],
        times[0],
    );
    Ok(())
}

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("elu") => elu(),
        Some("mlp") => mlp(),
        Some("linalg") => linalg(),
        Some("chain") => chain(),
        _ => {
            eprintln!("usage: peers elu|mlp|linalg|chain");
            std::process::exit(2)
        }
    }
}

//! What the design decisions are worth, as ratios measured in one run: `cargo bench`.
//!
//! Each row alternates two ways of doing the same thing and divides the medians, so that a change in the machine's
//! speed affects both. The last rows show that the cost of an operation does not grow with the length of the tape, and
//! that the cost of a check per number does not grow with their count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use wengert::{DType, Tape, Tensor, Var};

/// The medians of two functions, timed in turn, in milliseconds.
fn in_turn(runs: usize, mut a: impl FnMut(), mut b: impl FnMut()) -> (f64, f64) {
    let timed = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e3
    };
    a();
    b();
    let (mut first, mut second): (Vec<f64>, Vec<f64>) = (0..runs).map(|_| (timed(&mut a), timed(&mut b))).unzip();
    first.sort_by(f64::total_cmp);
    second.sort_by(f64::total_cmp);
    (first[runs / 2], second[runs / 2])
}

fn row(what: &str, (a, b): (f64, f64)) {
    println!("{what:<62} {a:>9.3} ms  {b:>9.3} ms  ratio {:.2}", a / b);
}

/// An ELU with one alpha per channel, forward and backward, on a tape that defers from `lazy_from` elements on.
fn elu(x: &Tensor, alpha: &Tensor, lazy_from: usize) {
    let tape = Tape::new();
    tape.set_lazy_from(lazy_from);
    let x = tape.leaf(x);
    let alpha = tape.leaf(alpha).per_channel(x);
    let z = x.relu() + alpha * x.min(0.0).exp_m1();
    z.sum().backward().expect("x and alpha are leaves");
}

/// `length` operations on one number, and the gradient with respect to it.
fn chain(length: usize) -> f64 {
    let start = Instant::now();
    let tape = Tape::new();
    let x = tape.leaf(0.5);
    let y = (0..length).fold(x, |y: Var<'_>, _| y * 0.999_999);
    y.backward().expect("x is a leaf");
    start.elapsed().as_secs_f64() * 1e9 / length as f64
}

/// A check of a hand-written rule with this many numbers, along random directions.
#[cfg(feature = "check")]
fn projected_check(numbers: usize) -> f64 {
    let x = Tensor::from_fn([numbers], DType::F64, |i| (i as f64 * 0.7).sin());
    let start = Instant::now();
    let report = wengert::check::closure(|x| x[0].tanh() * x[0], &[x]).projected().run();
    assert!(report.expect("the input is finite").passed());
    start.elapsed().as_secs_f64() * 1e3
}

/// Eight layers, each of which records what the tape holds when its gradient passes.
fn eight_layers<'t>(mut x: Var<'t>, w: Var<'t>, most: &Arc<AtomicUsize>) -> Var<'t> {
    for _ in 0..8 {
        let most = most.clone();
        x = x.matmul(w).tanh().hook(move |dy| {
            most.fetch_max(dy.tape().bytes(), Ordering::Relaxed);
            dy
        });
    }
    x
}

/// The most bytes that values hold, as seen between the layers, while 64 layers are differentiated: with all values
/// kept, or in 8 checkpointed segments.
fn peak_bytes(checkpoints: bool) -> usize {
    let tape = Tape::new();
    let w = tape.leaf(Tensor::from_fn([64, 64], DType::F32, |i| (i as f64 * 0.37).sin() / 8.0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut x = tape.leaf(Tensor::ones([128, 64], DType::F32));
    for _ in 0..8 {
        x = if checkpoints { tape.checkpoint(|| eight_layers(x, w, &most)) } else { eight_layers(x, w, &most) };
    }
    x.sum().backward().expect("w is a leaf");
    most.load(Ordering::Relaxed)
}

/// Twenty iterations of a perceptron 784-256-10 on batches of 128, by the trainer.
#[cfg(feature = "train")]
fn run(watch: Option<&mut wengert::train::Watch>) {
    use wengert::{nn::Layer, optim::Sgd, train::Trainer};
    let (net, batch) = perceptron();
    let mut sgd = Sgd::new(&net.params(), 0.01).expect("the rate is positive");
    let trainer = Trainer::new(&net, &mut sgd);
    let trainer = match watch {
        Some(watch) => trainer.watch(watch),
        None => trainer,
    };
    trainer.fit(&mut vec![batch; 20]).expect("the loss is finite");
}

/// The same iterations as a loop; `look` is called with each loss.
#[cfg(feature = "train")]
fn by_hand(look: impl Fn(Var<'_>)) {
    use wengert::{nn::Layer, optim::Optimizer, optim::Sgd, train::share_correct};
    let (net, batch) = perceptron();
    let mut sgd = Sgd::new(&net.params(), 0.01).expect("the rate is positive");
    let mut tape = Tape::new();
    for _ in 0..20 {
        tape.reset();
        let logits = net.forward(tape.constant(&batch.inputs[0]));
        let loss = logits.cross_entropy(&batch.labels);
        assert!(loss.item().is_finite() && share_correct(&[logits.value()], &batch).is_ok());
        sgd.step(&loss.backward().expect("the network has parameters")).expect("the gradients are finite");
        look(loss);
    }
}

#[cfg(feature = "train")]
fn perceptron() -> (wengert::nn::Sequential, wengert::train::Batch) {
    use wengert::nn::{Linear, Relu, Sequential};
    let x = Tensor::from_fn([128, 784], DType::F32, |i| (i as f64 * 0.37).sin());
    let labels: Vec<usize> = (0..128).map(|k| k % 10).collect();
    (Sequential::new().then(Linear::new(784, 256, 0)).then(Relu).then(Linear::new(256, 10, 1)), (x, labels).into())
}

/// What it costs to look, and not to look.
#[cfg(feature = "train")]
fn inspection() {
    use wengert::train::Watch;
    row("20 steps: by the trainer, not watched / by hand", in_turn(21, || run(None), || by_hand(|_| ())));
    row("20 steps: watched every 10 / not", in_turn(21, || run(Some(&mut Watch::every(10))), || run(None)));
    row("20 steps: watched at each / not", in_turn(21, || run(Some(&mut Watch::every(1))), || run(None)));
    let detect = |loss: Var<'_>| assert!(loss.detect_anomalies().expect("it has gradients").backward.is_none());
    row("20 steps: with `detect_anomalies` at each / without", in_turn(21, || by_hand(detect), || by_hand(|_| ())));
    let accuracy = |loss: Var<'_>| assert!(loss.accuracy().expect("it has gradients").nodes.len() > 3);
    row("20 steps: with `accuracy` at each / without", in_turn(21, || by_hand(accuracy), || by_hand(|_| ())));
}

fn main() {
    let x = Tensor::from_fn([128, 20, 24, 24], DType::F32, |i| (i as f64 * 0.7).sin());
    let alpha = Tensor::from_fn([20], DType::F32, |i| i as f64 / 20.0);
    println!("{:<62} {:>12}  {:>12}", "a / b", "a", "b");
    let both = in_turn(21, || elu(&x, &alpha, 1 << 12), || elu(&x, &alpha, usize::MAX));
    row("ELU with its gradient: chains in blocks / operation by operation", both);
    #[cfg(feature = "train")]
    inspection();
    for length in [10_000, 100_000, 1_000_000] {
        println!("a chain of {length:>9} operations and its gradient: {:>6.0} ns an operation", chain(length));
    }
    let (kept, again) = (peak_bytes(false), peak_bytes(true));
    let ratio = kept as f64 / again as f64;
    println!(
        "64 layers differentiated hold {kept} bytes at most, in 8 checkpointed segments {again}: ratio {ratio:.1}"
    );
    #[cfg(feature = "check")]
    for numbers in [10_000, 100_000, 1_000_000] {
        let ms = (0..5).map(|_| projected_check(numbers)).fold(f64::INFINITY, f64::min);
        println!(
            "a projected check of {numbers:>9} numbers: {ms:>8.1} ms, {:>6.0} ns a number",
            ms * 1e6 / numbers as f64
        );
    }
}

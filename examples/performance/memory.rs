//! What a recording holds, node by node, and what recomputation saves and costs.
//!
//! A checkpoint keeps what comes in and what goes out of a stretch of the recording; the rest is computed again when the
//! walk comes to it. For n layers in √n checkpoints, about 2 √n values are held, for one more forward pass.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use wengert::{DType, Result, Tape, Tensor, Var, nn::Init};

use crate::networks::Work;

/// The layers of the deep network, and the sizes of a layer.
const LAYERS: usize = 64;
const BATCH: usize = 256;
const WIDTH: usize = 256;

/// The most bytes that the values of a tape held when somebody looked.
type Most = Option<Arc<AtomicUsize>>;

/// Some layers, each of which looks, when its gradient passes, at what the tape holds.
fn layers<'t>(x: Var<'t>, w: Var<'t>, count: usize, most: &Most) -> Var<'t> {
    (0..count).fold(x, |x, _| {
        let y = x.matmul(w).tanh();
        let Some(most) = most.clone() else { return y };
        y.hook(move |dy| {
            most.fetch_max(dy.tape().bytes(), Ordering::Relaxed);
            dy
        })
    })
}

/// Runs [`LAYERS`] layers in so many checkpoints (none for 0) and differentiates them.
fn deep(tape: &Tape, segments: usize, most: &Most) -> Result<()> {
    let w = tape.leaf(Init::Normal(1.0 / (WIDTH as f64).sqrt()).draw([WIDTH, WIDTH], 0));
    let x = tape.leaf(Tensor::ones([BATCH, WIDTH], DType::F32));
    let y = match segments {
        0 => layers(x, w, LAYERS, most),
        n => (0..n).fold(x, |x, _| tape.checkpoint(|| layers(x, w, LAYERS / n, most))),
    };
    y.square().sum().backward().map(drop)
}

pub fn run(seconds: f64) -> Result<()> {
    let work = Work::elu(false)?;
    let tape = Tape::new();
    let loss = work.loss(&tape);
    println!("The ELU step, when its loss is known: {} nodes, {:.2} MB", tape.len(), tape.bytes() as f64 / 1e6);
    let mut nodes: Vec<_> = tape.nodes().collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(node.shape.numel()));
    for node in nodes.iter().take(12) {
        let held = if node.value.is_some() { "held" } else { "pending" };
        let megabytes = node.shape.numel() as f64 * 4e-6;
        println!("  {megabytes:>5.2} MB  {held:<8} {:<12} {:<20} {}", node.op, node.type_name(), node.layer);
    }
    loss.backward()?;
    println!("after its backward pass: {:.2} MB", tape.bytes() as f64 / 1e6);

    println!("\n{LAYERS} layers of {WIDTH} with tanh, a batch of {BATCH}, forward and backward:");
    println!("checkpoints   most MB       ms  of the time  matmul again");
    let mut kept = 0.0;
    for segments in [0, 4, 8, 16] {
        let most = Arc::new(AtomicUsize::new(0));
        deep(&Tape::new(), segments, &Some(most.clone()))?;
        let mut tape = Tape::new();
        let time = crate::quickest(2.0 * seconds, || {
            tape.reset();
            deep(&tape, segments, &None)
        })?;
        if segments == 0 {
            kept = time;
        }
        tape.reset();
        tape.set_profiling(true);
        deep(&tape, segments, &None)?;
        let profile = tape.profile();
        let again: u64 = profile.spent.iter().filter(|s| s.operation == "matmul again").map(|s| s.calls).sum();
        let most = most.load(Ordering::Relaxed) as f64 / 1e6;
        println!("{segments:>11}  {most:>8.2}  {:>7.2}  {:>11.2}  {again:>12}", time * 1e3, time / kept);
    }
    Ok(())
}

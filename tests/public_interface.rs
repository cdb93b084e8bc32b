//! The modules above the core compile outside the crate, so they use only its public interface.
//!
//! Their files are compiled here again, as modules of this test, where `crate::` means what the crate exports. A use of
//! anything private does not compile. (`harness = false`: their own tests run in the crate and are not repeated here.)
#![allow(dead_code, unused_imports, reason = "what the modules export is not all used here")]

pub use wengert::*;

#[path = "../src/atomic.rs"]
mod atomic;
#[path = "../src/caught.rs"]
mod caught;
#[path = "../src/data/mod.rs"]
pub mod data;
#[path = "../src/io/mod.rs"]
pub mod io;
#[path = "../src/nn/mod.rs"]
pub mod nn;
#[path = "../src/optim/mod.rs"]
pub mod optim;
#[path = "../src/plot/mod.rs"]
pub mod plot;
#[path = "../src/regular.rs"]
mod regular;
#[path = "../src/train/mod.rs"]
pub mod train;

/// A layer and an optimizer compiled outside the crate work on its tapes.
fn main() {
    use nn::Layer;
    use optim::Optimizer;
    let net = nn::Linear::new(2, 2, 0);
    let mut sgd = optim::Sgd::new(&net.params(), 0.1).unwrap();
    let before = net.weight.value();
    let tape = Tape::f64();
    let loss = net.forward(tape.constant([[1.0, 2.0]])).cross_entropy(&[0]);
    sgd.step(&loss.backward().unwrap()).unwrap();
    assert_ne!(net.weight.value(), before);
}

//! A training step in steady state asks the system for no memory larger than a page, and a small one hardly for any:
//! tensors come from the pool, scratch memory is kept, and what stands beside a node has room in the node.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use wengert::{
    Backward, DType, Function, Param, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Elu, Flatten, Layer, Linear, Sequential, Tanh},
    optim::{Decay, Momentum, Optimizer, Sgd},
};

const PAGE: usize = 4096;

/// The system's allocator, which counts.
struct Counting;

/// Allocations so far, and those of more than a page.
static ALL: AtomicUsize = AtomicUsize::new(0);
static LARGE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALL.fetch_add(1, Relaxed);
        LARGE.fetch_add(usize::from(layout.size() > PAGE), Relaxed);
        // SAFETY: the caller's promise is the one that the system requires.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `step` until it has made no allocation larger than a page twenty times in a row, and says how many of any size
/// it made at most in those: a worker thread allocates its scratch memory at its first task, whenever that is.
fn in_steady_state(mut step: impl FnMut()) -> usize {
    // One test at a time: the counts are those of the whole program.
    static TURN: Mutex<()> = Mutex::new(());
    let _alone = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut clean = Vec::new();
    for _ in 0..300 {
        let before = (ALL.load(Relaxed), LARGE.load(Relaxed));
        step();
        let (all, large) = (ALL.load(Relaxed) - before.0, LARGE.load(Relaxed) - before.1);
        if large > 0 {
            clean.clear()
        } else {
            clean.push(all)
        }
        if clean.len() == 20 {
            return clean.into_iter().max().unwrap_or(0);
        }
    }
    panic!("in 300 steps there were no 20 in a row without an allocation of more than {PAGE} bytes");
}

/// A training step of `net`, which computes the loss from its output and updates by `sgd`.
fn train(net: &Sequential, sgd: &mut Sgd, x: &Tensor, loss: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> usize {
    let mut tape = Tape::new();
    in_steady_state(|| {
        tape.reset();
        let loss = loss(net.forward(tape.constant(x)));
        sgd.step(&loss.backward().expect("the network has parameters")).expect("the gradients are finite");
        assert!(loss.item().is_finite());
    })
}

#[test]
fn a_step_of_a_small_network_makes_fewer_than_fifty_allocations_and_none_larger_than_a_page() {
    let net = Sequential::new()
        .then(Linear::new(2, 16, 0))
        .then(Tanh)
        .then(Linear::new(16, 16, 1))
        .then(Tanh)
        .then(Linear::new(16, 1, 2));
    let mut sgd = Sgd::new(&net.params(), 0.05).unwrap();
    let x = Tensor::from_fn([32, 2], DType::F32, |i| (i as f64 * 0.7).sin());
    let target = Tensor::from_fn([32, 1], DType::F32, |i| x.at(&[i, 0]) * x.at(&[i, 1]));
    let most = train(&net, &mut sgd, &x, |y| y.mse_loss(y.tape().constant(&target)));
    println!("at most {most} allocations a step");
    assert!(most < 50, "{most} allocations in a step");
}

/// ELU with its derivative written by hand.
struct EluRule;

impl Function for EluRule {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].gt(0.0).select(x[0], x[1] * x[0].min(0.0).exp_m1())]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dx = dz[0] * x[0].gt(0.0).select(1.0, x[1] + z[0]);
        let dalpha = (dz[0] * x[0].min(0.0).exp_m1()).sum_to(&x[1].shape());
        vec![Some(dx), Some(dalpha)]
    }
}

struct EluManual(Param);

impl Layer for EluManual {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.0).per_channel(x);
        x.tape().apply(EluRule, &[x, alpha]).expect("the rule names all its inputs")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.0.clone()]
    }
}

#[test]
fn a_step_of_a_convolutional_network_makes_no_allocation_larger_than_a_page() {
    let labels: Vec<usize> = (0..32).map(|i| i * 7 % 10).collect();
    let x = Tensor::from_fn([32, 1, 28, 28], DType::F32, |i| (i as f64 * 0.37).sin());
    for by_hand in [true, false] {
        let net = Sequential::new().then(Conv2d::new(1, 20, 5, 0)).then(BatchNorm::new(20));
        let net = match by_hand {
            true => net.then(EluManual(Param::new("alpha", Tensor::full([20], 0.5, DType::F32)))),
            false => net.then(Elu::new(20, 1)),
        };
        let net = net.then(Flatten).then(Linear::new(11_520, 10, 2));
        let sgd = Sgd::new(&net.params(), 0.01).unwrap().momentum(0.9).unwrap();
        let mut sgd = sgd.form(Momentum::PyTorch).decay(Decay::Everything(1e-4)).unwrap();
        let most = train(&net, &mut sgd, &x, |y| y.cross_entropy(&labels));
        println!("by hand {by_hand}: at most {most} allocations a step, each at most {PAGE} bytes");
    }
}

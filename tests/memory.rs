//! What a recording costs in memory: a training step in steady state allocates no new tensor, `backward` keeps only the
//! gradients that are still needed, and no unused buffer is kept.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use wengert::{
    DType, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Elu, Flatten, Layer, Linear, MaxPool2d, Relu, Sequential},
    ops::Window,
};

/// The system's allocator, which counts.
struct Counting;

/// Bytes that are allocated now, and the most so far.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Allocations of more than 64 kB while they are counted, and the largest of them.
static COUNTED: AtomicBool = AtomicBool::new(false);
static LARGE: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn count(size: usize) {
    PEAK.fetch_max(LIVE.fetch_add(size, Relaxed) + size, Relaxed);
    if COUNTED.load(Relaxed) && size > 64 << 10 {
        LARGE.fetch_add(1, Relaxed);
        LARGEST.fetch_max(size, Relaxed);
    }
}

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is the one that the system requires.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: the counts are those of the whole program.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn images(n: usize, seed: usize) -> Tensor {
    Tensor::from_fn([n, 1, 28, 28], DType::F32, |i| ((i + seed) as f64 * 0.37).sin())
}

fn network() -> Sequential {
    Sequential::new()
        .then(Conv2d::new(1, 8, 5, 0))
        .then(BatchNorm::new(8))
        .then(Elu::new(8, 1))
        .then(MaxPool2d(Window::square(2)))
        .then(Conv2d::new(8, 8, 3, 2))
        .then(Relu)
        .then(Flatten)
        .then(Linear::new(800, 10, 3))
}

#[test]
fn a_training_step_in_steady_state_allocates_no_tensor_anew() {
    let _alone = alone();
    let (net, batch) = (network(), images(64, 0));
    let labels: Vec<usize> = (0..64).map(|i| i % 10).collect();
    let params = net.params();
    let mut tape = Tape::new();
    let mut counts = Vec::new();
    for step in 1..=10 {
        LARGE.store(0, Relaxed);
        LARGEST.store(0, Relaxed);
        COUNTED.store(true, Relaxed);
        tape.reset();
        let gradients = net.forward(tape.constant(&batch)).cross_entropy(&labels).backward().unwrap();
        for param in &params {
            let gradient = gradients.wrt(param).unwrap();
            param.update(|weight| {
                let (weight, gradient) = (weight.as_mut_slice::<f32>().unwrap(), gradient.as_slice::<f32>().unwrap());
                weight.iter_mut().zip(gradient).for_each(|(w, g)| *w -= 0.01 * g);
            });
        }
        COUNTED.store(false, Relaxed);
        counts.push((step, LARGE.load(Relaxed), LARGEST.load(Relaxed)));
    }
    println!("step, allocations above 64 kB, the largest: {counts:?}");
    assert!(counts[0].1 > 0, "the first step has to allocate");
    // A worker thread allocates its scratch memory at its first task, whenever that is.
    let late: usize = counts[3..].iter().map(|c| c.1).sum();
    assert!(counts[3..].iter().any(|c| c.1 == 0) && late <= 4, "large allocations in steps 4 to 10: {counts:?}");
}

/// The most memory that `backward` took beyond what was there before, in tensors of `bytes`. The tape is made, and its
/// memory freed, on a separate thread, whose pool is empty.
fn backward_peak(bytes: usize, lazy: bool, record: fn(Var<'_>) -> Var<'_>) -> f64 {
    std::thread::spawn(move || {
        let tape = Tape::new();
        tape.set_lazy_from(if lazy { 0 } else { usize::MAX });
        let x = tape.leaf(Tensor::from_fn([bytes / 4 / 256, 256], DType::F32, |i| (i as f64 * 0.1).sin()));
        let loss = record(x).sum();
        loss.item();
        let before = LIVE.load(Relaxed);
        PEAK.store(before, Relaxed);
        loss.backward().unwrap();
        (PEAK.load(Relaxed) - before) as f64 / bytes as f64
    })
    .join()
    .unwrap()
}

#[test]
fn the_memory_of_backward_does_not_grow_with_the_recording() {
    let _alone = alone();
    let chain: fn(Var<'_>) -> Var<'_> = |x| (0..60).fold(x, |y, _| y.softmax(1) * 3.0);
    // Skip connections around operations that are computed at once: their gradients wait while the rules proceed.
    let residual: fn(Var<'_>) -> Var<'_> =
        |x| (0..6).fold(x, |y, _| (y + (0..10).fold(y, |z, _| z.softmax(1).cumsum(1))).tanh());
    let peaks: Vec<f64> = [(chain, true), (chain, false), (residual, true), (residual, false)]
        .map(|(record, lazy)| backward_peak(1 << 20, lazy, record))
        .to_vec();
    println!("backward's peak in tensors: a chain deferred, at once; with skips deferred, at once: {peaks:.1?}");
    assert!(peaks.iter().all(|&peak| peak < 12.0), "{peaks:?} tensors at once");
}

/// The most memory that recording and differentiating 64 layers takes, in tensors of 256 kB.
fn deep_peak(blocks: usize) -> f64 {
    const BYTES: usize = 1 << 18;
    std::thread::spawn(move || {
        let before = LIVE.load(Relaxed);
        PEAK.store(before, Relaxed);
        let tape = Tape::new();
        let x = tape.leaf(Tensor::from_fn([BYTES / 4 / 256, 256], DType::F32, |i| (i as f64 * 0.1).sin()));
        let block = |y| (0..64 / blocks).fold(y, |y: Var<'_>, _| (y.softmax(1) * 3.0).cumsum(1).softmax(0));
        let y = (0..blocks).fold(x, |y, _| if blocks == 1 { block(y) } else { tape.checkpoint(|| block(y)) });
        y.square().sum().backward().unwrap();
        (PEAK.load(Relaxed) - before) as f64 / BYTES as f64
    })
    .join()
    .unwrap()
}

#[test]
fn checkpoints_take_a_fourth_of_the_memory_of_a_deep_chain() {
    let _alone = alone();
    let (plain, few) = (deep_peak(1), deep_peak(8));
    println!("the peak of 64 layers in tensors: {plain:.1}, in 8 checkpoints {few:.1}");
    assert!(few * 4.0 < plain, "{few} tensors in place of {plain}");
}

#[test]
fn tensors_made_of_the_users_numbers_do_not_pile_up() {
    let _alone = alone();
    let mut tape = Tape::new();
    let mut live = Vec::new();
    for step in 0..200 {
        tape.reset();
        // A megabyte of numbers that did not come from the pool.
        let batch = Tensor::from_vec(vec![step as f32; 1 << 18], [1 << 18]).unwrap();
        assert_eq!((tape.constant(batch) * 0.0).sum().item(), 0.0);
        live.push(LIVE.load(Relaxed));
    }
    let grown = live[199].saturating_sub(live[9]) as f64 / f64::from(1 << 20);
    println!("memory grew by {grown:.1} batches in 190 steps");
    assert!(grown < 4.0, "memory grew by {grown} batches in 190 steps");
}

#[test]
fn tensors_made_on_another_thread_do_not_pile_up() {
    let _alone = alone();
    let batches = wengert::data::prefetch((0..200).map(|i| Tensor::full([1 << 18], f64::from(i), DType::F32)), 2);
    let mut tape = Tape::new();
    let mut live = Vec::new();
    for batch in batches {
        tape.reset();
        assert_eq!((tape.constant(batch) * 0.0).sum().item(), 0.0);
        live.push(LIVE.load(Relaxed));
    }
    let grown = live[199].saturating_sub(live[9]) as f64 / f64::from(1 << 20);
    println!("memory grew by {grown:.1} batches in 190 steps");
    assert!(grown < 6.0, "memory grew by {grown} batches in 190 steps");
}

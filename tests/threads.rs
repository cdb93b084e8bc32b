//! The same bits with any number of threads.
//!
//! The number of threads is fixed when a program starts, so this program starts itself again, with `RAYON_NUM_THREADS`
//! set, and compares what the children print.

use std::process::Command;

use wengert::{
    Backward, DType, Function, Gradients, Param, Rule, Shape, Tape, Tensor, Var,
    functional::Interpolate,
    nn::{BatchNorm, Conv2d, Flatten, Init, Layer, Linear, MaxPool2d, Sequential},
    ops::{ConvSpec, Window},
};

/// Set in a child, which prints its hashes and does nothing else.
const CHILD: &str = "WENGERT_TEST_CHILD";

/// ELU with one alpha per channel, and its hand-written derivative.
struct EluRule;

impl Function for EluRule {
    fn name(&self) -> &str {
        "elu"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].relu() + x[1] * x[0].min(0.0).exp_m1()]
    }
    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dx = dz[0] * x[0].gt(0.0).select(1.0, x[1] + z[0]);
        let dalpha = (dz[0] * x[0].min(0.0).exp_m1()).sum_to(&x[1].shape());
        vec![Some(dx), Some(dalpha)]
    }
}

struct Elu {
    alpha: Param,
}

impl Layer for Elu {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let alpha = x.tape().watch(&self.alpha).per_channel(x);
        x.tape().apply(EluRule, &[x, alpha]).expect("both inputs are named")[0]
    }
    fn params(&self) -> Vec<Param> {
        vec![self.alpha.clone()]
    }
}

/// FNV-1a over the bits of numbers.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn add(&mut self, x: &Tensor) {
        for byte in x.to_vec().iter().flat_map(|x| x.to_bits().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

fn step(params: &[Param], gradients: &Gradients, hash: &mut Hash) {
    for param in params {
        let gradient = gradients.wrt(param).expect("every parameter is used");
        hash.add(gradient);
        param.update(|weight| {
            let (weight, gradient) = (weight.as_mut_slice::<f32>().unwrap(), gradient.as_slice::<f32>().unwrap());
            weight.iter_mut().zip(gradient).for_each(|(w, g)| *w -= 0.05 * g);
        });
        hash.add(&param.value());
    }
}

/// A hash of losses, gradients and parameters over a few steps.
fn train(rule: Rule) -> u64 {
    let net = Sequential::new()
        .then(Conv2d::new(1, 12, 5, 0))
        .then(BatchNorm::new(12))
        .then(Elu { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([12], 1)) })
        .then(MaxPool2d(Window::square(2)))
        .then(Conv2d::new(12, 8, 3, 2))
        .then(Elu { alpha: Param::new("alpha", Init::Uniform(0.0, 1.0).draw([8], 3)) })
        .then(Flatten)
        .then(Linear::new(800, 10, 4));
    let batch = Tensor::from_fn([96, 1, 28, 28], DType::F32, |i| (i as f64 * 0.137).sin());
    let labels: Vec<usize> = (0..96).map(|i| i * 7 % 10).collect();
    let mut tape = Tape::new();
    tape.set_rule(rule);
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    for _ in 0..3 {
        tape.reset();
        let loss = net.forward(tape.constant(&batch)).cross_entropy(&labels);
        hash.add(&loss.value());
        step(&net.params(), &loss.backward().unwrap(), &mut hash);
    }
    net.state().iter().for_each(|state| hash.add(&state.value()));
    hash.0
}

/// A hash of large operations that are split over several threads: products, totals, movements, softmax.
fn operations(dtype: DType) -> u64 {
    let tape = Tape::with_dtype(dtype);
    let numbers = |shape: &[usize], seed: f64| {
        tape.leaf(Tensor::from_fn(Shape::from(shape), dtype, |i| (i as f64 * 0.71 + seed).sin()))
    };
    let (a, b, c) = (numbers(&[300, 257], 0.0), numbers(&[257, 301], 1.0), numbers(&[3, 70, 1001], 2.0));
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    let mut add = |y: Var<'_>, of: Var<'_>| {
        hash.add(&y.value());
        hash.add(y.square().mean().backward().unwrap().wrt(of).unwrap());
    };
    add(a.matmul(b), a);
    add(c.sum(), c);
    for axes in [&[0isize][..], &[1], &[2], &[0, 2], &[1, 2]] {
        add((c.tanh() * 2.0).sum_axes(axes, false), c);
        add(c.logsumexp_axes(axes, false), c);
    }
    add(c.softmax(1), c);
    add(c.log_softmax(-1), c);
    add(c.permute(&[2, 0, 1]), c);
    add(c.cumsum(1).flip(&[2]), c);
    add(c.index_select(1, &[5; 100]), c);
    add(a.index_select(0, &[7; 500]), a);
    add(c.gather(1, &(0..3 * 90 * 1001).map(|i| i * i % 70).collect::<Vec<_>>(), [3, 90, 1001]), c);
    add(c.scatter_add(1, &(0..3 * 70 * 1001).map(|i| i / 3 % 70).collect::<Vec<_>>(), c), c);
    for axis in [0, 2] {
        add(Var::concat(&[c, c.exp(), c.sin()], axis), c);
        add(c.roll(2, axis), c);
    }
    add(Var::stack(&[c, c.exp()], -1), c);
    let planes = c.reshape([1, 3, 70, 1001]);
    add(planes.interpolate(&Interpolate::size([91, 800]).bicubic()), c);
    add(planes.adaptive_avg_pool2d([30, 300]), c);
    // Gradients in pieces, which overlap, each large enough to be shared out.
    let parts =
        [c.narrow(2, 0, 600), c.narrow(2, 401, 600), c.slice(2, 1, 1001, 3).pad(&[(0, 0), (0, 0), (0, 266)], 0.0)];
    add(parts[0] * parts[1] + parts[2], c);
    // As many images, channels and filters as each way of a weight gradient takes.
    let images = numbers(&[64, 16, 12, 12], 3.0);
    for (filters, size) in [(32, 3), (8, 3), (8, 5)] {
        let kernels = numbers(&[filters, 16, size, size], 4.0);
        for x in [images, images.relu()] {
            let y = x.conv2d(kernels, None, ConvSpec::default());
            add(y, images);
            add(y, kernels);
        }
    }
    add(images.relu().max_pool2d(Window::square(2)), images);
    hash.0
}

fn hashes() -> String {
    let values = [train(Rule::Manual), train(Rule::Tape), operations(DType::F32), operations(DType::F64)];
    values.map(|hash| format!("{hash:016x}")).join(" ")
}

#[test]
fn one_two_and_three_threads_give_the_same_bits() {
    if std::env::var_os(CHILD).is_some() {
        println!("\nhashes with {} threads: {}", wengert::threads(), hashes());
        return;
    }
    let run = |threads: usize| {
        let program = std::env::current_exe().expect("this program has a path");
        let output = Command::new(program)
            .args(["one_two_and_three_threads_give_the_same_bits", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads.to_string())
            .output()
            .expect("this program starts again");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("hashes with {threads} threads: ")));
        line.unwrap_or_else(|| {
            panic!("no hashes with {threads} threads: {text}{}", String::from_utf8_lossy(&output.stderr))
        })
        .to_owned()
    };
    let one = run(1);
    println!("{one}");
    assert_eq!(one, run(2), "one and two threads (manual, tape, operations in f32, in f64)");
    assert_eq!(one, run(3), "one and three threads");
}

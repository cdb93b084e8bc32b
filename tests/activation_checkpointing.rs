//! Activation checkpointing changes no bit of any gradient, of any order, and frees the memory that it promises to
//! free.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use wengert::{
    Backward, DType, Function, Mode, Param, Rule, Tape, Tensor, Var,
    nn::{BatchNorm, Conv2d, Dropout, Elu, Layer, MaxPool2d},
    ops::{Grads, Op, Vjp, Window},
};

/// x / ‖row‖, with what `backward` needs in its saved values.
struct Normalize;

impl Function for Normalize {
    fn name(&self) -> &str {
        "normalize"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }
    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let size = x[0].square().sum_axes(&[-1], true).sqrt();
        (vec![x[0] / size, size * 2.0], vec![size])
    }
    fn backward<'t>(&self, Backward { x, z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let along = (dz[0] * z[0]).sum_axes(&[-1], true);
        vec![Some((dz[0] - z[0] * along) / saved[0] + dz[1] * 2.0 * x[0] / saved[0])]
    }
}

/// A network with everything that is hard to recompute: statistics, random masks, places of maxima, saved values.
struct Deep {
    conv: Conv2d,
    norm: BatchNorm,
    elu: Elu,
    dropout: Dropout,
    pool: MaxPool2d,
    conv2: Conv2d,
    norm2: BatchNorm,
}

impl Deep {
    fn new() -> Self {
        Deep {
            conv: Conv2d::new(1, 4, 3, 0),
            norm: BatchNorm::new(4),
            elu: Elu::new(4, 1),
            dropout: Dropout::new(0.3, 7),
            pool: MaxPool2d(Window::square(2)),
            conv2: Conv2d::new(4, 3, 2, 2),
            norm2: BatchNorm::new(3),
        }
    }

    fn params(&self) -> Vec<Param> {
        let layers: [&dyn Layer; 5] = [&self.conv, &self.norm, &self.elu, &self.conv2, &self.norm2];
        layers.iter().flat_map(|layer| layer.params()).collect()
    }

    fn state(&self) -> Vec<Vec<f64>> {
        let layers: [&dyn Layer; 3] = [&self.norm, &self.dropout, &self.norm2];
        layers.iter().flat_map(|layer| layer.state()).map(|state| state.value().to_vec()).collect()
    }

    /// The loss, with every block in `checkpoints` (or not), and the first two inside another.
    fn loss<'t>(&self, x: Var<'t>, checkpoints: bool) -> Var<'t> {
        let tape = x.tape();
        let block = |f: &dyn Fn() -> Var<'t>| if checkpoints { tape.checkpoint(f) } else { f() };
        let y = block(&|| {
            let first = block(&|| self.dropout.forward(self.elu.forward(self.norm.forward(self.conv.forward(x)))));
            let doubled = first * 2.0 + 0.5;
            block(&|| self.pool.forward(doubled).tanh()).sin()
        });
        let normal = || tape.apply(Normalize, &[y.flatten(1)]).unwrap();
        let z = if checkpoints { tape.checkpoint(normal) } else { normal() };
        let last = block(&|| {
            let y = z[0].reshape(y.shape()) * 3.0 + y;
            self.norm2.forward(self.conv2.forward(y)).softmax(1)
        });
        last.square().sum() + z[1].mean() + last.ln().amax()
    }
}

/// All bits of the gradients with respect to input and parameters, of a recorded gradient, and of one of second order.
fn everything(dtype: DType, lazy_from: usize, rule: Rule, checkpoints: bool) -> Vec<Vec<f64>> {
    let net = Deep::new();
    let tape = Tape::with_dtype(dtype);
    tape.set_lazy_from(lazy_from);
    tape.set_rule(rule);
    let x = tape.leaf(Tensor::from_fn([4, 1, 8, 8], dtype, |i| (i as f64 * 0.37).sin()));
    let loss = net.loss(x, checkpoints);
    let mut all = vec![loss.value().to_vec()];
    for _ in 0..2 {
        let gradients = loss.backward().unwrap();
        all.push(gradients.wrt(x).unwrap().to_vec());
        all.extend(net.params().iter().map(|param| gradients.wrt(param).unwrap().to_vec()));
    }
    let recorded = tape.grad(loss, &[x]).unwrap()[0];
    all.push(recorded.value().to_vec());
    let second = recorded.square().sum().backward().unwrap();
    all.push(second.wrt(x).unwrap().to_vec());
    all.extend(net.params().iter().map(|param| second.wrt(param).unwrap().to_vec()));
    all.extend(net.state());
    all
}

#[test]
fn no_bit_of_a_gradient_changes() {
    for dtype in [DType::F32, DType::F64] {
        for lazy_from in [0, 4096, usize::MAX] {
            for rule in [Rule::Manual, Rule::Tape] {
                let plain = everything(dtype, lazy_from, rule, false);
                let same = everything(dtype, lazy_from, rule, true);
                for (k, (a, b)) in plain.iter().zip(&same).enumerate() {
                    assert_eq!(a, b, "{dtype}, deferred from {lazy_from}, {rule}, result {k}");
                }
            }
        }
    }
}

#[test]
fn a_block_may_return_one_value_an_array_or_a_vector_and_its_inner_values_stay_within_reach() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    let mut inside = None;
    let [a, b] = tape.checkpoint(|| {
        let product = x.matmul(x);
        inside = Some(product);
        [product.sin(), product.cumsum(0)]
    });
    let many = tape.checkpoint(|| vec![a * b, b]);
    let inside = inside.unwrap();
    assert!(tape.nodes().nth(inside.index()).unwrap().value.is_none(), "it was forgotten");
    assert_eq!(inside.shape().dims(), [2, 2]);
    assert_eq!(inside.value().to_vec(), [7.0, 10.0, 15.0, 22.0]);
    // Used outside although it was not returned.
    let loss = (many[0] + inside).sum();
    let plain = {
        let product = x.matmul(x);
        (product.sin() * product.cumsum(0) + product).sum()
    };
    let gradients = [loss, plain].map(|loss| loss.backward().unwrap().wrt(x).unwrap().to_vec());
    assert_eq!(gradients[0], gradients[1]);
    assert!(tape.nodes().nth(inside.index()).unwrap().value.is_none(), "the walk has forgotten it again");
    // A value from before, with nothing recorded inside.
    assert_eq!(tape.checkpoint(|| x).index(), x.index());
}

#[test]
fn statistics_of_a_forgotten_batch_norm_are_found() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0], [3.0, 6.0]]);
    let (gamma, beta) = (tape.leaf([1.0, 1.0]), tape.leaf([0.0, 0.0]));
    let mut normal = None;
    let _ = tape.checkpoint(|| normal.insert(x.batch_norm(gamma, beta, 1e-5)).exp());
    let (mean, var) = normal.unwrap().batch_moments().unwrap();
    assert_eq!((mean.to_vec(), var.to_vec()), (vec![2.0, 4.0], vec![1.0, 4.0]));
}

#[test]
fn only_what_is_asked_for_is_computed_again_and_once_a_walk() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    /// x³, which counts how often it is computed.
    struct Cube;
    impl Op for Cube {
        fn name(&self) -> &str {
            "cube"
        }
        fn shape(&self, x: &[&wengert::Shape]) -> wengert::Result<wengert::Shape> {
            Ok(x[0].clone())
        }
        fn forward(
            &self,
            x: &[&Tensor],
            shape: wengert::Shape,
            _: &mut Option<wengert::Saved>,
        ) -> wengert::Result<Tensor> {
            RUNS.fetch_add(1, Relaxed);
            Ok(Tensor::from_fn(shape, x[0].dtype(), |i| x[0].to_vec()[i].powi(3)))
        }
        fn vjp<'t>(&self, at: Vjp<'_, 't>) -> wengert::Result<Grads<'t>> {
            Ok(Grads::from_iter([Some(at.dz * at.x[0] * at.x[0] * 3.0)]))
        }
    }
    fn cube(x: Var<'_>) -> Var<'_> {
        x.tape().record(Cube, &[x]).unwrap()
    }
    let runs = || RUNS.swap(0, Relaxed);
    for lazy_from in [0, usize::MAX] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([1.0, 1.1]);
        let y = tape.checkpoint(|| cube(cube(cube(x)) * 1.5));
        let loss = tape.checkpoint(|| cube(y).sum());
        assert_eq!(runs(), 4);
        loss.backward().unwrap();
        // The last value of each block is kept, or no rule reads it.
        assert_eq!(runs(), 2);
        tape.grad(loss, &[x]).unwrap();
        assert_eq!(runs(), 2);
        tape.no_grad(|| tape.checkpoint(|| cube(x)));
        assert_eq!(runs(), 1);
    }
}

#[test]
fn a_long_block_is_computed_again_without_recursion() {
    for lazy_from in [0, usize::MAX] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([0.5, -0.5, 0.1]);
        let n = 50_000;
        let chain = || (0..n).fold(x, |y, k| if k % 2 == 0 { (y * 1.001).sin() } else { y.cumsum(0) * 0.5 });
        let (plain, same) = (chain(), tape.checkpoint(chain));
        assert_eq!(plain.value(), same.value());
        let gradients = [plain, same].map(|y| y.sum().backward().unwrap().wrt(x).unwrap().clone());
        assert_eq!(gradients[0], gradients[1]);
    }
}

#[test]
fn an_error_in_a_walk_leaves_the_recording_whole() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let y = tape.checkpoint(|| (x.exp().cumsum(0).hook(|dy| dy.sum()) * 2.0).softmax(0));
    assert!(y.square().sum().backward().is_err());
    let z = tape.checkpoint(|| x.exp().cumsum(0).softmax(0));
    assert!(z.square().sum().backward().is_ok());
    assert!(tape.nodes().filter(|node| node.value.is_none()).count() >= 4, "both blocks are forgotten again");
}

/// A layer of five operations, which records the most bytes that its tape holds when a gradient passes.
fn layer<'t>(x: Var<'t>, most: &Arc<AtomicUsize>) -> Var<'t> {
    let most = most.clone();
    let y = (x.softmax(1) * 3.0).cumsum(0).hook(move |dy| {
        most.fetch_max(dy.tape().bytes(), Relaxed);
        dy
    });
    (y * 0.1).softmax(0)
}

/// The most bytes that the values of a tape hold during a walk over 64 layers, and before the walk.
fn peak(segments: usize) -> (usize, usize, Vec<f64>) {
    const LAYERS: usize = 64;
    let most = Arc::new(AtomicUsize::new(0));
    let tape = Tape::new();
    tape.set_mode(Mode::Train);
    let x = tape.leaf(Tensor::from_fn([64, 64], DType::F32, |i| (i as f64 * 0.37).sin()));
    let mut y = x;
    for _ in 0..segments {
        let block = || (0..LAYERS / segments).fold(y, |y, _| layer(y, &most));
        y = if segments == 1 { block() } else { tape.checkpoint(block) };
    }
    let loss = y.square().sum();
    let before = tape.bytes();
    let dx = loss.backward().unwrap().wrt(x).unwrap().to_vec();
    assert!(tape.bytes() <= before, "a walk leaves nothing behind");
    (before, most.load(Relaxed), dx)
}

#[test]
fn sixty_four_layers_in_eight_blocks_take_a_fourth_of_the_memory() {
    let (plain, few) = (peak(1), peak(8));
    let mb = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!("64 layers, MB of values before the walk and at its peak: plain {:.2} {:.2}", mb(plain.0), mb(plain.1));
    println!("in 8 checkpoints {:.2} {:.2}", mb(few.0), mb(few.1));
    assert_eq!(plain.2, few.2);
    assert!(few.0 * 12 < plain.0, "{} bytes in place of {}", few.0, plain.0);
    assert!(few.1 * 4 < plain.1, "{} bytes in place of {}", few.1, plain.1);
}

//! Gradients by name, and gradients accumulated over walks, recordings, tapes and threads.

use wengert::{
    DType, Gradients, Param, Result, Tape, Tensor,
    nn::{Layer, Linear, Sequential, Tanh},
    optim::{Optimizer, Sgd},
};

#[test]
fn gradients_are_found_by_name_with_and_without_the_layer() {
    let net = Sequential::new().then(Linear::new(3, 4, 0)).then(Tanh).then(Linear::new(4, 2, 1));
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::from_fn([5, 3], DType::F64, |i| (i as f64).sin())).named("x");
    let logits = net.forward(x).named("logits").retain();
    let loss = logits.cross_entropy(&[0, 1, 0, 1, 1]).named("loss");
    let gradients = loss.backward().unwrap();
    assert_eq!(gradients.named("x").unwrap(), gradients.wrt(x).unwrap());
    assert_eq!(gradients.named("logits").unwrap(), gradients.wrt(logits).unwrap());
    let params = net.params();
    assert_eq!(gradients.named("0.weight").unwrap(), gradients.wrt(&params[0]).unwrap());
    assert_eq!(gradients.named("2.bias").unwrap(), gradients.wrt(&params[3]).unwrap());
    let error = gradients.named("weight").unwrap_err().to_string();
    assert_eq!(
        error,
        "no gradient is found by the name `weight`: it names node %1 (`0.weight`) and node %5 (`2.weight`); give the \
         layer too, or names of their own"
    );
    let error = gradients.named("wieght").unwrap_err().to_string();
    assert_eq!(
        error,
        "no gradient is found by the name `wieght`: the names in the recording are x, 0.weight, 0.bias, 2.weight, \
         2.bias, logits, loss"
    );
    let error = gradients.named("loss").unwrap_err().to_string();
    assert!(error.starts_with("no gradient for node %"), "{error}");
    assert!(error.contains(", named `loss`: none was kept; call `.retain()` on an inner node before `backward`"));
}

#[test]
fn a_name_used_twice_says_so_and_a_full_name_goes_first() {
    let tape = Tape::f64();
    let x = tape.leaf(2.0).named("x");
    let y = (x * x).named("x");
    let gradients = y.backward().unwrap();
    assert_eq!(
        gradients.named("x").unwrap_err().to_string(),
        "no gradient is found by the name `x`: it names node %0 (`x`) and node %1 (`x`); give the layer too, or names of \
         their own"
    );
    let tape = Tape::f64();
    let outer = tape.leaf(2.0).named("h");
    let inner = {
        let _layer = tape.scope("deep");
        // Given the same name twice: still one node.
        (outer * outer).named("h").named("h").retain()
    };
    let gradients = (inner * 3.0).backward().unwrap();
    assert_eq!(gradients.named("h").unwrap().item(), 12.0);
    assert_eq!(gradients.named("deep.h").unwrap().item(), 3.0);
    let nameless = Tape::f64();
    let x = nameless.leaf(1.0);
    assert_eq!(
        x.backward().unwrap().named("x").unwrap_err().to_string(),
        "no gradient is found by the name `x`: nothing in the recording has a name; give one with `.named(..)`"
    );
}

#[test]
fn names_given_late_to_old_nodes_go_when_their_nodes_go() {
    let tape = Tape::f64();
    let x = tape.leaf(2.0);
    let y = (x * x).named("y").hook(|dy| (dy * 1.0).named("scratch"));
    let _ = x.named("x");
    assert_eq!(y.backward().unwrap().named("x").unwrap().item(), 4.0);
    let z = (y * 2.0 + 1.0).backward().unwrap();
    assert!(z.named("scratch").unwrap_err().to_string().ends_with("the names in the recording are x, y"));
}

#[test]
fn two_walks_over_one_recording_add_up_at_every_node() {
    let tape = Tape::f64();
    let w = Param::new("w", Tensor::from([1.0, 2.0]));
    let (x, v) = (tape.leaf([3.0, 4.0]), tape.watch(&w));
    let inner = (x * v).retain();
    let first = inner.square().sum();
    let mut total = first.backward().unwrap();
    let late = tape.leaf(5.0).named("late");
    let second = (inner.exp() * 1e-3 * late).sum();
    total.accumulate(&second.backward().unwrap()).unwrap();
    let whole = (first + second).backward().unwrap();
    for node in [x, v, inner, late] {
        let (sum, whole) = (total.wrt(node).unwrap().to_vec(), whole.wrt(node).unwrap().to_vec());
        assert!(sum.iter().zip(&whole).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs()), "{sum:?} and {whole:?}");
    }
    assert_eq!(total.wrt(&w).unwrap(), total.wrt(v).unwrap());
    assert_eq!(total.named("late").unwrap(), total.wrt(late).unwrap());
}

#[test]
fn of_other_recordings_the_parameters_add_up() {
    let (a, b, c) =
        (Param::new("a", Tensor::from(2.0)), Param::new("b", Tensor::from(3.0)), Param::new("c", 5.0.into()));
    let walk = |f: &dyn Fn(&Tape) -> Result<Gradients>| f(&Tape::f64()).unwrap();
    let mut total = walk(&|t| (t.watch(&a) * t.watch(&b)).backward());
    let ac = walk(&|t| (t.watch(&c) * t.watch(&a) * t.leaf(10.0).retain()).backward());
    total.accumulate(&ac).unwrap();
    total.accumulate(&ac).unwrap();
    let of = |g: &Gradients| [&a, &b, &c].map(|p| g.wrt(p).unwrap().item());
    assert_eq!(of(&total), [3.0 + 100.0, 2.0, 40.0]);
    // A sum that holds parameters of other recordings can itself be added to others, scaled and clipped.
    let mut again = walk(&|t| (t.watch(&b) * 1.0).backward());
    again.accumulate(&total).unwrap();
    again.scale(0.5);
    assert_eq!(of(&again), [51.5, 1.5, 20.0]);
    again.clamp(10.0);
    assert_eq!(of(&again), [10.0, 1.5, 10.0]);
    let mut same = walk(&|t| t.watch(&b).backward());
    let copy = same.clone();
    same.accumulate(&copy).unwrap();
    assert_eq!(same.wrt(&b).unwrap().item(), 2.0);
    assert!(copy.wrt(&a).is_err());
}

#[test]
fn precisions_and_shapes_that_differ_are_refused_and_nothing_is_added() {
    let w = Param::new("w", Tensor::from([1.0, 2.0]));
    let of = |tape: Tape| tape.watch(&w).square().sum().backward().unwrap();
    let mut total = of(Tape::f64());
    assert_eq!(
        total.accumulate(&of(Tape::new())).unwrap_err().to_string(),
        "accumulate: expected f64, but got f32; convert with `.cast(DType::F64)`, or use one precision throughout"
    );
    w.update(|w| *w = Tensor::from([1.0, 2.0, 3.0]));
    assert_eq!(
        total.accumulate(&of(Tape::f64())).unwrap_err().to_string(),
        "accumulate: the gradients of one parameter must have the same shape, but got [2] and [3]"
    );
    assert_eq!(total.wrt(&w).unwrap().to_vec(), [2.0, 4.0]);
}

fn network() -> Sequential {
    Sequential::new().then(Linear::new(6, 16, 0)).then(Tanh).then(Linear::new(16, 3, 1))
}

/// The gradient of the mean loss over 64 observations, in pieces of 8, whose tapes are spread over threads.
fn by_pieces(net: &Sequential, threads: usize) -> Gradients {
    let x = |row: usize, column: usize| ((row * 6 + column) as f64 * 0.7).sin();
    let piece = |k: usize| -> Gradients {
        let tape = Tape::f64();
        let rows = tape.constant(Tensor::from_fn([8, 6], DType::F64, |i| x(k * 8 + i / 6, i % 6)));
        let labels: Vec<usize> = (k * 8..k * 8 + 8).map(|row| row % 3).collect();
        net.forward(rows).cross_entropy(&labels).backward().unwrap()
    };
    let mut pieces: Vec<Option<Gradients>> = (0..8).map(|_| None).collect();
    std::thread::scope(|scope| {
        for (t, share) in pieces.chunks_mut(8usize.div_ceil(threads)).enumerate() {
            scope.spawn(move || {
                for (i, place) in share.iter_mut().enumerate() {
                    *place = Some(piece(t * 8usize.div_ceil(threads) + i));
                }
            });
        }
    });
    let mut pieces = pieces.into_iter().flatten();
    let mut total = pieces.next().unwrap();
    pieces.for_each(|piece| total.accumulate(&piece).unwrap());
    total.scale(1.0 / 8.0);
    total
}

#[test]
fn the_parts_of_a_batch_in_several_threads_give_the_gradient_of_the_whole() {
    let net = network();
    net.params().iter().for_each(|param| param.cast(DType::F64));
    let tape = Tape::f64();
    let x = tape.constant(Tensor::from_fn([64, 6], DType::F64, |i| (i as f64 * 0.7).sin()));
    let labels: Vec<usize> = (0..64).map(|row| row % 3).collect();
    let whole = net.forward(x).cross_entropy(&labels).backward().unwrap();
    let single = by_pieces(&net, 1);
    for param in net.params() {
        let (parts, whole) = (single.wrt(&param).unwrap(), whole.wrt(&param).unwrap());
        let largest = parts.to_vec().iter().zip(whole.to_vec()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(largest < 1e-12, "{}: {largest}", param.name());
        for threads in [2, 3, 8] {
            assert_eq!(by_pieces(&net, threads).wrt(&param).unwrap(), parts, "{} with {threads}", param.name());
        }
    }
    let before: Vec<Tensor> = net.params().iter().map(Param::value).collect();
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    sgd.step(&single).unwrap();
    for (param, before) in net.params().iter().zip(before) {
        let (now, gradient) = (param.value().to_vec(), single.wrt(param).unwrap().to_vec());
        for ((now, before), g) in now.iter().zip(before.to_vec()).zip(gradient) {
            assert!((now - (before - 0.1 * g)).abs() < 1e-15);
        }
    }
}

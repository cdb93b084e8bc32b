//! Jacobians and Hessians of the observations of a batch, against the blocks of the full ones.

use wengert::{DType, Error, Result, Shape, Tape, Tensor, Var, ops::ConvSpec};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.91 + seed).sin())
}

/// Entry (i, k, j) for each observation i of a full Jacobian with entries (i, k, i', j).
fn own_blocks(full: &Tensor, n: usize, a: usize, b: usize) -> Vec<f64> {
    let full = full.to_vec();
    let entry = |i: usize, k: usize, j: usize| full[((i * a + k) * n + i) * b + j];
    (0..n * a * b).map(|at| entry(at / (a * b), at / b % a, at % b)).collect()
}

fn close(got: &Tensor, want: &[f64], what: &str) {
    let got = got.to_vec();
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-12 * w.abs().max(1.0), "{what}: {got:?} is not {want:?}");
    }
}

type Net = for<'t> fn(Var<'t>) -> Var<'t>;

#[test]
fn the_jacobians_of_observations_are_the_blocks_of_the_full_one() {
    let nets: [(&str, &[usize], Net); 6] = [
        ("one number", &[3], |x| x.sin()),
        ("two layers", &[4, 3], |x| {
            let tape = x.tape();
            x.linear(tape.leaf(numbers(&[5, 3], 1.0)), None).tanh().linear(tape.leaf(numbers(&[2, 5], 2.0)), None)
        }),
        ("a matrix of each", &[3, 2, 2], |x| x.matmul(x).softmax(-1)),
        ("a convolution", &[2, 1, 4, 4], |x| {
            x.conv2d(x.tape().constant(numbers(&[2, 1, 3, 3], 3.0)), None, ConvSpec::default()).exp()
        }),
        ("a sum", &[3, 4], |x| x.square().sum_axes(&[1], false)),
        ("a probability of nearly 1", &[3, 2], |x| (x * 40.0).softmax(1)),
    ];
    for (what, shape, net) in nets {
        let tape = Tape::f64();
        let x = tape.leaf(numbers(shape, 0.0));
        let y = net(x);
        let n = shape[0];
        let full = tape.jacobian(y, x).unwrap().value();
        let length = tape.len();
        let blocks = tape.jacobian_per_observation(y, x).unwrap();
        let wanted: Shape = y.shape().iter().chain(&shape[1..]).copied().collect();
        assert_eq!(blocks.shape(), wanted, "{what}");
        close(&blocks.value(), &own_blocks(&full, n, y.numel() / n, x.numel() / n), what);
        assert!(tape.len() > length && tape.nodes().last().unwrap().index == tape.len() - 1, "{what}");
    }
}

#[test]
fn the_hessians_of_observations_are_the_blocks_of_the_full_one() {
    let tape = Tape::f64();
    let x = tape.leaf(numbers(&[3, 2, 2], 0.0));
    let y = (x.sin() * x.matmul(x)).sum_axes(&[1, 2], false);
    let hessians = tape.hessian_per_observation(y, x).unwrap();
    assert_eq!(hessians.shape().dims(), [3, 2, 2, 2, 2]);
    let full = tape.hessian(y.sum(), x).unwrap().value();
    close(&hessians.value(), &own_blocks(&full, 3, 4, 4), "hessians");
    let column = tape.hessian_per_observation(y.unsqueeze(1), x).unwrap();
    assert_eq!(column.value(), hessians.value());
    // And the third derivatives of each, since everything is recorded.
    let third = tape.jacobian_per_observation(hessians, x).unwrap();
    let full = tape.jacobian(hessians, x).unwrap().value();
    close(&third.value(), &own_blocks(&full, 3, 16, 4), "third");
}

fn couples<'t>(result: Result<Var<'t>>) -> (usize, usize) {
    match result {
        Err(Error::Coupled { of, on, .. }) => (of, on),
        other => panic!("coupled observations were let pass: {other:?}"),
    }
}

#[test]
fn coupled_observations_are_found_and_named() {
    for tape in [Tape::new(), Tape::f64()] {
        let x = tape.leaf(numbers(&[4, 3], 0.0));
        let gamma = tape.constant(Tensor::ones([3], DType::F64));
        let normal = x.batch_norm(gamma, gamma, 1e-5);
        let (of, on) = couples(tape.jacobian_per_observation(normal, x));
        assert!(of != on && of < 4 && on < 4);
        // One observation that reads one other, weakly.
        let others = x.index_select(0, &[0, 1, 1, 3]) * 1e-3;
        assert_eq!(couples(tape.jacobian_per_observation(x.exp() + others, x)), (2, 1));
        // A sum that couples nothing, but whose summands do.
        let pairs = (x * x.flip(&[0])).sum_axes(&[1], false);
        let (of, on) = couples(tape.hessian_per_observation(pairs, x));
        assert_eq!(of + on, 3);
        // Σ over the batch of x² has an uncoupled gradient, and yet every observation reads all.
        let sums = x.square().sum().broadcast_to([4]);
        couples(tape.hessian_per_observation(sums, x));
    }
}

#[test]
fn what_is_asked_wrongly_is_named() {
    let tape = Tape::f64();
    let x = tape.leaf(numbers(&[2, 3], 0.0));
    let says = |result: Result<Var<'_>>, want: &str| assert_eq!(result.unwrap_err().to_string(), want);
    let need = "y and x need the same number of observations along axis 0";
    says(
        tape.jacobian_per_observation(x.sum(), x),
        &format!("jacobian_per_observation: {need}, but got [] and [2, 3]"),
    );
    says(
        tape.hessian_per_observation(x.sum_axes(&[0], false), x),
        &format!("hessian_per_observation: {need}, but got [3] and [2, 3]"),
    );
    says(
        tape.hessian_per_observation(x * x, x),
        "hessian_per_observation: y must hold one number for each observation, but got [2, 3] and [2, 3]",
    );
    says(
        tape.jacobian_per_observation(x * x.sum(), x),
        "jacobian_per_observation: observation 0 of y depends on observation 1 of x, so there is no derivative of each \
         observation alone; take that of all of them, or keep them apart (batch norm couples them in training, not in \
         inference)",
    );
}

#[test]
fn empty_constant_and_single_batches_have_derivatives_too() {
    let tape = Tape::f64();
    let none = tape.leaf(Tensor::zeros([0, 3], DType::F64));
    assert_eq!(tape.jacobian_per_observation(none * 2.0, none).unwrap().shape().dims(), [0, 3, 3]);
    assert_eq!(tape.hessian_per_observation(none.sum_axes(&[1], false), none).unwrap().shape().dims(), [0, 3, 3]);
    let one = tape.leaf([[1.0, 2.0]]);
    let y = (one * one.sum()).sum_axes(&[1], false);
    assert_eq!(tape.jacobian_per_observation(y, one).unwrap().value().to_vec(), [6.0, 6.0]);
    assert_eq!(tape.hessian_per_observation(y, one).unwrap().value().to_vec(), [2.0; 4]);
    let x = tape.leaf(numbers(&[2, 2], 0.0));
    let linear = x.sum_axes(&[1], false);
    assert_eq!(tape.hessian_per_observation(linear, x).unwrap().value().to_vec(), [0.0; 8]);
    // An infinite slope is passed on, not mistaken for a coupling.
    let roots = tape.leaf([[0.0], [4.0]]);
    assert_eq!(tape.jacobian_per_observation(roots.sqrt(), roots).unwrap().value().to_vec(), [f64::INFINITY, 0.25]);
}

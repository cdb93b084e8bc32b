//! Jacobians, Hessians and their products with vectors, against known values and against each other.

use wengert::{DType, Tape, Tensor, Var, functional};

fn direction(shape: &wengert::Shape, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 1.3 + seed).sin() + 0.2)
}

fn close(got: &[f64], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-10 * scale, "{what}: {got:?} is not {want:?}");
    }
}

#[test]
fn forward_products_are_the_adjoints_of_backward_products_for_every_operation() {
    for sample in functional::table().iter().filter(|sample| sample.differentiable) {
        let tape = Tape::f64();
        let x = sample.leaves(&tape);
        let y = sample.run(&x);
        let v: Vec<Var<'_>> =
            x.iter().enumerate().map(|(k, x)| tape.constant(direction(&x.shape(), k as f64))).collect();
        let u = tape.constant(direction(&y.shape(), 7.0));
        let forward = (tape.jvp(y, &x, &v).unwrap() * u).sum().item();
        let back = tape.grad_with(y, &x, u).unwrap();
        let backward: f64 = back.iter().zip(&v).map(|(&dx, &v)| (dx * v).sum().item()).sum();
        close(&[forward], &[backward], &sample.name);
    }
}

#[test]
fn the_jacobian_of_a_linear_map_is_its_matrix() {
    let tape = Tape::f64();
    let a = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let x = tape.leaf([7.0, 8.0, 9.0]);
    let y = a.matmul(x);
    let by_x = tape.jacobian(y, x).unwrap();
    assert_eq!((by_x.shape().dims(), by_x.value()), (&[2, 3][..], a.value()));
    let by_a = tape.jacobian(y, a).unwrap();
    assert_eq!(by_a.shape().dims(), [2, 2, 3]);
    assert_eq!(by_a.value().to_vec(), [7.0, 8.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0, 8.0, 9.0]);
    let v = tape.constant([1.0, 0.0, -1.0]);
    assert_eq!(tape.jvp(y, &[x], &[v]).unwrap().value().to_vec(), [-2.0, -2.0]);
}

#[test]
fn the_hessian_of_a_quadratic_form_and_its_products() {
    let tape = Tape::f64();
    let a = tape.constant([[1.0, 2.0], [5.0, 3.0]]);
    let x = tape.leaf([0.5, -1.0]);
    let y = (x * a.matmul(x)).sum();
    let hessian = tape.hessian(y, x).unwrap();
    assert_eq!(hessian.value().to_vec(), [2.0, 7.0, 7.0, 6.0]);
    let v = tape.constant([1.0, 10.0]);
    assert_eq!(tape.hvp(y, &[x], &[v]).unwrap()[0].value().to_vec(), [72.0, 67.0]);
}

#[test]
fn the_derivative_of_a_hessian_is_the_third_derivative() {
    let tape = Tape::f64();
    let x = tape.leaf([0.3, 0.9]);
    let y = x.sin().sum();
    let third = tape.jacobian(tape.hessian(y, x).unwrap(), x).unwrap();
    assert_eq!(third.shape().dims(), [2, 2, 2]);
    close(&third.value().to_vec(), &[-0.3f64.cos(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.9f64.cos()], "third");
}

#[test]
fn where_nothing_depends_the_derivative_is_zero() {
    let tape = Tape::f64();
    let (x, other) = (tape.leaf([1.0, 2.0]), tape.leaf(3.0));
    assert_eq!(tape.jacobian(other * 2.0, x).unwrap().value().to_vec(), [0.0, 0.0]);
    assert_eq!(tape.hessian(x.sum(), x).unwrap().value().to_vec(), [0.0; 4]);
    let v = tape.constant([1.0, 1.0]);
    assert_eq!(tape.hvp(x.sum(), &[x], &[v]).unwrap()[0].value().to_vec(), [0.0, 0.0]);
    assert_eq!(tape.jvp(other * 2.0, &[x], &[v]).unwrap().value().to_vec(), [0.0]);
    let none = tape.leaf(Tensor::zeros([0], DType::F64));
    assert_eq!(tape.jacobian(none * 2.0, x).unwrap().shape().dims(), [0, 2]);
}

#[test]
fn directions_that_do_not_fit_are_named() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let (y, v) = (x * x, tape.constant([1.0, 2.0, 3.0]));
    let error = tape.jvp(y, &[x], &[v]).unwrap_err().to_string();
    assert_eq!(error, "jvp: a direction must have the shape of its input, but got [2] and [3]");
    let error = tape.hvp(y.sum(), &[x], &[]).unwrap_err().to_string();
    assert_eq!(error, "hvp: one direction for each input is needed (0 were given), but got [2]");
    let error = tape.hessian(y, x).unwrap_err().to_string();
    assert!(error.contains("the gradient of a single number was asked for, but this node has shape [2]"), "{error}");
    let error = tape.jacobian(y, v).unwrap_err().to_string();
    assert!(error.contains("it is a constant"), "{error}");
}

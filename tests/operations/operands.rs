//! What may stand on either side of an operator.

use super::{close, says};
use wengert::{DType, Tape, Tensor, Var};

#[test]
fn operators_take_tensors_as_constants_on_either_side() {
    let c = Tensor::from([[2.0], [4.0]]);
    // Value and gradient of each at x = [1, 3], broadcast to [2, 2].
    type Case = (fn(Var, Tensor) -> Var, [f64; 4], [f64; 2]);
    let cases: [Case; 14] = [
        (|x, c| x + c, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| x + &c, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| c + x, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| x - c, [-1.0, 1.0, -3.0, -1.0], [2.0, 2.0]),
        (|x, c| c - x, [1.0, -1.0, 3.0, 1.0], [-2.0, -2.0]),
        (|x, c| &c - x, [1.0, -1.0, 3.0, 1.0], [-2.0, -2.0]),
        (|x, c| x * c, [2.0, 6.0, 4.0, 12.0], [6.0, 6.0]),
        (|x, c| &c * x, [2.0, 6.0, 4.0, 12.0], [6.0, 6.0]),
        (|x, c| x / &c, [0.5, 1.5, 0.25, 0.75], [0.75, 0.75]),
        (|x, c| c / x, [2.0, 2.0 / 3.0, 4.0, 4.0 / 3.0], [-6.0, -2.0 / 3.0]),
        (|x, c| x.pow(&c), [1.0, 9.0, 1.0, 81.0], [6.0, 114.0]),
        (|x, c| x.max(c), [2.0, 3.0, 4.0, 4.0], [0.0, 1.0]),
        (|x, c| x.lt(c), [1.0, 0.0, 1.0, 1.0], [0.0, 0.0]),
        (|x, c| x.gt(2.0).select(c, x), [1.0, 2.0, 1.0, 4.0], [2.0, 0.0]),
    ];
    for (k, (f, want, gradient)) in cases.into_iter().enumerate() {
        let tape = Tape::f64();
        let x = tape.leaf([1.0, 3.0]);
        // With x added, so that there is a gradient where the comparison has none.
        let y = f(x, c.clone());
        close(y, &want, &format!("case {k}"));
        assert_eq!(y.shape().dims(), [2, 2]);
        let dx = (y + x).sum().backward().unwrap().wrt(x).unwrap().to_vec();
        assert!(dx.iter().zip(gradient).all(|(dx, want)| (dx - 2.0 - want).abs() < 1e-12), "case {k}: {dx:?}");
    }
}

#[test]
fn operators_take_numbers_of_either_precision() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0, 4.0]);
    // 0.1 in single precision is another number, and a literal is in double precision.
    let c = 0.1f32;
    assert_ne!(f64::from(c), 0.1);
    for (k, (single, double, plain)) in [
        (x + c, x + f64::from(c), x + 0.1),
        (x - c, x - f64::from(c), x - 0.1),
        (x * c, x * f64::from(c), x * 0.1),
        (x / c, x / f64::from(c), x / 0.1),
        (x.pow(c), x.pow(f64::from(c)), x.pow(0.1)),
    ]
    .into_iter()
    .enumerate()
    {
        let of = |y: Var<'_>| (y.value(), y.sum().backward().unwrap().wrt(x).unwrap().clone());
        assert_eq!(of(single), of(double), "case {k}");
        assert_ne!(single.value(), plain.value(), "case {k}");
    }
    assert_eq!((x * 0.1).value().to_vec(), [2.0 * 0.1, 4.0 * 0.1]);
    assert_eq!((0.1 * x - 1.0).exp().value(), (x * 0.1 - 1.0).exp().value());
}

#[test]
fn a_tensor_operand_takes_the_precision_of_the_tape_and_names_shapes_that_do_not_broadcast() {
    let tape = Tape::new();
    let x = tape.leaf([1.0, 2.0, 3.0]);
    let c = Tensor::from([[0.1], [0.2]]);
    assert_eq!((x * &c).dtype(), DType::F32);
    assert_eq!((x * &c).value(), (x * tape.constant(&c)).value());
    let need = |op| format!("{op}: aligned at the last axis, sizes must be equal or 1, but got [3] and [2]");
    let c = Tensor::from([0.1, 0.2]);
    says(x.try_add(&c), &need("add"));
    says(x.try_sub(&c), &need("sub"));
    says(x.try_mul(&c), &need("mul"));
    says(x.try_div(c.clone()), &need("div"));
    says(x.try_max(c), &need("max"));
}

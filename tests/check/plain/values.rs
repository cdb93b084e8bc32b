//! Values mixed up, conditions, transposes, symmetric matrices, and 0/0.

use wengert::{
    Result, Saved, Shape, Tensor, Var, check,
    ops::{Grads, Op, Vjp},
};

use super::{Plain, same, says, wave};

/// tanh.
const TANH: Plain = Plain {
    name: "tanh",
    shape: same,
    value: |x, z| z.iter_mut().zip(x[0]).for_each(|(z, x)| *z = x.tanh()),
    rule: |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (1.0 - z[i] * z[i])),
};

#[test]
fn values_mixed_up_and_conditions_are_told_of_loops_too() {
    let inputs = [wave([3, 4], 0.0)];
    says(
        TANH,
        |x, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (1.0 - x[0][i] * x[0][i])),
        &inputs,
        "values mixed up: it uses input 0 where output 0 belongs",
    );
    says(
        TANH,
        |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = if z[i] > 0.0 { dz[i] * (1.0 - z[i] * z[i]) } else { 0.0 }),
        &inputs,
        "wrong only where input 0 ≤ 0: there it is 0",
    );
    says(
        TANH,
        |_, z, _, dx| (0..z.len()).for_each(|i| dx[0][i] = 1.0 - z[i] * z[i]),
        &inputs,
        "the upstream gradient is ignored",
    );
    says(
        TANH,
        |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = -dz[i] * (1.0 - z[i] * z[i])),
        &inputs,
        "the sign is flipped",
    );
    let missing = "a dropped term: that of `upstream gradient 0 · output 0`";
    let swish = Plain {
        name: "swish",
        shape: same,
        value: |x, z| z.iter_mut().zip(x[0]).for_each(|(z, x)| *z = x * x + x.exp()),
        rule: |x, z, dz, dx| {
            (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (2.0 * x[0][i] + z[i] - x[0][i] * x[0][i]));
        },
    };
    says(
        swish,
        |x, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (2.0 * x[0][i] - x[0][i] * x[0][i])),
        &inputs,
        missing,
    );
}

#[test]
fn a_gradient_of_another_shape_is_told_by_its_transpose() {
    /// A product with a rule that forgets to transpose.
    struct Product(bool);
    impl Op for Product {
        fn name(&self) -> &str {
            "product"
        }
        fn shape(&self, x: &[&Shape]) -> Result<Shape> {
            Ok(Shape::from([x[0][0], x[1][1]]))
        }
        fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
            let (a, b, inner) = (x[0].to_vec(), x[1].to_vec(), x[0].shape()[1]);
            let columns = shape[1];
            let entry = |at: usize| {
                (0..inner).map(|k| a[at / columns * inner + k] * b[k * columns + at % columns]).sum::<f64>()
            };
            Ok(Tensor::from_fn(shape.clone(), x[0].dtype(), entry))
        }
        fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
            let turned = |x: Var<'t>| x.transpose(0, 1);
            let by_a = at.dz.matmul(turned(at.x[1]));
            let by_b = turned(at.x[0]).matmul(at.dz);
            Ok(Grads::from_iter([Some(by_a), Some(if self.0 { by_b } else { turned(by_b) })]))
        }
    }
    let inputs = [wave([2, 3], 0.0), wave([3, 3], 1.0)];
    let right = check::gradcheck(|x| x[0].tape().record(Product(true), x).unwrap(), &inputs).unwrap();
    assert!(right.passed(), "{right}");
    let wrong = check::gradcheck(|x| x[0].tape().record(Product(false), x).unwrap(), &inputs).unwrap();
    assert_eq!(wrong.verdict().unwrap().fault.to_string(), "transposed", "{wrong}");
}

#[test]
fn a_rule_that_is_right_for_symmetric_upstream_gradients_alone_is_told() {
    /// X Xᵀ for rows of 3 numbers.
    const GRAM: Plain = Plain {
        name: "gram",
        shape: |x| Shape::from([x[0][0], x[0][0]]),
        value: |x, z| {
            let n = x[0].len() / 3;
            (0..n * n).for_each(|k| z[k] = (0..3).map(|c| x[0][k / n * 3 + c] * x[0][k % n * 3 + c]).sum());
        },
        rule: |x, _, dz, dx| {
            let n = x[0].len() / 3;
            for k in 0..n * n {
                for c in 0..3 {
                    dx[0][k / n * 3 + c] += dz[k] * x[0][k % n * 3 + c];
                    dx[0][k % n * 3 + c] += dz[k] * x[0][k / n * 3 + c];
                }
            }
        },
    };
    says(
        GRAM,
        |x, _, dz, dx| {
            let n = x[0].len() / 3;
            for k in 0..n * n {
                (0..3).for_each(|c| dx[0][k / n * 3 + c] += 2.0 * dz[k] * x[0][k % n * 3 + c]);
            }
        },
        &[wave([4, 3], 0.0)],
        "one operation of the rule is wrong: it takes the upstream gradient for symmetric",
    );
}

#[test]
fn a_rule_that_is_not_finite_is_named_at_its_own_line() {
    struct Square;
    impl Op for Square {
        fn name(&self) -> &str {
            "square by hand"
        }
        fn shape(&self, x: &[&Shape]) -> Result<Shape> {
            Ok(x[0].clone())
        }
        fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
            let numbers = x[0].to_vec();
            Ok(Tensor::from_fn(shape, x[0].dtype(), |i| numbers[i] * numbers[i]))
        }
        fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
            let slope = |x: f64, z: f64| 2.0 * z / x;
            let rule = |x: &[Tensor], z: &Tensor, dz: &Tensor| {
                let (x, z, of) = (x[0].to_vec(), z.to_vec(), dz.to_vec());
                Ok(vec![Some(Tensor::from_fn(dz.shape().clone(), dz.dtype(), |i| of[i] * slope(x[i], z[i])))])
            };
            at.once("square by hand", rule) // 0/0 at 0
        }
    }
    let inputs = [Tensor::from([0.0, 1.0, 2.0])];
    let report = check::gradcheck(|x| x[0].tape().record(Square, x).unwrap(), &inputs).unwrap();
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault.to_string(), "not finite: the derivative of `square by hand` is the first", "{report}");
    let source = include_str!("values.rs");
    let line = source.lines().position(|line| line.ends_with("// 0/0 at 0")).unwrap() + 1;
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), format!("{}:{line}", file!()), "{report}");
}

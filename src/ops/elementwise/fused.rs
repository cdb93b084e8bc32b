//! Rules in one loop, where the gradient is numbers: the same arithmetic as the rule in tape algebra, and the same bits.

use super::{Elementwise, RELU, SIGMOID, Slope, TANH, Vjp};
use crate::{
    kernels::{
        Real,
        elementwise::{Loop, zip},
    },
    tape::Var,
};

/// A row of z̄, and z or x, that has no derivative of its own.
macro_rules! fused {
    ($ROW:ident $name:literal $formula:literal |$dz:ident, $z:ident| $value:expr) => {
        static $ROW: Elementwise = Elementwise {
            name: $name,
            formula: $formula,
            parameter: None,
            domain: &[(-2.0, 2.0), (-2.0, 2.0)],
            loop_f32: Loop::Binary(|dz, z, out| {
                zip(
                    dz,
                    z,
                    out,
                    #[inline(always)]
                    |$dz: f32, $z: f32| $value,
                )
            }),
            loop_f64: Loop::Binary(|dz, z, out| {
                zip(
                    dz,
                    z,
                    out,
                    #[inline(always)]
                    |$dz: f64, $z: f64| $value,
                )
            }),
            rule: None,
            slope: Slope::Finite,
            number_first: false,
        };
    };
}

fused!(TANH_RULE "tanh rule" r"a \odot (1 - b^{2})" |dz, z| dz * (1.0 - z * z));
fused!(SIGMOID_RULE "sigmoid rule" r"a \odot b \odot (1 - b)" |dz, z| dz * z * (1.0 - z));

fused!(RELU_RULE "relu rule" r"\begin{cases} a & b > 0 \\ 0 & \text{else} \end{cases}"
    |dz, x| Real::pick(x > 0.0, dz, 0.0));

/// The row that computes the gradient of `row` from z̄ and one other value, and that value, if there is one.
pub(super) fn rule_of<'t>(row: &'static Elementwise, at: Vjp<'_, 't>) -> Option<(&'static Elementwise, Var<'t>)> {
    match row {
        _ if std::ptr::eq(row, &TANH) => Some((&TANH_RULE, at.z)),
        _ if std::ptr::eq(row, &SIGMOID) => Some((&SIGMOID_RULE, at.z)),
        _ if std::ptr::eq(row, &RELU) => Some((&RELU_RULE, at.x[0])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tape, Tensor};

    #[test]
    fn a_rule_in_one_loop_has_the_bits_of_the_rule_in_tape_algebra() {
        for row in [&TANH, &SIGMOID, &RELU] {
            let tape = Tape::new();
            let x = tape.leaf(Tensor::from_fn([100], tape.dtype(), |i| i as f64 / 20.0 - 2.5));
            let y = x.unary(row, 0.0);
            let upstream = Tensor::from_fn([100], tape.dtype(), |i| (i as f64).sin());
            let recorded = tape.grad_with(y, &[x], tape.constant(&upstream)).unwrap()[0];
            assert_eq!(y.vjp(&upstream).unwrap().wrt(x).unwrap(), &recorded.value(), "{}", row.name);
        }
    }
}

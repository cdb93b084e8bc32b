//! Rules in one loop, where the gradient is numbers: the same arithmetic as the rule in tape algebra, and the same bits.

use super::{
    ADD, EXP_M1, Elementwise, GELU, GT_NUMBER, HARDSWISH, MIN_NUMBER, MUL, RELU, SELECT, SIGMOID, SILU, SUB, Slope,
    TANH, Vjp, rows::NORMAL_DENSITY_AT_0,
};
use crate::{
    kernels::{
        Real,
        elementwise::{Loop, zip},
        program::Role,
        ternary::affine,
    },
    ops::twins::expect,
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

fused!(EXP_M1_RULE "exp_m1 rule" r"a \odot (b + 1)" |dz, z| dz * (z + 1.0));
fused!(MIN_ZERO_RULE "min rule" r"\begin{cases} a & b \le 0 \\ 0 & \text{else} \end{cases}"
    |dz, x| Real::pick(x <= 0.0, dz, 0.0));
fused!(RELU_RULE "relu rule" r"\begin{cases} a & b > 0 \\ 0 & \text{else} \end{cases}"
    |dz, x| Real::pick(x > 0.0, dz, 0.0));

fused!(SILU_RULE "silu rule" r"a \odot (\sigma(b) + b \odot \sigma(b) \odot (1 - \sigma(b)))" |dz, x| {
    let s = x.sigmoid_();
    dz * (s + x * s * (1.0 - s))
});
fused!(GELU_RULE "gelu rule" r"a \odot (\Phi(b) + b \odot \varphi(b))" |dz, x| dz * gelu_slope(x));
fused!(HARDSWISH_RULE "hardswish rule"
    r"a \odot \begin{cases} 0 & b \le -3 \\ 1 & b \ge 3 \\ \frac{b}{3} + \frac{1}{2} & \text{else} \end{cases}"
    |dz, x| dz * Real::pick(x > -3.0, Real::pick(x < 3.0, x / 3.0 + 0.5, 1.0), 0.0));

/// Φ(x) + x φ(x).
#[inline(always)]
fn gelu_slope<T: Real>(x: T) -> T {
    x.normal_cdf_() + x * ((x * x * T::of(-0.5)).exp_() * T::of(NORMAL_DENSITY_AT_0))
}

/// The row that computes the gradient of `row` from z̄ and one other value, and that value, if there is one.
pub(super) fn rule_of<'t>(
    row: &'static Elementwise,
    parameter: f64,
    at: Vjp<'_, 't>,
) -> Option<(&'static Elementwise, Var<'t>)> {
    match row {
        _ if std::ptr::eq(row, &TANH) => Some((&TANH_RULE, at.z)),
        _ if std::ptr::eq(row, &SIGMOID) => Some((&SIGMOID_RULE, at.z)),
        _ if std::ptr::eq(row, &EXP_M1) => Some((&EXP_M1_RULE, at.z)),
        _ if std::ptr::eq(row, &RELU) => Some((&RELU_RULE, at.x[0])),
        _ if std::ptr::eq(row, &SILU) => Some((&SILU_RULE, at.x[0])),
        _ if std::ptr::eq(row, &GELU) => Some((&GELU_RULE, at.x[0])),
        _ if std::ptr::eq(row, &HARDSWISH) => Some((&HARDSWISH_RULE, at.x[0])),
        _ if std::ptr::eq(row, &MIN_NUMBER) && parameter == 0.0 => Some((&MIN_ZERO_RULE, at.x[0])),
        _ => None,
    }
}

/// a · b + c in a rule.
static SCALE_AND_SHIFT: Elementwise = Elementwise {
    name: "scale and shift",
    formula: r"a \odot b + c",
    parameter: None,
    domain: &[(-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0)],
    loop_f32: Loop::Ternary(affine),
    loop_f64: Loop::Ternary(affine),
    rule: None,
    slope: Slope::Finite,
    number_first: false,
};

impl Elementwise {
    /// What its loop computes, for loops that compute more.
    pub(crate) fn role(&'static self) -> Role {
        match self {
            _ if std::ptr::eq(self, &SCALE_AND_SHIFT) => Role::Affine,
            _ if std::ptr::eq(self, &SUB) => Role::Difference,
            _ if std::ptr::eq(self, &ADD) => Role::Sum,
            _ if std::ptr::eq(self, &MUL) => Role::Product,
            _ if std::ptr::eq(self, &RELU) => Role::Relu,
            _ if std::ptr::eq(self, &RELU_RULE) => Role::ReluRule,
            _ if std::ptr::eq(self, &MIN_NUMBER) => Role::Smaller,
            _ if std::ptr::eq(self, &MIN_ZERO_RULE) => Role::SmallerRule,
            _ if std::ptr::eq(self, &EXP_M1) => Role::ExpM1,
            _ if std::ptr::eq(self, &EXP_M1_RULE) => Role::ExpM1Rule,
            _ if std::ptr::eq(self, &GT_NUMBER) => Role::Greater,
            _ if std::ptr::eq(self, &SELECT) => Role::Select,
            _ => Role::Other,
        }
    }
}

impl<'t> Var<'t> {
    /// This value times a factor plus a term, in one loop, where nobody differentiates it.
    pub(crate) fn scaled_plus(self, factor: Var<'t>, term: Var<'t>) -> Var<'t> {
        expect(self.tape().elementwise(&SCALE_AND_SHIFT, 0.0, &[self, factor, term], None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tape, Tensor, kernels::elementwise::Operand, ops::elementwise::MAX_NUMBER};

    #[test]
    fn a_row_computes_what_its_role_says() {
        const C: f64 = 0.25;
        let check = |row: &'static Elementwise, role: Role, value: fn([f64; 3]) -> f64| {
            assert_eq!(row.role(), role, "{}", row.name);
            for x in [[0.5, 2.0, -3.0], [-0.5, 0.0, 1.0], [0.25, -1.0, 0.0], [0.0, 3.0, 0.5]] {
                let mut out = [f64::NAN];
                row.loop_f64.run(|k| Operand::Same(x[k]), C, &mut out);
                assert_eq!(out, [value(x)], "{} of {x:?}", row.name);
            }
        };
        check(&SCALE_AND_SHIFT, Role::Affine, |[a, b, c]| a * b + c);
        check(&SUB, Role::Difference, |[a, b, _]| a - b);
        check(&RELU, Role::Relu, |[a, ..]| a.max(0.0));
        check(&RELU_RULE, Role::ReluRule, |[a, b, _]| if b > 0.0 { a } else { 0.0 });
        check(&ADD, Role::Sum, |[a, b, _]| a + b);
        check(&MUL, Role::Product, |[a, b, _]| a * b);
        check(&MIN_NUMBER, Role::Smaller, |[a, ..]| a.min(C));
        check(&MIN_ZERO_RULE, Role::SmallerRule, |[a, b, _]| if b <= 0.0 { a } else { 0.0 });
        check(&EXP_M1, Role::ExpM1, |[a, ..]| a.exp_m1());
        check(&EXP_M1_RULE, Role::ExpM1Rule, |[a, b, _]| a * (b + 1.0));
        check(&GT_NUMBER, Role::Greater, |[a, ..]| if a > C { 1.0 } else { 0.0 });
        check(&SELECT, Role::Select, |[a, b, c]| if a != 0.0 { b } else { c });
        assert_eq!((TANH.role(), MAX_NUMBER.role()), (Role::Other, Role::Other));
    }

    #[test]
    fn a_rule_in_one_loop_has_the_bits_of_the_rule_in_tape_algebra() {
        for row in [&TANH, &SIGMOID, &EXP_M1, &RELU, &MIN_NUMBER, &SILU, &GELU, &HARDSWISH] {
            for tape in [Tape::new(), Tape::f64()] {
                let x = tape.leaf(Tensor::from_fn([200], tape.dtype(), |i| i as f64 / 20.0 - 5.0));
                let y = x.unary(row, 0.0);
                let upstream = Tensor::from_fn([200], tape.dtype(), |i| (i as f64).sin());
                let recorded = tape.grad_with(y, &[x], tape.constant(&upstream)).unwrap()[0];
                assert_eq!(y.vjp(&upstream).unwrap().wrt(x).unwrap(), &recorded.value(), "{}", row.name);
            }
        }
    }
}

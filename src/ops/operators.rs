//! The operators `+ − · /` and the named binary operations; one operand may be a plain number.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{
    elementwise::{
        ADD, ADD_NUMBER, ATAN2, DIV, DIV_BY_NUMBER, DIV_NUMBER, EQ, EQ_NUMBER, Elementwise, GE, GE_NUMBER, GT,
        GT_NUMBER, LE, LE_NUMBER, LT, LT_NUMBER, MAX_NUMBER, MAXIMUM, MIN_NUMBER, MINIMUM, MUL, MUL_NUMBER, NE,
        NE_NUMBER, POW, POW_NUMBER, SUB, SUB_FROM_NUMBER,
    },
    twins::{expect, twin},
};
use crate::{
    error::Result,
    tape::{Tape, Var},
    tensor::Tensor,
};

/// The right-hand side of a binary operation: a value of the tape, or a number.
#[derive(Clone, Copy)]
pub enum Operand<'t> {
    /// A value of the tape.
    Var(Var<'t>),
    /// A number.
    Number(f64),
}

impl<'t> Operand<'t> {
    /// The operand as a value of the tape.
    #[track_caller]
    pub(crate) fn lift(self, tape: &'t Tape) -> Var<'t> {
        match self {
            Operand::Var(var) => var,
            Operand::Number(number) => tape.constant(Tensor::scalar(number, tape.dtype())),
        }
    }
}

impl<'t> From<Var<'t>> for Operand<'t> {
    fn from(var: Var<'t>) -> Self {
        Operand::Var(var)
    }
}

impl From<f64> for Operand<'_> {
    fn from(number: f64) -> Self {
        Operand::Number(number)
    }
}

impl<'t> Var<'t> {
    #[track_caller]
    fn binary(
        self,
        both: &'static Elementwise,
        number: &'static Elementwise,
        other: impl Into<Operand<'t>>,
    ) -> Result<Var<'t>> {
        match other.into() {
            Operand::Var(other) => self.tape().elementwise(both, 0.0, &[self, other], None),
            Operand::Number(c) => self.tape().elementwise(number, c, &[self], None),
        }
    }
}

/// Named operations whose second operand may be a number.
macro_rules! named {
    ($($(#[doc = $doc:literal])* $name:ident $twin:ident $ROW:ident $NUMBER:ident;)*) => {
        impl<'t> Var<'t> {
            $(
                twin!(
                    $(#[doc = $doc])*
                    #[or_panic($name)]
                    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
                    pub fn $twin(self, other: impl Into<Operand<'t>>) -> Result<Var<'t>> {
                        self.binary(&$ROW, &$NUMBER, other)
                    }
                );
            )*
        }
    };
}

named! {
    /// selfᵒᵗʰᵉʳ.
    pow try_pow POW POW_NUMBER;
    /// The larger of the two. At a tie each gets half the gradient; against a *number*, the value gets all of it.
    max try_max MAXIMUM MAX_NUMBER;
    /// The smaller of the two. At a tie each gets half the gradient; against a *number*, the value gets all of it.
    min try_min MINIMUM MIN_NUMBER;
    /// 1 where self = other, else 0; no gradient flows through it.
    eq try_eq EQ EQ_NUMBER;
    /// 1 where self ≠ other, else 0; no gradient flows through it.
    ne try_ne NE NE_NUMBER;
    /// 1 where self < other, else 0; no gradient flows through it.
    lt try_lt LT LT_NUMBER;
    /// 1 where self ≤ other, else 0; no gradient flows through it.
    le try_le LE LE_NUMBER;
    /// 1 where self > other, else 0; no gradient flows through it.
    gt try_gt GT GT_NUMBER;
    /// 1 where self ≥ other, else 0; no gradient flows through it.
    ge try_ge GE GE_NUMBER;
}

impl<'t> Var<'t> {
    twin!(
        /// The angle of the point (x = `x`, y = `self`), from −π to π. Its gradient is finite everywhere except at the
        /// origin.
        #[or_panic(atan2)]
        /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
        pub fn try_atan2(self, x: Var<'t>) -> Result<Var<'t>> {
            self.tape().elementwise(&ATAN2, 0.0, &[self, x], None)
        }
    );
}

/// One operator: between values, and with a number on either side.
macro_rules! operator {
    ($Trait:ident $method:ident $try_method:ident $ROW:ident,
     |$x:ident, $c:ident| $with_number:expr, |$n:ident, $y:ident| $from_number:expr) => {
        impl<'t> $Trait<Var<'t>> for Var<'t> {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, other: Var<'t>) -> Var<'t> {
                expect(self.$try_method(other))
            }
        }
        impl<'t> $Trait<f64> for Var<'t> {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, number: f64) -> Var<'t> {
                let ($x, $c) = (self, number);
                $with_number
            }
        }
        impl<'t> $Trait<Var<'t>> for f64 {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, var: Var<'t>) -> Var<'t> {
                let ($n, $y) = (self, var);
                $from_number
            }
        }
        impl<'t> Var<'t> {
            #[doc = concat!("The operator `", stringify!($method), "` with an error instead of a panic.")]
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
            #[track_caller]
            pub fn $try_method(self, other: Var<'t>) -> Result<Var<'t>> {
                self.tape().elementwise(&$ROW, 0.0, &[self, other], None)
            }
        }
    };
}

operator!(Add add try_add ADD, |x, c| x.unary(&ADD_NUMBER, c), |c, x| x.unary(&ADD_NUMBER, c));
operator!(Sub sub try_sub SUB, |x, c| x.unary(&ADD_NUMBER, -c), |c, x| x.unary(&SUB_FROM_NUMBER, c));
operator!(Mul mul try_mul MUL, |x, c| x.unary(&MUL_NUMBER, c), |c, x| x.unary(&MUL_NUMBER, c));
operator!(Div div try_div DIV, |x, c| x.unary(&DIV_BY_NUMBER, c), |c, x| x.unary(&DIV_NUMBER, c));

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;
    #[track_caller]
    fn neg(self) -> Var<'t> {
        self.negate()
    }
}

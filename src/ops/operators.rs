//! The operators `+ − · /` and the named binary operations; one operand may be a plain number or a tensor.
//!
//! With a `Var` on the left, one `impl` of each operator takes all that an [`Operand`] is made of. So Rust knows the
//! type of `x * 2.0` before it knows that of `2.0`, which stays an `f64`. On the left stands an `f64`: with `f32`
//! beside it, `2.0 * x` would have no type until the literal has one, and `(2.0 * x).exp()` would not compile.

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

/// The right-hand side of a binary operation: a value of the tape, a number (`f32` or `f64`), or a tensor, which is a
/// constant.
///
/// Like all that enters a tape, numbers and tensors are converted to its precision. A number without a suffix is an
/// `f64`. On the left of an operator, a number must be an `f64`, for then `2.0 * x` needs no suffix: write `x * c` or
/// `f64::from(c) * x` for an `f32`.
///
/// ```
/// use wengert::{Tape, Tensor};
/// let tape = Tape::f64();
/// let x = tape.leaf([1.0, 2.0]);
/// let mask = Tensor::from([0.0, 1.0]);
/// let y = (2.0 * x - 0.5f32) * &mask + mask;
/// assert_eq!(y.value().to_vec(), [0.0, 4.5]);
/// assert_eq!(y.sum().backward()?.wrt(x)?.to_vec(), [0.0, 2.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub enum Operand<'t> {
    /// A value of the tape.
    Var(Var<'t>),
    /// A number.
    Number(f64),
    /// A tensor that no gradient flows to.
    Tensor(Tensor),
}

impl<'t> Operand<'t> {
    /// The operand as a value of the tape.
    #[track_caller]
    pub(crate) fn lift(self, tape: &'t Tape) -> Var<'t> {
        match self {
            Operand::Var(var) => var,
            Operand::Number(number) => tape.constant(Tensor::scalar(number, tape.dtype())),
            Operand::Tensor(tensor) => tape.constant(tensor),
        }
    }
}

/// What an operand is made of.
macro_rules! operand {
    ($($From:ty: |$from:ident| $operand:expr;)*) => {
        $(
            impl<'t> From<$From> for Operand<'t> {
                fn from($from: $From) -> Self {
                    $operand
                }
            }
        )*
    };
}

operand! {
    Var<'t>: |var| Operand::Var(var);
    f64: |number| Operand::Number(number);
    f32: |number| Operand::Number(f64::from(number));
    Tensor: |tensor| Operand::Tensor(tensor);
    &Tensor: |tensor| Operand::Tensor(tensor.clone());
}

impl<'t> Var<'t> {
    /// The row `both`, or for a number the row `number` with a `parameter` made of it.
    #[track_caller]
    fn binary(
        self,
        both: &'static Elementwise,
        number: &'static Elementwise,
        parameter: impl FnOnce(f64) -> f64,
        other: impl Into<Operand<'t>>,
    ) -> Result<Var<'t>> {
        let tape = self.tape();
        match other.into() {
            Operand::Number(c) => tape.elementwise(number, parameter(c), &[self], None),
            other => tape.elementwise(both, 0.0, &[self, other.lift(tape)], None),
        }
    }
}

/// Named operations.
macro_rules! named {
    ($($(#[doc = $doc:literal])* $name:ident $twin:ident $ROW:ident $NUMBER:ident;)*) => {
        impl<'t> Var<'t> {
            $(
                twin!(
                    $(#[doc = $doc])*
                    #[or_panic($name)]
                    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
                    pub fn $twin(self, other: impl Into<Operand<'t>>) -> Result<Var<'t>> {
                        self.binary(&$ROW, &$NUMBER, |c| c, other)
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

/// One operator: a value with any operand on its right, and with a number or a tensor on its left.
macro_rules! operator {
    ($Trait:ident $method:ident $try_method:ident $ROW:ident,
     $NUMBER:ident |$c:ident| $parameter:expr, $FROM_NUMBER:ident) => {
        impl<'t, R: Into<Operand<'t>>> $Trait<R> for Var<'t> {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, other: R) -> Var<'t> {
                expect(self.$try_method(other))
            }
        }
        impl<'t> $Trait<Var<'t>> for f64 {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, var: Var<'t>) -> Var<'t> {
                var.unary(&$FROM_NUMBER, self)
            }
        }
        impl<'t> $Trait<Var<'t>> for Tensor {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, var: Var<'t>) -> Var<'t> {
                var.tape().constant(self).$method(var)
            }
        }
        impl<'t> $Trait<Var<'t>> for &Tensor {
            type Output = Var<'t>;
            #[track_caller]
            fn $method(self, var: Var<'t>) -> Var<'t> {
                self.clone().$method(var)
            }
        }
        impl<'t> Var<'t> {
            #[doc = concat!("The operator `", stringify!($method), "` with an error instead of a panic.")]
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape) when the shapes do not broadcast.
            #[track_caller]
            pub fn $try_method(self, other: impl Into<Operand<'t>>) -> Result<Var<'t>> {
                self.binary(&$ROW, &$NUMBER, |$c| $parameter, other)
            }
        }
    };
}

operator!(Add add try_add ADD, ADD_NUMBER |c| c, ADD_NUMBER);
operator!(Sub sub try_sub SUB, ADD_NUMBER |c| -c, SUB_FROM_NUMBER);
operator!(Mul mul try_mul MUL, MUL_NUMBER |c| c, MUL_NUMBER);
operator!(Div div try_div DIV, DIV_BY_NUMBER |c| c, DIV_NUMBER);

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;
    #[track_caller]
    fn neg(self) -> Var<'t> {
        self.negate()
    }
}

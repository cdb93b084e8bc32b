//! How a row of the tables is written, and what it expands to.
//!
//! A row reads: documentation; names of the row and of the method; the formula of its value in LaTeX, with the operands
//! x, or a and b, and the number c; value, as a function of one number (or two);
//! derivative, as what becomes of the upstream gradient, in tape algebra, given inputs and output; what the slope can
//! be; and the range of its inputs in tests. The value is expanded for `f32` and `f64` into a vectorized loop.
//!
//! `slope finite` says that the derivative multiplies the upstream gradient by a number that is finite at every input,
//! even NaN and ±∞, so that it maps 0 to 0 (with `if`: only for such numbers c); `slope any` promises nothing. `zero`
//! instead of a derivative declares a function that is constant between its jumps: no gradient flows through it. A row
//! with a number gives one for tests, says whether it is printed as the first operand or as the second, and may name a `loop` that
//! computes the value of many numbers, if there are ways of their own for some c; one without may name such a loop for a precision.
//!
//! Each table becomes a list and one static [`Elementwise`](super::Elementwise) per row.

/// A row's derivative, if it has one.
macro_rules! rule {
    () => {
        None
    };
    ($rule:expr) => {
        Some($rule)
    };
}

/// What a row says about its slope.
macro_rules! slope {
    (any) => {
        Slope::Any
    };
    ($(finite)?) => {
        Slope::Finite
    };
    (finite if |$c:ident| $finite:expr) => {
        Slope::FiniteIf(|$c| $finite)
    };
}

/// Where a row prints its number.
macro_rules! number_first {
    (first) => {
        true
    };
    (second) => {
        false
    };
}

/// The loop of a row in one precision: over its value, or its own.
macro_rules! loop_of_one {
    ($T:ident |$x:ident| $value:expr) => {
        Loop::Unary(|x, _, out| {
            map(
                x,
                out,
                #[inline(always)]
                move |$x: $T| $value,
            )
        })
    };
    ($T:ident |$x:ident| $value:expr, $own:path) => {
        Loop::Unary($own)
    };
}

/// Operations of one input.
macro_rules! unary {
    ($($(#[$doc:meta])* $ROW:ident $name:ident $formula:literal |$x:ident| $value:expr, $(in f32 $single:path,)? $(in f64 $double:path,)?
        $(d |$dx:pat_param, $dy:pat_param, $g:pat_param| $derivative:expr, slope $slope:ident,)? $(zero,)?
        on $domain:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $ROW: Elementwise = Elementwise {
                name: stringify!($name),
                formula: $formula,
                parameter: None,
                domain: &[$domain],
                loop_f32: loop_of_one!(f32 |$x| $value $(, $single)?),
                loop_f64: loop_of_one!(f64 |$x| $value $(, $double)?),
                rule: rule!($(|x, _, y, g, _| { let ($dx, $dy, $g) = (x[0], y, g); $derivative })?),
                slope: slope!($($slope)?),
                number_first: false,
            };
        )*
        impl<'t> Var<'t> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(self) -> Var<'t> {
                    self.unary(&$ROW, 0.0)
                }
            )*
        }
        /// The rows of one input.
        pub(crate) static UNARY: &[&Elementwise] = &[$(&$ROW),*];
    };
}

/// The loop of a row with a number: over its value, or its own.
macro_rules! loop_with_number {
    ($T:ident |$x:ident, $c:ident| $value:expr) => {
        Loop::Unary(|x, $c, out| {
            map(
                x,
                out,
                #[inline(always)]
                move |$x: $T| $value,
            )
        })
    };
    ($T:ident |$x:ident, $c:ident| $value:expr, $own:path) => {
        Loop::Unary($own)
    };
}

/// Operations of one input and a number.
macro_rules! with_number {
    ($($(#[$doc:meta])* $ROW:ident $name:ident $formula:literal
        |$x:ident, $c:ident| $value:expr, $(loop $own:path,)?
        $(d |$dx:pat_param, $dc:pat_param, $dy:pat_param, $g:pat_param| $derivative:expr,
            slope $slope:ident $(if $finite:expr)?,)? $(zero,)?
        on $domain:expr, with $sample:literal $place:ident;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $ROW: Elementwise = Elementwise {
                name: stringify!($name),
                formula: $formula,
                parameter: Some($sample),
                domain: &[$domain],
                loop_f32: loop_with_number!(f32 |$x, $c| $value $(, $own)?),
                loop_f64: loop_with_number!(f64 |$x, $c| $value $(, $own)?),
                rule: rule!($(|x, c, y, g, _| { let ($dx, $dc, $dy, $g) = (x[0], c, y, g); $derivative })?),
                slope: slope!($($slope $(if |$c| $finite)?)?),
                number_first: number_first!($place),
            };
        )*
        /// The rows of one input and a number.
        pub(crate) static WITH_NUMBER: &[&Elementwise] = &[$(&$ROW),*];
    };
}

/// Operations of two inputs.
macro_rules! binary {
    ($($(#[$doc:meta])* $ROW:ident $name:ident $formula:literal |$a:ident, $b:ident| $value:expr,
        $(d |$da:pat_param, $db:pat_param, $dy:pat_param, $g:pat_param| [$by_a:expr, $by_b:expr],
            slope $slope:ident,)? $(zero,)?
        on $domain_a:expr, $domain_b:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $ROW: Elementwise = Elementwise {
                name: stringify!($name),
                formula: $formula,
                parameter: None,
                domain: &[$domain_a, $domain_b],
                loop_f32: Loop::Binary(|a, b, out| zip(a, b, out, #[inline(always)] |$a: f32, $b: f32| $value)),
                loop_f64: Loop::Binary(|a, b, out| zip(a, b, out, #[inline(always)] |$a: f64, $b: f64| $value)),
                rule: rule!($(|x, _, y, g, k| {
                    let ($da, $db, $dy, $g) = (x[0], x[1], y, g);
                    if k == 0 { $by_a } else { $by_b }
                })?),
                slope: slope!($($slope)?),
                number_first: false,
            };
        )*
        /// The rows of two inputs.
        pub(crate) static BINARY: &[&Elementwise] = &[$(&$ROW),*];
    };
}

pub(super) use {binary, loop_of_one, loop_with_number, number_first, rule, slope, unary, with_number};

//! Operations that can fail come in pairs: a method that panics at the caller's line, since a `?` after each operation
//! would hide the mathematics, and its `try_` twin, which returns the error.

use crate::error::Result;

/// Declares both methods of a pair, given the one that returns the error.
///
/// ```text
/// twin!(
///     /// What it computes: the documentation of `softmax`.
///     #[or_panic(softmax)]
///     /// [`Error::Axis`] for an axis that does not exist: the errors of `try_softmax`, and the panics of `softmax`.
///     pub fn try_softmax(self, axis: isize) -> Result<Var<'t>> { .. }
/// );
/// ```
macro_rules! twin {
    ($(#[doc = $doc:literal])* #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident($self:ident $(, $arg:ident: $Arg:ty)* $(,)?) -> Result<$Out:ty> $body:block) => {
        $crate::ops::twins::twin! {
            @pair [$($doc)*] [$($error)+] $name $twin ($self $(, $arg: $Arg)*) ($self.$twin($($arg),*)) $Out, $body
        }
    };
    ($(#[doc = $doc:literal])* #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident($($arg:ident: $Arg:ty),* $(,)?) -> Result<$Out:ty> $body:block) => {
        $crate::ops::twins::twin! {
            @pair [$($doc)*] [$($error)+] $name $twin ($($arg: $Arg),*) (Self::$twin($($arg),*)) $Out, $body
        }
    };
    (@pair [$($doc:literal)*] [$($error:literal)+] $name:ident $twin:ident $params:tt ($call:expr) $Out:ty, $body:block) => {
        $(#[doc = $doc])*
        ///
        /// # Panics
        /// With
        $(#[doc = $error])+
        #[track_caller]
        pub fn $name $params -> $Out {
            $crate::ops::twins::expect($call)
        }

        #[doc = concat!(" [`", stringify!($name), "`](Var::", stringify!($name), ") with an error instead of a panic.")]
        ///
        /// # Errors
        $(#[doc = $error])+
        #[track_caller]
        pub fn $twin $params -> $crate::Result<$Out> $body
    };
}
pub(crate) use twin;

/// Declares a reduction in its three forms, given the last: over all elements, and along some axes as a pair.
///
/// ```text
/// reduction!(
///     /// What it computes: the documentation of `prod` and `prod_axes`.
///     #[over_all(prod)]
///     #[or_panic(prod_axes)]
///     /// [`Error::Axis`] for an axis that does not exist.
///     pub fn try_prod_axes(self, axes, keepdim) -> Result<Var<'t>> { .. }
/// );
/// ```
macro_rules! reduction {
    ($(#[doc = $doc:literal])* #[over_all($all:ident)] #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident($self:ident, $axes:ident, $([$arg:ident: $Arg:ty],)? $keepdim:ident) -> Result<$Out:ty>
     $body:block) => {
        $(#[doc = $doc])*
        ///
        #[doc = concat!("Over all elements: one number. [`", stringify!($name), "`](Var::", stringify!($name), ")")]
        /// does the same along some axes.
        #[track_caller]
        pub fn $all($self $(, $arg: $Arg)?) -> $Out {
            $crate::ops::twins::expect($self.$twin(&[] $(, $arg)?, false))
        }

        $crate::ops::twins::twin!(
            $(#[doc = $doc])*
            ///
            /// Along `axes`, which may count from the end; an empty list means all. With `keepdim` they stay, with
            /// size 1.
            #[or_panic($name)]
            $(#[doc = $error])+
            pub fn $twin($self, $axes: &[isize] $(, $arg: $Arg)?, $keepdim: bool) -> Result<$Out> $body
        );
    };
}
pub(crate) use reduction;

/// The value, or a panic with the error's message at the caller's line.
#[track_caller]
pub(crate) fn expect<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

//! How a composition is declared.

use crate::ops::sample::Listed;

/// Declares a composition and its samples: alone, with its `try_` twin as [`twin!`](crate::ops::twins::twin) does, or
/// in the three forms of a [`reduction!`](crate::ops::twins::reduction). What a method of a `Var` records belongs to the
/// line of its caller, also where closures and helpers record it; others see to that themselves.
macro_rules! composition {
    ($(#[doc = $doc:literal])* #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident($self:ident $(, $arg:ident: $Arg:ty)* $(,)?) -> Result<$Out:ty> $body:block, $samples:expr) => {
        impl<'t> Var<'t> {
            $crate::ops::twins::twin!(
                $(#[doc = $doc])* #[or_panic($name)] $(#[doc = $error])+
                pub fn $twin($self $(, $arg: $Arg)*) -> Result<$Out> {
                    let _line = $self.tape().at_caller();
                    $body
                }
            );
        }
        $crate::functional::composition::composition!(@sampled $name $samples);
    };
    ($(#[doc = $doc:literal])* #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident $params:tt -> Result<$Out:ty> $body:block, $samples:expr) => {
        impl<'t> Var<'t> {
            $crate::ops::twins::twin!(
                $(#[doc = $doc])* #[or_panic($name)] $(#[doc = $error])+
                pub fn $twin $params -> Result<$Out> $body
            );
        }
        $crate::functional::composition::composition!(@sampled $name $samples);
    };
    ($(#[doc = $doc:literal])* #[over_all($all:ident)] #[or_panic($name:ident)] $(#[doc = $error:literal])+
     pub fn $twin:ident $params:tt -> Result<$Out:ty> $body:block, $samples:expr) => {
        impl<'t> Var<'t> {
            $crate::ops::twins::reduction!(
                $(#[doc = $doc])* #[over_all($all)] #[or_panic($name)] $(#[doc = $error])+
                pub fn $twin $params -> Result<$Out> $body
            );
        }
        $crate::functional::composition::composition!(@sampled $all $samples);
    };
    ($(#[doc = $doc:literal])* pub fn $name:ident($self:ident $(, $arg:ident: $Arg:ty)*) -> $Out:ty $body:block,
     $samples:expr) => {
        impl<'t> Var<'t> {
            $(#[doc = $doc])*
            #[track_caller]
            pub fn $name($self $(, $arg: $Arg)*) -> $Out {
                let _line = $self.tape().at_caller();
                $body
            }
        }
        $crate::functional::composition::composition!(@sampled $name $samples);
    };
    (@sampled $name:ident $samples:expr) => {
        #[expect(non_camel_case_types, reason = "the entry in the list has the name of the method")]
        pub(super) struct $name {}
        impl $crate::ops::sample::Sampled for $name {
            fn samples() -> Vec<Sample> {
                $samples.into()
            }
        }
        const _: () = $crate::functional::composition::is_listed::<$name>();
    };
}
pub(super) use composition;

/// Compiles only for a composition that is in the list.
pub(super) const fn is_listed<Composition: Listed>() {}

//! The precision of a tensor, known at run time.

use std::fmt;

use super::storage::{Buffer, POOL_F32, POOL_F64, Pool, Storage};
use crate::kernels::Real;

/// The precision of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// Single precision: 24 bits, about 7 digits.
    F32,
    /// Double precision: 53 bits, about 16 digits.
    F64,
}

impl DType {
    /// The bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 => 8,
        }
    }

    /// The distance from 1 to the next larger number.
    pub fn epsilon(self) -> f64 {
        match self {
            DType::F32 => f32::EPSILON.into(),
            DType::F64 => f64::EPSILON,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
        })
    }
}

impl std::str::FromStr for DType {
    type Err = crate::Error;
    fn from_str(name: &str) -> crate::Result<Self> {
        match name {
            "f32" => Ok(DType::F32),
            "f64" => Ok(DType::F64),
            _ => Err(crate::Error::setting("precision", "dtype", name, "f32 or f64")),
        }
    }
}

/// `f32` or `f64`: what a tensor can hold. Code generic over it is run for either through [`dispatch!`](crate::dispatch).
pub trait Element: Real {
    /// The precision of this type.
    const DTYPE: DType;
    #[doc(hidden)]
    fn with_pool<R>(f: impl FnOnce(&mut Pool<Self>) -> R) -> Option<R>;
    #[doc(hidden)]
    fn wrap(buffer: Buffer<Self>) -> Storage;
    #[doc(hidden)]
    fn buffer(storage: &Storage) -> Option<&Buffer<Self>>;
    #[doc(hidden)]
    fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<Self>>;
}

macro_rules! element {
    ($T:ident, $Variant:ident, $POOL:ident) => {
        impl Element for $T {
            const DTYPE: DType = DType::$Variant;
            fn with_pool<R>(f: impl FnOnce(&mut Pool<Self>) -> R) -> Option<R> {
                // While a thread ends its pool may be gone already: buffers are then just freed.
                $POOL.try_with(|pool| f(&mut pool.borrow_mut())).ok()
            }
            fn wrap(buffer: Buffer<Self>) -> Storage {
                Storage::$Variant(buffer)
            }
            fn buffer(storage: &Storage) -> Option<&Buffer<Self>> {
                match storage {
                    Storage::$Variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
            fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<Self>> {
                match storage {
                    Storage::$Variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
        }
    };
}
element!(f32, F32, POOL_F32);
element!(f64, F64, POOL_F64);

/// Runs a block for the precision at hand: inside it, the given name stands for `f32` or `f64`.
///
/// ```
/// use wengert::{DType, Tensor, dispatch};
/// let x = Tensor::full([3], 2.0, DType::F32);
/// let sum: f64 = dispatch!(x.dtype(), T => x.as_slice::<T>().unwrap().iter().map(|&v| f64::from(v)).sum());
/// assert_eq!(sum, 6.0);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

//! The precision of a tensor, known at run time.

use std::fmt;

/// The precision of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// Single precision: 24 significant bits, about 7 digits.
    F32,
    /// Double precision: 53 significant bits, about 16 digits.
    F64,
}

impl DType {
    /// The size of one element in bytes.
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

/// Runs a block for the given precision: inside it, the given name stands for `f32` or `f64`.
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

//! The limits of shapes and precisions, and the errors where they are exceeded.
//!
//! A tensor has at most `isize::MAX` bytes in double precision, whatever its own precision is. Sizes of 0 are left out
//! of this count, so no product of some of the sizes of a shape can wrap, and kernels may multiply as they like. Every
//! shape passes [`countable`](Shape::countable) once, where it enters: where a tensor is made, or where an operation
//! announces its output.

use std::str::FromStr;

use super::{DType, Shape, storage};
use crate::error::{Error, Result};

impl Shape {
    /// The index of `axis`, which may count from the end (`-1` is the last).
    ///
    /// # Errors
    /// [`Error::Axis`] when there is no such axis; `op` names the operation in the message.
    pub fn axis(&self, op: &str, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let index = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&index) {
            Ok(index as usize)
        } else {
            Err(Error::Axis { op: op.to_owned(), axis, shape: self.clone(), scope: String::new() })
        }
    }

    /// Checks that `op` may make a tensor of this shape, from inputs of the shapes `from`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when no memory has that many addresses.
    pub(crate) fn countable(&self, op: &str, from: &[&Shape]) -> Result<()> {
        let bytes = self.iter().try_fold(size_of::<f64>(), |bytes, &size| bytes.checked_mul(size.max(1)));
        match bytes {
            Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
            _ => Err(Error::too_large(op, self, from)),
        }
    }

    /// Checks that there is memory for a tensor of this shape, which is [`countable`](Shape::countable).
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the system refuses it.
    pub(crate) fn allocatable(&self, op: &str, dtype: DType, from: &[&Shape]) -> Result<()> {
        match crate::dispatch!(dtype, T => storage::available::<T>(self.numel())) {
            true => Ok(()),
            false => Err(Error::too_large(op, self, from)),
        }
    }
}

impl FromStr for DType {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(DType::F32),
            "f64" => Ok(DType::F64),
            _ => Err(Error::setting("precision", "dtype", name, "f32 or f64")),
        }
    }
}

//! Values: n-dimensional arrays of numbers, without a gradient.
//!
//! A [`Tensor`] is a shape, a precision known at run time and a shared, row-major buffer. Cloning one is cheap; writing
//! to one copies its numbers first if anyone else sees them. There are no strides: a transposition is a flag of the
//! matrix product, broadcasting happens inside the kernels, and [`reshape`](Tensor::reshape) shares the buffer.
//!
//! What may not live here: anything that knows about tapes or gradients.

mod compare;
mod create;
mod display;
pub(crate) mod dtype;
mod limits;
mod lists;
pub(crate) mod sequence;
pub(crate) mod shape;
pub(crate) mod storage;

pub use dtype::DType;
pub(crate) use lists::{handful, short};
pub use shape::Shape;
pub use storage::Element;

use crate::{
    error::{Error, Result},
    kernels::Real,
};
use storage::{Buffer, Storage};

/// An n-dimensional array of `f32` or `f64` numbers, row-major.
///
/// ```
/// use wengert::Tensor;
/// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?;
/// assert_eq!(x.shape().dims(), [2, 3]);
/// assert_eq!(x.at(&[1, 2]), 6.0);
/// assert_eq!(x.reshape([3, 2])?.at(&[2, 0]), 5.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    storage: Storage,
}

/// A tensor of this precision and shape, written by an expression for which `T` stands for `f32` or `f64`:
/// `build!(x.dtype(), shape, |T, out| kernel(x.data::<T>(), out))`.
macro_rules! build {
    ($dtype:expr, $shape:expr, |$T:ident, $out:ident| $fill:expr) => {
        $crate::dispatch!($dtype, $T => $crate::Tensor::build::<$T>($shape, |$out| $fill))
    };
}
pub(crate) use build;

impl Tensor {
    /// A tensor of unspecified numbers, written by `fill` before anyone sees it.
    #[track_caller]
    pub(crate) fn build<T: Element>(shape: Shape, fill: impl FnOnce(&mut [T])) -> Self {
        let mut buffer = Buffer::<T>::take(shape.numel());
        fill(buffer.fresh());
        Tensor { shape, storage: T::wrap(buffer) }
    }

    /// The size of each axis.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The precision.
    pub fn dtype(&self) -> DType {
        self.storage.dtype()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// The numbers in row-major order.
    ///
    /// # Errors
    /// [`Error::DType`] when `T` is not the tensor's precision.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        T::buffer(&self.storage).map(Buffer::as_slice).ok_or_else(|| self.wrong_dtype(T::DTYPE))
    }

    /// The numbers in row-major order, for writing; copied first if another tensor shares them.
    ///
    /// # Errors
    /// [`Error::DType`] when `T` is not the tensor's precision.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        if self.dtype() != T::DTYPE {
            return Err(self.wrong_dtype(T::DTYPE));
        }
        Ok(self.data_mut())
    }

    /// The numbers, for a precision known to be `T`.
    pub(crate) fn data<T: Element>(&self) -> &[T] {
        T::buffer(&self.storage).expect("all tensors of a tape have its precision").as_slice()
    }

    /// The numbers for writing, for a precision known to be `T`.
    pub(crate) fn data_mut<T: Element>(&mut self) -> &mut [T] {
        T::buffer_mut(&mut self.storage).expect("all tensors of a tape have its precision").make_mut()
    }

    fn wrong_dtype(&self, asked: DType) -> Error {
        Error::DType { op: "reading a tensor's numbers".into(), expected: asked, got: self.dtype() }
    }

    /// The numbers in row-major order, in double precision.
    pub fn to_vec(&self) -> Vec<f64> {
        crate::dispatch!(self.dtype(), T => self.data::<T>().iter().map(|x| x.to_f64()).collect())
    }

    /// The single number of a tensor with one element.
    ///
    /// # Panics
    /// When it does not have exactly one element.
    #[track_caller]
    pub fn item(&self) -> f64 {
        assert!(self.numel() == 1, "item: one number was asked for, but the tensor has shape {}", self.shape);
        crate::dispatch!(self.dtype(), T => self.data::<T>()[0].to_f64())
    }

    /// The number at an index with one entry per axis.
    ///
    /// # Panics
    /// When the index does not fit the shape.
    #[track_caller]
    pub fn at(&self, index: &[usize]) -> f64 {
        let fits = index.len() == self.shape.rank() && index.iter().zip(self.shape.iter()).all(|(i, n)| i < n);
        assert!(fits, "at: the index {index:?} does not fit shape {}", self.shape);
        let flat = index.iter().zip(self.shape.iter()).fold(0, |flat, (i, n)| flat * n + i);
        crate::dispatch!(self.dtype(), T => self.data::<T>()[flat].to_f64())
    }

    /// The same numbers in a different shape of equal size.
    ///
    /// # Errors
    /// [`Error::Length`] when the sizes differ, [`Error::TooLarge`] when they cannot be counted.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        shape.countable("reshape", &[&self.shape])?;
        if shape.numel() != self.numel() {
            return Err(Error::Length { shape, len: self.numel() });
        }
        Ok(self.reshaped(shape))
    }

    /// The same numbers in a shape known to fit.
    pub(crate) fn reshaped(&self, shape: Shape) -> Tensor {
        debug_assert_eq!(shape.numel(), self.numel());
        Tensor { shape, storage: self.storage.clone() }
    }

    /// The same numbers in the given precision, rounded to nearest; shared if it is the same.
    pub fn cast(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() {
            return self.clone();
        }
        crate::dispatch!(self.dtype(), S => crate::dispatch!(dtype, D => {
            Tensor::build::<D>(self.shape.clone(), |out| {
                for (out, &x) in out.iter_mut().zip(self.data::<S>()) {
                    *out = x as D;
                }
            })
        }))
    }

    /// [`cast`](Tensor::cast) of a tensor that is consumed.
    pub(crate) fn into_dtype(self, dtype: DType) -> Tensor {
        if dtype == self.dtype() { self } else { self.cast(dtype) }
    }

    /// The first number that is NaN or infinite, with its flat index.
    pub fn first_non_finite(&self) -> Option<(usize, f64)> {
        crate::dispatch!(self.dtype(), T => {
            let data = self.data::<T>();
            data.iter().position(|x| !x.is_finite()).map(|i| (i, data[i].to_f64()))
        })
    }

    /// Adds `other`, of the same shape and precision, to this tensor.
    pub(crate) fn accumulate(&mut self, other: &Tensor) {
        debug_assert_eq!(self.shape, other.shape);
        crate::dispatch!(self.dtype(), T => {
            let buffer = T::buffer_mut(&mut self.storage).expect("the precision was just looked up");
            if buffer.unique() {
                crate::kernels::elementwise::add_assign(buffer.make_mut(), other.data::<T>());
            } else {
                let (a, b) = (buffer.as_slice(), other.data::<T>());
                use crate::kernels::elementwise::{Operand::Each, zip};
                let sum = Tensor::build::<T>(self.shape.clone(), |out| {
                    zip(Each(a), Each(b), out, #[inline(always)] |a, b| a + b);
                });
                *self = sum;
            }
        });
    }
}

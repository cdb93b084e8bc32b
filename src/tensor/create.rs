//! Creating tensors from numbers.

use super::{DType, Element, Shape, Tensor, build, storage::Buffer};
use crate::error::{Error, Result};

/// The shape of a tensor that fits into memory; any other panics at the caller's line.
#[track_caller]
fn room(op: &str, shape: impl Into<Shape>, dtype: DType) -> Shape {
    let shape = shape.into();
    match shape.countable(op, &[]).and_then(|()| shape.allocatable(op, dtype, &[])) {
        Ok(()) => shape,
        Err(error) => panic!("{error}"),
    }
}

/// The shape of a tensor of `len` numbers.
fn filled(op: &str, shape: impl Into<Shape>, len: usize) -> Result<Shape> {
    let shape = shape.into();
    shape.countable(op, &[])?;
    if shape.numel() == len { Ok(shape) } else { Err(Error::Length { shape, len }) }
}

impl Tensor {
    /// The numbers of `data`, row-major, in `shape`: `f32` or `f64`, like the vector.
    ///
    /// # Errors
    /// [`Error::Length`] when the numbers do not fill the shape, [`Error::TooLarge`] when its sizes cannot be counted.
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = filled("from_vec", shape, data.len())?;
        Ok(Tensor { shape, storage: T::wrap(Buffer::from_vec(data)) })
    }

    /// A copy of the numbers of `data` in `shape`, through the buffer pool.
    ///
    /// # Errors
    /// [`Error::Length`] when the numbers do not fill the shape, [`Error::TooLarge`] when its sizes cannot be counted.
    pub fn from_slice<T: Element>(data: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = filled("from_slice", shape, data.len())?;
        Ok(Tensor::build::<T>(shape, |out| out.copy_from_slice(data)))
    }

    /// One number: shape `[]`.
    pub fn scalar(value: f64, dtype: DType) -> Tensor {
        Tensor::full(Shape::scalar(), value, dtype)
    }

    /// `value` everywhere.
    ///
    /// # Panics
    /// When a tensor of this shape does not fit into memory.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Tensor {
        let shape = room("full", shape, dtype);
        build!(dtype, shape, |T, out| out.fill(value as T))
    }

    /// 0 everywhere.
    ///
    /// # Panics
    /// When a tensor of this shape does not fit into memory.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(room("zeros", shape, dtype), 0.0, dtype)
    }

    /// 1 everywhere.
    ///
    /// # Panics
    /// When a tensor of this shape does not fit into memory.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(room("ones", shape, dtype), 1.0, dtype)
    }

    /// `f(i)` for each flat index `i`.
    ///
    /// # Panics
    /// When a tensor of this shape does not fit into memory.
    #[track_caller]
    pub fn from_fn(shape: impl Into<Shape>, dtype: DType, mut f: impl FnMut(usize) -> f64) -> Tensor {
        let shape = room("from_fn", shape, dtype);
        build!(dtype, shape, |T, out| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(i) as T;
            }
        })
    }

    /// `count` numbers from `first` to `last` in equal steps, both ends included.
    ///
    /// ```
    /// use wengert::{DType, Tensor};
    /// assert_eq!(Tensor::linspace(-1.0, 1.0, 5, DType::F64).to_vec(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// When that many numbers do not fit into memory.
    #[track_caller]
    pub fn linspace(first: f64, last: f64, count: usize, dtype: DType) -> Tensor {
        let steps = count.saturating_sub(1).max(1) as f64;
        Tensor::from_fn(room("linspace", [count], dtype), dtype, |i| first + (last - first) * (i as f64 / steps))
    }

    /// The identity matrix `[n, n]`.
    ///
    /// # Panics
    /// When such a matrix does not fit into memory.
    #[track_caller]
    pub fn eye(n: usize, dtype: DType) -> Tensor {
        Tensor::from_fn(room("eye", [n, n], dtype), dtype, |i| if i / n == i % n { 1.0 } else { 0.0 })
    }

    /// A row for each label, 1 in the column of the label and 0 elsewhere: `[n]` labels give `[n, classes]`.
    ///
    /// ```
    /// use wengert::{DType, Tensor};
    /// let t = Tensor::one_hot(&[2, 0], 3, DType::F64)?;
    /// assert_eq!(t, Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] without classes, [`Error::Label`] for a label that is none of `0..classes`,
    /// [`Error::TooLarge`] when such a tensor does not fit into memory.
    pub fn one_hot(labels: &[usize], classes: usize, dtype: DType) -> Result<Tensor> {
        if classes == 0 {
            return Err(Error::setting("one_hot", "classes", classes, "at least 1"));
        }
        if let Some(index) = labels.iter().position(|&label| label >= classes) {
            return Err(Error::Label { op: "one_hot".into(), label: labels[index], index, classes });
        }
        let shape = Shape::from([labels.len(), classes]);
        shape.countable("one_hot", &[])?;
        shape.allocatable("one_hot", dtype, &[])?;
        Ok(build!(dtype, shape, |T, out| {
            out.fill(0.0);
            labels.iter().enumerate().for_each(|(row, &label)| out[row * classes + label] = 1.0);
        }))
    }
}

/// Tensors of rank 1 to 4 from arrays, in the precision of their numbers.
macro_rules! from_arrays {
    ($($Array:ty: [$($SIZE:ident),+], |$array:ident| $numbers:expr;)+) => {
        $(
            impl<T: Element, $(const $SIZE: usize),+> From<$Array> for Tensor {
                fn from($array: $Array) -> Self {
                    Tensor { shape: Shape::from([$($SIZE),+]), storage: T::wrap(Buffer::from_vec($numbers.to_vec())) }
                }
            }
        )+
    };
}

from_arrays! {
    [T; A]: [A], |x| x;
    [[T; B]; A]: [A, B], |x| x.as_flattened();
    [[[T; C]; B]; A]: [A, B, C], |x| x.as_flattened().as_flattened();
    [[[[T; D]; C]; B]; A]: [A, B, C, D], |x| x.as_flattened().as_flattened().as_flattened();
}

/// One number: shape `[]`, in the precision of the number.
impl<T: Element> From<T> for Tensor {
    fn from(number: T) -> Self {
        Tensor::build::<T>(Shape::scalar(), |out| out[0] = number)
    }
}

impl<T: Element> From<Vec<T>> for Tensor {
    fn from(numbers: Vec<T>) -> Self {
        Tensor { shape: Shape::from([numbers.len()]), storage: T::wrap(Buffer::from_vec(numbers)) }
    }
}

impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Self {
        tensor.clone()
    }
}

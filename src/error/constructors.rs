//! How errors are made, and completed on their way to the user: with the layer, and with what to do.

use super::Error;
use crate::tensor::shape::Shape;

impl Error {
    /// The same error, with the layer in which it happened if the variant has a place for it.
    pub(crate) fn in_scope(mut self, name: &str) -> Self {
        match &mut self {
            Error::Shape { scope, .. }
            | Error::TooLarge { scope, .. }
            | Error::Axis { scope, .. }
            | Error::Matrix { scope, .. }
                if scope.is_empty() =>
            {
                *scope = name.to_owned()
            }
            _ => {}
        }
        self
    }

    /// The same error under the name of the method that was called, if it comes from an operation of which that is made.
    pub(crate) fn called(mut self, name: &str) -> Self {
        match &mut self {
            Error::Shape { op, .. }
            | Error::TooLarge { op, .. }
            | Error::Axis { op, .. }
            | Error::Matrix { op, .. }
            | Error::DifferentTapes { op } => *op = name.to_owned(),
            _ => {}
        }
        self
    }

    /// [`Error::Shape`] for an operation `op` that does not accept `shapes`, outside all layers: the error for
    /// functions of your own to return.
    ///
    /// ```
    /// use wengert::{Error, Result, Tensor};
    /// fn mean_squared_difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    ///     if a.shape() != b.shape() {
    ///         return Err(Error::shape("difference", &[a.shape(), b.shape()], "the shapes must be the same"));
    ///     }
    ///     let squares = a.to_vec().iter().zip(b.to_vec()).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    ///     Ok(squares / a.numel() as f64)
    /// }
    /// let error = mean_squared_difference(&Tensor::from([1.0, 2.0]), &Tensor::from([1.0])).unwrap_err();
    /// assert_eq!(error.to_string(), "difference: the shapes must be the same, but got [2] and [1]");
    /// ```
    pub fn shape(op: &str, shapes: &[&Shape], need: impl Into<String>) -> Self {
        Error::Shape {
            op: op.to_owned(),
            shapes: shapes.iter().map(|&s| s.clone()).collect(),
            need: need.into(),
            scope: String::new(),
            help: String::new(),
        }
    }

    /// [`Error::NonFinite`] for `what`, which holds `value` at the flat index `index`.
    ///
    /// ```
    /// use wengert::{Error, Result, Tensor};
    /// fn rows(table: &Tensor) -> Result<&Tensor> {
    ///     match table.first_non_finite() {
    ///         Some((index, value)) => Err(Error::non_finite("the table", index, value).help("leave this row out")),
    ///         None => Ok(table),
    ///     }
    /// }
    /// let error = rows(&Tensor::from([1.0, f64::NAN])).unwrap_err();
    /// let message = "the table holds NaN at index 1; every number must be finite; leave this row out";
    /// assert_eq!(error.to_string(), message);
    /// ```
    pub fn non_finite(what: impl Into<String>, index: usize, value: f64) -> Self {
        Error::NonFinite { what: what.into(), index, value, help: String::new() }
    }

    /// The same error with what to do about it, a clause that ends its sentence, if the variant has a place for it
    /// ([`Error::Shape`] and [`Error::NonFinite`]).
    pub fn help(mut self, clause: impl Into<String>) -> Self {
        if let Error::Shape { help, .. } | Error::NonFinite { help, .. } = &mut self {
            *help = clause.into();
        }
        self
    }

    /// A tensor that no memory can hold, before its layer is known.
    pub(crate) fn too_large(op: &str, shape: &Shape, from: &[&Shape]) -> Self {
        Error::TooLarge {
            op: op.to_owned(),
            shape: shape.clone(),
            from: from.iter().map(|&s| s.clone()).collect(),
            scope: String::new(),
        }
    }

    /// [`Error::Setting`] for the setting `name` of `of`, whose value is `value` but must be `must`.
    ///
    /// ```
    /// use wengert::{Error, Result};
    /// fn keep_probability(p: f64) -> Result<f64> {
    ///     match (0.0..1.0).contains(&p) {
    ///         true => Ok(1.0 - p),
    ///         false => Err(Error::setting("dropout", "p", p, "at least 0 and less than 1")),
    ///     }
    /// }
    /// let error = keep_probability(1.5).unwrap_err();
    /// assert_eq!(error.to_string(), "dropout: p = 1.5, but it must be at least 0 and less than 1");
    /// ```
    pub fn setting(of: &str, name: &'static str, value: impl ToString, must: &'static str) -> Self {
        Error::Setting { of: of.to_owned(), name, value: value.to_string(), must }
    }
}

//! Comparing tensors: exactly, and through `approx` within a tolerance.

use approx::{AbsDiffEq, RelativeEq};

use super::Tensor;

/// Equal shape, precision and numbers (so NaN differs from itself).
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.dtype() == other.dtype()
            && crate::dispatch!(self.dtype(), T => self.data::<T>() == other.data::<T>())
    }
}

/// Every element within `epsilon` of its counterpart; shapes must be equal, precisions may differ.
impl AbsDiffEq for Tensor {
    type Epsilon = f64;

    fn default_epsilon() -> f64 {
        1e-9
    }

    fn abs_diff_eq(&self, other: &Self, epsilon: f64) -> bool {
        self.shape == other.shape && self.to_vec().iter().zip(&other.to_vec()).all(|(a, b)| a.abs_diff_eq(b, epsilon))
    }
}

/// Every element within `epsilon`, or within `max_relative` of the larger of the two.
///
/// ```
/// use approx::assert_relative_eq;
/// use wengert::Tensor;
/// assert_relative_eq!(Tensor::from([1.0, 1e6]), Tensor::from([1.0, 1e6 + 1e-6]), max_relative = 1e-9);
/// ```
impl RelativeEq for Tensor {
    fn default_max_relative() -> f64 {
        1e-9
    }

    fn relative_eq(&self, other: &Self, epsilon: f64, max_relative: f64) -> bool {
        self.shape == other.shape
            && self.to_vec().iter().zip(&other.to_vec()).all(|(a, b)| a.relative_eq(b, epsilon, max_relative))
    }
}

//! Printing tensors: nested brackets, one precision for all numbers, long axes abbreviated in the middle.

use std::fmt;

use super::Tensor;

/// Of an axis longer than twice this, only this many entries are printed at each end.
const ENDS: usize = 3;

impl Tensor {
    fn write_axis(&self, f: &mut fmt::Formatter<'_>, numbers: &[f64], axis: usize, indent: usize) -> fmt::Result {
        let precision = f.precision().unwrap_or(4);
        if axis == self.shape.rank() {
            return match numbers[0] {
                x if x != 0.0 && x.is_finite() && !(1e-3..1e5).contains(&x.abs()) => write!(f, "{x:.precision$e}"),
                x => write!(f, "{x:.precision$}"),
            };
        }
        let (n, part) = (self.shape[axis], numbers.len() / self.shape[axis].max(1));
        let innermost = axis + 1 == self.shape.rank();
        f.write_str("[")?;
        for i in 0..n {
            let hidden = n > 2 * ENDS + 1 && (ENDS..n - ENDS).contains(&i);
            if hidden && i > ENDS {
                continue;
            }
            match (i, innermost) {
                (0, _) => {}
                (_, true) => f.write_str(", ")?,
                (_, false) => write!(f, ",\n{:indent$}", "", indent = indent + 1)?,
            }
            if hidden {
                f.write_str("...")?;
            } else {
                self.write_axis(f, &numbers[i * part..(i + 1) * part], axis + 1, indent + 1)?;
            }
        }
        f.write_str("]")
    }
}

/// The numbers; `{:.2}` sets the number of decimals.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_axis(f, &self.to_vec(), 0, 0)
    }
}

/// The numbers with their precision and shape: `[1.0000, 2.0000] f64[2]`.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}{}", self.dtype(), self.shape)
    }
}

//! What a number of a rule may stand for, judging by the shapes: a size, its root, or a size less 1.

use super::{numbers::text, program::Program};

impl Program {
    /// A number, with what it may stand for by the shapes.
    pub fn number(&self, number: f64) -> String {
        format!("{}{}", text(number), self.meaning(number))
    }

    /// What a number may stand for by the shapes, in brackets after a space; empty if it is no size.
    pub fn meaning(&self, number: f64) -> String {
        let is = |size: f64| size > 1.0 && (number.abs() - size).abs() < 1e-7 * size;
        let first = |of: fn(f64) -> f64| self.sizes.iter().find(|(_, n)| is(of(*n as f64))).map(|(what, _)| what);
        match (first(|n| n), first(f64::sqrt), first(|n| n - 1.0)) {
            (Some(size), ..) => format!(" ({size})"),
            (None, Some(root), Some(size)) => format!(" (the root of {root}, or {size} less 1)"),
            (None, Some(root), None) => format!(" (the root of {root})"),
            (None, None, Some(size)) => format!(" ({size} less 1)"),
            (None, None, None) => String::new(),
        }
    }
}

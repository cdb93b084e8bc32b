//! The cardinal sine sin(πx) / (πx).

use std::f64::consts::PI;

use super::composition::composition;
use crate::{
    ops::sample::{Sample, numbers},
    tape::Var,
};

/// Where |πx| is below this, the series is exact to rounding, with all derivatives that anybody takes.
const NEAR: f64 = 0.5;

composition!(
    /// sin(πx) / (πx), and 1 at 0. Near 0 it is computed as Σ (−1)ᵏ (πx)²ᵏ / (2k + 1)!, whose derivatives of every order
    /// are right, where those of the quotient cancel.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([0.0, 0.5]);
    /// assert_eq!(x.sinc().value().to_vec(), [1.0, std::f64::consts::FRAC_2_PI]);
    /// ```
    pub fn sinc(self) -> Var<'t> {
        let near = (self * PI).abs().lt(NEAR);
        // Neither branch may be asked beyond its own half: its value would be dropped, its slope would not.
        let small = near.select(self, 0.0) * PI;
        let large = near.select(1.0, self) * PI;
        let square = small.square();
        let one = self.tape().constant(1.0);
        let series = (1..=8).rev().fold(one, |sum, k| 1.0 - square * sum / f64::from(2 * k * (2 * k + 1)));
        near.select(series, large.sin() / large)
    },
    [Sample::new("sinc", vec![numbers([4, 3], -1.5, 1.5, 1)], |x| x[0].sinc())]
);

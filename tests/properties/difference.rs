//! The change of a function along a direction, by differences.
//!
//! A change is a fourth-order central difference, D(h) = (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h. The error is c h⁴
//! from truncation, and at most 18/12h times the rounding of f. As D(2h) has 16 c h⁴ instead of c h⁴, their distance
//! gives c h⁴; a quarter of it is allowed where a fifteenth is expected. A distance that is not small means that the
//! case sits at a kink, which is a fault of the test.

/// The step h: four of them, the farthest that any change goes, are shorter than the distance to the next kink.
const STEP: f64 = 1.0 / 512.0;

/// Changes, and the bound on the error of each.
pub struct Difference {
    pub slope: Vec<f64>,
    pub error: Vec<f64>,
}

impl Difference {
    /// The change of `f`, which takes a number of steps, with values that are right within `noise`.
    pub fn new(noise: &[f64], mut f: impl FnMut(f64) -> Vec<f64>) -> Self {
        let [near, far, farthest] = [1.0, 2.0, 4.0].map(|k| -> Vec<f64> {
            let (ahead, behind) = (f(k * STEP), f(-k * STEP));
            ahead.iter().zip(behind).map(|(a, b)| a - b).collect()
        });
        let fourth = |near: &[f64], far: &[f64], step: f64| -> Vec<f64> {
            near.iter().zip(far).map(|(near, far)| (8.0 * near - far) / (12.0 * step)).collect()
        };
        let (fine, coarse) = (fourth(&near, &far, STEP), fourth(&far, &farthest, 2.0 * STEP));
        let error = (fine.iter().zip(&coarse).zip(noise))
            .map(|((fine, coarse), noise)| (fine - coarse).abs() / 4.0 + 1.5 * noise / STEP)
            .collect();
        Difference { slope: fine, error }
    }

    pub fn at_kink(&self) -> bool {
        let level = 1.0 + largest_of(&self.slope);
        !self.error.iter().all(|error| *error <= 1e-5 * level)
    }
}

pub fn largest_of(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, x| x.abs().max(m))
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn dot_of_sizes(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a * b).abs()).sum()
}

/// Whether the two are within a distance of each other, which NaN never is.
pub fn near(got: f64, want: f64, allowed: f64) -> bool {
    (got - want).abs() <= allowed
}

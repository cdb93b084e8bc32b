//! The rate as a function of the iteration.
//!
//! A schedule keeps no count of its own: a run that is taken up at iteration t has the rate of an uninterrupted one.

use std::f64::consts::PI;

use super::slots::setting;
use crate::Result;

/// How the rate goes from its base η with the number t of iterations made so far (0 in the first). Where a framework
/// counts in epochs, multiply by the iterations of an epoch.
///
/// ```
/// use wengert::optim::Schedule;
/// let schedule = Schedule::Cosine { total: 100, floor: 0.0 }.after_warmup(9);
/// assert_eq!(schedule.rate(0.5, 4), 0.25);                       // half way up
/// assert_eq!(schedule.rate(0.5, 9), 0.5);
/// assert!((schedule.rate(0.5, 59) - 0.25).abs() < 1e-12);        // half way down
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Schedule {
    /// η.
    #[default]
    Constant,
    /// η · factorᵏ after k times `every` iterations.
    Step {
        /// The iterations between two changes, at least 1.
        every: u64,
        /// What the rate is multiplied with.
        factor: f64,
    },
    /// η · factorᵏ from the k-th milestone on.
    Milestones {
        /// The iterations at which the rate changes, in any order.
        at: Vec<u64>,
        /// What the rate is multiplied with.
        factor: f64,
    },
    /// floor + (η − floor) (1 + cos(π t / total)) / 2, then `floor` (Loshchilov and Hutter, arXiv 1608.03983, without
    /// restarts).
    Cosine {
        /// The iterations to the floor, at least 1.
        total: u64,
        /// The last rate.
        floor: f64,
    },
    /// η (t + 1) / (steps + 1) in the first `steps` iterations, then another schedule counted from there.
    Warmup {
        /// The iterations before the full rate.
        steps: u64,
        /// What follows.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// The same schedule, moved back behind `steps` iterations in which the rate rises in equal steps.
    pub fn after_warmup(self, steps: u64) -> Self {
        Schedule::Warmup { steps, then: Box::new(self) }
    }

    /// The rate of iteration `t` (from 0) where the base rate is `base`.
    pub fn rate(&self, base: f64, t: u64) -> f64 {
        match self {
            Schedule::Constant => base,
            Schedule::Step { every, factor } => base * power(*factor, t / every.max(&1)),
            Schedule::Milestones { at, factor } => base * power(*factor, at.iter().filter(|&&m| m <= t).count() as u64),
            Schedule::Cosine { total, floor } if t < *total => {
                floor + (base - floor) * 0.5 * (1.0 + (PI * t as f64 / *total as f64).cos())
            }
            Schedule::Cosine { floor, .. } => *floor,
            Schedule::Warmup { steps, .. } if t < *steps => base * ((t + 1) as f64 / (steps + 1) as f64),
            Schedule::Warmup { steps, then } => then.rate(base, t - steps),
        }
    }

    /// Checks the numbers of the schedule.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a factor or a floor that is negative or not finite, and for a length
    /// of 0.
    pub fn check(&self) -> Result<()> {
        let not_negative = |name, value: f64| match value.is_finite() && value >= 0.0 {
            true => Ok(()),
            false => Err(setting("schedule", name, value, "finite and not negative")),
        };
        let positive = |name, value: u64| match value {
            0 => Err(setting("schedule", name, value, "at least 1")),
            _ => Ok(()),
        };
        match self {
            Schedule::Constant => Ok(()),
            Schedule::Step { every, factor } => positive("every", *every).and(not_negative("factor", *factor)),
            Schedule::Milestones { factor, .. } => not_negative("factor", *factor),
            Schedule::Cosine { total, floor } => positive("total", *total).and(not_negative("floor", *floor)),
            Schedule::Warmup { then, .. } => then.check(),
        }
    }
}

fn power(factor: f64, k: u64) -> f64 {
    factor.powf(k as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule, base: f64, count: u64) -> Vec<f64> {
        (0..count).map(|t| schedule.rate(base, t)).collect()
    }

    #[test]
    fn rates_are_those_written_down_by_hand() {
        assert_eq!(rates(&Schedule::Constant, 0.1, 3), [0.1; 3]);
        let step = Schedule::Step { every: 2, factor: 0.5 };
        assert_eq!(rates(&step, 8.0, 7), [8.0, 8.0, 4.0, 4.0, 2.0, 2.0, 1.0]);
        let milestones = Schedule::Milestones { at: vec![4, 1], factor: 0.5 };
        assert_eq!(rates(&milestones, 8.0, 6), [8.0, 4.0, 4.0, 4.0, 2.0, 2.0]);
        let cosine = Schedule::Cosine { total: 4, floor: 1.0 };
        let expected = [3.0, 2.0 + 0.5f64.sqrt(), 2.0, 2.0 - 0.5f64.sqrt(), 1.0, 1.0];
        for (rate, expected) in rates(&cosine, 3.0, 6).iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-14, "{rate} instead of {expected}");
        }
        assert_eq!(rates(&step.after_warmup(3), 8.0, 8), [2.0, 4.0, 6.0, 8.0, 8.0, 4.0, 4.0, 2.0]);
    }

    #[test]
    fn bad_numbers_are_named() {
        let message = |schedule: Schedule| schedule.check().unwrap_err().to_string();
        let step = |every, factor| Schedule::Step { every, factor };
        assert_eq!(message(step(0, 0.5)), "schedule: every = 0, but it must be at least 1");
        assert_eq!(message(step(3, f64::NAN)), "schedule: factor = NaN, but it must be finite and not negative");
        let milestones = Schedule::Milestones { at: vec![], factor: -1.0 };
        assert_eq!(message(milestones), "schedule: factor = -1, but it must be finite and not negative");
        let cosine = |total, floor| Schedule::Cosine { total, floor };
        assert_eq!(message(cosine(0, 0.0)), "schedule: total = 0, but it must be at least 1");
        let message = message(cosine(9, f64::INFINITY).after_warmup(5));
        assert_eq!(message, "schedule: floor = inf, but it must be finite and not negative");
        assert!(step(3, 0.1).after_warmup(5).check().is_ok() && Schedule::Constant.check().is_ok());
    }
}

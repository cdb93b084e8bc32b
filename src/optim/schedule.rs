//! The learning rate as a function of the iteration.
//!
//! A schedule keeps no count of its own: a run that resumes at iteration t has the learning rate of an uninterrupted
//! one.

use std::f64::consts::PI;

use crate::{Error, Result};

/// How the learning rate starts at η and changes with the iteration t, counted from 0. Names are those of PyTorch's
/// `lr_scheduler`. Where a framework counts epochs, multiply by the iterations of an epoch.
///
/// ```
/// use wengert::optim::Schedule;
/// let schedule = Schedule::CosineAnnealing { t_max: 100, eta_min: 0.0 }.after_warmup(9);
/// assert_eq!(schedule.learning_rate(0.5, 4), 0.25);                       // half way up
/// assert_eq!(schedule.learning_rate(0.5, 9), 0.5);
/// assert!((schedule.learning_rate(0.5, 59) - 0.25).abs() < 1e-12);        // half way down
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Schedule {
    /// η.
    #[default]
    Constant,
    /// η · gammaᵏ from iteration k · `step_size` on: `StepLR`.
    Step {
        /// The iterations between two changes, at least 1.
        step_size: u64,
        /// The factor of each change.
        gamma: f64,
    },
    /// η · gammaᵏ from the k-th milestone on: `MultiStepLR`.
    MultiStep {
        /// The iterations at which the learning rate changes, in any order.
        milestones: Vec<u64>,
        /// The factor of each change.
        gamma: f64,
    },
    /// eta_min + (η − eta_min) (1 + cos(π t / t_max)) / 2 up to t = t_max, then eta_min: `CosineAnnealingLR`
    /// (Loshchilov and Hutter, arXiv 1608.03983, without restarts).
    CosineAnnealing {
        /// The iterations until `eta_min` is reached, at least 1.
        t_max: u64,
        /// The last learning rate.
        eta_min: f64,
    },
    /// η (t + 1) / (steps + 1) in the first `steps` iterations, then another schedule, counted from there.
    Warmup {
        /// The iterations before the learning rate is η.
        steps: u64,
        /// The schedule that follows.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// The same schedule after `steps` iterations in which the learning rate rises linearly.
    pub fn after_warmup(self, steps: u64) -> Self {
        Schedule::Warmup { steps, then: Box::new(self) }
    }

    /// The learning rate of iteration `t` (from 0) for η = `base`.
    pub fn learning_rate(&self, base: f64, t: u64) -> f64 {
        match self {
            Schedule::Constant => base,
            Schedule::Step { step_size, gamma } => base * power(*gamma, t / step_size.max(&1)),
            Schedule::MultiStep { milestones, gamma } => {
                base * power(*gamma, milestones.iter().filter(|&&m| m <= t).count() as u64)
            }
            Schedule::CosineAnnealing { t_max, eta_min } if t < *t_max => {
                eta_min + (base - eta_min) * 0.5 * (1.0 + (PI * t as f64 / *t_max as f64).cos())
            }
            Schedule::CosineAnnealing { eta_min, .. } => *eta_min,
            Schedule::Warmup { steps, .. } if t < *steps => base * ((t + 1) as f64 / (steps + 1) as f64),
            Schedule::Warmup { steps, then } => then.learning_rate(base, t - steps),
        }
    }

    /// Checks the numbers of the schedule.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a factor or a learning rate that is negative or not finite, and
    /// for a length of 0.
    pub fn check(&self) -> Result<()> {
        let not_negative = |name, value: f64| match value.is_finite() && value >= 0.0 {
            true => Ok(()),
            false => Err(Error::setting("schedule", name, value, "finite and not negative")),
        };
        let positive = |name, value: u64| match value {
            0 => Err(Error::setting("schedule", name, value, "at least 1")),
            _ => Ok(()),
        };
        match self {
            Schedule::Constant => Ok(()),
            Schedule::Step { step_size, gamma } => positive("step_size", *step_size).and(not_negative("gamma", *gamma)),
            Schedule::MultiStep { gamma, .. } => not_negative("gamma", *gamma),
            Schedule::CosineAnnealing { t_max, eta_min } => {
                positive("t_max", *t_max).and(not_negative("eta_min", *eta_min))
            }
            Schedule::Warmup { then, .. } => then.check(),
        }
    }
}

fn power(gamma: f64, k: u64) -> f64 {
    gamma.powf(k as f64)
}

//! Trial steps: can one batch be learned by heart, and what moves meanwhile?
//!
//! A network that cannot bring the loss of a handful of observations down, with nothing else to learn, will not learn more
//! of them. Adam is used whatever the optimizer of the run, at several learning rates, so that the trial speaks of the
//! network and the loss; what the learning rate of the run can do is for the [`Budget`](super::Budget) to say.

use super::{
    Finding,
    probe::{Probe, Snapshot, constant_output},
};
use crate::{
    Error, Mode, NoGradient, Param, Result,
    optim::{Adam, Optimizer},
};

/// How well one batch was learned by heart.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Overfit {
    /// The loss of the batch before the trial steps.
    pub before: f64,
    /// The smallest loss that they reached.
    pub after: f64,
    /// The number of steps to it.
    pub steps: usize,
    /// The learning rate of Adam with which it was reached.
    pub learning_rate: f64,
}

/// The learning rates that are tried, until one brings the loss down.
const RATES: [f64; 4] = [1e-3, 1e-2, 1e-1, 1.0];
/// The most steps with each.
const STEPS: usize = 1000;
/// A trial ends when so many steps do not bring its smallest loss down to [`PROGRESS`] of what it was.
const PATIENCE: usize = 50;
const PROGRESS: f64 = 0.95;
/// What a zero first weight hides from the layers before it shows after the first steps, so no trial is shorter.
const LEAST: usize = 3;
/// A batch counts as learned when its loss falls to this part of the first.
const NEAR_ZERO: f64 = 0.1;

/// Makes the trial steps, adds what they find, and restores the network.
pub(super) fn run(
    probe: &Probe,
    saved: &Snapshot,
    before: f64,
    findings: &mut Vec<Finding>,
) -> Result<Option<Overfit>> {
    let mut trial =
        Trial { best: Overfit { before, after: before, steps: 0, learning_rate: RATES[0] }, constant: None };
    let params: Vec<Param> = probe.net.params().into_iter().filter(Param::trainable).collect();
    let mut still = missing(probe, &params)?;
    saved.restore();
    for rate in RATES {
        trial.steps(probe, &params, rate)?;
        still.retain(|(param, _)| saved.0.iter().any(|(known, value)| known.same(param) && *value == param.value()));
        saved.restore();
        if trial.best.after <= NEAR_ZERO * before {
            break;
        }
    }
    findings.extend(trial.constant.map(|output| Finding::ConstantOutput { output, observations: probe.batch.len() }));
    let name = |param: &Param| param.name().to_owned();
    findings.extend(still.iter().map(|(param, why)| Finding::NoGradient { param: name(param), why: *why }));
    if before <= 0.0 {
        return Ok(None);
    }
    if trial.best.after > NEAR_ZERO * before {
        findings.push(Finding::NotOverfit { overfit: trial.best, observations: probe.batch.len() });
    }
    Ok(Some(trial.best))
}

/// All parameters, each with the reason why the loss has no gradient with respect to it, if it has none.
fn missing(probe: &Probe, params: &[Param]) -> Result<Vec<(Param, Option<NoGradient>)>> {
    let tape = probe.tape(Mode::Train);
    let (_, loss) = probe.record(&tape)?;
    let gradients = match loss.backward() {
        Ok(gradients) => gradients,
        Err(Error::NoGradient { why, .. }) => return Ok(params.iter().map(|p| (p.clone(), Some(why))).collect()),
        Err(other) => return Err(other),
    };
    let why = |param: &Param| match gradients.wrt(param) {
        Err(Error::NoGradient { why, .. }) => Some(why),
        _ => None,
    };
    Ok(params.iter().map(|param| (param.clone(), why(param))).collect())
}

struct Trial {
    best: Overfit,
    /// The output that was constant in every step so far.
    constant: Option<usize>,
}

impl Trial {
    /// Steps on the batch until its loss is near 0, falls no more, or is no longer finite.
    fn steps(&mut self, probe: &Probe, params: &[Param], learning_rate: f64) -> Result<()> {
        let mut adam = Adam::new(params, learning_rate)?.allow_unused(true);
        let mut tape = probe.tape(Mode::Train);
        let (mut least, mut mark) = (f64::INFINITY, f64::INFINITY);
        for steps in 0..=STEPS {
            tape.reset();
            tape.set_mode(Mode::Train);
            let (y, loss) = probe.record(&tape)?;
            let value = loss.item();
            if !value.is_finite() {
                break;
            }
            let constant = constant_output(&y, probe.batch.len());
            let first = steps == 0 && learning_rate == RATES[0];
            self.constant = if first { constant } else { self.constant.filter(|_| constant == self.constant) };
            if value < self.best.after {
                self.best = Overfit { after: value, steps, learning_rate, ..self.best };
            }
            if steps == STEPS || (steps >= LEAST && value <= NEAR_ZERO * self.best.before) {
                break;
            }
            least = value.min(least);
            if steps % PATIENCE == 0 {
                if least > PROGRESS * mark {
                    break;
                }
                mark = least;
            }
            match loss.backward().and_then(|gradients| adam.step(&gradients)) {
                Ok(()) => {}
                Err(Error::NonFinite { .. } | Error::NoGradient { .. }) => break,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

//! Batch normalization with running statistics.
//!
//! In training, each channel is normalized by the mean and variance of its batch. Evaluation needs statistics that do
//! not depend on the batch. There are two ways to get them:
//!
//! - running averages, as in PyTorch: running ← (1 − momentum) · running + momentum · batch, with the unbiased
//!   variance;
//! - one more pass over the training set at the end, with the final parameters ([`Layer::start_statistics`], batches in
//!   training mode, [`Layer::finish_statistics`]): the statistics of all observations together.
//!
//! A frozen layer (γ and β are not trainable) uses the statistics that it has, in training too, and keeps them: what it
//! computes does not change while it is frozen. (In PyTorch that takes `eval()` besides `requires_grad_(False)`.)

use std::sync::Mutex;

use super::Layer;
use crate::{DType, Mode, Param, Tensor, Var};

/// γ (x − mean) / √(var + ε) + β for each channel (axis 1) of `[n, c]` or `[n, c, h, w]`.
///
/// In training, mean and var are those of the batch; in evaluation, and while the layer is frozen, the running ones.
#[derive(Debug)]
pub struct BatchNorm {
    /// γ, `[c]`, starts at 1.
    pub weight: Param,
    /// β, `[c]`, starts at 0.
    pub bias: Param,
    /// The mean for evaluation, `[c]`.
    pub running_mean: Param,
    /// The variance for evaluation, `[c]`.
    pub running_var: Param,
    /// ε, 1e-5.
    pub epsilon: f64,
    /// The weight of a new batch in the running averages, 0.1.
    pub momentum: f64,
    collected: Mutex<Option<Collected>>,
}

/// Sums over batches, in double precision: the count of numbers in a channel, and the first two moments about 0.
#[derive(Debug, Default)]
struct Collected {
    count: f64,
    sums: Vec<(f64, f64)>,
}

impl BatchNorm {
    /// A layer for `channels` channels.
    pub fn new(channels: usize) -> Self {
        let full = |value| Tensor::full([channels], value, DType::F32);
        BatchNorm {
            weight: Param::new("weight", full(1.0)),
            bias: Param::new("bias", full(0.0)),
            running_mean: Param::state("running_mean", full(0.0)),
            running_var: Param::state("running_var", full(1.0)),
            epsilon: 1e-5,
            momentum: 0.1,
            collected: Mutex::new(None),
        }
    }

    /// Whether neither γ nor β is trained.
    fn frozen(&self) -> bool {
        !self.weight.trainable() && !self.bias.trainable()
    }

    fn keep(&self, y: Var<'_>) {
        let (mean, var) = y.batch_moments().expect("y is the value of a batch_norm");
        let count = (y.numel() / mean.numel().max(1)) as f64;
        let mut collected = self.collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &mut *collected {
            Some(collected) => {
                collected.count += count;
                collected.sums.resize(mean.numel(), (0.0, 0.0));
                for ((sums, mean), var) in collected.sums.iter_mut().zip(mean.to_vec()).zip(var.to_vec()) {
                    sums.0 += count * mean;
                    sums.1 += count * (var + mean * mean);
                }
            }
            None => {
                let sample = count / (count - 1.0);
                average(&self.running_mean, &mean, 1.0, self.momentum);
                average(&self.running_var, &var, sample, self.momentum);
            }
        }
    }
}

/// running ← (1 − momentum) · running + momentum · factor · batch.
fn average(running: &Param, batch: &Tensor, factor: f64, momentum: f64) {
    running.update(|running| {
        let batch = batch.cast(running.dtype());
        crate::dispatch!(running.dtype(), T => {
            let batch = batch.as_slice::<T>().expect("the batch was converted to this precision");
            let running = running.as_mut_slice::<T>().expect("the precision was just looked up");
            for (r, &b) in running.iter_mut().zip(batch) {
                *r += momentum as T * (factor as T * b - *r);
            }
        });
    });
}

impl Layer for BatchNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        let (gamma, beta) = (tape.watch(&self.weight), tape.watch(&self.bias));
        if tape.mode() == Mode::Train && !self.frozen() {
            let y = x.batch_norm(gamma, beta, self.epsilon);
            self.keep(y);
            return y;
        }
        let (mean, var) = (tape.watch(&self.running_mean), tape.watch(&self.running_var));
        let scale = gamma * (var + self.epsilon).rsqrt();
        let shift = beta - mean * scale;
        x * scale.per_channel(x) + shift.per_channel(x)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.bias.clone()]
    }

    fn state(&self) -> Vec<Param> {
        vec![self.running_mean.clone(), self.running_var.clone()]
    }

    fn couples_observations(&self) -> bool {
        !self.frozen()
    }

    fn start_statistics(&self) {
        *self.collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Collected::default());
    }

    fn finish_statistics(&self) {
        let collected = self.collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(Collected { count, sums }) = collected.filter(|c| c.count > 0.0) else { return };
        let set = |param: &Param, f: &dyn Fn(&(f64, f64)) -> f64| {
            param.update(|tensor| *tensor = Tensor::from_fn(tensor.shape().clone(), tensor.dtype(), |c| f(&sums[c])));
        };
        set(&self.running_mean, &|s| s.0 / count);
        set(&self.running_var, &|s| (s.1 / count - (s.0 / count).powi(2)).max(0.0));
    }
}

//! Layers for Caffe's protocol: two bottoms, two tops, a learned blob with `param_str`, and state with two phases.

use wengert::{DType, Mode, Param, Shape, Tensor, Var};

use super::{PythonLayer, Saved};

/// The check that opens most `setup`s in Python.
fn counts(bottom: &[Shape], tops: usize, needs: (usize, usize)) -> Result<(), String> {
    match (bottom.len(), tops) == needs {
        true => Ok(()),
        false => Err(format!("needs {} bottoms and {} tops, not {} and {tops}", needs.0, needs.1, bottom.len())),
    }
}

fn same_shape(what: [&str; 2], bottom: &[Shape]) -> Result<(), String> {
    match bottom[0] == bottom[1] {
        true => Ok(()),
        false => Err(format!("{} {} and {} {} must have the same shape", what[0], bottom[0], what[1], bottom[1])),
    }
}

/// The number after `name:` in a `param_str` such as `alpha: 0.25, momentum: 0.9`.
fn number(param_str: &str, name: &str) -> Result<f64, String> {
    let mut entries = param_str.split(',').filter_map(|entry| entry.split_once(':'));
    let value = entries.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("param_str `{param_str}` gives no number `{name}`"))
}

/// L = Σ (a − b)² / (2 n), for a prediction and a target of n observations.
pub struct EuclideanLoss;

impl PythonLayer for EuclideanLoss {
    fn name(&self) -> &str {
        "EuclideanLoss"
    }

    fn setup(&mut self, _: &str, bottom: &[Shape], tops: usize) -> Result<Vec<Param>, String> {
        counts(bottom, tops, (2, 1)).map(|()| Vec::new())
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        same_shape(["prediction", "target"], bottom).map(|()| vec![Shape::from([])])
    }

    fn forward<'t>(&self, bottom: &[Var<'t>], _: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let diff = bottom[0] - bottom[1];
        let loss = diff.square().sum() / (2.0 * bottom[0].shape()[0] as f64);
        (vec![loss], vec![diff])
    }

    fn backward<'t>(&self, top_diff: &[Var<'t>], propagate_down: &[bool], at: Saved<'_, 't>) -> Vec<Option<Var<'t>>> {
        // `top_diff` is the loss weight, or any other upstream gradient: without it every weight would count as 1.
        let scaled = top_diff[0] * at.diff[0] / at.bottom[0].shape()[0] as f64;
        vec![propagate_down[0].then_some(scaled), propagate_down[1].then(|| -scaled)]
    }
}

/// Two bottoms, x and y, and two tops, the length r = √(x² + y²) and the angle θ = atan2(y, x) of the vectors (x, y).
pub struct Polar;

impl PythonLayer for Polar {
    fn name(&self) -> &str {
        "Polar"
    }

    fn setup(&mut self, _: &str, bottom: &[Shape], tops: usize) -> Result<Vec<Param>, String> {
        counts(bottom, tops, (2, 2)).map(|()| Vec::new())
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        same_shape(["x", "y"], bottom).map(|()| bottom.to_vec())
    }

    fn forward<'t>(&self, bottom: &[Var<'t>], _: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (x, y) = (bottom[0], bottom[1]);
        let square = x.square() + y.square();
        (vec![square.sqrt(), y.atan2(x)], vec![square])
    }

    fn backward<'t>(&self, top_diff: &[Var<'t>], propagate_down: &[bool], at: Saved<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, y, square) = (at.bottom[0], at.bottom[1], at.diff[0]);
        // From r along (x, y) / r, from θ along (−y, x) / r²; a bottom used by two tops gets both terms.
        let (along, across) = (top_diff[0] / square.sqrt(), top_diff[1] / square);
        vec![propagate_down[0].then(|| along * x - across * y), propagate_down[1].then(|| along * y + across * x)]
    }
}

/// The exponential linear unit with one learned α per channel, a blob `[c]` that begins at the `alpha` of `param_str`.
pub struct Elu;

impl PythonLayer for Elu {
    fn name(&self) -> &str {
        "Elu"
    }

    fn setup(&mut self, param_str: &str, bottom: &[Shape], tops: usize) -> Result<Vec<Param>, String> {
        counts(bottom, tops, (1, 1))?;
        let alpha = Tensor::full([bottom[0][1]], number(param_str, "alpha")?, DType::F32);
        Ok(vec![Param::new("alpha", alpha)])
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(bottom.to_vec())
    }

    fn forward<'t>(&self, bottom: &[Var<'t>], blobs: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let x = bottom[0];
        let below = x.min(0.0).exp_m1();
        (vec![x.relu() + blobs[0].per_channel(x) * below], vec![below])
    }

    fn backward<'t>(&self, top_diff: &[Var<'t>], propagate_down: &[bool], at: Saved<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, below, dz) = (at.bottom[0], at.diff[0], top_diff[0]);
        let alpha = at.blobs[0].per_channel(x);
        vec![
            propagate_down[0].then(|| dz * x.gt(0.0).select(1.0, alpha * (below + 1.0))),
            propagate_down[1].then(|| (dz * below).sum_to(&alpha.shape()).reshape(at.blobs[0].shape())),
        ]
    }
}

/// x less its mean over the batch in training, less a running mean in testing. The running mean is a blob that is not
/// learned (`lr_mult: 0`) and that each pass in training moves by 1 − `momentum` of `param_str`.
#[derive(Default)]
pub struct Center {
    momentum: f64,
    running: Option<Param>,
}

impl PythonLayer for Center {
    fn name(&self) -> &str {
        "Center"
    }

    fn setup(&mut self, param_str: &str, bottom: &[Shape], tops: usize) -> Result<Vec<Param>, String> {
        counts(bottom, tops, (1, 1))?;
        self.momentum = number(param_str, "momentum")?;
        let running = Param::state("running_mean", Tensor::zeros([bottom[0][1]], DType::F32));
        self.running = Some(running.clone());
        Ok(vec![running])
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(bottom.to_vec())
    }

    fn forward<'t>(&self, bottom: &[Var<'t>], blobs: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let x = bottom[0];
        if x.tape().mode() == Mode::Eval {
            return (vec![x - blobs[0]], Vec::new());
        }
        let mean = x.mean_axes(&[0], false);
        if let Some(running) = &self.running {
            let (old, new) = (running.value().to_vec(), mean.value().to_vec());
            running.update(|blob| {
                *blob = Tensor::from_fn(blob.shape(), blob.dtype(), |i| {
                    self.momentum * old[i] + (1.0 - self.momentum) * new[i]
                });
            });
        }
        (vec![x - mean], Vec::new())
    }

    fn backward<'t>(&self, top_diff: &[Var<'t>], propagate_down: &[bool], at: Saved<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dz = top_diff[0];
        let testing = at.bottom[0].tape().mode() == Mode::Eval;
        let dx = if testing { dz } else { dz - dz.mean_axes(&[0], true) };
        vec![propagate_down[0].then_some(dx), None]
    }

    fn couples_observations(&self) -> bool {
        true
    }
}

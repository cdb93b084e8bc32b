//! Normalization over batches, layers, groups and neighbors.

use super::{Call, Results};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let one = |y: Var<'t>| Some(vec![y]);
    match op {
        "batch_norm" => {
            let training = c.flag(5, "training", false);
            let norm = Norm { gamma: c.maybe(3, "weight"), beta: c.maybe(4, "bias"), epsilon: c.float(7, "eps", 1e-5) };
            one(over_batch(x, norm, training, [c.maybe(1, "running_mean"), c.maybe(2, "running_var")])?.0)
        }
        "native_batch_norm" | "_native_batch_norm_legit" => native(c, x, c.flag(5, "", true), c.float(7, "", 1e-5)),
        "_batch_norm_with_update" => native(c, x, true, c.float(6, "", 1e-5)),
        "instance_norm" => {
            let norm = Norm { gamma: c.maybe(3, "weight"), beta: c.maybe(4, "bias"), epsilon: c.float(7, "eps", 1e-5) };
            if !c.flag(5, "use_input_stats", true) {
                return one(over_batch(x, norm, false, [c.maybe(1, "running_mean"), c.maybe(2, "running_var")])?.0);
            }
            let (y, _, _) = standard(x, &(2..x.rank() as isize).collect::<Vec<_>>(), norm.epsilon);
            one(norm.per_channel(y))
        }
        "group_norm" => {
            let (gamma, beta, epsilon) = (c.maybe(2, "weight"), c.maybe(3, "bias"), c.float(4, "eps", 1e-5));
            one(groups(x, c.int(1, "num_groups", 1) as usize, Norm { gamma, beta, epsilon }).0)
        }
        "native_group_norm" => {
            let norm = Norm { gamma: c.maybe(1, ""), beta: c.maybe(2, ""), epsilon: c.float(7, "eps", 1e-5) };
            let (y, mean, scale) = groups(x, c.int(6, "", 1) as usize, norm);
            Some(vec![y, mean, scale])
        }
        "layer_norm" | "native_layer_norm" => {
            let axes: Vec<isize> = (0..c.places(1, "").len() as isize).map(|k| -1 - k).collect();
            let (y, mean, scale) = standard(x, &axes, c.float(4, "eps", 1e-5));
            let y = c.maybe(2, "weight").map_or(y, |gamma| y * gamma);
            let y = c.maybe(3, "bias").map_or(y, |beta| y + beta);
            Some(if op == "layer_norm" { vec![y] } else { vec![y, mean, scale] })
        }
        "rms_norm" => {
            let axes: Vec<isize> = (0..c.places(1, "").len() as isize).map(|k| -1 - k).collect();
            let y = x * (x.square().mean_axes(&axes, true) + c.float(3, "eps", f64::EPSILON)).rsqrt();
            one(c.maybe(2, "weight").map_or(y, |gamma| y * gamma))
        }
        "local_response_norm" => {
            let size = c.int(1, "size", 1) as usize;
            let (alpha, beta, k) = (c.float(2, "alpha", 1e-4), c.float(3, "beta", 0.75), c.float(4, "k", 1.0));
            let mut amounts = vec![(0, 0); x.rank()];
            amounts[1] = (size / 2, (size - 1) / 2);
            let padded = x.square().pad(&amounts, 0.0);
            let near = (0..size).map(|i| padded.narrow(1, i, x.shape()[1])).reduce(|a, b| a + b)? / size as f64;
            one(x / (near * alpha + k).pow(beta))
        }
        _ => None,
    }
}

struct Norm<'t> {
    gamma: Option<Var<'t>>,
    beta: Option<Var<'t>>,
    epsilon: f64,
}

impl<'t> Norm<'t> {
    fn per_channel(&self, x: Var<'t>) -> Var<'t> {
        let x = self.gamma.map_or(x, |gamma| x * gamma.per_channel(x));
        self.beta.map_or(x, |beta| x + beta.per_channel(x))
    }
}

/// Mean 0 and variance 1 along these axes, with the mean and 1/√(variance + ε).
fn standard<'t>(x: Var<'t>, axes: &[isize], epsilon: f64) -> (Var<'t>, Var<'t>, Var<'t>) {
    let mean = x.mean_axes(axes, true);
    let scale = ((x - mean).square().mean_axes(axes, true) + epsilon).rsqrt();
    ((x - mean) * scale, mean, scale)
}

fn groups<'t>(x: Var<'t>, groups: usize, norm: Norm<'t>) -> (Var<'t>, Var<'t>, Var<'t>) {
    let (shape, n) = (x.shape(), x.shape()[0]);
    let per = shape[1..].iter().product::<usize>() / groups;
    let (y, mean, scale) = standard(x.reshape([n, groups, per]), &[2], norm.epsilon);
    (norm.per_channel(y.reshape(shape)), mean.squeeze(&[2]), scale.squeeze(&[2]))
}

type Statistics<'t> = (Var<'t>, Option<(Var<'t>, Var<'t>)>);

fn over_batch<'t>(x: Var<'t>, norm: Norm<'t>, training: bool, running: [Option<Var<'t>>; 2]) -> Option<Statistics<'t>> {
    let axes: Vec<isize> = (0..x.rank() as isize).filter(|&k| k != 1).collect();
    if let (false, [Some(mean), Some(var)]) = (training, running) {
        let of = |v: Var<'t>| if x.rank() < 2 { v } else { v.per_channel(x) };
        return Some((norm.per_channel((x - of(mean)) * (of(var) + norm.epsilon).rsqrt()), None));
    }
    let (y, mean, scale) = standard(x, &axes, norm.epsilon);
    Some((norm.per_channel(y), Some((mean.flatten(0), scale.flatten(0)))))
}

/// The result, and what was computed of the batch; nothing where running statistics were used.
fn native<'t>(c: &Call<'t>, x: Var<'t>, training: bool, epsilon: f64) -> Results<'t> {
    let norm = Norm { gamma: c.maybe(1, ""), beta: c.maybe(2, ""), epsilon };
    let (y, batch) = over_batch(x, norm, training, [c.maybe(3, ""), c.maybe(4, "")])?;
    let nothing = c.full([0], 0.0);
    let (mean, scale) = batch.unwrap_or((nothing, nothing));
    Some(vec![y, mean, scale])
}

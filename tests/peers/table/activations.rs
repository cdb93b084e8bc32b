//! Activation functions, and dropout where nothing is drawn.

use super::{Call, Results, along, front};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    Some(vec![match op {
        "relu" => x.relu(),
        "relu6" => x.clamp(0.0, 6.0),
        "leaky_relu" => x.leaky_relu(c.float(1, "negative_slope", 0.01)),
        "prelu" => x.prelu(c.var(1, "weight")),
        "rrelu" if !c.flag(3, "training", false) => {
            x.leaky_relu((c.float(1, "lower", 0.125) + c.float(2, "upper", 1.0 / 3.0)) / 2.0)
        }
        "elu" => x.elu(c.float(1, "alpha", 1.0)),
        "celu" => x.celu(c.float(1, "alpha", 1.0)),
        "selu" => x.selu(),
        "gelu" if c.text(1, "approximate", "none") == "tanh" => {
            x * 0.5 * (((x + x.pow(3.0) * 0.044715) * (2.0 / std::f64::consts::PI).sqrt()).tanh() + 1.0)
        }
        "gelu" => x.gelu(),
        "silu" => x.silu(),
        "mish" => x.mish(),
        "hardswish" => x.hardswish(),
        "hardsigmoid" => (x / 6.0 + 0.5).clamp(0.0, 1.0),
        "hardtanh" => x.clamp(c.float(1, "min_val", -1.0), c.float(2, "max_val", 1.0)),
        "hardshrink" => x.abs().gt(c.float(1, "lambd", 0.5)).select(x, 0.0),
        "softshrink" => {
            let by = c.float(1, "lambd", 0.5);
            x.gt(by).select(x - by, x.lt(-by).select(x + by, 0.0))
        }
        "softsign" => x / (x.abs() + 1.0),
        "tanhshrink" => x - x.tanh(),
        "threshold" => x.gt(c.float(1, "threshold", 0.0)).select(x, c.float(2, "value", 0.0)),
        "logsigmoid" => x.log_sigmoid(),
        "softplus" => {
            let (beta, threshold) = (c.float(1, "beta", 1.0), c.float(2, "threshold", 20.0));
            let scaled = x * beta;
            scaled.gt(threshold).select(x, scaled.softplus() / beta)
        }
        "glu" => {
            let halves = x.chunk(2, c.int(1, "dim", -1));
            halves[0] * halves[1].sigmoid()
        }
        "torch.ops.aten._safe_softmax.default" => {
            let axis = c.int(1, "dim", -1);
            along(x, |x| x.amax_axes(&[axis], true).eq(f64::NEG_INFINITY).select(0.0, x.softmax(axis)))
        }
        "softmax" | "softmax.with_dtype" => along(x, |x| x.softmax(c.int(1, "dim", -1))),
        "log_softmax" | "log_softmax.with_dtype" => along(x, |x| x.log_softmax(c.int(1, "dim", -1))),
        "softmin" | "softmin.with_dtype" => along(x, |x| (-x).softmax(c.int(1, "dim", -1))),
        "_softmax_backward_data" => {
            let (y, axis) = (c.x(1), front(x, c.int(2, "dim", -1)) as isize);
            along(y, |y| {
                let dz = super::lifted(x);
                y * (dz - (y * dz).sum_axes(&[axis], true))
            })
        }
        "dropout"
        | "dropout2d"
        | "dropout3d"
        | "alpha_dropout"
        | "feature_alpha_dropout.with_train"
        | "feature_alpha_dropout.without_train" => dropout(op, c, x)?,
        "native_dropout_backward" => x * c.x(1) * c.float(2, "scale", 1.0),
        _ => return None,
    }])
}

/// Dropout that drops nothing, or everything: what is between is drawn, by each in its own way.
fn dropout<'t>(op: &str, c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    let by_default = !op.contains("alpha");
    match (c.float(1, "p", 0.5), c.flag(2, "training", by_default)) {
        (_, false) => Some(x),
        (0.0, true) => Some(x),
        (1.0, true) if by_default => Some(x * 0.0),
        _ => None,
    }
}

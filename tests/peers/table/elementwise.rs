//! Functions of each number alone, and of two.

use std::f64::consts::{LN_2, PI, SQRT_2};

use super::{Call, Results, complex, truncated};
use wengert::Var;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let y = match c.maybe(1, "") {
        Some(b) => two(op, c, x, b).or_else(|| one(op, c, x)),
        None => one(op, c, x),
    };
    y.map(|y| vec![y])
}

fn one<'t>(op: &str, c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    Some(match op {
        "abs" => x.abs(),
        "acos" => x.acos(),
        "acosh" => x.acosh(),
        "angle" => x.lt(0.0) * PI,
        "asin" => x.asin(),
        "asinh" => x.asinh(),
        "atan" => x.atan(),
        "atanh" => x.atanh(),
        "ceil" => x.ceil(),
        "clamp" => clamp(c, x),
        "clone" | "contiguous" | "positive" | "conj" | "conj_physical" | "resolve_conj" | "resolve_neg"
        | "alias_copy" | "real" | "view_as_complex" | "double" | "to_sparse" => x,
        "to" if c
            .args
            .iter()
            .any(|arg| matches!(arg, super::super::call::Arg::Text(text) if text == "torch.float64"))
            || c.maybe(1, "").is_some() =>
        {
            x
        }
        "cdouble" => complex(x, x * 0.0),
        "cos" => x.cos(),
        "cosh" => x.cosh(),
        "copysign" => x.abs() * c.float(1, "", 0.0).signum(),
        "deg2rad" => x * (PI / 180.0),
        "rad2deg" => x * (180.0 / PI),
        "digamma" => x.digamma(),
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        "erfinv" => x.erfinv(),
        "exp" => x.exp(),
        "exp2" => x.exp2(),
        "expm1" => x.exp_m1(),
        "fill" | "zero_" => c.full(x.shape(), c.float(1, "value", 0.0)),
        "floor" => x.floor(),
        "frac" => x - truncated(x),
        "frexp" => x * (-(x.abs().log2().floor() + 1.0)).exp2(),
        "lgamma" => x.lgamma(),
        "log" => x.ln(),
        "log10" => x.log10(),
        "log1p" => x.ln_1p(),
        "log2" => x.log2(),
        "logit" => {
            let p = match c.float(1, "eps", -1.0) {
                eps if eps >= 0.0 => x.lt(eps).select(eps, x.gt(1.0 - eps).select(1.0 - eps, x)),
                _ => x,
            };
            p.ln() - (1.0 - p).ln()
        }
        "mvlgamma.mvlgamma_p_1" | "mvlgamma.mvlgamma_p_3" | "mvlgamma.mvlgamma_p_5" => {
            let p = c.int(1, "p", 1);
            let terms = (0..p).map(|i| (x - i as f64 / 2.0).lgamma());
            terms.reduce(|a, b| a + b)? + (p * (p - 1)) as f64 / 4.0 * PI.ln()
        }
        "nan_to_num" => {
            let bounded = x.clamp(f64::MIN, f64::MAX);
            x.eq(x).select(bounded, 0.0)
        }
        "neg" => -x,
        "reciprocal" => x.recip(),
        "round" => x.round(),
        "round.decimals_0" | "round.decimals_3" | "round.decimals_neg_3" => {
            let scale = 10f64.powi(c.int(1, "decimals", 0) as i32);
            (x * scale).round() / scale
        }
        "rsqrt" => x.rsqrt(),
        "sigmoid" => x.sigmoid(),
        "sign" | "sgn" => x.sign(),
        "sin" => x.sin(),
        "sinc" => x.sinc(),
        "sinh" => x.sinh(),
        "sqrt" => x.sqrt(),
        "square" => x.square(),
        "tan" => x.tan(),
        "tanh" => x.tanh(),
        "trunc" => truncated(x),
        "special.entr" => -x.xlogy(x),
        "special.erfcx" => x.square().exp() * x.erfc(),
        "special.ndtr" => x.normal_cdf(),
        "special.log_ndtr" => x.normal_cdf().ln(),
        "special.ndtri" => (x * 2.0 - 1.0).erfinv() * SQRT_2,
        _ if op.starts_with("polygamma.") || op.starts_with("special.polygamma.") => match c.int(1, "", 0) {
            0 => x.digamma(),
            n => x.polygamma(n as usize),
        },
        _ => return None,
    })
}

fn two<'t>(op: &str, c: &Call<'t>, a: Var<'t>, b: Var<'t>) -> Option<Var<'t>> {
    let alpha = c.float(2, "alpha", 1.0);
    Some(match op {
        "add" | "__radd__" => a + b * alpha,
        "sub" => a - b * alpha,
        "rsub" | "__rsub__" => b - a * alpha,
        "mul" | "__rmul__" => a * b,
        "div.no_rounding_mode" | "true_divide" => a / b,
        "__rdiv__" => b / a,
        "div.trunc_rounding" => truncated(a / b),
        "div.floor_rounding" => (a / b).floor(),
        "atan2" => a.atan2(b),
        "clamp_max" | "fmin" | "minimum" | "min.binary" => a.min(b),
        "clamp_min" | "fmax" | "maximum" | "max.binary" => a.max(b),
        "clamp" => clamp(c, a),
        "complex" => complex(a, b),
        "polar" => complex(a * b.cos(), a * b.sin()),
        "copysign" => a.abs() * b.ge(0.0).select(1.0, -1.0),
        "fmod" => a - b * truncated(a / b),
        "remainder" => a - b * (a / b).floor(),
        "__rmod__" => b - a * (b / a).floor(),
        "hypot" => (a.square() + b.square()).sqrt(),
        "ldexp" => a * b.exp2(),
        "lerp" => {
            a + match c.maybe(2, "weight") {
                Some(weight) => weight * (b - a),
                None => (b - a) * c.float(2, "weight", 0.0),
            }
        }
        "logaddexp" => a.logaddexp(b),
        "logaddexp2" => (a * LN_2).logaddexp(b * LN_2) / LN_2,
        "pow" | "float_power" => a.pow(b),
        "__rpow__" => b.pow(a),
        "where" => b.select(a, c.var(2, "other")),
        "masked_fill" => match c.maybe(2, "value") {
            Some(value) => b.select(value, a),
            None => a.masked_fill(b, c.float(2, "value", 0.0)),
        },
        "xlogy" => a.xlogy(b),
        "special.xlog1py" => a.xlogy(b + 1.0),
        _ => return None,
    })
}

fn clamp<'t>(c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let raised = c.maybe(1, "min").map_or(x, |low| x.max(low));
    c.maybe(2, "max").map_or(raised, |high| raised.min(high))
}

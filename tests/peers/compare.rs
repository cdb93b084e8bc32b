//! One sample: evaluated, differentiated twice, and compared with what PyTorch found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use wengert::{Tape, Var};

use super::{
    call::{Call, tensor},
    table,
};

/// Numbers that differ by more than this, relative to the largest of theirs, differ.
const TOLERANCE: f64 = 1e-9;

/// How a sample came out.
pub enum Outcome {
    /// It cannot be written, and why.
    Missing(String),
    /// Value, first and second derivative: not compared, agreeing (`Some(None)`), or how they differ.
    Compared([Option<Option<String>>; 3]),
}

pub fn compare(op: &str, record: &Value) -> Outcome {
    let values = record["value"].as_array().unwrap();
    if values.is_empty() {
        return Outcome::Missing("has no result in double precision".into());
    }
    let tape = Tape::f64();
    let call = Call::read(&tape, record);
    let results = match caught(|| table::run(op, &call)) {
        Ok(Some(results)) => results,
        Ok(None) => return Outcome::Missing("has no counterpart".into()),
        Err(why) => return Outcome::Missing(why),
    };
    let value = differ(&results, values);
    let Some(inner) = record["first"].as_array().filter(|_| value.is_none()) else {
        return Outcome::Compared([Some(value), None, None]);
    };
    let first = match caught(|| gradients(&tape, &call, total(record, &results))) {
        Ok(first) => first,
        Err(why) => return Outcome::Compared([Some(None), Some(Some(why)), None]),
    };
    let difference = differ(&first, inner);
    let Some(outer) = record["second"].as_array().filter(|_| difference.is_none()) else {
        return Outcome::Compared([Some(None), Some(difference), None]);
    };
    let directions = record["v"].as_array().unwrap().iter().map(|v| tape.constant(tensor(v)));
    let product = first.iter().zip(directions).map(|(&g, v)| (g * v).sum()).reduce(|a, b| a + b);
    let second = match caught(|| gradients(&tape, &call, product)) {
        Ok(second) => differ(&second, outer),
        Err(why) => Some(why),
    };
    Outcome::Compared([Some(None), Some(None), Some(second)])
}

/// Σ ⟨u, y⟩ over the results that take part.
fn total<'t>(record: &Value, results: &[Var<'t>]) -> Option<Var<'t>> {
    let upstream = record["upstream"].as_array().unwrap();
    let parts = results.iter().zip(upstream).zip(record["takes_part"].as_array().unwrap());
    let parts = parts.filter(|(_, takes)| takes.as_bool() == Some(true));
    parts.map(|((&y, u), _)| (y * y.tape().constant(tensor(u))).sum()).reduce(|a, b| a + b)
}

/// The recorded gradients with respect to the inputs, 0 where `y` depends on none.
fn gradients<'t>(tape: &'t Tape, call: &Call<'t>, y: Option<Var<'t>>) -> Vec<Var<'t>> {
    match y.filter(|y| y.needs_grad() && !call.inputs.is_empty()) {
        Some(y) => tape.grad(y, &call.inputs).unwrap_or_else(|error| panic!("{error}")),
        None => call.inputs.iter().map(|x| call.full(x.shape(), 0.0)).collect(),
    }
}

/// How these differ from what is wanted.
fn differ(got: &[Var<'_>], want: &[Value]) -> Option<String> {
    if got.len() != want.len() {
        return Some(format!("{} results and not {}", got.len(), want.len()));
    }
    got.iter().zip(want).find_map(|(got, want)| {
        let (got, want) = (got.value(), tensor(want));
        if got.shape() != want.shape() {
            return Some(format!("shape {} and not {}", got.shape(), want.shape()));
        }
        let (got, want) = (got.to_vec(), want.to_vec());
        let scale = want.iter().filter(|w| w.is_finite()).fold(1.0f64, |most, w| most.max(w.abs()));
        let same = |g: f64, w: f64| g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= TOLERANCE * scale;
        let bad = got.iter().zip(&want).position(|(&g, &w)| !same(g, w))?;
        Some(format!("{:.6e} and not {:.6e}", got[bad], want[bad]))
    })
}

/// The result, or the sentence of the panic.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
    })
}

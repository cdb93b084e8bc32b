//! A tensor in a few numbers: all of them if they are few, else range, mean, histogram and the first.

use serde::{Serialize, Serializer};

use crate::Tensor;

/// So many numbers are shown as they are.
const FEW: usize = 12;
/// Of more, the first so many are.
const FIRST: usize = 6;
/// The bars of a histogram.
const BARS: usize = 20;

/// What a page says of a tensor. The keys are short, for a page has many.
#[derive(Serialize)]
pub(super) struct Summary {
    /// The sizes along the axes.
    s: Vec<usize>,
    /// The numbers, or the first of them.
    e: Vec<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<Range>,
}

/// What many numbers have in common.
#[derive(Serialize)]
struct Range {
    min: Number,
    max: Number,
    mean: Number,
    /// The standard deviation.
    std: Number,
    /// How many are 0, and how many are not finite, which the others leave out.
    zero: usize,
    bad: usize,
    /// How many are in each of the equal parts between the smallest and the largest.
    h: Vec<usize>,
}

/// A number with six digits; one that is not finite is written as text, since JSON has none.
pub(super) struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_nan() => serializer.serialize_str("NaN"),
            x if x.is_infinite() => serializer.serialize_str(if x > 0.0 { "∞" } else { "−∞" }),
            x if x == x.trunc() && x.abs() < 1e6 => serializer.serialize_i64(x as i64),
            x => {
                let short: f64 = format!("{x:.5e}").parse().expect("a number that was just written");
                serializer.serialize_f64(short)
            }
        }
    }
}

impl Summary {
    pub fn of(tensor: &Tensor) -> Summary {
        let numbers = tensor.to_vec();
        let few = numbers.len() <= FEW;
        let shown = if few { numbers.len() } else { FIRST };
        Summary {
            s: tensor.shape().to_vec(),
            e: numbers[..shown].iter().map(|&x| Number(x)).collect(),
            r: (!few).then(|| Range::of(&numbers)),
        }
    }
}

impl Range {
    fn of(numbers: &[f64]) -> Range {
        let finite = || numbers.iter().copied().filter(|x| x.is_finite());
        let count = finite().count();
        let mean = finite().sum::<f64>() / count as f64;
        let variance = finite().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64;
        let (min, max) = (finite().fold(f64::NAN, f64::min), finite().fold(f64::NAN, f64::max));
        let mut h = Vec::new();
        if min < max {
            h.resize(BARS, 0);
            // Halves, so that the difference of two large numbers stays finite.
            let width = 0.5 * max - 0.5 * min;
            finite().for_each(|x| h[(((0.5 * x - 0.5 * min) / width * BARS as f64) as usize).min(BARS - 1)] += 1);
        }
        Range {
            min: Number(min),
            max: Number(max),
            mean: Number(mean),
            std: Number(variance.sqrt()),
            zero: numbers.iter().filter(|x| **x == 0.0).count(),
            bad: numbers.len() - count,
            h,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn json(tensor: &Tensor) -> serde_json::Value {
        serde_json::to_value(Summary::of(tensor)).unwrap()
    }

    #[test]
    fn a_few_numbers_are_all_there_and_those_that_are_not_finite_are_text() {
        let all = json(&Tensor::from([1.0, -0.123456789, f64::NAN, f64::NEG_INFINITY, 1e-30]));
        assert_eq!(all, serde_json::json!({ "s": [5], "e": [1, -0.123457, "NaN", "−∞", 1e-30] }));
    }

    #[test]
    fn many_numbers_are_counted() {
        let tensor = Tensor::from_fn([4, 10], DType::F64, |i| if i == 7 { f64::NAN } else { i as f64 });
        let of = json(&tensor);
        assert_eq!(
            (&of["e"], &of["r"]["bad"], &of["r"]["zero"]),
            (&serde_json::json!([0, 1, 2, 3, 4, 5]), &1.into(), &1.into())
        );
        assert_eq!((&of["r"]["min"], &of["r"]["max"]), (&0.into(), &39.into()));
        let bars: Vec<u64> = of["r"]["h"].as_array().unwrap().iter().map(|bar| bar.as_u64().unwrap()).collect();
        assert_eq!((bars.len(), bars.iter().sum::<u64>(), bars[3]), (BARS, 39, 1));
        // All equal, huge, or none finite: no histogram divides by 0.
        assert_eq!(json(&Tensor::from_fn([20], DType::F64, |_| 2.0))["r"]["h"], serde_json::json!([]));
        assert_eq!(json(&Tensor::from_fn([20], DType::F64, |_| f64::NAN))["r"]["mean"], "NaN");
        let huge = json(&Tensor::from_fn([20], DType::F64, |i| if i < 10 { f64::MIN } else { f64::MAX }));
        assert_eq!((&huge["r"]["h"][0], &huge["r"]["h"][19]), (&10.into(), &10.into()));
    }
}

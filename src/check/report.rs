//! The findings of a check: tests with their outcomes, gradients side by side, verdicts.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Verdict;
use crate::Tensor;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// It ran, could have failed, and did not. What was compared, in a few words.
    Passed(String),
    /// It failed, and why.
    Failed(String),
    /// There was nothing to test, and why. Never counted as passed.
    NotApplicable(String),
}

/// One named test.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Test {
    /// What is tested, as a statement: "manual = tape".
    pub name: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The gradient with respect to one input or parameter, by hand, by the tape and by differences, for one upstream
/// gradient.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// "input 0", "parameter `weight`".
    pub of: String,
    /// The input itself.
    #[serde(serialize_with = "tensor")]
    pub at: Tensor,
    /// By the hand-written rules; `None` if there are none, or if they failed.
    #[serde(serialize_with = "maybe_tensor")]
    pub manual: Option<Tensor>,
    /// By the tape; `None` if it failed.
    #[serde(serialize_with = "maybe_tensor")]
    pub tape: Option<Tensor>,
    /// By differences; `None` if only projections were compared.
    #[serde(serialize_with = "maybe_tensor")]
    pub numeric: Option<Tensor>,
    /// The error of each numeric derivative, as estimated from several steps.
    #[serde(serialize_with = "maybe_tensor")]
    pub numeric_error: Option<Tensor>,
    /// Elements at a kink, a jump or the border of the domain, which have no single slope to compare with.
    pub special: Vec<Special>,
    /// The position of the input or parameter among the arguments.
    #[serde(skip)]
    pub(crate) argument: usize,
}

/// An element at which the function has no derivative.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Special {
    /// The flat index of the element.
    pub index: usize,
    /// What is special about it.
    pub kind: SpecialKind,
    /// The slope from the left.
    pub left: f64,
    /// The slope from the right.
    pub right: f64,
}

/// Why a function has no derivative at an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialKind {
    /// The slopes from the left and from the right differ.
    Kink,
    /// The function is not continuous.
    Jump,
    /// It is not finite on at least one side.
    #[serde(rename = "border of the domain")]
    Border,
}

impl fmt::Display for SpecialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SpecialKind::Kink => "kink",
            SpecialKind::Jump => "jump",
            SpecialKind::Border => "border of the domain",
        })
    }
}

/// The error of a central difference as a function of its step.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepCurve {
    /// "input 0", "parameter `weight`".
    pub of: String,
    /// The steps, from large to small.
    pub steps: Vec<f64>,
    /// The relative error of the difference with that step, with respect to the gradient that the check takes as exact.
    pub errors: Vec<f64>,
    /// The step that the check chose.
    pub chosen: f64,
    /// The position of the input or parameter among the arguments.
    #[serde(skip)]
    #[cfg_attr(not(feature = "plot"), expect(dead_code, reason = "the page alone reads it"))]
    pub(crate) argument: usize,
}

/// Everything that a check found. `Display` prints the verdicts, then the tests as a table for the terminal.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What was checked.
    pub subject: String,
    /// The tests, in the order in which they ran.
    pub tests: Vec<Test>,
    /// The faults, most fundamental first, and remarks (kinks, jumps, artifacts of the step).
    pub verdicts: Vec<Verdict>,
    /// The gradients, side by side.
    pub gradients: Vec<Comparison>,
    /// How the error of a difference depends on the step.
    pub curves: Vec<StepCurve>,
    /// How many seconds it took.
    pub seconds: f64,
}

impl Report {
    /// Whether no test failed.
    pub fn passed(&self) -> bool {
        !self.tests.iter().any(|test| matches!(test.outcome, Outcome::Failed(_)))
    }

    /// The outcome of a test by its name.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.tests.iter().find(|test| test.name == name).map(|test| &test.outcome)
    }

    /// The first verdict that is a fault, or else the first remark.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdicts.iter().find(|v| !v.fault.is_remark()).or(self.verdicts.first())
    }

    /// How many tests passed, failed, and were not applicable.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for test in &self.tests {
            counts[match test.outcome {
                Outcome::Passed(_) => 0,
                Outcome::Failed(_) => 1,
                Outcome::NotApplicable(_) => 2,
            }] += 1;
        }
        counts
    }
}

fn tensor<S: Serializer>(tensor: &Tensor, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Plain {
        shape: Vec<usize>,
        numbers: Vec<f64>,
    }
    Plain { shape: tensor.shape().dims().to_vec(), numbers: tensor.to_vec() }.serialize(to)
}

fn maybe_tensor<S: Serializer>(maybe: &Option<Tensor>, to: S) -> Result<S::Ok, S::Error> {
    match maybe {
        Some(it) => tensor(it, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::check::Fault;

    pub fn report() -> Report {
        let long = "a sentence of many words, ".repeat(12);
        let test = |name, outcome| Test { name, outcome };
        Report {
            subject: "layer".to_owned(),
            tests: vec![
                test("runs", Outcome::Passed(String::new())),
                test("manual = tape", Outcome::Failed(long.trim().to_owned())),
                test("second order", Outcome::NotApplicable("the first order failed".to_owned())),
            ],
            verdicts: vec![Verdict::new(Fault::SignFlipped, "input 0", 0.0).because(long).because("short")],
            gradients: vec![Comparison {
                of: "input 0".to_owned(),
                at: Tensor::from([1.0, 2.0]),
                manual: None,
                tape: Some(Tensor::from([0.5, f64::NAN])),
                numeric: None,
                numeric_error: None,
                special: Vec::new(),
                argument: 0,
            }],
            curves: Vec::new(),
            seconds: 0.25,
        }
    }

    #[cfg(feature = "io")]
    #[test]
    fn json_has_null_for_what_is_not_a_number() {
        let text = serde_json::to_string(&report()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["tests"][1]["outcome"], "failed");
        assert_eq!(
            json["tests"][2],
            serde_json::json!({
                "name": "second order", "outcome": "not_applicable", "detail": "the first order failed",
            })
        );
        assert_eq!(json["verdicts"][0]["fault"], "SignFlipped");
        assert_eq!(json["gradients"][0]["tape"], serde_json::json!({ "shape": [2], "numbers": [0.5, null] }));
        assert_eq!(json["gradients"][0]["manual"], serde_json::Value::Null);
        assert_eq!(json["seconds"], 0.25);
    }
}

//! The faults that a gradient can have.
//!
//! Write a for the gradient in question and t for the true one, both for the same upstream gradient. A fault is a
//! relation between the two that holds to rounding at two different points: a = −t, a = tᵀ, "a = t with that node held
//! constant". A [`Verdict`](super::Verdict) names it.

use std::fmt;

use serde::Serialize;

/// What is wrong with a gradient.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Fault {
    /// The rule panicked, or returned an error.
    Failed,
    /// The rule returned too few or too many gradients.
    Count,
    /// The rule returned no gradient for an input that needs one.
    Missing,
    /// The gradient's shape differs from its input's, and no better name fits.
    Shape,
    /// a = −t.
    SignFlipped,
    /// a = k · t.
    Factor {
        /// k.
        k: f64,
        /// What k may be, judging by the shapes: "a plain 2", "1/3, the size of axis 0 of the output (observations)".
        names: Vec<String>,
    },
    /// a = tᵀ in the last two axes.
    Transposed,
    /// a = t with its axes permuted or reversed.
    PermutedAxes {
        /// Which, as a clause: "axes 2 and 3 are exchanged".
        how: String,
    },
    /// A sum over an axis along which the input was broadcast, or along which the batch runs, is missing.
    MissingReduction {
        /// Over what, as a clause.
        how: String,
    },
    /// The gradient was summed or averaged over an axis that it should have kept.
    ExtraReduction {
        /// Over what, as a clause.
        how: String,
    },
    /// It was reduced, but over the wrong axis.
    WrongAxis {
        /// Which, as a clause.
        how: String,
    },
    /// The rule does not multiply by the upstream gradient.
    UpstreamIgnored,
    /// The rule does not use the upstream gradient of one of several outputs.
    OutputIgnored {
        /// Which.
        output: usize,
    },
    /// The rule is not linear in the upstream gradient.
    UpstreamNotLinear,
    /// The rule reads one value where it should read another: the input instead of the output, or one input instead of
    /// another.
    MixedUp {
        /// What it reads.
        used: String,
        /// What it should read.
        wanted: String,
    },
    /// The rule uses a value that was saved by another call.
    Stale,
    /// One term of the derivative is missing.
    DroppedTerm {
        /// The operation whose term it is.
        term: String,
    },
    /// One term of the derivative counts 0 times, twice, or with the other sign.
    WrongTerm {
        /// The term, as a noun: "what comes from the outputs after it along axis 0".
        term: String,
        /// How often it counts, if that could be measured; once is right.
        times: Option<f64>,
    },
    /// Of several contributions that should be added up, only one is left: the rule writes each over the one before.
    Overwritten {
        /// Which is left, as a clause.
        how: String,
    },
    /// The gradient is that of a function in which a node counts as a constant.
    ForgottenPath {
        /// The operation of that node.
        node: String,
    },
    /// The gradient is that of a function in which a node passes on its gradient unchanged.
    StraightThrough {
        /// The operation of that node.
        node: String,
    },
    /// One operation of the rule is wrong: changing it makes the rule right.
    WrongOperation {
        /// The edit, as a clause: "it has `sin` where `cos` belongs".
        edit: String,
    },
    /// A number of the rule is wrong.
    WrongConstant {
        /// Which, as a clause: "it has 4 where 3 belongs (the size of axis 1 of input 0 less 1)".
        how: String,
    },
    /// One term, or the whole, lacks a factor that is a value: an output, 1 − z², a gate.
    MissingFactor {
        /// The value.
        factor: String,
    },
    /// One term, or the whole, has a factor too many.
    ExtraFactor {
        /// The value.
        factor: String,
    },
    /// Numbers are moved to the wrong place: slices, pieces joined, indices, a flip.
    WrongMovement {
        /// How, as a clause.
        how: String,
    },
    /// Two or three mistakes in one rule, each of them named.
    Several {
        /// The mistakes, in the order of the rule.
        faults: Vec<Fault>,
    },
    /// The gradient is right except where a condition holds.
    Region {
        /// The condition: "input 0 ≤ 0", or a place that begins with its preposition: "at the border of the image (axes 2
        /// and 3)", "above the diagonal".
        condition: String,
        /// What the gradient is there: "0", "−1 times the true one".
        there: String,
    },
    /// The function has a kink here: the slopes from the left and right differ.
    Kink,
    /// The function jumps here.
    Jump,
    /// A branch of a mask, of a rule or its `forward`, that no input has taken: a mistake there would not be seen.
    Unreached {
        /// Which, as a clause: "`gt` is never true".
        how: String,
    },
    /// A number of the gradient is NaN or infinite.
    NonFinite {
        /// The first operation, in forward order, whose derivative is not finite.
        operation: String,
    },
    /// Two identical runs give different numbers.
    NotDeterministic,
    /// Observations of a batch influence each other.
    Coupled,
    /// `forward` uses a parameter that `params` does not list.
    Unlisted,
    /// The numeric derivative, not the gradient, is in doubt: no step gives an accurate one.
    StepSize,
    /// The gradient is right to a few digits only.
    Precision {
        /// The digits that agree.
        digits: f64,
    },
    /// No single known fault explains the difference.
    Unknown,
}

impl Fault {
    /// The short name, without particulars, as in the rows and columns of the confusion table.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether it is only a remark: the gradient is not wrong there; the function or the measurement is special.
    pub fn is_remark(&self) -> bool {
        matches!(self, Fault::Kink | Fault::Jump | Fault::StepSize | Fault::Unreached { .. })
    }
}

/// The name of the fault and its particulars, as a clause.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Failed => f.write_str("it failed"),
            Fault::Count => f.write_str("the rule returned the wrong number of gradients"),
            Fault::Missing => f.write_str("there is no gradient where one is needed"),
            Fault::Shape => f.write_str("the gradient has another shape than its input"),
            Fault::SignFlipped => f.write_str("the sign is flipped"),
            Fault::Factor { k, names } => match names.split_first() {
                None => write!(f, "it is {k:.6} times the true one"),
                Some((first, [])) => write!(f, "it is {k:.6} times the true one: a factor of {first}"),
                Some((first, rest)) => {
                    write!(f, "it is {k:.6} times the true one: a factor of {first} (or of {})", rest.join("; or of "))
                }
            },
            Fault::Transposed => f.write_str("transposed"),
            Fault::PermutedAxes { how } => write!(f, "axes permuted: {how}"),
            Fault::MissingReduction { how } => write!(f, "a reduction is missing: {how}"),
            Fault::ExtraReduction { how } => write!(f, "one reduction too many: {how}"),
            Fault::WrongAxis { how } => write!(f, "reduced over the wrong axis: {how}"),
            Fault::UpstreamIgnored => f.write_str("the upstream gradient is ignored"),
            Fault::OutputIgnored { output } => write!(f, "the upstream gradient of output {output} is ignored"),
            Fault::UpstreamNotLinear => f.write_str("the rule is not linear in the upstream gradient"),
            Fault::MixedUp { used, wanted } => write!(f, "values mixed up: it uses {used} where {wanted} belongs"),
            Fault::Stale => f.write_str("a stale value: the rule uses what another call saved"),
            Fault::DroppedTerm { term } => write!(f, "a dropped term: that of `{term}`"),
            Fault::WrongTerm { term, times } => match times {
                Some(0.0) => write!(f, "a term is missing: {term}"),
                Some(-1.0) => write!(f, "a term has the wrong sign: {term}"),
                Some(2.0) => write!(f, "a term counts twice: {term}"),
                Some(times) => write!(f, "a term counts {times:.6} times: {term}"),
                None => write!(f, "a term is wrong: {term}"),
            },
            Fault::Overwritten { how } => write!(f, "overwritten instead of added up: {how}"),
            Fault::ForgottenPath { node } => write!(f, "a forgotten path: through `{node}`"),
            Fault::StraightThrough { node } => {
                write!(f, "straight-through: `{node}` hands on its gradient as if it were the identity")
            }
            Fault::WrongOperation { edit } => write!(f, "one operation of the rule is wrong: {edit}"),
            Fault::WrongConstant { how } => write!(f, "a wrong constant: {how}"),
            Fault::MissingFactor { factor } => write!(f, "a factor is missing: {factor}"),
            Fault::ExtraFactor { factor } => write!(f, "a factor too many: {factor}"),
            Fault::WrongMovement { how } => write!(f, "moved wrongly: {how}"),
            Fault::Several { faults } => {
                write!(f, "{} mistakes: ", if faults.len() == 2 { "two" } else { "three" })?;
                for (k, fault) in faults.iter().enumerate() {
                    write!(f, "{}{fault}", if k == 0 { "" } else { "; and " })?;
                }
                Ok(())
            }
            Fault::Region { condition, there } => {
                let place = ["at ", "on ", "off ", "above ", "below "].iter().any(|word| condition.starts_with(word));
                write!(f, "wrong only {}{condition}: there it is {there}", if place { "" } else { "where " })
            }
            Fault::Kink => f.write_str("a kink: the slopes from the left and from the right differ"),
            Fault::Jump => f.write_str("a jump: the function is not continuous here"),
            Fault::Unreached { how } => write!(f, "no input takes it: {how}"),
            Fault::NonFinite { operation } => write!(f, "not finite: the derivative of `{operation}` is the first"),
            Fault::NotDeterministic => f.write_str("not deterministic: the same run gives different numbers"),
            Fault::Coupled => f.write_str("observations of a batch influence each other"),
            Fault::Unlisted => f.write_str("`forward` uses it, but `params` does not list it"),
            Fault::StepSize => f.write_str("an artifact of the step: the numeric derivative itself is not accurate"),
            Fault::Precision { digits } => write!(f, "precision lost: only {digits:.1} digits agree"),
            Fault::Unknown => f.write_str("no single known fault explains it"),
        }
    }
}

//! The kinds of fault, without particulars: their names in tables, and the order in which explanations are given.

use super::Fault;

macro_rules! kinds {
    ($($Kind:ident $name:literal)*) => {
        /// A [`Fault`] without its particulars. Of kinds that explain a difference equally well, the first is named.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Kind {
            $($Kind,)*
        }

        impl Kind {
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$Kind => $name,)*
                }
            }
        }

        impl Fault {
            pub(super) fn kind(&self) -> Kind {
                match self {
                    $(Fault::$Kind { .. } => Kind::$Kind,)*
                }
            }
        }
    };
}

/// What an explanation puts into a rule to make it right, as far as its rank within its kind depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Puts {
    #[default]
    Other,
    /// A value that the rule receives.
    Received,
    /// 1 − v or 1 − v².
    Complement,
    /// A value that `forward` or the rule computes.
    Computed,
    /// The result of an earlier step of the rule, in one place.
    OwnResult,
    /// Another sign, or another operation on the same operands.
    Operation,
    /// One more term, at one place of the rule.
    Term,
    /// One more term of the true gradient, which a path in `forward` adds.
    Path,
    /// The same of one of two paths that are alike: a square is a product of a value with itself.
    Twin,
    /// What decides a comparison, tried at many points far apart.
    Compared,
    /// The answer for one input, in place of that for another.
    Answer,
}

// The simplest and most telling come first; remarks on the function or the measurement come after all faults.
kinds! {
    Failed "failed"
    Count "wrong count"
    NotDeterministic "not deterministic"
    NonFinite "non-finite"
    Missing "no gradient"
    UpstreamIgnored "upstream ignored"
    OutputIgnored "output ignored"
    Stale "stale value"
    SignFlipped "sign flipped"
    Factor "factor"
    Transposed "transposed"
    PermutedAxes "permuted axes"
    Overwritten "overwritten"
    MissingReduction "missing reduction"
    ExtraReduction "extra reduction"
    WrongAxis "wrong axis"
    Shape "wrong shape"
    MixedUp "values mixed up"
    WrongConstant "wrong constant"
    MissingFactor "missing factor"
    ExtraFactor "superfluous factor"
    WrongMovement "wrong movement"
    StraightThrough "straight-through"
    ForgottenPath "forgotten path"
    Region "wrong in a region"
    DroppedTerm "dropped term"
    WrongTerm "wrong term"
    WrongOperation "wrong operation"
    Several "several mistakes"
    UpstreamNotLinear "upstream not linear"
    Coupled "coupled observations"
    Unlisted "unlisted parameter"
    Precision "precision lost"
    Jump "jump"
    Kink "kink"
    Unreached "unreached branch"
    StepSize "step-size artifact"
    Unknown "no known fault"
}

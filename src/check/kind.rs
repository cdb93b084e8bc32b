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

// The simplest and most telling come first; remarks on the function or the measurement come after all faults.
kinds! {
    Failed "failed"
    Count "wrong count"
    NotDeterministic "not deterministic"
    NonFinite "non-finite"
    Missing "no gradient"
    UpstreamIgnored "upstream ignored"
    Stale "stale value"
    SignFlipped "sign flipped"
    Factor "factor"
    Transposed "transposed"
    PermutedAxes "permuted axes"
    MissingReduction "missing reduction"
    ExtraReduction "extra reduction"
    WrongAxis "wrong axis"
    Shape "wrong shape"
    MixedUp "values mixed up"
    StraightThrough "straight-through"
    ForgottenPath "forgotten path"
    Region "wrong in a region"
    DroppedTerm "dropped term"
    WrongOperation "wrong operation"
    UpstreamNotLinear "upstream not linear"
    Coupled "coupled observations"
    Unlisted "unlisted parameter"
    Precision "precision lost"
    Jump "jump"
    Kink "kink"
    StepSize "step-size artefact"
    Unknown "no known fault"
}

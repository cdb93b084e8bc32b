//! Why there is no gradient to return: the node or parameter has none, or the name in the request does not say which
//! one is meant.

/// Why a node or parameter has no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoGradient {
    /// It is a constant of the tape.
    Constant,
    /// The loss does not depend on it through any differentiable path, or a backward rule returned none.
    NotOnPath,
    /// It is an inner node, and keeping its gradient was not requested.
    NotRetained,
    /// The parameter was not watched in this recording.
    NotWatched,
    /// The node belongs to a different recording than these gradients.
    OtherRecording,
    /// It has a name in this recording, but none of its gradients were kept.
    NotKept,
}

impl std::fmt::Display for NoGradient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoGradient::Constant => {
                "it is a constant; use `tape.leaf` or `tape.watch` for what should be differentiated"
            }
            NoGradient::NotOnPath => {
                "no gradient reaches it: the loss does not depend on it through any differentiable path, or a backward rule returned none (`loss.why(..)` names what does not pass it on)"
            }
            NoGradient::NotRetained => {
                "it is an inner node; call `.retain()` on it before `backward` to keep its gradient"
            }
            NoGradient::NotWatched => "the parameter was not used in this recording",
            NoGradient::OtherRecording => "the handle belongs to another recording than these gradients",
            NoGradient::NotKept => {
                "none was kept; call `.retain()` on an inner node before `backward`, and see that it is no constant and that the loss depends on it"
            }
        })
    }
}

/// Why a name does not say which gradient is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// Nothing has this name.
    Unknown {
        /// The names that exist, with their layers.
        known: Vec<String>,
    },
    /// Several nodes have this name.
    Ambiguous {
        /// Those nodes, with their full names.
        nodes: Vec<String>,
    },
}

impl std::fmt::Display for NameFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NameFault::Unknown { known } if known.is_empty() => {
                f.write_str("nothing in the recording has a name; give one with `.named(..)`")
            }
            NameFault::Unknown { known } => write!(f, "the names in the recording are {}", known.join(", ")),
            NameFault::Ambiguous { nodes } => {
                write!(f, "it names {}; give the layer too, or names of their own", nodes.join(" and "))
            }
        }
    }
}

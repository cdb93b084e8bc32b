//! What is wrong with a network of named values.

/// Why a network of named values cannot be built, or cannot compute what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphFault {
    /// A layer takes a value that nothing returns.
    #[error("layer `{layer}` takes `{bottom}`, which is neither an input nor returned by a layer; the values are {}", known.join(", "))]
    UnknownBottom {
        /// The layer.
        layer: String,
        /// The value that it takes.
        bottom: String,
        /// The values that there are.
        known: Vec<String>,
    },
    /// A layer takes a value that is returned only after it.
    #[error(
        "layer `{layer}` takes `{bottom}`, which layer `{by}` returns only later; layers run in the order in which they \
         were added, so add `{by}` before `{layer}`; a cycle cannot run"
    )]
    Later {
        /// The layer.
        layer: String,
        /// The value that it takes.
        bottom: String,
        /// The layer that returns the value.
        by: String,
    },
    /// Two values have one name.
    #[error("the name `{value}` is given to a value of {first} and to one of {second}; give each a name of its own")]
    RepeatedValue {
        /// The name.
        value: String,
        /// Where the first comes from: "the inputs", "layer `conv1`".
        first: String,
        /// Where the second comes from.
        second: String,
    },
    /// A layer returns a value under the name of one that it takes.
    #[error(
        "layer `{layer}` returns `{value}` in place of the `{value}` that it takes; give the top a name of its own"
    )]
    InPlace {
        /// The layer.
        layer: String,
        /// The name of both.
        value: String,
    },
    /// Two layers have one name.
    #[error("two layers are named `{layer}`; their parameters could not be told apart")]
    RepeatedLayer {
        /// The name.
        layer: String,
    },
    /// A layer takes nothing, or returns nothing.
    #[error("layer `{layer}` has no {what}; it needs at least one")]
    Nothing {
        /// The layer.
        layer: String,
        /// "bottom" or "top".
        what: &'static str,
    },
    /// No output depends on an input or a layer.
    #[error("no output depends on {what}; leave it out, or add {values} to the outputs")]
    Unused {
        /// "input `label`", "layer `conv1`".
        what: String,
        /// Its values.
        values: String,
    },
    /// What was asked for depends on an input that was not given.
    #[error("what is wanted depends on the input `{input}`, which was not given; given were: {}", given.join(", "))]
    NotGiven {
        /// The input.
        input: String,
        /// The values that were given.
        given: Vec<String>,
    },
}

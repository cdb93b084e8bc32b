//! What was measured, as it is handed out.

use std::panic::Location;

use super::super::super::Rule;

/// What was measured under one name: an operation, a rule, or a chain of them, in one place of the program.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Spent {
    /// Whether it ran during a backward walk.
    pub backward: bool,
    /// In a function with a rule by hand, backward: that rule, or the tape's own. None outside of such functions.
    pub rule: Option<Rule>,
    /// The path of the layer, empty outside every layer; of several that share a chain, all of them, joined by ` + `.
    pub layer: String,
    /// The hand-written functions around it, from the outermost, each with the line that applied it.
    pub functions: Vec<(String, &'static Location<'static>)>,
    /// The operation whose value was computed, or (backward) whose rule ran; of a chain, what was computed in one pass over
    /// memory.
    pub operation: String,
    /// What ran for it: backward, the operation that its rule recorded. Empty for the operation or the rule itself.
    pub kernel: String,
    /// The lines that recorded the operation; several for a chain.
    pub lines: Vec<&'static Location<'static>>,
    /// Whether its calls are those of the operation or of the innermost function, not of a part of them.
    pub counts: bool,
    /// How often it ran.
    pub calls: u64,
    /// How long, in seconds, without what it called.
    pub seconds: f64,
    /// The floating-point operations, from the shapes; none where an operation does not know them.
    pub flops: Option<u64>,
    /// The bytes of the operands and of the result, each counted once.
    pub bytes: u64,
}

/// All that was measured.
pub(crate) struct Measured {
    pub spent: Vec<Spent>,
    /// Recordings, as `reset` separates them.
    pub steps: u64,
    /// Seconds in the user's program, between the operations.
    pub outside: f64,
    /// Seconds taken by the measuring.
    pub measuring: f64,
}

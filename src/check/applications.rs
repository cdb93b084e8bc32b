//! Which hand-written rules a recording applies, and to what.

use std::{panic::Location, sync::Arc};

use crate::{Function, Tape, Tensor, Var, tape::Kind};

/// The observations that applications were recorded with.
pub(super) struct Observations<'a> {
    /// Their number.
    pub count: usize,
    /// The axis that counts them in the first input and in the outputs of what is checked.
    pub axis: usize,
    /// Another number of observations, and the applications recorded with them.
    pub elsewhere: Option<(usize, &'a [Application])>,
}

/// One application of a hand-written rule.
pub(super) struct Application {
    pub function: Arc<dyn Function>,
    pub inputs: Vec<Tensor>,
    /// The names of the inputs that have one: parameters, and whatever the user named.
    pub names: Vec<Option<String>>,
    pub needs: Vec<bool>,
    /// The line that applied it.
    pub at: &'static Location<'static>,
}

/// The applications recorded on `tape`, in order.
pub(super) fn applications(tape: &Tape) -> Vec<Application> {
    let calls: Vec<_> = {
        let list = tape.list();
        let firsts = list.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Output(call, 0) => Some(call.clone()),
            _ => None,
        });
        firsts.collect()
    };
    let of = |id| Var::new(tape, id);
    calls
        .iter()
        .map(|call| Application {
            function: call.function.clone(),
            inputs: call.inputs.iter().map(|&id| of(id).value()).collect(),
            names: call.inputs.iter().map(|&id| tape.nodes().nth(id as usize).and_then(|node| node.name)).collect(),
            needs: call.inputs.iter().map(|&id| of(id).needs_grad()).collect(),
            at: call.at,
        })
        .collect()
}

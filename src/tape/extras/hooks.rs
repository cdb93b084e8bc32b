//! Hooks: functions of the user that see, and may replace, the gradient of a node on its way down the tape.

use std::{panic::Location, sync::Arc};

use super::super::{List, NodeId, Var, slots::Slots};
use crate::{
    caught::caught,
    error::{Error, HookFault, Result},
};

/// A function from a gradient to what takes its place.
type Gradient = dyn for<'t> Fn(Var<'t>) -> Var<'t> + Send + Sync;

/// A hook of a node, and the line that set it.
#[derive(Clone)]
pub(crate) struct Hook {
    pub node: NodeId,
    run: Arc<Gradient>,
    at: &'static Location<'static>,
}

impl List {
    #[inline]
    pub(super) fn is_hooked(&self, id: NodeId) -> bool {
        self.notes.hooks.binary_search_by_key(&id, |hook| hook.node).is_ok()
    }
}

impl<'t> Var<'t> {
    /// Calls `f` with the gradient of this value whenever one is taken, and goes on with what `f` returns: to inspect,
    /// clip or replace it.
    ///
    /// `f` sees the *complete* gradient, the sum over all uses of the value, once for each walk, in
    /// [`backward`](Var::backward) and in [`Tape::grad`](crate::Tape::grad) alike; what [`Gradients`](crate::Gradients)
    /// keep is what it returned. It computes in tape algebra, so a recorded gradient can be differentiated through it.
    /// Several hooks run in the order in which they were set. Hooks belong to the recording: `reset` forgets them. On a
    /// value that no gradient reaches, a hook is never called.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0, 3.0]);
    /// let y = (x * x).hook(|dz| dz.clamp(-1.0, 1.0));           // clipped between the two factors
    /// let loss = (y * tape.constant([0.5, 10.0, -10.0])).sum();
    /// assert_eq!(loss.backward()?.wrt(x)?.to_vec(), [1.0, 4.0, -6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// When `f` returns a value of another shape or of another tape, or panics, the walk ends with [`Error::Hook`].
    #[track_caller]
    pub fn hook(self, f: impl for<'a> Fn(Var<'a>) -> Var<'a> + Send + Sync + 'static) -> Var<'t> {
        let hook = Hook { node: self.id(), run: Arc::new(f), at: Location::caller() };
        let hooks = &mut self.tape().list_mut().notes.hooks;
        let place = hooks.partition_point(|other| other.node <= self.id());
        hooks.insert(place, hook);
        self
    }
}

/// Lets the hooks of `node` replace its gradient.
pub(super) fn run<'t>(node: Var<'t>, slots: &mut Slots<'t>) -> Result<()> {
    let Some(gradient) = slots.take(node.id()) else { return Ok(()) };
    // What a hook records has lines of its own.
    let _own = node.tape().at_line(None);
    let hooks: Vec<_> = {
        let list = node.tape().list();
        let own = list.notes.hooks.iter().filter(|hook| hook.node == node.id());
        own.map(|hook| (hook.run.clone(), hook.at)).collect()
    };
    let replaced = hooks.into_iter().try_fold(gradient, |gradient, (run, at)| {
        let fault = |fault| Error::Hook { of: node.describe(), fault, at };
        let replaced = caught(|| run(gradient)).map_err(|why| fault(HookFault::Failed(why)))?;
        if !std::ptr::eq(replaced.tape(), node.tape()) {
            return Err(fault(HookFault::OtherTape));
        }
        let (expected, got) = (Box::new(gradient.shape()), Box::new(replaced.shape()));
        match expected == got {
            true => Ok(replaced),
            false => Err(fault(HookFault::Shape { expected, got })),
        }
    })?;
    slots.add(node.id(), replaced, false);
    Ok(())
}

//! Names in a recording: of layers, to which stretches of it belong, and of single nodes. And the stretches in which
//! nothing wants a gradient.

use std::sync::Arc;

use super::{Inner, NodeId, Tape};

/// The name of a node, and the layer in which the name was given.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub node: NodeId,
    pub scope: u32,
    pub name: Arc<str>,
}

impl Inner {
    /// Gives a node a name.
    pub(super) fn name(&mut self, node: NodeId, name: Arc<str>) {
        let scope = self.scope;
        let names = Arc::make_mut(&mut self.names);
        let place = names.partition_point(|other| other.node <= node);
        names.insert(place, Name { node, scope, name });
    }
}

/// The name of a layer: its full path, and what it ends in.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeName {
    pub path: String,
    pub outer: u32,
    pub name: String,
}

impl Tape {
    /// Runs `f` without recording what its results depend on: nothing in it gets a gradient.
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        let _guard = self.pause();
        f()
    }

    /// Turns recording for gradients off until the guard is dropped, also by a panic.
    pub(crate) fn pause(&self) -> Pause<'_> {
        let before = std::mem::replace(&mut self.inner.borrow_mut().no_grad, true);
        Pause { tape: self, before }
    }

    /// Marks what is recorded until the guard is dropped as belonging to the layer `name`. Scopes nest, and each lasts
    /// until its own guard is dropped, in whatever order that happens: what is recorded belongs to the one that was
    /// entered last among those that last.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let block = tape.scope("block");
    /// let conv = tape.scope("conv");
    /// drop(block);
    /// let x = tape.leaf(1.0);
    /// drop(conv);
    /// let y = x + 1.0;
    /// let layers: Vec<String> = tape.nodes().map(|node| node.layer).collect();
    /// assert_eq!(layers, ["block.conv", ""]);
    /// ```
    pub fn scope(&self, name: &str) -> Scope<'_> {
        let mut inner = self.inner.borrow_mut();
        let outer = inner.scope;
        // Recording after recording the layers come in the same order, so the next name is most likely the next entry.
        let guess = inner.next_scope as usize;
        let same = |s: &ScopeName| s.outer == outer && s.name == name;
        let known = match inner.scopes.get(guess).is_some_and(same) {
            true => Some(guess),
            false => inner.scopes.iter().position(same),
        };
        let index = known.unwrap_or_else(|| {
            let around = &inner.scopes[outer as usize].path;
            let path = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
            Arc::make_mut(&mut inner.scopes).push(ScopeName { path, outer, name: name.to_owned() });
            inner.scopes.len() - 1
        });
        inner.scope = index as u32;
        inner.next_scope = inner.scope + 1;
        inner.open.push(Some(index as u32));
        Scope { tape: self, place: inner.open.len() - 1 }
    }
}

/// Turns recording for gradients on again when it is dropped.
pub(crate) struct Pause<'t> {
    tape: &'t Tape,
    before: bool,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.tape.inner.borrow_mut().no_grad = self.before;
    }
}

/// Leaves the layer when it is dropped; see [`Tape::scope`].
#[must_use = "the scope ends when this guard is dropped"]
pub struct Scope<'t> {
    tape: &'t Tape,
    /// Where it stands among the scopes that were entered.
    place: usize,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let inner = &mut *self.tape.inner.borrow_mut();
        inner.open[self.place] = None;
        while inner.open.pop_if(|scope| scope.is_none()).is_some() {}
        inner.scope = inner.open.last().copied().flatten().unwrap_or(0);
    }
}

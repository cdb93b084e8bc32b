//! Stretches of a recording: those that belong to a layer, and those in which nothing wants a gradient.

use super::Tape;

/// The name of a layer: its full path, and what it ends in.
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

    /// Marks what is recorded until the guard is dropped as belonging to the layer `name`. Scopes nest.
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
            inner.scopes.push(ScopeName { path, outer, name: name.to_owned() });
            inner.scopes.len() - 1
        });
        inner.scope = index as u32;
        inner.next_scope = inner.scope + 1;
        Scope { tape: self, outer }
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
    outer: u32,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.tape.inner.borrow_mut().scope = self.outer;
    }
}

//! A layer in a network, under its name.

use std::{any::type_name, ops::ControlFlow, panic::Location};

use super::{Layer, Visit};
use crate::Var;

/// A layer that a network runs under a name. What it records belongs to the layer of this name.
pub(super) struct Entry {
    pub name: String,
    pub layer: Box<dyn Layer + Send + Sync>,
    /// The line of the user's program that put the layer into the network, for a layer of this crate, whose own lines
    /// tell nothing.
    line: Option<&'static Location<'static>>,
}

impl Entry {
    /// The layer, put into a network at the caller's line.
    #[track_caller]
    pub fn new<L: Layer + Send + Sync + 'static>(name: &str, layer: L) -> Self {
        let home = |name: &'static str| name.split("::").next();
        let own = home(type_name::<L>()) == home(type_name::<Self>());
        let line = if own { Some(Location::caller()) } else { None };
        Entry { name: name.to_owned(), layer: Box::new(layer), line }
    }

    /// Runs the layer, and shows what it and the layers inside it return.
    pub fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        let mut y = Vec::new();
        if let Some(first) = x.first() {
            let (_scope, _line) = (first.tape().scope(&self.name), first.tape().at_line(self.line));
            y = self.layer.trace(x, &mut |inside, y| visit(&format!("{}.{inside}", self.name), y))?;
        }
        visit(&self.name, &y)?;
        ControlFlow::Continue(y)
    }
}

//! Names in a recording: of layers, to which stretches of it belong, and of single nodes.

use std::sync::Arc;

use super::super::{Gradients, List, NodeId, Tape, Var};
use crate::{
    error::{Error, NameFault, NoGradient, Result},
    tensor::Tensor,
};

/// The name of a node, and the layer in which the name was given.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub node: NodeId,
    scope: u32,
    pub name: Arc<str>,
}

/// The name of a layer: its full path, and what it ends in.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeName {
    path: String,
    outer: u32,
    name: String,
}

/// The names of a recording; its gradients share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    all: Arc<All>,
    /// How many names of nodes are those of this recording.
    count: usize,
}

/// The names of this recording and of earlier ones.
#[derive(Clone, Debug)]
struct All {
    /// Names of nodes (of parameters, and those given by the user), by node; behind those of this recording may stand some
    /// of an earlier one.
    names: Vec<Name>,
    /// Layers by the layer around them and their own name; 0 is "outside every layer". Kept over recordings.
    scopes: Vec<ScopeName>,
}

impl Default for All {
    fn default() -> Self {
        All { names: Vec::new(), scopes: vec![ScopeName::default()] }
    }
}

impl Known {
    /// The names of nodes, by node.
    pub fn given(&self) -> &[Name] {
        &self.all.names[..self.count]
    }

    /// The full path of a layer, "" outside every layer.
    fn path(&self, scope: u32) -> &str {
        &self.all.scopes[scope as usize].path
    }
}

/// The names of a recording, and the layers that are being recorded.
#[derive(Default)]
pub(crate) struct Names {
    pub known: Known,
    /// The innermost layer.
    scope: u32,
    /// The layers whose guards are alive, in the order in which they were entered; `None` where one was left early.
    open: Vec<Option<u32>>,
    /// The layer that was entered last.
    entered: u32,
    /// The innermost of the layers that a panic has left.
    unwound: Option<u32>,
}

impl Names {
    /// The layer that new nodes belong to.
    #[inline]
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// The full path of a layer, "" outside every layer.
    pub fn path(&self, scope: u32) -> &str {
        self.known.path(scope)
    }

    /// The name of a node; the last one given holds.
    pub fn of(&self, node: NodeId) -> Option<&str> {
        self.known.given().iter().rev().find(|name| name.node == node).map(|name| &*name.name)
    }

    /// Gives a node a name.
    pub fn give(&mut self, node: NodeId, name: &Arc<str>) {
        let (scope, known) = (self.scope, &mut self.known);
        // Recording after recording the same parameters come in the same order, so the next name is most likely there.
        let same = |n: &Name| n.node == node && n.scope == scope && Arc::ptr_eq(&n.name, name);
        if !known.all.names.get(known.count).is_some_and(same) {
            let names = &mut Arc::make_mut(&mut known.all).names;
            names.truncate(known.count);
            let place = names.partition_point(|other| other.node <= node);
            names.insert(place, Name { node, scope, name: name.clone() });
        }
        known.count += 1;
    }

    pub(super) fn truncate(&mut self, mark: usize) {
        while self.known.given().last().is_some_and(|name| name.node as usize >= mark) {
            self.known.count -= 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.known.count = 0;
        self.open.clear();
        (self.scope, self.entered, self.unwound) = (0, 0, None);
    }

    /// Enters a layer inside the current one.
    fn enter(&mut self, name: &str) {
        let outer = self.scope;
        let scopes = &self.known.all.scopes;
        let same = |s: &ScopeName| s.outer == outer && s.name == name;
        // Recording after recording the layers come in the same order, so the next name is most likely the next entry.
        let guess = self.entered as usize + 1;
        let known = match scopes.get(guess).is_some_and(same) {
            true => Some(guess),
            false => scopes.iter().position(same),
        };
        let index = known.unwrap_or_else(|| {
            let scopes = &mut Arc::make_mut(&mut self.known.all).scopes;
            let around = &scopes[outer as usize].path;
            let path = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
            scopes.push(ScopeName { path, outer, name: name.to_owned() });
            scopes.len() - 1
        });
        (self.scope, self.entered) = (index as u32, index as u32);
        self.open.push(Some(self.scope));
    }

    /// Leaves the layer at `place` among those entered.
    fn leave(&mut self, place: usize) {
        self.unwound = self.unwound.or(self.open[place].filter(|_| std::thread::panicking()));
        self.open[place] = None;
        while self.open.pop_if(|scope| scope.is_none()).is_some() {}
        self.scope = self.open.last().copied().flatten().unwrap_or(0);
    }
}

impl List {
    /// Adds the current layer to an error, and the line that stands for the layer's own, if there is one.
    pub fn locate(&self, error: Error) -> Error {
        let layer = self.notes.names.path(self.notes.names.scope);
        match self.notes.line {
            Some(line) if !layer.is_empty() => error.in_scope(&format!("{layer}, at {line}")),
            _ => error.in_scope(layer),
        }
    }
}

impl Tape {
    /// Adds the current layer to an error that is found before anything is recorded: for layers of your own that check
    /// what they are given.
    ///
    /// ```
    /// use wengert::{Error, Tape};
    /// let tape = Tape::new();
    /// let _pairs = tape.scope("pairs");
    /// let x = tape.constant([1.0, 2.0, 3.0]);
    /// let error = tape.locate(Error::shape("pairs", &[&x.shape()], "an even number is needed"));
    /// assert_eq!(error.to_string(), "pairs: an even number is needed, but got [3] (in layer pairs)");
    /// ```
    pub fn locate(&self, error: Error) -> Error {
        self.list().locate(error)
    }

    /// Marks what is recorded until the guard is dropped as belonging to the layer `name`. Scopes nest, and each lasts
    /// until its own guard is dropped, in whatever order that happens: a node belongs to the layer entered last among those
    /// still open.
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
        let names = &mut self.list_mut().notes.names;
        names.enter(name);
        Scope { tape: self, place: names.open.len() - 1 }
    }

    /// The path of the innermost layer that a panic has left since this was asked before, or the recording began.
    pub fn take_unwound(&self) -> Option<String> {
        let names = &mut self.list_mut().notes.names;
        names.unwound.take().map(|layer| names.path(layer).to_owned())
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
        self.tape.list_mut().notes.names.leave(self.place);
    }
}

impl Var<'_> {
    /// Gives the node a name, for printing the tape and for finding its gradient with
    /// [`Gradients::named`](crate::Gradients::named).
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.tape().list_mut().notes.names.give(self.id(), &name.into());
        self
    }
}

impl Gradients {
    /// The gradient with respect to the value that was given this [name](Var::named), or to the parameter of this name.
    /// Inside a layer, names may be given with or without it: `0.hidden` or `hidden`.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf(3.0);
    /// let hidden = (x * x).named("hidden").retain();
    /// let gradients = (hidden * hidden).backward()?;
    /// assert_eq!(gradients.named("hidden")?.item(), 18.0);
    /// let error = gradients.named("hiden").unwrap_err();
    /// assert_eq!(error.to_string(), "no gradient is found by the name `hiden`: the names in the recording are hidden");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`] when nothing, or more than one value, has this name; [`Error::NoGradient`] when no gradient with
    /// respect to that value was kept.
    pub fn named(&self, name: &str) -> Result<&Tensor> {
        let path = |n: &Name| match self.names.path(n.scope) {
            "" => n.name.to_string(),
            layer => format!("{layer}.{}", n.name),
        };
        let nodes_where = |fits: &dyn Fn(&Name) -> bool| {
            let mut nodes: Vec<&Name> = self.names.given().iter().filter(|n| fits(n)).collect();
            nodes.dedup_by_key(|n| n.node);
            nodes
        };
        let mut found = nodes_where(&|n| path(n) == name);
        if found.is_empty() {
            found = nodes_where(&|n| *n.name == *name);
        }
        let fault = |fault| Error::Name { name: name.to_owned(), fault };
        match found[..] {
            [] => Err(fault(NameFault::Unknown { known: self.names.given().iter().map(path).collect() })),
            [only] => self.at(only.node).ok_or_else(|| {
                let of = format!("node %{}, named `{}`", only.node, path(only));
                Error::NoGradient { of, why: NoGradient::NotKept }
            }),
            _ => {
                let nodes = found.iter().map(|n| format!("node %{} (`{}`)", n.node, path(n))).collect();
                Err(fault(NameFault::Ambiguous { nodes }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Param, Tape, Tensor};

    #[test]
    fn a_recording_has_its_own_names_and_gradients_keep_those_of_theirs() {
        let [a, b] = ["a", "b"].map(|name| Param::new(name, Tensor::from(2.0)));
        let mut tape = Tape::f64();
        let both = (tape.watch(&a) * tape.watch(&b) * 3.0).backward().unwrap();
        tape.reset();
        let one = (tape.watch(&b) * 5.0).backward().unwrap();
        tape.reset();
        let none = tape.leaf(1.0).backward().unwrap();
        tape.reset();
        let again = (tape.watch(&b) * tape.watch(&a).named("c") * 7.0).backward().unwrap();
        let item = |gradient: crate::Result<&Tensor>| gradient.unwrap().item();
        assert_eq!([item(both.named("a")), item(both.named("b")), item(one.named("b"))], [6.0, 6.0, 5.0]);
        assert_eq!([item(again.named("b")), item(again.named("a")), item(again.named("c"))], [14.0, 14.0, 14.0]);
        let known = |error: crate::Error| error.to_string().split("recording are ").nth(1).map(str::to_owned);
        assert_eq!(known(one.named("a").unwrap_err()).as_deref(), Some("b"));
        assert_eq!(known(both.named("c").unwrap_err()).as_deref(), Some("a, b"));
        assert!(none.named("b").is_err());
    }
}

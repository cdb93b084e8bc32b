//! The layers inside a layer: their passes, their parameters by name, their outputs by path, and values from another network.

use std::ops::ControlFlow;

use super::Layer;
use crate::{Error, Param, Result, Shape, Unmatched, Var, caught::is_own};

/// The pass of a network that says in [`Layer::trace`] how its layers run.
pub(super) fn forward_all<'t>(net: &impl Layer, x: &[Var<'t>]) -> Vec<Var<'t>> {
    match net.trace(x, &mut |_, _| ControlFlow::Continue(())) {
        ControlFlow::Continue(y) => y,
        ControlFlow::Break(()) => unreachable!("nothing breaks off"),
    }
}

/// The same for a network of one output.
pub(super) fn forward<'t>(net: &impl Layer, x: Var<'t>) -> Var<'t> {
    match net.forward_all(&[x])[..] {
        [y] => y,
        ref y => panic!("the network returns {} values: call `forward_all` instead of `forward`", y.len()),
    }
}

/// What is wrong where a layer of one input was given others.
pub(super) fn not_one(layer: &str, x: &[Var<'_>]) -> String {
    let [_, second, ..] = x else { return format!("layer `{layer}` takes one input, but was given none") };
    let tape = second.tape();
    // A line of this crate, such as that of the training loop, tells nothing.
    let line = tape.nodes().nth(second.index()).map(|node| node.line).filter(|line| !is_own(line.file()));
    let from = line.map_or(String::new(), |line| format!(" (the second is from {line})"));
    let shapes: Vec<Shape> = x.iter().map(|x| x.shape()).collect();
    let need = format!("it takes one input{from}");
    tape.locate(Error::shape(&format!("layer `{layer}`"), &shapes.iter().collect::<Vec<_>>(), need)).to_string()
}

/// What [`Layer::features`] does, by the paths of layers.
pub(super) fn features<'t>(net: &(impl Layer + ?Sized), x: Var<'t>, names: &[&str]) -> Result<Vec<Var<'t>>> {
    let mut known = Vec::new();
    paths("", net.children(), &mut known);
    let mut found = vec![None; names.len()];
    let unknown = |name: &&str| !known.iter().any(|path| path == name);
    if let Some(name) = names.iter().copied().find(unknown) {
        return Err(Error::NotFound { what: "layer", name: name.to_owned(), known });
    }
    let _done = net.trace(&[x], &mut |path, y| {
        names
            .iter()
            .zip(&mut found)
            .filter(|(name, _)| **name == path)
            .for_each(|(_, slot)| *slot = y.first().copied());
        if found.iter().all(Option::is_some) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let missing = |name: &str| Error::NotFound {
        what: "value shown by `trace` for the layer",
        name: name.to_owned(),
        known: known.clone(),
    };
    names.iter().zip(found).map(|(name, value)| value.ok_or_else(|| missing(name))).collect()
}

/// The parameters or the state of some layers, under the names of the layers.
pub(super) fn of_children(children: Vec<(&str, &dyn Layer)>, list: impl Fn(&dyn Layer) -> Vec<Param>) -> Vec<Param> {
    let named = |(name, layer)| list(layer).into_iter().map(move |param| param.under(name));
    children.into_iter().flat_map(named).collect()
}

/// The paths of some layers and of those inside them.
fn paths(around: &str, children: Vec<(&str, &dyn Layer)>, known: &mut Vec<String>) {
    for (name, layer) in children {
        let path = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
        known.push(path.clone());
        paths(&path, layer.children(), known);
    }
}

/// What [`Layer::copy_from`] does: gives `own` the values of `theirs` by name.
pub(super) fn copy(own: &[Param], theirs: &[Param]) -> Result<Unmatched> {
    let same = |param: &Param, list: &[Param]| list.iter().position(|other| other.name() == param.name());
    let pairs: Vec<(&Param, &Param)> =
        own.iter().filter_map(|param| Some((param, &theirs[same(param, theirs)?]))).collect();
    if let Some((param, from)) = pairs.iter().find(|(param, from)| param.shape() != from.shape()) {
        let name = param.name();
        let need = format!("`{name}` has another shape in the other network; rename the layer to keep its own values");
        return Err(Error::shape("copy_from", &[&param.shape(), &from.shape()], need));
    }
    pairs.iter().try_for_each(|(param, from)| param.set(&from.value()))?;
    let alone = |list: &[Param], others: &[Param]| {
        let alone = list.iter().filter(|param| same(param, others).is_none());
        alone.map(|param| param.name().to_owned()).collect()
    };
    Ok(Unmatched { missing: alone(own, theirs), unknown: alone(theirs, own) })
}

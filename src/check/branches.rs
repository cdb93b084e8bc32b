//! Which branches a hand-written rule, and the `forward` that it belongs to, have taken.
//!
//! A mask, a maximum or a `relu` chooses between two formulas for each number. A rule that is wrong in one of them passes
//! wherever that one is not taken, so the checker asks which have been. Every [`Fork`] has a margin, a − b for `a.gt(b)`,
//! `a.max(b)` and their like, whose sign says which branch a number takes, and whose gradient says where the other one is.
//!
//! An `if` of Rust leaves nothing on the tape: of the branch that was not taken nobody knows.

use std::panic::Location;

use rand::{SeedableRng, rngs::StdRng};

use super::numbers::{numbers, size, upstream};
use crate::{
    Backward, Function, Tape, Var,
    tape::{Kind, NodeId},
};

/// A bound of this size, relative to what is compared with it, or smaller, but not 0, guards from a pole.
const GUARD: f64 = 1e-4;

/// A line of a rule, or of its `forward`, that chooses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// The function.
    pub rule: String,
    /// The operation that chooses.
    pub op: String,
    pub at: &'static Location<'static>,
}

/// One of the two branches: where the margin is above 0, or where it is not.
pub(super) type Side = bool;

/// An operation on a tape that chooses for each number.
pub(super) struct Fork<'t> {
    pub choice: Choice,
    pub margin: Var<'t>,
    /// The branch that a margin of 0 belongs to.
    border: Side,
    /// Whether its bound is there to guard from a pole.
    pub guards: bool,
}

impl Choice {
    /// That it is taken, or with `never` that it is not, as a clause.
    pub fn clause(&self, side: Side, never: &str) -> String {
        let op = &self.op;
        let above = if side { "above" } else { "below" };
        match (&**op, side) {
            ("gt" | "ge" | "ne", true) | ("lt" | "le" | "eq", false) => format!("`{op}` is {never}true"),
            ("gt" | "ge" | "ne", false) | ("lt" | "le" | "eq", true) => format!("`{op}` is {never}false"),
            ("max" | "min", _) => format!("what `{op}` compares with its bound is {never}{above} it"),
            ("select", true) => format!("the mask of `{op}` is {never}other than 0"),
            ("select", false) => format!("the mask of `{op}` is {never}0"),
            _ => format!("what `{op}` is taken of is {never}{above} 0"),
        }
    }
}

impl Fork<'_> {
    /// Whether a number takes this branch. A margin of 0 may be a kink, where neither is taken, if there are `kinks`.
    pub fn takes(&self, side: Side, kinks: bool) -> bool {
        let kinks = kinks && self.margin.needs_grad();
        numbers(&self.margin.value()).iter().any(|&margin| match margin {
            0.0 => !kinks && side == self.border,
            _ => side == (margin > 0.0) && !margin.is_nan(),
        })
    }
}

/// The choices of all hand-written rules on `tape`, each followed by those of its `forward`.
pub(super) fn forks(tape: &Tape) -> Vec<Fork<'_>> {
    let calls: Vec<_> = {
        let list = tape.list();
        let first = |(id, node): (usize, &crate::tape::Node)| match &node.kind {
            Kind::Output(call, 0) => Some((id as NodeId, call.clone())),
            _ => None,
        };
        list.nodes.iter().enumerate().filter_map(first).collect()
    };
    let mut rng = StdRng::seed_from_u64(0x666f_726b);
    let mut found = Vec::new();
    for (first, call) in calls {
        let of = |ids: &[NodeId]| -> Vec<Var<'_>> { ids.iter().map(|&id| Var::new(tape, id)).collect() };
        let (x, saved) = (of(&call.inputs), of(&call.saved));
        let z: Vec<Var<'_>> = (first..).take(call.outputs).map(|id| Var::new(tape, id)).collect();
        let dz: Vec<Var<'_>> = z.iter().map(|z| tape.constant(upstream(&z.value(), &mut rng))).collect();
        let needs: Vec<bool> = x.iter().map(|x| x.needs_grad()).collect();
        let begin = tape.len();
        call.function.backward(Backward { x: &x, z: &z, dz: &dz, saved: &saved, needs: &needs });
        let rule = begin..tape.len();
        let depends = depending(tape, &call.inputs);
        let inside = leading_to(tape, &[z, saved].concat(), &call.inputs);
        let choosing = rule.chain(inside).filter(|&id| depends[id]);
        found.extend(choosing.filter_map(|id| fork(tape, id as NodeId, call.function.name())));
    }
    found
}

/// For each node, whether it depends on one of `inputs`.
fn depending(tape: &Tape, inputs: &[NodeId]) -> Vec<bool> {
    let list = tape.list();
    let mut depends = vec![false; list.nodes.len()];
    for (id, node) in list.nodes.iter().enumerate() {
        depends[id] = inputs.contains(&(id as NodeId)) || node.inputs.iter().any(|&i| depends[i as usize]);
    }
    depends
}

/// The nodes between `inputs` and `ends`, in order.
fn leading_to(tape: &Tape, ends: &[Var<'_>], inputs: &[NodeId]) -> Vec<usize> {
    let list = tape.list();
    let mut needed = vec![false; list.nodes.len()];
    let mut waiting: Vec<NodeId> = ends.iter().map(|end| end.id()).collect();
    while let Some(id) = waiting.pop() {
        if !inputs.contains(&id) && !std::mem::replace(&mut needed[id as usize], true) {
            waiting.extend(list.node(id).inputs.iter());
        }
    }
    (0..needed.len()).filter(|&id| needed[id]).collect()
}

/// The choice that is made at a node.
fn fork<'t>(tape: &'t Tape, id: NodeId, rule: &str) -> Option<Fork<'t>> {
    let (row, number, inputs, at) = {
        let list = tape.list();
        let node = list.node(id);
        let Kind::Elementwise(row, number) = node.kind else { return None };
        (row, number, node.inputs.clone(), node.at)
    };
    let x: Vec<Var<'t>> = inputs.iter().map(|&id| Var::new(tape, id)).collect();
    let name = row.name;
    let (bound, border) = match name {
        "gt" | "le" | "max" => (true, false),
        "ge" | "lt" | "min" => (true, true),
        "eq" | "ne" => (true, false),
        "relu" | "leaky_relu" | "elu" | "celu" | "abs" | "sign" | "signed_sqrt" => (false, false),
        // A comparison speaks for the choices that are made by it.
        "select" if !compares(tape, inputs[0]) => (false, false),
        _ => return None,
    };
    let difference = match (bound, x.len()) {
        (true, 2) => x[0] - x[1],
        (true, _) => x[0] - number,
        (false, _) => x[0],
    };
    let discrete = matches!(name, "eq" | "ne" | "select");
    // Numbers that are computed are equal by chance alone.
    if discrete && name != "select" && difference.needs_grad() {
        return None;
    }
    let smooth = difference.needs_grad() && !discrete;
    let guards = bound && smooth && {
        let (of, to) = match &x[..] {
            [a, b] if a.needs_grad() => (size(&a.value()), if b.needs_grad() { 0.0 } else { size(&b.value()) }),
            [a, b] => (size(&b.value()), size(&a.value())),
            [a, ..] => (size(&a.value()), number.abs()),
            [] => return None,
        };
        to > 0.0 && to <= GUARD * of
    };
    let margin = if discrete { difference.abs() } else { difference };
    let choice = Choice { rule: rule.to_owned(), op: name.to_owned(), at };
    Some(Fork { choice, margin, border, guards })
}

fn compares(tape: &Tape, id: NodeId) -> bool {
    matches!(tape.list().node(id).kind.name(), "eq" | "ne" | "lt" | "le" | "gt" | "ge")
}

//! Where a rule may be edited: at a result or an operand of a step, or of all steps of one line of a loop.

use std::{collections::HashMap, rc::Rc};

use crate::check::script::{Action, Script, Source, Step};

/// The part of a step that is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Operand(usize),
    Result,
}

/// Some steps of one line, and the part of them that is edited. A step past the last is an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub at: Vec<usize>,
    pub part: Part,
    /// Whether the answer is linear in the value there.
    pub linear: bool,
    /// If there are several steps: the steps that depend on any of them.
    pub after: Rc<Vec<bool>>,
}

impl Place {
    /// A single step.
    pub fn one(at: usize, part: Part, linear: bool) -> Place {
        Place { at: vec![at], part, linear, after: Rc::default() }
    }

    /// The same place without its first step: an iteration of a loop that has nothing to read yet.
    pub fn but_first(&self) -> Place {
        Place { at: self.at[1..].to_vec(), ..self.clone() }
    }
}

/// In longer programs, a step of a loop is edited in all iterations only.
const LONG: usize = 120;

/// All places, those of single steps first.
pub(super) fn places(script: &Script, answers: usize) -> Vec<Place> {
    let groups = groups(script);
    let long = script.steps.len() > LONG;
    let in_loop = |step: usize| long && groups.iter().any(|group| group.len() > 2 && group.contains(&step));
    let mut all = Vec::new();
    // What leads to no answer is there to be read, not to be mended.
    let mut live = vec![false; script.steps.len()];
    for k in (0..live.len()).rev() {
        live[k] =
            script.outputs[..answers].contains(&Source::Step(k)) || readers(script, k).any(|(reader, _)| live[reader]);
    }
    for (k, step) in script.steps.iter().enumerate().filter(|(k, _)| live[*k] && !in_loop(*k)) {
        let of = |part| Place::one(k, part, is_linear(script, &[k], &dependents(script, k), part));
        all.push(of(Part::Result));
        // What is handed on unchanged is edited as the result.
        if !step.is("identity") {
            all.extend((0..step.inputs.len()).map(|i| of(Part::Operand(i))));
        }
    }
    for (j, source) in script.outputs.iter().enumerate().take(answers) {
        let shared = match source {
            Source::Step(k) => readers(script, *k).next().is_some(),
            _ => true,
        };
        if shared {
            all.push(Place::one(script.steps.len() + j, Part::Result, true));
        }
    }
    for mut group in groups {
        group.retain(|&k| live[k]);
        if group.len() < 2 {
            continue;
        }
        let operands = script.steps[group[0]].inputs.len();
        let all_after: Vec<Vec<bool>> = group.iter().map(|&k| dependents(script, k)).collect();
        let depends = |(after, &k): (&Vec<bool>, &usize)| group.iter().any(|&other| other != k && after[other]);
        let apart = !all_after.iter().zip(&group).any(depends);
        let after: Vec<bool> = (0..script.steps.len()).map(|k| all_after.iter().any(|after| after[k])).collect();
        let after = Rc::new(after);
        for part in [Part::Result].into_iter().chain((0..operands).map(Part::Operand)) {
            let linear = apart && is_linear(script, &group, &after, part);
            all.push(Place { at: group.clone(), part, linear, after: Rc::clone(&after) });
        }
    }
    all
}

/// The steps that are one step of the source, run several times: of the same line and operation, and, to tell the calls
/// of a helper apart, of the same readers.
pub(in crate::check) fn groups(script: &Script) -> Vec<Vec<usize>> {
    let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
    for (k, step) in script.steps.iter().enumerate() {
        // An argument is no step of the source.
        if matches!(step.inputs[..], [Source::Argument(_)]) && step.is("identity") {
            continue;
        }
        let line = format!("{} {} {}", step.at, step.name(), step.inputs.len());
        by_key.entry(line.clone()).or_default().push(k);
        let (mut key, mut read) = (line, k);
        for _ in 0..2 {
            let Some((reader, operand)) = readers(script, read).next() else { break };
            let of = &script.steps[reader];
            key += &format!(" > {} {}", of.at, of.name());
            // The pieces of a list are alike.
            if of.inputs.len() < 3 {
                key += &format!(" {operand}");
            }
            read = reader;
            by_key.entry(key.clone()).or_default().push(k);
        }
    }
    let mut all: Vec<Vec<usize>> = by_key.into_values().filter(|group| group.len() > 1).collect();
    all.sort();
    all.dedup();
    all
}

/// Who reads the result of a step, with the position among their operands.
pub(in crate::check) fn readers(script: &Script, step: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let after = script.steps.iter().enumerate().skip(step + 1);
    after.flat_map(move |(k, reader)| {
        let reads = move |(_, source): &(usize, &Source)| **source == Source::Step(step);
        reader.inputs.iter().enumerate().filter(reads).map(move |(i, _)| (k, i))
    })
}

/// The steps that depend on a step, itself included.
pub(super) fn dependents(script: &Script, step: usize) -> Vec<bool> {
    let mut depends = vec![false; script.steps.len()];
    if step < depends.len() {
        depends[step] = true;
    }
    for k in step + 1..depends.len() {
        depends[k] = script.steps[k].inputs.iter().any(|source| matches!(source, Source::Step(s) if depends[*s]));
    }
    depends
}

/// Whether the answers are linear, up to a constant, in a part of some steps taken together, none of which depends on
/// another: the factors that a loop multiplies its state by are not. `depends`: which steps depend on any of them.
fn is_linear(script: &Script, at: &[usize], depends: &[bool], part: Part) -> bool {
    if let Part::Operand(operand) = part {
        let only = |i: usize| i == operand;
        if !at.iter().all(|&k| joins_linearly(&script.steps[k], only)) {
            return false;
        }
    }
    (at[0] + 1..script.steps.len()).filter(|k| depends[*k] && !at.contains(k)).all(|k| {
        let step = &script.steps[k];
        joins_linearly(step, |i| matches!(step.inputs[i], Source::Step(s) if depends[s]))
    })
}

/// Operations that only move, add and scale numbers.
const MOVES: &[&str] = &[
    "sum",
    "permute",
    "reshape",
    "slice",
    "scatter",
    "concat",
    "roll",
    "index_select",
    "index_add",
    "gather",
    "scatter_add",
    "cumsum",
    "weighted_sum",
    "fold",
    "unfold",
    "avg_pool2d",
    "avg_unpool2d",
];

/// Whether a step is linear in those of its operands for which `moved` holds, taken together.
fn joins_linearly(step: &Step, moved: impl Fn(usize) -> bool) -> bool {
    let count = (0..step.inputs.len()).filter(|&i| moved(i)).count();
    match (&step.action, step.name()) {
        (_, "add" | "sub" | "negate" | "identity") => true,
        (_, "mul" | "matmul") => step.inputs.len() == 1 || count == 1,
        (Action::Elementwise(row, _), "div") if step.inputs.len() == 1 => !row.number_first(),
        (_, "div") => count == 1 && moved(0),
        (_, "solve") => count == 1 && moved(1),
        (_, "select") => !moved(0),
        (Action::Op(_), name) => MOVES.contains(&name),
        _ => false,
    }
}

//! What a frame is counted under.
//!
//! The time of a chain of elementwise operations cannot be told apart by operation, and is not: it is counted as a chain,
//! under all the operations and all the lines that it consists of. What it computes again of the forward pass, in the cache,
//! adds to its count of operations and not to its name.

use smallvec::SmallVec;

use super::{
    super::super::{Kind, List, Node, NodeId},
    BOOKKEEPING, Frame, Recorder, Spent,
    numbers::{Lines, Names},
    owner::{Owner, Owners},
    work::{NO_WORK, Work, bytes},
};

/// What time is counted under; names and lines by number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    backward: bool,
    owner: u32,
    layer: u32,
    operation: u32,
    kernel: u32,
    lines: SmallVec<[u32; 2]>,
    counts: bool,
}

#[derive(Default)]
pub(super) struct Sum {
    calls: u64,
    nanoseconds: u64,
    flops: u64,
    /// Whether operations were counted that nobody knows the number of.
    unknown: bool,
    bytes: u64,
}

/// A node of a chain, or one alone.
#[derive(Clone, PartialEq, Eq)]
struct Part {
    owner: u32,
    operation: u32,
    line: u32,
    layer: u32,
}

/// How many names of a chain are written out.
const NAMES: usize = 6;

impl Key {
    pub fn spent(&self, sum: &Sum, names: &Names, lines: &Lines, owners: &Owners) -> Spent {
        let Owner { functions, rule, .. } = owners.get(self.owner);
        Spent {
            backward: self.backward,
            rule: rule.filter(|_| self.backward),
            layer: names.name(self.layer),
            functions: functions.iter().map(|&(name, line)| (names.name(name), lines.line(line))).collect(),
            operation: names.name(self.operation),
            kernel: names.name(self.kernel),
            lines: self.lines.iter().map(|&line| lines.line(line)).collect(),
            counts: self.counts,
            calls: sum.calls,
            seconds: sum.nanoseconds as f64 * 1e-9,
            flops: (!sum.unknown).then_some(sum.flops),
            bytes: sum.bytes,
        }
    }
}

impl Recorder {
    fn charge(&mut self, nanoseconds: u64, key: Key, work: Work) {
        self.used = true;
        let sum = self.sums.entry(key).or_default();
        sum.calls += 1;
        sum.nanoseconds += nanoseconds;
        sum.bytes += work.bytes;
        match work.flops {
            Some(flops) => sum.flops += flops,
            None => sum.unknown = true,
        }
        self.measured_until_now();
    }

    /// The name, line and layer under which a node is counted: its own, or those of the operation whose rule recorded it.
    fn part(&mut self, id: NodeId, node: &Node, layers: &super::super::names::Names) -> Part {
        let owner = self.owners.of_node(id);
        match self.owners.get(owner).of {
            Some((operation, line, layer)) => Part { owner, operation, line, layer },
            None => {
                let operation = self.names.number(node.kind.name());
                let (line, layer) = (self.lines.number(node.at), self.names.number(layers.path(node.scope)));
                Part { owner, operation, line, layer }
            }
        }
    }

    /// The key of something computed for one operation; `kernel` is what ran for it.
    fn key_of(&mut self, part: Part, kernel: &str, counts: bool) -> Key {
        let kernel = self.names.number(kernel);
        let Part { owner, operation, line, layer } = part;
        Key {
            backward: !self.walks.is_empty(),
            owner,
            layer,
            operation,
            kernel,
            lines: SmallVec::from_slice(&[line]),
            counts,
        }
    }

    /// The key of a chain that belongs to several operations.
    fn key_of_chain(&mut self, parts: &[Part]) -> Key {
        let mut lines: SmallVec<[u32; 2]> = parts.iter().map(|part| part.line).collect();
        let place = |&line: &u32| (self.lines.line(line).file(), self.lines.line(line).line());
        lines.sort_unstable_by_key(|line| (place(line), self.lines.line(*line).column()));
        lines.dedup_by_key(|line| place(line));
        let different = |of: fn(&Part) -> u32| {
            let mut numbers: SmallVec<[u32; 8]> = SmallVec::new();
            parts.iter().map(of).for_each(|number| {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            });
            numbers.into_iter().map(|number| self.names.name(number)).collect::<Vec<String>>()
        };
        let (operations, layers) = (different(|part| part.operation), different(|part| part.layer).join(" + "));
        let written = operations[..operations.len().min(NAMES)].join(", ");
        let more = match operations.len().saturating_sub(NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let owners: SmallVec<[&Owner; 8]> = parts.iter().map(|part| self.owners.get(part.owner)).collect();
        let first = owners[0];
        let shared = |k: &usize| owners.iter().all(|owner| owner.functions.get(*k) == first.functions.get(*k));
        let common = (0..first.functions.len()).take_while(shared).count();
        let owner = Owner {
            functions: first.functions[..common].into(),
            of: None,
            rule: first.rule.filter(|_| common > 0 && owners.iter().all(|owner| owner.rule == first.rule)),
        };
        drop(owners);
        let counts = owner.functions.is_empty();
        let (owner, layer) = (self.owners.number(owner), self.names.number(&layers));
        let operation = self.names.number(&format!("chain of {written}{more}"));
        Key { backward: !self.walks.is_empty(), owner, layer, operation, kernel: self.names.number(""), lines, counts }
    }
}

impl List {
    /// Closes the frame of what was computed at one node; `again` after a checkpoint.
    #[cold]
    pub(super) fn charge_node(&mut self, frame: Frame, id: NodeId, again: bool) {
        let node = &self.nodes[id as usize];
        if let Kind::Op(op) = &node.kind {
            // The total of a chain, which was not written out, and is still there to be looked at.
            if self.folding(&**op, &node.inputs).is_some() && self.is_chained(self.source(node.inputs[0])) {
                let (chain, inputs) = self.chain_of(self.source(node.inputs[0]));
                return self.charge_chain(frame, &chain, &inputs, Some(id));
            }
        }
        let Some(mut recorder) = self.notes.recorder.take() else { return };
        let passed = recorder.close(frame);
        let work = self.work(id);
        let mut part = recorder.part(id, node, &self.notes.names);
        let owner = recorder.owners.get(part.owner);
        let (inside, in_rule) = (!owner.functions.is_empty(), owner.of.is_some());
        if again {
            part.operation = recorder.names.number(&format!("{} again", node.kind.name()));
        }
        let key = recorder.key_of(part, if in_rule { node.kind.name() } else { "" }, !inside && !in_rule);
        recorder.charge(passed, key, work);
        self.notes.recorder = Some(recorder);
    }

    /// Closes the frame of a chain of elementwise operations that was computed in one pass, to the end of the chain, to the
    /// total at node `total`, or to both.
    #[cold]
    pub(super) fn charge_chain(&mut self, frame: Frame, chain: &[NodeId], inputs: &[NodeId], total: Option<NodeId>) {
        let Some(mut recorder) = self.notes.recorder.take() else { return };
        let passed = recorder.close(frame);
        let end = *chain.last().expect("a chain has a node");
        let dtype = self.ready(inputs[0]).dtype();
        let numel = self.node(end).shape().numel() as u64;
        let to_end = total.is_none_or(|total| self.source(self.node(total).inputs[0]) != end);
        let ends = total.into_iter().chain(to_end.then_some(end));
        let written: u64 = ends.map(|id| bytes(self.node(id).shape(), dtype)).sum();
        let read: u64 = inputs.iter().map(|&input| bytes(self.node(input).shape(), dtype)).sum();
        let steps = chain.len() as u64 + u64::from(total.is_some());
        let work = Work { flops: Some(steps * numel), bytes: read + written };
        let nodes = || chain.iter().copied().chain(total);
        let mut parts: Vec<Part> = nodes().map(|id| recorder.part(id, self.node(id), &self.notes.names)).collect();
        // What a chain of rules computes again of the forward pass lends it no name.
        let of_rule = |part: &Part| recorder.owners.get(part.owner).of.is_some();
        if parts.iter().any(of_rule) {
            parts.retain(of_rule);
        }
        let one = parts.iter().all(|part| *part == parts[0]);
        let key = match one {
            true => {
                let owner = recorder.owners.get(parts[0].owner);
                let (inside, in_rule) = (!owner.functions.is_empty(), owner.of.is_some());
                let kernel = match (in_rule, nodes().count()) {
                    (false, _) => String::new(),
                    (true, 1) => self.node(end).kind.name().to_owned(),
                    (true, count) => format!("chain of {count}"),
                };
                recorder.key_of(parts[0].clone(), &kernel, !inside)
            }
            false => recorder.key_of_chain(&parts),
        };
        recorder.charge(passed, key, work);
        self.notes.recorder = Some(recorder);
    }

    /// Closes the frame of the rule of node `id`; `by_numbers` if it computed gradients itself.
    pub(super) fn charge_rule(&mut self, frame: Frame, id: NodeId, by_numbers: bool) {
        let node = &self.nodes[id as usize];
        if matches!(node.kind, Kind::Elementwise(..)) && self.postpones(node.shape()) {
            return self.charge_bookkeeping(frame);
        }
        let Some(mut recorder) = self.notes.recorder.take() else { return };
        let passed = recorder.close(frame);
        let owner = recorder.owners.now();
        let Owner { functions, of, .. } = recorder.owners.get(owner);
        let (operation, line, layer) = of.expect("this owner is a rule");
        let counts = functions.is_empty() || matches!(node.kind, Kind::Output(..));
        let work = if by_numbers { self.work_of_rule(id) } else { NO_WORK };
        let key = recorder.key_of(Part { owner, operation, line, layer }, "", counts);
        recorder.charge(passed, key, work);
        self.notes.recorder = Some(recorder);
    }

    /// Closes the frame of a hand-written function.
    pub(super) fn charge_function(&mut self, frame: Frame) {
        let Some(mut recorder) = self.notes.recorder.take() else { return };
        let passed = recorder.close(frame);
        let owner = recorder.owners.now();
        let Some(&(operation, line)) = recorder.owners.get(owner).functions.last() else {
            self.notes.recorder = Some(recorder);
            return;
        };
        let layer = match recorder.owners.get(owner).of {
            Some((.., layer)) => layer,
            None => recorder.names.number(self.notes.names.path(self.notes.names.scope())),
        };
        let key = recorder.key_of(Part { owner, operation, line, layer }, "", true);
        recorder.charge(passed, key, NO_WORK);
        self.notes.recorder = Some(recorder);
    }

    /// Closes a frame in which nothing was computed.
    #[cold]
    pub(super) fn charge_bookkeeping(&mut self, frame: Frame) {
        let Some(recorder) = &mut self.notes.recorder else { return };
        let passed = recorder.close(frame);
        let (operation, none) = (recorder.names.number(BOOKKEEPING), recorder.names.number(""));
        let backward = !recorder.walks.is_empty();
        let key =
            Key { backward, owner: 0, layer: none, operation, kernel: none, lines: SmallVec::new(), counts: true };
        recorder.charge(passed, key, NO_WORK);
    }
}

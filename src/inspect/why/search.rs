//! The search for the node at which a gradient became what it is.

use super::{Cause, Factor, Step};
use crate::{
    error::Result,
    inspect::{
        NodeView, Operand,
        non_finite::{broadcast, range, unravel},
    },
    tape::{Kind, NodeId, Rule, Tape, Var},
    tensor::Tensor,
};

/// The gradients of a recording with respect to all of its nodes, and who reads what.
pub(super) struct Search<'t> {
    loss: Var<'t>,
    gradients: Vec<Option<Tensor>>,
    readers: Vec<Vec<usize>>,
}

impl<'t> Search<'t> {
    pub fn new(loss: Var<'t>) -> Result<Self> {
        let tape = loss.tape();
        let gradients = match loss.needs_grad() {
            true => loss.adjoints()?,
            false => vec![None; loss.index() + 1],
        };
        let mut readers = vec![Vec::new(); tape.len()];
        let by_hand = tape.rule() == Rule::Manual;
        for (id, node) in tape.list().nodes.iter().enumerate() {
            let inputs = match &node.kind {
                Kind::Output(call, _) if by_hand => &call.inputs,
                _ => &node.inputs,
            };
            inputs.iter().for_each(|&input| readers[input as usize].push(id));
        }
        readers.iter_mut().for_each(|readers: &mut Vec<usize>| readers.dedup());
        Ok(Search { loss, gradients, readers })
    }

    fn tape(&self) -> &'t Tape {
        self.loss.tape()
    }

    fn step(&self, node: usize) -> Step {
        Step::at(self.tape(), node)
    }

    fn needs_grad(&self, node: usize) -> bool {
        self.tape().list().nodes[node].needs_grad
    }

    fn gradient(&self, node: usize) -> Option<&Tensor> {
        self.gradients.get(node)?.as_ref()
    }

    /// The smallest and the largest number of a gradient.
    pub fn range(&self, node: usize) -> Option<(f64, f64)> {
        match range(self.gradient(node)?) {
            Operand::Range(min, max) => Some((min, max)),
            Operand::Number(x) => Some((x, x)),
        }
    }

    /// The last node of the recording, and so the first of the walk, whose gradient is not finite.
    pub fn last_non_finite(&self) -> Option<usize> {
        self.gradients.iter().rposition(|dz| dz.as_ref().is_some_and(|dz| dz.first_non_finite().is_some()))
    }

    pub fn cause(&self, node: usize) -> Result<Cause> {
        match self.gradient(node) {
            None => self.missing(node),
            Some(dx) if dx.first_non_finite().is_some() => self.not_finite(node),
            Some(dx) if largest(dx) == 0.0 => self.zero(node),
            Some(_) => self.scaled(node),
        }
    }

    /// All that is computed from `node`, itself included, in order; through those alone that `passes` allows.
    fn computed_from(&self, node: usize, passes: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.readers.len()];
        reached[node] = true;
        for id in node..reached.len() {
            if reached[id] && passes(id) {
                self.readers[id].iter().for_each(|&reader| reached[reader] = true);
            }
        }
        reached
    }

    /// Which nodes the loss is computed from, itself included.
    fn leads_to_loss(&self) -> Vec<bool> {
        let mut leads = vec![false; self.loss.index() + 1];
        leads[self.loss.index()] = true;
        for id in (0..self.loss.index()).rev() {
            leads[id] = self.readers[id].iter().any(|&reader| leads.get(reader).is_some_and(|leads| *leads));
        }
        leads
    }

    fn missing(&self, node: usize) -> Result<Cause> {
        if !self.needs_grad(node) {
            return Ok(Cause::Constant);
        }
        let reached = self.computed_from(node, |_| true);
        if !reached.get(self.loss.index()).is_some_and(|there| *there) {
            let end = reached.iter().rposition(|there| *there).filter(|end| *end != node);
            return Ok(Cause::Unused { end: end.map(|end| self.step(end)) });
        }
        let flows = self.computed_from(node, |id| self.needs_grad(id));
        let used = self.leads_to_loss();
        let mut cuts: Vec<usize> =
            (0..used.len()).filter(|&id| flows[id] && !self.needs_grad(id) && used[id]).collect();
        // A rule may return nothing, too.
        for id in (0..used.len()).filter(|&id| flows[id] && self.needs_grad(id) && self.gradient(id).is_none()) {
            for &reader in self.readers[id].iter().filter(|&&reader| self.gradient(reader).is_some()) {
                if self.handed(reader, id)?.is_none() {
                    cuts.push(reader);
                }
            }
        }
        cuts.sort_unstable();
        cuts.dedup();
        Ok(Cause::Cut { by: cuts.into_iter().map(|id| self.step(id)).collect() })
    }

    /// What `reader` hands on to `node`.
    fn handed(&self, reader: usize, node: usize) -> Result<Option<Tensor>> {
        let Some(dz) = self.gradient(reader) else { return Ok(None) };
        Var::new(self.tape(), reader as NodeId).hands_on(dz, node as NodeId)
    }

    fn zero(&self, node: usize) -> Result<Cause> {
        let (mut open, mut seen) = (vec![node], vec![false; self.gradients.len()]);
        let mut by = Vec::new();
        while let Some(node) = open.pop() {
            let mut parts = Vec::new();
            for &reader in self.readers[node].iter().filter(|&&reader| self.gradient(reader).is_some()) {
                if largest(self.gradient(reader).expect("filtered")) == 0.0 {
                    if !std::mem::replace(&mut seen[reader], true) {
                        open.push(reader);
                    }
                } else if self.handed(reader, node)?.is_some_and(|dx| largest(&dx) != 0.0) {
                    parts.push(reader);
                } else {
                    by.push(reader);
                }
            }
            if !parts.is_empty() {
                let parts = parts.into_iter().map(|part| self.step(part)).collect();
                return Ok(Cause::Cancelled { at: self.step(node), parts });
            }
        }
        by.sort_unstable();
        by.dedup();
        let closed = |&node: &usize| (self.step(node), self.inputs(node).iter().map(range).collect());
        Ok(Cause::Closed { by: by.iter().map(closed).collect() })
    }

    /// The values of the inputs of a node.
    fn inputs(&self, node: usize) -> Vec<Tensor> {
        let ids = NodeView::new(self.tape(), node).inputs;
        ids.into_iter().map(|id| Var::new(self.tape(), id as NodeId).value()).collect()
    }

    fn not_finite(&self, mut node: usize) -> Result<Cause> {
        let spoiled = |id: usize| self.gradient(id).is_some_and(|dz| dz.first_non_finite().is_some());
        while let Some(&reader) = self.readers[node].iter().find(|&&reader| spoiled(reader)) {
            node = reader;
        }
        let forward = self.tape().first_non_finite().map(Box::new);
        for &reader in &self.readers[node] {
            let Some(dx) = self.handed(reader, node)? else { continue };
            let Some((flat, value)) = dx.first_non_finite() else { continue };
            let index = unravel(flat, dx.shape());
            let view = NodeView::new(self.tape(), reader);
            let dz = self.gradient(reader).expect("it handed something on");
            // What the numbers at one element of the input belong to is known where the shapes agree.
            let pointwise =
                matches!(self.tape().list().nodes[reader].kind, Kind::Elementwise(..)) && dz.shape() == dx.shape();
            let number =
                |x: &Tensor| if pointwise { Operand::Number(x.at(&broadcast(&index, x.shape()))) } else { range(x) };
            let mut operands: Vec<Operand> = self.inputs(reader).iter().map(number).collect();
            if let Some(number) = view.number {
                operands.insert(if view.number_first { 0 } else { operands.len() }, Operand::Number(number));
            }
            let upstream = pointwise.then(|| dz.at(&index));
            return Ok(Cause::NotFinite { by: Step::of(&view), index, value, upstream, operands, forward });
        }
        // Each contribution is finite, and their sum is not.
        let dx = self.gradient(node).expect("it is not finite");
        let (flat, value) = dx.first_non_finite().expect("it is not finite");
        let (by, index) = (self.step(node), unravel(flat, dx.shape()));
        Ok(Cause::NotFinite { by, index, value, upstream: None, operands: Vec::new(), forward })
    }

    /// The path over which most of the gradient came.
    fn scaled(&self, mut node: usize) -> Result<Cause> {
        let mut factors: Vec<(Factor, f64)> = Vec::new();
        while node != self.loss.index() {
            let mut strongest: Option<(f64, usize)> = None;
            let with_gradient: Vec<usize> =
                self.readers[node].iter().copied().filter(|&reader| self.gradient(reader).is_some()).collect();
            for &reader in &with_gradient {
                let size = match with_gradient.len() {
                    1 => 1.0,
                    _ => self.handed(reader, node)?.map_or(0.0, |dx| largest(&dx)),
                };
                if strongest.is_none_or(|(most, _)| size > most) {
                    strongest = Some((size, reader));
                }
            }
            let Some((_, reader)) = strongest else { break };
            let size = |id: usize| self.gradient(id).map_or(f64::NAN, largest);
            let factor = size(node) / size(reader);
            let step = self.step(reader);
            match factors.iter_mut().find(|(known, _)| known.most.op == step.op) {
                Some((known, extreme)) => {
                    known.count += 1;
                    known.product *= factor;
                    if factor.ln().abs() > extreme.ln().abs() {
                        (known.most, *extreme) = (step, factor);
                    }
                }
                None => factors.push((Factor { count: 1, product: factor, most: step }, factor)),
            }
            node = reader;
        }
        let mut factors: Vec<Factor> = factors.into_iter().map(|(factor, _)| factor).collect();
        factors.sort_by(|a, b| b.product.ln().abs().total_cmp(&a.product.ln().abs()));
        Ok(Cause::Scaled { factors })
    }
}

/// The largest absolute value; 0 of nothing.
fn largest(x: &Tensor) -> f64 {
    x.to_vec().into_iter().fold(0.0, |most, x| x.abs().max(most))
}

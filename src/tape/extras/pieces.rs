//! Chains that are read in pieces, where their numbers are needed, and not written out.

use smallvec::SmallVec;

use super::{
    super::{Inputs, Kind, List, NodeId, Var},
    lazy::WRITTEN,
};
use crate::{
    DType,
    kernels::program::Program,
    ops::{
        Looped, Op,
        piecewise::{Chain, Piecewise},
    },
    tensor::{Shape, Tensor, handful},
};

impl List {
    /// How an operation reads its first input in pieces, if that is a chain which pays to be computed again in the backward
    /// pass: a short one without elementary functions, that reads no more numbers than it has.
    pub fn in_pieces<'o>(&self, op: &'o dyn Op, ids: &Inputs) -> Option<&'o dyn Piecewise> {
        let x = self.source(*ids.first()?);
        if !self.is_chained(x) {
            return None;
        }
        let shapes = handful(ids.iter().map(|&id| self.node(id).shape()));
        let piecewise = op.piecewise(&shapes)?;
        let (chain, inputs) = self.chain_of(x);
        let large = inputs.iter().filter(|&&input| self.node(input).shape() == shapes[0]).count();
        // A row whose slope is finite at every input is linear in pieces.
        let takes_little = |&id: &NodeId| match &self.node(id).kind {
            Kind::Elementwise(row, parameter) => row.keeps_zeros(*parameter),
            _ => true,
        };
        (chain.len() < WRITTEN && large <= 1 && chain.iter().all(takes_little)).then_some(piecewise)
    }

    /// Hands the first of some nodes to `read` as a chain of its shape, and the values of the others.
    pub fn with_chain<R>(&mut self, ids: &Inputs, read: impl FnOnce((&Chain<'_>, &Shape), &[&Tensor]) -> R) -> R {
        ids[1..].iter().for_each(|&id| self.force(id));
        let (chain, inputs) = self.ready_chain(ids[0]);
        let program = match self.ready(inputs[0]).dtype() {
            DType::F32 => Chain::F32(self.program(&chain, &inputs)),
            DType::F64 => Chain::F64(self.program(&chain, &inputs)),
        };
        let rest = handful(ids[1..].iter().map(|&id| self.ready(id)));
        read((&program, self.node(ids[0]).shape()), &rest)
    }

    /// The chain that a node's value stands for, with its inputs computed.
    pub(super) fn ready_chain(&mut self, id: NodeId) -> (SmallVec<[NodeId; 16]>, SmallVec<[NodeId; 8]>) {
        let id = self.source(id);
        match self.is_chained(id) {
            true => self.chain_of(id).1.into_iter().for_each(|input| self.force(input)),
            false => self.force(id),
        }
        self.chain_of(id)
    }
}

impl Var<'_> {
    /// Hands the value to `read` as a program: where it is pending, the chain that leads to it, which is not written out.
    pub(crate) fn as_chain<T: Looped, R>(self, read: impl FnOnce(&Program<'_, T>) -> R) -> R {
        let mut list = self.tape().list_mut();
        let (chain, inputs) = list.ready_chain(self.id());
        read(&list.program(&chain, &inputs))
    }

    /// Hands two values of a tape to `read` as programs.
    pub(crate) fn as_chains<T: Looped, R>(both: [Var<'_>; 2], read: impl FnOnce([&Program<'_, T>; 2]) -> R) -> R {
        let mut list = both[0].tape().list_mut();
        let chains = both.map(|x| list.ready_chain(x.id()));
        let [a, b] = chains.map(|(chain, inputs)| list.program(&chain, &inputs));
        read([&a, &b])
    }

    /// Hands the value to `read` as a program, and memory to write it to: none where it is computed already, or where
    /// computing it once more takes no longer than writing and reading it.
    pub(crate) fn compute_with<T: Looped>(self, read: impl FnOnce(&Program<'_, T>, &mut [T])) {
        let mut list = self.tape().list_mut();
        let id = list.source(self.id());
        let (chain, inputs) = list.ready_chain(id);
        if chain.len() < WRITTEN {
            return read(&list.program(&chain, &inputs), &mut []);
        }
        let shape = list.node(id).shape().clone();
        let value = Tensor::build::<T>(shape, |out| read(&list.program(&chain, &inputs), out));
        list.computed_to(id, value);
    }
}

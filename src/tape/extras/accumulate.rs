//! Gradients added up and scaled: over the parts of a batch that does not fit into memory, and over tapes in several
//! threads.
//!
//! The gradient of a sum is the sum of the gradients. Each part has a recording of its own, and what the recordings have
//! in common are their parameters. Nothing is added behind the user's back: the sum is a [`Gradients`] like any other.

use super::super::{Gradients, NodeId};
use crate::{
    error::{Error, Result},
    tensor::{DType, Tensor},
};

impl Gradients {
    /// Adds the gradients of another walk to these.
    ///
    /// From another walk over the same recording, all gradients are added. From any other recording, on this tape or
    /// another, only those with respect to parameters are: its other leaves and retained nodes belong to that recording
    /// alone. A parameter that only one side has keeps its gradient.
    ///
    /// `Gradients` can be sent between threads. Floating-point sums depend on the order, so add the parts in an order of
    /// your own, not in that in which threads finish, and the same numbers come out of any number of threads:
    ///
    /// ```
    /// use wengert::{Gradients, Param, Result, Tape, Tensor};
    /// let w = Param::new("w", Tensor::from([1.0, -1.0]));
    /// let batch = [[0.5, 2.0], [1.0, 0.0], [-1.0, 3.0], [2.0, 1.0]];
    /// let loss_of = |rows: &[[f64; 2]]| -> Result<Gradients> {
    ///     let tape = Tape::f64();
    ///     let x = tape.constant(Tensor::from_vec(rows.concat(), [rows.len(), 2])?);
    ///     (x * tape.watch(&w)).tanh().sum().backward()
    /// };
    /// let halves: Vec<Result<Gradients>> = std::thread::scope(|threads| {
    ///     let started: Vec<_> = batch.chunks(2).map(|rows| threads.spawn(|| loss_of(rows))).collect();
    ///     started.into_iter().map(|thread| thread.join().unwrap()).collect()
    /// });
    /// let mut halves = halves.into_iter();
    /// let mut total = halves.next().unwrap()?;
    /// for half in halves {
    ///     total.accumulate(&half?)?;
    /// }
    /// for (sum, whole) in total.wrt(&w)?.to_vec().iter().zip(loss_of(&batch)?.wrt(&w)?.to_vec()) {
    ///     assert!((sum - whole).abs() < 1e-15);
    /// }
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// For the mean over equal parts, [`scale`](Gradients::scale) the total.
    ///
    /// # Errors
    /// [`Error::DType`] when the tapes differ in precision; [`Error::Shape`] when a parameter has changed its shape in
    /// between. Then nothing is added.
    pub fn accumulate(&mut self, other: &Gradients) -> Result<()> {
        if let (Some(expected), Some(got)) = (self.dtype(), other.dtype())
            && expected != got
        {
            return Err(Error::DType { op: "accumulate".to_owned(), expected, got });
        }
        let same = self.recording == other.recording;
        if same {
            // The recording may have gone on in between.
            if other.watched.len() > self.watched.len() {
                self.watched.clone_from(&other.watched);
            }
            if other.names.given().len() > self.names.given().len() {
                self.names = other.names.clone();
            }
        }
        let params = other.params();
        for &(param, gradient) in params.iter().filter(|_| !same) {
            if let Some(own) = self.of_param(param).filter(|own| own.shape() != gradient.shape()) {
                let need = "the gradients of one parameter must have the same shape";
                return Err(Error::shape("accumulate", &[own.shape(), gradient.shape()], need));
            }
        }
        if same {
            other.nodes.iter().for_each(|(id, gradient)| self.add_at(*id, gradient));
            other.others.iter().for_each(|(param, gradient)| self.add_of(*param, gradient));
        } else {
            params.into_iter().for_each(|(param, gradient)| self.add_of(param, gradient));
        }
        Ok(())
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.tensors_mut() {
            crate::dispatch!(gradient.dtype(), T => {
                for g in gradient.data_mut::<T>() {
                    *g *= factor as T;
                }
            });
        }
    }

    /// Moves every number of every gradient into [−`limit`, `limit`]. NaN stays NaN.
    ///
    /// # Panics
    /// When `limit` is negative or NaN.
    pub fn clamp(&mut self, limit: f64) {
        for gradient in self.tensors_mut() {
            crate::dispatch!(gradient.dtype(), T => {
                for g in gradient.data_mut::<T>() {
                    *g = g.clamp(-limit as T, limit as T);
                }
            });
        }
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let nodes = self.nodes.iter_mut().map(|(_, gradient)| gradient);
        nodes.chain(self.others.iter_mut().map(|(_, gradient)| gradient))
    }

    /// The precision of the tapes they come from.
    fn dtype(&self) -> Option<DType> {
        let other = self.others.first().map(|other| &other.1);
        self.nodes.first().map(|node| &node.1).or(other).map(Tensor::dtype)
    }

    /// The gradients with respect to parameters, each once.
    fn params(&self) -> Vec<(u64, &Tensor)> {
        let mut ids: Vec<u64> = self.watched.iter().map(|w| w.0).chain(self.others.iter().map(|o| o.0)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| Some((id, self.of_param(id)?))).collect()
    }

    fn add_at(&mut self, id: NodeId, gradient: &Tensor) {
        match self.nodes.binary_search_by(|(node, _)| id.cmp(node)) {
            Ok(place) => self.nodes[place].1.accumulate(gradient),
            Err(place) => self.nodes.insert(place, (id, gradient.clone())),
        }
    }

    fn add_of(&mut self, param: u64, gradient: &Tensor) {
        match (self.leaf(param), self.others.iter().position(|other| other.0 == param)) {
            (Some(id), _) => self.add_at(id, gradient),
            (None, Some(place)) => self.others[place].1.accumulate(gradient),
            (None, None) => self.others.push((param, gradient.clone())),
        }
    }
}

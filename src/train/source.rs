//! Where batches come from.

use super::Batch;
use crate::data::Batches;

/// A source of batches, epoch by epoch.
///
/// The batches of an epoch must depend on its number alone, so that a run that resumes sees the batches of an
/// uninterrupted one.
///
/// `'b` is the lifetime of what the batches borrow.
///
/// A pair of the number of batches in an epoch and a function from the epoch to its batches is a source, too:
///
/// ```
/// use wengert::{DType, Tensor, train::Source};
/// let mut source = (2, |epoch: usize| (0..2).map(move |_| (Tensor::full([4, 3], epoch as f64, DType::F32), vec![0; 4])));
/// assert_eq!(source.epoch(5).last().unwrap().inputs[0].at(&[0, 0]), 5.0);
/// ```
///
/// A list of batches is one as well. Every epoch goes through it in its order. (A [`DataLoader`](super::DataLoader)
/// splits tensors and shuffles.)
///
/// ```
/// use wengert::{Tensor, train::{Batch, Source}};
/// let mut source = vec![Batch::from((Tensor::from([[0.5], [1.0]]), vec![0, 1]))];
/// assert_eq!(source.per_epoch(), 1);
/// assert_eq!(source.epoch(7).next().unwrap().labels, [0, 1]);
/// ```
pub trait Source<'b> {
    /// The number of batches in an epoch.
    fn per_epoch(&self) -> usize;

    /// The batches of epoch `epoch` (from 0).
    fn epoch(&mut self, epoch: usize) -> Box<dyn Iterator<Item = Batch> + 'b>;
}

impl<'b, F, I> Source<'b> for (usize, F)
where
    F: FnMut(usize) -> I,
    I: Iterator<Item: Into<Batch>> + 'b,
{
    fn per_epoch(&self) -> usize {
        self.0
    }

    fn epoch(&mut self, epoch: usize) -> Box<dyn Iterator<Item = Batch> + 'b> {
        Box::new((self.1)(epoch).map(Into::into))
    }
}

/// The same batches in every epoch.
impl<'b> Source<'b> for Vec<Batch> {
    fn per_epoch(&self) -> usize {
        self.len()
    }

    fn epoch(&mut self, _: usize) -> Box<dyn Iterator<Item = Batch> + 'b> {
        Box::new(self.clone().into_iter())
    }
}

/// Images `[n, channels, height, width]` and their labels.
impl<'b> Source<'b> for Batches {
    fn per_epoch(&self) -> usize {
        Batches::per_epoch(self)
    }

    fn epoch(&mut self, epoch: usize) -> Box<dyn Iterator<Item = Batch> + 'b> {
        Box::new(Batches::epoch(self, epoch).map(|batch| Batch::from((batch.tensor(), batch.labels))))
    }
}

//! Batches: a data set split into pieces, in an order that a seed determines.
//!
//! The order of an epoch is a function of the seed and the epoch's number alone, not of what was drawn before, so a run
//! can resume at any epoch and batch and sees exactly the batches of an uninterrupted one.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Dataset, dataset};
use crate::{Error, Result, Tensor};

/// When the images are shuffled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shuffle {
    /// Never: every epoch goes through the set in its order.
    Never,
    /// Once, before the first epoch; all epochs share that order.
    #[default]
    Once,
    /// Before every epoch.
    EveryEpoch,
}

/// Some images of a data set, with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The pixels, `[n, channels, height, width]`.
    pub images: Vec<f32>,
    /// The class of each of the `n` images.
    pub labels: Vec<usize>,
    /// The position of each image in the data set.
    pub indices: Vec<usize>,
    /// The shape of one image, `[channels, height, width]`.
    pub shape: [usize; 3],
}

impl Batch {
    /// The images as a tensor `[n, channels, height, width]` in single precision.
    ///
    /// # Panics
    /// When the pixels were changed, and no longer fill that shape.
    #[track_caller]
    pub fn tensor(&self) -> Tensor {
        dataset::tensor(&self.images, self.labels.len(), self.shape)
    }
}

/// A data set split into batches.
///
/// If the batch size does not divide the set, the images that are left over are dropped, unless
/// [`keep_incomplete`](Batches::keep_incomplete) is set. With [`Shuffle::Once`] these are the same images in every
/// epoch.
///
/// ```
/// use wengert::data::{Batches, Dataset, Shuffle};
/// let set = Dataset::new(vec![0.0; 10], vec![0; 10], [1, 1, 1], vec!["zero".into()])?;
/// let batches = Batches::new(set, 4)?.shuffle(Shuffle::EveryEpoch, 7);
/// assert_eq!((batches.per_epoch(), batches.epoch(0).count(), batches.run(1, 1).take(9).count()), (2, 2, 9));
/// assert_eq!(batches.gather(&[3, 0]).tensor().shape().dims(), [2, 1, 1, 1]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batches {
    data: Arc<Dataset>,
    size: usize,
    shuffle: Shuffle,
    seed: u64,
    keep_incomplete: bool,
}

impl Batches {
    /// Batches of `size` images, shuffled once with seed 0.
    ///
    /// # Errors
    /// [`Error::Setting`] when `size` is 0 or larger than the data set. (There is no empty data set.)
    pub fn new(data: impl Into<Arc<Dataset>>, size: usize) -> Result<Self> {
        let data = data.into();
        if size == 0 || size > data.len() {
            let of = format!("batches of a data set of {} images", data.len());
            return Err(Error::setting(&of, "size", size, "at least 1 and at most the number of images"));
        }
        Ok(Batches { data, size, shuffle: Shuffle::Once, seed: 0, keep_incomplete: false })
    }

    /// Shuffles with this seed.
    pub fn shuffle(self, shuffle: Shuffle, seed: u64) -> Self {
        Batches { shuffle, seed, ..self }
    }

    /// Keeps (`true`) or drops (`false`, the default) the last batch of an epoch when it is smaller than the others.
    pub fn keep_incomplete(self, keep_incomplete: bool) -> Self {
        Batches { keep_incomplete, ..self }
    }

    /// The data set.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The number of batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        if self.keep_incomplete { self.data.len().div_ceil(self.size) } else { self.data.len() / self.size }
    }

    /// The order in which epoch `epoch` (from 0) goes through the set.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        let number = match self.shuffle {
            Shuffle::Never => return order,
            Shuffle::Once => 0,
            Shuffle::EveryEpoch => epoch as u64,
        };
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&number.to_le_bytes());
        order.shuffle(&mut StdRng::from_seed(key));
        order
    }

    /// The batches of epoch `epoch` (from 0).
    pub fn epoch(&self, epoch: usize) -> std::iter::Take<Run> {
        self.run(epoch, 0).take(self.per_epoch())
    }

    /// All batches from batch `batch` (from 0) of epoch `epoch` on, epoch after epoch without end: a run starts at
    /// `run(0, 0)` and resumes anywhere. A `batch` past the end of its epoch is one of the next.
    pub fn run(&self, epoch: usize, batch: usize) -> Run {
        let (epoch, batch) = (epoch + batch / self.per_epoch(), batch % self.per_epoch());
        Run { order: self.order(epoch), plan: self.clone(), epoch, batch }
    }

    /// The batch of the images at these positions of the set.
    ///
    /// # Panics
    /// When a position is out of range.
    #[track_caller]
    pub fn gather(&self, indices: &[usize]) -> Batch {
        let mut images = Vec::with_capacity(indices.len() * self.data.image_len());
        indices.iter().for_each(|&i| images.extend_from_slice(self.data.image(i)));
        let labels = indices.iter().map(|&i| self.data.label(i)).collect();
        Batch { images, labels, indices: indices.to_vec(), shape: self.data.shape() }
    }
}

/// The endless iterator over batches that [`Batches::run`] returns.
#[derive(Clone, Debug)]
pub struct Run {
    plan: Batches,
    order: Vec<usize>,
    epoch: usize,
    batch: usize,
}

impl Run {
    /// The epoch and the batch within it (both from 0) that come next: the arguments of [`Batches::run`] to resume
    /// here.
    pub fn position(&self) -> (usize, usize) {
        (self.epoch, self.batch)
    }
}

impl Iterator for Run {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let size = self.plan.size;
        let indices = &self.order[self.batch * size..];
        let batch = self.plan.gather(&indices[..size.min(indices.len())]);
        self.batch += 1;
        if self.batch == self.plan.per_epoch() {
            (self.epoch, self.batch) = (self.epoch + 1, 0);
            if self.plan.shuffle == Shuffle::EveryEpoch {
                self.order = self.plan.order(self.epoch);
            }
        }
        Some(batch)
    }
}

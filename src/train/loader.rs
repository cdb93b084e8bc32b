//! Tensors split into batches, in an order that is a function of the seed and of the epoch's number alone.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Batch, Source};
use crate::{Error, Result, Tape, Tensor};

/// Observations in tensors of any shape, split into batches: PyTorch's `DataLoader` of a `TensorDataset`. (For a data set
/// of images there is [`Batches`](crate::data::Batches).)
///
/// The observations stay in their order unless they are [shuffled](DataLoader::shuffle). The last batch of an epoch may be
/// smaller than the others.
///
/// ```
/// use wengert::{Tensor, train::{DataLoader, Source}};
/// let x = Tensor::from([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]);
/// let mut source = DataLoader::new((x, vec![0, 1, 0]), 2)?;
/// let last = source.epoch(0).last().unwrap();
/// assert_eq!((last.inputs[0].to_vec(), last.labels), (vec![2.0, 2.1], vec![0]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataLoader {
    all: Batch,
    size: usize,
    seed: Option<u64>,
}

impl DataLoader {
    /// Batches of `size` observations. `observations` is what a [`Batch`] is made from: inputs, and labels or a target.
    ///
    /// # Errors
    /// [`Error::Setting`] when `size` is 0 or larger than the number of observations n, and when the inputs, labels and
    /// targets are not n each. (Without labels or targets there are none to count.)
    pub fn new(observations: impl Into<Batch>, size: usize) -> Result<Self> {
        let all = observations.into();
        let of = format!("batches of {} observations", all.len());
        if size == 0 || size > all.len() {
            return Err(Error::setting(&of, "size", size, "at least 1 and at most the number of observations"));
        }
        let rows = |tensor: &Tensor| tensor.shape().first().copied().unwrap_or(0);
        let labels = Some(all.labels.len()).filter(|&count| count > 0);
        let mut counts = all.inputs.iter().chain(&all.targets).map(rows).chain(labels);
        match counts.find(|&count| count != all.len()) {
            Some(count) => Err(Error::setting(&of, "number of labels or rows", count, "the number of observations")),
            None => Ok(DataLoader { all, size, seed: None }),
        }
    }

    /// Shuffles the observations before every epoch.
    pub fn shuffle(self, seed: u64) -> Self {
        DataLoader { seed: Some(seed), ..self }
    }

    /// The order in which epoch `epoch` goes through the observations.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        if let Some(seed) = self.seed {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&seed.to_le_bytes());
            key[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
            order.shuffle(&mut StdRng::from_seed(key));
        }
        order
    }

    fn gather(&self, indices: &[usize]) -> Batch {
        let rows = |x: &Tensor| Tape::with_dtype(x.dtype()).constant(x).index_select(0, indices).value();
        let Batch { inputs, labels, targets } = &self.all;
        Batch {
            inputs: inputs.iter().map(rows).collect(),
            labels: indices.iter().filter_map(|&i| labels.get(i).copied()).collect(),
            targets: targets.iter().map(rows).collect(),
        }
    }
}

impl<'b> Source<'b> for DataLoader {
    fn per_epoch(&self) -> usize {
        self.all.len().div_ceil(self.size)
    }

    fn epoch(&mut self, epoch: usize) -> Box<dyn Iterator<Item = Batch> + 'b> {
        let (loader, order) = (self.clone(), self.order(epoch));
        Box::new((0..self.per_epoch()).map(move |k| {
            let end = order.len().min((k + 1) * loader.size);
            loader.gather(&order[k * loader.size..end])
        }))
    }
}

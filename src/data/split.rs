//! A data set split into two, class by class.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::Dataset;
use crate::{Error, Result};

impl Dataset {
    /// The images at these positions, in this order; a position may occur twice.
    ///
    /// # Errors
    /// [`Error::Empty`] without a position; [`Error::Setting`] for one that the set does not have.
    pub fn subset(&self, indices: &[usize]) -> Result<Self> {
        if let Some(&index) = indices.iter().find(|&&index| index >= self.len()) {
            let of = format!("a subset of a data set of {} images", self.len());
            return Err(Error::setting(&of, "index", index, "less than the number of images"));
        }
        let images = indices.iter().flat_map(|&index| self.image(index)).copied().collect();
        let labels = indices.iter().map(|&index| self.label(index)).collect();
        Dataset::new(images, labels, self.shape(), self.names().to_vec())
    }

    /// Two sets: `count` random images of each class, and all others, both in the order of this set.
    ///
    /// This is the usual protocol of texture sets: 40 images of each class to train with, the others to test with, for
    /// several seeds. The images of a class depend on the seed, the class and the number of its images alone.
    ///
    /// ```
    /// use wengert::data::textures;
    /// let (train, test) = textures::generate(88, 16, 0)?.split_per_class(8, 1)?;
    /// assert_eq!((train.class_counts(), test.class_counts()), (vec![8; 8], vec![3; 8]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] when `count` is 0, or when a class would have no image left for the second set.
    pub fn split_per_class(&self, count: usize, seed: u64) -> Result<(Self, Self)> {
        let mut chosen = vec![false; self.len()];
        for (class, name) in self.names().iter().enumerate() {
            let mut of_class: Vec<usize> = (0..self.len()).filter(|&i| self.label(i) == class).collect();
            if count == 0 || count >= of_class.len() {
                let of = format!("a split of a data set with {} images of class `{name}`", of_class.len());
                return Err(Error::setting(&of, "count", count, "at least 1 and less than the images of each class"));
            }
            of_class.shuffle(&mut stream(seed, class));
            of_class[..count].iter().for_each(|&i| chosen[i] = true);
        }
        let part = |of: bool| self.subset(&(0..self.len()).filter(|&i| chosen[i] == of).collect::<Vec<_>>());
        Ok((part(true)?, part(false)?))
    }
}

/// The random stream of a class.
fn stream(seed: u64, class: usize) -> StdRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(class as u64).to_le_bytes());
    StdRng::from_seed(key)
}

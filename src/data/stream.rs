//! Random streams of drawn images: one for each image, so that no result depends on the number of threads, and no two parts
//! of a data set share an image.

use rand::{SeedableRng, rngs::StdRng};

/// Which images of a seed.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Train,
    Test,
    More,
}

/// The random stream of image `index` of a part. All streams differ, since each is a different key of the generator's
/// cipher.
pub(super) fn stream(seed: u64, part: Part, index: u64) -> StdRng {
    let mut key = [0; 32];
    for (bytes, number) in key.chunks_exact_mut(8).zip([seed, part as u64, index]) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    StdRng::from_seed(key)
}

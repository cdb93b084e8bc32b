//! Data sets: what they hold, how they are drawn, read, split into batches and fetched ahead, and every message.

mod batches;
mod dataset;
mod digits;
#[cfg(feature = "images")]
mod folder;
mod idx;
mod mnist;
mod prefetch;
mod split;
mod textures;

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// The bytes packed with gzip.
fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

//! Random textures that differ in second-order statistics alone: a data set that needs no file.
//!
//! A texture is a sum of M cosine waves with random phases, and gray noise:
//!
//! ```text
//! u(p) = √(2/M) · Σₘ cos(2π fₘ ⟨(cos θₘ, sin θₘ), p⟩ + φₘ) + ν(p),    φₘ uniform in [0, 2π),    ν normal
//! x(p) = 1/2 + CONTRAST · (u(p) - mean u) / std u
//! ```
//!
//! Each class has its own distribution of the frequency f (cycles a pixel) and the direction θ, and nothing else of its
//! own. As M grows, u becomes a stationary Gaussian field whose spectrum is that distribution (M. Shinozuka and C.-M. Jan,
//! "Digital simulation of random processes and its applications", Journal of Sound and Vibration 25, 1972): all that can be
//! known of a class are covariances between pixels. Phases are uniform, so the mean of a pixel is the same in all classes;
//! every image is normalized, so its own mean and variance are, too, up to the rounding to 256 levels. A classifier has to
//! look at products of filter responses, as bilinear pooling does, or at anything else that is not linear in x.
//!
//! Image `i` of a part has a random stream of its own, a function of the seed, the part and `i` alone. So the bits do
//! not depend on the number of threads, and no two parts share an image.

use std::f32::consts::TAU;

use rand::{RngExt, rngs::StdRng, seq::SliceRandom};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::{
    Dataset,
    stream::{Part, stream},
};
use crate::{Error, Result};

/// The number of rows and of columns of an image of [`textures`].
pub const SIDE: usize = 32;

/// The number of images in each part of [`textures`].
pub const COUNT: usize = 1600;

/// The mean of the pixels of an image.
pub const MEAN: f32 = 0.5;

/// The standard deviation of the pixels of an image.
pub const CONTRAST: f32 = 0.125;

/// The names of the classes. The stripes of `rising` go up to the right; `weave` has horizontal and vertical stripes,
/// `lattice` rising and falling ones; the grains have no direction.
pub const NAMES: [&str; 8] =
    ["fine grain", "coarse grain", "horizontal", "vertical", "rising", "falling", "weave", "lattice"];

/// A training set and a test set of textures.
#[derive(Clone, Debug, PartialEq)]
pub struct Textures {
    /// 1600 images `[1, 32, 32]`, 200 of each class, shuffled.
    pub train: Dataset,
    /// As many other images.
    pub test: Dataset,
}

/// Draws 1600 training and 1600 test images of eight textures, 32 pixels high and wide.
///
/// ```
/// let textures = wengert::data::textures(0);
/// assert_eq!((textures.train.len(), textures.test.shape()), (1600, [1, 32, 32]));
/// assert_eq!((textures.test.class_counts(), &*textures.test.names()[6]), (vec![200; 8], "weave"));
/// let mean = |class: usize| {
///     let of_class = |&i: &usize| textures.train.label(i) == class;
///     (0..1600).filter(of_class).flat_map(|i| textures.train.image(i)).sum::<f32>() / (200.0 * 1024.0)
/// };
/// assert!((0..8).all(|class| (mean(class) - 0.5).abs() < 1e-3));
/// ```
pub fn textures(seed: u64) -> Textures {
    let part = |part| draw_part(COUNT, SIDE, seed, part).expect("the settings are good");
    Textures { train: part(Part::Train), test: part(Part::Test) }
}

/// Draws `count` more textures of `side` rows and columns, shuffled and as balanced as `count` allows. With the side 32,
/// none of them is in [`textures`] of the same seed.
///
/// # Errors
/// [`Error::Empty`] when `count` is 0; [`Error::Setting`] when `side` is less than 8 or more than 4096.
pub fn generate(count: usize, side: usize, seed: u64) -> Result<Dataset> {
    if !(8..=4096).contains(&side) {
        return Err(Error::setting("textures", "side", side, "from 8 to 4096"));
    }
    draw_part(count, side, seed, Part::More)
}

fn draw_part(count: usize, side: usize, seed: u64, part: Part) -> Result<Dataset> {
    let mut labels: Vec<usize> = (0..count).map(|i| i % NAMES.len()).collect();
    labels.shuffle(&mut stream(seed, part, u64::MAX));
    let mut images = vec![0.0; count * side * side];
    images
        .par_chunks_exact_mut(side * side)
        .zip(&labels)
        .enumerate()
        .for_each(|(i, (image, &label))| draw(image, side, label, &mut stream(seed, part, i as u64)));
    Dataset::new(images, labels, [1, side, side], NAMES.map(String::from).to_vec())
}

/// The number of waves M of an image.
const WAVES: usize = 48;
/// The standard deviation of the gray noise; that of the waves is 1.
const NOISE: f32 = 0.3;
/// An image is rotated by up to this many degrees to either side, and its waves by as much again, each on its own.
const JITTER: f32 = 8.0;
/// The frequencies of an image lie within this factor around that of its class, and those of its waves around that.
const STRETCH: f32 = 1.15;

/// Draws a texture of a class.
fn draw(image: &mut [f32], side: usize, class: usize, rng: &mut StdRng) {
    let (turn, stretch) = (rng.random_range(-JITTER..JITTER), rng.random_range(STRETCH.recip()..STRETCH));
    for _ in 0..WAVES {
        let frequency = stretch * rng.random_range(STRETCH.recip()..STRETCH) * frequency(class);
        let angle = turn + rng.random_range(-JITTER..JITTER) + direction(class, rng);
        wave(image, side, frequency, angle.to_radians(), rng.random_range(0.0..TAU));
    }
    let scale = (2.0 / WAVES as f32).sqrt();
    for pixel in image.iter_mut() {
        let noise: f32 = StandardNormal.sample(rng);
        *pixel = scale * *pixel + NOISE * noise;
    }
    let n = image.len() as f64;
    let mean = image.iter().map(|&u| f64::from(u)).sum::<f64>() / n;
    let variance = image.iter().map(|&u| (f64::from(u) - mean).powi(2)).sum::<f64>() / n;
    for pixel in image {
        let x = MEAN + CONTRAST * ((f64::from(*pixel) - mean) / variance.sqrt()) as f32;
        *pixel = (x * 255.0).round().clamp(0.0, 255.0) / 255.0;
    }
}

/// The frequency of a class in cycles a pixel.
fn frequency(class: usize) -> f32 {
    match class {
        0 => 0.24,
        1 => 0.1,
        _ => 0.16,
    }
}

/// The direction of one wave in degrees: of its crests' normal, from the x axis (to the right) towards the y axis (down).
fn direction(class: usize, rng: &mut StdRng) -> f32 {
    let crossed = |rng: &mut StdRng| if rng.random() { 90.0 } else { 0.0 };
    match class {
        0 | 1 => rng.random_range(0.0..180.0),
        2 => 90.0,
        3 => 0.0,
        4 => 45.0,
        5 => 135.0,
        6 => crossed(rng),
        _ => 45.0 + crossed(rng),
    }
}

/// Adds cos(2π f (x cos θ + y sin θ) + φ) to each pixel: for each row and column one complex number of modulus 1, whose
/// products have the sums of the angles.
fn wave(image: &mut [f32], side: usize, frequency: f32, angle: f32, phase: f32) {
    let (sin, cos) = angle.sin_cos();
    let turns = |per_pixel: f32, start: f32| -> Vec<(f32, f32)> {
        (0..side).map(|i| (TAU * (frequency * per_pixel * i as f32) + start).sin_cos()).collect()
    };
    let (columns, rows) = (turns(cos, 0.0), turns(sin, phase));
    for (row, (sin_y, cos_y)) in image.chunks_exact_mut(side).zip(rows) {
        for (pixel, (sin_x, cos_x)) in row.iter_mut().zip(&columns) {
            *pixel += cos_x * cos_y - sin_x * sin_y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_the_cosine_of_its_formula() {
        let (side, frequency, angle, phase) = (9, 0.17_f32, 0.6_f32, 1.1_f32);
        let mut image = vec![0.0; side * side];
        wave(&mut image, side, frequency, angle, phase);
        for (i, &value) in image.iter().enumerate() {
            let (x, y) = ((i % side) as f32, (i / side) as f32);
            let expected = (TAU * frequency * (x * angle.cos() + y * angle.sin()) + phase).cos();
            assert!((value - expected).abs() < 1e-5, "pixel {i}: {value} and {expected}");
        }
    }
}

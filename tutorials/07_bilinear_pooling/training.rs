//! Training of one network on one split: random crops, reflected and scaled, Adam, a learning rate that falls to 0.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use wengert::{
    Result, Tensor,
    data::Dataset,
    nn::{Layer, Sequential},
    optim::{Adam, Schedule},
    train::{History, Trainer, finalize_statistics, predict},
};

use crate::network::{Pool, network};

/// What all networks of a comparison share.
#[derive(Clone, Copy)]
pub struct Budget {
    pub epochs: usize,
    pub batch: usize,
    pub rate: f64,
    /// The side of the random crops; the networks are tested on whole images.
    pub crop: usize,
    /// Whether crops are reflected at random, which is wrong where a direction makes a class.
    pub reflect: bool,
    /// Crops are enlarged or reduced by up to this factor.
    pub zoom: f64,
}

/// A trained network.
pub struct Trained {
    pub net: Sequential,
    pub history: History,
    pub accuracy: f64,
}

/// Every image with its own mean 0 and variance 1: gray level and contrast tell nothing.
pub fn standardized(set: &Dataset) -> Result<Dataset> {
    let mut images = set.images().to_vec();
    for image in images.chunks_mut(set.image_len()) {
        let n = image.len() as f32;
        let mean = image.iter().sum::<f32>() / n;
        let variance = image.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
        image.iter_mut().for_each(|x| *x = (*x - mean) / (variance + 1e-6).sqrt());
    }
    Dataset::new(images, set.labels().to_vec(), set.shape(), set.names().to_vec())
}

/// Trains the network that ends with `pool` on `train`, and tests it on `test`; both are [`standardized`].
pub fn train(pool: Pool, data: &[Arc<Dataset>; 2], budget: Budget, seed: u64) -> Result<Trained> {
    let [train, test] = data;
    let net = network(pool, train.classes(), seed);
    let mut adam = Adam::new(&net.params(), budget.rate)?;
    let per_epoch = train.len() / budget.batch;
    let steps = (per_epoch * budget.epochs) as u64;
    let source = |epoch: usize| crops(train.clone(), budget, seed, epoch).take(per_epoch);
    let history = Trainer::new(&net, &mut adam)
        .epochs(budget.epochs)
        .schedule(Schedule::CosineAnnealing { t_max: steps, eta_min: 0.0 })
        .progress(true)
        .fit(&mut (per_epoch, source))?;
    finalize_statistics(&net, &train.tensor(), 100)?;
    let predicted = predict(&net, &test.tensor(), 100)?;
    let right = predicted.iter().zip(test.labels()).filter(|(p, t)| p == t).count();
    Ok(Trained { net, history, accuracy: right as f64 / test.len() as f64 })
}

/// The batches of an epoch: a random crop of each image, scaled and reflected at random, in random order.
fn crops(set: Arc<Dataset>, budget: Budget, seed: u64, epoch: usize) -> impl Iterator<Item = (Tensor, Vec<usize>)> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(epoch as u64));
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.shuffle(&mut random);
    let batches: Vec<Vec<usize>> = order.chunks(budget.batch).map(<[usize]>::to_vec).collect();
    batches.into_iter().map(move |batch| {
        let [_, height, width] = set.shape();
        let side = budget.crop.min(height).min(width);
        let mut pixels = Vec::with_capacity(batch.len() * side * side);
        for &i in &batch {
            let widest = (height.min(width) - 1) as f64 / (side.max(2) - 1) as f64;
            // The distance of neighboring pixels of the crop in the image.
            let step = budget.zoom.powf(random.random_range(-1.0..=1.0)).min(widest);
            let extent = step * (side - 1) as f64;
            let free = |size: usize| (size - 1) as f64 - extent;
            let corner = [height, width].map(|size| free(size).max(0.0) * random.random::<f64>());
            let corner = if budget.zoom == 1.0 { corner.map(f64::round) } else { corner };
            let reflected = [(); 2].map(|()| random.random::<bool>() && budget.reflect);
            let place =
                |axis: usize, k: usize| corner[axis] + step * if reflected[axis] { side - 1 - k } else { k } as f64;
            for row in 0..side {
                let at = place(0, row);
                pixels.extend((0..side).map(|column| between(set.image(i), [height, width], [at, place(1, column)])));
            }
        }
        let images = Tensor::from_vec(pixels, [batch.len(), 1, side, side]).expect("a crop of each image");
        (images, batch.iter().map(|&i| set.label(i)).collect())
    })
}

/// The gray level at a place between pixels, linear between the four around it.
fn between(image: &[f32], [height, width]: [usize; 2], at: [f64; 2]) -> f32 {
    let [row, column] = at.map(|x| x as usize);
    let [down, right] = [(at[0] - row as f64) as f32, (at[1] - column as f64) as f32];
    let (row, column) = (row.min(height - 1), column.min(width - 1));
    let (below, beside) = ((row + 1).min(height - 1), (column + 1).min(width - 1));
    let line = |row: usize| image[row * width + column] * (1.0 - right) + image[row * width + beside] * right;
    line(row) * (1.0 - down) + line(below) * down
}

//! One run: milestones and a prefetching loader, as in the second post, with the mistakes of its loop mended.
//!
//! A loss of cosines turns embeddings and leaves their lengths alone. On a circle, or a sphere of three dimensions, a class
//! that starts between two others cannot pass them, unless its embeddings may go through the origin. So there is a choice:
//! a fixed scale s, as in ArcFace, or the length ‖x‖ in its place, as in SphereFace.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use wengert::{
    Result, Tensor, Var,
    data::{self, Batches, Dataset, Shuffle},
    nn::Layer,
    optim::{Adam, Decay, Schedule},
    train::{Batch, ClassAngles, Trainer, Verification, infer, pairs, predict, share_correct},
};

use crate::{
    data::Split,
    metrics::Figures,
    net::{Head, Net, Scale},
    options::{Kind, Recipe},
};

/// Pairs are made of this many unseen images at most: 2000 have two million pairs.
const MOST_IMAGES: usize = 2000;

/// A trained network in figures, and what its pictures show.
pub struct Outcome {
    pub figures: Figures,
    pub losses: Vec<f64>,
    /// The embeddings of the test images, `[n, dim]`, their labels, and the class centers, `[classes, dim]`.
    pub embeddings: Tensor,
    pub labels: Vec<usize>,
    pub centers: Vec<f64>,
    /// The pairs of unseen classes.
    pub verification: Verification,
}

/// Trains a network with this loss, and measures it.
///
/// # Errors
/// For settings that cannot be used, and for a loss that is not finite.
pub fn train(split: &Split, recipe: &Recipe, kind: Kind, seed: u64) -> Result<Outcome> {
    let margin = recipe.margin(kind)?;
    let images = Arc::new(split.train.clone());
    let net = Net::new(images.shape(), recipe.dim, images.classes(), margin, seed);
    let batches = Batches::new(images, recipe.batch)?.shuffle(Shuffle::EveryEpoch, seed);
    let per_epoch = batches.per_epoch();
    let total = (recipe.epochs * per_epoch) as u64;

    let mut loader = (per_epoch, |epoch: usize| {
        let (shift, mut rng) = (recipe.shift, StdRng::seed_from_u64(seed ^ ((epoch as u64 + 1) << 32)));
        let moved = batches.epoch(epoch).map(move |mut batch| {
            move_images(&mut batch, shift, &mut rng);
            batch
        });
        data::prefetch(moved, 2).map(|batch| (batch.tensor(), batch.labels))
    });
    // The learning rate falls to a tenth at each of three milestones.
    let schedule = Schedule::MultiStep { milestones: recipe.milestones(total), gamma: 0.1 };
    let mut adam = Adam::new(&net.params(), recipe.learning_rate)?.decay(Decay::Weights(1e-4))?;
    let history = Trainer::new(&net, &mut adam)
        .loss(|y, batch| loss(&net, y, batch))
        .metric("accuracy", |y, batch| share_correct(&y[..1], batch))
        .epochs(recipe.epochs)
        .schedule(schedule)
        .progress(true)
        .fit(&mut loader)?;

    let embed = |set: &Dataset| -> Result<Tensor> { Ok(infer(&net, &[set.tensor()], 500)?.swap_remove(1)) };
    let unseen = split.unseen.clone().first(split.unseen.len().min(MOST_IMAGES))?;
    let verification = Verification::new(&embed(&unseen)?, &pairs(unseen.labels()))?;
    let (embeddings, labels) = (embed(&split.test)?, split.test.labels());
    let predicted = predict(&net, &split.test.tensor(), 500)?;
    let right = predicted.iter().zip(labels).filter(|(predicted, label)| predicted == label).count();
    let accuracy = right as f64 / labels.len() as f64;
    let angles = ClassAngles::new(&embeddings, labels)?;
    Ok(Outcome {
        figures: Figures::new(accuracy, &angles, &verification, history.seconds)?,
        losses: history.losses,
        embeddings,
        labels: labels.to_vec(),
        centers: net.centers(),
        verification,
    })
}

/// The loss of a batch, from the numbers of the head and the embeddings.
fn loss<'t>(net: &Net, y: &[Var<'t>], batch: &Batch) -> Result<Var<'t>> {
    match &net.head {
        Head::Softmax(_) => y[0].try_cross_entropy(&batch.labels),
        Head::Cosine(head, margin, Scale::Fixed) => margin.stable_loss(head, y[1], &batch.labels),
        Head::Cosine(head, margin, Scale::Length) => {
            let cosines = margin.stable_logits(head, y[1], &batch.labels)?;
            (cosines * y[1].norm_axes(&[1], true)).try_cross_entropy(&batch.labels)
        }
    }
}

/// Shifts each image by up to `by` pixels each way; what enters is background.
fn move_images(batch: &mut data::Batch, by: usize, rng: &mut StdRng) {
    let [channels, height, width] = batch.shape;
    let by = by as i64;
    for image in batch.images.chunks_mut(channels * height * width).filter(|_| by > 0) {
        let (down, right) = (rng.random_range(-by..=by), rng.random_range(-by..=by));
        let old = image.to_vec();
        for (i, pixel) in image.iter_mut().enumerate() {
            let (y, x) = ((i / width % height) as i64 - down, (i % width) as i64 - right);
            let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x);
            let channel = i / (height * width) * height * width;
            *pixel = if inside { old[channel + y as usize * width + x as usize] } else { 0.0 };
        }
    }
}

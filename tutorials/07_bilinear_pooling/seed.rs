//! The program that did not learn, with each of its mistakes as a switch: frozen features, their descriptor, and a dense
//! layer that is trained by plain gradient descent for ten epochs of 49 batches of 16.

use std::sync::Arc;

use wengert::{
    DType, Result, Tape, Tensor, Var,
    data::{Batches, Dataset, Shuffle, textures},
    nn::{Init, Layer, Linear, Sequential},
    ops::ConvSpec,
    optim::Sgd,
    train::{Trainer, predict},
};

/// The batch size, written into the program in several places.
pub const BATCH: usize = 16;
/// The channels of the frozen features.
pub const CHANNELS: usize = 24;
const CLASSES: usize = 7;

/// The mistakes; `false` is the mended form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// `matmul(F, F, transpose_a=True)` with a place's features F `[16, c]`: FᵀF sums over the images.
    pub outer: bool,
    /// `l2_normalize(axis=None)`: all 16 images together have length 1, each by itself 1/4.
    pub norm: bool,
    /// A learning rate of 0.001, and not 1.
    pub rate: bool,
    /// The square root taken twice, where ε was added to all entries, and not to the diagonal.
    pub root: bool,
}

impl Mistakes {
    pub const ALL: Mistakes = Mistakes { outer: true, norm: true, rate: true, root: true };

    /// All sixteen combinations, from the program as written to the mended one.
    pub fn combinations() -> impl Iterator<Item = Mistakes> {
        (0..16).map(|k| Mistakes { outer: k & 1 == 0, norm: k & 2 == 0, rate: k & 4 == 0, root: k & 8 == 0 })
    }

    /// The mistakes that are left: `outer+norm+rate+root`, or `none`.
    pub fn name(self) -> String {
        let all = [(self.outer, "outer"), (self.norm, "norm"), (self.rate, "rate"), (self.root, "root")];
        let left: Vec<&str> = all.into_iter().filter(|m| m.0).map(|m| m.1).collect();
        if left.is_empty() { "none".into() } else { left.join("+") }
    }
}

/// From frozen features `[n, c, h, w]` to the descriptor `[n, c·c]`, as the program does it.
pub struct Descriptor(pub Mistakes);

impl Layer for Descriptor {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let Descriptor(wrong) = *self;
        let [n, c] = [x.shape()[0], x.shape()[1]];
        let each = x.bilinear_pool();
        let a = if wrong.outer { each.sum_axes(&[0], true).repeat(&[n, 1, 1]) } else { each };
        let added = if wrong.root { Tensor::ones([c, c], x.dtype()) } else { Tensor::eye(c, x.dtype()) };
        let (values, vectors) = (a + x.tape().constant(added) * 1e-7).eigh();
        let values = values.abs(); // singular values
        let roots = match wrong.root {
            true => values.lt(1e-10).select(values, values.sqrt()).sqrt(),
            false => values.sqrt(),
        };
        let root = (vectors * roots.unsqueeze(1)).matmul(vectors.transpose(1, 2));
        let signed = root.signed_sqrt().reshape([n, c * c]);
        let squares = signed.square();
        let squares = if wrong.norm { squares.sum() } else { squares.sum_axes(&[1], true) };
        signed / squares.max(1e-12).sqrt()
    }

    fn type_name(&self) -> &'static str {
        "Descriptor"
    }
}

/// Descriptor and dense layer.
pub fn net(mistakes: Mistakes) -> Sequential {
    let dense = Linear::with_init(CHANNELS * CHANNELS, CLASSES, Init::Glorot, 0);
    Sequential::new().named("descriptor", Descriptor(mistakes)).named("dense", dense)
}

/// Training and test features, of seven classes that are not equally frequent: 784 and 256 images, 31 % of the first
/// class. The features are 24 random filters of 7x7 pixels without a mean, frozen.
pub fn features(seed: u64) -> Result<[Arc<Dataset>; 2]> {
    let filters = Init::Normal(1.0 / 7.0).draw([CHANNELS, 1, 7, 7], seed.wrapping_add(1));
    let tape = Tape::new();
    let filters = tape.constant(filters);
    let filters = filters - filters.mean_axes(&[2, 3], true);
    let part = |counts: [usize; CLASSES], seed: u64| -> Result<Arc<Dataset>> {
        let all = textures::generate(8 * counts[0], textures::SIDE, seed)?;
        let mut taken = [0; CLASSES + 1];
        let chosen = |&i: &usize| {
            let class = all.label(i);
            taken[class] += 1;
            class < CLASSES && taken[class] <= counts[class]
        };
        let chosen: Vec<usize> = (0..all.len()).filter(chosen).collect();
        let set = all.subset(&chosen)?;
        let spec = ConvSpec { stride: [2, 2], ..ConvSpec::default() };
        let maps = (tape.constant(set.tensor()) * 8.0).conv2d(filters, None, spec).value();
        let names: Vec<String> = set.names()[..CLASSES].to_vec();
        Ok(Arc::new(Dataset::from_tensor(maps, set.labels().to_vec(), names)?))
    };
    Ok([part([244, 90, 90, 90, 90, 90, 90], 2 * seed)?, part([80, 30, 30, 29, 29, 29, 29], 2 * seed + 1)?])
}

/// The share of the most frequent class.
pub fn majority(set: &Dataset) -> f64 {
    set.class_counts().into_iter().max().unwrap_or(0) as f64 / set.len() as f64
}

/// How the trained program does on the test features: the accuracy, and how many classes it ever predicts.
pub struct Score {
    pub accuracy: f64,
    pub predicted: usize,
}

/// The batches of the training features.
pub fn batches(train: &Arc<Dataset>) -> Result<Batches> {
    Ok(Batches::new(train.clone(), BATCH)?.shuffle(Shuffle::EveryEpoch, 0))
}

/// The learning rate of a combination.
pub fn rate(mistakes: Mistakes) -> f64 {
    if mistakes.rate { 1e-3 } else { 1.0 }
}

/// Trains the program with these mistakes and this learning rate, and tests it in batches of 16, as it must be.
pub fn run(mistakes: Mistakes, rate: f64, epochs: usize, data: &[Arc<Dataset>; 2]) -> Result<Score> {
    let [train, test] = data;
    let net = net(mistakes);
    let mut sgd = Sgd::new(&net.params(), rate)?;
    Trainer::new(&net, &mut sgd).dtype(DType::F32).epochs(epochs).fit(&mut batches(train)?)?;
    let predicted = predict(&net, &test.tensor(), BATCH)?;
    let right = predicted.iter().zip(test.labels()).filter(|(p, t)| p == t).count();
    let distinct = (0..CLASSES).filter(|class| predicted.contains(class)).count();
    Ok(Score { accuracy: right as f64 / test.len() as f64, predicted: distinct })
}

//! The network: three convolutions, an embedding, and a head.

use wengert::{
    Var,
    nn::{BatchNorm, Conv2d, CosineHead, FixedElu, Flatten, Layer, Linear, MarginLoss, Sequential},
    ops::ConvSpec,
};

/// What turns embeddings into numbers for each class.
pub enum Head {
    /// Logits w · x + b, for softmax.
    Softmax(Linear),
    /// Cosines, for a loss with a margin.
    Cosine(CosineHead, MarginLoss, Scale),
}

/// What the cosines are multiplied with in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The scale s of the loss.
    Fixed,
    /// The length of each embedding; s is 1.
    Length,
}

/// Returns the numbers of the head, to predict from, and the embeddings.
pub struct Net {
    body: Sequential,
    pub head: Head,
}

impl Net {
    /// A network for images of this shape, with an embedding of `dim` numbers. Its body is the same for both heads.
    pub fn new(
        [channels, height, width]: [usize; 3],
        dim: usize,
        classes: usize,
        margin: Option<(MarginLoss, Scale)>,
        seed: u64,
    ) -> Self {
        let seeds: [u64; 6] = std::array::from_fn(|k| seed.wrapping_mul(6).wrapping_add(k as u64));
        let halve = |size: usize| size.div_ceil(2);
        let features = 32 * [height, width].map(|size| halve(halve(halve(size)))).iter().product::<usize>();
        let conv = |from, to, size, seed| {
            let spec = ConvSpec { stride: [2, 2], padding: [size / 2, size / 2], ..ConvSpec::default() };
            Conv2d::new(from, to, size, seed).with(spec)
        };
        let body = Sequential::new()
            .then(conv(channels, 8, 5, seeds[0]))
            .then(BatchNorm::new(8))
            .then(FixedElu(1.0))
            .then(conv(8, 16, 3, seeds[1]))
            .then(BatchNorm::new(16))
            .then(FixedElu(1.0))
            .then(conv(16, 32, 3, seeds[2]))
            .then(BatchNorm::new(32))
            .then(FixedElu(1.0))
            .then(Flatten)
            .then(Linear::new(features, 64, seeds[3]))
            .then(BatchNorm::new(64))
            .then(FixedElu(1.0))
            .named("embedding", Linear::new(64, dim, seeds[4]));
        let head = match margin {
            None => Head::Softmax(Linear::new(dim, classes, seeds[5])),
            Some((margin, scale)) => Head::Cosine(CosineHead::new(dim, classes, seeds[5]), margin, scale),
        };
        Net { body, head }
    }

    /// The class centers, `[classes, dim]`.
    pub fn centers(&self) -> Vec<f64> {
        match &self.head {
            Head::Softmax(linear) => linear.weight.value().to_vec(),
            Head::Cosine(head, ..) => head.weight.value().to_vec(),
        }
    }
}

impl Layer for Net {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let embedding = self.body.forward(x[0]);
        let scores = match &self.head {
            Head::Softmax(linear) => linear.forward(embedding),
            Head::Cosine(head, ..) => head.forward(embedding),
        };
        vec![scores, embedding]
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        let head: &dyn Layer = match &self.head {
            Head::Softmax(linear) => linear,
            Head::Cosine(head, ..) => head,
        };
        vec![("body", &self.body), ("head", head)]
    }
}

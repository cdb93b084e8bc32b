//! A classifier of directions: the cosines of the angles between embeddings and class centers.
//!
//! With x̂ = x/‖x‖ and ŵ = w/‖w‖, cos θ = x̂ · ŵ. The gradient with respect to x, (ŵ − cos θ x̂)/‖x‖, is perpendicular
//! to x: a step turns the embedding and does not shorten it. The head knows no labels. The margin of ArcFace and its
//! relatives belongs to the loss, see [`MarginLoss`](super::MarginLoss).

use super::{Init, Layer};
use crate::{Error, Param, Result, Var};

/// Cosines `[n, classes]` of the angles between embeddings `[n, dim]` and learned class centers, in training and in
/// evaluation alike.
///
/// With k sub-centers a class (Deng et al., Sub-center ArcFace, ECCV 2020), its cosine is the largest of k: noisy
/// observations gather around centers of their own.
///
/// An embedding or a center whose squared length is 0 in the tape's precision has no direction: its cosines and its
/// gradient are 0. A NaN makes all cosines of its row or column NaN.
///
/// ```
/// use wengert::{Tape, Tensor, nn::{CosineHead, Layer}};
/// let head = CosineHead::new(2, 3, 0);
/// head.weight.set(&Tensor::from([[1.0f32, 0.0], [0.0, 5.0], [-2.0, 0.0]]))?;
/// let tape = Tape::f64();
/// assert_eq!(head.forward(tape.constant([[3.0, 0.0]])).value(), Tensor::from([[1.0, 0.0, -1.0]]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct CosineHead {
    /// The class centers, of any length: `[classes · sub_centers, dim]`, those of a class one after another.
    pub weight: Param,
    sub_centers: usize,
}

impl CosineHead {
    /// A head with one center a class, drawn from [`Init::Glorot`].
    ///
    /// # Panics
    /// When `dim` or `classes` is 0.
    #[track_caller]
    pub fn new(dim: usize, classes: usize, seed: u64) -> Self {
        CosineHead::with_sub_centers(dim, classes, 1, seed)
    }

    /// A head with `sub_centers` centers a class.
    ///
    /// # Panics
    /// When `dim`, `classes` or `sub_centers` is 0.
    #[track_caller]
    pub fn with_sub_centers(dim: usize, classes: usize, sub_centers: usize, seed: u64) -> Self {
        assert!(
            dim > 0 && classes > 0 && sub_centers > 0,
            "cosine head: {classes} classes of {sub_centers} centers of {dim} numbers hold nothing; at least one each \
             is needed"
        );
        let weight = Init::Glorot.draw([classes * sub_centers, dim], seed);
        CosineHead { weight: Param::new("weight", weight), sub_centers }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.weight.shape()[0] / self.sub_centers
    }

    /// The cosines with all centers, `[n, classes · sub_centers]`.
    #[track_caller]
    pub(super) fn with_all_centers<'t>(&self, x: Var<'t>) -> Result<Var<'t>> {
        let (tape, shape, centers) = (x.tape(), x.shape(), self.weight.shape());
        if shape.rank() != 2 || shape[1] != centers[1] {
            let need = format!("embeddings [n, {}] are needed for centers of {} numbers", centers[1], centers[1]);
            return Err(tape.locate(Error::shape("cosine head", &[&shape, &centers], need)));
        }
        x.try_direction(1)?.try_linear(tape.watch(&self.weight).try_direction(1)?, None)
    }

    /// The largest cosine of each class, `[n, classes]`, from those with all centers.
    pub(super) fn of_classes<'t>(&self, all: Var<'t>) -> Var<'t> {
        match self.sub_centers {
            1 => all,
            k => all.reshape([all.shape()[0], self.classes(), k]).amax_axes(&[2], false),
        }
    }

    /// For each observation the row in `weight` of the center of its own class that is nearest (the first of equals).
    pub(super) fn nearest_own(&self, all: Var<'_>, labels: &[usize]) -> Vec<usize> {
        let (k, cosines) = (self.sub_centers, all.value());
        let nearest = |(i, &label): (usize, &usize)| {
            let first = label * k;
            (first..first + k)
                .fold(first, |best, j| if cosines.at(&[i, j]) > cosines.at(&[i, best]) { j } else { best })
        };
        labels.iter().enumerate().map(nearest).collect()
    }
}

impl Layer for CosineHead {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.of_classes(self.with_all_centers(x).unwrap_or_else(|error| panic!("{error}")))
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

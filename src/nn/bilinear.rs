//! Bilinear pooling: an image described by which channels occur together, and what is done to the description.
//!
//! For the feature vectors x_p at the h·w places p of an image, A = Σ x_p x_pᵀ/(h w) + ε I, *for each image by itself*
//! (Lin et al., arXiv 1504.07889). Three descriptors are made of it:
//!
//! - plain: sign(a) √|a| of each entry, then length 1;
//! - [`improved`]: A^½ first, then the same (Lin and Maji, arXiv 1707.06772);
//! - [`isqrt_cov`]: of the centered features, A^½ alone, its upper triangle (Li et al., arXiv 1712.01034).

use super::{Layer, MatrixSqrt, NewtonSchulz, Norm, Sequential};
use crate::{Error, Result, Tensor, Var};

/// The mean over the places of x xᵀ, plus ε I, for images `[n, c, h, w]`: symmetric matrices `[n, c, c]`.
///
/// The rank of the mean is at most h·w, so with fewer places than channels it is singular. ε keeps the eigenvalues at a
/// distance from 0, where the root has no slope. A dead channel leaves a row and a column of zeros, but for ε.
///
/// ```
/// use wengert::{Tape, nn::{BilinearPooling, Layer}};
/// let tape = Tape::f64();
/// let image = tape.constant([[[[1.0, 2.0]], [[0.0, 4.0]]]]); // two places: (1, 0) and (2, 4)
/// let pool = BilinearPooling::new().epsilon(0.25)?;
/// assert_eq!(pool.forward(image).value().to_vec(), [2.75, 4.0, 4.0, 8.25]);
/// assert_eq!(pool.centered().forward(image).value().to_vec(), [0.5, 1.0, 1.0, 4.25]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Panics
/// `forward` panics with [`Error::Shape`] for anything but images of at least one pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BilinearPooling {
    epsilon: f64,
    centered: bool,
}

impl Default for BilinearPooling {
    fn default() -> Self {
        BilinearPooling { epsilon: 1e-5, centered: false }
    }
}

impl BilinearPooling {
    /// Not centered, with ε = 10⁻⁵.
    pub fn new() -> Self {
        BilinearPooling::default()
    }

    /// Sets ε.
    ///
    /// # Errors
    /// [`Error::Setting`] when it is negative or not finite.
    pub fn epsilon(self, epsilon: f64) -> Result<Self> {
        match epsilon >= 0.0 && epsilon.is_finite() {
            true => Ok(BilinearPooling { epsilon, ..self }),
            false => Err(Error::setting("bilinear pooling", "epsilon", epsilon, "not negative and finite")),
        }
    }

    /// Subtracts the mean of each channel of each image first: A is the covariance of the channels.
    pub fn centered(self) -> Self {
        BilinearPooling { centered: true, ..self }
    }
}

impl Layer for BilinearPooling {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let centered = self.centered && x.rank() == 4;
        let a = (if centered { x - x.mean_axes(&[2, 3], true) } else { x }).bilinear_pool();
        match self.epsilon {
            0.0 => a,
            epsilon => a + x.tape().constant(Tensor::eye(x.shape()[1], x.dtype())) * epsilon,
        }
    }
}

/// The upper triangle of each matrix `[.., c, c]` with its diagonal, row by row: `[.., c (c + 1)/2]`.
///
/// A symmetric matrix is known by it, in half the numbers. Entries beside the diagonal then count once in a length, not
/// twice.
///
/// ```
/// use wengert::{Tape, nn::{Layer, UpperTriangle}};
/// let tape = Tape::f64();
/// assert_eq!(UpperTriangle.forward(tape.constant([[1.0, 2.0], [2.0, 5.0]])).value().to_vec(), [1.0, 2.0, 5.0]);
/// ```
///
/// # Panics
/// `forward` panics with [`Error::Shape`] when the matrices are not square.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpperTriangle;

impl Layer for UpperTriangle {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shape = x.shape();
        let (batch, c) = match shape.dims() {
            [batch @ .., rows, columns] if rows == columns => (batch, *rows),
            _ => {
                let need = "square matrices [.., c, c] are needed";
                panic!("{}", x.tape().locate(Error::shape("upper triangle", &[&shape], need)))
            }
        };
        let places: Vec<usize> = (0..c).flat_map(|i| (i..c).map(move |j| i * c + j)).collect();
        let flat: Vec<usize> = batch.iter().copied().chain([c * c]).collect();
        x.reshape(flat).index_select(-1, &places)
    }
}

/// sign(x) √|x|, which is defined and has the gradient 0 at 0. Its slope 1/(2 √|x|) grows without bound toward 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedSqrt;

impl Layer for SignedSqrt {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.signed_sqrt()
    }
}

/// x/‖x‖ with the length of all numbers of an observation, `[n, ..]`. An observation of zeros stays so, and has the
/// gradient 0.
///
/// ```
/// use wengert::{Tape, nn::{L2Normalize, Layer}};
/// let tape = Tape::f64();
/// let x = tape.constant([[[3.0, 3.0], [-3.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]]);
/// assert_eq!(L2Normalize.forward(x).value().to_vec(), [0.5, 0.5, -0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
/// ```
///
/// # Panics
/// `forward` panics with [`Error::Axis`] for a single number, which has no axis of observations.
#[derive(Clone, Copy, Debug, Default)]
pub struct L2Normalize;

impl Layer for L2Normalize {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.flatten(1).direction(1).reshape(x.shape())
    }
}

/// The improved descriptor of images `[n, c, h, w]`: pooling, root, upper triangle, signed square root, length 1;
/// `[n, c (c + 1)/2]`. Children are named `pool`, `root`, `triangle`, `signed`, `normalize`.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{BilinearPooling, Layer, MatrixSqrt, improved}};
/// let tape = Tape::f64();
/// let images = tape.constant(Tensor::from_fn([2, 3, 4, 4], DType::F64, |i| (i as f64).sin()));
/// let descriptor = improved(BilinearPooling::new(), MatrixSqrt::Lyapunov).forward(images);
/// assert_eq!(descriptor.shape().dims(), [2, 6]);
/// assert!((descriptor.square().sum().item() - 2.0).abs() < 1e-12); // two images, each of length 1
/// ```
pub fn improved(pool: BilinearPooling, root: MatrixSqrt) -> Sequential {
    Sequential::new()
        .named("pool", pool)
        .named("root", root)
        .named("triangle", UpperTriangle)
        .named("signed", SignedSqrt)
        .named("normalize", L2Normalize)
}

/// iSQRT-COV for images `[n, c, h, w]`: the covariance of the channels, its root by so many Newton-Schulz steps from A
/// divided by its trace (five are usual), the upper triangle; `[n, c (c + 1)/2]`.
///
/// # Errors
/// [`Error::Setting`] unless there are 1 to 100 steps.
pub fn isqrt_cov(steps: usize) -> Result<Sequential> {
    let root = MatrixSqrt::NewtonSchulz(NewtonSchulz::new(steps)?.norm(Norm::Trace));
    let pool = BilinearPooling::new().epsilon(0.0)?.centered();
    Ok(Sequential::new().named("pool", pool).named("root", root).named("triangle", UpperTriangle))
}

//! Batch normalization (Ioffe and Szegedy, arXiv 1502.03167) with the statistics of the batch, as one operation.
//!
//! Over the m = n·s numbers of each channel of x `[n, c, s..]`: x̂ = (x − mean) / √(var + ε), z = γ x̂ + β. With
//! dβ = Σ dz and dγ = Σ dz x̂,
//!
//! dx = γ / √(var + ε) · (dz − (dβ + x̂ dγ) / m).
//!
//! The mean is rounded as coarsely as x; what it lacks is kept beside it, as its shift. With the factor γ / √(var + ε), z =
//! (x − mean) · factor + term far from 0, where the difference is exact, and the shift contributes to the term. Elsewhere the
//! mean does, and nothing is subtracted, which saves an operation.
//!
//! When only values are wanted, kernels compute the gradients in two passes, one for the sums and one for dx. Of images the
//! second is left pending, for the convolution before it reads dx a few images at a time; a dz that is a long chain is
//! written out by the first. When the gradient is recorded, the
//! same formula is written in tape algebra, with x̂ as a function of x, so that it can be differentiated again.

use super::{
    Looped,
    affine::{Affine, Coefficients},
    convolution::missing_axes,
    formula::Formula,
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::{norm::Channels, program::Program},
    tape::{Saved, Var},
    tensor::{Element, Shape, Tensor},
};

/// Beyond so many standard deviations, a mean is far from 0. Nearer to it, the product with x loses no more than four bits.
const FAR: f64 = 16.0;

/// γ x̂ + β with the batch's own statistics.
pub(super) struct BatchNorm {
    epsilon: f64,
}

/// The statistics of a batch, for each channel.
pub(crate) struct Moments {
    /// As it is rounded.
    pub mean: Tensor,
    /// What the mean lacks.
    pub shift: Tensor,
    /// The biased variance: divided by the count, not the count minus 1.
    pub var: Tensor,
    pub rstd: Tensor,
}

/// The sizes `[n, c, s]` of a shape with channels at axis 1.
fn channels(shape: &Shape) -> Channels {
    Channels { n: shape[0], c: shape[1], s: shape[2..].iter().product() }
}

impl Op for BatchNorm {
    fn name(&self) -> &str {
        "batch_norm"
    }

    fn attributes(&self) -> String {
        format!("eps {:e}", self.epsilon)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let value = r"x_2 \odot \hat x + x_3, \hat x = \frac{x_1 - \mu}{\sqrt{\sigma^2 + \varepsilon}}";
        let centered = r"\bar z - \frac{1}{m} \left(\sum \bar z + \hat x \odot \sum (\bar z \odot \hat x)\right)";
        let by_x = format!(r"\frac{{x_2}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot \left({centered}\right)");
        Some(Formula::new(value, [&by_x, r"\sum (\bar z \odot \hat x)", r"\sum \bar z"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let fits = x[0].rank() >= 2 && x[1].dims() == &x[0][1..2] && x[2].dims() == &x[0][1..2];
        if !fits {
            return Err(Error::shape(
                "batch_norm",
                x,
                "features [n, c] or images [n, c, h, w], with gamma [c] and beta [c], are needed",
            )
            .help(missing_axes(matches!(x[0].rank(), 1 | 3))));
        }
        if x[0].numel() / x[0][1].max(1) < 2 {
            return Err(Error::shape(
                "batch_norm",
                x,
                "the statistics of a batch need at least two numbers in each channel",
            )
            .help("give more than one observation, leave out a last batch of one, or infer with `Mode::Eval`"));
        }
        Ok(x[0].clone())
    }

    /// The sum (1), the sum of squared distances (3), scale and shift (2).
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(6 * x[0].numel() as u64)
    }

    /// x̂ (2), Σ dz (1), Σ dz x̂ (2), and dx from them (4), unless it is recorded.
    fn rule_flops(&self, x: &[&Shape], _: &Shape, _: &[bool]) -> Option<u64> {
        Some(if pays_as_chain(x[0]) { 5 } else { 9 } * x[0].numel() as u64)
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        let sizes = channels(&shape);
        Ok(crate::dispatch!(x[0].dtype(), T => {
            let (moments, Coefficients { center, factor, term }) = moments::<T>(x, sizes, self.epsilon as T);
            *saved = Some(std::sync::Arc::new(moments));
            let center = center.unwrap_or_else(|| Tensor::zeros([sizes.c], T::DTYPE));
            Tensor::build::<T>(shape, |out| {
                sizes.normalize(x[0].data::<T>(), [&center, &factor, &term].map(|x| x.data::<T>()), out);
            })
        }))
    }

    fn affine(&self) -> Option<&dyn Affine> {
        Some(self)
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        if at.recorded {
            return self.recorded(&at);
        }
        let moments =
            at.saved().and_then(|saved| saved.downcast::<Moments>().ok()).expect("batch_norm keeps its moments");
        let (x, gamma) = (at.x[0].value(), at.x[1].value());
        if pays_as_chain(x.shape()) {
            return Ok(crate::dispatch!(x.dtype(), T => as_chain::<T>(&at, &x, &gamma, &moments)));
        }
        let gradients =
            crate::dispatch!(x.dtype(), T => at.dz.as_chain::<T, _>(|dz| backward(&x, dz, &gamma, &moments)));
        Ok(gradients.into_iter().map(|g| Some(at.tape().constant(g))).collect())
    }
}

impl Affine for BatchNorm {
    fn coefficients(&self, x: &[&Tensor]) -> (Saved, Coefficients) {
        let shape = x[0].shape();
        let (moments, found) = crate::dispatch!(x[0].dtype(), T => moments::<T>(x, channels(shape), self.epsilon as T));
        let over: Vec<usize> = (0..shape.rank()).filter(|&axis| axis != 1).collect();
        let column = |x: Tensor| x.reshaped(shape.reduced(&over, true));
        let (factor, term) = (column(found.factor), column(found.term));
        (std::sync::Arc::new(moments), Coefficients { center: found.center.map(column), factor, term })
    }
}

/// The statistics of a batch, and what normalizes it.
fn moments<T: Element>(x: &[&Tensor], sizes: Channels, epsilon: T) -> (Moments, Coefficients) {
    let [mut mean, mut shift, mut var] = [(); 3].map(|()| Tensor::zeros([sizes.c], T::DTYPE));
    let found = [&mut mean, &mut shift, &mut var].map(|found| found.data_mut::<T>());
    sizes.moments(x[0].data::<T>(), (sizes.n * sizes.s) as f64, found);
    let each = |f: &dyn Fn(usize) -> T| {
        Tensor::build::<T>(Shape::from([sizes.c]), |out| {
            out.iter_mut().enumerate().for_each(|(c, out)| *out = f(c));
        })
    };
    let rstd = each(&|c| T::ONE / (var.data::<T>()[c] + epsilon).root());
    let factor = each(&|c| x[1].data::<T>()[c] * rstd.data::<T>()[c]);
    let mut means = mean.data::<T>().iter().zip(rstd.data::<T>());
    let far = means.any(|(mean, rstd)| (mean.to_f64() * rstd.to_f64()).abs() > FAR);
    let rest = if far { &shift } else { &mean };
    let term = each(&|c| x[2].data::<T>()[c] - rest.data::<T>()[c] * factor.data::<T>()[c]);
    let center = far.then(|| mean.clone());
    (Moments { mean, shift, var, rstd }, Coefficients { center, factor, term })
}

fn backward<T: Element>(x: &Tensor, dz: &Program<'_, T>, gamma: &Tensor, m: &Moments) -> [Tensor; 3] {
    let sizes = channels(x.shape());
    let mut dgamma = Tensor::zeros([sizes.c], T::DTYPE);
    let mut dbeta = Tensor::zeros([sizes.c], T::DTYPE);
    let dx = Tensor::build::<T>(x.shape().clone(), |dx| {
        let statistics = [&m.mean, &m.shift, &m.rstd, gamma].map(|x| x.data::<T>());
        let sums = [dgamma.data_mut::<T>(), dbeta.data_mut::<T>()];
        sizes.backward(x.data::<T>(), &dz.pieces(x.shape()), statistics, dx, sums);
    });
    [dx, dgamma, dbeta]
}

/// Whether the gradient by x is left to the chain that reads it: where that is computed in blocks, and a block has one
/// channel.
fn pays_as_chain(x: &Shape) -> bool {
    x.numel() >= 4096 && channels(x).s >= 128
}

/// The sums of the rule as numbers, and dx as elementwise operations: a convolution computes them image by image.
fn as_chain<'t, T: Looped>(at: &Vjp<'_, 't>, x: &Tensor, gamma: &Tensor, m: &Moments) -> Grads<'t> {
    let sizes = channels(x.shape());
    let [mut dgamma, mut dbeta, mut p, mut q, mut r] = [(); 5].map(|()| Tensor::zeros([sizes.c], T::DTYPE));
    let [mean, shift, rstd] = [&m.mean, &m.shift, &m.rstd].map(|x| x.data::<T>());
    at.dz.compute_with::<T>(|dz, kept| {
        let sums = [dgamma.data_mut::<T>(), dbeta.data_mut::<T>()];
        sizes.grad_sums(x.data::<T>(), &dz.pieces(x.shape()), kept, [mean, shift, rstd], sums);
    });
    let found = [shift, rstd, gamma.data::<T>(), dgamma.data::<T>(), dbeta.data::<T>()];
    sizes.grad_coefficients(found, [&mut p, &mut q, &mut r].map(|x| x.data_mut::<T>()));
    let [mean, p, q, r] = [m.mean.clone(), p, q, r].map(|v| at.tape().constant(v).per_channel(at.x[0]));
    let dx = at.needs[0].then(|| at.dz.scaled_plus(p, (at.x[0] - mean).scaled_plus(q, r)));
    Grads::from_iter([dx, Some(at.tape().constant(dgamma)), Some(at.tape().constant(dbeta))])
}

impl BatchNorm {
    /// The rule in tape algebra.
    fn recorded<'t>(&self, at: &Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, gamma, dz) = (at.x[0], at.x[1], at.dz);
        let shape = x.shape();
        let sizes = channels(&shape);
        let m = (sizes.n * sizes.s) as f64;
        let over: Vec<isize> = (0..shape.rank() as isize).filter(|&axis| axis != 1).collect();
        let distance = x - x.mean_axes(&over, true);
        let distance = distance - distance.mean_axes(&over, true);
        let rstd = ((distance * distance).mean_axes(&over, true) + self.epsilon).rsqrt();
        let normal = distance * rstd;
        let dgamma = (dz * normal).sum_axes(&over, true);
        let dbeta = dz.sum_axes(&over, true);
        let dx = gamma.per_channel(x) * rstd * (dz - (dbeta + normal * dgamma) / m);
        let flat = |v: Var<'t>| v.reshape([sizes.c]);
        Ok(Grads::from_iter([Some(dx), Some(flat(dgamma)), Some(flat(dbeta))]))
    }
}

impl Sampled for BatchNorm {
    fn samples() -> Vec<Sample> {
        let with = |x: Tensor, c| vec![x, numbers([c], 0.5, 1.5, 2), numbers([c], -1.0, 1.0, 3)];
        vec![
            Sample::new("batch_norm of features", with(numbers([5, 3], -2.0, 2.0, 1), 3), |x| {
                x[0].batch_norm(x[1], x[2], 1e-5)
            }),
            Sample::new("batch_norm of images", with(numbers([2, 2, 3, 2], -2.0, 2.0, 1), 2), |x| {
                x[0].batch_norm(x[1], x[2], 1e-5)
            }),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Batch normalization over all axes except the channels (axis 1), with the statistics of the batch: gamma · (x
        /// − mean) / √(var + epsilon) + beta, for gamma and beta `[c]`.
        #[or_panic(batch_norm)]
        /// [`Error::Shape`] when the shapes do not match, or a channel has fewer than two numbers;
        /// [`Error::Setting`] for an ε that is negative or not finite.
        pub fn try_batch_norm(self, gamma: Var<'t>, beta: Var<'t>, epsilon: f64) -> Result<Var<'t>> {
            self.epsilon("batch_norm", epsilon)?;
            self.tape().builtin(BatchNorm { epsilon }, &[self, gamma, beta])
        }
    );

    /// The mean and the biased variance of each channel that [`batch_norm`](Var::batch_norm) used to compute this
    /// value; `None` if another operation computed it.
    pub fn batch_moments(self) -> Option<(Tensor, Tensor)> {
        let moments = self.tape().saved(self.id())?.downcast::<Moments>().ok()?;
        Some((moments.mean.clone(), moments.var.clone()))
    }
}

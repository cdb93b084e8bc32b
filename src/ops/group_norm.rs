//! Normalization within each observation: to mean 0 and variance 1 over some of its numbers, then scaled and shifted.
//!
//! x̂ = (x − mean) / √(var + ε), z = γ x̂ + β. *Layer* normalization (Ba et al., arXiv 1607.06450) takes the statistics
//! over the last axes, *group* normalization (Wu and He, arXiv 1803.08494) over groups of channels. Neither looks at
//! the other observations of a batch, so both work the same in training and evaluation. With g = γ dz, and m numbers in a
//! row that shares its statistics,
//!
//! dγ = Σ dz x̂, dβ = Σ dz, dx = (g − (Σ g + x̂ Σ g x̂) / m) / √(var + ε),
//!
//! the first two over all observations, the others over a row. When only values are wanted, a kernel computes all three in
//! one sweep. When the gradient is recorded, the same formula is written in tape algebra.

use super::{
    Looped,
    formula::Formula,
    op::{Grads, Mixes, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result, counted},
    kernels::norm::Rows,
    tape::{Saved, Var},
    tensor::{Element, Shape, Tensor},
};

/// γ x̂ + β with the statistics of each row: of the axes of γ, or of each of some groups of channels.
pub(super) struct GroupNorm {
    groups: Option<usize>,
    epsilon: f64,
}

impl GroupNorm {
    /// The rows of x, given the shape of γ.
    fn rows(&self, x: &Shape, gamma: &Shape) -> Rows {
        let product = |sizes: &[usize]| sizes.iter().product();
        match self.groups {
            None => Rows { n: product(&x[..x.rank() - gamma.rank()]), groups: 1, c: product(gamma), s: 1 },
            Some(groups) => Rows { n: x[0], groups, c: x[1] / groups, s: product(&x[2..]) },
        }
    }
}

impl Op for GroupNorm {
    fn name(&self) -> &str {
        if self.groups.is_some() { "group_norm" } else { "layer_norm" }
    }

    fn attributes(&self) -> String {
        let groups = self.groups.map(|groups| format!("groups {groups} ")).unwrap_or_default();
        format!("{groups}eps {:e}", self.epsilon)
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let value = r"x_2 \odot \hat x + x_3, \hat x = \frac{x_1 - \mu}{\sqrt{\sigma^2 + \varepsilon}}";
        let centered = r"g - \frac{1}{m} \left(\sum g + \hat x \odot \sum (g \odot \hat x)\right)";
        let by_x = format!(
            r"\frac{{1}}{{\sqrt{{\sigma^2 + \varepsilon}}}} \odot \left({centered}\right), g = x_2 \odot \bar z"
        );
        Some(Formula::new(value, [&by_x, r"\sum (\bar z \odot \hat x)", r"\sum \bar z"]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let [shape, scale, shift] = [x[0], x[1], x[2]];
        let need = match self.groups {
            None if scale.rank() == 0 || !shape.ends_with(scale) || shift != scale => {
                "gamma and beta must have the sizes of the input's last axes, at least one".to_owned()
            }
            Some(groups)
                if shape.rank() < 2
                    || scale.dims() != &shape[1..2]
                    || shift != scale
                    || groups == 0
                    || shape[1] % groups != 0 =>
            {
                let divide = if groups == 1 { "divides" } else { "divide" };
                let by = counted(groups, "group");
                format!("[n, c, ..] with gamma [c] and beta [c], and channels that {by} {divide}, are needed")
            }
            _ if self.rows(shape, scale).length() == 0 => {
                "the statistics of an observation need at least one number".to_owned()
            }
            _ => return Ok(shape.clone()),
        };
        Err(Error::shape(self.name(), x, need))
    }

    /// The sum (1), the sum of squared distances (3), x̂ (2), scale and shift (2).
    fn flops(&self, x: &[&Shape], _: &Shape) -> Option<u64> {
        Some(8 * x[0].numel() as u64)
    }

    /// g (1), x̂ (2), Σ g (1), Σ g x̂ (2), dγ (2), dβ (1), and dx from them (4).
    fn rule_flops(&self, x: &[&Shape], _: &Shape, _: &[bool]) -> Option<u64> {
        Some(13 * x[0].numel() as u64)
    }

    /// What is kept of each row is saved, `[rows, 3]`.
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        let rows = self.rows(&shape, x[1].shape());
        Ok(crate::dispatch!(x[0].dtype(), T => {
            let [x, gamma, beta] = [x[0], x[1], x[2]].map(|x| x.data::<T>());
            let mut kept = Tensor::zeros([rows.count(), 3], T::DTYPE);
            let z = Tensor::build::<T>(shape, |z| {
                let kept = kept.data_mut::<T>().as_chunks_mut().0;
                rows.normalize(x, [gamma, beta], self.epsilon as T, z, kept);
            });
            *saved = Some(std::sync::Arc::new(kept));
            z
        }))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        if at.recorded || at.masked {
            return self.in_algebra(&at);
        }
        let kept = at.saved().and_then(|saved| saved.downcast::<Tensor>().ok()).expect("the statistics are kept");
        let (x, gamma) = (at.x[0].value(), at.x[1].value());
        let gradients = crate::dispatch!(x.dtype(), T => self.on_numbers::<T>(at.dz, &x, &gamma, &kept));
        Ok(gradients.into_iter().map(|g| Some(at.tape().constant(g))).collect())
    }

    /// Rows are kept apart: the rule itself sees to those that are not used.
    fn mixes(&self) -> Mixes {
        Mixes::Nothing
    }
}

impl GroupNorm {
    fn on_numbers<T: Looped + Element>(&self, dz: Var<'_>, x: &Tensor, gamma: &Tensor, kept: &Tensor) -> [Tensor; 3] {
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| Tensor::zeros(gamma.shape().clone(), T::DTYPE));
        let dx = Tensor::build::<T>(x.shape().clone(), |dx| {
            let sums = [dgamma.data_mut::<T>(), dbeta.data_mut::<T>()];
            let kept = kept.data::<T>().as_chunks().0;
            dz.as_chain::<T, _>(|dz| {
                let rows = self.rows(x.shape(), gamma.shape());
                rows.backward(x.data::<T>(), &dz.pieces(x.shape()), gamma.data::<T>(), kept, dx, sums);
            });
        });
        [dx, dgamma, dbeta]
    }

    /// The rule in tape algebra. A NaN of a row that is not used counts as 0, as behind any selection.
    fn in_algebra<'t>(&self, at: &Vjp<'_, 't>) -> Result<Grads<'t>> {
        let (x, gamma) = (at.x[0], at.x[1]);
        let (shape, scale) = (x.shape(), gamma.shape());
        let rows = self.rows(&shape, &scale);
        let by_rows = |v: Var<'t>| v.reshape([rows.count(), rows.length()]);
        let centered = |v: Var<'t>| v - v.mean_axes(&[1], true);
        // The first mean is rounded as coarsely as x; the second, of the distances, is what it lacks.
        let (dz, distance) = (by_rows(at.dz), centered(centered(by_rows(x))));
        let rstd = (distance.square().mean_axes(&[1], true) + self.epsilon).rsqrt();
        let unused = at.masked.then(|| dz.ne(0.0).sum_axes(&[1], true).eq(0.0));
        let used = |v: Var<'t>| unused.map_or(v, |unused| (v.ne(v) * unused).select(0.0, v));
        let normal = used(distance * rstd);
        let per_channel = |v: Var<'t>| v.reshape([rows.n, rows.groups * rows.c, rows.s]).sum_axes(&[0, 2], false);
        let (dgamma, dbeta) = (per_channel(dz * normal).reshape(&scale), per_channel(dz).reshape(&scale));
        let channels = gamma.reshape([rows.groups * rows.c, 1]);
        let g = by_rows(at.dz.reshape([rows.n, rows.groups * rows.c, rows.s]) * channels);
        let dx = rstd * (g - (g.mean_axes(&[1], true) + normal * (g * normal).mean_axes(&[1], true)));
        Ok(Grads::from_iter([Some(used(dx).reshape(shape)), Some(dgamma), Some(dbeta)]))
    }
}

impl Sampled for GroupNorm {
    fn samples() -> Vec<Sample> {
        let with = |x: &[usize], scale: &[usize]| {
            vec![numbers(x, -2.0, 2.0, 1), numbers(scale, 0.5, 1.5, 2), numbers(scale, -1.0, 1.0, 3)]
        };
        vec![
            Sample::new("layer_norm", with(&[2, 5], &[5]), |x| x[0].layer_norm(x[1], x[2], 1e-5)),
            Sample::new("layer_norm of two axes", with(&[2, 3, 2], &[3, 2]), |x| x[0].layer_norm(x[1], x[2], 1e-5)),
            Sample::new("group_norm", with(&[2, 4, 2, 1], &[4]), |x| x[0].group_norm(2, x[1], x[2], 1e-5)),
            Sample::new("group_norm of features", with(&[2, 6], &[6]), |x| x[0].group_norm(2, x[1], x[2], 1e-5)),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// Layer normalization over the last axes, those of `gamma` and `beta`: gamma · (x − mean) / √(var + epsilon) +
        /// beta.
        ///
        /// ```
        /// use wengert::{DType, Tape, Tensor};
        /// let tape = Tape::f64();
        /// let x = tape.leaf([[1.0, 3.0], [10.0, 30.0]]);
        /// let (gamma, beta) = (tape.leaf(Tensor::ones([2], DType::F64)), tape.leaf(Tensor::zeros([2], DType::F64)));
        /// assert_eq!(x.layer_norm(gamma, beta, 0.0).value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
        /// ```
        #[or_panic(layer_norm)]
        /// [`Error::Shape`](crate::Error::Shape) when `gamma` and `beta` do not have the shape of the last axes, or these
        /// have no numbers; [`Error::Setting`](crate::Error::Setting) for an ε that is negative or not finite.
        pub fn try_layer_norm(self, gamma: Var<'t>, beta: Var<'t>, epsilon: f64) -> Result<Var<'t>> {
            self.epsilon("layer_norm", epsilon)?;
            self.tape().builtin(GroupNorm { groups: None, epsilon }, &[self, gamma, beta])
        }
    );

    twin!(
        /// Group normalization of features `[n, c]` or images `[n, c, h, w]`: the c channels are divided into `groups` runs
        /// of equal length, each with its own statistics; `gamma` and `beta` are `[c]`.
        ///
        /// With one group it is layer normalization of an image, with c groups instance normalization (Ulyanov et al.,
        /// arXiv 1607.08022).
        #[or_panic(group_norm)]
        /// [`Error::Shape`](crate::Error::Shape) when the shapes do not match, `groups` does not divide the channels, or a
        /// group has no numbers; [`Error::Setting`](crate::Error::Setting) for an ε that is negative or not finite.
        pub fn try_group_norm(self, groups: usize, gamma: Var<'t>, beta: Var<'t>, epsilon: f64) -> Result<Var<'t>> {
            self.epsilon("group_norm", epsilon)?;
            self.tape().builtin(GroupNorm { groups: Some(groups), epsilon }, &[self, gamma, beta])
        }
    );
}

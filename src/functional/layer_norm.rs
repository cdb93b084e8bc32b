//! Normalization within each observation: to mean 0 and variance 1 over some of its numbers, then scaled and shifted.
//!
//! x̂ = (x − mean) / √(var + ε), y = γ x̂ + β. *Layer* normalization (Ba et al., arXiv 1607.06450) takes the statistics
//! over the last axes, *group* normalization (Wu and He, arXiv 1803.08494) over groups of channels. Neither looks at
//! the other observations of a batch, so both work the same in training and evaluation. They are written in tape
//! algebra.

use super::composition::composition;
use crate::{
    error::Result,
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

/// (x − mean) / √(var + ε) over `axes`.
fn standardise<'t>(x: Var<'t>, axes: &[isize], epsilon: f64) -> Result<Var<'t>> {
    let distance = x - x.try_mean_axes(axes, true)?;
    Ok(distance * (distance.square().try_mean_axes(axes, true)? + epsilon).rsqrt())
}

composition!(
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
    /// [`Error::Shape`](crate::Error::Shape) when `gamma` and `beta` do not have the shape of the last axes;
    /// [`Error::Setting`](crate::Error::Setting) for an ε that is negative or not finite.
    pub fn try_layer_norm(self, gamma: Var<'t>, beta: Var<'t>, epsilon: f64) -> Result<Var<'t>> {
        self.epsilon("layer_norm", epsilon)?;
        let (shape, inner) = (self.shape(), gamma.shape());
        if inner.rank() == 0 || !shape.ends_with(&inner) || beta.shape() != inner {
            let need = "gamma and beta must have the sizes of the input's last axes, at least one";
            return Err(self.shape_error("layer_norm", &[&shape, &inner, &beta.shape()], need));
        }
        let axes: Vec<isize> = (-(inner.rank() as isize)..0).collect();
        Ok(standardise(self, &axes, epsilon)? * gamma + beta)
    },
    [
        Sample::new("layer_norm", with(&[2, 5], &[5]), |x| x[0].layer_norm(x[1], x[2], 1e-5)),
        Sample::new("layer_norm of two axes", with(&[2, 3, 2], &[3, 2]), |x| x[0].layer_norm(x[1], x[2], 1e-5)),
    ]
);

composition!(
    /// Group normalization of features `[n, c]` or images `[n, c, h, w]`: the c channels are divided into `groups` runs
    /// of equal length, each with its own statistics; `gamma` and `beta` are `[c]`.
    ///
    /// With one group it is layer normalization of an image, with c groups instance normalization (Ulyanov et al.,
    /// arXiv 1607.08022).
    #[or_panic(group_norm)]
    /// [`Error::Shape`](crate::Error::Shape) when the shapes do not match, or `groups` does not divide the channels;
    /// [`Error::Setting`](crate::Error::Setting) for an ε that is negative or not finite.
    pub fn try_group_norm(self, groups: usize, gamma: Var<'t>, beta: Var<'t>, epsilon: f64) -> Result<Var<'t>> {
        self.epsilon("group_norm", epsilon)?;
        let (shape, scale, shift) = (self.shape(), gamma.shape(), beta.shape());
        let fits = shape.rank() >= 2 && scale.dims() == &shape[1..2] && shift == scale;
        if !fits || groups == 0 || shape[1] % groups != 0 {
            let need =
                format!("[n, c, ..] with gamma [c] and beta [c], and channels that {groups} groups divide, are needed");
            return Err(self.shape_error("group_norm", &[&shape, &scale, &shift], need));
        }
        let size = shape[1] / groups * shape[2..].iter().product::<usize>();
        let grouped = self.try_reshape([shape[0], groups, size])?;
        let normal = standardise(grouped, &[2], epsilon)?.try_reshape(&shape)?;
        Ok(normal * gamma.per_channel(self) + beta.per_channel(self))
    },
    [Sample::new("group_norm", with(&[2, 4, 2, 1], &[4]), |x| x[0].group_norm(2, x[1], x[2], 1e-5))]
);

/// An input, gamma and beta.
fn with(x: &[usize], scale: &[usize]) -> Vec<Tensor> {
    vec![numbers(x, -2.0, 2.0, 1), numbers(scale, 0.5, 1.5, 2), numbers(scale, -1.0, 1.0, 3)]
}

//! Bilinear pooling: an image described by how its channels occur together.
//!
//! For the h·w feature vectors x_p of an image, A = Σ x_p x_pᵀ / (h w): a symmetric matrix of channels by channels,
//! *for each image by itself* (Lin et al., arXiv 1504.07889). The improved form (Lin and Maji, arXiv 1707.06772) takes
//! its matrix square root, then [`signed_sqrt`](Var::signed_sqrt) and [`l2_normalize`](Var::l2_normalize) of each
//! image.

use super::composition::composition;
use crate::{ops::sample::Sample, tape::Var};

composition!(
    /// The mean over the positions p of x_p x_pᵀ, for images `[n, c, h, w]`: `[n, c, c]`.
    #[or_panic(bilinear_pool)]
    /// [`Error::Shape`](crate::Error::Shape) when these are not images, or images without a pixel.
    pub fn try_bilinear_pool(self) -> Result<Var<'t>> {
        let (shape, need) = (self.shape(), "images [n, c, h, w] of at least one pixel are needed");
        match *shape.dims() {
            [n, c, height, width] if height * width > 0 => {
                let positions = height * width;
                let x = self.try_reshape([n, c, positions])?;
                Ok(x.product(false, x, true)? / positions as f64)
            }
            _ => Err(self.shape_error("bilinear_pool", &[&shape], need)),
        }
    },
    [Sample::unary("bilinear_pool", [2, 3, 2, 2], |x| x.bilinear_pool())]
);

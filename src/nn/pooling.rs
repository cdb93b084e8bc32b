//! Pooling: one number for each window of an image, or for the whole of it.

use super::Layer;
use crate::{Error, Var, ops::Window};

/// The largest number in each window of images `[n, c, h, w]`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d(pub Window);

impl Layer for MaxPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.max_pool2d(self.0)
    }
}

/// The mean of each window of images `[n, c, h, w]`. Padding counts as zeros, as by default in PyTorch;
/// [`Var::avg_pool2d`] can leave it out.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d(pub Window);

impl Layer for AvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.avg_pool2d(self.0, true)
    }
}

/// The mean of each channel of images: `[n, c, h, w]` to `[n, c]` (Lin et al., arXiv 1312.4400).
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAvgPool2d;

impl Layer for GlobalAvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shape = x.shape();
        if shape.rank() != 4 {
            let need = "images [n, c, h, w] are needed";
            panic!("{}", x.tape().locate(Error::shape("global_avg_pool2d", &[&shape], need)));
        }
        x.mean_axes(&[2, 3], false)
    }
}

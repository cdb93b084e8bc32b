//! Pooling: one number for each window of an image or a sequence, or for the whole of it; and the way back, to a larger
//! image.

use super::Layer;
use crate::{
    Error, Var,
    functional::{Interpolate, Pool},
    ops::Window,
};

/// Layers that hold one setting and call one function with it.
macro_rules! layers_with {
    ($($(#[doc = $doc:literal])+ $Name:ident($Setting:ty) |$x:ident, $of:ident| $y:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $Name(pub $Setting);

        impl Layer for $Name {
            #[track_caller]
            fn forward<'t>(&self, $x: Var<'t>) -> Var<'t> {
                let $of = self.0;
                $y
            }
        }
    )+};
}

layers_with! {
    /// The largest number in each window of images `[n, c, h, w]`.
    MaxPool2d(Window) |x, window| x.max_pool2d(window);
    /// The mean of each window of images `[n, c, h, w]`. Padding counts as zeros, as by default in PyTorch;
    /// [`Var::avg_pool2d`] can leave it out.
    AvgPool2d(Window) |x, window| x.avg_pool2d(window, true);
    /// [`MaxPool2d`] with the options of a [`Pool`]: dilation, and sizes rounded up.
    MaxPool2dWith(Pool) |x, pool| x.max_pool2d_with(&pool);
    /// [`AvgPool2d`] with the options of a [`Pool`]: padding that does not count, a divisor, sizes rounded up.
    AvgPool2dWith(Pool) |x, pool| x.avg_pool2d_with(&pool);
    /// The means of as many windows as the result has rows and columns: `[n, c, h, w]` to images of this height and width.
    AdaptiveAvgPool2d([usize; 2]) |x, size| x.adaptive_avg_pool2d(size);
    /// The largest numbers of as many windows as the result has rows and columns: `[n, c, h, w]` to images of this height
    /// and width.
    AdaptiveMaxPool2d([usize; 2]) |x, size| x.adaptive_max_pool2d(size);
    /// Images `[n, c, h, w]` in another size.
    Upsample(Interpolate) |x, options| x.interpolate(&options);
    /// The largest number in each window of sequences `[n, c, l]`. Of kernel, stride and padding, the second number counts.
    MaxPool1d(Window) |x, window| x.max_pool1d(window);
    /// The mean of each window of sequences `[n, c, l]`; padding counts as zeros. Of kernel, stride and padding, the second
    /// number counts.
    AvgPool1d(Window) |x, window| x.avg_pool1d(window, true);
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

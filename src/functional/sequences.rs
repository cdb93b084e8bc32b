//! Convolution and pooling along one axis: that of images of height 1.
//!
//! Sequences `[n, c, l]` are images `[n, c, 1, l]`. Of the settings in two directions, those in x count.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::{
        ConvSpec, Window,
        sample::{Sample, numbers},
    },
    tape::Var,
};

impl<'t> Var<'t> {
    /// These sequences as images of height 1.
    #[track_caller]
    fn as_images(self, op: &str) -> Result<Var<'t>> {
        let shape = self.shape();
        if shape.rank() != 3 {
            let error = Error::shape(op, &[&shape], "sequences [n, c, l] are needed");
            let help = "insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`";
            return Err(self.tape().locate(if shape.rank() < 3 { error.help(help) } else { error }));
        }
        self.try_unsqueeze(2)
    }
}

/// The window of height 1.
fn flat(window: Window) -> Window {
    let Window { kernel, stride, padding } = window;
    Window { kernel: [1, kernel[1]], stride: [1, stride[1]], padding: [0, padding[1]] }
}

composition!(
    /// Convolution of sequences `[n, c_in, l]` with kernels `[c_out, c_in/groups, k]`, plus a bias `[c_out]`. Of
    /// stride, padding and dilation, the second number counts.
    ///
    /// ```
    /// use wengert::{Tape, ops::ConvSpec};
    /// let tape = Tape::f64();
    /// let x = tape.leaf([[[1.0, 2.0, 4.0, 8.0]]]);
    /// let differences = tape.leaf([[[-1.0, 1.0]]]);
    /// assert_eq!(x.conv1d(differences, None, ConvSpec::default()).value().to_vec(), [1.0, 2.0, 4.0]);
    /// ```
    #[or_panic(conv1d)]
    /// [`Error::Shape`] when the shapes do not match.
    pub fn try_conv1d(self, weight: Var<'t>, bias: Option<Var<'t>>, spec: ConvSpec) -> Result<Var<'t>> {
        let shape = weight.shape();
        if shape.rank() != 3 {
            return Err(self.shape_error("conv1d", &[&shape], "kernels [c_out, c_in/groups, k] are needed"));
        }
        let ConvSpec { stride, padding, dilation, groups } = spec;
        let spec = ConvSpec { stride: [1, stride[1]], padding: [0, padding[1]], dilation: [1, dilation[1]], groups };
        let y = self.as_images("conv1d")?.try_conv2d(weight.try_unsqueeze(2)?, bias, spec);
        y.map_err(|error| error.called("conv1d"))?.try_squeeze(&[2])
    },
    [Sample::new("conv1d", vec![numbers([2, 2, 6], -1.0, 1.0, 1), numbers([3, 2, 3], -1.0, 1.0, 2)], |x| {
        x[0].conv1d(x[1], None, ConvSpec::default().stride(2).padding(1))
    })]
);

composition!(
    /// Max pooling of sequences `[n, c, l]`. Of kernel, stride and padding, the second number counts.
    #[or_panic(max_pool1d)]
    /// [`Error::Shape`] when these are not sequences or the window does not fit.
    pub fn try_max_pool1d(self, window: Window) -> Result<Var<'t>> {
        let y = self.as_images("max_pool1d")?.try_max_pool2d(flat(window));
        y.map_err(|error| error.called("max_pool1d"))?.try_squeeze(&[2])
    },
    [Sample::unary("max_pool1d", [2, 2, 6], |x| x.max_pool1d(Window::square(3).stride(2).padding(1)))]
);

composition!(
    /// Average pooling of sequences `[n, c, l]`; padding counts as zeros if `count_padding`, else not at all. Of
    /// kernel, stride and padding, the second number counts.
    #[or_panic(avg_pool1d)]
    /// [`Error::Shape`] when these are not sequences or the window does not fit.
    pub fn try_avg_pool1d(self, window: Window, count_padding: bool) -> Result<Var<'t>> {
        let y = self.as_images("avg_pool1d")?.try_avg_pool2d(flat(window), count_padding);
        y.map_err(|error| error.called("avg_pool1d"))?.try_squeeze(&[2])
    },
    [Sample::unary("avg_pool1d", [2, 2, 6], |x| x.avg_pool1d(Window::square(3).stride(2).padding(1), false))]
);

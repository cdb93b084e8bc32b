//! How a kernel slides over images, and the shapes that fit.

use crate::{
    error::{Error, Result, counted},
    kernels::{conv, window::Window},
    tensor::Shape,
};

/// Stride, padding, dilation (in y and x) and groups of a convolution.
///
/// ```
/// use wengert::ops::ConvSpec;
/// let spec = ConvSpec::default().stride(2).padding(1);
/// assert_eq!((spec.stride, spec.padding, spec.dilation, spec.groups), ([2, 2], [1, 1], [1, 1], 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Steps between two positions of the kernel.
    pub stride: [usize; 2],
    /// Zeros around the image, on each side.
    pub padding: [usize; 2],
    /// Distance between two taps of the kernel.
    pub dilation: [usize; 2],
    /// Groups of channels, each convolved by itself.
    pub groups: usize,
}

impl Default for ConvSpec {
    fn default() -> Self {
        ConvSpec { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl ConvSpec {
    /// The same stride in y and x.
    pub fn stride(self, stride: usize) -> Self {
        ConvSpec { stride: [stride; 2], ..self }
    }

    /// The same padding on every side.
    pub fn padding(self, padding: usize) -> Self {
        ConvSpec { padding: [padding; 2], ..self }
    }

    /// The same dilation in y and x.
    pub fn dilation(self, dilation: usize) -> Self {
        ConvSpec { dilation: [dilation; 2], ..self }
    }

    /// The number of groups.
    pub fn groups(self, groups: usize) -> Self {
        ConvSpec { groups, ..self }
    }

    /// The rows and columns of the result for images of `image` rows and columns and kernels of `kernel`: along each axis
    /// ⌊(image + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1.
    ///
    /// ```
    /// use wengert::ops::ConvSpec;
    /// assert_eq!(ConvSpec::default().padding(1).output_size([16, 16], [3, 3])?, [16, 16]);
    /// assert_eq!(ConvSpec::default().stride(2).output_size([7, 6], [3, 2])?, [3, 3]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] when the kernel does not fit into the padded image, or when a stride or a dilation is 0.
    pub fn output_size(&self, image: [usize; 2], kernel: [usize; 2]) -> Result<[usize; 2]> {
        let ConvSpec { stride, padding, dilation, .. } = *self;
        let fault = |need| Err(Error::shape("output_size", &[&image.into(), &kernel.into()], need));
        if stride.contains(&0) || dilation.contains(&0) {
            return fault(format!("stride {stride:?} and dilation {dilation:?} must be at least 1"));
        }
        let window = Window { size: image, kernel, stride, padding, dilation };
        if window.fits() { Ok([window.outputs(0), window.outputs(1)]) } else { fault(misfit(&window)) }
    }

    /// The sizes of the convolution of images of shape `x` with kernels of shape `w`.
    pub(crate) fn sizes(&self, op: &str, x: &Shape, w: &Shape) -> Result<conv::Conv2d> {
        let fault = |need: String| Err(Error::shape(op, &[x, w], need));
        let (&[n, c_in, height, width], &[c_out, c_group, kh, kw]) = (x.dims(), w.dims()) else {
            let need = "images [n, c, h, w] and kernels [c_out, c_in/groups, kh, kw] are needed";
            return Err(Error::shape(op, &[x, w], need).help(missing_axes(x.rank() < 4)));
        };
        let ConvSpec { stride, padding, dilation, groups } = *self;
        if groups == 0 || stride.contains(&0) || dilation.contains(&0) {
            return fault(format!("stride {stride:?}, dilation {dilation:?} and groups {groups} must be at least 1"));
        }
        if c_group.checked_mul(groups) != Some(c_in) || c_out % groups != 0 {
            let [of_images, of_kernels] = [c_in, c_group].map(|channels| counted(channels, "channel"));
            return fault(format!(
                "the {of_images} (axis 1) of the images must be the {of_kernels} (axis 1) of the kernels times {}, which \
                 must divide the {} (axis 0)",
                counted(groups, "group"),
                counted(c_out, "kernel")
            ));
        }
        let sizes = conv::Conv2d { n, c_in, h: height, w: width, c_out, kh, kw, stride, padding, dilation, groups };
        match sizes.window().fits() {
            true => Ok(sizes),
            false => fault(misfit(&sizes.window())),
        }
    }
}

/// What to do about the shape of a value that lacks an axis.
pub(crate) fn missing_axes(lacks: bool) -> &'static str {
    match lacks {
        true => "insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`",
        false => "",
    }
}

/// What it would take for the window to fit.
pub(in crate::ops) fn misfit(window: &Window) -> String {
    let Window { kernel: [kh, kw], size: [h, w], padding, dilation, .. } = window;
    if window.padded(0).and(window.padded(1)).is_none() {
        return format!("the image {h}x{w} padded by {padding:?} must be small enough to be counted");
    }
    let spread = if *dilation == [1, 1] { String::new() } else { format!(" dilated by {dilation:?}") };
    format!("the kernel {kh}x{kw}{spread} must fit into the image {h}x{w} padded by {padding:?}")
}

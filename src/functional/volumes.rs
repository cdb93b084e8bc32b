//! Convolution of volumes `[n, c, d, h, w]`, which have a depth besides height and width.
//!
//! The slices of depth that a kernel sees at once become channels of an image: for each position along the depth, the c
//! channels of its k slices are c·k channels in all, and so are those of the kernels. What is left is one convolution
//! of images, of all positions at once.

use super::composition::composition;
use crate::{
    error::{Error, Result, counted},
    ops::{
        ConvSpec,
        sample::{Sample, numbers},
    },
    tape::Var,
    tensor::{DType, Shape},
};

/// Stride, padding, dilation (in depth, y and x) and groups of a convolution of volumes.
///
/// ```
/// use wengert::functional::Conv3dSpec;
/// let spec = Conv3dSpec::default().stride(2).padding(1);
/// assert_eq!((spec.stride, spec.padding, spec.dilation, spec.groups), ([2; 3], [1; 3], [1; 3], 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv3dSpec {
    /// Steps between two positions of the kernel.
    pub stride: [usize; 3],
    /// Zeros around the volume, on each side.
    pub padding: [usize; 3],
    /// Distance between two taps of the kernel.
    pub dilation: [usize; 3],
    /// Groups of channels, each convolved by itself.
    pub groups: usize,
}

impl Default for Conv3dSpec {
    fn default() -> Self {
        Conv3dSpec { stride: [1; 3], padding: [0; 3], dilation: [1; 3], groups: 1 }
    }
}

impl Conv3dSpec {
    /// The same stride in all directions.
    pub fn stride(self, stride: usize) -> Self {
        Conv3dSpec { stride: [stride; 3], ..self }
    }

    /// The same padding on every side.
    pub fn padding(self, padding: usize) -> Self {
        Conv3dSpec { padding: [padding; 3], ..self }
    }

    /// The same dilation in all directions.
    pub fn dilation(self, dilation: usize) -> Self {
        Conv3dSpec { dilation: [dilation; 3], ..self }
    }

    /// The number of groups.
    pub fn groups(self, groups: usize) -> Self {
        Conv3dSpec { groups, ..self }
    }

    /// Depth alone, and height with width.
    fn parts(&self) -> (ConvSpec, ConvSpec) {
        let Conv3dSpec { stride: [s, sy, sx], padding: [p, py, px], dilation: [d, dy, dx], groups } = *self;
        let depth = ConvSpec { stride: [s, 1], padding: [p, 0], dilation: [d, 1], groups };
        (depth, ConvSpec { stride: [sy, sx], padding: [py, px], dilation: [dy, dx], groups })
    }
}

/// The slices that each position along the depth sees, one after the other, as `[n · positions, c · k, h, w]`.
fn slices<'t>(x: Var<'t>, kernel: usize, spec: ConvSpec, fault: impl Fn(String) -> Error) -> Result<Var<'t>> {
    let shape = x.shape();
    let [n, c, depth, h, w] = std::array::from_fn(|axis| shape[axis]);
    let ([stride, _], [padding, _], [dilation, _]) = (spec.stride, spec.padding, spec.dilation);
    let Ok([positions, _]) = spec.output_size([depth, 1], [kernel, 1]) else {
        let spread = if dilation == 1 { String::new() } else { format!(" dilated by {dilation}") };
        return Err(fault(format!(
            "the {kernel} slices of the kernel{spread} must fit into {depth} padded by {padding}"
        )));
    };
    let room = |needed: Shape| {
        let fits = needed.countable("conv3d", &[&shape]);
        fits.and_then(|()| needed.allocatable("conv3d", DType::F64, &[&shape])).map_err(|error| x.tape().locate(error))
    };
    room(Shape::from([positions, kernel]))?;
    room(Shape::from([n, c, depth + 2 * padding, h, w]))?;
    room(Shape::from([n, c, positions * kernel, h, w]))?;
    let padded = x.try_pad(&[(0, 0), (0, 0), (padding, padding), (0, 0), (0, 0)], 0.0)?;
    let seen = (0..positions).flat_map(|at| (0..kernel).map(move |tap| at * stride + tap * dilation));
    let seen = padded.try_index_select(2, &seen.collect::<Vec<_>>())?;
    let apart = seen.try_reshape([n, c, positions, kernel, h, w])?.try_permute(&[0, 2, 1, 3, 4, 5])?;
    apart.try_reshape([n.saturating_mul(positions), c.saturating_mul(kernel), h, w])
}

composition!(
    /// Convolution of volumes `[n, c_in, d, h, w]` with kernels `[c_out, c_in/groups, kd, kh, kw]`, plus a bias
    /// `[c_out]`. Along each axis the result has the size of [`output_size`](ConvSpec::output_size).
    ///
    /// ```
    /// use wengert::{DType, Tape, Tensor, functional::Conv3dSpec};
    /// let tape = Tape::f64();
    /// let x = tape.leaf(Tensor::ones([1, 1, 3, 3, 3], DType::F64));
    /// let w = tape.leaf(Tensor::ones([1, 1, 2, 2, 2], DType::F64));
    /// let y = x.conv3d(w, None, Conv3dSpec::default().stride(2).padding(1));
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 2.0, 4.0, 2.0, 4.0, 4.0, 8.0]);
    /// ```
    #[or_panic(conv3d)]
    /// [`Error::Shape`] when the shapes do not match or the kernel does not fit.
    pub fn try_conv3d(self, weight: Var<'t>, bias: Option<Var<'t>>, spec: Conv3dSpec) -> Result<Var<'t>> {
        let (x, w) = (self.shape(), weight.shape());
        let (&[n, c_in, ..], &[c_out, c_group, kernel, kh, kw], 5) = (x.dims(), w.dims(), x.rank()) else {
            let need = "volumes [n, c, d, h, w] and kernels [c_out, c_in/groups, kd, kh, kw] are needed";
            return Err(self.shape_error("conv3d", &[&x, &w], need));
        };
        let fault = |need| self.shape_error("conv3d", &[&x, &w], need);
        let Conv3dSpec { stride, dilation, groups, .. } = spec;
        if groups == 0 || stride.contains(&0) || dilation.contains(&0) {
            let need = format!("stride {stride:?}, dilation {dilation:?} and groups {groups} must be at least 1");
            return Err(fault(need));
        }
        if c_group.checked_mul(groups) != Some(c_in) {
            let [of_volumes, of_kernels] = [c_in, c_group].map(|channels| counted(channels, "channel"));
            let need = format!(
                "the {of_volumes} (axis 1) of the volumes must be the {of_kernels} (axis 1) of the kernels times {}",
                counted(groups, "group")
            );
            return Err(fault(need));
        }
        let (depth, plane) = spec.parts();
        let images = slices(self, kernel, depth, fault)?;
        let kernels = weight.try_reshape([c_out, c_group.saturating_mul(kernel), kh, kw])?;
        let y = images.try_conv2d(kernels, bias, plane).map_err(|error| error.called("conv3d"))?;
        let (out, positions) = (y.shape(), depth.output_size([x[2], 1], [kernel, 1])?[0]);
        y.try_reshape([n, positions, c_out, out[2], out[3]])?.try_movedim(1, 2)
    },
    [
        Sample::new(
            "conv3d",
            vec![numbers([1, 2, 4, 3, 4], -1.0, 1.0, 1), numbers([2, 2, 2, 3, 2], -1.0, 1.0, 2)],
            |x| {
                x[0].conv3d(x[1], None, Conv3dSpec { stride: [2, 1, 1], padding: [1, 0, 1], ..Conv3dSpec::default() })
            }
        ),
        Sample::new(
            "conv3d, groups",
            vec![
                numbers([2, 2, 3, 2, 2], -1.0, 1.0, 1),
                numbers([4, 1, 2, 1, 2], -1.0, 1.0, 2),
                numbers([4], -1.0, 1.0, 3)
            ],
            |x| {
                let spec = Conv3dSpec { dilation: [2, 1, 1], ..Conv3dSpec::default() };
                x[0].conv3d(x[1], Some(x[2]), spec.groups(2))
            },
        ),
    ]
);

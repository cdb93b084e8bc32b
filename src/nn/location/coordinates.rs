//! Coordinates as channels (Liu et al., An intriguing failing of convolutional neural networks and the CoordConv
//! solution, arXiv 1807.03247).
//!
//! A convolution does the same everywhere. Given the coordinates of each pixel as two more channels, it can do
//! something else here than there, with the weights that it has.

use std::ops::ControlFlow;

use crate::{
    Error, Tensor, Var,
    nn::{Conv2d, Layer, Visit},
    ops::ConvSpec,
};

/// Images `[n, c, h, w]` with their coordinates as further channels, `[n, c + 2, h, w]`: the row i and the column j, each
/// from −1 at the first pixel to 1 at the last (0 where there is only one).
///
/// ```
/// use wengert::{Tape, Tensor, nn::{AddCoords, Layer}};
/// let tape = Tape::f64();
/// let image = tape.constant(Tensor::from([[[[7.0, 8.0, 9.0]]]]));
/// let y = AddCoords::new().with_radius().forward(image).value();
/// assert_eq!(y, Tensor::from([[[[7.0, 8.0, 9.0]], [[0.0, 0.0, 0.0]], [[-1.0, 0.0, 1.0]], [[1.0, 0.0, 1.0]]]]));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AddCoords {
    radius: bool,
}

impl AddCoords {
    /// A layer that adds i and j.
    pub fn new() -> Self {
        AddCoords::default()
    }

    /// Adds r = √(i² + j²), the distance from the center of the image, as a third channel. (The code published with the
    /// paper measures it from the point (0.5, 0.5).)
    pub fn with_radius(self) -> Self {
        AddCoords { radius: true }
    }

    /// The number of channels that it adds.
    pub fn added(&self) -> usize {
        if self.radius { 3 } else { 2 }
    }
}

impl Layer for AddCoords {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shape = x.shape();
        let &[n, _, height, width] = shape.dims() else {
            let need = "images [n, c, h, w] are needed";
            panic!("{}", x.tape().locate(Error::shape("add_coords", &[&shape], need)));
        };
        let along = |at: usize, size: usize| if size > 1 { 2.0 * at as f64 / (size - 1) as f64 - 1.0 } else { 0.0 };
        let coordinate = |index: usize| {
            let (i, j) = (along(index / width % height, height), along(index % width, width));
            [i, j, i.hypot(j)][index / (height * width)]
        };
        let maps = Tensor::from_fn([1, self.added(), height, width], x.dtype(), coordinate);
        let maps = x.tape().constant(maps).broadcast_to([n, self.added(), height, width]);
        Var::concat(&[x, maps], 1)
    }
}

/// A convolution of images `[n, c_in, h, w]` together with their coordinates: [`AddCoords`], then a [`Conv2d`].
///
/// ```
/// use wengert::nn::{CoordConv, Layer};
/// let layer = CoordConv::new(3, 8, 3, 0);
/// assert_eq!(layer.param("conv.weight")?.shape().dims(), [8, 3 + 2, 3, 3]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct CoordConv {
    coords: AddCoords,
    conv: Conv2d,
}

impl CoordConv {
    /// A layer with the coordinates i and j, whose convolution is drawn as by [`Conv2d::new`].
    pub fn new(c_in: usize, c_out: usize, size: usize, seed: u64) -> Self {
        CoordConv::with_coords(AddCoords::new(), c_in, c_out, size, seed)
    }

    /// A layer with these coordinates.
    pub fn with_coords(coords: AddCoords, c_in: usize, c_out: usize, size: usize, seed: u64) -> Self {
        CoordConv { coords, conv: Conv2d::new(c_in + coords.added(), c_out, size, seed) }
    }

    /// The same layer with another stride and padding (and dilation). Padding is 0 in the channels of the coordinates,
    /// too.
    pub fn with(self, spec: ConvSpec) -> Self {
        CoordConv { conv: self.conv.with(spec), ..self }
    }
}

impl Layer for CoordConv {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.conv.forward(self.coords.forward(x))
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        let y = self.forward_all(x);
        visit("conv", &y)?;
        ControlFlow::Continue(y)
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("conv", &self.conv)]
    }
}

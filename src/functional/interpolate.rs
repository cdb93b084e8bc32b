//! Images in another size: nearest neighbor, bilinear, bicubic.
//!
//! With s = size / outputs, or 1 / factor if a factor was given, output o lies at s (o + ½) − ½ of the input: pixels
//! are areas. With aligned corners it lies at o (size − 1) / (outputs − 1): pixels are points. The nearest neighbor is
//! ⌊s o⌋. *Bilinear* interpolation weighs the two neighbors along each axis by their distance; *bicubic* weighs four
//! with the cubic convolution kernel (Keys, 1981) for a = −¾. Beyond the border its pixels are repeated. All this is
//! PyTorch's `F.interpolate`, except that PyTorch copies an image which a factor such as 1.3 leaves in its size, because
//! it is so small.

use super::{composition::composition, pools::images, taps::Taps};
use crate::{
    error::{Error, Result},
    ops::sample::Sample,
    tape::Var,
    tensor::Shape,
};

/// How [`interpolate`](Var::interpolate) finds a pixel from its neighbors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Nearest,
    Bilinear,
    Bicubic,
}

/// A new height and width, or the factor by which both grow.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Size([usize; 2]),
    Scale(f64),
}

/// The options of [`interpolate`](Var::interpolate): the new size or the factor, and the method, which is that of the
/// nearest neighbor unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interpolate {
    target: Target,
    mode: Mode,
    align_corners: bool,
}

impl Interpolate {
    /// To this height and width.
    pub fn size(size: [usize; 2]) -> Self {
        Interpolate { target: Target::Size(size), mode: Mode::Nearest, align_corners: false }
    }

    /// To height and width times `factor`, rounded down.
    pub fn scale(factor: f64) -> Self {
        Interpolate { target: Target::Scale(factor), ..Interpolate::size([0, 0]) }
    }

    /// Bilinear: from two neighbors along each axis.
    pub fn bilinear(self) -> Self {
        Interpolate { mode: Mode::Bilinear, ..self }
    }

    /// Bicubic: from four neighbors along each axis.
    pub fn bicubic(self) -> Self {
        Interpolate { mode: Mode::Bicubic, ..self }
    }

    /// The corner pixels stay where they are; without meaning for the nearest neighbor.
    pub fn align_corners(self) -> Self {
        Interpolate { align_corners: true, ..self }
    }

    /// The new size, and how far apart its pixels lie, along both axes.
    fn grid(&self, x: &Shape) -> Result<[(usize, f64); 2]> {
        let old = images("interpolate", x)?;
        let grid = match self.target {
            Target::Size(size) => [0, 1].map(|i| (size[i], old[i] as f64 / size[i] as f64)),
            Target::Scale(factor) if factor.is_finite() && factor > 0.0 => {
                old.map(|size| ((size as f64 * factor) as usize, 1.0 / factor))
            }
            Target::Scale(factor) => return Err(Error::setting("interpolate", "scale", factor, "positive and finite")),
        };
        let sizes = grid.map(|(size, _)| size);
        if sizes.contains(&0) {
            let need = format!(
                "images of a height and width that become {sizes:?} have no pixel left; at least 1 by 1 is needed"
            );
            return Err(Error::shape("interpolate", &[x], need));
        }
        Taps::room("interpolate", x, sizes, sizes.map(|size| size.saturating_mul(4)))?;
        Ok(grid)
    }

    /// The taps along an axis of `size` pixels that becomes one of `outputs`, whose pixels are `step` apart.
    fn taps(&self, size: usize, (outputs, step): (usize, f64)) -> Taps {
        let place = |output: usize| match self.align_corners {
            true if outputs == 1 => 0.0,
            true => output as f64 * ((size - 1) as f64 / (outputs - 1) as f64),
            false => step * (output as f64 + 0.5) - 0.5,
        };
        // The neighbor `by` pixels from `at`; beyond the border, the pixel there.
        let neighbor = |at: f64, by: f64| (at + by).clamp(0.0, (size - 1) as f64) as usize;
        Taps::new(outputs, |output| {
            let mut seen = match self.mode {
                Mode::Nearest => vec![(neighbor(output as f64 * step, 0.0), 1.0)],
                Mode::Bilinear => {
                    let place = place(output).max(0.0);
                    let (at, t) = (place.floor(), place.fract());
                    vec![(neighbor(at, 0.0), 1.0 - t), (neighbor(at, 1.0), t)]
                }
                Mode::Bicubic => {
                    let place = place(output);
                    let at = place.floor();
                    let weights = [1.0, 0.0, -1.0, -2.0].map(|by| cubic((place - at + by).abs()));
                    [-1.0, 0.0, 1.0, 2.0].map(|by| neighbor(at, by)).into_iter().zip(weights).collect()
                }
            };
            // A pixel that lies on one of the image is that one, whatever its neighbors are.
            seen.retain(|&(_, weight)| weight != 0.0);
            seen
        })
    }
}

/// The kernel of cubic convolution at a distance below 2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    match x {
        x if x <= 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x => ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A,
    }
}

composition!(
    /// Images `[n, c, h, w]` in another size, as [`Interpolate`] says.
    ///
    /// ```
    /// use wengert::{Tape, functional::Interpolate};
    /// let tape = Tape::f64();
    /// let x = tape.leaf([[0.0, 1.0]]).reshape([1, 1, 1, 2]);
    /// assert_eq!(x.interpolate(&Interpolate::size([1, 4])).value().to_vec(), [0.0, 0.0, 1.0, 1.0]);
    /// let smooth = x.interpolate(&Interpolate::size([1, 4]).bilinear());
    /// assert_eq!(smooth.value().to_vec(), [0.0, 0.25, 0.75, 1.0]);
    /// let aligned = x.interpolate(&Interpolate::size([1, 3]).bilinear().align_corners());
    /// assert_eq!(aligned.value().to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    #[or_panic(interpolate)]
    /// [`Error::Shape`] when these are not images of at least one pixel, before and after, [`Error::Setting`] for a
    /// factor that is not positive and finite.
    pub fn try_interpolate(self, options: &Interpolate) -> Result<Var<'t>> {
        let shape = self.shape();
        let [y, x] = options.grid(&shape).map_err(|error| self.tape().locate(error))?;
        Taps::sum_of_images([options.taps(shape[2], y), options.taps(shape[3], x)], self)
    },
    [
        Sample::unary("interpolate, nearest", [1, 2, 3, 2], |x| x.interpolate(&Interpolate::size([4, 5]))),
        Sample::unary("interpolate, bilinear", [1, 2, 3, 4], |x| x.interpolate(&Interpolate::scale(1.5).bilinear())),
        Sample::unary("interpolate, bicubic", [1, 1, 3, 4], |x| {
            x.interpolate(&Interpolate::size([5, 3]).bicubic().align_corners())
        }),
    ]
);

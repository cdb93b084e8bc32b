//! Figures as SVG and PNG, from plain numbers.
//!
//! A [`Figure`] holds panels in a grid: [`LineChart`], [`ImageGrid`], [`Confusion`], [`HeatMap`], [`BarChart`],
//! [`Histogram`] and [`FlameChart`]. [`curves`], [`loss_and_accuracy`], [`digits`] and [`profile`](fn@profile) are ready to
//! use. [`Figure::save`] writes both kinds of file; the fonts are included, so that no machine draws boxes instead of letters.
//!
//! How a picture comes about: a chart (`line` with `series`, `image`, `matrix`, `heat`, `bars`, `histogram`, `flame`) lays
//! itself out, with the help of `axes`, `ticks`, `range`, `legend`, `stroke` and `font`, as a list of marks (`scene`),
//! which `svg` and `png` draw with the two backends of the `plotters` crate. A new kind of chart is a file and a row in
//! `panel`.
//!
//! What may not live here: layers, training, data sets. Only `tape`, which samples a function of a [`Var`](crate::Var)
//! with its derivative, and `profile`, which draws where the time of a tape went, know of tapes.

mod axes;
mod bars;
mod color;
mod curve;
mod figure;
mod flame;
mod font;
mod heat;
mod histogram;
mod image;
mod legend;
mod line;
mod matrix;
mod panel;
mod png;
mod profile;
mod range;
mod ready;
mod scene;
mod series;
mod setters;
mod stroke;
mod svg;
mod tape;
mod ticks;

pub use bars::BarChart;
pub use color::Color;
pub use curve::{Curve, curves, places};
pub use figure::Figure;
pub use flame::FlameChart;
pub use heat::HeatMap;
pub use histogram::Histogram;
pub use image::ImageGrid;
pub use legend::Legend;
pub use line::LineChart;
pub use matrix::Confusion;
pub use panel::Panel;
pub use profile::profile;
pub use ready::{digits, loss_and_accuracy};
pub use series::Series;
pub use stroke::Dash;
pub use tape::function;

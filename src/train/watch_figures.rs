//! What a [`Watch`] saw, as pictures.

use super::{DECADES, Sample, Spread, Watch};
use crate::plot::{Color, Figure, HeatMap, LineChart, Series};

/// The colors of the lines, one after the other.
const COLORS: [Color; 6] = [Color::BLUE, Color::VERMILLION, Color::GREEN, Color::PURPLE, Color::SKY, Color::ORANGE];

impl Watch {
    /// The activations of each layer: a map with a column for each sample and a row for each decade, darker where more of
    /// them are. Row k holds the sizes from 10⁻ᵏ up, row 0 all from 1 up; zeros are in none.
    pub fn activations(&self) -> Figure {
        let spread = |sample: &Sample, name: &str| {
            sample.layers.iter().find(|layer| layer.name == name).map(|layer| layer.activations.clone())
        };
        self.maps("activations", &self.layers(), spread)
    }

    /// The gradients of each parameter, drawn as the [activations](Watch::activations) are.
    pub fn gradients(&self) -> Figure {
        let spread = |sample: &Sample, name: &str| {
            sample.params.iter().find(|param| param.name == name).map(|param| param.gradient.clone())
        };
        self.maps("gradient", &self.params(), spread)
    }

    fn maps(&self, what: &str, names: &[&str], spread: impl Fn(&Sample, &str) -> Option<Spread>) -> Figure {
        let columns = names.len().clamp(1, 3);
        let rows = names.len().div_ceil(columns).max(1);
        let figure = Figure::new(320 * columns as u32, 260 * rows as u32).columns(columns);
        names.iter().fold(figure, |figure, name| {
            let seen: Vec<[f64; DECADES]> =
                self.samples.iter().map(|sample| spread(sample, name).unwrap_or_default().decades).collect();
            let shares: Vec<f64> =
                (0..DECADES).flat_map(|decade| seen.iter().map(move |shares| shares[decade])).collect();
            let map = HeatMap::new(DECADES, seen.len(), shares).range(0.0, 1.0).title(format!("{what}, {name}"));
            figure.panel(map.x_label("sample").y_label("size 10^-k"))
        })
    }

    /// The size of the steps, ‖Δw‖ / ‖w‖, of each parameter over the iterations.
    pub fn ratios(&self) -> Figure {
        let mut chart = LineChart::new().title("Step relative to the parameter").log_y();
        for (k, name) in self.params().into_iter().enumerate() {
            let of = |sample: &Sample| {
                let param = sample.params.iter().find(|param| param.name == name)?;
                Some((sample.iteration as f64, param.ratio)).filter(|(_, ratio)| *ratio > 0.0 && ratio.is_finite())
            };
            let (x, y): (Vec<f64>, Vec<f64>) = self.samples.iter().filter_map(of).unzip();
            chart = chart.series(Series::new(name, x, y).color(COLORS[k % COLORS.len()]));
        }
        Figure::new(720, 360).panel(chart.x_label("iteration").y_label("‖Δw‖ / ‖w‖"))
    }
}

//! The pictures: of the margins, of the precision of their gradients, and of the trained networks.

use std::f64::consts::PI;

use wengert::{
    Mode, Result, Tape, Tensor,
    plot::{Color, Dash, Figure, Legend, LineChart, Series},
    train::RocPoint,
};

use crate::{
    options::{Kind, Recipe},
    precision::Row,
    training::Outcome,
};

/// The logit of the own class against the angle to its center, for each loss, with the margins of `recipe`; the other
/// class is at a right angle.
pub fn logits(recipe: &Recipe) -> Result<Figure> {
    let angles: Vec<f64> = (0..=360).map(|i| PI * f64::from(i) / 360.0).collect();
    let cosines = Tensor::from_fn([angles.len(), 2], wengert::DType::F64, |i| [angles[i / 2].cos(), 0.0][i % 2]);
    let labels = vec![0; angles.len()];
    let mut chart = LineChart::new().x_label("angle to the own center, degrees").y_label("own logit / s");
    for kind in Kind::ALL {
        let margin = kind.margin(1.0, recipe.margin_of(kind))?;
        let tape = Tape::f64();
        tape.set_mode(Mode::Train);
        let cosines = tape.constant(&cosines);
        let logits = margin.map_or(Ok(cosines), |margin| margin.logits(cosines, &labels))?;
        let own = logits.index_select(1, &[0]).value().to_vec();
        let label = match kind {
            Kind::Softmax => "softmax, m = 0".to_owned(),
            _ => format!("{}, m = {}", name(kind), recipe.margin_of(kind)),
        };
        chart = chart.series(Series::new(label, degrees(&angles), own));
    }
    Ok(Figure::new(640, 400).panel(chart))
}

/// The errors of three gradients in single precision against the angle.
pub fn precision(rows: &[Row]) -> Figure {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.stable.is_finite()).collect();
    let angle: Vec<f64> = rows.iter().map(|row| row.angle).collect();
    let of = |f: fn(&Row) -> f64| rows.iter().map(|row| f(row)).collect::<Vec<f64>>();
    let chart = LineChart::new()
        .x_label("angle, radians")
        .y_label("relative error")
        .log_x()
        .log_y()
        .series(Series::new("second post, median", angle.clone(), of(|row| row.posted)).dots())
        .series(Series::new("bounded root, median", angle.clone(), of(|row| row.bounded)).dots())
        .series(Series::new("stable, worst", angle, of(|row| row.stable)).dots());
    Figure::new(640, 380).panel(chart)
}

/// The loss of each run against the iteration.
pub fn losses(runs: &[(Kind, &Outcome)]) -> Figure {
    let chart = LineChart::new().x_label("iteration").y_label("loss").log_y();
    let window = runs.first().map_or(1, |(_, run)| run.losses.len() / 40 + 1);
    let line = |chart: LineChart, (kind, run): &(Kind, &Outcome)| {
        let mean: Vec<f64> =
            run.losses.chunks(window).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect();
        let at: Vec<f64> = (0..mean.len()).map(|i| (i * window) as f64 + window as f64 / 2.0).collect();
        chart.series(Series::new(name(*kind), at, mean))
    };
    Figure::new(640, 380).panel(runs.iter().fold(chart, line))
}

/// True accept rate against false accept rate.
pub fn roc(runs: &[(Kind, &Outcome)]) -> Figure {
    let chart =
        LineChart::new().x_label("false accept rate").y_label("true accept rate").log_x().legend(Legend::TopLeft);
    let line = |chart: LineChart, (kind, run): &(Kind, &Outcome)| {
        let rates = (0..=120).map(|i| 10f64.powf(-4.0 + 4.0 * f64::from(i) / 120.0));
        let points: Vec<(f64, f64)> = rates.map(|far| (far, last_within(run.verification.roc(), far).tar)).collect();
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        chart.series(Series::new(name(*kind), x, y))
    };
    Figure::new(640, 400).panel(runs.iter().fold(chart, line).y_limits(0.0, 1.0))
}

/// How many pairs of the same and of different unseen classes there are at each angle, a panel for each loss.
pub fn pairs(runs: &[(Kind, &Outcome)]) -> Figure {
    const BINS: usize = 45;
    let panel = |figure: Figure, (kind, run): &(Kind, &Outcome)| {
        let (mut same, mut different) = ([0.0; BINS], [0.0; BINS]);
        for step in run.verification.roc().windows(2) {
            let angle = step[1].threshold.clamp(-1.0, 1.0).acos();
            let bin = ((angle / PI * BINS as f64) as usize).min(BINS - 1);
            same[bin] += step[1].tar - step[0].tar;
            different[bin] += step[1].far - step[0].far;
        }
        // Each bin as a step from its left to its right edge.
        let edges: Vec<f64> = (0..2 * BINS).map(|i| 180.0 * i.div_ceil(2) as f64 / BINS as f64).collect();
        let steps = |bins: &[f64]| -> Vec<f64> { (0..2 * BINS).map(|i| bins[i / 2]).collect() };
        let chart = LineChart::new().title(name(*kind)).x_label("angle, degrees").y_label("fraction of the pairs");
        figure.panel(
            chart
                .series(Series::new("same class", edges.clone(), steps(&same)).dash(Dash::Solid))
                .series(Series::new("different classes", edges, steps(&different)).dash(Dash::Solid)),
        )
    };
    runs.iter().fold(Figure::new(900, 340 * runs.len().div_ceil(2) as u32).columns(2), panel)
}

/// A loss by its name in the literature.
pub fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Softmax => "softmax",
        Kind::Arcface => "ArcFace",
        Kind::Cosface => "CosFace",
        Kind::Sphereface => "SphereFace",
    }
}

/// The last point of a ROC curve whose false accept rate is at most `far`.
fn last_within(roc: &[RocPoint], far: f64) -> RocPoint {
    roc[roc.partition_point(|point| point.far <= far) - 1]
}

fn degrees(angles: &[f64]) -> Vec<f64> {
    angles.iter().map(|angle| angle.to_degrees()).collect()
}

/// The color of a class.
pub fn color(class: usize) -> Color {
    match class {
        0..7 => Color::nth(class),
        _ => Color::nth(class).towards(Color::BLACK, 0.45),
    }
}

//! Embeddings on the circle and on the sphere, with the class centers.

use std::f64::consts::PI;

use wengert::plot::{Color, Dash, Figure, Legend, LineChart, Series};

use crate::{
    options::Kind,
    pictures::{color, name},
    training::Outcome,
};

/// Draws the embeddings of classes with these names.
type Draw = fn(&Outcome, &[String]) -> LineChart;

/// Lines that are there for orientation.
const PALE: Color = Color(200, 200, 200);
/// Test images of each class on the sphere.
const SHOWN: usize = 40;

/// A panel for each loss; none unless embeddings have two or three dimensions and there are few classes.
pub fn embeddings(runs: &[(Kind, &Outcome)], names: &[String]) -> Option<Figure> {
    let dim = runs.first()?.1.embeddings.shape()[1];
    let (draw, limit): (Draw, f64) = match dim {
        _ if names.len() > 12 => return None,
        2 => (circle, 1.6),
        3 => (sphere, 1.08),
        _ => return None,
    };
    let panel = |figure: Figure, (kind, run): &(Kind, &Outcome)| {
        let chart = draw(run, names).title(name(*kind)).legend(Legend::Above);
        figure.panel(chart.x_limits(-limit, limit).y_limits(-limit, limit))
    };
    Some(runs.iter().fold(Figure::new(900, 500 * runs.len().div_ceil(2) as u32).columns(2), panel))
}

/// Over the unit circle the distribution of the directions of each class; centers as lines from the middle.
fn circle(run: &Outcome, names: &[String]) -> LineChart {
    const BINS: usize = 180;
    let at = |radius: f64, angle: f64| (radius * angle.cos(), radius * angle.sin());
    let line = |label: &str, points: Vec<(f64, f64)>| {
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        Series::new(label, x, y).dash(Dash::Solid)
    };
    let all: Vec<f64> = (0..=BINS).map(|i| 2.0 * PI * i as f64 / BINS as f64).collect();
    let unit = line("", all.iter().map(|&angle| at(1.0, angle)).collect()).color(PALE).width(1.0);
    let mut chart = LineChart::new().series(unit);
    let embeddings = run.embeddings.to_vec();
    for (class, label) in names.iter().enumerate() {
        let mut counts = [0.0; BINS];
        for (x, _) in embeddings.chunks(2).zip(&run.labels).filter(|(_, label)| **label == class) {
            let turn = (x[1].atan2(x[0]) / (2.0 * PI)).rem_euclid(1.0);
            counts[((turn * BINS as f64) as usize).min(BINS - 1)] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        let points = all.iter().enumerate().map(|(i, &angle)| {
            let share = counts[i % BINS] / total;
            at(1.0 + 0.55 * (share / 0.2).min(1.0), angle + PI / BINS as f64)
        });
        let center = run.centers[2 * class + 1].atan2(run.centers[2 * class]);
        chart = chart
            .series(line(label, points.collect()).color(color(class)).width(1.5))
            .series(line("", vec![(0.0, 0.0), at(1.0, center)]).color(color(class)).width(2.5));
    }
    chart
}

/// The unit sphere seen along the line (1, 1, 1): directions as dots, pale on its far side, and centers as lines from the
/// middle.
fn sphere(run: &Outcome, names: &[String]) -> LineChart {
    let round: Vec<(f64, f64)> = (0..=90).map(|i| (PI * f64::from(i) / 45.0).sin_cos()).collect();
    let pale = |points: Vec<(f64, f64)>| {
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        Series::new("", x, y).color(PALE).dash(Dash::Solid).width(1.0)
    };
    // The outline, and the great circles in the three planes of the axes.
    let mut chart = LineChart::new().series(pale(round.clone()));
    for axis in 0..3 {
        let on_screen = |&(a, b): &(f64, f64)| {
            let mut p = [a, b, 0.0];
            p.rotate_right(axis);
            let (x, y, _) = seen(&p);
            (x, y)
        };
        chart = chart.series(pale(round.iter().map(on_screen).collect()));
    }
    let embeddings = run.embeddings.to_vec();
    for (class, label) in names.iter().enumerate() {
        let own = embeddings.chunks(3).zip(&run.labels).filter(|(_, label)| **label == class).take(SHOWN);
        let points: Vec<(f64, f64, f64)> = own.map(|(x, _)| seen(x)).collect();
        for (front, color) in [(false, color(class).towards(Color::WHITE, 0.6)), (true, color(class))] {
            // Gaps between the points leave dots without a line.
            let side = points.iter().filter(|p| (p.2 >= 0.0) == front).flat_map(|p| [(p.0, p.1), (f64::NAN, f64::NAN)]);
            let (x, y): (Vec<f64>, Vec<f64>) = side.unzip();
            if !x.is_empty() {
                chart = chart.series(Series::new("", x, y).color(color).dots().width(1.2));
            }
        }
        let (x, y, depth) = seen(&run.centers[3 * class..][..3]);
        let dash = if depth >= 0.0 { Dash::Solid } else { Dash::Dotted };
        chart = chart.series(Series::new(label, [0.0, x], [0.0, y]).color(color(class)).dash(dash).width(2.5));
    }
    chart
}

/// The direction of a vector on the screen, and how far it is toward the viewer at (1, 1, 1).
fn seen(p: &[f64]) -> (f64, f64, f64) {
    let length = p.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let [a, b, c] = [p[0] / length, p[1] / length, p[2] / length];
    ((b - a) / 2f64.sqrt(), (2.0 * c - a - b) / 6f64.sqrt(), (a + b + c) / 3f64.sqrt())
}

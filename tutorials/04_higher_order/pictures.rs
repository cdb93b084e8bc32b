//! The pictures of the run.

use wengert::{
    Result, Tape,
    plot::{Color, Dash, Figure, Legend, LineChart, Series},
};

use crate::{
    newton::Place,
    oscillator::{Fit, exact, residual, solution, times},
    products::{Size, Steps, WAYS},
};

fn line(label: &str, x: Vec<f64>, y: Vec<f64>, nth: usize) -> Series {
    Series::new(label, x, y).color(Color::nth(nth)).dash(Dash::Solid)
}

/// Time against size for each way, and the error of differences against their step. The horizontal axes are
/// logarithmic.
pub fn products(costs: &[Size], steps: &Steps) -> Figure {
    let mut time =
        LineChart::new().title("One product H v").x_label("log₁₀ n").y_label("milliseconds").log_y().x_limits(0.5, 5.0);
    for (k, (name, _)) in WAYS.iter().enumerate() {
        let points = costs.iter().filter_map(|size| Some(((size.n as f64).log10(), size.ways[k].as_ref()?.ms)));
        let (x, y): (Vec<f64>, Vec<f64>) = points.unzip();
        time = time.series(line(name, x, y, k).dots());
    }
    let x: Vec<f64> = steps.steps.iter().map(|step| step.log10()).collect();
    let flat = |label: &str, error: f64, dash: Dash| {
        Series::new(label, [-15.0, 0.0], [error, error]).color(Color::nth(1)).dash(dash)
    };
    let error = LineChart::new()
        .title("Differences of gradients")
        .x_label("log₁₀ step")
        .y_label("relative error")
        .log_y()
        .x_limits(-15.0, 0.0)
        .y_limits(1e-17, 10.0)
        .legend(Legend::Above)
        .series(line("one-sided", x.clone(), steps.one_sided.clone(), 2))
        .series(line("central", x.clone(), steps.central.clone(), 3))
        .series(line("central, f32", x, steps.central_f32.clone(), 4))
        .series(flat("tape", steps.without[0], Dash::Solid))
        .series(flat("tape, f32", steps.without[1], Dash::Dashed));
    Figure::new(960, 430).columns(2).panel(time.legend(Legend::Above)).panel(error)
}

/// How far the map of the valley extends to the left and to the right.
const WIDE: f64 = 1.6;

/// The paths over lines of equal height, and the errors by step.
pub fn newton(plain: &[Place], damped: &[Place], descent: &[Place]) -> Figure {
    let mut map =
        LineChart::new().title("The paths").x_label("x").y_label("y").x_limits(-WIDE, WIDE).y_limits(-3.5, 1.8);
    for level in [0.3f64, 3.0, 30.0, 300.0, 1500.0] {
        // f = c where y = x² ± √(c − (1 − x)²) / 10, for x within √c of 1; the points crowd at the ends, where the
        // curve turns.
        let (low, high) = ((1.0 - level.sqrt()).max(-WIDE), (1.0 + level.sqrt()).min(WIDE));
        let side = |sign: f64| {
            (0..=300).map(move |k| {
                let x = (low + high - (high - low) * (std::f64::consts::PI * f64::from(k) / 300.0).cos()) / 2.0;
                (x, x * x + sign * (level - (1.0 - x).powi(2)).max(0.0).sqrt() / 10.0)
            })
        };
        let (x, y): (Vec<f64>, Vec<f64>) = side(1.0).chain([(f64::NAN, f64::NAN)]).chain(side(-1.0)).unzip();
        let contour = Series::new("equal height", x, y).unlisted().dash(Dash::Solid).width(1.0);
        map = map.series(contour.color(Color(190, 190, 190)));
    }
    let mut errors = LineChart::new().title("Distance to the minimum").x_label("step").y_label("error").log_y();
    let ways = [("descent", descent, 2.0), ("Newton, damped", damped, 3.0), ("Newton", plain, 1.6)];
    for (k, (label, path, width)) in ways.into_iter().enumerate() {
        // Ten thousand points of the descent overlap: one in every hundredth of a unit is enough.
        let mut shown: Vec<&Place> = Vec::new();
        for place in path {
            let apart = |last: &&Place| (0..2).any(|i| (last.at[i] - place.at[i]).abs() > 0.01);
            if k > 0 || shown.last().is_none_or(apart) {
                shown.push(place);
            }
        }
        let column = |i: usize| shown.iter().map(|place| place.at[i]).collect::<Vec<f64>>();
        let way = line(label, column(0), column(1), k).width(width);
        map = map.series(if k > 0 { way.dots() } else { way });
        let error: Vec<f64> = path.iter().take(30).map(|place| place.error).collect();
        let step: Vec<f64> = (0..error.len()).map(|step| step as f64).collect();
        errors = errors.series(line(label, step, error, k).width(width).dots());
    }
    Figure::new(960, 430).columns(2).panel(map.legend(Legend::Above)).panel(errors.legend(Legend::Above))
}

/// The solution of the network over the exact one, its error and residual, and the course of the training.
pub fn oscillator(fit: &Fit) -> Result<Figure> {
    let tape = Tape::f64();
    let t = tape.leaf(times(501));
    let u = solution(&fit.net, t);
    let (x, truth) = (t.value().to_vec(), exact(t).value().to_vec());
    let size = |values: Vec<f64>| values.into_iter().map(f64::abs).collect::<Vec<f64>>();
    let error = size((u - exact(t)).value().to_vec());
    let residual = size(residual(t, u)?.value().to_vec());
    let swing = LineChart::new()
        .title("The solution")
        .x_label("t")
        .y_label("u")
        .series(line("exact", x.clone(), truth, 5).width(6.0))
        .series(Series::new("network", x.clone(), u.value().to_vec()).color(Color::BLACK).dash(Dash::Dashed));
    let small = LineChart::new()
        .title("What is wrong with it")
        .x_label("t")
        .y_label("size")
        .log_y()
        .legend(Legend::Above)
        .series(line("residual / ω²", x.clone(), residual, 4).width(1.2))
        .series(line("distance to the exact solution", x, error, 0));
    let (first, then) = fit.losses.split_at(fit.adam);
    let numbers = |from: usize, count: usize| (from..from + count).map(|step| step as f64).collect::<Vec<f64>>();
    let loss = LineChart::new()
        .title("The loss")
        .x_label("step")
        .y_label("mean square of the residual")
        .log_y()
        .series(line("Adam", numbers(0, first.len()), first.to_vec(), 0))
        .series(line("Gauss-Newton", numbers(first.len(), then.len()), then.to_vec(), 1));
    Ok(Figure::new(1260, 400)
        .columns(3)
        .panel(swing.legend(Legend::Above))
        .panel(small)
        .panel(loss.legend(Legend::Above)))
}

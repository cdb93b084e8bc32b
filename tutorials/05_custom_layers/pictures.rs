//! The pictures of this tutorial.

use std::f64::consts::PI;

use wengert::{
    Result, Tape, Tensor,
    check::{Comparison, StepCurve},
    plot::{Color, Dash, Figure, HeatMap, Legend, LineChart, Series},
};

use crate::posted::{self, MARGIN, SCALE};

/// The color of what is there only for comparison.
const GRAY: Color = Color(96, 96, 96);

/// The gradient of a matrix by hand, by the tape and by differences, and the error of the hand-written one.
pub fn gradients(of: &Comparison) -> Figure {
    let shape = of.at.shape().clone();
    let numbers = |side: &Option<Tensor>| side.as_ref().map_or(vec![f64::NAN; shape.numel()], Tensor::to_vec);
    let (manual, tape, numeric) = (numbers(&of.manual), numbers(&of.tape), numbers(&of.numeric));
    let off: Vec<f64> = manual.iter().zip(&tape).map(|(m, t)| m - t).collect();
    let largest = manual.iter().chain(&tape).fold(0.0f64, |m, v| m.max(v.abs()));
    let mut figure = Figure::new(900, 560).columns(2);
    for (title, values) in
        [("by hand", manual), ("by the tape", tape), ("by differences", numeric), ("by hand − by the tape", off)]
    {
        let map = HeatMap::new(shape[0], shape[1], values).title(title).x_label("feature").y_label("class");
        figure = figure.panel(map.range(-largest, largest));
    }
    figure
}

/// The error of a central difference against its step.
pub fn step_curve(curve: &StepCurve) -> Figure {
    let exponent: Vec<f64> = curve.steps.iter().map(|h| h.log10()).collect();
    let at = curve.chosen.log10();
    let errors = curve.errors.iter().copied().filter(|e| *e > 0.0);
    let (low, high) = errors.fold((1.0f64, 0.0f64), |(l, h), e| (l.min(e), h.max(e)));
    let chart = LineChart::new()
        .legend(Legend::Above)
        .x_label("step, power of ten")
        .y_label("relative error")
        .log_y()
        .series(Series::new("central difference", exponent, curve.errors.clone()).dots())
        .series(Series::new("the step that was taken", [at, at], [low, high]).color(GRAY).dash(Dash::Dashed));
    Figure::new(640, 380).panel(chart)
}

/// The logit of a class against the angle to it: without margin, as posted, and cos(θ + m) throughout.
pub fn margin() -> Result<Figure> {
    let turn = PI - MARGIN;
    let sampled =
        |low: f64, high: f64| -> Vec<f64> { (0..=300).map(|i| low + (high - low) * f64::from(i) / 300.0).collect() };
    let chart = |low: f64, high: f64| -> Result<LineChart> {
        let line = |label: &str, x: Vec<f64>, f: fn(f64) -> f64| {
            let y: Vec<f64> = x.iter().map(|&t| f(t)).collect();
            Series::new(label, x, y)
        };
        let as_posted = |x: Vec<f64>| -> Result<Series> {
            let tape = Tape::f64();
            let cosines = tape.constant(x.iter().map(|t| t.cos()).collect::<Vec<f64>>());
            let y = posted::logits(cosines).value().to_vec();
            Ok(Series::new("as posted", x, y).color(Color::VERMILLION).dash(Dash::Solid).width(4.0))
        };
        let all = || sampled(low, high);
        let throughout = line("cos(θ + m)", all(), |t| SCALE * (t + MARGIN).cos());
        Ok(LineChart::new()
            .x_label("angle to the class, radians")
            .y_label("logit")
            .series(line("no margin", all(), |t| SCALE * t.cos()).color(GRAY))
            .series(as_posted(sampled(low, turn - 1e-9))?)
            .series(as_posted(sampled(turn + 1e-9, high))?.unlisted())
            .series(throughout.color(Color::BLUE).dash(Dash::Dashed)))
    };
    let whole = chart(0.0, PI)?.title("All angles");
    let near = chart(turn - 0.25, turn + 0.25)?.title("Around π − m");
    Ok(Figure::new(960, 400).columns(2).panel(whole).panel(near))
}

/// The error of the gradient in single precision against the angle.
pub fn precision(rows: &[crate::Precision]) -> Figure {
    let angle: Vec<f64> = rows.iter().map(|row| row.angle.log10()).collect();
    let of = |f: fn(&crate::Precision) -> f64| rows.iter().map(f).collect::<Vec<f64>>();
    let chart = LineChart::new()
        .x_label("angle, power of ten")
        .y_label("relative error, median")
        .log_y()
        .series(Series::new("√(1 − cos²), tape", angle.clone(), of(|row| row.by_sine)).dots())
        .series(Series::new("atan2, tape", angle.clone(), of(|row| row.by_angle)).dots())
        .series(Series::new("by hand", angle, of(|row| row.by_hand)).dots());
    Figure::new(640, 380).panel(chart)
}

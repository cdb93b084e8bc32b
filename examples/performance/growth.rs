//! How the time of a step grows: with the batch, the width, the depth, the length of the tape, and the threads.
//!
//! A perceptron of `depth` layers of `width`, a batch of `batch`: a step makes about 6 · batch · depth · width² operations
//! (one product forward, two backward), so time should grow in proportion to batch and depth and with the square of the
//! width, once the overhead of a node is small beside its product.

use std::{path::Path, process::Command, time::Instant};

use wengert::{
    Error, Result, Tape,
    plot::{Dash, Figure, LineChart, Series},
};

use crate::networks::Work;

/// A size of a step that is varied, and the growth that is expected.
struct Sweep {
    name: &'static str,
    label: &'static str,
    /// Which of batch, width and depth.
    axis: usize,
    sizes: &'static [usize],
    power: i32,
    what: &'static str,
}

const SWEEPS: [Sweep; 3] = [
    Sweep {
        name: "batch",
        label: "batch (width 256, depth 4)",
        axis: 0,
        sizes: &[1, 4, 16, 64, 256, 1024],
        power: 1,
        what: "in proportion",
    },
    Sweep {
        name: "width",
        label: "width (batch 128, depth 4)",
        axis: 1,
        sizes: &[16, 32, 64, 128, 256, 512, 1024],
        power: 2,
        what: "with the square",
    },
    Sweep {
        name: "depth",
        label: "depth (batch 128, width 128)",
        axis: 2,
        sizes: &[1, 2, 4, 8, 16, 32, 64],
        power: 1,
        what: "in proportion",
    },
];

impl Sweep {
    /// Prints and returns the microseconds of a step, by size.
    fn run(&self, seconds: f64, network: fn(usize, usize, usize) -> Result<Work>) -> Result<Vec<f64>> {
        println!("{:>8}  {:>10}  {:>10}  {:>8}", self.name, "us a step", "of before", "GFLOP/s");
        let mut times: Vec<f64> = Vec::new();
        for &size in self.sizes {
            let mut sizes = if self.axis == 2 { [128, 128, 4] } else { [128, 256, 4] };
            sizes[self.axis] = size;
            let [batch, width, depth] = sizes;
            let time = microseconds(seconds, network(batch, width, depth)?)?;
            let ratio = times.last().map_or("–".to_owned(), |before| format!("{:.2}", time / before));
            let flops = 6.0 * (batch * depth * width * width) as f64;
            println!("{size:>8}  {time:>10.1}  {ratio:>10}  {:>8.1}", flops / time * 1e-3);
            times.push(time);
        }
        println!();
        Ok(times)
    }
}

/// Microseconds of a step.
fn microseconds(seconds: f64, mut work: Work) -> Result<f64> {
    let mut tape = Tape::new();
    Ok(crate::quickest(seconds, || work.step(&mut tape))? * 1e6)
}

/// Nanoseconds an operation of one element, with its gradient, in a chain of so many.
fn chain(seconds: f64, length: usize) -> Result<f64> {
    let mut tape = Tape::new();
    let time = crate::quickest(seconds, || {
        tape.reset();
        let x = tape.leaf(0.5);
        (0..length).fold(x, |y, _| y * 0.999_999).backward().map(drop)
    })?;
    Ok(time * 1e9 / length as f64)
}

/// A curve, and the line of the growth that is expected, through its last point.
fn panel(title: &str, x_label: &str, x: &[usize], y: &[f64], power: i32, what: &str) -> LineChart {
    let x: Vec<f64> = x.iter().map(|&x| x as f64).collect();
    let (end, top) = (x[x.len() - 1], y[y.len() - 1]);
    let line: Vec<f64> = x.iter().map(|x| top * (x / end).powi(power)).collect();
    LineChart::new()
        .title(title)
        .x_label(x_label)
        .y_label("ms a step")
        .log_x()
        .log_y()
        .series(Series::new("measured", x.clone(), y).dots())
        .series(Series::new(what, x, line).dash(Dash::Dashed))
}

pub fn run(seconds: f64, out: &Path, quick: bool) -> Result<()> {
    let seconds = 0.8 * seconds;
    let start = Instant::now();
    let mut figure = Figure::new(1100, 680).columns(2);
    for sweep in SWEEPS {
        let Sweep { name, label, axis, sizes, power, what } = sweep;
        let milliseconds = |times: Vec<f64>| times.iter().map(|time| time / 1e3).collect::<Vec<_>>();
        let times = milliseconds(sweep.run(seconds, Work::perceptron)?);
        let mut chart = panel(&format!("Time against {name}"), label, sizes, &times, power, what);
        if axis == 2 {
            println!("the same with residual layers, x + tanh(W x + b)");
            let depths: Vec<f64> = sizes.iter().map(|&depth| depth as f64).collect();
            let times = milliseconds(sweep.run(seconds, Work::residual)?);
            chart = chart.series(Series::new("residual", depths, &times[..]).dots());
        }
        figure = figure.panel(chart);
    }
    let lengths: &[usize] = if quick { &[10, 1000] } else { &[10, 100, 1000, 10_000, 100_000, 1_000_000] };
    println!("operations  ns each");
    let mut each = Vec::new();
    for &length in lengths {
        each.push(chain(seconds, length)?);
        println!("{length:>10}  {:>7.0}", each[each.len() - 1]);
    }
    let total: Vec<f64> = lengths.iter().zip(&each).map(|(&length, each)| length as f64 * each * 1e-6).collect();
    let length =
        panel("Time against the length of the tape", "operations of one number", lengths, &total, 1, "in proportion");
    let [svg, png] = figure.panel(length).save(out.join("growth"))?;

    println!("\nthreads  {:>8}  {:>14}  {:>13}", "elu, ms", "256-512x4, ms", "64-64x4, us");
    for threads in [1, 2] {
        let program =
            std::env::current_exe().map_err(|problem| Error::setting("growth", "program", problem, "running"))?;
        let mut child = Command::new(program);
        child.arg("threads").env("RAYON_NUM_THREADS", threads.to_string());
        if quick {
            child.arg("--quick");
        }
        let output = child.output().map_err(|problem| Error::setting("growth", "program", problem, "running"))?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    println!("\nwritten: {}, {}", svg.display(), png.display());
    println!("{:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// The row of the table of threads, for those of this process.
pub fn threads(seconds: f64) -> Result<()> {
    let mut work = Work::elu(true)?;
    let mut tape = Tape::new();
    let elu = crate::quickest(3.0 * seconds, || work.step(&mut tape))? * 1e3;
    let perceptron = |seconds, batch, width| microseconds(seconds, Work::perceptron(batch, width, 4)?);
    let (large, small) = (perceptron(3.0 * seconds, 256, 512)? / 1e3, perceptron(seconds, 64, 64)?);
    println!("{:>7}  {elu:>8.2}  {large:>14.2}  {small:>13.1}", wengert::threads());
    Ok(())
}

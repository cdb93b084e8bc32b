//! The shared numbers, and how a work is timed and printed.

use std::time::Instant;

use wengert::{DType, Result, Tensor};

/// The shared numbers: a hash of (index + seed · 1000003), uniform in [-scale, scale), row-major.
pub fn fill(seed: u32, shape: &[usize], scale: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F32, |i| {
        let mut x = (i as u32).wrapping_add(seed.wrapping_mul(1_000_003));
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (f64::from(x ^ (x >> 16)) / 4_294_967_296.0 * 2.0 - 1.0) * scale
    })
}

/// How many steps are timed.
#[derive(Clone, Copy)]
pub struct Timing {
    /// A tenth of them: enough for the check, not for a figure.
    pub quick: bool,
}

impl Timing {
    fn steps(self, steps: usize) -> usize {
        if self.quick { steps.div_ceil(10) } else { steps }
    }

    /// The loss of the fourth step, with as many decimals as engines agree on; then `warm` untimed steps and `runs` timed ones.
    pub fn measure(
        self,
        work: &str,
        variant: &str,
        (warm, runs): (usize, usize),
        unit: (&str, f64),
        decimals: usize,
        mut step: impl FnMut() -> Result<f64>,
    ) -> Result<()> {
        for _ in 0..3 {
            step()?;
        }
        let check = step()?;
        for _ in 0..self.steps(warm) {
            step()?;
        }
        self.time(&format!("{work} {variant}"), runs, unit, &format!("loss {check:.decimals$}"), || step().map(drop))
    }

    /// Times `runs` steps and prints the line.
    pub fn time(
        self,
        work: &str,
        runs: usize,
        (unit, scale): (&str, f64),
        check: &str,
        mut step: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let runs = self.steps(runs);
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let start = Instant::now();
            step()?;
            times.push(start.elapsed().as_secs_f64() * scale);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "wengert {} {work} threads {}: median {:.3} {unit}  min {:.3} {unit}  check {check}",
            env!("CARGO_PKG_VERSION"),
            wengert::threads(),
            times[runs / 2],
            times[0],
        );
        Ok(())
    }
}

//! n multiplications of one number, and the gradient with respect to it, for n up to a million; no update. The check is the
//! gradient.

use wengert::{Result, Tape};

use crate::timing::Timing;

pub fn chain(timing: Timing) -> Result<()> {
    let mut tape = Tape::new();
    for length in [10_000, 100_000, 1_000_000] {
        let mut step = || {
            tape.reset();
            let x = tape.leaf(0.5);
            let y = (0..length).fold(x, |y, _| y * 0.999_999);
            Ok(y.backward()?.wrt(x)?.item())
        };
        let check = format!("dx {:.4}", step()?);
        step()?;
        let scale = 1e9 / f64::from(length);
        timing.time(&format!("chain of {length}"), 11, ("ns", scale), &check, || step().map(drop))?;
    }
    Ok(())
}

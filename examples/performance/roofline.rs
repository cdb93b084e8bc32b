//! Each part of a step beside what the machine could do (S. Williams, A. Waterman, D. Patterson, "Roofline", 2009).
//!
//! A part that makes F operations on B bytes takes at least max(F / peak, B / bandwidth): with an *intensity* F / B below
//! peak / bandwidth, memory is the bound, above it arithmetic.

use std::path::Path;

use wengert::{Result, Tape, inspect::Profile, plot};

use crate::{networks::Work, peak};

/// The profile of the quickest of some steps.
fn quickest_step(work: &mut Work, seconds: f64) -> Result<Profile> {
    let mut tape = Tape::new();
    let mut best = Profile::default();
    crate::quickest(4.0 * seconds, || {
        tape.reset();
        tape.set_profiling(true);
        work.step(&mut tape)?;
        let profile = tape.profile();
        if best.is_empty() || profile.seconds < best.seconds {
            best = profile;
        }
        Ok(())
    })?;
    Ok(best)
}

pub fn run(seconds: f64, out: &Path) -> Result<()> {
    let peak = peak::measure(seconds)?;
    let ridge = peak.flops / peak.activations;
    println!("{} threads: at most {:.0} GFLOP/s", wengert::threads(), peak.flops * 1e-9);
    println!("vectors of 6 MB: {:.1} GB/s, of 256 MB: {:.1} GB/s", peak.activations * 1e-9, peak.memory * 1e-9);
    println!("below {ridge:.1} FLOP a byte, 6 MB are bound by their bandwidth");
    for by_hand in [true, false] {
        let name = if by_hand { "by hand" } else { "by the tape" };
        let mut work = Work::elu(by_hand)?;
        let mut tape = Tape::new();
        let plain = crate::quickest(4.0 * seconds, || work.step(&mut tape))?;
        let profile = quickest_step(&mut work, seconds)?;
        println!("\nELU {name}: {:.2} ms a step, {:.2} ms while it is measured", plain * 1e3, profile.seconds * 1e3);
        println!("    ms   MFLOP     MB  FLOP/B  bound ms  of bound  part");
        let mut bounds = 0.0;
        for row in profile.operations().iter().filter(|row| row.seconds > 0.005 * profile.seconds) {
            let (flops, bytes) = (row.flops.unwrap_or(0) as f64, row.bytes as f64);
            let bound = (flops / peak.flops).max(bytes / peak.activations);
            bounds += bound;
            println!(
                "{:>6.3}  {:>6.1}  {:>5.1}  {:>6.2}  {:>8.3}  {:>8}  {} {}",
                row.seconds * 1e3,
                flops * 1e-6,
                bytes * 1e-6,
                if bytes > 0.0 { flops / bytes } else { 0.0 },
                bound * 1e3,
                if bound > 0.0 { format!("{:.2}", row.seconds / bound) } else { "–".to_owned() },
                row.operation,
                if row.backward { "backward" } else { "forward" },
            );
        }
        println!("{:>6.3}  outside the tape: the update, the batch", profile.outside * 1e3);
        println!("all bounds together: {:.2} ms", bounds * 1e3);
        let file = out.join(if by_hand { "elu_by_hand" } else { "elu_by_tape" });
        let [svg, png] = plot::profile(&format!("A step of the ELU network, {name}"), &profile).save(file)?;
        println!("written: {}, {}", svg.display(), png.display());
    }
    Ok(())
}

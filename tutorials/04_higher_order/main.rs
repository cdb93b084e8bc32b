//! The program of tutorial 4: second derivatives as products, in Newton's method, and inside a loss. See README.md in
//! this folder.
//!
//! `cargo run --release --example higher_order [-- --seed N --out DIR --quick]`

#[macro_use]
#[path = "../print.rs"]
mod print;

mod newton;
mod oscillator;
mod pictures;
mod products;

use std::{path::PathBuf, time::Instant};

use clap::Parser;
use serde_json::{Value, json};
use wengert::{Result, Tape, io, plot::Figure};

use newton::{Place, descent, newton, newton_cg};
use oscillator::Fit;
use products::{Size, Steps, WAYS};

/// Takes derivatives of derivatives, and puts them to use.
#[derive(Parser)]
struct Flags {
    /// The seed of points, directions and weights.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/higher_order")]
    out: PathBuf,
    /// Smaller sizes and a short training.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    four_ways(flags.seed)?;
    let (costs, costs_report) = what_they_cost(&flags)?;
    let steps = the_step(flags.seed)?;
    let (paths, newton_report) = down_the_valley()?;
    let cg_report = without_the_matrix(flags.quick)?;
    let known = a_residual_of_zero()?;
    let (fit, fit_report) = an_equation_as_a_loss(&flags)?;

    println!();
    let figures: [(&str, Figure); 3] = [
        ("products", pictures::products(&costs, &steps)),
        ("newton", pictures::newton(&paths[0], &paths[1], &paths[2])),
        ("oscillator", pictures::oscillator(&fit)?),
    ];
    for (name, figure) in figures {
        let [svg, png] = figure.save(flags.out.join(name))?;
        println!("written: {}, {}", svg.display(), png.display());
    }
    let metrics = flags.out.join("metrics.json");
    let least = |errors: &[f64]| errors.iter().copied().fold(f64::INFINITY, f64::min);
    let report = json!({
        "products": costs_report,
        "steps": {
            "step": steps.steps, "one_sided": steps.one_sided, "central": steps.central,
            "central_f32": steps.central_f32, "tape": steps.without[0], "tape_f32": steps.without[1],
            "least_one_sided": least(&steps.one_sided), "least_central": least(&steps.central),
        },
        "newton": newton_report, "newton_cg": cg_report, "residual_of_the_exact_solution": known, "oscillator": fit_report,
    });
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    Ok(())
}

fn four_ways(seed: u64) -> Result<()> {
    println!("== 2. Four ways ==");
    let (x, v) = products::drawn(64, seed);
    let want = products::by_hand(&x.to_vec(), &v.to_vec());
    println!("n = 64                     entries   first three numbers of H v      relative error");
    let row = |name: &str, entries: String, hv: &[f64]| {
        let error = products::relative_error(hv, &want);
        println!("{name:<24}  {entries:>8}  {:>9.3} {:>9.3} {:>9.3}         {error:.1e}", hv[0], hv[1], hv[2]);
    };
    for (name, way) in WAYS {
        let tape = Tape::f64();
        let hv = products::product(way, &tape, &x, &v)?.to_vec();
        row(name, tape.len().to_string(), &hv);
    }
    row("by hand", "-".to_owned(), &want);
    Ok(())
}

fn what_they_cost(flags: &Flags) -> Result<(Vec<Size>, Value)> {
    println!("\n== 3. What they cost ==");
    let sizes: &[usize] = if flags.quick { &[4, 32, 256] } else { &[4, 16, 64, 256, 1024, 4096, 16384, 65536] };
    let costs: Vec<Size> = sizes.iter().map(|&n| products::costs(n, flags.seed)).collect::<Result<_>>()?;
    let row = |name: &str, cell: &dyn Fn(&Size) -> Option<String>| {
        let cells = costs.iter().map(|size| format!(" {:>9}", cell(size).unwrap_or_else(|| "-".to_owned())));
        println!("{name:<24}{}", cells.collect::<String>());
    };
    row("n", &|size| Some(size.n.to_string()));
    row("one gradient, ms", &|size| Some(format!("{:.4}", size.gradient_ms)));
    for (k, (name, _)) in WAYS.iter().enumerate() {
        row(name, &|size| size.ways[k].as_ref().map(|cost| format!("{:.4}", cost.ms)));
    }
    println!("in gradients");
    for (k, (name, _)) in WAYS.iter().enumerate() {
        row(name, &|size| size.ways[k].as_ref().map(|cost| format!("{:.1}", cost.ms / size.gradient_ms)));
    }
    let report = costs.iter().map(|size| {
        let ways = WAYS.iter().zip(&size.ways).filter_map(|((name, _), cost)| {
            let cost = cost.as_ref()?;
            Some(json!({ "way": name, "ms": cost.ms, "entries": cost.entries, "error": cost.error }))
        });
        json!({ "n": size.n, "gradient_ms": size.gradient_ms, "ways": ways.collect::<Vec<_>>() })
    });
    let report = report.collect();
    Ok((costs, report))
}

fn the_step(seed: u64) -> Result<Steps> {
    println!("\n== 4. The step of a difference ==");
    let found = products::steps(64, seed)?;
    println!("step       one-sided   central   central, f32");
    for k in (0..found.steps.len()).step_by(8) {
        let [one, central, single] = [&found.one_sided, &found.central, &found.central_f32].map(|errors| errors[k]);
        println!("{:<9.0e}  {one:>9.1e} {central:>9.1e}      {single:>9.1e}", found.steps[k]);
    }
    println!("tape                 {:>9.1e}      {:>9.1e}", found.without[0], found.without[1]);
    Ok(found)
}

fn down_the_valley() -> Result<([Vec<Place>; 3], Value)> {
    println!("\n== 5. Newton's method ==");
    let start = [-1.2, 1.0];
    let (plain, damped) = (newton(&start, false)?, newton(&start, true)?);
    println!("step         x         y          f    error   error / last²");
    for (k, place) in plain.iter().enumerate() {
        let (x, y) = (place.at[0], place.at[1]);
        print!("{k:>4} {x:>9.5} {y:>9.5} {:>10.2e} {:>8.1e}", place.value, place.error);
        match k.checked_sub(1) {
            Some(last) => println!("   {:>13.3}", place.error / plain[last].error.powi(2)),
            None => println!(),
        }
    }
    let ends: Vec<String> = damped[damped.len() - 5..].iter().map(|place| format!("{:.1e}", place.error)).collect();
    println!("damped: {} steps, the last errors {}", damped.len() - 1, ends.join(", "));
    let slow = descent(&start, 1e-3, 20_000)?;
    for step in [100, 1000, 10_000, 20_000] {
        println!("descent with learning rate 0.001, {step:>5} steps: error {:.1e}", slow[step].error);
    }
    let errors = |path: &[Place]| path.iter().map(|place| place.error).collect::<Vec<_>>();
    let report = json!({
        "plain": errors(&plain), "damped": errors(&damped), "descent_after_20000": slow[20_000].error,
    });
    Ok(([plain, damped, slow], report))
}

fn without_the_matrix(quick: bool) -> Result<Vec<Value>> {
    println!("\n== 6. Newton without the matrix ==");
    let sizes: &[usize] = if quick { &[10, 100] } else { &[10, 100, 1000, 10_000] };
    let mut report = Vec::new();
    let mut seconds = Vec::new();
    for &n in sizes {
        let begin = Instant::now();
        let (path, products) = newton_cg(&vec![2.0; n])?;
        seconds.push(begin.elapsed().as_secs_f64());
        let (steps, error) = (path.len() - 1, path[path.len() - 1].error);
        println!("n = {n:>5}: {steps} steps, {products} products H v, error below 1e-7: {}", error < 1e-7);
        report.push(json!({ "n": n, "steps": steps, "products": products, "error": error, "seconds": seconds.last() }));
    }
    println!("seconds: {}", seconds.iter().map(|s| format!("{s:.4}")).collect::<Vec<_>>().join(", "));
    Ok(report)
}

fn a_residual_of_zero() -> Result<f64> {
    println!("\n== 7. Derivatives with respect to the input ==");
    let tape = Tape::f64();
    let t = tape.leaf(oscillator::times(101));
    let u = oscillator::exact(t);
    let first = tape.grad(u.sum(), &[t])?[0];
    let second = tape.grad(first.sum(), &[t])?[0];
    println!("   t        u       u'      u''");
    for (k, t) in [(0, 0.0), (10, 1.0), (50, 5.0)] {
        let [u, first, second] = [u, first, second].map(|v| v.value().at(&[k, 0]));
        println!("{t:>4.1} {u:>8.4} {first:>8.4} {second:>8.4}");
    }
    let residual = oscillator::residual(t, u)?.abs().value().to_vec().into_iter().fold(0.0, f64::max);
    println!("residual of the exact solution below 1e-14: {}", residual < 1e-14);
    Ok(residual)
}

fn an_equation_as_a_loss(flags: &Flags) -> Result<(Fit, Value)> {
    println!("\n== 8. An equation as a loss ==");
    let (adam, newton, alone) = if flags.quick { (300, 10, 400) } else { (1500, 300, 27_000) };
    let run = |adam: usize, newton: usize| -> Result<(Fit, f64)> {
        let begin = Instant::now();
        let fit = oscillator::train(flags.seed, adam, newton)?;
        Ok((fit, begin.elapsed().as_secs_f64()))
    };
    let (fit, seconds) = run(adam, newton)?;
    let (only_adam, only_seconds) = run(alone, 0)?;
    println!("entries on the tape of one loss: {}", fit.entries);
    let show = |what: &str, loss: f64, error: f64| {
        println!("{what:<42} loss {loss:8.1e}   largest error {error:8.1e}");
    };
    let last = |fit: &Fit| fit.losses[fit.losses.len() - 1];
    show(&format!("Adam, {adam} steps"), fit.losses[adam - 1], fit.errors[0]);
    show(&format!("and then Gauss-Newton, {newton} steps"), last(&fit), fit.errors[1]);
    show(&format!("Adam alone, {alone} steps"), last(&only_adam), only_adam.errors[1]);
    println!("seconds: {seconds:.2} with Gauss-Newton, {only_seconds:.2} with Adam alone");
    let report = json!({
        "adam_steps": adam, "gauss_newton_steps": newton, "losses": fit.losses, "error_after_adam": fit.errors[0],
        "error": fit.errors[1], "seconds": seconds, "adam_alone_steps": alone, "adam_alone_error": only_adam.errors[1],
        "adam_alone_seconds": only_seconds, "entries": fit.entries,
    });
    Ok((fit, report))
}

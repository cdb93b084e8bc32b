//! The program of tutorial 5: a layer with its derivative by hand, broken and fixed; and a layer that failed its check,
//! with the cause.

#[macro_use]
#[path = "../print.rs"]
mod print;

mod head;
mod margin;
mod pictures;
mod posted;
mod slips;

use std::{path::PathBuf, sync::Arc};

use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use wengert::{
    DType, Param, Result, Rule, Tape, Tensor,
    check::{self, Fault, Outcome, Report, mutate},
    io,
    nn::{Layer, Linear, Sequential, Tanh},
    optim::{Adam, Optimizer},
};

use head::{CosineHead, Cosines};
use margin::{MarginCosine, margin_loss};
use posted::{ArcfaceLayer, MARGIN, SCALE};
use slips::{BrokenHead, SLIPS, Slip};

/// Checks a layer written by hand, broken and whole, and finds out why another one failed.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/05_custom_layers")]
    out: PathBuf,
    /// Leave the pictures out.
    #[arg(long)]
    quick: bool,
    /// Print only a puzzle: the gradients of a rule with a slip, chosen by this number.
    #[arg(long)]
    puzzle: Option<u64>,
    /// Add the solution to the puzzle.
    #[arg(long, requires = "puzzle")]
    answer: bool,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    if let Some(number) = flags.puzzle {
        return puzzle(number, flags.answer);
    }
    let sound = by_hand()?;
    let broken = forgotten()?;
    let verdicts = slips()?;
    let rows = rows_and_columns()?;
    let parallel = parallel()?;
    let jump = jump()?;
    let everywhere = everywhere();
    let split = split()?;
    let precision = precision()?;
    let trained = [train(0.0)?, train(0.3)?];
    println!();

    if !flags.quick {
        let weight = broken.gradients.iter().find(|c| c.of == "parameter `weight`").expect("the layer has a weight");
        let curve = sound.curves.iter().find(|c| c.of == "input 0").expect("the function is smooth");
        let figures = [
            ("gradients", pictures::gradients(weight)),
            ("step", pictures::step_curve(curve)),
            ("margin", pictures::margin()?),
            ("precision", pictures::precision(&precision)),
        ];
        for (name, figure) in figures {
            let [svg, png] = figure.save(flags.out.join(name))?;
            println!("written: {}, {}", svg.display(), png.display());
        }
    }
    let metrics = flags.out.join("metrics.json");
    let report = json!({
        "sound": sound.passed(), "verdicts": verdicts, "rows_and_columns": rows, "parallel": parallel, "jump": jump,
        "margin_everywhere": everywhere, "split": split, "precision": precision, "trained": trained,
    });
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    Ok(())
}

/// The names of the tests with their outcomes; details only for what failed or was not tested.
fn table(report: &Report) {
    let width = report.tests.iter().map(|test| test.name.chars().count()).max().unwrap_or(0);
    let mut said = "";
    for test in &report.tests {
        let pad = " ".repeat(width - test.name.chars().count());
        match &test.outcome {
            Outcome::Passed(_) => println!("  ✓ {}", test.name),
            Outcome::Failed(why) => println!("  ✗ {}{pad}  {why}", test.name),
            Outcome::NotApplicable(why) if why == said => println!("  – {}{pad}  the same", test.name),
            Outcome::NotApplicable(why) => {
                println!("  – {}{pad}  {why}", test.name);
                said = why;
            }
        }
    }
    println!("{}", counts(report));
}

/// How many tests ended which way.
fn counts(report: &Report) -> String {
    let [passed, failed, not_applicable] = report.counts();
    format!("{passed} passed, {failed} failed, {not_applicable} not applicable")
}

/// What failed, and why.
fn failures(report: &Report) {
    for test in &report.tests {
        if let Outcome::Failed(why) = &test.outcome {
            println!("  ✗ {}: {why}", test.name);
        }
    }
    for verdict in &report.verdicts {
        println!("{}: {verdict}", if verdict.fault.is_remark() { "remark" } else { "verdict" });
    }
}

fn by_hand() -> Result<Report> {
    println!("== 1. A layer by hand ==");
    let report = check::layer(&CosineHead::new(6, 4, 1), &[[6]]).named("cosine head").run()?;
    table(&report);
    Ok(report)
}

fn forgotten() -> Result<Report> {
    println!("\n== 2. Break it ==");
    let layer = BrokenHead { weight: CosineHead::new(6, 4, 1).weight, slip: Slip::Lengths };
    let report = check::layer(&layer, &[[6]]).run()?;
    failures(&report);
    Ok(report)
}

fn slips() -> Result<Vec<Value>> {
    println!("\n== 3. Seven slips ==");
    let mut found = Vec::new();
    for (slip, written) in SLIPS {
        let layer = BrokenHead { weight: CosineHead::new(6, 4, 1).weight, slip };
        let report = check::layer(&layer, &[[6]]).run()?;
        let verdict = report.verdict().expect("a broken rule gets a verdict");
        println!("{written:<26}  {}: {}", verdict.of.join(" and "), verdict.fault);
        if matches!(verdict.fault, Fault::Unknown) {
            verdict.evidence.iter().for_each(|sentence| println!("{:26}  {sentence}", ""));
        }
        found.push(json!({ "slip": written, "verdict": verdict.fault.to_string() }));
    }
    Ok(found)
}

fn rows_and_columns() -> Result<Value> {
    println!("\n== 4. Rows and columns ==");
    let layer = ArcfaceLayer::new(512, 4, 0);
    let report = check::layer(&layer, &[[512]]).named("arcfaceLayer").valid_size(&[10, 512], 1).run()?;
    table(&report);
    for verdict in &report.verdicts {
        println!("verdict: {verdict}");
    }
    println!("\nthe observations along axis 0:");
    let turned = check::layer(&layer, &[[512]]).named("arcfaceLayer").valid_size(&[10, 512], 0).run()?;
    println!("{}", counts(&turned));
    Ok(json!({ "as_posted": report.counts(), "along_axis_0": turned.counts() }))
}

/// Numbers from the standard normal distribution.
fn normal(shape: &[usize], rng: &mut StdRng) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |_| StandardNormal.sample(rng))
}

fn parallel() -> Result<Value> {
    println!("\n== 5. A feature that points at its class ==");
    let count = 1000;
    let mut rng = StdRng::seed_from_u64(0);
    let tape = Tape::new();
    let w = tape.constant(normal(&[count, 512], &mut rng));
    let x = w * 3.0;
    let cosines = (x / x.norm_axes(&[1], true) * (w / w.norm_axes(&[1], true))).sum_axes(&[1], false);
    let above = cosines.value().to_vec().iter().filter(|c| **c > 1.0).count();
    let lost = posted::logits(cosines).value().to_vec().iter().filter(|z| z.is_nan()).count();
    println!("single precision, x = 3 w: cos > 1 in {above} of {count} draws, logit NaN in {lost}");

    let (x, kernel) = (Tensor::from([[2.0, 0.0]]), Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
    let report = check::closure(|x| posted::arcface(x[0], x[1]), &[x, kernel]).run()?;
    failures(&report);
    Ok(json!({ "cosine_above_1": above, "nan": lost, "of": count }))
}

fn jump() -> Result<Value> {
    println!("\n== 6. Where θ + m passes π ==");
    let turn = std::f64::consts::PI - MARGIN;
    let report = check::closure(|x| posted::logits(x[0].cos()), &[Tensor::from([turn])]).run()?;
    failures(&report);
    let logit = |angle: f64| posted::logits(Tape::f64().constant(angle).cos()).item();
    let (before, after) = (logit(turn - 1e-9), logit(turn + 1e-9));
    println!("logit just before and after: {before:.4} and {after:.4}");
    Ok(json!({ "size": before - after }))
}

fn everywhere() -> Value {
    println!("\n== 7. The margin on every class ==");
    let tape = Tape::f64();
    let cosines = tape.constant([[0.30, 0.28, 0.10, -0.10]]);
    let plain = (cosines * SCALE).cross_entropy(&[0]).item();
    let everywhere = posted::logits(cosines).cross_entropy(&[0]).item();
    let own = tape.constant([[1.0, 0.0, 0.0, 0.0]]);
    let own = own.select(posted::logits(cosines), cosines * SCALE).cross_entropy(&[0]).item();
    println!("cross-entropy without margin {plain:.3}, on the own class {own:.3}, on every class {everywhere:.3}");
    json!({ "plain": plain, "own": own, "everywhere": everywhere })
}

fn split() -> Result<Value> {
    println!("\n== 8. Split in two ==");
    let report = check::layer(&CosineHead::new(512, 10, 0), &[[512]]).named("cosine head").run()?;
    let [passed, failed, not_applicable] = report.counts();
    println!(
        "cosine head, 512 features, 10 classes: {passed} passed, {failed} failed, {not_applicable} not applicable"
    );

    let mut rng = StdRng::seed_from_u64(1);
    let rows = [normal(&[3, 8], &mut rng), normal(&[3, 8], &mut rng)];
    let rule = check::function(MarginCosine(MARGIN), &rows).run()?;
    println!("margin cosine, 3 rows of 8: {}", counts(&rule));

    let inputs = [normal(&[3, 8], &mut rng), normal(&[4, 8], &mut rng)];
    let whole = check::closure(
        |x| {
            let cosines = x[0].tape().apply(Cosines, x).expect("two inputs")[0];
            margin_loss(x[0], x[1], cosines, &[2, 0, 3], 16.0, MARGIN).expect("the shapes fit")
        },
        &inputs,
    )
    .run()?;
    println!("head and loss together: {}", counts(&whole));

    let w = Tensor::from([[1.0, 0.0, 0.0]]);
    let pointing = check::function(MarginCosine(MARGIN), &[Tensor::from([[2.0, 0.0, 0.0]]), w]).run()?;
    println!("at θ = 0:");
    failures(&pointing);
    Ok(json!({ "seconds": report.seconds, "head": report.counts(), "rule": rule.counts(), "loss": whole.counts() }))
}

/// The median relative error of the gradient with respect to x in single precision, at one angle.
#[derive(serde::Serialize)]
struct Precision {
    angle: f64,
    by_sine: f64,
    not_finite: usize,
    by_angle: f64,
    by_hand: f64,
}

fn precision() -> Result<Vec<Precision>> {
    println!("\n== 9. Which formula, and which rule ==");
    println!("{:>7}  {:>22}  {:>11}  {:>9}", "θ", "√(1 − cos²), tape", "atan2, tape", "by hand");
    let mut table = Vec::new();
    for angle in [1e-1, 1e-2, 1e-3, 3e-4, 1e-4] {
        let row = precision_at(angle)?;
        println!(
            "{angle:>7.0e}  {:>9.1e} ({:>3} lost)  {:>11.1e}  {:>9.1e}",
            row.by_sine, row.not_finite, row.by_angle, row.by_hand
        );
        table.push(row);
    }
    Ok(table)
}

/// 200 features of length 3 at this angle from their classes.
fn precision_at(angle: f64) -> Result<Precision> {
    const N: usize = 200;
    const D: usize = 16;
    let mut rng = StdRng::seed_from_u64(2);
    let tape = Tape::f64();
    let w = tape.constant(normal(&[N, D], &mut rng)).l2_normalize(1, 1e-12);
    let v = tape.constant(normal(&[N, D], &mut rng));
    let across = (v - w * (v * w).sum_axes(&[1], true)).l2_normalize(1, 1e-12);
    let x = (w * angle.cos() + across * angle.sin()) * 3.0;
    // Rounded once, so that all ways start from the same numbers.
    let [x, w] = [x, w].map(|v| v.value().cast(DType::F32).cast(DType::F64));

    let gradient = |tape: Tape, rule: Rule, by_sine: bool| -> Result<Vec<f64>> {
        tape.set_rule(rule);
        let (x, w) = (tape.leaf(&x), tape.constant(&w));
        let z = if by_sine {
            let cosine = (x / head::lengths(x) * (w / head::lengths(w))).sum_axes(&[1], true);
            cosine * MARGIN.cos() - (1.0 - cosine.square()).sqrt() * MARGIN.sin()
        } else {
            tape.apply(MarginCosine(MARGIN), &[x, w])?[0]
        };
        Ok(z.sum().backward()?.wrt(x)?.to_vec())
    };
    let truth = gradient(Tape::f64(), Rule::Manual, false)?;
    let median = |found: &[f64]| {
        let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
        let off = |(found, truth): (&[f64], &[f64])| {
            let difference: Vec<f64> = found.iter().zip(truth).map(|(a, b)| a - b).collect();
            norm(&difference) / norm(truth)
        };
        let mut errors: Vec<f64> = found.chunks(D).zip(truth.chunks(D)).map(off).filter(|e| e.is_finite()).collect();
        errors.sort_by(f64::total_cmp);
        (errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN), N - errors.len())
    };
    let (by_sine, not_finite) = median(&gradient(Tape::new(), Rule::Tape, true)?);
    let by_angle = median(&gradient(Tape::new(), Rule::Tape, false)?).0;
    let by_hand = median(&gradient(Tape::new(), Rule::Manual, false)?).0;
    Ok(Precision { angle, by_sine, not_finite, by_angle, by_hand })
}

/// Observations of four classes in eight dimensions.
fn observations(n: usize, rng: &mut StdRng) -> (Tensor, Vec<usize>) {
    let centers = normal(&[4, 8], &mut StdRng::seed_from_u64(3)).to_vec();
    let labels: Vec<usize> = (0..n).map(|i| i % 4).collect();
    let noise = normal(&[n, 8], rng).to_vec();
    let x = Tensor::from_fn([n, 8], DType::F64, |i| centers[labels[i / 8] * 8 + i % 8] + 0.5 * noise[i]);
    (x, labels)
}

/// A small network with the head, trained with a margin; the angles of unseen observations.
fn train(margin: f64) -> Result<Value> {
    if margin == 0.0 {
        println!("\n== 10. Trained ==");
    }
    let body = Sequential::new().then(Linear::new(8, 32, 4)).then(Tanh).then(Linear::new(32, 3, 5));
    let head = CosineHead::new(3, 4, 6);
    let params: Vec<Param> = body.params().into_iter().chain(head.params()).collect();
    let mut adam = Adam::new(&params, 0.01)?;
    let mut rng = StdRng::seed_from_u64(7);
    let (x, labels) = observations(200, &mut rng);
    let mut tape = Tape::new();
    for _ in 0..300 {
        tape.reset();
        let features = body.forward(tape.constant(&x));
        let weight = tape.watch(&head.weight);
        let loss = margin_loss(features, weight, head.forward(features), &labels, 8.0, margin)?;
        adam.step(&loss.backward()?)?;
    }
    tape.reset();
    let (x, labels) = observations(1000, &mut rng);
    let cosines = head.forward(body.forward(tape.constant(&x))).value().to_vec();
    let rows = || cosines.chunks(4).zip(&labels);
    let right = rows().filter(|(row, label)| row.iter().all(|c| *c <= row[**label])).count();
    let degrees = |c: f64| c.clamp(-1.0, 1.0).acos().to_degrees();
    let own = rows().map(|(row, &label)| degrees(row[label])).sum::<f64>() / labels.len() as f64;
    println!("margin {margin}: {right} of {} right, mean angle to the own class {own:.1}°", labels.len());
    Ok(json!({ "margin": margin, "right": right, "of": labels.len(), "own_degrees": own }))
}

/// The gradients of a rule with a slip, as other tools would leave them; with `answer`, the slip and the verdict.
fn puzzle(number: u64, answer: bool) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(number);
    let inputs = [normal(&[3, 5], &mut rng), normal(&[4, 5], &mut rng)];
    let mutant = mutate::mutate(Arc::new(Cosines), &inputs, number)?.expect("the rule can be broken");
    let report = check::function(mutant.function.clone(), &inputs).named("cosines, with a slip").run()?;
    for gradient in &report.gradients {
        let show = |side: &Option<Tensor>| side.as_ref().map_or("none".to_owned(), Tensor::to_string);
        println!("{}\nby hand\n{}\nby the tape\n{}", gradient.of, show(&gradient.manual), show(&gradient.tape));
    }
    if answer {
        println!("the slip: {}", mutant.what);
        failures(&report);
    }
    Ok(())
}

//! The program of tutorial 1: a tape is printed, walked backward by hand, and used to go downhill.

#[macro_use]
#[path = "../print.rs"]
mod print;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use wengert::{
    Result, Tape, Tensor,
    inspect::{Mermaid, NodeView},
    io,
    plot::{Color, Dash, Figure, Legend, LineChart, Series},
};

/// Shows what a tape is, and what it is good for.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/01_first_tape")]
    out: PathBuf,
    /// Go 5 steps downhill instead of 30.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let (dx, dy) = the_tape()?;
    let (early, in_order) = why_order_matters()?;
    fan_out_and_constants()?;
    let derivatives = derivatives_of_derivatives()?;

    println!("\n== 6. Downhill ==");
    let steps = if flags.quick { 5 } else { 30 };
    let runs = [(0.05, descend(0.05, steps)?), (0.15, descend(0.15, steps)?)];
    for (rate, path) in &runs {
        let (at, end) = (path.iter().map(|p| p[2]).collect::<Vec<_>>(), path[steps]);
        println!(
            "learning rate {rate:.2}: loss {:.4} -> {:.4} -> {:.3e} at ({:.5}, {:.5})",
            at[0], at[5], at[steps], end[0], end[1]
        );
    }

    let pictures = draw(&runs).save(flags.out.join("descent"))?;
    let metrics = flags.out.join("metrics.json");
    let losses = |run: &[[f64; 3]]| run.iter().map(|p| p[2]).collect::<Vec<_>>();
    let report = json!({
        "gradient": [dx, dy], "early": early, "in_order": in_order, "derivatives": derivatives,
        "losses_slow": losses(&runs[0].1), "losses_fast": losses(&runs[1].1),
    });
    io::write_json(&metrics, &report)?;
    println!("\nwritten: {}, {}, {}", pictures[0].display(), pictures[1].display(), metrics.display());
    Ok(())
}

/// z = x y + sin x: the list, the values, and the gradient of every row.
fn the_tape() -> Result<(f64, f64)> {
    println!("== 1. The tape ==");
    let tape = Tape::f64();
    let x = tape.leaf(3.0).named("x");
    let y = tape.leaf(2.0).named("y");
    let product = x * y;
    let sine = x.sin();
    let z = (product + sine).named("z");
    println!("{tape}");

    println!("\n== 2. Backward ==");
    for inner in [product, sine, z] {
        inner.retain();
    }
    let gradients = z.backward()?;
    for (what, var) in [("z", z), ("sin x", sine), ("x y", product), ("y", y), ("x", x)] {
        println!("{what:<6} value {:6.4}   gradient {:6.4}", var.item(), gradients.wrt(var)?.item());
    }
    let by_hand = (2.0 + 3f64.cos(), 3.0);
    println!("by hand: y + cos x = {:.4}, x = {:.4}", by_hand.0, by_hand.1);
    Ok((gradients.wrt(x)?.item(), gradients.wrt(y)?.item()))
}

/// Passes a gradient on the moment it arrives. Wrong: a value that is used twice passes its first half on twice.
fn pass_on_at_once(rows: &[NodeView], row: usize, gradients: &mut [f64]) {
    for &input in &rows[row].inputs {
        gradients[input] += gradients[row];
        pass_on_at_once(rows, input, gradients);
    }
}

/// Passes on from the end of the list to its beginning. Right: all users of a value come after it.
fn pass_on_in_order(rows: &[NodeView], gradients: &mut [f64]) {
    for row in (0..rows.len()).rev() {
        for &input in &rows[row].inputs {
            gradients[input] += gradients[row];
        }
    }
}

/// How many visits it takes to follow every path from `row` to the beginning.
fn visits(rows: &[NodeView], row: usize) -> u64 {
    1 + rows[row].inputs.iter().map(|&input| visits(rows, input)).sum::<u64>()
}

fn why_order_matters() -> Result<(f64, f64)> {
    println!("\n== 3. Why the order matters ==");
    let tape = Tape::f64();
    let a = tape.leaf(1.0).named("a");
    let b = (a + a).named("b");
    let c = (b + b).named("c");
    println!("{tape}");
    print!("{}", Mermaid(&tape));

    let rows: Vec<NodeView> = tape.nodes().collect();
    let mut early = [0.0, 0.0, 1.0];
    pass_on_at_once(&rows, c.index(), &mut early);
    let mut in_order = [0.0, 0.0, 1.0];
    pass_on_in_order(&rows, &mut in_order);
    println!("passed on at once: dc/da = {}", early[0]);
    println!("passed on in order: dc/da = {}", in_order[0]);
    println!("the tape's own:     dc/da = {}", c.backward()?.wrt(a)?.item());

    let mut doubled = a;
    for _ in 0..20 {
        doubled = doubled + doubled;
    }
    let rows: Vec<NodeView> = tape.nodes().collect();
    println!("20 doublings: {} visits along paths, 21 rows in order", visits(&rows, doubled.index()));
    println!("the gradient is 2^20 = {}", doubled.backward()?.wrt(a)?.item());
    Ok((early[0], in_order[0]))
}

fn fan_out_and_constants() -> Result<()> {
    println!("\n== 4. Leaves, constants, detached values ==");
    let tape = Tape::f64();
    let x = tape.leaf(3.0);
    let k = tape.constant(10.0);
    let y = x * x + k * x;
    let gradients = y.backward()?;
    println!("x x + 10 x at 3: gradient {}", gradients.wrt(x)?);
    match gradients.wrt(k) {
        Ok(gradient) => println!("by the constant: {gradient}"),
        Err(error) => println!("by the constant: {error}"),
    }
    let half = x * x.detach();
    println!("x times detached x: value {}, gradient {}", half.value(), half.backward()?.wrt(x)?);
    println!("x times x:          value {}, gradient {}", (x * x).value(), (x * x).backward()?.wrt(x)?);
    Ok(())
}

fn derivatives_of_derivatives() -> Result<[f64; 3]> {
    println!("\n== 5. The derivative of a derivative ==");
    let tape = Tape::f64();
    let x = tape.leaf(2.0).named("x");
    let y = (x * x * x).named("y");
    let first = tape.grad(y, &[x])?[0].named("y'");
    println!("{tape}");
    let second = tape.grad(first, &[x])?[0];
    let third = tape.grad(second, &[x])?[0];
    println!("x^3 at 2: {}, then {}, {}, {}", y.value(), first.value(), second.value(), third.value());
    println!("rows on the tape: {}", tape.len());
    Ok([first.item(), second.item(), third.item()])
}

/// Gradient descent on f(x, y) = (x² + 10 y²) / 2 from (4, 1): after each step x, y and f.
fn descend(learning_rate: f64, steps: usize) -> Result<Vec<[f64; 3]>> {
    let curvature = Tensor::from([1.0, 10.0]);
    let mut point = Tensor::from([4.0, 1.0]);
    let mut path = Vec::new();
    let mut tape = Tape::f64();
    for step in 0..=steps {
        tape.reset();
        let p = tape.leaf(&point);
        let loss = (tape.constant(&curvature) * p * p).sum() / 2.0;
        path.push([point.at(&[0]), point.at(&[1]), loss.item()]);
        if step < steps {
            let gradients = loss.backward()?;
            let next = tape.constant(&point) - tape.constant(gradients.wrt(p)?) * learning_rate;
            point = next.value();
        }
    }
    Ok(path)
}

/// The paths over lines of equal loss, and the loss by step.
fn draw(runs: &[(f64, Vec<[f64; 3]>)]) -> Figure {
    let mut map = LineChart::new().title("The path").x_label("x").y_label("y").x_limits(-2.0, 4.5).y_limits(-1.1, 1.1);
    for level in [0.5f64, 2.0, 4.5, 8.0, 13.0] {
        let angle = |i: u32| std::f64::consts::TAU * f64::from(i) / 200.0;
        let x: Vec<f64> = (0..=200).map(|i| (2.0 * level).sqrt() * angle(i).cos()).collect();
        let y: Vec<f64> = (0..=200).map(|i| (2.0 * level / 10.0).sqrt() * angle(i).sin()).collect();
        let ellipse = Series::new("equal loss", x, y).unlisted();
        map = map.series(ellipse.color(Color(190, 190, 190)).dash(Dash::Solid).width(1.0));
    }
    let mut losses = LineChart::new().title("The loss").x_label("step").y_label("loss").log_y();
    for (i, (rate, path)) in runs.iter().enumerate() {
        let column = |k: usize| path.iter().map(|p| p[k]).collect::<Vec<_>>();
        let steps: Vec<f64> = (0..path.len()).map(|step| step as f64).collect();
        let styled = |x: Vec<f64>, y: Vec<f64>| {
            Series::new(format!("learning rate {rate}"), x, y).color(Color::nth(i)).dash(Dash::Solid)
        };
        map = map.series(styled(column(0), column(1)).dots());
        losses = losses.series(styled(steps, column(2)));
    }
    Figure::new(860, 380).columns(2).panel(map.legend(Legend::TopLeft)).panel(losses)
}

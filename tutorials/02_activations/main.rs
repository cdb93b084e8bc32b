//! The program of tutorial 2: activation functions drawn with their derivatives, and a look at where they have none.

#[macro_use]
#[path = "../print.rs"]
mod print;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;
use wengert::{
    Result, Tape, Tensor, Var, io,
    plot::{Curve, Figure, curves, places},
};

/// Draws activation functions and shows what the tape says at their kinks.
#[derive(Parser)]
struct Flags {
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/02_activations")]
    out: PathBuf,
    /// Leave the pictures out.
    #[arg(long)]
    quick: bool,
}

/// A function of a value on the tape, as it is written below.
type Activation = for<'t> fn(Var<'t>) -> Var<'t>;

/// A derivative, as worked out by hand.
type ByHand = fn(f64) -> f64;

fn main() -> Result<()> {
    let flags = Flags::parse();
    let differences = rectifiers()?;
    smooth()?;
    let kinks = kinks()?;
    masked()?;
    let alphas = alpha()?;
    println!();

    if !flags.quick {
        let figures = [
            ("rectifiers", draw_rectifiers()?),
            ("saturating", draw("tanh, sigmoid, softplus", -5.0, 5.0, &SMOOTH[..3])?),
            ("gated", draw("GELU, SiLU, Mish", -5.0, 3.0, &SMOOTH[3..])?),
            ("kink", draw("ELU and CELU around zero", -2.0, 1.0, &SCALED)?),
        ];
        for (name, figure) in figures {
            let [svg, png] = figure.save(flags.out.join(name))?;
            println!("written: {}, {}", svg.display(), png.display());
        }
    }
    let metrics = flags.out.join("metrics.json");
    let report = json!({ "manual_minus_tape": differences, "kinks": kinks, "alpha_gradient": alphas });
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    Ok(())
}

/// f′ at each of `x`, from the tape: the vector-Jacobian product with ones.
fn derivative(f: Activation, x: &[f64]) -> Result<Vec<f64>> {
    let tape = Tape::f64();
    let x = tape.leaf(x.to_vec());
    let y = f(x);
    let ones = Tensor::ones(y.shape(), y.dtype());
    Ok(y.vjp(&ones)?.wrt(x)?.to_vec())
}

/// The three rectifiers, written with the tape's operators, and their derivatives by hand.
const RECTIFIERS: [(&str, Activation, ByHand); 3] = [
    ("ELU", |x| x.relu() + x.min(0.0).exp_m1(), |x| if x > 0.0 { 1.0 } else { x.exp() }),
    ("Leaky ReLU", |x| x.gt(0.0).select(x, x * 0.1), |x| if x > 0.0 { 1.0 } else { 0.1 }),
    ("ReLU", |x| x.gt(0.0) * x, |x| if x > 0.0 { 1.0 } else { 0.0 }),
];

fn rectifiers() -> Result<Vec<f64>> {
    println!("== 1. Three rectifiers ==");
    let x = places(-10.0, 3.0);
    let mut differences = Vec::new();
    for (name, f, by_hand) in RECTIFIERS {
        let tape = derivative(f, &x)?;
        let largest = x.iter().zip(&tape).map(|(&x, tape)| (by_hand(x) - tape).abs()).fold(0.0, f64::max);
        println!("{name:<10}  by hand - tape, largest of {} places: {largest:.14}", x.len());
        differences.push(largest);
    }
    Ok(differences)
}

/// Two ways to scale the negative side by a learned number: ELU has a kink for every alpha except 1, CELU for none.
const SCALED: [(&str, Activation); 3] =
    [("ELU, α = 0.3", |x| x.elu(0.3)), ("ELU, α = 1", |x| x.elu(1.0)), ("CELU, α = 0.3", |x| x.celu(0.3))];

/// Six smooth activations.
const SMOOTH: [(&str, Activation); 6] = [
    ("tanh", |x| x.tanh()),
    ("sigmoid", |x| x.sigmoid()),
    ("softplus", |x| x.softplus()),
    ("GELU", |x| x.gelu()),
    ("SiLU", |x| x.silu()),
    ("Mish", |x| x.mish()),
];

fn smooth() -> Result<()> {
    println!("\n== 2. Smooth activations ==");
    println!("{:<9} {:>7} {:>7} {:>9} {:>9}", "", "f(0)", "f'(0)", "min f", "max f'");
    for (name, f) in SMOOTH {
        let at_zero = f(Tape::f64().leaf(0.0)).item();
        let tape = Tape::f64();
        let x = places(-5.0, 5.0);
        let lowest = f(tape.leaf(x.clone())).value().to_vec().into_iter().fold(f64::INFINITY, f64::min);
        let steepest = derivative(f, &x)?.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let slope = derivative(f, &[0.0])?[0];
        println!("{name:<9} {at_zero:>7.4} {slope:>7.4} {lowest:>9.4} {steepest:>9.4}");
    }
    Ok(())
}

fn kinks() -> Result<Vec<(&'static str, String)>> {
    println!("\n== 3. At the kink ==");
    let at_kink: [(&'static str, f64, Activation); 13] = [
        ("relu(x) at 0", 0.0, |x| x.relu()),
        ("x.leaky_relu(0.1) at 0", 0.0, |x| x.leaky_relu(0.1)),
        ("x.elu(0.3) at 0", 0.0, |x| x.elu(0.3)),
        ("|x| at 0", 0.0, |x| x.abs()),
        ("clamp(x, -1, 1) at 1", 1.0, |x| x.clamp(-1.0, 1.0)),
        ("clamp(x, -1, 1) at 1.5", 1.5, |x| x.clamp(-1.0, 1.0)),
        ("sqrt(x) at 0", 0.0, |x| x.sqrt()),
        ("x > 0 times x, at 0", 0.0, |x| x.gt(0.0) * x),
        ("x.max(0.0) at 0", 0.0, |x| x.max(0.0)),
        ("max(x, constant 0) at 0", 0.0, |x| x.max(x.tape().constant(0.0))),
        ("max(x, x) at 0", 0.0, |x| x.max(x)),
        ("x.relu() + (exp(min(x, 0)) - 1)", 0.0, |x| x.relu() + x.min(0.0).exp_m1()),
        ("x.max(0.0) + (exp(min(x, 0)) - 1)", 0.0, |x| x.max(0.0) + x.min(0.0).exp_m1()),
    ];
    let mut slopes = Vec::new();
    for (what, at, f) in at_kink {
        let slope = derivative(f, &[at])?[0];
        println!("{what:<34} {slope}");
        slopes.push((what, slope.to_string()));
    }
    let tape = Tape::f64();
    let (a, b) = (tape.leaf(2.0), tape.leaf(2.0));
    let gradients = a.max(b).backward()?;
    println!("max(a, b) at a = b: {} and {}", gradients.wrt(a)?.item(), gradients.wrt(b)?.item());
    let elu = |x: f64| Tape::f64().leaf(x).elu(0.3).item();
    println!("elu(0.3) at 0 by central difference: {:.3}", (elu(1e-6) - elu(-1e-6)) / 2e-6);
    Ok(slopes)
}

fn masked() -> Result<()> {
    println!("\n== 4. The branch that was not taken ==");
    let show = |what: &str, f: Activation, x: f64| -> Result<()> {
        let value = f(Tape::f64().leaf(x)).item();
        println!("{what:<44} value {value:8.4}   gradient {:.4}", derivative(f, &[x])?[0]);
        Ok(())
    };
    show("[x > 0] sqrt x + [x <= 0] x at 0", |x| x.gt(0.0) * x.sqrt() + x.le(0.0) * x, 0.0)?;
    show("where(x > 0, sqrt x, x) at 0", |x| x.gt(0.0).select(x.sqrt(), x), 0.0)?;
    show("where(x > 0, sqrt x, x) at -1", |x| x.gt(0.0).select(x.sqrt(), x), -1.0)?;
    show("where(x > 0, x, exp(x) - 1) at 1000", |x| x.gt(0.0).select(x, x.exp() - 1.0), 1000.0)?;
    show("[x > 0] x + [x <= 0] (exp(min(x, 0)) - 1)", |x| x.gt(0.0) * x + x.le(0.0) * x.min(0.0).exp_m1(), 1000.0)
}

/// The gradient with respect to the alphas of three channels, for 2 images of 2 by 2: from the tape, by hand, and by
/// hand with the sum over the images forgotten.
fn alpha() -> Result<Vec<f64>> {
    println!("\n== 5. The gradient with respect to alpha ==");
    let tape = Tape::f64();
    let x = tape.constant(Tensor::from_fn([2, 3, 2, 2], tape.dtype(), |i| (i as f64 * 0.7).sin()));
    let upstream = tape.constant(Tensor::from_fn([2, 3, 2, 2], tape.dtype(), |i| (i as f64 * 0.3).cos()));
    let alpha = tape.leaf([0.2, 0.5, 1.0]);
    let z = x.relu() + alpha.per_channel(x) * x.min(0.0).exp_m1();
    let from_tape = z.vjp(&upstream.value())?.wrt(alpha)?.clone();

    let each = upstream * x.min(0.0).exp_m1();
    let by_hand = each.sum_axes(&[0, 2, 3], false);
    let forgotten = each.sum_axes(&[2, 3], false);
    println!("from the tape:      {from_tape:?}");
    println!("by hand, N, H, W:   {:?}", by_hand.value());
    println!("by hand, H, W only: {:?}", forgotten.value());
    Ok(from_tape.to_vec())
}

/// The figure of three rectifiers: derivatives by hand as lines, the tape's as dots on them.
fn draw_rectifiers() -> Result<Figure> {
    let mut all = Vec::new();
    for (name, f, by_hand) in RECTIFIERS {
        all.push(Curve::of(name, -10.0, 3.0, f)?.manual(by_hand));
    }
    Ok(curves("Three rectifiers", &all))
}

/// Some functions with the tape's derivatives.
fn draw(title: &str, low: f64, high: f64, functions: &[(&str, Activation)]) -> Result<Figure> {
    let all: Result<Vec<Curve>> = functions.iter().map(|&(name, f)| Curve::of(name, low, high, f)).collect();
    Ok(curves(title, &all?))
}

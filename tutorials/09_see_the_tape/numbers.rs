//! What a single recording tells about itself.

use wengert::{
    Result, Tape, Tensor, inspect,
    nn::{Layer, Linear, Relu, Sequential},
};

/// The list, as it prints.
pub fn printed() -> Result<()> {
    println!("== 1. The tape ==");
    let tape = Tape::f64();
    let (x, y) = (tape.leaf([3.0, 4.0]).named("x"), tape.constant([1.0, 1.0]).named("y"));
    let layer = tape.scope("distance");
    let distance = (x - y).square().sum().sqrt().named("d");
    drop(layer);
    println!("{tape}");
    println!("dx = {}\n", distance.backward()?.wrt(x)?);

    let tape = Tape::f64();
    let (x, y) = (tape.leaf(3.0).named("x"), tape.constant(1.0).named("y"));
    let z = ((x - y).square() + 5.0).sqrt().named("z");
    print!("{}", inspect::derive(&z.backward()?, x)?);
    Ok(())
}

/// Gradients that are missing, zero and vanishing.
pub fn why() -> Result<()> {
    println!("\n== 2. Why ==");
    let tape = Tape::f64();
    let first = Linear::new(1, 2, 0);
    first.bias.set(&Tensor::from([-8.0, -8.0]))?;
    let net = Sequential::new().named("fc1", first).named("act", Relu).named("fc2", Linear::new(2, 1, 1));
    let loss = net.forward(tape.constant([[1.0], [0.5]])).square().mean();
    println!("{}.", loss.why(&net.params()[0])?);

    let tape = Tape::f64();
    let (x, w) = (tape.leaf([1.0, 2.0]).named("x"), tape.leaf(0.5).named("w"));
    let target = (x * w).detach();
    println!("{}.", (target - x).square().sum().why(w)?);

    let tape = Tape::f64();
    let x = tape.leaf([2.0]).named("x");
    let y = (0..12).fold(x, |x, _| x.sigmoid());
    println!("{}.", y.sum().why(x)?);
    Ok(())
}

/// Numbers that are not finite, and numbers that have lost their digits; how many findings there are.
pub fn anomalies() -> Result<usize> {
    println!("\n== 3. Anomalies ==");
    let tape = Tape::new();
    let x = tape.leaf([60.0, 1.0]);
    let overflow = (x.exp() * x.exp()).sum().detect_anomalies()?;
    println!("{overflow}.\n");

    let tape = Tape::f64();
    let x = tape.leaf([4.0, 0.0]);
    let masked = (x.sqrt() * tape.constant([1.0, 0.0])).sum();
    println!("the loss is {}", masked.item());
    let masked = masked.detect_anomalies()?;
    println!("{masked}.\n");

    let tape = Tape::new();
    let angle = tape.leaf([1e-3, 0.5]);
    let rounded = (1.0 - angle.cos()).sum().detect_anomalies()?;
    println!("{rounded}.");
    Ok([overflow, masked, rounded].iter().filter(|found| !found.is_empty()).count())
}

/// A variance as the mean of squares minus the square of the mean; how much its last operation multiplies errors.
pub fn accuracy() -> Result<f64> {
    println!("\n== 4. An accuracy budget ==");
    let tape = Tape::new();
    let x = tape.leaf([1000.0, 1000.5, 1001.0]);
    let y = x.sqrt().square();
    let variance = y.square().mean() - y.mean().square();
    let budget = variance.accuracy()?;
    println!("{budget}\n");
    let tape = Tape::new();
    let x = tape.leaf([1000.0, 1000.5, 1001.0]);
    let y = x.sqrt().square();
    println!("{}", (y - y.mean()).square().mean().accuracy()?);
    Ok(budget.nodes.iter().map(|node| node.growth).fold(0.0, f64::max))
}

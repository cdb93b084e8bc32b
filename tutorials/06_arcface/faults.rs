//! The checker on the heads of the two posts, and on those of the library.

use std::f64::consts::PI;

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use wengert::{
    Backward, DType, Function, Result, Tape, Tensor, Var,
    check::{self, Report},
    nn::{CosineHead, Layer, MarginLoss},
};

use crate::{
    heads::{self, Join},
    posted,
};

/// Numbers from the standard normal distribution.
fn normal(shape: [usize; 2], seed: u64) -> Tensor {
    let mut rng = StdRng::seed_from_u64(seed);
    Tensor::from_fn(shape, DType::F64, |_| StandardNormal.sample(&mut rng))
}

/// The head of the first post as `checkLayer` was told to test it: `[10, 512]`, with the observations along the second axis.
pub fn first_as_posted() -> Result<Report> {
    let layer = posted::ArcfaceLayer::new(512, 4, 0);
    check::layer(&layer, &[[512]]).named("arcfaceLayer").valid_size(&[10, 512], 1).run()
}

/// The head of the second post on embeddings `[3, 512]`, made unit vectors or as they come.
pub fn second_as_posted(made_unit: bool) -> Result<Report> {
    let inputs = [normal([3, 512], 0), heads::kernel(512, 4, 0).value()];
    let check = match made_unit {
        true => check::closure(|v| heads::forward(heads::unit(v[0]), v[1], &[0, 2, 3], Join::Masks), &inputs),
        false => check::closure(|v| heads::forward(v[0], v[1], &[0, 2, 3], Join::Masks), &inputs),
    };
    check.named("Arcface").run()
}

/// Of the products x · ŵ of such embeddings as they come, how many are beyond −1 .. 1, and how many there are.
fn beyond() -> [usize; 2] {
    let tape = Tape::f64();
    let kernel = tape.constant(heads::kernel(512, 4, 0).value());
    let products = tape.constant(normal([3, 512], 0)).matmul(kernel).value().to_vec();
    [products.iter().filter(|p| p.abs() > 1.0).count(), products.len()]
}

/// The head of the second post at an embedding that points at the center of class 0, and belongs to class `label`.
pub fn second_at_a_center(label: usize, join: Join) -> Result<Report> {
    let inputs = [Tensor::from([[1.0, 0.0]]), Tensor::from([[1.0, 0.0], [0.0, 1.0]])];
    check::closure(move |v| heads::forward(v[0], v[1], &[label], join), &inputs).named("Arcface").run()
}

/// The head of the second post where θ + m is π.
pub fn second_at_the_threshold() -> Result<Report> {
    let angle = PI - heads::MARGIN;
    let kernel = Tensor::from([[1.0, 0.0], [0.0, 1.0]]);
    let x = Tensor::from([[angle.cos(), angle.sin()]]);
    check::closure(move |v| heads::forward(v[0], v[0].tape().constant(&kernel), &[0], Join::Select), &[x]).run()
}

/// The function that was meant, with the margin on the own class, and for its derivative that of the first post.
pub struct MeantAndPosted;

impl Function for MeantAndPosted {
    fn name(&self) -> &str {
        "margin on the own class"
    }

    /// From cosines, and 1 for the own class of each row and 0 for the others, to logits.
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (cosine, own) = (x[0], x[1]);
        let with_margin = cosine * posted::MARGIN.cos() - (1.0 - cosine.square()).sqrt() * posted::MARGIN.sin();
        vec![own.gt(0.0).select(with_margin, cosine) * posted::SCALE]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let sine = (1.0 - x[0].square()).sqrt();
        let slope = posted::MARGIN.cos() + x[0] / sine * posted::MARGIN.sin();
        vec![Some(dz[0] * slope * posted::SCALE), None]
    }
}

/// The derivative of the first post against what was meant.
pub fn first_on_every_class() -> Result<Report> {
    let cosines = Tensor::from([[0.30, 0.28, 0.10, -0.10], [-0.25, 0.41, 0.05, 0.33]]);
    let own = Tensor::one_hot(&[0, 1], 4, DType::F64)?;
    check::function(MeantAndPosted, &[cosines, own]).constant(1).run()
}

/// The library's head on 512 features.
pub fn head() -> Result<Report> {
    check::layer(&CosineHead::new(512, 10, 1), &[[512]]).named("cosine head").run()
}

/// The library's head and loss on embeddings `[3, 512]`: the stable form, or that with a root.
pub fn loss(stable: bool) -> Result<Report> {
    let (head, margin) = (CosineHead::new(512, 4, 1), MarginLoss::default());
    let labels = [0, 2, 3];
    let inputs = [normal([3, 512], 0), normal([4, 512], 1)];
    let check = check::closure(
        |v| {
            v[0].tape().bind(&head.weight, v[1]).expect("the sizes are those of the weight");
            let loss = match stable {
                true => margin.stable_loss(&head, v[0], &labels),
                false => margin.loss(head.forward(v[0]), &labels),
            };
            loss.expect("the labels are in range")
        },
        &inputs,
    );
    check.named(if stable { "margin loss, stable" } else { "margin loss, with a root" }).run()
}

/// The library's stable form at an embedding that points at the center of class 0, and belongs to class `label`.
pub fn loss_at_a_center(label: usize) -> Result<Report> {
    let (head, margin) = (CosineHead::new(2, 2, 0), MarginLoss::default());
    head.weight.set(&Tensor::eye(2, head.weight.dtype()))?;
    check::closure(
        |v| margin.stable_logits(&head, v[0], &[label]).expect("the label is 0 or 1"),
        &[Tensor::from([[1.0, 0.0]])],
    )
    .run()
}

/// How many tests ended which way.
fn counts(report: &Report) -> String {
    let [passed, failed, not_applicable] = report.counts();
    format!("{passed} passed, {failed} failed, {not_applicable} not applicable")
}

/// Prints the result with its verdicts, and with its remarks in short.
fn show(what: &str, report: &Report) -> Value {
    println!("{what}: {}", counts(report));
    for verdict in &report.verdicts {
        match verdict.fault.is_remark() {
            true => println!("  remark: {}: {}", verdict.of.join(" and "), verdict.fault),
            false => println!("  verdict: {verdict}"),
        }
    }
    json!({ "what": what, "counts": report.counts(), "verdict": report.verdict().map(|v| v.fault.to_string()) })
}

/// Prints the whole part.
pub fn part() -> Result<Value> {
    println!("== 1. The first head ==");
    let mut all = vec![show("observations along axis 1", &first_as_posted()?)];
    all.push(show("the margin on every class", &first_on_every_class()?));
    println!("\n== 2. The second head ==");
    let lengths = Tape::new().constant(heads::kernel(512, 4, 0).value()).norm_axes(&[0], false).value();
    println!("the lengths of the kernel's columns: {lengths}");
    all.push(show("[3, 512], of length 1", &second_as_posted(true)?));
    all.push(show("[3, 512], of any length", &second_as_posted(false)?));
    let [beyond, of] = beyond();
    println!("  {beyond} of its {of} products are beyond -1 .. 1: clamped, and without a gradient");
    all.push(show("at the center of its own class", &second_at_a_center(0, Join::Masks)?));
    all.push(show("at the center of another class", &second_at_a_center(1, Join::Masks)?));
    all.push(show("the same, joined by `select`", &second_at_a_center(1, Join::Select)?));
    all.push(show("where θ + m is π", &second_at_the_threshold()?));
    println!("\n== 3. A head and a loss ==");
    all.push(show("cosine head, 512 features, 10 classes", &head()?));
    all.push(show("margin loss with a bounded root, [3, 512]", &loss(false)?));
    all.push(show("margin loss, stable, [3, 512]", &loss(true)?));
    all.push(show("stable, at the center of its own class", &loss_at_a_center(0)?));
    all.push(show("stable, at the center of another class", &loss_at_a_center(1)?));
    Ok(json!(all))
}

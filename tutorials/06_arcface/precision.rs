//! The gradient of the own logit in single precision, at angles down to 0 and at π: with a root, and stable.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use wengert::{
    DType, Result, Tape, Tensor, Var,
    nn::{CosineHead, Layer, MarginLoss},
};

use crate::heads::{self, Join};

/// Observations at each angle, and their dimensions.
const N: usize = 200;
const DIM: usize = 16;

/// The errors of ∂z/∂x at an angle, relative to the stable form in double precision.
#[derive(Serialize)]
pub struct Row {
    pub angle: f64,
    /// The median for the head of the second post, and how many of its gradients are not finite.
    pub posted: f64,
    pub posted_lost: usize,
    /// The median for the library's form with a bounded root.
    pub bounded: f64,
    pub bounded_lost: usize,
    /// The *largest* for the stable form.
    pub stable: f64,
    pub stable_lost: usize,
}

/// The angles of the table.
pub const ANGLES: [f64; 8] = [1.0, 0.1, 1e-2, 1e-3, 3e-4, 1e-4, 0.0, std::f64::consts::PI];

/// Prints the table. Where the gradient is 0 by convention, at 0 and π, there is no relative error.
pub fn part() -> Result<Vec<Row>> {
    println!("\n== 5. The gradient near θ = 0, single precision ==");
    println!("      θ  posted, median (lost)  bounded, median (lost)  stable, worst (lost)");
    let rows: Vec<Row> = ANGLES.into_iter().map(row).collect::<Result<_>>()?;
    for row in &rows {
        let error = |error: f64| if error.is_nan() { "-".to_owned() } else { format!("{error:.1e}") };
        println!(
            "{:>7.1e}         {:>7} ({:>3})           {:>7} ({:>3})         {:>7} ({:>3})",
            row.angle,
            error(row.posted),
            row.posted_lost,
            error(row.bounded),
            row.bounded_lost,
            error(row.stable),
            row.stable_lost
        );
    }
    Ok(rows)
}

fn row(angle: f64) -> Result<Row> {
    let (x, w) = at_angle(angle);
    let labels: Vec<usize> = (0..N).collect();
    let head = CosineHead::new(DIM, N, 0);
    head.weight.set(&w)?;
    let margin = MarginLoss::arcface(heads::MARGIN)?.scale(heads::SCALE)?;
    let own = |tape: Tape, logits: &dyn for<'t> Fn(Var<'t>) -> Result<Var<'t>>| -> Result<Vec<f64>> {
        let x = tape.leaf(&x);
        let own = logits(x)?.try_gather(1, &labels, [N, 1])?;
        Ok(own.sum().backward()?.wrt(x)?.to_vec())
    };
    let truth = own(Tape::f64(), &|x| margin.stable_logits(&head, x, &labels))?;
    let [posted, bounded, stable] = [
        own(Tape::new(), &|x| {
            let kernel = x.tape().constant(&w).transpose(0, 1);
            Ok(heads::forward(heads::unit(x), kernel, &labels, Join::Masks))
        })?,
        own(Tape::new(), &|x| margin.logits(head.forward(x), &labels))?,
        own(Tape::new(), &|x| margin.stable_logits(&head, x, &labels))?,
    ]
    .map(|found| errors(&found, &truth));
    let zero = angle == 0.0 || angle == std::f64::consts::PI;
    let pick = |errors: &[f64], k: usize| if zero { f64::NAN } else { errors.get(k).copied().unwrap_or(f64::NAN) };
    Ok(Row {
        angle,
        posted: pick(&posted, posted.len() / 2),
        posted_lost: N - posted.len(),
        bounded: pick(&bounded, bounded.len() / 2),
        bounded_lost: N - bounded.len(),
        stable: pick(&stable, stable.len().wrapping_sub(1)),
        stable_lost: N - stable.len(),
    })
}

/// The relative errors of the finite gradients, in increasing order.
fn errors(found: &[f64], truth: &[f64]) -> Vec<f64> {
    let length = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
    let finite = found.chunks(DIM).zip(truth.chunks(DIM)).filter(|(row, _)| row.iter().all(|v| v.is_finite()));
    let off = |(found, truth): (&[f64], &[f64])| {
        let difference: Vec<f64> = found.iter().zip(truth).map(|(a, b)| a - b).collect();
        length(&difference) / length(truth)
    };
    let mut errors: Vec<f64> = finite.map(off).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// Embeddings of length 3 at this angle to their own centers, and the centers; rounded once, so that all forms see the
/// same numbers.
fn at_angle(angle: f64) -> (Tensor, Tensor) {
    let mut rng = StdRng::seed_from_u64(2);
    let mut normal = || Tensor::from_fn([N, DIM], DType::F64, |_| StandardNormal.sample(&mut rng));
    let tape = Tape::f64();
    let w = tape.constant(normal()).l2_normalize(1, 1e-12);
    let v = tape.constant(normal());
    let across = (v - w * (v * w).sum_axes(&[1], true)).l2_normalize(1, 1e-12);
    // Exactly parallel and opposed embeddings are multiples of the rounded center.
    let w = tape.constant(w.value().cast(DType::F32));
    let x = match angle {
        0.0 => w * 4.0,
        std::f64::consts::PI => w * -4.0,
        _ => (w * angle.cos() + across * angle.sin()) * 3.0,
    };
    (x.value().cast(DType::F32), w.value().cast(DType::F32))
}

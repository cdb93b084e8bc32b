//! Newton's method: a step to where the quadratic with the same value, slope and curvature has its minimum.
//!
//! x ← x + s p  with H p = −∇f  and, in the plain method, s = 1. Near a minimum the error after a step is bounded by a
//! constant times the square of the error before, so the number of correct digits doubles. Far away a full step may
//! lead anywhere; the damped method halves s until f falls by a ten-thousandth of what the slope promises (Armijo,
//! 1966).

use wengert::{Result, Tape};

use crate::products::valley;

/// A point of a path, f there, and its distance from the minimum at (1, …, 1).
#[derive(Clone, Debug)]
pub struct Place {
    pub at: Vec<f64>,
    pub value: f64,
    pub error: f64,
}

fn place(at: &[f64]) -> Place {
    let value = valley(Tape::f64().constant(at.to_vec())).item();
    let error = at.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>().sqrt();
    Place { at: at.to_vec(), value, error }
}

/// x + s p.
fn along(x: &[f64], p: &[f64], s: f64) -> Vec<f64> {
    x.iter().zip(p).map(|(x, p)| x + s * p).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The point after the first of the steps s = 1, ½, ¼, … for which f falls enough. Where f bends downward, p may lead
/// uphill; then −∇f replaces it.
fn armijo(from: &Place, p: &[f64], gradient: &[f64]) -> Place {
    let downhill = dot(gradient, p) < 0.0;
    let p = if downhill { p.to_vec() } else { gradient.iter().map(|g| -g).collect() };
    let slope = dot(gradient, &p);
    let halves = (0..60).map(|k| 0.5f64.powi(k));
    let mut tried = halves.map(|s| (s, place(&along(&from.at, &p, s))));
    let enough = |(s, to): &(f64, Place)| to.value <= from.value + 1e-4 * s * slope;
    tried.find(enough).map_or_else(|| from.clone(), |(_, to)| to)
}

/// The minimum is reached when the gradient is shorter than this.
const FLAT: f64 = 1e-7;
/// No path is longer.
const STEPS: usize = 5000;

/// Newton's method with the whole Hessian.
pub fn newton(start: &[f64], damped: bool) -> Result<Vec<Place>> {
    let mut path = vec![place(start)];
    let mut tape = Tape::f64();
    for step in 0..STEPS {
        let here = &path[step];
        tape.reset();
        let x = tape.leaf(here.at.clone());
        let gradient = tape.grad(valley(x), &[x])?[0];
        let g = gradient.value().to_vec();
        if dot(&g, &g).sqrt() < FLAT {
            break;
        }
        let hessian = tape.jacobian(gradient, x)?;
        let p = hessian.try_solve(-gradient.reshape([g.len(), 1]))?.value().to_vec();
        path.push(if damped { armijo(here, &p, &g) } else { place(&along(&here.at, &p, 1.0)) });
    }
    Ok(path)
}

/// Gradient descent with a fixed learning rate.
pub fn descent(start: &[f64], learning_rate: f64, steps: usize) -> Result<Vec<Place>> {
    let mut path = vec![place(start)];
    let mut tape = Tape::f64();
    for step in 0..steps {
        tape.reset();
        let x = tape.leaf(path[step].at.clone());
        let gradient = valley(x).backward()?.wrt(x)?.to_vec();
        path.push(place(&along(&path[step].at, &gradient, -learning_rate)));
    }
    Ok(path)
}

/// The damped method without a Hessian, and the number of products H v it took: p comes from conjugate gradients
/// (Hestenes and Stiefel, 1952), which need only such products.
pub fn newton_cg(start: &[f64]) -> Result<(Vec<Place>, usize)> {
    let mut path = vec![place(start)];
    let mut products = 0;
    let mut tape = Tape::f64();
    for step in 0..STEPS {
        let here = &path[step];
        tape.reset();
        let x = tape.leaf(here.at.clone());
        let gradient = tape.grad(valley(x), &[x])?[0];
        let g = gradient.value().to_vec();
        if dot(&g, &g).sqrt() < FLAT {
            break;
        }
        let product = |v: &[f64]| -> Result<Vec<f64>> {
            products += 1;
            let v = tape.constant(v.to_vec());
            Ok((gradient * v).sum().backward()?.wrt(x)?.to_vec())
        };
        let p = conjugate_gradients(&g, product)?;
        path.push(armijo(here, &p, &g));
    }
    Ok((path, products))
}

/// An approximate solution p of H p = −g. It stops early while g is long, and at a direction along which f bends
/// downward (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.1).
fn conjugate_gradients(g: &[f64], mut product: impl FnMut(&[f64]) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
    let length = dot(g, g).sqrt();
    let enough = (length * length.sqrt().min(0.5)).powi(2);
    let mut p = vec![0.0; g.len()];
    // The residual −g − H p, which is also the first direction.
    let mut missing = along(&p, g, -1.0);
    let mut direction = missing.clone();
    let mut size = dot(&missing, &missing);
    while size > enough {
        let hv = product(&direction)?;
        let curvature = dot(&direction, &hv);
        if curvature <= 0.0 {
            let first = p.iter().all(|&p| p == 0.0);
            return Ok(if first { direction } else { p });
        }
        p = along(&p, &direction, size / curvature);
        missing = along(&missing, &hv, -size / curvature);
        let before = std::mem::replace(&mut size, dot(&missing, &missing));
        direction = along(&missing, &direction, size / before);
    }
    Ok(p)
}

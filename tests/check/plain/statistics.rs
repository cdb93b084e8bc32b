//! Softmax and normalisation: each element depends on all of its row.

use super::{Plain, Slices, same, says, wave};

/// Four rows of five.
const SOFTMAX: Plain = Plain {
    name: "softmax",
    shape: same,
    value: |x, z| {
        for n in 0..4 {
            let sum: f64 = (0..5).map(|c| x[0][n * 5 + c].exp()).sum();
            (0..5).for_each(|c| z[n * 5 + c] = x[0][n * 5 + c].exp() / sum);
        }
    },
    rule: |_, z, dz, dx| softmax(z, dz, dx, 1.0),
};

/// z (dz − Σ z dz), the sum times a number.
fn softmax(z: &[f64], dz: &[f64], dx: &mut [Vec<f64>], times: f64) {
    for n in 0..4 {
        let sum: f64 = (0..5).map(|c| z[n * 5 + c] * dz[n * 5 + c]).sum();
        (0..5).for_each(|c| dx[0][n * 5 + c] = z[n * 5 + c] * (dz[n * 5 + c] - times * sum));
    }
}

#[test]
fn a_term_of_a_softmax_is_missing_doubled_or_has_the_wrong_sign() {
    let term = "output 0 times the sum over axis 1 of output 0 times the upstream gradient";
    let inputs = [wave([4, 5], 0.0)];
    says(SOFTMAX, |_, z, dz, dx| softmax(z, dz, dx, 0.0), &inputs, &format!("a term is missing: {term}"));
    says(SOFTMAX, |_, z, dz, dx| softmax(z, dz, dx, 2.0), &inputs, &format!("a term counts twice: {term}"));
    says(SOFTMAX, |_, z, dz, dx| softmax(z, dz, dx, -1.0), &inputs, &format!("a term has the wrong sign: {term}"));
}

#[test]
fn a_softmax_that_takes_only_its_own_place_is_told() {
    says(
        SOFTMAX,
        |_, z, dz, dx| (0..20).for_each(|i| dx[0][i] = z[i] * (1.0 - z[i]) * dz[i]),
        &[wave([4, 5], 0.0)],
        "a term is missing: what comes from the other places of the output along axis 1",
    );
}

/// Three rows of six, and a gain for each column.
const LAYER_NORM: Plain = Plain {
    name: "layer norm",
    shape: same,
    value: |x, z| {
        for n in 0..3 {
            let (deviation, s) = normalized(&x[0][n * 6..n * 6 + 6]);
            (0..6).for_each(|c| z[n * 6 + c] = x[1][c] * deviation[c] / s);
        }
    },
    rule: |x, _, dz, dx| layer_norm(x, dz, dx, 1.0, 1.0),
};

/// The deviation of a row from its mean, and the standard deviation.
fn normalized(row: &[f64]) -> (Vec<f64>, f64) {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let deviation: Vec<f64> = row.iter().map(|x| x - mean).collect();
    let variance = deviation.iter().map(|d| d * d).sum::<f64>() / row.len() as f64;
    (deviation, (variance + 1e-5).sqrt())
}

/// The terms of the mean and of the variance times a number each.
fn layer_norm(x: &Slices<'_>, dz: &[f64], dx: &mut [Vec<f64>], of_mean: f64, of_variance: f64) {
    for n in 0..3 {
        let (deviation, s) = normalized(&x[0][n * 6..n * 6 + 6]);
        let g: Vec<f64> = (0..6).map(|c| dz[n * 6 + c] * x[1][c]).collect();
        let mean = g.iter().sum::<f64>() / 6.0;
        let along = g.iter().zip(&deviation).map(|(g, d)| g * d).sum::<f64>() / (6.0 * s * s);
        for c in 0..6 {
            dx[0][n * 6 + c] = (g[c] - of_mean * mean - of_variance * deviation[c] * along) / s;
            dx[1][c] += dz[n * 6 + c] * deviation[c] / s;
        }
    }
}

#[test]
fn the_terms_of_the_statistics_of_a_normalisation_are_told_apart() {
    let inputs = [wave([3, 6], 0.0), wave([6], 1.0)];
    says(
        LAYER_NORM,
        |x, _, dz, dx| layer_norm(x, dz, dx, 0.0, 1.0),
        &inputs,
        "a term is missing: the sum over axis 1 of input 1 times the upstream gradient",
    );
    let deviation = "the deviation of input 0 from its mean";
    let variance = format!("{deviation} times the sum over axis 1 of output 0 times the upstream gradient");
    says(
        LAYER_NORM,
        |x, _, dz, dx| layer_norm(x, dz, dx, 1.0, 0.0),
        &inputs,
        &format!("a term is missing: {variance}"),
    );
    says(
        LAYER_NORM,
        |x, _, dz, dx| layer_norm(x, dz, dx, 1.0, 2.0),
        &inputs,
        &format!("a term counts twice: {variance}"),
    );
}

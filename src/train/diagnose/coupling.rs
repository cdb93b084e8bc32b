//! Observations that are coupled: the output for one of them depends on the others.
//!
//! An observation is put through the network twice: in its batch, and in a batch of as many copies of itself. Its row must
//! be the same. A sum over the batch where one over places was meant, or a norm of the whole batch, shows here; the first
//! layer whose output differs is where it begins.

use std::ops::ControlFlow;

use super::{
    Finding,
    probe::{Probe, Snapshot},
};
use crate::{Mode, Result, Tensor, Var};

/// Numbers differ by more than rounding when they differ by this much of the largest.
const ROUNDING: f64 = 1e-5;

/// Tests the first and the last observation: in evaluation, and in training unless the network declares there that it
/// couples observations, as batch norm does.
pub(super) fn find(probe: &Probe, saved: &Snapshot) -> Result<Option<Finding>> {
    let n = probe.batch.len();
    let modes = if probe.net.couples_observations() { &[Mode::Eval][..] } else { &[Mode::Eval, Mode::Train] };
    for &mode in modes {
        for observation in [0, n - 1] {
            let copies: Vec<Tensor> =
                probe.batch.inputs.iter().map(|x| copies(x, observation)).collect::<Result<_>>()?;
            let together = rows(probe, saved, mode, &probe.batch.inputs, observation);
            let alone = rows(probe, saved, mode, &copies, observation);
            let changes = together.iter().zip(&alone).map(|((path, a), (_, b))| (path, change(a, b)));
            let mut differing = changes.clone().filter(|(_, change)| *change > ROUNDING);
            let output = changes.filter(|(path, _)| path.is_empty()).fold(0.0, |most, (_, change)| change.max(most));
            if let (true, Some((layer, _))) = (output > ROUNDING, differing.next()) {
                return Ok(Some(Finding::Coupled { layer: layer.clone(), mode, observation, change: output }));
            }
        }
    }
    Ok(None)
}

/// A batch of copies of one observation.
fn copies(x: &Tensor, observation: usize) -> Result<Tensor> {
    let numbers = x.to_vec();
    let n = x.shape().first().copied().unwrap_or(1).max(1);
    let len = numbers.len() / n;
    let row = numbers.get(observation * len..(observation + 1) * len).unwrap_or(&[]);
    Ok(Tensor::from_vec(row.repeat(n), x.shape().clone())?.cast(x.dtype()))
}

/// What each layer returns for one observation, in the order in which they return; the outputs of the network, under the path
/// "", come last.
fn rows(probe: &Probe, saved: &Snapshot, mode: Mode, inputs: &[Tensor], observation: usize) -> Vec<(String, Vec<f64>)> {
    let n = probe.batch.len();
    let mut rows = Vec::new();
    let mut keep = |path: &str, outputs: &[Var<'_>]| {
        for y in outputs.iter().filter(|y| y.shape().first() == Some(&n)) {
            let numbers = y.value().to_vec();
            let len = numbers.len() / n;
            rows.push((path.to_owned(), numbers[observation * len..][..len].to_vec()));
        }
    };
    let tape = probe.tape(mode);
    tape.no_grad(|| {
        let x: Vec<Var<'_>> = inputs.iter().map(|x| tape.constant(x)).collect();
        let traced = probe.net.trace(&x, &mut |path, y| {
            keep(path, y);
            ControlFlow::Continue(())
        });
        if let ControlFlow::Continue(y) = traced {
            keep("", &y);
        }
    });
    saved.restore(); // running statistics, and what counts random draws
    rows
}

/// The largest difference of two rows, as a part of the largest number in them.
fn change(a: &[f64], b: &[f64]) -> f64 {
    let largest = a.iter().chain(b).fold(f64::MIN_POSITIVE, |most, x| x.abs().max(most));
    a.iter().zip(b).fold(0.0, |most: f64, (a, b)| (a - b).abs().max(most)) / largest
}

//! Convolutions and pooling, as sums of shifted images.

use wengert::{Backward, Var};

use super::{Rule, numbers, rule};

const KIND: &str = "convolution";

/// Σₖₗ w[k, l] · x[.., i + k, j + l], for a kernel of 3 × 3.
fn correlate<'t>(x: Var<'t>, w: Var<'t>) -> Var<'t> {
    let (h, width) = (x.shape()[2] - 2, x.shape()[3] - 2);
    let shifted = |k: usize, l: usize| x.narrow(2, k, h).narrow(3, l, width) * w.narrow(0, k, 1).narrow(1, l, 1);
    (0..9).map(|i| shifted(i / 3, i % 3)).reduce(|a, b| a + b).expect("a kernel has nine numbers")
}

pub fn rules() -> Vec<Rule> {
    let image = |seed| numbers([2, 3, 5, 5], -1.0, 1.0, seed);
    vec![
        // Each channel with one kernel of 3 × 3, without padding.
        rule(
            KIND,
            "correlation",
            vec![image(80.0), numbers([3, 3], -1.0, 1.0, 81.0)],
            |x| vec![correlate(x[0], x[1])],
            |Backward { x, dz, .. }| {
                let (h, width) = (dz[0].shape()[2], dz[0].shape()[3]);
                // The upstream gradient, with a border of two zeros, correlated with the kernel turned around.
                let padded = dz[0].pad(&[(0, 0), (0, 0), (2, 2), (2, 2)], 0.0);
                let dw: Vec<Var<'_>> =
                    (0..9).map(|i| (x[0].narrow(2, i / 3, h).narrow(3, i % 3, width) * dz[0]).sum()).collect();
                vec![Some(correlate(padded, x[1].flip(&[0, 1]))), Some(Var::stack(&dw, 0).reshape([3, 3]))]
            },
        ),
        // y = s(p) · (w ∗ x)(p): a scale for each place.
        rule(
            KIND,
            "scale map",
            vec![image(82.0), numbers([5, 5], 0.5, 1.5, 83.0)],
            |x| vec![x[0] * x[1]],
            |Backward { x, dz, .. }| vec![Some(dz[0] * x[1]), Some((dz[0] * x[0]).sum_axes(&[0, 1], false))],
        ),
        // A scale and a shift for each channel.
        rule(
            KIND,
            "channel affine",
            vec![image(84.0), numbers([3, 1, 1], 0.5, 1.5, 85.0), numbers([3, 1, 1], -1.0, 1.0, 86.0)],
            |x| vec![x[0] * x[1] + x[2]],
            |Backward { x, dz, .. }| {
                let over = &[0, 2, 3];
                let by_scale = (dz[0] * x[0]).sum_axes(over, true).reshape([3, 1, 1]);
                vec![Some(dz[0] * x[1]), Some(by_scale), Some(dz[0].sum_axes(over, true).reshape([3, 1, 1]))]
            },
        ),
        // The mean of each image, subtracted from it.
        rule(
            KIND,
            "centered image",
            vec![image(87.0)],
            |x| vec![x[0] - x[0].mean_axes(&[2, 3], true)],
            |Backward { dz, .. }| vec![Some(dz[0] - dz[0].mean_axes(&[2, 3], true))],
        ),
    ]
}

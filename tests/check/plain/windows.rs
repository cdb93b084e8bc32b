//! Windows that overlap.

use wengert::{Shape, Tensor};

use super::{Plain, says, wave};

/// The position of the largest of three, of windows two apart.
fn largest(x: &[f64], i: usize) -> usize {
    (2 * i..2 * i + 3).fold(2 * i, |best, at| if x[at] > x[best] { at } else { best })
}

#[test]
fn a_maximum_of_overlapping_windows_adds_up() {
    let pool = Plain {
        name: "max pool",
        shape: |_| Shape::from([4]),
        value: |x, z| (0..4).for_each(|i| z[i] = x[0][largest(x[0], i)]),
        rule: |x, _, dz, dx| (0..4).for_each(|i| dx[0][largest(x[0], i)] += dz[i]),
    };
    says(
        pool,
        |x, _, dz, dx| (0..4).for_each(|i| dx[0][largest(x[0], i)] = dz[i]),
        &[Tensor::from([0.1, -0.4, 1.9, 0.3, 0.7, -1.1, 1.4, 0.2, -0.6])],
        "overwritten instead of added up: of the outputs along axis 0 that depend on an element, only the last counts",
    );
}

/// Two signals of six with a kernel of three.
const CONVOLUTION: Plain = Plain {
    name: "convolution",
    shape: |_| Shape::from([2, 4]),
    value: |x, z| {
        for n in 0..2 {
            for i in 0..4 {
                z[n * 4 + i] = (0..3).map(|k| x[0][n * 6 + i + k] * x[1][k]).sum();
            }
        }
    },
    rule: |x, _, dz, dx| {
        for n in 0..2 {
            for i in 0..4 {
                for k in 0..3 {
                    dx[0][n * 6 + i + k] += dz[n * 4 + i] * x[1][k];
                    dx[1][k] += dz[n * 4 + i] * x[0][n * 6 + i + k];
                }
            }
        }
    },
};

#[test]
fn windows_of_a_convolution_that_write_over_each_other_are_named() {
    let inputs = [wave([2, 6], 0.0), wave([3], 1.0)];
    says(
        CONVOLUTION,
        |x, _, dz, dx| {
            for n in 0..2 {
                for i in 0..4 {
                    for k in 0..3 {
                        dx[0][n * 6 + i + k] = dz[n * 4 + i] * x[1][k];
                        dx[1][k] += dz[n * 4 + i] * x[0][n * 6 + i + k];
                    }
                }
            }
        },
        &inputs,
        "overwritten instead of added up: of the outputs along axis 1 that depend on an element, only the last counts",
    );
    // The kernel's sum begins anew for each signal.
    says(
        CONVOLUTION,
        |x, _, dz, dx| {
            for n in 0..2 {
                for k in 0..3 {
                    let mut sum = 0.0;
                    for i in 0..4 {
                        dx[0][n * 6 + i + k] += dz[n * 4 + i] * x[1][k];
                        sum += dz[n * 4 + i] * x[0][n * 6 + i + k];
                    }
                    dx[1][k] = sum;
                }
            }
        },
        &inputs,
        "overwritten instead of added up: of the outputs along axis 0 that depend on an element, only the last counts",
    );
    // Nothing is added up at all.
    says(
        CONVOLUTION,
        |x, _, dz, dx| {
            for n in 0..2 {
                for i in 0..4 {
                    for k in 0..3 {
                        dx[0][n * 6 + i + k] += dz[n * 4 + i] * x[1][k];
                        dx[1][k] = dz[n * 4 + i] * x[0][n * 6 + i + k];
                    }
                }
            }
        },
        &inputs,
        "overwritten instead of added up: of the outputs that depend on an element, only the last counts",
    );
}

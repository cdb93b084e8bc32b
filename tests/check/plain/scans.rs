//! A recurrence along an axis.

use super::{Plain, same, says, wave};

/// h = 0.8 h + x, over six steps of two sequences.
const SCAN: Plain = Plain {
    name: "scan",
    shape: same,
    value: |x, z| {
        let mut h = [0.0; 2];
        for t in 0..6 {
            for n in 0..2 {
                h[n] = 0.8 * h[n] + x[0][t * 2 + n];
                z[t * 2 + n] = h[n];
            }
        }
    },
    rule: |_, _, dz, dx| {
        let mut g = [0.0; 2];
        for t in (0..6).rev() {
            for n in 0..2 {
                g[n] = 0.8 * g[n] + dz[t * 2 + n];
                dx[0][t * 2 + n] = g[n];
            }
        }
    },
};

#[test]
fn a_scan_that_carries_nothing_back_or_the_wrong_way_is_told() {
    let inputs = [wave([6, 2], 0.0)];
    says(
        SCAN,
        |_, _, dz, dx| dx[0].copy_from_slice(dz),
        &inputs,
        "a term is missing: what comes from the other places of the output along axis 0",
    );
    says(
        SCAN,
        |_, _, dz, dx| {
            for t in 0..6 {
                for n in 0..2 {
                    let next = if t < 5 { dz[(t + 1) * 2 + n] } else { 0.0 };
                    dx[0][t * 2 + n] = dz[t * 2 + n] + 0.8 * next;
                }
            }
        },
        &inputs,
        "a term is missing: what comes from the outputs more than one place after it along axis 0",
    );
    says(
        SCAN,
        |_, _, dz, dx| {
            let mut g = [0.0; 2];
            for t in 0..6 {
                for n in 0..2 {
                    g[n] = 0.8 * g[n] + dz[t * 2 + n];
                    dx[0][t * 2 + n] = g[n];
                }
            }
        },
        &inputs,
        "moved wrongly: the rule multiplies by ∂z/∂x instead of its transpose: it goes through the axis in the order of \
         `forward`",
    );
    // The loop starts one step too late.
    says(
        SCAN,
        |_, _, dz, dx| {
            let mut g = [0.0; 2];
            for t in (0..5).rev() {
                for n in 0..2 {
                    g[n] = 0.8 * g[n] + dz[t * 2 + n];
                    dx[0][t * 2 + n] = g[n];
                }
            }
        },
        &inputs,
        "a term is missing: what comes from index 5 of axis 0 of the output",
    );
}

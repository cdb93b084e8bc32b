//! Sums over rows, and over words that are repeated.

use wengert::Shape;

use super::{Plain, same, says, wave};

/// Rows, and a bias for each column.
const BIAS: Plain = Plain {
    name: "add bias",
    shape: same,
    value: |x, z| {
        assert_eq!(z.len() % x[1].len(), 0);
        (0..z.len()).for_each(|i| z[i] = x[0][i] + x[1][i % x[1].len()]);
    },
    rule: |_, _, dz, dx| {
        for n in 0..dz.len() / 3 {
            for c in 0..3 {
                dx[0][n * 3 + c] = dz[n * 3 + c];
                dx[1][c] += dz[n * 3 + c];
            }
        }
    },
};

#[test]
fn a_bias_that_keeps_the_last_row_is_overwritten() {
    let last =
        "overwritten instead of added up: of the outputs along axis 0 that depend on an element, only the last counts";
    says(
        BIAS,
        |_, _, dz, dx| {
            for n in 0..dz.len() / 3 {
                for c in 0..3 {
                    dx[0][n * 3 + c] = dz[n * 3 + c];
                    dx[1][c] = dz[n * 3 + c];
                }
            }
        },
        &[wave([5, 3], 0.0), wave([3], 1.0)],
        last,
    );
    // Zeros are skipped, so each row alone is answered rightly.
    says(
        BIAS,
        |_, _, dz, dx| {
            for n in 0..dz.len() / 3 {
                for c in 0..3 {
                    dx[0][n * 3 + c] = dz[n * 3 + c];
                    if dz[n * 3 + c] != 0.0 {
                        dx[1][c] = dz[n * 3 + c];
                    }
                }
            }
        },
        &[wave([5, 3], 0.0), wave([3], 1.0)],
        last,
    );
}

#[test]
fn a_bias_that_keeps_the_first_row_lacks_its_sum() {
    says(
        BIAS,
        |_, _, dz, dx| {
            dx[0].copy_from_slice(dz);
            dx[1].copy_from_slice(&dz[..3]);
        },
        &[wave([5, 3], 0.0), wave([3], 1.0)],
        "a reduction is missing: only the first index of axis 0 of the output counts",
    );
}

#[test]
fn a_mean_over_rows_where_the_sum_belongs_is_a_factor() {
    says(
        BIAS,
        |_, _, dz, dx| {
            dx[0].copy_from_slice(dz);
            let columns = dx[1].len();
            (0..dz.len()).for_each(|i| dx[1][i % columns] += dz[i] / (dz.len() / columns) as f64);
        },
        &[wave([5, 3], 0.0), wave([3], 1.0)],
        "it is 0.200000 times the true one: a factor of 1/5, the size of axis 0 of the output",
    );
}

const WORDS: [usize; 7] = [1, 3, 0, 3, 1, 1, 2];

#[test]
fn an_embedding_that_writes_over_repeated_rows_is_overwritten() {
    let embedding = Plain {
        name: "embedding",
        shape: |x| Shape::from([WORDS.len(), x[0][1]]),
        value: |x, z| (0..7).for_each(|i| (0..2).for_each(|c| z[i * 2 + c] = x[0][WORDS[i] * 2 + c])),
        rule: |_, _, dz, dx| (0..7).for_each(|i| (0..2).for_each(|c| dx[0][WORDS[i] * 2 + c] += dz[i * 2 + c])),
    };
    says(
        embedding,
        |_, _, dz, dx| (0..7).for_each(|i| (0..2).for_each(|c| dx[0][WORDS[i] * 2 + c] = dz[i * 2 + c])),
        &[wave([4, 2], 0.0)],
        "overwritten instead of added up: of the outputs along axis 0 that depend on an element, only the last counts",
    );
}

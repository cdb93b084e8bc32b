//! Rules on plain numbers, in loops over slices as people write them, each wrong in one way.

use wengert::{
    DType, Result, Saved, Shape, Tensor, Var,
    check::{self, Report},
    ops::{Grads, Op, Vjp},
};

type Slices<'a> = [&'a [f64]];

/// What adds to gradients, from inputs, output and upstream gradient.
type Rule = fn(&Slices<'_>, &[f64], &[f64], &mut [Vec<f64>]);

/// An operation of functions on slices: the shape, the value, and the gradients, which begin as zeros.
#[derive(Clone, Copy)]
struct Plain {
    name: &'static str,
    shape: fn(&[&Shape]) -> Shape,
    value: fn(&Slices<'_>, &mut [f64]),
    rule: Rule,
}

impl Op for Plain {
    fn name(&self) -> &str {
        self.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok((self.shape)(x))
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let dtype = x[0].dtype();
        let x: Vec<Vec<f64>> = x.iter().map(|x| x.to_vec()).collect();
        let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let mut z = vec![0.0; shape.numel()];
        (self.value)(&x, &mut z);
        Ok(Tensor::from_fn(shape, dtype, |i| z[i]))
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let rule = |x: &[Tensor], z: &Tensor, of: &Tensor| {
            let shapes: Vec<Shape> = x.iter().map(|x| x.shape().clone()).collect();
            let x: Vec<Vec<f64>> = x.iter().map(|x| x.to_vec()).collect();
            let mut dx: Vec<Vec<f64>> = x.iter().map(|x| vec![0.0; x.len()]).collect();
            let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
            (self.rule)(&x, &z.to_vec(), &of.to_vec(), &mut dx);
            let tensor = |(dx, shape): (Vec<f64>, Shape)| Some(Tensor::from_fn(shape, of.dtype(), |i| dx[i]));
            Ok(dx.into_iter().zip(shapes).map(tensor).collect())
        };
        at.once(self.name, rule)
    }
}

fn wave(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

fn report(op: Plain, inputs: &[Tensor]) -> Report {
    check::gradcheck(|x| (x[0].tape().record(op, x).unwrap() * 1.5).sin(), inputs).unwrap()
}

/// Checks that the right rule passes, and what the first verdict says on the wrong one.
#[track_caller]
fn says(right: Plain, rule: Rule, inputs: &[Tensor], wanted: &str) {
    let passed = report(right, inputs);
    assert!(passed.passed() && passed.verdicts.is_empty(), "{passed}");
    let failed = report(Plain { rule, ..right }, inputs);
    assert!(!failed.passed(), "{failed}");
    let said = failed.verdict().unwrap_or_else(|| panic!("no verdict:\n{failed}"));
    assert_eq!(said.fault.to_string(), wanted, "{failed}");
    assert_eq!(said.rule.as_deref(), Some(right.name));
}

fn same(x: &[&Shape]) -> Shape {
    x[0].clone()
}

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

/// tanh.
const TANH: Plain = Plain {
    name: "tanh",
    shape: same,
    value: |x, z| z.iter_mut().zip(x[0]).for_each(|(z, x)| *z = x.tanh()),
    rule: |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (1.0 - z[i] * z[i])),
};

#[test]
fn values_mixed_up_and_conditions_are_told_of_loops_too() {
    let inputs = [wave([3, 4], 0.0)];
    says(
        TANH,
        |x, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (1.0 - x[0][i] * x[0][i])),
        &inputs,
        "values mixed up: it uses input 0 where output 0 belongs",
    );
    says(
        TANH,
        |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = if z[i] > 0.0 { dz[i] * (1.0 - z[i] * z[i]) } else { 0.0 }),
        &inputs,
        "wrong only where input 0 ≤ 0: there it is 0",
    );
    says(
        TANH,
        |_, z, _, dx| (0..z.len()).for_each(|i| dx[0][i] = 1.0 - z[i] * z[i]),
        &inputs,
        "the upstream gradient is ignored",
    );
    says(
        TANH,
        |_, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = -dz[i] * (1.0 - z[i] * z[i])),
        &inputs,
        "the sign is flipped",
    );
    let missing = "a dropped term: that of `upstream gradient 0 · output 0`";
    let swish = Plain {
        name: "swish",
        shape: same,
        value: |x, z| z.iter_mut().zip(x[0]).for_each(|(z, x)| *z = x * x + x.exp()),
        rule: |x, z, dz, dx| {
            (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (2.0 * x[0][i] + z[i] - x[0][i] * x[0][i]));
        },
    };
    says(
        swish,
        |x, z, dz, dx| (0..z.len()).for_each(|i| dx[0][i] = dz[i] * (2.0 * x[0][i] - x[0][i] * x[0][i])),
        &inputs,
        missing,
    );
}

#[test]
fn a_gradient_of_another_shape_is_told_by_its_transpose() {
    /// A product with a rule that forgets to transpose.
    struct Product(bool);
    impl Op for Product {
        fn name(&self) -> &str {
            "product"
        }
        fn shape(&self, x: &[&Shape]) -> Result<Shape> {
            Ok(Shape::from([x[0][0], x[1][1]]))
        }
        fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
            let (a, b, inner) = (x[0].to_vec(), x[1].to_vec(), x[0].shape()[1]);
            let columns = shape[1];
            let entry = |at: usize| {
                (0..inner).map(|k| a[at / columns * inner + k] * b[k * columns + at % columns]).sum::<f64>()
            };
            Ok(Tensor::from_fn(shape.clone(), x[0].dtype(), entry))
        }
        fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
            let turned = |x: Var<'t>| x.transpose(0, 1);
            let by_a = at.dz.matmul(turned(at.x[1]));
            let by_b = turned(at.x[0]).matmul(at.dz);
            Ok(Grads::from_iter([Some(by_a), Some(if self.0 { by_b } else { turned(by_b) })]))
        }
    }
    let inputs = [wave([2, 3], 0.0), wave([3, 3], 1.0)];
    let right = check::gradcheck(|x| x[0].tape().record(Product(true), x).unwrap(), &inputs).unwrap();
    assert!(right.passed(), "{right}");
    let wrong = check::gradcheck(|x| x[0].tape().record(Product(false), x).unwrap(), &inputs).unwrap();
    assert_eq!(wrong.verdict().unwrap().fault.to_string(), "transposed", "{wrong}");
}

#[test]
fn a_rule_that_is_right_for_symmetric_upstream_gradients_alone_is_told() {
    /// X Xᵀ for rows of 3 numbers.
    const GRAM: Plain = Plain {
        name: "gram",
        shape: |x| Shape::from([x[0][0], x[0][0]]),
        value: |x, z| {
            let n = x[0].len() / 3;
            (0..n * n).for_each(|k| z[k] = (0..3).map(|c| x[0][k / n * 3 + c] * x[0][k % n * 3 + c]).sum());
        },
        rule: |x, _, dz, dx| {
            let n = x[0].len() / 3;
            for k in 0..n * n {
                for c in 0..3 {
                    dx[0][k / n * 3 + c] += dz[k] * x[0][k % n * 3 + c];
                    dx[0][k % n * 3 + c] += dz[k] * x[0][k / n * 3 + c];
                }
            }
        },
    };
    says(
        GRAM,
        |x, _, dz, dx| {
            let n = x[0].len() / 3;
            for k in 0..n * n {
                (0..3).for_each(|c| dx[0][k / n * 3 + c] += 2.0 * dz[k] * x[0][k % n * 3 + c]);
            }
        },
        &[wave([4, 3], 0.0)],
        "one operation of the rule is wrong: it takes the upstream gradient for symmetric",
    );
}

#[test]
fn a_rule_that_is_not_finite_is_named_at_its_own_line() {
    struct Square;
    impl Op for Square {
        fn name(&self) -> &str {
            "square by hand"
        }
        fn shape(&self, x: &[&Shape]) -> Result<Shape> {
            Ok(x[0].clone())
        }
        fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
            let numbers = x[0].to_vec();
            Ok(Tensor::from_fn(shape, x[0].dtype(), |i| numbers[i] * numbers[i]))
        }
        fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
            let slope = |x: f64, z: f64| 2.0 * z / x;
            let rule = |x: &[Tensor], z: &Tensor, dz: &Tensor| {
                let (x, z, of) = (x[0].to_vec(), z.to_vec(), dz.to_vec());
                Ok(vec![Some(Tensor::from_fn(dz.shape().clone(), dz.dtype(), |i| of[i] * slope(x[i], z[i])))])
            };
            at.once("square by hand", rule) // 0/0 at 0
        }
    }
    let inputs = [Tensor::from([0.0, 1.0, 2.0])];
    let report = check::gradcheck(|x| x[0].tape().record(Square, x).unwrap(), &inputs).unwrap();
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault.to_string(), "not finite: the derivative of `square by hand` is the first", "{report}");
    let source = include_str!("plain.rs");
    let line = source.lines().position(|line| line.ends_with("// 0/0 at 0")).unwrap() + 1;
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), format!("{}:{line}", file!()), "{report}");
}

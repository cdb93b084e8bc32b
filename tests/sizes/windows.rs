//! Every combination of small and absurd arguments of the operations with windows, in both precisions and along both
//! axes, gives an error, or the value and the gradient of the definition.
//!
//! Images are one line of pixels, so that the definition is one-dimensional: output o sees, through tap t, the input
//! o · stride − padding + t · dilation. It is computed in 128 bits, over the inputs, since taps may be too many to
//! visit.

use wengert::{
    DType, Result, Tape, Tensor, Var,
    ops::{ConvSpec, Window},
};

const VALUES: [usize; 9] = [0, 1, 2, 1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, usize::MAX];
/// Images, channels and pixels.
const N: usize = 2;
const C: usize = 4;
const SIZE: usize = 3;
/// Results of more numbers than this do not fit into this program's memory.
const MOST: u128 = 1 << 24;

/// A window that slides over a line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub size: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
}

impl Line {
    /// The positions of the window; none if it does not fit, or if the padded line is longer than can be counted.
    fn outputs(&self) -> Option<u128> {
        let [size, kernel, stride, padding, dilation] =
            [self.size, self.kernel, self.stride, self.padding, self.dilation].map(|n| n as u128);
        let padded = size + 2 * padding;
        let reach = kernel.checked_sub(1)? * dilation + 1;
        let fits = stride > 0 && dilation > 0 && reach <= padded && padded <= isize::MAX as u128;
        fits.then(|| (padded - reach) / stride + 1)
    }

    /// The taps and inputs that output `o` sees.
    fn seen(self, o: usize) -> impl Iterator<Item = (usize, usize)> {
        let place = move |i: usize| i as i128 + self.padding as i128 - o as i128 * self.stride as i128;
        let tap = move |i| Some(place(i)).filter(|place| *place >= 0 && place % self.dilation as i128 == 0);
        (0..self.size)
            .filter_map(move |i| tap(i).map(|place| ((place / self.dilation as i128) as usize, i)))
            .filter(move |&(tap, _)| tap < self.kernel)
    }
}

/// Small whole numbers, whose sums are exact in both precisions.
fn number(i: usize) -> f64 {
    (i * 7 % 11) as f64 - 5.0
}

/// A tensor `[n, c, 1, size]`, or `[n, c, size, 1]` along axis 0.
fn line([n, c, size]: [usize; 3], axis: usize, dtype: DType) -> Tensor {
    let shape = if axis == 0 { [n, c, size, 1] } else { [n, c, 1, size] };
    Tensor::from_fn(shape, dtype, number)
}

/// `value` along the axis of the line, `other` along the one of size 1.
fn along(axis: usize, value: usize, other: usize) -> [usize; 2] {
    if axis == 0 { [value, other] } else { [other, value] }
}

/// Calls `body` with every axis, precision and combination of `K` values.
fn each<const K: usize>(mut body: impl FnMut(usize, DType, [usize; K])) {
    for (axis, dtype) in [(0, DType::F32), (1, DType::F32), (0, DType::F64), (1, DType::F64)] {
        for i in 0..VALUES.len().pow(K as u32) {
            body(axis, dtype, std::array::from_fn(|k| VALUES[i / VALUES.len().pow(k as u32) % VALUES.len()]));
        }
    }
}

/// Asserts that `result` is what the definition says: an error for `None`. All these operations have f(c x) = c f(x),
/// so the gradient of the sum of y, times x, sums to the sum of y.
fn holds(result: Result<Var<'_>>, expected: Option<Vec<f64>>, x: Var<'_>, case: impl Fn() -> String) {
    match (result, expected) {
        (Err(_), None) => {}
        (Err(error), Some(_)) => panic!("{}: {error}", case()),
        (Ok(y), None) => panic!("{}: a result of shape {}", case(), y.shape()),
        (Ok(y), Some(expected)) => {
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
            let value = y.value().to_vec();
            let same = value.len() == expected.len() && value.iter().zip(&expected).all(|(&a, &b)| close(a, b));
            assert!(same, "{}: {value:?} instead of {expected:?}", case());
            let dx = y.sum().backward().unwrap().wrt(x).unwrap().to_vec();
            let sum = dx.iter().zip(x.value().to_vec()).map(|(d, x)| d * x).sum::<f64>();
            assert!(close(sum, expected.iter().sum()), "{}: gradient {dx:?}", case());
        }
    }
}

#[test]
fn convolutions_of_any_geometry() {
    for [kernel, group] in [[1, 4], [1, 2], [2, 4], [2, 2]] {
        each(|axis, dtype, [padding, stride, dilation, groups]| {
            let tape = Tape::with_dtype(dtype);
            let (x, w) = (line([N, C, SIZE], axis, dtype), line([C, group, kernel], axis, dtype));
            let (x, w) = (tape.leaf(x), tape.constant(w));
            let spec = ConvSpec {
                stride: along(axis, stride, 1),
                padding: along(axis, padding, 0),
                dilation: along(axis, dilation, 1),
                groups,
            };
            let line = Line { size: SIZE, kernel, stride, padding, dilation };
            let fits = groups == C / group;
            let outputs = line.outputs().filter(|&outputs| fits && outputs <= MOST).map(|outputs| outputs as usize);
            let expected = outputs.map(|outputs| {
                let of = |n: usize, filter: usize, o: usize| {
                    let first = filter / group * group;
                    let terms = (0..group).flat_map(|c| line.seen(o).map(move |(tap, i)| (c, tap, i)));
                    terms
                        .map(|(c, tap, i)| {
                            number((filter * group + c) * kernel + tap) * number((n * C + first + c) * SIZE + i)
                        })
                        .sum()
                };
                places([N, C, outputs]).map(|[n, filter, o]| of(n, filter, o)).collect()
            });
            holds(x.try_conv2d(w, None, spec), expected, x, || format!("conv2d {line:?} groups {groups}"));
        });
    }
}

/// Every index of a box.
fn places([a, b, c]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..a * b * c).map(move |i| [i / (b * c), i / c % b, i % c])
}

#[test]
fn transposed_convolutions_of_any_geometry() {
    for kernel in [1, 2] {
        each(|axis, dtype, [padding, stride, dilation, more]| {
            let tape = Tape::with_dtype(dtype);
            let (x, w) = (line([N, C, SIZE], axis, dtype), line([C, 2, kernel], axis, dtype));
            let (x, w) = (tape.leaf(x), tape.constant(w));
            let spec = ConvSpec {
                stride: along(axis, stride, 1),
                padding: along(axis, padding, 0),
                dilation: along(axis, dilation, 1),
                groups: 1,
            };
            // The line of whose convolution this is the adjoint; if the output padding is not below the stride, it has
            // more outputs than x has pixels, and the first of them count. It is then computed with its padding.
            let [p, s, d, m] = [padding, stride, dilation, more].map(|n| n as u128);
            let full = (SIZE as u128 - 1) * s + (kernel as u128 - 1) * d + m + 1;
            let size = full.checked_sub(2 * p).filter(|&size| size <= MOST && full <= isize::MAX as u128);
            let line = size.map(|size| Line { size: size as usize, kernel, stride, padding, dilation });
            let line = line.filter(|line| line.outputs().is_some() && (m < s || full <= MOST));
            let expected = line.map(|line| {
                let mut y = vec![0.0; N * 2 * line.size];
                for [n, c, o] in places([N, C, SIZE]) {
                    for (tap, j) in line.seen(o) {
                        for out in 0..2 {
                            y[(n * 2 + out) * line.size + j] +=
                                number((n * C + c) * SIZE + o) * number((c * 2 + out) * kernel + tap);
                        }
                    }
                }
                y
            });
            let case = || format!("conv_transpose2d {spec:?} kernel {kernel} output padding {more}");
            holds(x.try_conv_transpose2d(w, None, spec, along(axis, more, 0)), expected, x, case);
        });
    }
}

#[test]
fn pools_of_any_geometry() {
    each(|axis, dtype, [kernel, padding, stride]| {
        let tape = Tape::with_dtype(dtype);
        let x = tape.leaf(line([N, C, SIZE], axis, dtype));
        let window =
            Window { kernel: along(axis, kernel, 1), stride: along(axis, stride, 1), padding: along(axis, padding, 0) };
        let line = Line { size: SIZE, kernel, stride, padding, dilation: 1 };
        let outputs = line.outputs().filter(|&outputs| padding <= kernel / 2 && outputs <= MOST);
        let of = |each: &dyn Fn(Vec<f64>) -> f64| {
            let seen = |[n, c, o]: [usize; 3]| line.seen(o).map(|(_, i)| number((n * C + c) * SIZE + i)).collect();
            outputs.map(|outputs| places([N, C, outputs as usize]).map(|at| each(seen(at))).collect())
        };
        let largest = of(&|seen| seen.into_iter().fold(f64::NEG_INFINITY, f64::max));
        holds(x.try_max_pool2d(window), largest, x, || format!("max_pool2d {line:?}"));
        for count_padding in [false, true] {
            let count = |seen: &[f64]| if count_padding { kernel as f64 } else { seen.len() as f64 };
            let mean = of(&|seen| seen.iter().sum::<f64>() / count(&seen));
            holds(x.try_avg_pool2d(window, count_padding), mean, x, || format!("avg_pool2d {line:?} {count_padding}"));
        }
    });
}

#[test]
fn windows_of_any_geometry_unfold_and_fold() {
    each(|axis, dtype, [kernel, padding, stride, dilation]| {
        let tape = Tape::with_dtype(dtype);
        let x = tape.leaf(line([N, C, SIZE], axis, dtype));
        let spec = ConvSpec {
            stride: along(axis, stride, 1),
            padding: along(axis, padding, 0),
            dilation: along(axis, dilation, 1),
            groups: 1,
        };
        let line = Line { size: SIZE, kernel, stride, padding, dilation };
        let taps = along(axis, kernel, 1);
        let small = |outputs: &u128| outputs * kernel as u128 <= MOST;
        let outputs = line.outputs().filter(small).map(|outputs| outputs as usize);
        let columns = outputs.map(|outputs| {
            let mut columns = vec![0.0; N * C * kernel * outputs];
            for [n, c, o] in places([N, C, outputs]) {
                for (tap, i) in line.seen(o) {
                    columns[((n * C + c) * kernel + tap) * outputs + o] = number((n * C + c) * SIZE + i);
                }
            }
            columns
        });
        holds(x.try_unfold(taps, spec), columns, x, || format!("unfold {line:?}"));

        // Columns of some windows, folded into images of this size and of others.
        for size in [SIZE].into_iter().chain(VALUES) {
            let line = Line { size, ..line };
            let outputs = line.outputs().filter(small).map(|outputs| outputs as usize);
            let images = Some(size as u128).filter(|&size| size <= MOST).and(outputs);
            let count = outputs.unwrap_or(2);
            let of = [N, C * kernel.min(2), count];
            let x = tape.leaf(Tensor::from_fn(of, dtype, number));
            let folded = images.filter(|_| kernel <= 2).map(|outputs| {
                let mut image = vec![0.0; N * C * size];
                for [n, c, o] in places([N, C, outputs]) {
                    for (tap, i) in line.seen(o) {
                        image[(n * C + c) * size + i] += number(((n * C + c) * kernel + tap) * outputs + o);
                    }
                }
                image
            });
            let [height, width] = along(axis, size, 1);
            holds(x.try_fold([N, C, height, width], taps, spec), folded, x, || format!("fold {line:?}"));
        }
    });
}

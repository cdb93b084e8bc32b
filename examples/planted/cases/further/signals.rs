//! Signals: spectra, lags, interpolation, wavelets.

use wengert::{Backward, DType, Tensor, Var};

use crate::planted::{Planted, draw, numbers, planted, sum, t};

pub fn cases() -> Vec<Planted> {
    vec![
        // The weighted power of frequencies 0 to 4 of eight samples.
        planted(
            "power spectrum",
            vec![draw([3, 8], 331.0), numbers([1, 5], 0.5, 1.5, 332.0)],
            |x| {
                let tape = x[0].tape();
                let (c, s) = (tape.constant(waves(f64::cos)), tape.constant(waves(f64::sin)));
                let (re, im) = (x[0].matmul(c), -x[0].matmul(s));
                let power = re * re + im * im;
                (vec![x[1] * power], vec![c, s, re, im, power])
            },
            |Backward { x, dz, saved, .. }, s| {
                let [cosines, sines, re, im, power] = *saved else { unreachable!() };
                let dw = sum(dz[0] * power, 0);
                let dpower = slip!(s 1: dz[0] * x[1] => dz[0]);
                let dre = dpower * re * 2.0;
                let dim = dpower * im * 2.0;
                let dx = slip!(s 2: dre.matmul(t(cosines)) - dim.matmul(t(sines)) => dre.matmul(t(cosines)) + dim.matmul(t(sines)));
                vec![Some(dx), Some(dw)]
            },
            [(&[1], "factor", "factor&input 1"), (&[2], "sign", "sign|`add`&`sub`"), (&[1, 2], "two", "two mistakes")],
        ),
        // rₖ = Σᵢ xᵢ xᵢ₊ₖ for lags 0 to 2.
        planted(
            "autocorrelation",
            vec![draw([2, 7], 333.0)],
            |x| {
                let lag = |k| sum(x[0].narrow(1, 0, 7 - k) * x[0].narrow(1, k, 7 - k), 1);
                (vec![Var::concat(&[lag(0), lag(1), lag(2)], 1)], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let signal = x[0];
                let mut dx = signal * 0.0;
                for k in 0..3 {
                    let g = dz[0].narrow(1, k, 1);
                    let early = signal.narrow(1, 0, 7 - k);
                    let late = signal.narrow(1, k, 7 - k);
                    let to_late = (g * early).pad(&slip!(s 1: [(0, 0), (k, 0)] => [(0, 0), (0, k)]), 0.0);
                    let to_early = (g * slip!(s 2: late => early)).pad(&[(0, 0), (0, k)], 0.0);
                    dx = slip!(s 3: dx + to_late + to_early => dx + to_early);
                }
                vec![Some(dx)]
            },
            [
                (&[1], "movement", "pad|moved|place"),
                (&[2], "loop", "slice|narrow|start|moved"),
                (&[3], "loop", "dropped term|forgotten path|term is missing|`pad`"),
            ],
        ),
        // Between the rows of a table: (1 − f) Tᵢ + f Tᵢ₊₁.
        planted(
            "table lookup",
            vec![draw([6, 3], 334.0), numbers([4, 1], 0.1, 0.9, 335.0)],
            |x| {
                let (below, above) = (x[0].index_select(0, &BELOW), x[0].index_select(0, &ABOVE));
                (vec![(1.0 - x[1]) * below + x[1] * above], vec![below, above])
            },
            |Backward { x, dz, saved, .. }, s| {
                let f = x[1];
                let spread = |at: &[usize], g: Var<'_>| -> Vec<usize> {
                    at.iter().flat_map(|&i| vec![i; g.shape()[1]]).collect()
                };
                let (low, high) = (dz[0] * slip!(s 1: 1.0 - f => f), dz[0] * f);
                let empty = x[0] * 0.0;
                let dt = empty.scatter_add(0, &spread(&BELOW, low), low).scatter_add(
                    0,
                    &spread(slip!(s 2: &ABOVE => &BELOW), high),
                    high,
                );
                let df = sum(dz[0] * slip!(s 3: saved[1] - saved[0] => saved[1] + saved[0]), 1);
                vec![Some(dt), Some(df)]
            },
            [
                (&[1], "value", "1 − |`sub`|`rsub`"),
                (&[2], "movement", "scatter_add|indices|index"),
                (&[3], "sign", "sign|`add`&`sub`"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // Displacements: the running sum of speeds times durations.
        planted(
            "running sum",
            vec![draw([5, 3], 336.0), numbers([5, 1], 0.2, 0.8, 337.0)],
            |x| (vec![(x[0] * x[1]).cumsum(0)], vec![]),
            |Backward { x: inputs, dz: g, .. }, s| {
                let (speed, time) = (inputs[0], inputs[1]);
                let back = |v| Var::flip(v, &[0]).cumsum(0);
                let rest = slip!(s 1: back(g[0]).flip(&[0]) => back(g[0]));
                let by_time = slip!(s 2: rest * speed => g[0] * speed);
                vec![Some(rest * time), Some(sum(by_time, 1))]
            },
            [(&[1], "movement", "flip|turned"), (&[2], "value", "upstream&`slice`|upstream&`flip`|`cumsum`")],
        ),
        // A step of lifting on a ring: d = odd − p (even + next even), a = even + u (d + last d).
        planted(
            "lifting step",
            vec![draw([3, 8], 338.0), numbers((), 0.4, 0.6, 339.0), numbers((), 0.2, 0.3, 340.0)],
            |x| {
                let (even, odd) = (x[0].slice(1, 0, 8, 2), x[0].slice(1, 1, 8, 2));
                let d = odd - x[1] * (even + even.roll(-1, 1));
                let a = even + x[2] * (d + d.roll(1, 1));
                (vec![a, d], vec![even])
            },
            |Backward { x, z, dz, saved, .. }, s| {
                let (predict, update, even) = (x[1], x[2], saved[0]);
                let (d, da) = (z[1], dz[0]);
                let dupdate = (da * (d + d.roll(1, 1))).sum();
                let both = da + da.roll(slip!(s 1: -1 => 1), 1);
                let dd = slip!(s 2: dz[1] + update * both => update * both);
                let dpredict = -(dd * (even + slip!(s 3: even.roll(-1, 1) => even.roll(1, 1)))).sum();
                let deven = da - predict * (dd + slip!(s 4: dd.roll(1, 1) => dd));
                let pairs = [deven.unsqueeze(2), dd.unsqueeze(2)];
                let dx = Var::concat(&pairs, 2).reshape([3, 8]);
                vec![Some(dx), Some(dpredict), Some(dupdate)]
            },
            [
                (&[1], "movement", "roll|concat|slice|moved|exchanged"),
                (&[2], "term", "upstream gradient 1|upstream gradient of output 1|dropped term|forgotten path"),
                (&[3], "movement", "roll|concat|slice|moved|exchanged"),
                (&[4], "movement", "roll|concat|slice|moved"),
                (&[1, 3], "two", "two mistakes"),
            ],
        ),
        // A kernel of two by three slid over an image.
        planted(
            "kernel by slices",
            vec![draw([5, 7], 341.0), draw([2, 3], 342.0)],
            |x| {
                let mut z = None;
                for (i, j) in OFFSETS {
                    let part = tap(x[1], i, j) * x[0].narrow(0, i, 4).narrow(1, j, 5);
                    z = Some(z.map_or(part, |z: Var<'_>| z + part));
                }
                (vec![z.unwrap()], vec![])
            },
            |Backward { x, dz, .. }, s| {
                let (image, kernel, g) = (x[0], x[1], dz[0]);
                let mut dimage = image * 0.0;
                let mut taps = Vec::new();
                for (i, j) in OFFSETS {
                    let window = image.narrow(0, i, 4).narrow(1, slip!(s 1: j => 2 - j), 5);
                    taps.push((g * window).sum().reshape([1, 1]));
                    let back = tap(kernel, i, j) * g;
                    let around = slip!(s 2: [(i, 1 - i), (j, 2 - j)] => [(1 - i, i), (j, 2 - j)]);
                    dimage = slip!(s 3: dimage + back.pad(&around, 0.0) => back.pad(&around, 0.0));
                }
                let dkernel = Var::concat(&taps, 0).reshape([2, 3]);
                vec![Some(dimage), Some(dkernel)]
            },
            [
                (&[1], "movement", "flip|turned|slice|start|moved|order"),
                (&[2], "movement", "pad|flip|turned|place|`slice` from [0, 0]&where from [1, 0]"),
                (&[3], "loop", "overwritten|dropped term|forgotten path"),
            ],
        ),
        // A filter on a ring: Σ wₖ of the signal k places later.
        planted(
            "ring filter",
            vec![draw([2, 5], 343.0), draw([3], 344.0)],
            |x| {
                let z = (0..3).map(|k| x[1].narrow(0, k, 1) * x[0].roll(k as isize, 1)).reduce(|a, b| a + b);
                (vec![z.unwrap()], vec![])
            },
            |at, s| {
                let w = |k: usize| at.x[1].narrow(0, k, 1);
                let dx = (0..3isize)
                    .map(|k| w(k as usize) * at.dz[0].roll(slip!(s 1: -k => k), 1))
                    .fold(at.x[0] * 0.0, |total, one| total + one);
                let dw: Vec<Var<'_>> =
                    (0..3isize).map(|k| (at.dz[0] * at.x[0].roll(slip!(s 2: k => -k), 1)).sum().reshape([1])).collect();
                vec![Some(dx), Some(Var::concat(&dw, 0))]
            },
            [
                (&[1], "movement", "roll|concat|slice|moved|flip|turned|exchanged"),
                (&[2], "movement", "roll|concat|slice|moved|flip|turned|exchanged|input 0&operand 1 of `mul`"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
        // A window times what the last sample, damped, leaves: w (xᵢ − a xᵢ₋₁).
        planted(
            "emphasis",
            vec![draw([6, 2], 345.0), numbers((), 0.5, 0.9, 346.0), numbers([6, 1], 0.2, 1.0, 347.0)],
            |x| {
                let last = x[0].narrow(0, 0, 5).pad(&[(1, 0), (0, 0)], 0.0);
                let e = x[0] - x[1] * last;
                (vec![x[2] * e], vec![last, e])
            },
            |Backward { x, dz, saved, .. }, s| {
                let (a, window) = (x[1], x[2]);
                let (last, e) = (saved[0], saved[1]);
                let de = slip!(s 1: window * dz[0] => dz[0]);
                let da = -(de * last).sum();
                let next = de.narrow(0, 1, 5);
                let next = next.pad(&slip!(s 2: [(0, 1), (0, 0)] => [(1, 0), (0, 0)]), 0.0);
                let dx = de - a * next;
                let dwindow = sum(dz[0] * slip!(s 3: e => x[0]), 1);
                vec![Some(dx), Some(da), Some(dwindow)]
            },
            [
                (&[1], "factor", "factor&input 2"),
                (&[2], "movement", "pad"),
                (&[3], "value", "input 0&saved value 1"),
                (&[1, 2], "two", "two mistakes"),
            ],
        ),
    ]
}

const BELOW: [usize; 4] = [1, 4, 0, 1];
const ABOVE: [usize; 4] = [2, 5, 1, 2];
const OFFSETS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];

/// One number of a kernel.
#[track_caller]
fn tap<'t>(kernel: Var<'t>, i: usize, j: usize) -> Var<'t> {
    kernel.narrow(0, i, 1).narrow(1, j, 1)
}

/// Waves of 0 to 4 periods in eight samples.
fn waves(wave: fn(f64) -> f64) -> Tensor {
    Tensor::from_fn([8, 5], DType::F64, |i| wave(std::f64::consts::TAU * ((i / 5) * (i % 5)) as f64 / 8.0))
}

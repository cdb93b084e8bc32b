//! Discrete Fourier transforms: X_k = Σ_n x_n e^(∓2πikn/N), as products with the matrices of cosines and sines.

use super::{Call, Results, complex};
use wengert::{DType, Tensor, Var};

/// A complex value: its real and imaginary parts.
type Complex<'t> = (Var<'t>, Var<'t>);

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    if op == "stft" {
        return stft(c);
    }
    let x = c.maybe(0, "")?;
    let kind = op.strip_prefix("fft.")?;
    let axes = axes(c, x, kind);
    if kind.ends_with("shift") {
        let shifted = axes.iter().fold(x, |x, &axis| {
            let size = x.shape()[axis];
            x.roll(if kind == "fftshift" { size / 2 } else { size.div_ceil(2) } as isize, axis as isize)
        });
        return Some(vec![shifted]);
    }
    let sizes = c.places(1, if kind.ends_with(['2', 'n']) { "s" } else { "n" });
    let base = kind.trim_end_matches(['2', 'n']);
    let real = |z: Complex<'t>| Some(vec![z.0]);
    let both = |(re, im): Complex<'t>| Some(vec![complex(re, im)]);
    let inverse = base.starts_with('i');
    let norm = c.text(9, "norm", "backward");
    let last = *axes.last()?;
    // The axis along which only half of the result is there, or of the input.
    let half = |size: usize| size / 2 + 1;
    match base {
        "fft" | "ifft" => both(transform((x, x * 0.0), &axes, &sizes, inverse, inverse, norm)),
        "rfft" | "ihfft" => {
            let (re, im) = transform((x, x * 0.0), &axes, &sizes, inverse, inverse, norm);
            let size = half(re.shape()[last]);
            both((re.narrow(last as isize, 0, size), im.narrow(last as isize, 0, size)))
        }
        "irfft" | "hfft" => {
            let size = match sizes.last() {
                Some(&size) => size,
                None => 2 * (x.shape()[last] - 1),
            };
            // Along all axes but the last, then the missing half along it.
            let (others, direction) = (&axes[..axes.len() - 1], base == "irfft");
            let z =
                transform((x, x * 0.0), others, &sizes[..others.len().min(sizes.len())], direction, direction, norm);
            let (re, im) = (cut(z.0, last, half(size)), cut(z.1, last, half(size)));
            let mirror = (1..size.div_ceil(2)).rev().collect::<Vec<_>>();
            let whole =
                |x: Var<'t>, sign: f64| Var::concat(&[x, x.index_select(last as isize, &mirror) * sign], last as isize);
            real(transform((whole(re, 1.0), whole(im, -1.0)), &[last], &[], direction, direction, norm))
        }
        _ => None,
    }
}

fn axes<'t>(c: &Call<'t>, x: Var<'t>, kind: &str) -> Vec<usize> {
    let (at, rank) = (if kind.ends_with("shift") { 1 } else { 2 }, x.rank());
    let sizes = c.places(1, "s").len();
    let given = c.ints(at, "dim").map(|axes| axes.iter().map(|&axis| super::front(x, axis)).collect());
    given.unwrap_or_else(|| match kind {
        _ if kind.ends_with('2') => (rank - 2..rank).collect(),
        _ if kind.ends_with('n') && sizes > 0 && c.get(1, "s").numbers().is_some() => (rank - sizes..rank).collect(),
        _ if kind.ends_with('n') || kind.ends_with("shift") => (0..rank).collect(),
        _ => vec![rank - 1],
    })
}

/// Cut to a size, or filled up with zeros.
fn cut(x: Var<'_>, axis: usize, size: usize) -> Var<'_> {
    let there = x.shape()[axis];
    let kept = x.narrow(axis as isize, 0, there.min(size));
    let mut amounts = vec![(0, 0); x.rank()];
    amounts[axis].1 = size.saturating_sub(there);
    kept.pad(&amounts, 0.0)
}

fn transform<'t>(
    z: Complex<'t>,
    axes: &[usize],
    sizes: &[usize],
    inverse: bool,
    scaled: bool,
    norm: &str,
) -> Complex<'t> {
    axes.iter().enumerate().fold(z, |(re, im), (k, &axis)| {
        let size = sizes.get(k).copied().unwrap_or(re.shape()[axis]);
        let scale = match norm {
            "ortho" => 1.0 / (size as f64).sqrt(),
            "forward" if !scaled => 1.0 / size as f64,
            "backward" if scaled => 1.0 / size as f64,
            _ => 1.0,
        };
        let angle = |i: usize| (i / size * (i % size) % size) as f64 * std::f64::consts::TAU / size as f64;
        let matrix =
            |f: fn(f64) -> f64| re.tape().constant(Tensor::from_fn([size, size], DType::F64, |i| scale * f(angle(i))));
        let (cosines, sines) = (matrix(f64::cos), matrix(if inverse { |x| -x.sin() } else { f64::sin }));
        let last = |x: Var<'t>| cut(x, axis, size).movedim(axis as isize, -1);
        let back = |x: Var<'t>| x.movedim(-1, axis as isize);
        let (re, im) = (last(re), last(im));
        let times =
            |x: Var<'t>, m: Var<'t>| if x.rank() == 1 { x.unsqueeze(0).matmul(m).squeeze(&[0]) } else { x.matmul(m) };
        // (re + i im)(cos − i sin)
        (back(times(re, cosines) + times(im, sines)), back(times(im, cosines) - times(re, sines)))
    })
}

/// Transforms of windows that slide over signals.
fn stft<'t>(c: &Call<'t>) -> Results<'t> {
    let (signal, n) = (c.x(0), c.int(1, "n_fft", 1) as usize);
    let hop = c.int(2, "hop_length", (n / 4) as isize) as usize;
    let rows = if signal.rank() == 1 { signal.unsqueeze(0) } else { signal };
    let padded = match c.flag(5, "center", true) {
        true => {
            let (size, by) = (rows.shape()[1], n / 2);
            let reflected: Vec<usize> = (1..=by).rev().chain(0..size).chain((size - 1 - by..size - 1).rev()).collect();
            rows.index_select(1, &reflected)
        }
        false => rows,
    };
    let count = (padded.shape()[1] - n) / hop + 1;
    let places: Vec<usize> = (0..count).flat_map(|at| (0..n).map(move |i| at * hop + i)).collect();
    let frames = padded.index_select(1, &places).reshape([rows.shape()[0], count, n]);
    let frames = match c.maybe(4, "window") {
        Some(window) => {
            let (short, by) = (window.shape()[0], (n - window.shape()[0]) / 2);
            frames * window.pad(&[(by, n - short - by)], 0.0)
        }
        None => frames,
    };
    let norm = if c.flag(9, "normalized", false) { "ortho" } else { "backward" };
    let (re, im) = transform((frames, frames * 0.0), &[2], &[], false, false, norm);
    let kept = if c.flag(9, "onesided", true) { n / 2 + 1 } else { n };
    let y = complex(re.narrow(2, 0, kept), im.narrow(2, 0, kept)).transpose(1, 2);
    Some(vec![if signal.rank() == 1 { y.squeeze(&[0]) } else { y }])
}

//! Images in another size, and read at places between their pixels.

use super::{Call, Results};
use crate::call::Arg;
use wengert::{Var, functional::Interpolate};

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    let corners = c.flag(4, "align_corners", false);
    Some(vec![match op {
        "interpolate.nearest" | "upsample_nearest" => resized(c, x, |i, grid| {
            let place = (i as f64 * grid.step(false)).floor() as usize;
            vec![(place.min(grid.size - 1), 1.0)]
        })?,
        "interpolate.nearest-exact" => resized(c, x, |i, grid| {
            let place = ((i as f64 + 0.5) * grid.step(false)).floor() as usize;
            vec![(place.min(grid.size - 1), 1.0)]
        })?,
        "interpolate.bilinear" | "upsample_bilinear" if given(c).is_some() => {
            let size = given(c)?;
            let options = Interpolate::size([size[0], *size.last()?]).bilinear();
            let corners = corners || op == "upsample_bilinear";
            x.interpolate(&if corners { options.align_corners() } else { options })
        }
        "interpolate.bicubic" if given(c).is_some() => {
            let size = given(c)?;
            let options = Interpolate::size([size[0], *size.last()?]).bicubic();
            x.interpolate(&if corners { options.align_corners() } else { options })
        }
        "interpolate.linear" | "interpolate.bilinear" | "interpolate.trilinear" | "upsample_bilinear" => {
            let corners = corners || op == "upsample_bilinear";
            resized(c, x, |i, grid| {
                let at = grid.place(i, corners).max(0.0);
                let low = (at.floor() as usize).min(grid.size - 1);
                vec![(low, 1.0 - (at - low as f64)), ((low + 1).min(grid.size - 1), at - low as f64)]
            })?
        }
        "interpolate.bicubic" => resized(c, x, |i, grid| {
            let at = grid.place(i, corners);
            let (low, t) = (at.floor(), at - at.floor());
            let near = |d: f64| (1.25 * d - 2.25) * d * d + 1.0;
            let far = |d: f64| ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
            let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
            let place = |k: usize| (low + k as f64 - 1.0).clamp(0.0, (grid.size - 1) as f64) as usize;
            (0..4).map(|k| (place(k), weights[k])).collect()
        })?,
        "interpolate.area" => {
            let sizes = sizes(c, x)?;
            resized(c, x, |i, grid| {
                let n = sizes[grid.axis];
                let (start, end) = (i * grid.size / n, ((i + 1) * grid.size).div_ceil(n));
                (start..end).map(|k| (k, 1.0 / (end - start) as f64)).collect()
            })?
        }
        "grid_sample" => {
            sampled(c, x, c.x(1), c.text(2, "mode", "bilinear"), c.text(3, "padding_mode", "zeros"), corners)?
        }
        "grid_sampler_2d" | "grid_sampler_3d" => {
            let mode = ["bilinear", "nearest", "bicubic"][c.int(2, "", 0) as usize];
            let beyond = ["zeros", "border", "reflection"][c.int(3, "", 0) as usize];
            sampled(c, x, c.x(1), mode, beyond, corners)?
        }
        _ => return None,
    }])
}

/// One axis of an image: its old and new size, and by how much it was said to grow.
struct Grid {
    axis: usize,
    size: usize,
    new: usize,
    factor: Option<f64>,
}

impl Grid {
    fn step(&self, corners: bool) -> f64 {
        match (corners, self.factor) {
            (true, _) => {
                if self.new > 1 {
                    (self.size - 1) as f64 / (self.new - 1) as f64
                } else {
                    0.0
                }
            }
            (false, Some(factor)) => 1.0 / factor,
            (false, None) => self.size as f64 / self.new as f64,
        }
    }

    /// Where pixel `i` of the result lies in the image.
    fn place(&self, i: usize, corners: bool) -> f64 {
        let step = self.step(corners);
        if corners { i as f64 * step } else { (i as f64 + 0.5) * step - 0.5 }
    }
}

fn given(c: &Call<'_>) -> Option<Vec<usize>> {
    let size = c.places(1, "size");
    (!size.is_empty()).then_some(size)
}

/// The new sizes.
fn sizes(c: &Call<'_>, x: Var<'_>) -> Option<Vec<usize>> {
    let n = x.rank() - 2;
    match given(c) {
        Some(size) => Some((0..n).map(|k| *size.get(k).unwrap_or(&size[0])).collect()),
        None => {
            let factor = c.get(2, "scale_factor").numbers()?;
            Some(
                (0..n)
                    .map(|k| (x.shape()[k + 2] as f64 * factor.get(k).unwrap_or(&factor[0])).floor() as usize)
                    .collect(),
            )
        }
    }
}

/// Each axis multiplied by the matrix of these weights.
fn resized<'t>(c: &Call<'t>, x: Var<'t>, weights: impl Fn(usize, &Grid) -> Vec<(usize, f64)>) -> Option<Var<'t>> {
    let new = sizes(c, x)?;
    let kept = matches!(c.get(9, "recompute_scale_factor"), Arg::Flag(true)) || given(c).is_some();
    let factors = c.get(2, "scale_factor").numbers().filter(|_| !kept);
    Some((0..new.len()).fold(x, |x, axis| {
        let factor = factors.as_ref().map(|f| *f.get(axis).unwrap_or(&f[0]));
        let grid = Grid { axis, size: x.shape()[axis + 2], new: new[axis], factor };
        let rows: Vec<Vec<(usize, f64)>> = (0..grid.new).map(|i| weights(i, &grid)).collect();
        let entry = |i: usize, j: usize| rows[j].iter().filter(|(at, _)| *at == i).map(|(_, w)| w).sum();
        let matrix = super::moving::matrix(c, [grid.size, grid.new], entry);
        let along = axis as isize + 2;
        x.movedim(along, -1).matmul(matrix).movedim(-1, along)
    }))
}

/// The image at places from −1 to 1, from two (or one) neighbors along each axis.
fn sampled<'t>(c: &Call<'t>, x: Var<'t>, grid: Var<'t>, mode: &str, beyond: &str, corners: bool) -> Option<Var<'t>> {
    if mode == "bicubic" {
        return None;
    }
    let (shape, n) = (x.shape(), x.rank() - 2);
    let places = grid.shape()[1..=n].iter().product::<usize>();
    let (batch, channels) = (shape[0], shape[1]);
    // Along each axis: where, the neighbors, and their weights.
    let mut corners_of: Vec<(Vec<usize>, Var<'t>)> = vec![(vec![0; batch * places], c.full([batch * places], 1.0))];
    for k in 0..n {
        let size = shape[k + 2] as f64;
        let at = grid.narrow(-1, n - 1 - k, 1).flatten(0);
        let at = if corners { (at + 1.0) / 2.0 * (size - 1.0) } else { ((at + 1.0) * size - 1.0) / 2.0 };
        let at = match beyond {
            "border" => at.clamp(0.0, size - 1.0),
            "reflection" => {
                let (low, span) = if corners { (0.0, size - 1.0) } else { (-0.5, size) };
                let from = if span == 0.0 { at * 0.0 } else { (at - low).abs() };
                let turns = if span == 0.0 { from } else { (from / span).floor() };
                let rest = from - turns * span;
                let odd = turns - (turns / 2.0).floor() * 2.0;
                (odd.eq(0.0).select(rest, span - rest) + low).clamp(0.0, size - 1.0)
            }
            _ => at,
        };
        let low = at.detach().floor();
        let neighbors = match mode {
            "nearest" => vec![(at.detach().round(), c.full([batch * places], 1.0))],
            _ => vec![(low, 1.0 - (at - low)), (low + 1.0, at - low)],
        };
        corners_of = corners_of
            .into_iter()
            .flat_map(|(base, weight)| {
                neighbors
                    .iter()
                    .map(move |&(place, part)| {
                        let inside = place.ge(0.0) * place.le(size - 1.0);
                        let place = place.clamp(0.0, size - 1.0).value().to_vec();
                        let index =
                            base.iter().zip(place).map(|(&base, at)| base * size as usize + at as usize).collect();
                        (index, weight * part * inside)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    let pixels = shape[2..].iter().product::<usize>();
    let flat = x.reshape([batch, channels, pixels]);
    let out = corners_of.into_iter().map(|(index, weight)| {
        let index: Vec<usize> =
            (0..batch * channels * places).map(|i| index[i / places / channels * places + i % places]).collect();
        flat.gather(2, &index, [batch, channels, places]) * weight.reshape([batch, 1, places])
    });
    let whole: Vec<usize> = [batch, channels].into_iter().chain(grid.shape()[1..=n].iter().copied()).collect();
    Some(out.reduce(|a, b| a + b)?.reshape(&whole[..]))
}

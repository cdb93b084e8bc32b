//! Both pools and their gradients against the definition, and which maximum wins.

use super::*;
use crate::kernels::{
    program::Program,
    testing::{close, numbers},
};

fn windows() -> Vec<Window> {
    let base = Window { size: [7, 9], kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
    vec![
        base,
        Window { size: [6, 16], ..base },
        Window { size: [5, 41], ..base },
        Window { kernel: [3, 3], stride: [1, 2], padding: [1, 1], ..base },
        Window { kernel: [3, 2], stride: [3, 1], padding: [1, 0], dilation: [2, 3], ..base },
        Window { size: [30, 41], kernel: [4, 5], stride: [2, 3], padding: [2, 2], ..base },
        Window { kernel: [7, 9], ..base },
    ]
}

/// The inputs that output (oy, ox) sees, by the definition.
fn seen(w: &Window, oy: usize, ox: usize) -> Vec<usize> {
    let mut inputs = Vec::new();
    for ky in 0..w.kernel[0] {
        for kx in 0..w.kernel[1] {
            let y = (oy * w.stride[0] + ky * w.dilation[0]) as isize - w.padding[0] as isize;
            let x = (ox * w.stride[1] + kx * w.dilation[1]) as isize - w.padding[1] as isize;
            if (0..w.size[0] as isize).contains(&y) && (0..w.size[1] as isize).contains(&x) {
                inputs.push(y as usize * w.size[1] + x as usize);
            }
        }
    }
    inputs
}

/// Calls `body(plane, position, inputs)` for every window.
fn each(w: &Window, planes: usize, mut body: impl FnMut(usize, usize, Vec<usize>)) {
    for plane in 0..planes {
        for oy in 0..w.outputs(0) {
            for ox in 0..w.outputs(1) {
                body(plane, oy * w.outputs(1) + ox, seen(w, oy, ox));
            }
        }
    }
}

fn max_pool<T: Real>(w: &Window, x: &[T], out: &mut [T], indices: &mut [u32]) {
    let dims = [x.len()];
    w.max_pool(&Program::of(x, &dims).pieces(&dims), out, indices);
}

fn against_definition<T: Real>(tolerance: f64) {
    for w in windows() {
        for planes in [0, 1, 5, 70] {
            let (area, positions) = (w.area(), w.positions());
            let x = numbers::<T>(planes * area, 3);
            let dy = numbers::<T>(planes * positions, 4);
            let (mut out, mut indices) = (vec![T::of(f64::NAN); dy.len()], vec![7; dy.len()]);
            max_pool(&w, &x, &mut out, &mut indices);
            let (mut maxima, mut places, mut dx) = (vec![], vec![], vec![0.0; x.len()]);
            each(&w, planes, |plane, position, inputs| {
                let value = |i: &usize| x[plane * area + i].to_f64();
                let best = inputs.iter().copied().reduce(|a, b| if value(&b) > value(&a) { b } else { a }).unwrap();
                maxima.push(value(&best));
                places.push(best as u32);
                dx[plane * area + best] += dy[plane * positions + position].to_f64();
            });
            close(&out, &maxima, 0.0);
            assert_eq!(indices, places);
            let mut got = vec![T::of(f64::NAN); x.len()];
            w.max_pool_grad(&dy, &indices, &mut got);
            close(&got, &dx, tolerance);
            out.fill(T::ZERO);
            w.max_pool_gather(&x, &indices, &mut out);
            close(&out, &maxima, 0.0);

            for count_padding in [false, true] {
                let (mut means, mut dx) = (vec![], vec![0.0; x.len()]);
                each(&w, planes, |plane, position, inputs| {
                    let count = if count_padding { w.taps() } else { inputs.len() } as f64;
                    means.push(inputs.iter().map(|i| x[plane * area + i].to_f64()).sum::<f64>() / count);
                    for i in inputs {
                        dx[plane * area + i] += dy[plane * positions + position].to_f64() / count;
                    }
                });
                w.avg_pool(&x, count_padding, &mut out);
                close(&out, &means, tolerance);
                w.avg_pool_grad(&dy, count_padding, &mut got);
                close(&got, &dx, tolerance);
            }
        }
    }
}

#[test]
fn pools_and_their_gradients_by_the_definition() {
    against_definition::<f32>(1e-5);
    against_definition::<f64>(1e-13);
}

#[test]
fn first_of_equals_wins_and_nan_wins_over_all() {
    let w = Window { size: [2, 4], kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
    let (mut out, mut indices) = ([0.0f32; 2], [0; 2]);
    max_pool(&w, &[1.0, 2.0, 5.0, f32::NAN, 2.0, 0.0, 9.0, f32::NAN], &mut out, &mut indices);
    assert!(out[0] == 2.0 && out[1].is_nan());
    assert_eq!(indices, [1, 3]);
    max_pool(&w, &[f32::NEG_INFINITY; 8], &mut out, &mut indices);
    assert_eq!((out, indices), ([f32::NEG_INFINITY; 2], [0, 2]));
}

//! Convolutions and their gradients against loops over every multiply-add, for windows of every kind.

use super::*;
use crate::kernels::{
    program::Program,
    testing::{close, numbers},
};

fn shapes() -> Vec<Conv2d> {
    let base = Conv2d {
        n: 3,
        c_in: 1,
        h: 9,
        w: 8,
        c_out: 5,
        kh: 3,
        kw: 3,
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    vec![
        base,
        Conv2d { n: 0, ..base },
        Conv2d { c_in: 0, ..base },
        Conv2d { c_out: 0, ..base },
        Conv2d { h: 0, padding: [2, 0], ..base },
        Conv2d { n: 40, h: 28, w: 28, c_out: 20, kh: 5, kw: 5, ..base },
        Conv2d { c_in: 4, c_out: 6, groups: 2, padding: [1, 2], ..base },
        Conv2d { c_in: 3, stride: [2, 3], padding: [1, 1], kh: 2, ..base },
        Conv2d { c_in: 2, dilation: [2, 3], padding: [3, 1], kw: 2, ..base },
        Conv2d { c_in: 6, c_out: 6, groups: 6, h: 1, kh: 1, kw: 5, padding: [0, 4], ..base },
        Conv2d { c_in: 7, kh: 1, kw: 1, ..base },
        Conv2d { c_in: 6, c_out: 4, groups: 2, kh: 1, kw: 1, stride: [2, 1], ..base },
        Conv2d { c_in: 16, h: 40, w: 70, c_out: 3, kh: 7, kw: 7, padding: [3, 3], ..base },
        Conv2d { n: 5, c_in: 16, h: 12, w: 11, c_out: 9, padding: [1, 1], ..base },
        Conv2d { n: 5, c_in: 8, h: 9, w: 14, c_out: 10, ..base },
        Conv2d { c_in: 9, h: 13, w: 18, c_out: 8, kw: 1, padding: [2, 0], ..base },
        Conv2d { c_in: 16, h: 8, w: 20, c_out: 16, kw: 2, groups: 2, dilation: [1, 3], padding: [0, 1], ..base },
        Conv2d { c_in: 11, h: 33, w: 16, c_out: 24, kw: 5, padding: [1, 2], ..base },
        Conv2d { c_in: 8, h: 10, w: 12, c_out: 12, groups: 2, dilation: [1, 2], padding: [1, 2], ..base },
        Conv2d { n: 70, c_in: 16, h: 9, w: 13, c_out: 32, padding: [1, 1], ..base },
        Conv2d { n: 65, c_in: 64, h: 10, w: 8, c_out: 64, groups: 2, padding: [0, 2], ..base },
        Conv2d { n: 64, c_in: 32, h: 6, w: 18, c_out: 48, padding: [2, 0], ..base },
        Conv2d { c_in: 3, h: 12, w: 12, c_out: 4, padding: [3, 0], ..base },
        Conv2d { h: 2, w: 2, kh: 3, kw: 1, padding: [1, 0], ..base },
        Conv2d { c_in: 8, h: 20, w: 22, c_out: 9, stride: [2, 2], padding: [1, 1], ..base },
        Conv2d { c_in: 18, h: 21, w: 23, c_out: 10, kh: 4, kw: 2, stride: [2, 1], padding: [1, 0], groups: 2, ..base },
        Conv2d { c_in: 9, h: 16, w: 66, stride: [1, 2], padding: [5, 4], ..base },
        Conv2d { c_in: 8, h: 31, w: 40, kh: 5, kw: 4, stride: [3, 2], padding: [2, 3], ..base },
        Conv2d { c_in: 11, h: 21, w: 39, c_out: 2, kh: 2, kw: 4, stride: [2, 3], ..base },
        Conv2d { n: 17, c_in: 12, h: 36, w: 35, c_out: 4, kh: 7, kw: 7, stride: [2, 2], padding: [3, 3], ..base },
        Conv2d { c_in: 4, h: 30, w: 64, stride: [2, 4], dilation: [3, 6], padding: [4, 9], ..base },
        Conv2d { c_in: 8, h: 24, w: 24, c_out: 66, stride: [2, 2], padding: [0, 1], ..base },
    ]
}

/// Calls `body(x, w, y)` with the places of the two factors and the sum, for every multiply-add of the definition.
fn each(conv: &Conv2d, mut body: impl FnMut(usize, usize, usize)) {
    let (oh, ow) = (conv.out_h(), conv.out_w());
    let (channels, filters) = (conv.c_in / conv.groups, conv.c_out / conv.groups);
    for i in 0..conv.n {
        for o in 0..conv.c_out {
            for c in 0..channels {
                let channel = i * conv.c_in + o / filters * channels + c;
                for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                    for (ky, kx) in (0..conv.kh).flat_map(|y| (0..conv.kw).map(move |x| (y, x))) {
                        let y = oy * conv.stride[0] + ky * conv.dilation[0];
                        let x = ox * conv.stride[1] + kx * conv.dilation[1];
                        let (Some(y), Some(x)) = (y.checked_sub(conv.padding[0]), x.checked_sub(conv.padding[1]))
                        else {
                            continue;
                        };
                        if y < conv.h && x < conv.w {
                            let tap = ((o * channels + c) * conv.kh + ky) * conv.kw + kx;
                            body((channel * conv.h + y) * conv.w + x, tap, ((i * conv.c_out + o) * oh + oy) * ow + ox);
                        }
                    }
                }
            }
        }
    }
}

fn against_definition<T: Real>(tolerance: f64) {
    for conv in shapes() {
        let x = numbers::<T>(conv.n * conv.c_in * conv.h * conv.w, 1);
        let w = numbers::<T>(conv.c_out * conv.c_in / conv.groups * conv.kh * conv.kw, 2);
        let dy = numbers::<T>(conv.n * conv.c_out * conv.out_h() * conv.out_w(), 3);
        let bias = numbers::<T>(conv.c_out, 4);
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        each(&conv, |i, j, k| {
            y[k] += x[i].to_f64() * w[j].to_f64();
            dx[i] += dy[k].to_f64() * w[j].to_f64();
            dw[j] += x[i].to_f64() * dy[k].to_f64();
        });
        let dims = [[x.len()], [dy.len()]];
        let [image, upstream] = [Program::of(&x, &dims[0]), Program::of(&dy, &dims[1])];
        let [image, upstream] = [image.pieces(&dims[0]), upstream.pieces(&dims[1])];
        let mut got = vec![T::of(f64::NAN); y.len()];
        conv.forward(&image, &w, None, &mut got);
        close(&got, &y, tolerance);
        let positions = conv.out_h() * conv.out_w();
        y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / positions % conv.c_out].to_f64());
        conv.forward(&image, &w, Some(&bias), &mut got);
        close(&got, &y, tolerance);
        let mut got = vec![T::of(f64::NAN); x.len()];
        conv.grad_input(&w, &dy, &mut got);
        close(&got, &dx, tolerance);
        let mut got = vec![T::of(f64::NAN); w.len()];
        conv.grad_weight(&x, &dy, &mut got);
        close(&got, &dw, tolerance);
        let (mut db, mut sums) = (vec![T::of(f64::NAN); conv.c_out], vec![0.0; conv.c_out]);
        dy.iter().enumerate().for_each(|(i, dy)| sums[i / positions % conv.c_out] += dy.to_f64());
        if conv.in_one_pass() {
            for wanted in [0, x.len()] {
                let mut input = vec![T::of(f64::NAN); wanted];
                conv.backward([&image, &upstream], &w, &mut input, &mut got, Some(&mut db));
                close(&got, &dw, tolerance);
                close(&db, &sums, tolerance);
                close(&input, &dx[..wanted], tolerance);
            }
        }
    }
}

#[test]
fn convolutions_and_their_gradients_by_the_definition() {
    against_definition::<f32>(1e-4);
    against_definition::<f64>(1e-12);
}

#[test]
fn unfolded_columns_times_weights_are_the_convolution_and_fold_is_the_adjoint() {
    for conv in shapes().into_iter().filter(|conv| conv.groups == 1) {
        let (window, n) = (conv.window(), conv.n);
        let x = numbers::<f64>(n * conv.c_in * window.area(), 1);
        let w = numbers::<f64>(conv.c_out * conv.c_in * window.taps(), 2);
        let rows = conv.c_in * window.taps();
        let mut columns = vec![f64::NAN; n * rows * window.positions()];
        window.unfold(&x, n, &mut columns);
        let mut want = vec![0.0; n * conv.c_out * window.positions()];
        let dims = [x.len()];
        conv.forward(&Program::of(&x, &dims).pieces(&dims), &w, None, &mut want);
        let offsets: Vec<_> = (0..n).map(|i| [0, i * rows * window.positions(), 0]).collect();
        let product = crate::kernels::matmul::Product {
            m: conv.c_out,
            n: window.positions(),
            k: rows,
            ta: false,
            tb: false,
            scale: 1.0,
        };
        let mut got = vec![f64::NAN; want.len()];
        product.batched(&mut got, None, &w, &columns, &offsets);
        close(&got, &want, 1e-13);

        let upstream = numbers::<f64>(columns.len(), 3);
        let mut folded = vec![f64::NAN; x.len()];
        window.fold(&upstream, n, &mut folded);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        close(&[dot(&folded, &x)], &[dot(&upstream, &columns)], 1e-12);
    }
}

/// With many images, 16 products in place of 36 have no larger errors.
#[test]
fn weight_gradients_from_squares_are_as_accurate_as_all_products() {
    for (n, channels, filters, size) in [(64, 16, 32, 16), (80, 32, 32, 14), (63, 16, 32, 16)] {
        let conv = Conv2d { n, c_in: channels, h: size, w: size, c_out: filters, padding: [1, 1], ..shapes()[0] };
        let x = numbers::<f32>(conv.n * channels * size * size, 1);
        let dy = numbers::<f32>(conv.n * filters * size * size, 2);
        let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let mut want = vec![f64::NAN; filters * channels * 9];
        conv.grad_weight(&double(&x), &double(&dy), &mut want);
        let error = |got: &[f32]| {
            let squares = got.iter().zip(&want).map(|(&got, want)| (f64::from(got) - want).powi(2));
            (squares.sum::<f64>() / want.len() as f64).sqrt()
        };
        let mut got = vec![f32::NAN; want.len()];
        conv.grad_weight(&x, &dy, &mut got);
        // Fifteen filters at a time are too few for squares.
        let mut direct = Vec::new();
        let plane = size * size;
        for first in (0..filters).step_by(15) {
            let few = Conv2d { c_out: 15.min(filters - first), ..conv };
            let part: Vec<f32> = dy
                .chunks_exact(filters * plane)
                .flat_map(|image| &image[first * plane..][..few.c_out * plane])
                .copied()
                .collect();
            let mut dw = vec![f32::NAN; few.c_out * channels * 9];
            few.grad_weight(&x, &part, &mut dw);
            direct.extend(dw);
        }
        assert_eq!(got != direct, n >= 64, "{conv:?}");
        assert!(error(&got) <= 1.1 * error(&direct), "{} {} {conv:?}", error(&got), error(&direct));
    }
}

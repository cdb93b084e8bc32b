//! Convolution of volumes, what an orthonormal basis leaves out, off-diagonal matrices and the cardinal sine.

use std::f64::consts::PI;

use wengert::{DType, Tape, Tensor, Var, functional::Conv3dSpec};

use crate::{close, fails, panics};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + seed) * 1.7).sin())
}

/// The definition: a sum over the channels of a group and over all taps that lie inside.
fn conv3d(x: &Tensor, w: &Tensor, spec: Conv3dSpec) -> Vec<f64> {
    let (x_dims, w_dims) = (x.shape().dims().to_vec(), w.shape().dims().to_vec());
    let size = |k: usize| {
        (x_dims[k + 2] + 2 * spec.padding[k] - spec.dilation[k] * (w_dims[k + 2] - 1) - 1) / spec.stride[k] + 1
    };
    let mut out = Vec::new();
    for i in 0..x_dims[0] * w_dims[0] * size(0) * size(1) * size(2) {
        let (n, o) = (i / (w_dims[0] * size(0) * size(1) * size(2)), i / (size(0) * size(1) * size(2)) % w_dims[0]);
        let at = [i / (size(1) * size(2)) % size(0), i / size(2) % size(1), i % size(2)];
        let mut sum = 0.0;
        for tap in 0..w_dims[1..].iter().product::<usize>() {
            let [c, a, b, d] = [
                tap / (w_dims[2] * w_dims[3] * w_dims[4]),
                tap / (w_dims[3] * w_dims[4]) % w_dims[2],
                tap / w_dims[4] % w_dims[3],
                tap % w_dims[4],
            ];
            let place =
                |k: usize, t: usize| (at[k] * spec.stride[k] + t * spec.dilation[k]).checked_sub(spec.padding[k]);
            let inside = |k: usize, t: usize| place(k, t).filter(|&p| p < x_dims[k + 2]);
            if let (Some(z), Some(y), Some(column)) = (inside(0, a), inside(1, b), inside(2, d)) {
                let channel = o / (w_dims[0] / spec.groups) * w_dims[1] + c;
                sum += w.at(&[o, c, a, b, d]) * x.at(&[n, channel, z, y, column]);
            }
        }
        out.push(sum);
    }
    out
}

#[test]
fn convolution_of_volumes_is_the_sum_over_all_taps() {
    let default = Conv3dSpec::default();
    let cases = [
        (default, [1, 2, 3, 4, 5], [3, 2, 2, 3, 1]),
        (default.padding(1).stride(2), [2, 2, 3, 4, 5], [2, 2, 3, 2, 3]),
        (default.dilation(2).padding(2).groups(2), [2, 4, 3, 3, 2], [2, 2, 2, 1, 2]),
        (
            Conv3dSpec { stride: [1, 2, 3], padding: [2, 0, 1], dilation: [3, 1, 2], groups: 2 },
            [1, 2, 4, 3, 5],
            [4, 1, 2, 2, 3],
        ),
    ];
    for (spec, x, w) in cases {
        let (x, w) = (numbers(&x, 0.0), numbers(&w, 0.5));
        let tape = Tape::f64();
        let y = tape.leaf(&x).conv3d(tape.leaf(&w), None, spec);
        close(y, &conv3d(&x, &w, spec));
        let bias = numbers(&[w.shape()[0]], 0.2);
        let biased = tape.leaf(&x).conv3d(tape.leaf(&w), Some(tape.leaf(&bias)), spec);
        let per = y.shape()[2] * y.shape()[3] * y.shape()[4];
        let added: Vec<f64> =
            y.value().to_vec().iter().enumerate().map(|(i, y)| y + bias.to_vec()[i / per % bias.numel()]).collect();
        close(biased, &added);
    }
}

#[test]
fn volumes_and_kernels_that_do_not_match_are_refused() {
    let tape = Tape::f64();
    let (x, w) = (tape.leaf(numbers(&[1, 2, 2, 3, 3], 0.0)), tape.leaf(numbers(&[2, 2, 3, 2, 2], 0.0)));
    let default = Conv3dSpec::default();
    let shapes = "but got [1, 2, 2, 3, 3] and [2, 2, 3, 2, 2]";
    let need = format!("conv3d: the 3 slices of the kernel must fit into 2 padded by 0, {shapes}");
    fails(&need, x.try_conv3d(w, None, default));
    panics(&need, || _ = x.conv3d(w, None, default));
    let spread = format!("conv3d: the 3 slices of the kernel dilated by 2 must fit into 2 padded by 1, {shapes}");
    fails(&spread, x.try_conv3d(w, None, default.dilation(2).padding(1)));
    let zero = format!("conv3d: stride [0, 0, 0], dilation [1, 1, 1] and groups 1 must be at least 1, {shapes}");
    fails(&zero, x.try_conv3d(w, None, default.stride(0)));
    let channels = format!(
        "conv3d: the 2 channels (axis 1) of the volumes must be the 2 channels (axis 1) of the kernels times 2 groups, {shapes}"
    );
    fails(&channels, x.try_conv3d(w, None, default.groups(2)));
    let one = "conv3d: the 1 channel (axis 1) of the volumes must be the 2 channels (axis 1) of the kernels times 1 group, but got";
    let alone = x.narrow(1, 0, 1);
    fails(&format!("{one} {} and {}", alone.shape(), w.shape()), alone.try_conv3d(w, None, default));
    let need = "conv3d: volumes [n, c, d, h, w] and kernels [c_out, c_in/groups, kd, kh, kw] are needed, but got [2, 3] and [2, 2, 3, 2, 2]";
    fails(need, tape.leaf(numbers(&[2, 3], 0.0)).try_conv3d(w, None, default));
    // Sizes that no memory holds, in depth and in the plane.
    for padding in [1 << 40, 1 << 61, 1 << 63, usize::MAX] {
        for axis in 0..3 {
            let mut spec = default;
            spec.padding[axis] = padding;
            assert!(x.try_conv3d(w, None, spec).is_err(), "{spec:?}");
            spec = default.padding(1);
            spec.dilation[axis] = padding;
            assert!(x.try_conv3d(w, None, spec).is_err(), "{spec:?}");
        }
    }
}

#[test]
fn a_basis_with_its_complement_is_orthogonal_and_what_it_spans_moves_against_the_basis() {
    for shape in [[4, 1], [5, 3], [3, 3]] {
        let tape = Tape::f64();
        let (q, _) = tape.leaf(numbers(&shape, 0.3)).qr();
        let rest = q.orthogonal_complement();
        assert_eq!(rest.shape().dims(), [shape[0], shape[0] - shape[1]]);
        let whole = Var::concat(&[q, rest], 1);
        let unit = Tensor::eye(shape[0], DType::F64);
        assert!((whole.transpose(0, 1).matmul(whole) - unit).norm().item() < 1e-13);
        // P = I − Q Qᵀ, however it is computed: of ⟨C, P⟩ both ways have one gradient.
        let c = tape.constant(numbers(&[shape[0], shape[0]], 0.9));
        let by_rest = (rest.matmul(rest.transpose(0, 1)) * c).sum();
        let by_basis = -(q.matmul(q.transpose(0, 1)) * c).sum();
        let (a, b) = (tape.grad(by_rest, &[q]).unwrap()[0], tape.grad(by_basis, &[q]).unwrap()[0]);
        // They agree along all moves that keep the columns orthonormal: after projection by P.
        let p = rest.matmul(rest.transpose(0, 1));
        assert!((p.matmul(a) - p.matmul(b)).norm().item() < 1e-12);
    }
    let tape = Tape::f64();
    let wide = tape.leaf([[1.0, 0.0]]);
    let need = "orthogonal_complement: no more columns than rows are needed, but got [1, 2]";
    fails(need, wide.try_orthogonal_complement());
    let need = "orthogonal_complement: matrices [.., m, k] are needed, but got [2]";
    fails(need, tape.leaf([1.0, 0.0]).try_orthogonal_complement());
}

#[test]
fn a_vector_stands_on_any_diagonal() {
    let tape = Tape::f64();
    let d = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    for offset in -3..=3 {
        let y = d.diag_embed_at(offset);
        let n = 2 + offset.unsigned_abs();
        assert_eq!(y.shape().dims(), [2, n, n]);
        close(y.diagonal_at(offset), &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(y.sum().item(), 10.0);
    }
    let need = "diag_embed_at: vectors [.., n] are needed, but got []";
    fails(need, tape.leaf(1.0).try_diag_embed_at(1));
    assert!(d.try_diag_embed_at(isize::MAX).is_err() && d.try_diag_embed_at(isize::MIN).is_err());
}

#[test]
fn the_cardinal_sine_has_all_derivatives_at_0() {
    let tape = Tape::f64();
    let x = tape.leaf([0.0, 1e-9, 0.1, 0.15915, 0.15916, 0.5, -2.5]);
    let naive = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    close(x.sinc(), &x.value().to_vec().into_iter().map(naive).collect::<Vec<_>>());
    // sinc x = 1 − (πx)²/6 + (πx)⁴/120 − ..: the second derivative at 0 is −π²/3, the fourth π⁴/5.
    let zero = tape.leaf(0.0);
    let mut derivatives = vec![zero.sinc()];
    for order in 1..=4 {
        derivatives.push(tape.grad(derivatives[order - 1], &[zero]).unwrap()[0]);
    }
    let at: Vec<f64> = derivatives.iter().map(|d| d.item()).collect();
    let want = [1.0, 0.0, -PI * PI / 3.0, 0.0, PI.powi(4) / 5.0];
    assert!(at.iter().zip(want).all(|(a, w)| (a - w).abs() < 1e-12 * w.abs().max(1.0)), "{at:?}");
}

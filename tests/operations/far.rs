//! Statistics in single precision of numbers that lie far from 0 and near each other, against those of the same numbers in
//! double precision. A mean that is rounded to single precision is wrong by a hundredth of their spread.

use wengert::{DType, Tape, Tensor, Var};

use super::numbers;

/// Numbers around 100000, as single precision has them.
fn far(shape: &[usize], seed: f64) -> Tensor {
    let x = numbers(shape, seed).to_vec().into_iter().map(|x| f64::from((1e5 + x) as f32));
    Tensor::from_vec(x.collect::<Vec<f64>>(), shape).unwrap()
}

/// The largest distance between two tensors, over the largest number of the second.
fn error(got: &Tensor, want: &Tensor) -> f64 {
    let (got, want) = (got.to_vec(), want.to_vec());
    let largest = want.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    got.iter().zip(&want).fold(0.0, |error: f64, (got, want)| error.max((got - want).abs())) / largest
}

#[test]
fn variances_far_from_0_keep_their_digits() {
    for axes in [&[0][..], &[1], &[2], &[3], &[0, 2], &[1, 3], &[0, 1, 3], &[1, 2, 3], &[]] {
        for shape in [[3, 40, 5, 9], [20, 3, 130, 2], [2, 1, 3, 1000], [70, 1, 1, 64]] {
            let x = far(&shape, 0.3);
            let both = [DType::F32, DType::F64].map(|dtype| {
                let tape = Tape::with_dtype(dtype);
                let x = tape.leaf(&x);
                let moments = [x.var_axes(axes, 0, false), x.std_axes(axes, 0, true)];
                let dx = |v: Var| v.vjp(&numbers(&v.shape(), 0.6)).unwrap().wrt(x).unwrap().clone();
                [moments[0].value(), moments[1].value(), dx(moments[0])]
            });
            for (got, want) in both[0].iter().zip(&both[1]) {
                // A variance of one number is 0.
                let exact = want.to_vec().iter().all(|&x| x == 0.0);
                let error = if exact { got.to_vec().iter().sum() } else { error(got, want) };
                assert!(error < 1e-6, "{axes:?} of {shape:?}: {error:.1e}");
            }
        }
    }
}

#[test]
fn the_variance_of_a_batch_far_from_0_keeps_its_digits() {
    for shape in [&[300, 5][..], &[6, 3, 20, 20]] {
        let (x, channels) = (far(shape, 0.7), shape[1]);
        let moments = [DType::F32, DType::F64].map(|dtype| {
            let tape = Tape::with_dtype(dtype);
            let [gamma, beta] = [(); 2].map(|()| tape.constant(Tensor::ones([channels], dtype)));
            tape.constant(&x).batch_norm(gamma, beta, 1e-5).batch_moments().unwrap()
        });
        let error = error(&moments[0].1, &moments[1].1);
        assert!(error < 1e-6, "{shape:?}: {error:.1e}");
    }
}

#[test]
fn numbers_far_from_0_are_normalized_to_all_digits_with_their_gradients() {
    type Norm = for<'t> fn(&[Var<'t>]) -> Var<'t>;
    let norms: [(&[usize], usize, Norm); 7] = [
        (&[50, 12], 12, |x| x[0].layer_norm(x[1], x[2], 1e-5)),
        (&[9, 300], 300, |x| x[0].layer_norm(x[1], x[2], 1e-5)),
        (&[4, 6, 50], 6, |x| x[0].group_norm(2, x[1], x[2], 1e-5)),
        (&[40, 6], 6, |x| x[0].group_norm(2, x[1], x[2], 1e-5)),
        (&[40, 5], 5, |x| x[0].batch_norm(x[1], x[2], 1e-5)),
        (&[50, 90], 90, |x| x[0].batch_norm(x[1], x[2], 1e-5)),
        (&[6, 3, 16, 16], 3, |x| x[0].batch_norm(x[1], x[2], 1e-5)),
    ];
    for (shape, channels, norm) in norms {
        let inputs = [far(shape, 0.1), numbers(&[channels], 0.2), numbers(&[channels], 0.3)];
        let upstream = numbers(shape, 0.4);
        let both = [DType::F32, DType::F64].map(|dtype| {
            let tape = Tape::with_dtype(dtype);
            let x = inputs.each_ref().map(|x| tape.leaf(x));
            let z = norm(&x);
            let gradients = z.vjp(&upstream).unwrap();
            let loss = (z * tape.constant(&upstream)).sum();
            let recorded = tape.grad(loss, &x).unwrap().into_iter().map(|dx| dx.value()).collect::<Vec<_>>();
            let plain = x.iter().map(|&x| gradients.wrt(x).unwrap().clone()).collect::<Vec<_>>();
            [vec![z.value()], plain, recorded].concat()
        });
        for (k, (got, want)) in both[0].iter().zip(&both[1]).enumerate() {
            let error = error(got, want);
            assert!(error < 3e-6, "{shape:?}, {k}: {error:.1e}");
        }
    }
}

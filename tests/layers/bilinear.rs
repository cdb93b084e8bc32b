//! Bilinear pooling and what is made of its matrices, against loops over numbers.

use wengert::{
    DType, Tape, Tensor,
    nn::{BilinearPooling, L2Normalize, Layer, MatrixSqrt, SignedSqrt, UpperTriangle, improved, isqrt_cov},
};

use crate::{assert_computes, message, names, numbers, scattered};

/// The mean over the places of x xᵀ, plus ε I, of images `[n, c, h, w]`, by loops.
fn pooled(x: &Tensor, epsilon: f64, centered: bool) -> Vec<f64> {
    let [n, c, h, w] = x.shape()[..] else { panic!("four axes") };
    let places = h * w;
    let mut all = Vec::new();
    for image in x.to_vec().chunks(c * places) {
        let mean = |i: usize| image[i * places..][..places].iter().sum::<f64>() / places as f64;
        let at = |i: usize, p: usize| image[i * places + p] - if centered { mean(i) } else { 0.0 };
        for (i, j) in (0..c * c).map(|k| (k / c, k % c)) {
            let sum: f64 = (0..places).map(|p| at(i, p) * at(j, p)).sum();
            all.push(sum / places as f64 + if i == j { epsilon } else { 0.0 });
        }
    }
    assert_eq!(all.len(), n * c * c);
    all
}

/// The upper triangle of each of `matrices`, row by row.
fn upper(matrices: &[f64], c: usize) -> Vec<f64> {
    let each = |m: &[f64]| (0..c * c).filter(|k| k % c >= k / c).map(|k| m[k]).collect::<Vec<_>>();
    matrices.chunks(c * c).flat_map(each).collect()
}

/// Signed square roots, then each run of `length` divided by its length.
fn normalized(x: &[f64], length: usize) -> Vec<f64> {
    let signed: Vec<f64> = x.iter().map(|x| x.signum() * x.abs().sqrt()).collect();
    let each = |run: &[f64]| {
        let norm = run.iter().map(|x| x * x).sum::<f64>().sqrt();
        run.iter().map(|x| x / norm).collect::<Vec<_>>()
    };
    signed.chunks(length).flat_map(each).collect()
}

#[test]
fn bilinear_pooling_is_the_mean_of_products_of_channels_in_each_image() {
    let x = numbers(&[2, 3, 2, 4], 0.0);
    let pool = BilinearPooling::new();
    assert_computes(&pool, &x, &[2, 3, 3], &pooled(&x, 1e-5, false));
    assert_computes(&pool.epsilon(0.0).unwrap(), &x, &[2, 3, 3], &pooled(&x, 0.0, false));
    assert_computes(&pool.epsilon(0.5).unwrap().centered(), &x, &[2, 3, 3], &pooled(&x, 0.5, true));
    assert!(names(&pool.tensors()).is_empty());
}

#[test]
fn an_upper_triangle_is_read_row_by_row() {
    let x = numbers(&[2, 4, 4], 0.0);
    assert_computes(&UpperTriangle, &x, &[2, 10], &upper(&x.to_vec(), 4));
    assert_computes(&UpperTriangle, &numbers(&[1, 1], 0.0), &[1], &numbers(&[1, 1], 0.0).to_vec());
    let deep = numbers(&[2, 3, 2, 2], 0.0);
    assert_computes(&UpperTriangle, &deep, &[2, 3, 3], &upper(&deep.to_vec(), 2));
    let tape = Tape::f64();
    let [long, short] = [&[2, 3][..], &[3]].map(|shape| tape.constant(numbers(shape, 0.0)));
    assert_eq!(
        message(|| _ = UpperTriangle.forward(long)),
        "upper triangle: square matrices [.., c, c] are needed, but got [2, 3]"
    );
    assert_eq!(
        message(|| _ = UpperTriangle.forward(short)),
        "upper triangle: square matrices [.., c, c] are needed, but got [3]"
    );
}

#[test]
fn signs_stay_and_every_observation_has_length_one() {
    let x = numbers(&[3, 2, 4], 0.0);
    let signed: Vec<f64> = x.to_vec().iter().map(|x| x.signum() * x.abs().sqrt()).collect();
    assert_computes(&SignedSqrt, &x, &[3, 2, 4], &signed);
    let unit: Vec<f64> = x
        .to_vec()
        .chunks(8)
        .flat_map(|run| {
            let norm = run.iter().map(|x| x * x).sum::<f64>().sqrt();
            run.iter().map(move |x| x / norm)
        })
        .collect();
    assert_computes(&L2Normalize, &x, &[3, 2, 4], &unit);
    assert_computes(
        &L2Normalize,
        &numbers(&[2], 0.0),
        &[2],
        &[1.0, 1.0].map(|x| x * numbers(&[2], 0.0).at(&[0]).signum()),
    );
}

#[test]
fn zeros_have_a_descriptor_of_zeros_and_no_gradient() {
    let layers: [&dyn Layer; 2] = [&SignedSqrt, &L2Normalize];
    for layer in layers {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::zeros([2, 3], DType::F32));
        let y = layer.forward(x);
        assert_eq!(y.value().to_vec(), [0.0; 6], "{}", layer.type_name());
        assert_eq!(y.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [0.0; 6], "{}", layer.type_name());
    }
    // An image of zeros beside one that is none.
    for root in ["eigh", "lyapunov", "newton:5", "newton-trace:5"] {
        let net = improved(BilinearPooling::new().epsilon(0.0).unwrap(), root.parse().unwrap());
        let tape = Tape::new();
        let image = numbers(&[1, 3, 2, 4], 0.0).to_vec();
        let x = tape.leaf(Tensor::from_fn([2, 3, 2, 4], DType::F32, |i| if i < 24 { 0.0 } else { image[i - 24] }));
        let y = net.forward(x);
        let (y, dx) = (y.value().to_vec(), (y * y).sum_axes(&[1], false).sum().backward().unwrap());
        let dx = dx.wrt(x).unwrap().to_vec();
        assert_eq!((&y[..6], &dx[..24]), (&[0.0; 6][..], &[0.0; 24][..]), "{root}");
        assert!((y[6..].iter().map(|y| y * y).sum::<f64>() - 1.0).abs() < 1e-6 && dx.iter().all(|d| d.is_finite()));
    }
}

#[test]
fn the_descriptors_are_their_parts_one_after_another() {
    let x = scattered(&[2, 3, 4, 5], 2);
    let root = |matrices: Vec<f64>| {
        let tape = Tape::f64();
        tape.constant(Tensor::from_vec(matrices, [2, 3, 3]).unwrap()).symmetric_sqrt().value().to_vec()
    };
    let want = normalized(&upper(&root(pooled(&x, 1e-5, false)), 3), 6);
    assert_computes(&improved(BilinearPooling::new(), MatrixSqrt::Lyapunov), &x, &[2, 6], &want);
    let want = upper(&root(pooled(&x, 0.0, true)), 3);
    assert_computes(&isqrt_cov(25).unwrap(), &x, &[2, 6], &want);
    let paths: Vec<String> =
        improved(BilinearPooling::new(), MatrixSqrt::Eigh).children().iter().map(|c| c.0.to_owned()).collect();
    assert_eq!(paths, ["pool", "root", "triangle", "signed", "normalize"]);
}

#[test]
fn settings_and_shapes_that_cannot_work_are_refused() {
    let refused = |error: wengert::Error| error.to_string();
    for epsilon in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            refused(BilinearPooling::new().epsilon(epsilon).unwrap_err()),
            format!("bilinear pooling: epsilon = {epsilon}, but it must be not negative and finite")
        );
    }
    assert_eq!(refused(isqrt_cov(0).err().unwrap()), "Newton-Schulz: steps = 0, but it must be from 1 to 100");
    let tape = Tape::f64();
    for (pool, shape) in [
        (BilinearPooling::new(), &[2, 3][..]),
        (BilinearPooling::new().centered(), &[2, 3]),
        (BilinearPooling::new(), &[2, 3, 0, 4]),
    ] {
        let x = tape.constant(Tensor::zeros(shape, DType::F64));
        assert_eq!(
            message(|| _ = pool.forward(x)),
            format!("bilinear_pool: images [n, c, h, w] of at least one pixel are needed, but got {:?}", shape)
        );
    }
}

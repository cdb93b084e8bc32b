//! The three square roots of a matrix against each other, against double precision, and at the edge of what has a root.

use wengert::{
    DType, Rule, Tape, Tensor,
    nn::{BilinearPooling, Layer, MatrixSqrt},
};

use crate::{message, scattered};

fn root(name: &str) -> MatrixSqrt {
    name.parse().unwrap()
}

/// Positive definite matrices `[batch, n, n]` with eigenvalues of at least `least`.
fn positive(batch: usize, n: usize, least: f64) -> Tensor {
    let tape = Tape::f64();
    let x = tape.constant(scattered(&[batch, n, n], 3));
    let eye = tape.constant(Tensor::eye(n, DType::F64));
    (x.matmul(x.transpose(-2, -1)) / n as f64 + eye * least).value()
}

/// The root, and the gradient of the sum of its products with an upstream gradient that is not symmetric.
fn both(root: MatrixSqrt, a: &Tensor, dtype: DType, rule: Rule) -> [Vec<f64>; 2] {
    let tape = Tape::with_dtype(dtype);
    tape.set_rule(rule);
    let a = tape.leaf(a);
    let z = root.forward(a);
    let upstream = tape.constant(scattered(&a.shape(), 5));
    let gradients = (z * upstream).sum().backward().unwrap();
    [z.value().to_vec(), gradients.wrt(a).unwrap().to_vec()]
}

/// The length of the difference, relative to that of `want`.
fn distance(got: &[f64], want: &[f64]) -> f64 {
    let length = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    length(&mut got.iter().zip(want).map(|(g, w)| g - w)) / length(&mut want.iter().copied())
}

#[test]
fn the_three_roots_and_their_gradients_agree_in_double_precision() {
    for (batch, n) in [(1, 1), (3, 2), (2, 5), (2, 24)] {
        let a = positive(batch, n, 0.5);
        let [z, da] = both(root("lyapunov"), &a, DType::F64, Rule::Manual);
        let tape = Tape::f64();
        let square = tape.constant(Tensor::from_vec(z.clone(), a.shape()).unwrap());
        assert!(distance(&square.matmul(square).value().to_vec(), &a.to_vec()) < 1e-13);
        for name in ["eigh", "newton:20", "newton-trace:20"] {
            for rule in [Rule::Manual, Rule::Tape] {
                let [z2, da2] = both(root(name), &a, DType::F64, rule);
                assert!(distance(&z2, &z) < 1e-8, "the root of size {n} by {name}: {}", distance(&z2, &z));
                assert!(distance(&da2, &da) < 1e-8, "size {n}, {name}, {rule}: {}", distance(&da2, &da));
            }
        }
    }
}

/// Before it has converged, too: the two rules are one derivative.
#[test]
fn the_recursion_by_hand_is_the_derivative_of_so_many_steps() {
    let a = positive(2, 4, 0.1);
    for (steps, norm) in (1..6).flat_map(|steps| [(steps, "newton"), (steps, "newton-trace")]) {
        let root = root(&format!("{norm}:{steps}"));
        let [manual, tape] = [Rule::Manual, Rule::Tape].map(|rule| both(root, &a, DType::F64, rule));
        assert_eq!(manual[0], tape[0]);
        assert!(distance(&manual[1], &tape[1]) < 1e-13, "{root}: {}", distance(&manual[1], &tape[1]));
    }
}

/// A diagonal matrix: each number goes its own way, a negative one too.
#[test]
fn an_eigenvalue_goes_its_own_way_through_the_steps() {
    let values = [3.0, 0.5, 1e-3, 0.0];
    for (norm, scale) in [("newton", values.iter().map(|v| v * v).sum::<f64>().sqrt()), ("newton-trace", 3.501)] {
        for steps in [1, 2, 5] {
            let a = Tensor::from_fn([4, 4], DType::F64, |i| if i % 5 == 0 { values[i / 5] } else { 0.0 });
            let [z, _] = both(root(&format!("{norm}:{steps}")), &a, DType::F64, Rule::Manual);
            for (i, value) in values.iter().enumerate() {
                let (mut y, mut q) = (value / scale, 1.0);
                for _ in 0..steps {
                    let t = (3.0 - q * y) / 2.0;
                    (y, q) = (y * t, t * q);
                }
                assert!((z[i * 5] - y * scale.sqrt()).abs() < 1e-14, "{norm}:{steps}: {value} becomes {}", z[i * 5]);
            }
        }
    }
    // Eigenvalues 3 and −1 on a diagonal of ones: the steps see only their squares, and do not converge.
    let a = Tensor::from([[1.0, 2.0], [2.0, 1.0]]);
    let [z, _] = both(root("newton:5"), &a, DType::F64, Rule::Manual);
    let (mut y, mut q) = (-1.0 / 10f64.sqrt(), 1.0);
    for _ in 0..5 {
        let t = (3.0 - q * y) / 2.0;
        (y, q) = (y * t, t * q);
    }
    let difference = z[0] - z[1];
    assert!((difference / (y * 10f64.powf(0.25)) - 1.0).abs() < 1e-10 && y < -1e5, "{difference}, {y}");
}

#[test]
fn with_nearly_equal_eigenvalues_lyapunov_keeps_its_digits_and_the_derivative_of_eigenvectors_does_not() {
    let noise = scattered(&[4, 8, 8], 1).to_vec();
    let at = |b: usize, i: usize, j: usize| noise[b * 64 + i * 8 + j] + noise[b * 64 + j * 8 + i];
    // Rounded to single precision first, so that both precisions see the same matrices.
    let a = Tensor::from_fn([4, 8, 8], DType::F32, |k| {
        let (b, i, j) = (k / 64, k / 8 % 8, k % 8);
        1e-6 * at(b, i, j) + if i == j { 0.5 } else { 0.0 }
    });
    let want = both(root("lyapunov"), &a, DType::F64, Rule::Manual);
    let [z, da] = both(root("lyapunov"), &a, DType::F32, Rule::Manual);
    assert!(distance(&z, &want[0]) < 1e-4 && distance(&da, &want[1]) < 1e-4, "{}", distance(&da, &want[1]));
    let [_, da] = both(root("newton:20"), &a, DType::F32, Rule::Manual);
    assert!(distance(&da, &want[1]) < 1e-4, "{}", distance(&da, &want[1]));
    let [z, da] = both(root("eigh"), &a, DType::F32, Rule::Tape);
    let error = distance(&da, &want[1]);
    assert!(
        distance(&z, &want[0]) < 1e-4 && (error.is_nan() || error > 1e-3),
        "the plain derivative is off by {error}"
    );
}

/// A = I: its eigenvalues are equal to the last bit, and dA = dZ/2.
#[test]
fn with_equal_eigenvalues_the_derivative_of_eigenvectors_lacks_what_turns_them_into_each_other() {
    let a = Tensor::eye(3, DType::F64);
    let upstream = scattered(&[3, 3], 5).to_vec();
    let half = |i: usize, j: usize| (upstream[i * 3 + j] + upstream[j * 3 + i]) / 4.0;
    let want: Vec<f64> = (0..9).map(|k| half(k / 3, k % 3)).collect();
    for name in ["lyapunov", "newton:20"] {
        assert!(distance(&both(root(name), &a, DType::F64, Rule::Manual)[1], &want) < 1e-12, "{name}");
    }
    let [_, da] = both(root("eigh"), &a, DType::F64, Rule::Tape);
    let diagonal: Vec<f64> = (0..9).map(|k| if k % 4 == 0 { want[k] } else { 0.0 }).collect();
    assert!(distance(&da, &diagonal) < 1e-12, "{da:?}");
}

#[test]
fn with_fewer_places_than_channels_epsilon_keeps_the_roots_of_both_precisions_together() {
    let images = scattered(&[2, 8, 1, 3], 7);
    let pool = BilinearPooling::new().epsilon(1e-2).unwrap();
    let tape = Tape::f64();
    let a = pool.forward(tape.constant(&images)).value().cast(DType::F32);
    let want = both(root("lyapunov"), &a, DType::F64, Rule::Manual);
    for name in ["lyapunov", "newton:20"] {
        let [z, da] = both(root(name), &a, DType::F32, Rule::Manual);
        assert!(distance(&z, &want[0]) < 1e-4, "{name}: {}", distance(&z, &want[0]));
        assert!(distance(&da, &want[1]) < 1e-3, "{name}: {}", distance(&da, &want[1]));
    }
    // Without it: finite all the same, and a root.
    let tape = Tape::new();
    let a = BilinearPooling::new().epsilon(0.0).unwrap().forward(tape.constant(&images)).value();
    for name in ["eigh", "lyapunov", "newton:20"] {
        let [z, da] = both(root(name), &a, DType::F32, Rule::Manual);
        let z = tape.constant(Tensor::from_vec(z, a.shape()).unwrap());
        assert!(distance(&z.matmul(z).value().to_vec(), &a.to_vec()) < 1e-2, "{name}");
        assert!(da.iter().all(|d| d.is_finite()), "{name}");
    }
}

#[test]
fn a_matrix_of_zeros_has_the_root_zero_and_the_gradient_zero() {
    let mut numbers = positive(1, 3, 0.5).to_vec();
    numbers.splice(0..0, [0.0; 9]);
    let a = Tensor::from_vec(numbers, [2, 3, 3]).unwrap();
    for name in ["eigh", "lyapunov", "newton:5", "newton-trace:5"] {
        for (dtype, rule) in [(DType::F32, Rule::Manual), (DType::F64, Rule::Tape)] {
            let [z, da] = both(root(name), &a, dtype, rule);
            assert_eq!((&z[..9], &da[..9]), (&[0.0; 9][..], &[0.0; 9][..]), "{name} by {rule}");
            assert!(z[9..].iter().chain(&da[9..]).all(|x| x.is_finite() && *x != 0.0), "{name} by {rule}");
        }
    }
}

#[test]
fn what_has_no_root_is_refused_with_the_matrix_that_has_none() {
    let all = ["eigh", "lyapunov", "newton:5"];
    let of = |name: &str, a: &Tensor| {
        let tape = Tape::f64();
        let a = tape.leaf(a);
        message(|| _ = root(name).forward(a))
    };
    let pair = |second: [f64; 4]| Tensor::from_vec([[1.0, 0.0, 0.0, 1.0], second].concat(), [2, 2, 2]).unwrap();
    for name in all {
        assert_eq!(
            of(name, &scattered(&[2, 3], 0)),
            "matrix_sqrt: square matrices [.., n, n] are needed, but got [2, 3]"
        );
        for (numbers, fault) in [
            ([1.0, 0.5, 0.4, 1.0], "is not symmetric"),
            ([1.0, f64::NAN, 0.4, 1.0], "holds a number that is NaN or infinite"),
            ([1.0, 0.0, 0.0, f64::INFINITY], "holds a number that is NaN or infinite"),
            ([1.0, 0.0, 0.0, -1.0], "has a negative diagonal, so it is not positive semi-definite"),
        ] {
            assert_eq!(of(name, &pair(numbers)), format!("matrix_sqrt: matrix 1 of [2, 2, 2] {fault}"), "{name}");
        }
        // What is not symmetric only through rounding is read as (A + Aᵀ)/2.
        let [z, _] = both(root(name), &pair([1.0, 0.5, 0.5 + 1e-12, 1.0]), DType::F64, Rule::Manual);
        assert!((z[5] - z[6]).abs() < 1e-14, "{name}: {z:?}");
    }
    let indefinite = pair([1.0, 2.0, 2.0, 1.0]);
    assert_eq!(
        of("eigh", &indefinite),
        "matrix_sqrt: matrix 1 of [2, 2, 2] has a negative eigenvalue, so it has no real root"
    );
    assert_eq!(
        of("lyapunov", &indefinite),
        "symmetric_sqrt: matrix 1 of [2, 2, 2] has a negative eigenvalue, or a number that is NaN or infinite"
    );
}

#[test]
fn a_root_is_written_as_it_is_read() {
    for name in ["eigh", "lyapunov", "newton:5", "newton-trace:12"] {
        assert_eq!(root(name).to_string(), name);
    }
    let must = "`eigh`, `lyapunov`, `newton:K` or `newton-trace:K`, where K is the number of steps";
    for name in ["svd", "newton", "newton:", "newton:-1", "eigh:3", ""] {
        let error = name.parse::<MatrixSqrt>().unwrap_err();
        assert_eq!(error.to_string(), format!("matrix_sqrt: method = `{name}`, but it must be {must}"));
    }
    for steps in ["0", "101"] {
        let error = format!("newton:{steps}").parse::<MatrixSqrt>().unwrap_err();
        assert_eq!(error.to_string(), format!("Newton-Schulz: steps = {steps}, but it must be from 1 to 100"));
    }
}

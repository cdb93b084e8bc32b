//! In a selection the unused branch puts no NaN into the gradient, of any order, and no genuine NaN is hidden.

use wengert::{DType, Tape, Tensor, Var, functional};

/// The gradient of Σ f(x), in both precisions, at once and deferred; all must agree.
fn slope<const N: usize>(x: [f64; N], f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<f64> {
    let gradient = |dtype, lazy_from| {
        let tape = Tape::with_dtype(dtype);
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf(x);
        let backward = f(x).sum().backward().unwrap().wrt(x).unwrap().to_vec();
        let recorded = tape.grad(f(x).sum(), &[x]).unwrap()[0].value().to_vec();
        assert_eq!(format!("{backward:?}"), format!("{recorded:?}"), "backward, and a recorded gradient");
        backward
    };
    let gradients = [0, usize::MAX].map(|lazy| gradient(DType::F64, lazy));
    assert_eq!(format!("{:?}", gradients[0]), format!("{:?}", gradients[1]), "deferred, and at once");
    for (single, double) in gradient(DType::F32, 0).into_iter().zip(&gradients[0]) {
        let close = (single - double).abs() <= 1e-5 * double.abs();
        let same = single == *double || single.is_nan() && double.is_nan();
        assert!(close || same, "{single} in single precision, {double} in double");
    }
    gradients.into_iter().next().unwrap()
}

#[test]
fn the_unused_branch_does_no_harm() {
    assert_eq!(slope([-1.0, 0.0, 4.0], |x| x.gt(0.0).select(x.sqrt(), x)), [1.0, 1.0, 0.25]);
    assert_eq!(slope([-1.0, 0.0, 4.0], |x| x.le(0.0).select(x, x.sqrt())), [1.0, 1.0, 0.25]);
    assert_eq!(slope([1000.0, -800.0], |x| x.gt(0.0).select(x, x.exp() - 1.0)), [1.0, 0.0]);
    assert_eq!(slope([0.0, 2.0], |x| x.ne(0.0).select(x.recip(), 7.0)), [0.0, -0.25]);
    assert_eq!(slope([0.0, 2.0], |x| x.ne(0.0).select(1.0 / x, 7.0)), [0.0, -0.25]);
    assert_eq!(slope([-1.0, 2.0], |x| x.gt(0.0).select(x.ln(), 0.0)), [0.0, 0.5]);
    assert_eq!(slope([2.0, 0.0], |x| x.lt(1.0).select(x.asin(), x)), [1.0, 1.0]);
}

#[test]
fn a_chain_behind_the_unused_branch_does_no_harm_either() {
    // ln √x · 3 + 1, in which every derivative is NaN or infinite at x ≤ 0.
    assert_eq!(slope([-1.0, 0.0, 1.0], |x| x.gt(0.0).select(x.sqrt().ln() * 3.0 + 1.0, 0.0)), [0.0, 0.0, 1.5]);
    // x ↦ x / |x| at 0, and a selection inside a selection.
    assert_eq!(slope([0.0, -2.0], |x| x.ne(0.0).select(x / x.abs(), 0.0)), [0.0, 0.0]);
    assert_eq!(
        slope([-4.0, 0.0, 4.0], |x| x.ge(0.0).select(x.gt(0.0).select(x.sqrt(), x.ln()), (-x).sqrt())),
        [-0.25, f64::INFINITY, 0.25]
    );
}

/// Whether it is an operation that rejects singular matrices, NaN and infinities in the first place.
fn refuses(sample: &str) -> bool {
    let names = [
        "inverse",
        "solve",
        "det",
        "bce_loss",
        "cholesky",
        "eigh",
        "svd",
        "eig",
        "singular",
        "lyapunov",
        "symmetric_sqrt",
        "qr",
        "lstsq",
        "pinv",
        "orthogonal_complement",
    ];
    names.iter().any(|name| sample.contains(name))
}

#[test]
fn every_operation_is_safe_where_it_is_not_used() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0] {
        for sample in functional::table().into_iter().filter(|sample| !refuses(&sample.name)) {
            let tape = Tape::f64();
            let x: Vec<Var<'_>> = sample
                .inputs
                .iter()
                .map(|x| tape.leaf(Tensor::from_fn(x.shape().clone(), DType::F64, |_| value)))
                .collect();
            let y = sample.run(&x);
            if !y.needs_grad() {
                continue;
            }
            let nothing = tape.constant(0.0).select(y, 1.0).sum();
            let walked = nothing.backward();
            let Ok(gradients) = walked else { panic!("{} at {value}: {walked:?}", sample.name) };
            for &x in &x {
                let dx = gradients.wrt(x).ok().map(Tensor::to_vec).unwrap_or_default();
                assert!(dx.iter().all(|&dx| dx == 0.0), "{} at {value}: {dx:?}", sample.name);
            }
        }
    }
}

/// A formula of one value.
type Formula = fn(Var<'_>) -> Var<'_>;

/// A scale or a shift for each column of x.
fn ones(x: Var<'_>) -> Var<'_> {
    x.tape().constant(Tensor::ones([x.shape()[1]], x.dtype()))
}

#[test]
fn rows_are_kept_apart_where_numbers_meet_along_an_axis() {
    // The second row is all NaN, and not used; the first has the gradient that it would have alone.
    let rows: [(&str, Formula); 11] = [
        ("softmax", |x| x.softmax(1).square()),
        ("log_softmax", |x| x.log_softmax(-1)),
        ("logsumexp", |x| x.logsumexp_axes(&[1], true)),
        ("amax", |x| x.amax_axes(&[1], true)),
        ("amin", |x| x.amin_axes(&[-1], false).unsqueeze(1)),
        ("norm", |x| x.norm_axes(&[1], true)),
        ("mean of roots", |x| x.sqrt().mean_axes(&[1], true)),
        ("variance", |x| x.var_axes(&[1], 1, true)),
        ("layer_norm", |x| x.layer_norm(ones(x), ones(x), 0.1)),
        ("group_norm", |x| x.sqrt().group_norm(1, ones(x), ones(x), 0.1).square()),
        ("moved", |x| x.sqrt().flip(&[1]).cumsum(1).reshape([2, 3, 1]).transpose(1, 2).reshape([2, 3]) * 2.0),
    ];
    for (name, f) in rows {
        let tape = Tape::f64();
        let good = [0.5, 1.0, 2.0];
        let x = tape.leaf([good, [f64::NAN, -1.0, 0.0]]);
        let used = tape.constant([[1.0], [0.0]]);
        let dx = used.select(f(x), 0.0).sum().backward().unwrap().wrt(x).unwrap().to_vec();
        let alone = tape.leaf([good, good]);
        let want = used.select(f(alone), 0.0).sum().backward().unwrap().wrt(alone).unwrap().to_vec();
        assert_eq!(dx, want, "{name}");
        assert_eq!(dx[3..], [0.0; 3], "{name}");
    }
}

#[test]
fn a_row_that_is_not_used_leaves_the_parameters_of_a_normalization_alone() {
    for rows in [[[0.5, 1.0, 2.0], [f64::NAN, -1.0, 0.0]], [[0.5, 1.0, 2.0], [3.0, -1.0, 0.0]]] {
        let tape = Tape::f64();
        let (x, gamma, beta) = (tape.leaf(rows), tape.leaf([1.0, 2.0, 3.0]), tape.leaf([0.0; 3]));
        let used = tape.constant([[1.0], [0.0]]);
        let y = used.select(x.layer_norm(gamma, beta, 0.1), 0.0).square().sum();
        let alone = tape.leaf([rows[0]]);
        let want = alone.layer_norm(gamma, beta, 0.1).square().sum();
        let [got, want] = [y, want].map(|y| y.backward().unwrap());
        for v in [gamma, beta] {
            let both = got.wrt(v).unwrap().to_vec().into_iter().zip(want.wrt(v).unwrap().to_vec());
            both.for_each(|(got, want)| assert!((got - want).abs() < 1e-14, "{got}, not {want}"));
        }
        // Forward through a walk whose upstream gradient is 0: the derivative with respect to that gradient stays.
        let v = tape.constant([[1.0, -1.0, 0.5]; 2]);
        let dy = tape.jvp(used.select(x.layer_norm(gamma, beta, 0.1), 0.0), &[x], &[v]).unwrap().value().to_vec();
        let first = tape.constant([[1.0, -1.0, 0.5]]);
        let want = tape.jvp(alone.layer_norm(gamma, beta, 0.1), &[alone], &[first]).unwrap().value().to_vec();
        dy.iter().zip(&want).for_each(|(dy, want)| assert!((dy - want).abs() < 1e-14, "{dy}, not {want}"));
    }
}

#[test]
fn an_operation_that_mixes_all_numbers_is_safe_when_none_is_used() {
    let tape = Tape::f64();
    let x = tape.leaf([[f64::NAN, 1.0], [2.0, 3.0]]);
    let w = tape.leaf([[1.0, f64::INFINITY], [0.0, 1.0]]);
    let unused = x.matmul(w).cross_entropy(&[0, 1]);
    let loss = unused.eq(unused).select(unused, 0.0) + (w * 0.0).min(1.0).max(-1.0).sum();
    let gradients = loss.backward().unwrap();
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), [0.0; 4]);
}

#[test]
fn second_and_third_order_are_as_safe() {
    let tape = Tape::f64();
    for lazy_from in [0, usize::MAX] {
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([-1.0, 0.0, 4.0]);
        let y = x.gt(0.0).select(x.sqrt() * x, x * x * x).sum();
        let first = tape.grad(y, &[x]).unwrap()[0];
        let second = tape.grad(first.sum(), &[x]).unwrap()[0];
        let third = second.sum().backward().unwrap();
        // (x^1.5)' = 1.5 √x, then 0.75 / √x, then −0.375 x^−1.5; and 3x², 6x, 6.
        assert_eq!(first.value().to_vec(), [3.0, 0.0, 3.0]);
        assert_eq!(second.value().to_vec(), [-6.0, 0.0, 0.375]);
        assert_eq!(third.wrt(x).unwrap().to_vec(), [6.0, 6.0, -0.375 / 8.0]);
    }
}

#[test]
fn products_with_the_jacobian_see_through_the_guard() {
    // `jvp` differentiates a walk whose upstream gradient is 0 with respect to that gradient.
    let tape = Tape::f64();
    let x = tape.leaf([-1.0, 4.0]);
    let y = x.gt(0.0).select(x.sqrt().exp(), x * x);
    let v = tape.constant([10.0, 100.0]);
    let dy = tape.jvp(y, &[x], &[v]).unwrap().value().to_vec();
    let want = [-2.0 * 10.0, 2f64.exp() / 4.0 * 100.0];
    assert!(dy.iter().zip(want).all(|(dy, want)| (dy - want).abs() < 1e-12), "{dy:?} and {want:?}");
    let jacobian = tape.jacobian(y, x).unwrap().value().to_vec();
    assert_eq!((jacobian[1], jacobian[2]), (0.0, 0.0));
    assert_eq!(jacobian[0], -2.0);
    let hv = tape.hvp(y.sum(), &[x], &[v]).unwrap()[0].value().to_vec();
    assert_eq!(hv[0], 20.0);
    assert!(hv[1].is_finite() && hv[1] != 0.0);
}

#[test]
fn a_true_nan_stays_visible() {
    // In the selected branch.
    let chosen = slope([-1.0, 4.0], |x| x.lt(0.0).select(x.sqrt(), x));
    assert!(chosen[0].is_nan() && chosen[1] == 1.0, "{chosen:?}");
    // In the upstream gradient.
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 4.0]);
    let y = x.gt(0.0).select(x.sqrt(), x).vjp(&Tensor::from([f64::NAN, 1.0])).unwrap();
    let dx = y.wrt(x).unwrap().to_vec();
    assert!(dx[0].is_nan() && dx[1] == 0.25, "{dx:?}");
    // An infinite slope in the selected branch, and a NaN without a selection in front of it.
    assert_eq!(slope([0.0, 4.0], |x| x.ge(0.0).select(x.sqrt(), x)), [f64::INFINITY, 0.25]);
    let plain = slope([-1.0, 4.0], |x| x.sqrt() * x.gt(0.0));
    assert!(plain[0].is_nan() && plain[1] == 0.25, "{plain:?}");
    // In the row that is used.
    let tape = Tape::f64();
    let x = tape.leaf([[f64::NAN, 1.0], [1.0, 1.0]]);
    let y = tape.constant([[1.0], [0.0]]).select(x.softmax(1), 0.0).sum();
    let dx = y.backward().unwrap().wrt(x).unwrap().to_vec();
    assert!(dx[0].is_nan() && dx[2..] == [0.0, 0.0], "{dx:?}");
}

#[test]
fn a_function_with_a_rule_by_hand_is_safe_too() {
    use wengert::{Backward, Function, Rule};
    struct Root;
    impl Function for Root {
        fn name(&self) -> &str {
            "root"
        }
        fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
            vec![x[0].sqrt()]
        }
        fn backward<'t>(&self, Backward { z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
            vec![Some(dz[0] / (z[0] * 2.0))]
        }
    }
    for rule in [Rule::Manual, Rule::Tape] {
        let tape = Tape::f64();
        tape.set_rule(rule);
        let x = tape.leaf([-1.0, 0.0]);
        let z = tape.apply(Root, &[x]).unwrap()[0];
        let y = x.gt(0.0).select(z, x).sum();
        assert_eq!(y.backward().unwrap().wrt(x).unwrap().to_vec(), [1.0, 1.0], "{rule}");
    }
}

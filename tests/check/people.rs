//! Mistakes as people make them, one for each way in which the checker looks for a mend.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Fault, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 0.9 * ((i as f64 + 1.0) * 2.39 + seed).sin() + 0.1)
}

fn report(rule: Hand, inputs: &[Tensor]) -> Report {
    let report = check::function(rule, inputs).run().unwrap();
    assert!(!report.passed(), "{report}");
    report
}

/// The first verdict says this, at the line of this file that ends with the comment.
#[track_caller]
fn says(report: &Report, what: &str, comment: &str) {
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let wanted = include_str!("people.rs").lines().position(ends).unwrap() as u32 + 1;
    let verdict = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"));
    assert!(verdict.fault.to_string().contains(what), "{what}:\n{report}");
    assert_eq!(verdict.line.as_ref().map(|line| line.line), Some(wanted), "{report}");
}

fn row<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(0, k, 1)
}

/// hₖ = tanh(xₖ + w hₖ₋₁) for each row, and all states.
fn states<'t>(x: &[Var<'t>]) -> Vec<Var<'t>> {
    let mut h = vec![row(x[0], 0) * 0.0];
    for k in 0..4 {
        h.push((row(x[0], k) + x[1] * h[k]).tanh());
    }
    vec![Var::concat(&h[1..], 0)]
}

fn recurrence() -> [Tensor; 2] {
    [numbers([4, 3], 0.0), numbers([1, 3], 1.0)]
}

#[test]
fn the_slope_that_is_missing_in_a_loop_is_named() {
    let rule = hand(states, |Backward { x, z, dz, .. }| {
        let (mut carried, mut all, mut by_w) = (x[1] * 0.0, Vec::new(), x[1] * 0.0);
        for k in (0..4).rev() {
            let da = row(dz[0], k) + carried; // not times 1 − h²
            all.insert(0, da);
            if k > 0 {
                by_w = by_w + da * row(z[0], k - 1);
            }
            carried = da * x[1];
        }
        vec![Some(Var::concat(&all, 0)), Some(by_w)]
    });
    says(&report(rule, &recurrence()), "a factor is missing: 1 − ", "not times 1 − h²");
}

#[test]
fn what_a_loop_computes_and_never_carries_back_is_named() {
    let rule = hand(states, |Backward { x, z, dz, .. }| {
        let (mut _carried, mut all, mut by_w) = (x[1] * 0.0, Vec::new(), x[1] * 0.0);
        for k in (0..4).rev() {
            let h = row(z[0], k);
            let da = row(dz[0], k) * (1.0 - h * h);
            all.insert(0, da);
            if k > 0 {
                by_w = by_w + da * row(z[0], k - 1);
            }
            _carried = da * x[1];
        }
        vec![Some(Var::concat(&all, 0)), Some(by_w)]
    });
    let report = report(rule, &recurrence());
    assert!(report.verdict().unwrap().fault.to_string().starts_with("a dropped term"), "{report}");
}

#[test]
fn the_state_after_a_step_for_the_one_before_is_off_by_one_place() {
    let rule = hand(states, |Backward { x, z, dz, .. }| {
        let (mut carried, mut all, mut by_w) = (x[1] * 0.0, Vec::new(), x[1] * 0.0);
        for k in (0..4).rev() {
            let h = row(z[0], k);
            let da = (row(dz[0], k) + carried) * (1.0 - h * h);
            all.insert(0, da);
            if k > 0 {
                let before = z[0].narrow(0, k, 1); // k for k − 1
                by_w = by_w + da * before;
            }
            carried = da * x[1];
        }
        vec![Some(Var::concat(&all, 0)), Some(by_w)]
    });
    says(&report(rule, &recurrence()), "is to be moved by 1 place along axis 0", "k for k − 1");
}

#[test]
fn a_two_that_is_missing_in_a_loop_is_found() {
    // v ← r v (1 − v), four times.
    let rule = hand(
        |x| {
            let mut v = x[0];
            for _ in 0..3 {
                v = x[1] * v * (1.0 - v);
            }
            vec![v]
        },
        |Backward { x, dz, .. }| {
            let mut all = vec![x[0]];
            for k in 0..2 {
                all.push(x[1] * all[k] * (1.0 - all[k]));
            }
            let (mut g, mut by_r) = (dz[0], x[1] * 0.0);
            for &v in all.iter().rev() {
                by_r = by_r + g * v * (1.0 - v);
                g = g * x[1] * (1.0 - v); // v for 2 v
            }
            vec![Some(g), Some(by_r)]
        },
    );
    says(&report(rule, &[numbers([5], 0.0), numbers([5], 2.0)]), "a factor 2 is missing", "v for 2 v");
}

#[test]
fn two_pieces_taken_for_each_other_are_one_mistake() {
    let rule = hand(
        |x| {
            let (u, v) = (x[0].narrow(1, 0, 2), x[0].narrow(1, 2, 2));
            vec![u * u * v]
        },
        |Backward { x, dz, .. }| {
            let u = x[0].narrow(1, 2, 2); // the second half
            let v = x[0].narrow(1, 0, 2);
            vec![Some(Var::concat(&[dz[0] * u * v * 2.0, dz[0] * u * u], 1))]
        },
    );
    says(&report(rule, &[numbers([3, 4], 0.0)]), "and the other way round", "the second half");
}

#[test]
fn a_matrix_that_is_taken_for_symmetric_is_named() {
    // z = Σ dᵀ S d for each row d.
    let rule = hand(
        |x| vec![(x[0].matmul(x[1]) * x[0]).sum_axes(&[1], true)],
        |Backward { x, dz, .. }| {
            let by_x = dz[0] * x[0].matmul(x[1]) * 2.0; // x S + x Sᵀ
            vec![Some(by_x), Some(x[0].transpose(0, 1).matmul(dz[0] * x[0]))]
        },
    );
    says(&report(rule, &[numbers([5, 3], 0.0), numbers([3, 3], 1.0)]), "taken for symmetric", "x S + x Sᵀ");
}

#[test]
fn a_factor_of_a_mean_that_varies_along_its_axis_is_named() {
    // z = x / √(mean x²) for each row.
    let rule = hand(
        |x| vec![x[0] * (x[0] * x[0]).mean_axes(&[1], true).rsqrt()],
        |Backward { x, z, dz, .. }| {
            let r = (x[0] * x[0]).mean_axes(&[1], true).rsqrt();
            let along = (dz[0] * z[0]).mean_axes(&[1], true);
            let inner = dz[0] - along; // along times z
            vec![Some(inner * r)]
        },
    );
    says(&report(rule, &[numbers([4, 5], 0.0)]), "a factor is missing: output 0", "along times z");
}

#[test]
fn indices_that_differ_from_those_of_forward_are_named() {
    let rule = hand(
        |x| vec![x[0].index_select(0, &[3, 1, 3, 0])],
        |Backward { x, dz, .. }| {
            let at: Vec<usize> = [3, 1, 2, 0].iter().flat_map(|&i| [i; 3]).collect(); // 2 for 3
            vec![Some((x[0] * 0.0).scatter_add(0, &at, dz[0]))]
        },
    );
    let report = report(rule, &[numbers([5, 3], 0.0)]);
    says(&report, "`index_add` with the indices of", "2 for 3");
}

#[test]
fn a_product_in_place_of_one_of_its_factors_has_a_factor_too_many() {
    let rule = hand(
        |x| vec![(x[1] * x[0] * x[0]).sum() / x[1].sum()],
        |Backward { x, z, dz, .. }| {
            let n = x[1].sum();
            let by_w = (x[0] * x[0] - z[0] * n) / n * dz[0]; // z n for z
            vec![Some(x[0] * (x[1] / n) * 2.0 * dz[0]), Some(by_w)]
        },
    );
    let weights = Tensor::from_fn([3, 4], DType::F64, |i| 0.3 + (i as f64 * 1.7).sin().abs());
    says(&report(rule, &[numbers([3, 4], 0.0), weights]), "a factor too many", "z n for z");
}

#[test]
fn a_forgotten_path_and_an_edit_are_two_mistakes() {
    // z = Σ aᵢ xᵢ with a = softmax(tanh(x w)).
    let rule = hand(
        |x| {
            let a = x[0].matmul(x[1]).tanh().softmax(0);
            vec![a.transpose(0, 1).matmul(x[0])]
        },
        |Backward { x, dz, .. }| {
            let h = x[0].matmul(x[1]).tanh();
            let a = h.softmax(0);
            let (slope, da) = (1.0 - h * h, x[0].matmul(dz[0].transpose(0, 1)));
            let dh = a * (da - (a * da).sum_axes(&[0], true)); // not times 1 − h²
            // And without the path of x by itself: a dz.
            vec![Some(dh.matmul(x[1].transpose(0, 1))), Some(x[0].transpose(0, 1).matmul(dh * slope))]
        },
    );
    let report = report(rule, &[numbers([5, 3], 0.0), numbers([3, 1], 1.0)]);
    let Fault::Several { faults } = &report.verdict().unwrap().fault else { panic!("{report}") };
    assert!(matches!(faults[0], Fault::ForgottenPath { .. }), "{report}");
    assert!(faults[1].to_string().starts_with("a factor is missing: the value of `sub`"), "{report}");
}

#[test]
fn each_gradient_is_explained_before_any_is_explained_again() {
    let rule = hand(
        |x| vec![x[2] * x[0] / x[1]],
        |Backward { x, z, dz, .. }| {
            let dx = dz[0] / x[1]; // not times x2
            let dy = -(dz[0] * z[0]).sum_axes(&[1], true) / (x[1] * x[1]); // x1 twice
            vec![Some(dx), Some(dy), Some((dz[0] * x[0] / x[1]).sum())]
        },
    );
    let far = Tensor::from_fn([5, 1], DType::F64, |i| 1.6 + (i as f64 * 1.3).sin() * 0.5);
    let report = report(rule, &[numbers([5, 2], 0.0), far, numbers((), 0.3)]);
    let of: Vec<&String> = report.verdicts.iter().take(2).flat_map(|verdict| &verdict.of).collect();
    assert_eq!(of, ["input 0", "input 1"], "{report}");
    assert!(report.verdicts[0].fault.to_string().contains("a factor is missing: input 2"), "{report}");
    assert!(report.verdicts[1].fault.to_string().contains("input 1"), "{report}");
}

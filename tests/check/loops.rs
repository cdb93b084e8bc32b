//! Mistakes in the lines of a loop, which are made in every iteration, and what changes the shape of a value.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, low: f64, high: f64, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| {
        let wild = ((i as f64 + 1.0) * 17.1317 + seed * 41.7719).sin() * 24634.6345;
        low + (high - low) * (wild - wild.floor())
    })
}

/// The first verdict says one of these.
#[track_caller]
fn says(rule: Hand, inputs: &[Tensor], what: &[&str]) {
    let report: Report = check::function(rule, inputs).run().unwrap();
    let fault = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}")).fault.to_string();
    assert!(what.iter().any(|what| fault.starts_with(what)), "{what:?}:\n{report}");
}

fn row<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(0, k, 1)
}

/// hₖ₊₁ = (1 − a) hₖ + a tanh(hₖ R + xₖ): the values of tanh, and all states.
fn leaky<'t>(x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
    let (mut states, mut inner) = (vec![row(x[0], 0) * 0.0], Vec::new());
    for k in 0..4 {
        inner.push((states[k].matmul(x[1]) + row(x[0], k)).tanh());
        states.push((1.0 - x[2]) * states[k] + x[2] * inner[k]);
    }
    (inner, states)
}

#[test]
fn a_path_that_is_forgotten_in_every_iteration_is_one_mistake() {
    let rule = hand(
        |x| vec![leaky(x).1[4]],
        |Backward { x, dz, .. }| {
            let (inner, states) = leaky(x);
            let (mut g, mut by_r, mut by_a, mut by_x) = (dz[0], x[1] * 0.0, x[2] * 0.0, Vec::new());
            for k in (0..4).rev() {
                by_a = by_a + (g * (inner[k] - states[k])).sum();
                let du = g * x[2] * (1.0 - inner[k] * inner[k]);
                by_r = by_r + states[k].transpose(0, 1).matmul(du);
                by_x.insert(0, du);
                g = du.matmul(x[1].transpose(0, 1)); // without g (1 − a)
            }
            vec![Some(Var::concat(&by_x, 0)), Some(by_r), Some(by_a)]
        },
    );
    let inputs = [numbers([4, 3], -1.0, 1.0, 1.0), numbers([3, 3], -1.0, 1.0, 2.0), numbers((), 0.4, 0.6, 3.0)];
    says(rule, &inputs, &["a forgotten path: through", "a dropped term"]);
}

#[test]
fn what_a_loop_computes_and_does_not_add_is_named() {
    fn next<'t>(v: Var<'t>) -> Var<'t> {
        v.narrow(1, 0, 2).pad(&[(0, 0), (1, 0)], 0.0)
    }
    let rule = hand(
        |x| {
            let mut a = row(x[0], 0);
            for k in 1..4 {
                a = (a + next(a)) * row(x[0], k);
            }
            vec![a.narrow(1, 2, 1).ln()]
        },
        |Backward { x, dz, .. }| {
            let mut all = vec![row(x[0], 0)];
            for k in 1..4 {
                all.push((all[k - 1] + next(all[k - 1])) * row(x[0], k));
            }
            let mut g = (dz[0] / all[3].narrow(1, 2, 1)).pad(&[(0, 0), (2, 0)], 0.0);
            let mut rows = Vec::new();
            for k in (1..4).rev() {
                rows.push(g * (all[k - 1] + next(all[k - 1])));
                let h = g * row(x[0], k);
                let _back = h.narrow(1, 1, 2).pad(&[(0, 0), (0, 1)], 0.0);
                g = h; // without what is carried back
            }
            rows.push(g);
            rows.reverse();
            vec![Some(Var::concat(&rows, 0))]
        },
    );
    says(rule, &[numbers([4, 3], 0.2, 0.9, 4.0)], &["a forgotten path: through `scatter in add`", "a dropped term"]);
}

#[test]
fn a_number_that_is_missing_where_a_loop_reads_a_value_is_solved_for() {
    let rule = hand(
        |x| {
            let (mut angle, mut speed) = (x[0], x[1]);
            for _ in 0..3 {
                speed = speed - angle.sin() * 0.3;
                angle = angle + speed * 0.3;
            }
            vec![angle, speed]
        },
        |Backward { x, dz, .. }| {
            let (mut angles, mut speed) = (vec![x[0]], x[1]);
            for k in 0..2 {
                speed = speed - angles[k].sin() * 0.3;
                angles.push(angles[k] + speed * 0.3);
            }
            let (mut by_angle, mut by_speed) = (dz[0], dz[1]);
            for angle in angles.iter().rev() {
                by_speed = by_speed + by_angle; // not times 0.3
                by_angle = by_angle - by_speed * angle.cos() * 0.3;
            }
            vec![Some(by_angle), Some(by_speed)]
        },
    );
    let inputs = [numbers([5], -1.0, 1.0, 5.0), numbers([5], -1.0, 1.0, 6.0)];
    says(rule, &inputs, &["a wrong constant: a factor 10/3 too many", "a wrong constant: a factor 3.333"]);
}

#[test]
fn a_sum_over_the_wrong_axis_is_found_where_what_follows_has_another_shape() {
    let rule = hand(
        |x| vec![(x[0] / x[1]).logsumexp_axes(&[1], true) * x[1]],
        |Backward { x, z, dz, .. }| {
            let p = (x[0] / x[1]).softmax(1);
            let expected = (p * x[0]).sum_axes(&[0], true); // not over axis 1
            vec![Some(dz[0] * p), Some((dz[0] * (z[0] - expected)).sum() / x[1])]
        },
    );
    let inputs = [numbers([4, 5], -1.0, 1.0, 9.0), numbers((), 0.5, 0.9, 10.0)];
    says(rule, &inputs, &["reduced over the wrong axis: summed over axis 0 instead of axis 1"]);
}

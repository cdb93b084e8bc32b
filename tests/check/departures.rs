//! The line that a verdict points at, where two neighbouring lines could hold the mend, or the source is written in one of
//! the many ways in which people write.

use wengert::{Backward, Tensor, Var, check};

use crate::planted::{Forward, Rule, draw, mean, numbers, planted, row, sum, t};

/// The first verdict says this, and points at the line of this file that ends with a comment.
#[track_caller]
fn points<const N: usize>(inputs: [Tensor; N], forward: Forward, rule: Rule, says: &str, comment: &str) {
    let function = planted("by hand", inputs.to_vec(), forward, rule, []);
    let report = check::function(function.with(&[]), &function.inputs).run().unwrap();
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let wanted = include_str!("departures.rs").lines().position(ends).unwrap() as u32 + 1;
    let verdict = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"));
    assert!(!report.passed() && verdict.to_string().contains(says), "{says}:\n{report}");
    assert_eq!(verdict.line.as_ref().map(|line| line.line), Some(wanted), "{report}");
}

#[test]
fn a_term_is_missing_where_the_value_stops_being_a_true_gradient() {
    // p (dp − Σ p dp) is read in two places.
    points(
        [draw([3, 2], 1.0), draw([4, 2], 2.0), draw([4, 5], 3.0)],
        |x| {
            let p = x[0].matmul(t(x[1])).softmax(1);
            (vec![p.matmul(x[2])], vec![p])
        },
        |Backward { x, dz, saved, .. }, _| {
            let p = saved[0];
            let dp = dz[0].matmul(t(x[2]));
            let ds = p * dp; // without its sum
            let dq = ds.matmul(x[1]);
            let dk = t(ds).matmul(x[0]);
            vec![Some(dq), Some(dk), Some(t(p).matmul(dz[0]))]
        },
        "softmax",
        "without its sum",
    );
}

#[test]
fn a_term_that_is_computed_and_not_used_is_missing_after_it() {
    points(
        [draw([5, 1], 7.0), numbers((), 1.0, 2.0, 8.0)],
        |x| {
            let gap = x[1] * (x[0] - t(x[0]));
            (vec![gap.softplus().sum()], vec![gap])
        },
        |Backward { x, dz, saved, .. }, _| {
            let dgap = saved[0].sigmoid() * dz[0];
            let won = sum(dgap, 1);
            let _lost = t(sum(dgap, 0));
            let dx = x[1] * won; // not less lost
            vec![Some(dx), Some((dgap * (x[0] - t(x[0]))).sum())]
        },
        "",
        "not less lost",
    );
}

#[test]
fn names_are_read_in_the_ways_that_people_give_them() {
    // By the pattern of a list.
    points(
        [draw([4, 3], 9.0)],
        |x| {
            let length = sum(x[0] * x[0], 1).sqrt();
            (vec![length * 0.5], vec![x[0], length])
        },
        |Backward { dz, saved, .. }, _| {
            let &[n, length] = saved else { unreachable!() };
            let unit = n; // not over its length
            let _ = length;
            vec![Some(unit * dz[0] * 0.5)]
        },
        "a factor too many",
        "not over its length",
    );
    // What the rule receives under other names.
    points(
        [draw([3, 4], 10.0), draw([3, 4], 11.0)],
        |x| (vec![x[0].sin() * x[1]], vec![]),
        |Backward { x: inputs, dz: upstream, .. }, _| {
            let g = upstream[0]; // not times input 1
            vec![Some(g * inputs[0].cos()), Some(upstream[0] * inputs[0].sin())]
        },
        "a factor is missing: input 1",
        "not times input 1",
    );
    // What a closure makes, by the name of one of its results.
    points(
        [draw([4, 1], 12.0), draw([4, 1], 13.0)],
        |x| (vec![Var::concat(&[x[0] * x[1], x[0] + x[1].sin(), x[1].cos()], 1)], vec![]),
        |Backward { x, dz, .. }, _| {
            let part = |k| dz[0].narrow(1, k, 1);
            let (a, b, c) = (part(0), part(1), part(1)); // the last is no. 2
            let dx = a * x[1] + b;
            let last = c * x[1].sin();
            vec![Some(dx), Some(a * x[0] + b * x[1].cos() - last)]
        },
        "moved wrongly",
        "the last is no. 2",
    );
}

#[test]
fn a_name_that_is_read_rightly_beside_is_not_at_fault() {
    points(
        [draw([4, 3], 14.0), draw([4, 3], 15.0), numbers([4, 1], 0.1, 0.9, 16.0)],
        |x| (vec![(1.0 - x[2]) * x[0] + x[2] * x[1]], vec![]),
        |Backward { x, dz, .. }, _| {
            let f = x[2];
            let (low, high) = (dz[0] * f, dz[0] * f); // low is not f
            vec![Some(low), Some(high), Some(sum(dz[0] * (x[1] - x[0]), 1))]
        },
        "",
        "low is not f",
    );
}

#[test]
fn a_value_that_is_right_for_another_answer_is_wrong_in_the_list_of_answers() {
    points(
        [draw([3, 4], 17.0), draw([3, 4], 18.0)],
        |x| {
            let r = x[0] - x[1];
            (vec![(r * r).sum()], vec![r])
        },
        |Backward { dz, saved, .. }, _| {
            let dr = saved[0] * dz[0] * 2.0;
            vec![
                Some(dr),
                Some(dr), // not minus
            ]
        },
        "the sign is flipped",
        "not minus",
    );
}

#[test]
fn a_sum_for_a_mean_is_wrong_where_it_is_summed() {
    points(
        [draw([4, 6], 19.0)],
        |x| {
            let d = x[0] - mean(x[0], 1);
            let r = (mean(d * d, 1) + 1e-3).rsqrt();
            (vec![d * r], vec![d * r, r])
        },
        |Backward { dz, saved, .. }, _| {
            let (unit, r) = (saved[0], saved[1]);
            let along = sum(dz[0] * unit, 1); // no mean
            let dx = (dz[0] - mean(dz[0], 1) - unit * along) * r;
            vec![Some(dx)]
        },
        "6",
        "no mean",
    );
}

#[test]
fn a_wrong_axis_is_mended_where_it_gets_its_name() {
    points(
        [draw([4, 4], 20.0)],
        |x| {
            let p = x[0].softmax(1);
            (vec![p], vec![p])
        },
        |Backward { dz, saved, .. }, _| {
            let axis = 0; // not 1
            let p = saved[0];
            let inner = sum(dz[0] * p, axis);
            vec![Some(p * (dz[0] - inner))]
        },
        "axis",
        "not 1",
    );
}

#[test]
fn in_a_recurrence_an_edit_is_told_by_what_it_mends_in_the_first_iteration() {
    points(
        [draw([5, 2], 21.0), draw([2, 3], 22.0), draw([3, 3], 23.0), draw([2, 3], 24.0)],
        |x| {
            let (mut h, mut all, mut gates) = (row(x[0], 0).matmul(x[1]) * 0.0, Vec::new(), Vec::new());
            let n = x[0].matmul(x[3]).tanh();
            all.push(h);
            for k in 0..5 {
                let f = (row(x[0], k).matmul(x[1]) + h.matmul(x[2])).sigmoid();
                h = (1.0 - f) * h + f * row(n, k);
                all.push(h);
                gates.push(f);
            }
            (vec![Var::concat(&all[1..], 0)], vec![Var::concat(&all, 0), Var::concat(&gates, 0), n])
        },
        |Backward { x, dz, saved, .. }, _| {
            let [states, gates, proposals] = *saved else { unreachable!() };
            let (mut dw, mut du, mut dv) = (x[1] * 0.0, x[2] * 0.0, x[3] * 0.0);
            let mut dx = Vec::new();
            let mut later = row(dz[0], 0) * 0.0;
            for k in (0..5).rev() {
                let (before, f, n) = (row(states, k), row(gates, k), row(proposals, k));
                let dh = row(dz[0], k) + later;
                let da = dh * (n - before) * f * (1.0 - f);
                let db = dh * f * (1.0 - n * n);
                dw = dw + t(row(x[0], k)).matmul(da);
                du = du + t(before).matmul(da);
                dv = dv + t(row(x[0], k)).matmul(db);
                dx.push(da.matmul(t(x[1])) + db.matmul(t(x[3])));
                later = dh * f + da.matmul(t(x[2])); // not 1 − f
            }
            dx.reverse();
            vec![Some(Var::concat(&dx, 0)), Some(dw), Some(du), Some(dv)]
        },
        "`sub`",
        "not 1 − f",
    );
}

//! The line that a verdict points at, where no operation stands on the line of the mistake, or several lines could be meant.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 0.9 * ((i as f64 + 1.0) * 2.39 + seed).sin() + 0.1)
}

/// The first verdict says this, and points at the line of this file that ends with a comment.
#[track_caller]
fn points(rule: Hand, inputs: &[Tensor], says: &str, comment: &str) -> Report {
    let report = check::function(rule, inputs).run().unwrap();
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let wanted = include_str!("lines.rs").lines().position(ends).unwrap() as u32 + 1;
    let verdict = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"));
    assert!(!report.passed() && verdict.to_string().contains(says), "{says}:\n{report}");
    assert_eq!(verdict.line.as_ref().map(|line| line.line), Some(wanted), "{report}");
    report
}

fn t<'t>(x: Var<'t>) -> Var<'t> {
    x.transpose(0, 1)
}

/// Two matrices, (3, 4) each.
fn pair() -> [Tensor; 2] {
    [numbers([3, 4], 0.0), numbers([3, 4], 1.0)]
}

#[test]
fn a_result_that_gets_another_name_and_nothing_else_is_forgotten_there() {
    let rule = hand(
        |x| vec![x[0].matmul(x[1]).tanh().matmul(x[2])],
        |Backward { x, dz, .. }| {
            let h = x[0].matmul(x[1]).tanh();
            let dh = dz[0].matmul(x[2].transpose(0, 1));
            let du = dh; // no slope
            let dw = x[0].transpose(0, 1).matmul(du);
            vec![Some(du.matmul(x[1].transpose(0, 1))), Some(dw), Some(h.transpose(0, 1).matmul(dz[0]))]
        },
    );
    let inputs = [numbers([5, 3], 0.0), numbers([3, 4], 1.0), numbers([4, 2], 2.0)];
    let report = points(rule, &inputs, "a factor is missing", "no slope");
    let verdict = report.verdict().unwrap().to_string();
    assert!(verdict.contains("`dh` should read `dh * "), "{report}");
    assert!(verdict.contains("gives `dh` the name `du`, under which it is read, without any operation"), "{report}");
}

#[test]
fn the_same_in_a_loop() {
    let rule = hand(
        |x| {
            let mut h = x[0];
            for _ in 0..3 {
                h = (h * x[1]).tanh();
            }
            vec![h]
        },
        |Backward { x, dz, .. }| {
            let mut states = vec![x[0]];
            for k in 0..3 {
                states.push((states[k] * x[1]).tanh());
            }
            let (mut carried, mut by_w) = (dz[0], x[1] * 0.0);
            for k in (0..3).rev() {
                let h = states[k];
                let dh = carried + h * 0.0;
                let da = dh; // no slope in the loop
                by_w = by_w + da * h;
                carried = da * x[1];
            }
            vec![Some(carried), Some(by_w)]
        },
    );
    points(rule, &pair(), "a factor is missing", "no slope in the loop");
}

#[test]
fn an_upstream_gradient_with_a_name_of_its_own_lacks_its_factor_there() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1]],
        |Backward { x, dz, .. }| {
            let g = dz[0]; // not times x1
            vec![Some(g * x[0].cos()), Some(dz[0] * x[0].sin())]
        },
    );
    points(rule, &pair(), "a factor is missing: input 1", "not times x1");
}

#[test]
fn a_short_name_for_what_the_rule_receives_is_no_mistake() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1]],
        |Backward { x, dz, .. }| {
            let (g, a) = (dz[0], x[0]);
            let dx = g * a.cos(); // not times w
            vec![Some(dx), Some(g * a.sin())]
        },
    );
    points(rule, &pair(), "a factor is missing: input 1", "not times w");
    let rule = hand(
        |x| vec![x[0].exp() * x[1]],
        |Backward { x, z, dz, .. }| {
            let g = dz[0];
            let dx = g * z[0] * 2.0; // twice
            vec![Some(dx), Some(g * x[0].exp())]
        },
    );
    points(rule, &pair(), "2", "twice");
}

#[test]
fn a_wrong_value_is_mended_where_it_gets_its_name() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1].exp()],
        |Backward { x, z, dz, .. }| {
            let of = x[1]; // x1 for x0
            let slope = of.cos();
            vec![Some(dz[0] * slope * x[1].exp()), Some(dz[0] * z[0])]
        },
    );
    points(rule, &pair(), "it uses input 1 where input 0 belongs", "x1 for x0");
}

#[test]
fn an_answer_without_its_last_term_is_mended_where_it_gets_its_name() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1] + x[0]],
        |Backward { x, dz, .. }| {
            let through = dz[0] * x[0].cos() * x[1];
            let dx = through; // not plus dz
            vec![Some(dx), Some(dz[0] * x[0].sin())]
        },
    );
    points(rule, &pair(), "", "not plus dz");
}

#[test]
fn an_upstream_gradient_that_is_the_answer_is_mended_at_the_end() {
    let rule = hand(
        |x| vec![x[0].sin() - x[1]],
        |Backward { x, dz, .. }| {
            let g = dz[0] * x[0].cos();
            vec![Some(g), Some(dz[0])] // not negative
        },
    );
    points(rule, &pair(), "the sign is flipped", "not negative");
}

#[test]
fn an_output_whose_upstream_gradient_is_left_out_is_missed_where_it_should_be_added() {
    let rule = hand(
        |x| {
            let c = x[0] * x[1];
            vec![c.tanh(), c]
        },
        |Backward { x, z, dz, .. }| {
            let through = dz[0] * (1.0 - z[0] * z[0]);
            let dc = through; // not plus dz1
            let dx = dc * x[1];
            let dw = dc * x[0];
            vec![Some(dx), Some(dw)]
        },
    );
    points(rule, &pair(), "the upstream gradient of output 1 is ignored", "not plus dz1");
}

/// a × b for rows, with a line of its own for each operation.
fn cross<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    let (turned, back) = ([1, 2, 0], [2, 0, 1]);
    let first = a.index_select(1, &turned) * b.index_select(1, &back);
    let second = a.index_select(1, &back) * b.index_select(1, &turned);
    first - second
}

#[test]
fn a_call_of_a_helper_is_mended_where_it_is_called() {
    let rule = hand(
        |x| vec![cross(x[0], x[1]) * x[2]],
        |Backward { x, dz, .. }| {
            let g = dz[0] * x[2];
            let da = cross(x[1], g);
            let db = cross(g, x[1]); // x1 for x0, in a call
            vec![Some(da), Some(db), Some(dz[0] * cross(x[0], x[1]))]
        },
    );
    let inputs = [numbers([4, 3], 0.0), numbers([4, 3], 1.0), numbers([4, 3], 2.0)];
    points(rule, &inputs, "it uses input 1 where input 0 belongs", "x1 for x0, in a call");
}

#[test]
fn a_call_of_a_closure_is_mended_where_it_is_called() {
    let rule = hand(
        |x| vec![x[0].narrow(1, 0, 4) + x[0].narrow(1, 1, 4) * 2.0 + x[0].narrow(1, 2, 4)],
        |Backward { dz, .. }| {
            let back = |k| dz[0].pad(&[(0, 0), (k, 2 - k)], 0.0);
            let dx = back(0) + back(1) * 2.0 + back(1); // 1 for 2
            vec![Some(dx)]
        },
    );
    points(rule, &[numbers([3, 6], 0.0)], "moved wrongly", "1 for 2");
    let rule = hand(
        |x| vec![(x[0].narrow(1, 0, 4) + x[0].narrow(1, 2, 4)) * x[1]],
        |Backward { x, dz, .. }| {
            let g = dz[0]; // not times x1, in a closure
            let back = |k| g.pad(&[(0, 0), (k, 2 - k)], 0.0);
            let dx = back(0) + back(2);
            vec![Some(dx), Some(dz[0] * (x[0].narrow(1, 0, 4) + x[0].narrow(1, 2, 4)))]
        },
    );
    points(rule, &[numbers([3, 6], 0.0), numbers([3, 4], 1.0)], "a factor is missing", "not times x1, in a closure");
}

/// The halves of the columns.
#[track_caller]
fn halves<'t>(x: Var<'t>) -> (Var<'t>, Var<'t>) {
    (x.narrow(1, 0, 2), x.narrow(1, 2, 2))
}

/// The same in the other order.
#[track_caller]
fn exchanged<'t>(x: Var<'t>) -> (Var<'t>, Var<'t>) {
    (x.narrow(1, 2, 2), x.narrow(1, 0, 2))
}

#[test]
fn two_values_of_one_call_are_mended_where_they_get_their_names() {
    let rule = hand(
        |x| {
            let (a, b) = halves(x[0]);
            vec![Var::concat(&[a.matmul(x[1]).tanh(), b.matmul(x[1]).sin()], 1)]
        },
        |Backward { x, dz, .. }| {
            let ((a, b), (g, h)) = (halves(x[0]), exchanged(dz[0])); // the other half
            let (u, v) = (a.matmul(x[1]).tanh(), b.matmul(x[1]).cos());
            let du = g * (1.0 - u * u);
            let dv = h * v;
            let dw = t(a).matmul(du) + t(b).matmul(dv);
            let (da, db) = (du.matmul(t(x[1])), dv.matmul(t(x[1])));
            vec![Some(Var::concat(&[da, db], 1)), Some(dw)]
        },
    );
    points(rule, &[numbers([3, 4], 0.0), numbers([2, 2], 1.0)], "moved wrongly", "the other half");
}

#[test]
fn pieces_are_put_in_order_where_they_are_listed() {
    let rule = hand(
        |x| {
            let (a, b) = halves(x[0]);
            vec![Var::concat(&[a.sin(), b.exp()], 1)]
        },
        |Backward { x, dz, .. }| {
            let ((a, b), (g, h)) = (halves(x[0]), halves(dz[0]));
            let da = g * a.cos();
            let db = h * b.exp();
            let pieces = [db, da]; // in another order
            vec![Some(Var::concat(&pieces, 1))]
        },
    );
    points(rule, &[numbers([3, 4], 0.0)], "exchanged", "in another order");
}

#[test]
fn a_term_that_one_piece_lacks_is_missing_where_the_piece_is_made() {
    let rule = hand(
        |x| {
            let (a, b) = halves(x[0]);
            vec![a.sin() * b + b.exp()]
        },
        |Backward { x, dz, .. }| {
            let (a, b) = halves(x[0]);
            let da = dz[0] * a.cos() * b;
            let db = dz[0] * a.sin(); // not plus dz exp b
            let joined = Var::concat(&[da, db], 1);
            vec![Some(joined)]
        },
    );
    points(rule, &[numbers([3, 4], 0.0)], "", "not plus dz exp b");
}

#[test]
fn what_a_loop_lists_is_mended_in_the_loop() {
    let rule = hand(
        |x| {
            let mut h = x[0].narrow(0, 0, 1);
            for k in 1..4 {
                h = h * x[1] + x[0].narrow(0, k, 1) * (1.0 - x[1]);
            }
            vec![h]
        },
        |Backward { x, dz, .. }| {
            let mut states = vec![x[0].narrow(0, 0, 1)];
            for k in 1..4 {
                states.push(states[k - 1] * x[1] + x[0].narrow(0, k, 1) * (1.0 - x[1]));
            }
            let (mut g, mut all, mut da) = (dz[0], Vec::new(), x[1] * 0.0);
            for k in (1..4).rev() {
                all.insert(0, g * x[1]); // a for 1 − a
                da = da + g * (states[k - 1] - x[0].narrow(0, k, 1));
                g = g * x[1];
            }
            all.insert(0, g);
            vec![Some(Var::concat(&all, 0)), Some(da)]
        },
    );
    points(rule, &[numbers([4, 3], 0.0), numbers([1, 3], 1.0)], "", "a for 1 − a");
}

#[test]
fn a_term_that_lacks_its_factor_is_mended_where_it_is_added() {
    let rule = hand(
        |x| {
            let left = x[0].narrow(1, 0, 3) - x[0].narrow(1, 1, 3);
            vec![x[0].narrow(1, 0, 3).sin() + left * x[1]]
        },
        |Backward { x, dz, .. }| {
            let back = dz[0].pad(&[(0, 0), (0, 1)], 0.0) - dz[0].pad(&[(0, 0), (1, 0)], 0.0);
            let direct = (dz[0] * x[0].narrow(1, 0, 3).cos()).pad(&[(0, 0), (0, 1)], 0.0);
            let dx = direct + back; // back times x1
            vec![Some(dx), Some((dz[0] * (x[0].narrow(1, 0, 3) - x[0].narrow(1, 1, 3))).sum_axes(&[1], true))]
        },
    );
    points(rule, &[numbers([3, 4], 0.0), numbers([3, 1], 1.0)], "a factor is missing: input 1", "back times x1");
}

#[test]
fn a_number_is_mended_where_it_gets_its_name() {
    let rule = hand(
        |x| {
            let d = x[0] - x[0].mean_axes(&[0], true);
            vec![(d * d).sum_axes(&[0], true) / 6.0]
        },
        |Backward { x, dz, .. }| {
            let d = x[0] - x[0].mean_axes(&[0], true);
            let n = x[0].shape()[0] as f64; // not less 1
            let dx = d * dz[0] * 2.0 / n;
            vec![Some(dx)]
        },
    );
    points(rule, &[numbers([7, 3], 0.0)], "6", "not less 1");
}

//! Mistakes that are named by the edit of the rule that mends them, alone, in pairs and in loops.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Fault, Report},
};

use crate::{
    cases,
    hand::{Hand, hand},
};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

fn report(rule: Hand, inputs: &[Tensor]) -> Report {
    let report = check::function(rule, inputs).run().unwrap();
    assert!(!report.passed(), "{report}");
    report
}

/// What the first verdict says, and its line.
fn said(report: &Report) -> (String, u32) {
    let verdict = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"));
    (verdict.fault.to_string(), verdict.line.as_ref().map_or(0, |line| line.line))
}

/// The line of this file that ends with a comment.
fn line(comment: &str) -> u32 {
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    include_str!("mends.rs").lines().position(ends).unwrap() as u32 + 1
}

#[test]
fn a_missing_factor_is_named_with_its_line() {
    let rule = hand(
        |x| vec![(x[0] * x[1] * x[1] / 2.0).exp()],
        |Backward { x, z, dz, .. }| {
            let g = dz[0] * z[0];
            let by_b = g * x[1]; // without a
            vec![Some(g * x[1] * x[1] / 2.0), Some(by_b)]
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0)]);
    assert_eq!(said(&report), ("a factor is missing: input 0".to_owned(), line("without a")), "{report}");
}

#[test]
fn arguments_that_a_recording_keeps_in_words_are_left_out() {
    let rule = hand(
        |x| vec![x[0].index_select(1, &[2, 0]) * x[1]],
        |Backward { x, dz, .. }| {
            let by_x = dz[0] * x[1];
            let (first, last) = (by_x.narrow(1, 1, 1), by_x.narrow(1, 0, 1));
            let by_w = dz[0] * x[0].index_select(1, &[2, 0]) * 3.0; // three times
            vec![Some(Var::concat(&[first, first * 0.0, last], 1)), Some(by_w)]
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0), numbers([2, 2], 1.0)]);
    assert_eq!(said(&report).1, line("three times"), "{report}");
    let [mend] = &report.verdict().unwrap().mends[..] else { panic!("{report}") };
    assert!(mend.reads.contains("x[0].index_select(…)") && !mend.reads.contains("3.0"), "{report}");
}

#[test]
fn a_wrong_constant_is_solved_for_and_named_by_the_shapes() {
    let rule = hand(
        |x| {
            let d = x[0] - x[0].mean_axes(&[0], true);
            vec![(d * d).sum_axes(&[0], true) / 6.0 + x[0] * 0.1]
        },
        |Backward { x, dz, .. }| {
            let d = x[0] - x[0].mean_axes(&[0], true);
            let spread = d * dz[0].sum_axes(&[0], true) * 2.0;
            let mean = spread / 7.0; // seven
            vec![Some(mean + dz[0] * 0.1)]
        },
    );
    let report = report(rule, &[numbers([7, 3], 0.0)]);
    let wanted = "a wrong constant: it has 7 where 6 belongs (the size of axis 0 of input 0 less 1)";
    assert_eq!(said(&report), (wanted.to_owned(), line("seven")), "{report}");
}

#[test]
fn a_constant_with_pi_is_written_with_pi_at_the_line_where_it_stands() {
    let rule = hand(
        |x| vec![x[0] * ((x[0] * FRAC_1_SQRT_2).erf() + 1.0) * 0.5],
        |Backward { x, dz, .. }| {
            let phi = ((x[0] * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
            let bell = (x[0] * x[0] * -0.5).exp() * (1.0 / PI.sqrt()); // bell
            vec![Some(dz[0] * (phi + x[0] * bell))]
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0)]);
    let wanted = "a wrong constant: it has 1/√π where 1/√(2π) belongs";
    assert_eq!(said(&report), (wanted.to_owned(), line("bell")), "{report}");
}

#[test]
fn two_mistakes_in_one_rule_are_both_named() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1] + (x[0] * x[0]) / x[2]],
        |Backward { x, dz, .. }| {
            let first = dz[0] * x[0].sin() * x[1]; // sin for cos
            let second = dz[0] * x[0] * 2.0; // not divided
            vec![Some(first + second), Some(dz[0] * x[0].sin()), Some(-(dz[0] * x[0] * x[0] / (x[2] * x[2])))]
        },
    );
    let far = |seed: f64| Tensor::from_fn([2, 3], DType::F64, |i| 1.5 + ((i as f64) * 1.37 + seed).sin() * 0.6);
    let report = report(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0), far(2.0)]);
    let Fault::Several { faults } = &report.verdict().unwrap().fault else { panic!("{report}") };
    let names: Vec<String> = faults.iter().map(Fault::to_string).collect();
    let wanted = ["one operation of the rule is wrong: it has `sin` where `cos` belongs", "a factor too many: input 2"];
    assert_eq!(names, wanted, "{report}");
}

#[test]
fn a_mistake_in_a_loop_is_one_mistake() {
    let rule = hand(
        |x| {
            let mut h = x[0];
            let mut all = vec![];
            for _ in 0..3 {
                h = (h * x[1]).tanh();
                all.push(h);
            }
            vec![all[0] + all[1] + all[2]]
        },
        |Backward { x, dz, .. }| {
            let mut states = vec![x[0]];
            for k in 0..3 {
                states.push((states[k] * x[1]).tanh());
            }
            let (mut carried, mut by_w) = (dz[0] * 0.0, dz[0] * 0.0);
            for k in (0..3).rev() {
                let z = states[k + 1];
                let da = (dz[0] + carried) * (1.0 - z * z);
                by_w = by_w + da * states[k];
                carried = da * (x[1] + 0.0 * z); // right
                carried = carried * 2.0; // twice
            }
            vec![Some(carried), Some(by_w)]
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0)]);
    let wanted = "a wrong constant: it has 2 where 1 belongs";
    assert_eq!(said(&report), (wanted.to_owned(), line("twice")), "{report}");
}

#[test]
fn pieces_joined_in_another_order_are_named() {
    let rule = hand(
        |x| vec![x[0].narrow(1, 0, 2).sin() * x[0].narrow(1, 2, 2)],
        |Backward { x, dz, .. }| {
            let (a, b) = (x[0].narrow(1, 0, 2), x[0].narrow(1, 2, 2));
            vec![Some(Var::concat(&[dz[0] * a.sin(), dz[0] * a.cos() * b], 1))] // joined
        },
    );
    let report = report(rule, &[numbers([3, 4], 0.0)]);
    let wanted = "moved wrongly: pieces 0 and 1 of `concat` are exchanged: another order";
    assert_eq!(said(&report), (wanted.to_owned(), line("joined")), "{report}");
}

#[test]
fn rules_that_people_write_give_no_alarm_when_they_are_right() {
    for function in cases::developed().into_iter().chain(cases::held_out()) {
        let report = check::function(function.with(&[]), &function.inputs).run().unwrap();
        assert!(report.passed() && report.verdicts.is_empty(), "{}\n{report}", function.name);
        assert!(function.with(&[]).lines().0.is_empty() && !function.mistakes.is_empty());
    }
}

#[test]
fn six_of_seven_mistakes_that_people_make_are_named_first() {
    // One mistake at a time, in every other function that the checker was developed on.
    let (mut tried, mut missed) = (0, Vec::new());
    for function in cases::developed().iter().step_by(2) {
        for mistake in function.mistakes.iter().filter(|mistake| mistake.slips.len() == 1) {
            let report = check::function(function.with(mistake.slips), &function.inputs).run().unwrap();
            assert!(!report.passed(), "{} passed with {:?}", function.name, mistake.slips);
            tried += 1;
            let first = report.verdict().map(|verdict| verdict.fault.to_string()).unwrap_or_default();
            if !mistake.is_said_by(&first) {
                missed.push(format!("{} {:?} ({}): {first}", function.name, mistake.slips, mistake.kind));
            }
        }
    }
    assert!(tried > 70 && missed.len() * 7 <= tried, "{} of {tried} missed:\n{}", missed.len(), missed.join("\n"));
}

//! How a verdict ends: the line as it stands, and as it should read. The text that is expected is the source of the right
//! rule itself, which is checked, too.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

/// An expression as it is written, in one line.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(" )", ")")
}

/// What the first verdict on the wrong rule offers.
#[track_caller]
fn offered(report: &Report) -> (String, String) {
    let verdict = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"));
    let mend = verdict.mends.first().unwrap_or_else(|| panic!("no mend:\n{report}"));
    let printed = format!("`{}` should read `{}`", mend.stands, mend.reads);
    let last = verdict.to_string().lines().last().unwrap().trim().to_owned();
    assert!(last.starts_with(&printed), "{last}");
    (mend.stands.clone(), mend.reads.clone())
}

/// A function with a rule for its first input that `wrong`ly reads as it should not; `others` are the other gradients.
/// The verdict's texts must be these two expressions, and the second must pass.
macro_rules! reads {
    ($inputs:expr, |$x:ident, $z:ident, $dz:ident| forward $forward:expr, $(let $name:ident = $value:expr;)*
     wrong $wrong:expr, right $right:expr $(, others [$($other:expr),*])?) => {{
        let rule = |of: for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>| hand(|$x| vec![$forward], of);
        let right = rule(|Backward { x: $x, z: $z, dz: $dz, .. }| {
            let _ = ($x, $z, $dz);
            $(let $name = $value;)*
            let by_x = $right;
            vec![Some(by_x) $($(, Some($other))*)?]
        });
        let report = check::function(right, &$inputs).run().unwrap();
        assert!(report.passed(), "{report}");
        let wrong = rule(|Backward { x: $x, z: $z, dz: $dz, .. }| {
            let _ = ($x, $z, $dz);
            $(let $name = $value;)*
            let by_x = $wrong;
            vec![Some(by_x) $($(, Some($other))*)?]
        });
        let report = check::function(wrong, &$inputs).run().unwrap();
        assert!(!report.passed(), "{report}");
        assert_eq!(offered(&report), (plain(stringify!($wrong)), plain(stringify!($right))), "{report}");
    }};
}

#[test]
fn a_factor_an_operand_and_a_sign_are_put_where_they_belong() {
    reads!([numbers([2, 3], 0.0)], |x, z, dz| forward x[0].tanh(),
        wrong dz[0] * (1.0 - x[0] * x[0]), right dz[0] * (1.0 - z[0] * z[0]));
    reads!([numbers([2, 3], 0.0)], |x, z, dz| forward x[0].sigmoid(),
        wrong dz[0] * z[0], right dz[0] * z[0] * (1.0 - z[0]));
    reads!([numbers([2, 3], 0.0), numbers([2, 3], 1.0)], |x, z, dz| forward x[0].sin() * x[1],
        wrong dz[0] * x[0].sin() * x[1], right dz[0] * x[0].cos() * x[1], others [dz[0] * x[0].sin()]);
    reads!([numbers([2, 3], 0.0), numbers([2, 3], 1.0)], |x, z, dz| forward x[0].square() * x[1] - x[0].exp(),
        wrong dz[0] * (x[0] * x[1] * 2.0 + x[0].exp()), right dz[0] * (x[0] * x[1] * 2.0 - x[0].exp()),
        others [dz[0] * x[0].square()]);
}

#[test]
fn a_constant_is_written_as_rust() {
    reads!([numbers([2, 3], 0.0)], |x, z, dz| forward x[0] * x[0] * x[0],
        wrong dz[0] * x[0] * x[0] * 2.0, right dz[0] * x[0] * x[0] * 3.0);
    reads!([numbers([2, 3], 0.0), numbers([2, 3], 1.0)], |x, z, dz| forward (x[0] * 0.25).exp() * x[1],
        wrong dz[0] * z[0] / 5.0 + x[1] * 0.0, right dz[0] * z[0] / 4.0 + x[1] * 0.0, others [dz[0] * (x[0] * 0.25).exp()]);
}

#[test]
fn a_transposition_and_another_axis_are_methods() {
    reads!([numbers([3, 3], 0.0), numbers([3, 3], 1.0)], |x, z, dz| forward x[0].matmul(x[1]),
        wrong dz[0].matmul(x[1]), right dz[0].matmul(x[1].transpose(0, 1)),
        others [x[0].transpose(0, 1).matmul(dz[0])]);
    reads!([numbers([3, 3], 0.0)], |x, z, dz| forward x[0].softmax(1),
        wrong z[0] * (dz[0] - (z[0] * dz[0]).sum_axes(&[0], true)),
        right z[0] * (dz[0] - (z[0] * dz[0]).sum_axes(&[1], true)));
}

#[test]
fn values_of_other_lines_go_by_the_names_of_the_source() {
    let rule = hand(
        |x| vec![x[0].sin() * x[0] * x[1]],
        |Backward { x, dz, .. }| {
            let s = x[0].sin();
            let slope = x[0] * x[0].cos() + s;
            let by_x = dz[0] * slope;
            vec![Some(by_x), Some(dz[0] * s * x[0])]
        },
    );
    let report = check::function(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0)]).run().unwrap();
    assert_eq!(offered(&report), ("dz[0] * slope".to_owned(), "dz[0] * slope * x[1]".to_owned()), "{report}");
}

#[test]
fn in_a_loop_each_iteration_reads_the_names_of_the_one_before() {
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
            let mut carried = dz[0] * 1.0;
            let mut by_w = dz[0] * 0.0;
            for k in (0..3).rev() {
                let da = carried * states[k + 1];
                by_w = by_w + da * states[k];
                carried = da * x[1];
            }
            vec![Some(carried), Some(by_w)]
        },
    );
    let report = check::function(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0)]).run().unwrap();
    for mend in report.verdicts.iter().flat_map(|v| &v.mends) {
        assert!(mend.stands.chars().count() < 100 && mend.stands != mend.reads, "{report}");
    }
}

#[test]
fn two_mistakes_up_to_a_number_are_told_as_the_last_resort() {
    let rule = hand(
        |x| vec![x[0] * (-x[0].square().mean()).exp()],
        |Backward { x, z, dz, .. }| vec![Some(dz[0] * z[0] / x[0] * 0.5)],
    );
    let report = check::function(rule, &[numbers([2, 3], 0.0)]).run().unwrap();
    let said = report.verdict().unwrap().to_string();
    assert!(said.contains("two mistakes: ") && said.contains("0.5"), "{report}");
}

#[test]
fn a_rule_that_is_right_for_symmetric_upstream_gradients_alone_is_told() {
    let told = |rule: Hand| {
        let report = check::function(rule, &[numbers([4, 3], 0.0)]).run().unwrap();
        report.verdict().unwrap().to_string()
    };
    // With one product, it is one value of the rule.
    let once = told(hand(
        |x| vec![x[0].matmul(x[0].transpose(0, 1)).exp()],
        |Backward { x, z, dz, .. }| vec![Some((dz[0] * z[0]).matmul(x[0]) * 2.0)],
    ));
    assert!(once.contains("the result of `mul` is taken for symmetric"), "{once}");
    // With three, it is what the rule receives.
    let thrice = told(hand(
        |x| vec![x[0].matmul(x[0].transpose(0, 1))],
        |Backward { x, dz, .. }| {
            let first = dz[0].matmul(x[0].narrow(1, 0, 1));
            let second = dz[0].matmul(x[0].narrow(1, 1, 1));
            let third = dz[0].matmul(x[0].narrow(1, 2, 1));
            vec![Some(Var::concat(&[first, second, third], 1) * 2.0)]
        },
    ));
    assert!(thrice.contains("upstream gradient 0 is taken for symmetric"), "{thrice}");
}

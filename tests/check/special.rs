//! Kinks, staircases, second derivatives and lines: what the checker says where a plain difference misleads.

use wengert::{
    Backward, Function, Tensor, Var,
    check::{self, Fault, Outcome},
};

/// |x| with a derivative by hand.
struct Magnitude(for<'t> fn(Var<'t>) -> Var<'t>);

impl Function for Magnitude {
    fn name(&self) -> &str {
        "magnitude"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].abs()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * (self.0)(x[0]))]
    }
}

#[test]
fn a_rule_may_choose_any_slope_of_a_kink() {
    let at = [Tensor::from([0.0, 1.0, -2.0])];
    for convention in [0.0, 1.0, -1.0, 0.5] {
        let report = match convention {
            0.0 => check::function(Magnitude(|x| x.sign()), &at).run(),
            1.0 => check::function(Magnitude(|x| x.ge(0.0) * 2.0 - 1.0), &at).run(),
            -1.0 => check::function(Magnitude(|x| x.gt(0.0) * 2.0 - 1.0), &at).run(),
            _ => check::function(Magnitude(|x| x.sign() + x.eq(0.0) * 0.5), &at).run(),
        };
        let report = report.unwrap();
        assert!(report.passed(), "{report}");
        assert_eq!(report.verdict().unwrap().fault, Fault::Kink);
    }
    let beyond = check::function(Magnitude(|x| x.sign() + x.eq(0.0) * 1.5), &at).run().unwrap();
    assert!(!beyond.passed(), "1.5 is no slope of |x|: {beyond}");
}

#[test]
fn a_wrong_rule_does_not_hide_in_a_kink() {
    let report = check::function(Magnitude(|x| x * 0.0), &[Tensor::from([0.0])]).run().unwrap();
    let Some(Outcome::Failed(why)) = report.outcome("manual = tape") else { panic!("{report}") };
    assert!(why.starts_with("beside the kinks the gradient by input 0 differs by"), "{why}");
    assert_eq!(report.verdict().unwrap().fault, Fault::Missing, "{report}");

    let right = check::function(Magnitude(|x| x.sign()), &[Tensor::from([0.0])]).run().unwrap();
    let Some(Outcome::Passed(detail)) = right.outcome("manual = tape") else { panic!("{right}") };
    assert!(detail.ends_with("and beside the kinks"), "{detail}");
}

/// 1 where x > 0, else 0, with the derivative 1.
struct Step;

impl Function for Step {
    fn name(&self) -> &str {
        "step"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].gt(0.0) * 1.0]
    }

    fn backward<'t>(&self, Backward { dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0])]
    }
}

#[test]
fn a_comparison_passed_by_is_named_with_the_line_of_the_comparison() {
    let report = check::function(Step, &[Tensor::from([0.3, -1.0])]).run().unwrap();
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault.name(), "straight-through", "{report}");
    assert_eq!(verdict.line.as_ref().unwrap().file, file!());
    let Some(Outcome::Failed(why)) = report.outcome("manual = tape") else { panic!("{report}") };
    assert!(why.starts_with("the gradient by input 0 is 0, and as large as "), "{why}");
}

/// x² with 2x as a plain number, which has no derivative.
struct Square;

impl Function for Square {
    fn name(&self) -> &str {
        "square"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[0]]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let twice = (x[0] * 2.0).detach();
        vec![Some(dz[0] * twice)]
    }
}

#[test]
fn a_second_derivative_that_was_cut_is_named() {
    let report = check::function(Square, &[Tensor::from([0.3, -1.0])]).run().unwrap();
    let Some(Outcome::Failed(_)) = report.outcome("second order") else { panic!("{report}") };
    let verdict = report.verdict().unwrap();
    assert_eq!((verdict.fault.name(), &verdict.of[..]), ("forgotten path", &["the second derivative".to_owned()][..]));
    assert_eq!(verdict.fault, Fault::ForgottenPath { node: "mul".to_owned() });
    assert_eq!(verdict.line.as_ref().unwrap().file, file!());
}

/// x² that returns no gradient at all.
struct Silent;

impl Function for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[0]]
    }

    fn backward<'t>(&self, _: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![None]
    }
}

#[test]
fn without_a_line_of_the_rule_the_line_of_the_check_is_named() {
    let (line, report) = (line!(), check::function(Silent, &[Tensor::from([0.3, -1.0])]).run().unwrap());
    let named = report.verdict().unwrap().line.as_ref().unwrap();
    assert_eq!((named.file.as_str(), named.line), (file!(), line));
}

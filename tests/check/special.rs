//! Kinks, staircases, second derivatives and lines: what the checker says where a plain difference misleads.

use wengert::{
    Backward, DType, Function, Tensor, Var,
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
    assert!(detail.contains("and beside the kinks"), "{detail}");
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

/// Σ (a − b)⁴, whose derivative by hand takes the cube for a constant if it is `cut`.
struct Distance {
    cut: bool,
}

impl Function for Distance {
    fn name(&self) -> &str {
        "distance"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![(x[0] - x[1]).pow(4.0).sum()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let cube = (x[0] - x[1]).pow(3.0);
        let cube = if self.cut { cube.detach() } else { cube };
        vec![Some(dz[0] * 4.0 * cube), Some(dz[0] * -4.0 * cube)]
    }
}

fn wave(step: f64) -> Tensor {
    Tensor::from_fn([4, 3], DType::F64, |i| ((i as f64 + 1.0) * step).sin())
}

#[test]
fn a_second_derivative_along_which_all_inputs_move_alike_is_not_the_only_one_tried() {
    // A common shift of both inputs changes nothing.
    let inputs = [wave(2.39), wave(1.71)];
    let report = check::function(Distance { cut: false }, &inputs).run().unwrap();
    assert!(matches!(report.outcome("second order"), Some(Outcome::Passed(_))), "{report}");
    let report = check::function(Distance { cut: true }, &inputs).run().unwrap();
    assert!(matches!(report.outcome("second order"), Some(Outcome::Failed(_))), "{report}");
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault, Fault::ForgottenPath { node: "pow".to_owned() }, "{report}");
    assert_eq!(verdict.of, ["the second derivative"], "{report}");
    // The triplet loss depends on two differences of three inputs.
    fn triplet<'t>(x: &[Var<'t>]) -> Var<'t> {
        let apart = |k: usize| (x[0] - x[k]).square().sum_axes(&[1], true);
        (apart(1) - apart(2) + 0.5).relu().mean()
    }
    let report = check::gradcheck(triplet, &[wave(2.39), wave(1.71), wave(0.83)]).unwrap();
    assert!(matches!(report.outcome("second order"), Some(Outcome::Passed(_))), "{report}");
}

#[test]
fn a_gradient_that_does_not_depend_on_the_input_is_said_to_have_no_second_order() {
    let report = check::gradcheck(|x| (x[0] - 2.0 * x[1]).sum(), &[wave(2.39), wave(1.71)]).unwrap();
    let why = "the gradient does not depend on the input".to_owned();
    assert_eq!(report.outcome("second order"), Some(&Outcome::NotApplicable(why)), "{report}");
}

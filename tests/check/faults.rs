//! Every fault, put into a rule by hand, is caught and named: a test of the tester.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Fault, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

fn report(rule: Hand, inputs: &[Tensor]) -> Report {
    check::function(rule, inputs).run().unwrap()
}

/// The first verdict, which must be a fault of a rule that failed.
#[track_caller]
fn fault(rule: Hand, inputs: &[Tensor]) -> (Fault, Report) {
    let report = report(rule, inputs);
    assert!(!report.passed(), "a wrong rule passed:\n{report}");
    let fault = report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}")).fault.clone();
    (fault, report)
}

/// The line of this file on which `text` stands.
fn line_of(text: &str) -> u32 {
    let source = include_str!("faults.rs");
    source.lines().position(|line| line.contains(text) && !line.contains("line_of")).unwrap() as u32 + 1
}

fn product<'t>(x: &[Var<'t>]) -> Vec<Var<'t>> {
    vec![x[0].matmul(x[1])]
}

#[test]
fn a_flipped_sign_is_named_with_its_line() {
    let rule = hand(
        |x| vec![x[0].sin()],
        |Backward { x, dz, .. }| {
            let slope = -x[0].cos(); // flipped here
            vec![Some(dz[0] * slope)]
        },
    );
    let (fault, report) = fault(rule, &[numbers([2, 3], 0.0)]);
    assert_eq!(fault, Fault::SignFlipped, "{report}");
    let line = report.verdict().unwrap().line.clone().unwrap();
    assert!(line.file.ends_with("faults.rs"), "{line}");
    assert!((line.line as i64 - line_of("flipped here") as i64).abs() <= 1, "{line}");
}

#[test]
fn a_factor_is_named_from_the_shapes() {
    let rule = hand(
        |x| vec![(x[0] * x[0]).sum() / x[0].shape()[0] as f64],
        |Backward { x, dz, .. }| vec![Some(x[0] * dz[0] * 2.0)],
    );
    let (fault, report) = fault(rule, &[numbers([7, 3], 1.0)]);
    let Fault::Factor { k, names } = fault else { panic!("{report}") };
    assert!((k - 7.0).abs() < 1e-9, "{k}");
    assert_eq!(names, ["7, the size of axis 0 of its input"]);
}

#[test]
fn transposed_and_permuted_gradients_are_named() {
    let square = [numbers([4, 4], 0.0), numbers([4, 4], 1.0)];
    let rule = hand(product, |Backward { x, dz, .. }| {
        vec![Some(x[1].matmul(dz[0].transpose(0, 1))), Some(x[0].transpose(0, 1).matmul(dz[0]))]
    });
    let (fault_found, report) = fault(rule, &square);
    assert_eq!(fault_found, Fault::Transposed, "{report}");
    assert_eq!(report.verdict().unwrap().of, ["input 0"]);
    let rule = hand(|x| vec![x[0] * x[0]], |Backward { x, dz, .. }| vec![Some((dz[0] * x[0] * 2.0).transpose(0, 2))]);
    let (fault_found, report) = fault(rule, &[numbers([3, 2, 3], 0.0)]);
    assert_eq!(fault_found, Fault::PermutedAxes { how: "axes 0 and 2 are exchanged".to_owned() }, "{report}");
    let rule = hand(|x| vec![x[0] * x[0]], |Backward { x, dz, .. }| vec![Some((dz[0] * x[0] * 2.0).flip(&[1]))]);
    let (fault_found, _) = fault(rule, &[numbers([2, 5], 0.0)]);
    assert_eq!(fault_found, Fault::PermutedAxes { how: "it is turned around along axes [1]".to_owned() });
}

#[test]
fn reductions_too_few_too_many_and_over_the_wrong_axis_are_named() {
    let inputs = [numbers([4, 5], 0.0), numbers([5], 1.0)];
    let rule = hand(|x| vec![x[0] * x[1]], |Backward { x, dz, .. }| vec![Some(dz[0] * x[1]), Some(dz[0] * x[0])]);
    let (found, report) = fault(rule, &inputs);
    assert_eq!(found, Fault::MissingReduction { how: "the sum over axis 0".to_owned() }, "{report}");
    let square = [numbers([5, 5], 0.0), numbers([5], 1.0)];
    let rule = hand(
        |x| vec![x[0] * x[1]],
        |Backward { x, dz, .. }| vec![Some(dz[0] * x[1]), Some((dz[0] * x[0]).sum_axes(&[1], false))],
    );
    let (found, report) = fault(rule, &square);
    assert_eq!(found, Fault::WrongAxis { how: "summed over axis 1 instead of axis 0".to_owned() }, "{report}");
    let rule = hand(
        |x| vec![x[0].exp()],
        |Backward { z, dz, .. }| {
            let mean = (dz[0] * z[0]).mean_axes(&[0], true);
            vec![Some(mean.broadcast_to(z[0].shape()))]
        },
    );
    let (found, report) = fault(rule, &inputs[..1]);
    assert_eq!(found, Fault::ExtraReduction { how: "it is averaged over axis 0".to_owned() }, "{report}");
}

#[test]
fn an_upstream_gradient_that_is_ignored_or_squared_is_named() {
    let rule = hand(|x| vec![x[0].exp()], |Backward { z, .. }| vec![Some(z[0] * 1.0)]);
    let (found, report) = fault(rule, &[numbers([2, 3], 0.0)]);
    assert_eq!(found, Fault::UpstreamIgnored, "{report}");
    let rule =
        hand(|x| vec![x[0].exp()], |Backward { z, dz, .. }| vec![Some(z[0] * dz[0] * dz[0].abs() * dz[0].sin())]);
    let (found, report) = fault(rule, &[numbers([2, 3], 0.0)]);
    assert_eq!(found, Fault::UpstreamNotLinear, "{report}");
}

#[test]
fn values_taken_for_each_other_are_named() {
    let rule = hand(
        |x| vec![(x[0].exp() - (-x[0]).exp()) / (x[0].exp() + (-x[0]).exp())],
        |Backward { x, dz, .. }| vec![Some(dz[0] * (1.0 - x[0] * x[0]))],
    );
    let (found, report) = fault(rule, &[numbers([2, 3], 0.0)]);
    assert_eq!(found, Fault::MixedUp { used: "input 0".to_owned(), wanted: "output 0".to_owned() }, "{report}");
}

#[test]
fn a_forgotten_path_is_named_with_the_node_and_its_line() {
    let rule = hand(
        |x| {
            let mean = x[0].mean_axes(&[1], true); // the node that was forgotten
            vec![(x[0] - mean).exp()]
        },
        |Backward { z, dz, .. }| vec![Some(dz[0] * z[0])], // the rule that forgot it
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    let Fault::ForgottenPath { .. } = found else { panic!("{report}") };
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.line.clone().unwrap().line, line_of("the rule that forgot it"), "{report}");
    let node = line_of("the node that was forgotten");
    let named = |line: u32| verdict.evidence[0].contains(&format!("faults.rs:{line}"));
    assert!(named(node) || named(node + 1), "{report}");
}

#[test]
fn a_node_taken_for_the_identity_is_named() {
    let rule = hand(|x| vec![x[0].cos() * 3.0], |Backward { dz, .. }| vec![Some(dz[0] * 3.0)]);
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    assert_eq!(found, Fault::StraightThrough { node: "cos".to_owned() }, "{report}");
}

#[test]
fn a_dropped_term_is_named() {
    // d (x² sin x) = 2x sin x + x² cos x.
    let rule = hand(
        |x| vec![x[0].square() * x[0].sin()],
        |Backward { x, dz, .. }| vec![Some(dz[0] * x[0] * x[0].sin() * 2.0)],
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    assert!(matches!(found, Fault::ForgottenPath { .. } | Fault::DroppedTerm { .. }), "{report}");
    // A single operation has no separate paths: logsumexp hides them. The term is read off the difference.
    let rule = hand(|x| vec![x[0].softmax(1)], |Backward { z, dz, .. }| vec![Some(z[0] * dz[0])]);
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    assert!(matches!(found, Fault::DroppedTerm { .. }), "{report}");
}

#[test]
fn a_region_is_named_by_value_and_by_place() {
    let rule = hand(
        |x| vec![x[0].relu() + x[0].min(0.0).exp_m1() * 0.3],
        |Backward { x, dz, .. }| vec![Some(x[0].gt(0.0).select(dz[0], 0.0))],
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    let described = report.verdicts.iter().find_map(|v| match &v.fault {
        Fault::Region { condition, there } => Some((condition.clone(), there.clone())),
        _ => None,
    });
    assert_eq!(described, Some(("input 0 ≤ 0".to_owned(), "0".to_owned())), "{found:?}\n{report}");
    let rule = hand(
        |x| vec![x[0] * x[0]],
        |Backward { x, dz, .. }| {
            let inner = x[0].narrow(0, 1, 3).narrow(1, 1, 4).pad(&[(1, 1), (1, 1)], 0.0);
            vec![Some(dz[0] * inner * 2.0)]
        },
    );
    let (found, report) = fault(rule, &[numbers([5, 6], 0.3)]);
    let place = "at the border of the image (axes 0 and 1)".to_owned();
    assert_eq!(found, Fault::Region { condition: place, there: "0".to_owned() }, "{report}");
}

#[test]
fn a_wrong_operation_is_named_with_its_line() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1].square()],
        |Backward { x, dz, .. }| {
            let dx = dz[0] * x[0].sin() * x[1].square(); // sin where cos belongs
            vec![Some(dx), Some(dz[0] * x[0].sin() * x[1] * 2.0)]
        },
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0), numbers([3, 4], 1.0)]);
    assert_eq!(found, Fault::WrongOperation { edit: "it has `sin` where `cos` belongs".to_owned() }, "{report}");
    assert_eq!(report.verdict().unwrap().line.clone().unwrap().line, line_of("sin where cos belongs"));
}

#[test]
fn numbers_that_are_not_finite_are_traced_to_their_operation() {
    let rule = hand(
        |x| vec![x[0].abs()],
        |Backward { x, dz, .. }| vec![Some(dz[0] * x[0] / x[0].abs())], // 0/0 at 0
    );
    let report = report(rule, &[Tensor::from([1.0, 0.0, -2.0])]);
    assert!(!report.passed(), "{report}");
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault, Fault::NonFinite { operation: "div".to_owned() }, "{report}");
    assert_eq!(verdict.line.clone().unwrap().line, line_of("0/0 at 0"));
}

#[test]
fn digits_lost_are_counted() {
    let rule = hand(
        |x| vec![x[0].exp()],
        |Backward { z, dz, .. }| {
            let rounded = z[0].value().cast(DType::F32).cast(DType::F64);
            vec![Some(dz[0] * z[0].tape().constant(rounded))]
        },
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    let Fault::Precision { digits } = found else { panic!("{report}") };
    assert!((7.0..8.5).contains(&digits), "{digits}");
}

#[test]
fn what_no_known_fault_explains_is_said_to_be_unexplained() {
    let rule = hand(
        |x| vec![x[0].exp()],
        |Backward { x, dz, .. }| vec![Some((dz[0] * 0.37).sin() * (x[0] * 1.7 + 0.2).cos() / 0.37)],
    );
    let report = report(rule, &[numbers([3, 4], 0.0)]);
    assert!(!report.passed());
    let names: Vec<&str> = report.verdicts.iter().map(|v| v.fault.name()).collect();
    assert!(names.contains(&"upstream not linear") || names.contains(&"no known fault"), "{names:?}");
    let rule = hand(
        |x| vec![x[0].exp()],
        |Backward { x, dz, .. }| vec![Some(dz[0] * (x[0] * 1.7 + 0.2).cos() * (x[0] * 0.3).exp())],
    );
    let (found, report) = fault(rule, &[numbers([3, 4], 0.0)]);
    assert_eq!(found, Fault::Unknown, "{report}");
    assert!(report.verdict().unwrap().evidence[0].contains("elements differ"), "{report}");
}

//! What a verdict says besides the name of the fault: which output, whose rule, where else, under which condition.

use wengert::{
    Backward, DType, Result, Saved, Shape, Tensor,
    check::{self, Fault, Report, Verdict},
    ops::{Grads, Op, Vjp},
};

use crate::hand::hand;

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

/// The line of this file that ends with a comment.
fn at(comment: &str) -> String {
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let line = include_str!("particulars.rs").lines().position(ends).unwrap() + 1;
    format!("{}:{line}", file!())
}

#[track_caller]
fn first(report: &Report) -> &Verdict {
    assert!(!report.passed(), "{report}");
    report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"))
}

/// x³ on plain numbers, with the slope 2 x².
struct Cube;

impl Op for Cube {
    fn name(&self) -> &str {
        "cube"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let numbers = x[0].to_vec();
        Ok(Tensor::from_fn(shape, x[0].dtype(), |i| numbers[i].powi(3)))
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let slope = |x: f64, dz: f64| 2.0 * x * x * dz;
        let rule = |x: &[Tensor], _: &Tensor, dz: &Tensor| {
            let (x, upstream) = (x[0].to_vec(), dz.to_vec());
            Ok(vec![Some(Tensor::from_fn(dz.shape().clone(), dz.dtype(), |i| slope(x[i], upstream[i])))])
        };
        at.once("cube", rule) // the rule of the operation
    }
}

#[test]
fn a_wrong_rule_on_plain_numbers_is_named_at_its_own_line_and_blames_no_difference() {
    let report = check::gradcheck(
        |x| x[0].tape().record(Cube, &[x[0]]).unwrap(), // recorded
        &[Tensor::from([1.0, 2.0, -0.7])],
    );
    let report = report.unwrap();
    let verdict = first(&report);
    let Fault::Factor { k, .. } = verdict.fault else { panic!("{report}") };
    assert!((k - 2.0 / 3.0).abs() < 1e-6, "{report}");
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), at("the rule of the operation"), "{report}");
    assert_eq!(*verdict.evidence.last().unwrap(), format!("the operation is recorded at {}", at("recorded")));
    assert!(report.verdicts.iter().all(|v| v.fault != Fault::StepSize), "the differences are right: {report}");
}

#[test]
fn a_nan_that_only_the_rule_makes_is_traced_to_the_line_of_the_rule() {
    // Right at the inputs; at 0 it is 0/0, where the slope of `abs` itself is finite.
    let rule = hand(
        |x| vec![x[0].abs()],
        |Backward { x, dz, .. }| {
            let sign = x[0] / x[0].abs(); // 0/0
            vec![Some(dz[0] * sign)]
        },
    );
    let report = check::function(rule, &[numbers([2, 3], 0.0)]).run().unwrap();
    let verdict = first(&report);
    assert_eq!(verdict.fault, Fault::NonFinite { operation: "div".to_owned() }, "{report}");
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), at("0/0"), "{report}");
}

#[test]
fn the_same_fault_in_two_gradients_keeps_both_lines() {
    let rule = hand(
        |x| vec![x[0] * x[1].sin()],
        |Backward { x, dz, .. }| {
            let by_a = -(dz[0] * x[1].sin()); // first sign
            let by_b = -(dz[0] * x[0] * x[1].cos()); // second sign
            vec![Some(by_a), Some(by_b)]
        },
    );
    let report = check::function(rule, &[numbers([2, 3], 0.0), numbers([2, 3], 1.0)]).run().unwrap();
    let verdict = first(&report);
    assert_eq!((&verdict.fault, &verdict.of[..]), (&Fault::SignFlipped, &["input 0".into(), "input 1".into()][..]));
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), at("first sign"), "{report}");
    let other = format!("input 1, at {}: it is −1 times the true one to ", at("second sign"));
    assert!(verdict.evidence.iter().any(|sentence| sentence.starts_with(&other)), "{report}");
}

#[test]
fn an_upstream_gradient_that_is_not_used_is_told_from_the_others() {
    let rule = hand(|x| vec![x[0].sin(), x[0].exp() * x[0]], |Backward { x, dz, .. }| vec![Some(dz[0] * x[0].cos())]);
    let report = check::function(rule, &[numbers([2, 3], 0.0)]).run().unwrap();
    assert_eq!(first(&report).fault.to_string(), "the upstream gradient of output 1 is ignored", "{report}");
}

#[test]
fn a_condition_that_forward_computes_describes_a_region() {
    // Which elements are wrong depends on two inputs together, through a mask.
    let rule = hand(
        |x| {
            let larger = x[0].gt(x[1]); // the mask
            vec![larger.select(x[0].square() * x[2], x[1] * x[2])]
        },
        |Backward { x, dz, .. }| {
            let larger = x[0].gt(x[1]);
            vec![
                Some(larger.select(dz[0] * x[0] * x[2] * 2.0, 0.0)),
                Some(larger.select(0.0, dz[0] * x[2])),
                Some(larger.select(dz[0] * x[0].square(), dz[0] * 0.0)),
            ]
        },
    );
    let wave = |step: f64| Tensor::from_fn([4, 5], DType::F64, |i| ((i as f64 + 1.0) * step).cos() + 0.05);
    let inputs = [wave(2.39), wave(1.71), wave(0.83)];
    let report = check::function(rule, &inputs).run().unwrap();
    let regions: Vec<String> = report.verdicts.iter().map(|v| v.fault.to_string()).collect();
    let wanted = format!("wrong only where `gt` ({}) is false: there it is 0", at("the mask"));
    assert!(regions.contains(&wanted), "{report}");
}

//! What a verdict says can be read without knowing how the checker works: one mend once, whole words, counts that agree.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Fault, Outcome, Report},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.6 * ((i as f64 + 1.0) * 2.39 + seed).sin() + 0.1)
}

fn report(rule: Hand, inputs: &[Tensor]) -> Report {
    let report = check::function(rule, inputs).run().unwrap();
    assert!(!report.passed(), "{report}");
    report
}

/// The line of this file that ends with the comment.
fn at(comment: &str) -> String {
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let line = include_str!("clear.rs").lines().position(ends).unwrap() + 1;
    format!("{}:{line}", file!())
}

#[test]
fn a_plain_factor_is_one_verdict_with_one_mend() {
    let rule = hand(
        |x| vec![x[0].sin() * x[1] * x[2]],
        |Backward { x, dz, .. }| {
            let g = dz[0] * 0.5; // half
            let product = g * x[0].sin();
            vec![Some(g * x[0].cos() * x[1] * x[2]), Some(product * x[2]), Some(product * x[1])]
        },
    );
    let report = report(rule, &[numbers([3, 5], 0.0), numbers([3, 5], 1.0), numbers([3, 5], 2.0)]);
    let [verdict] = &report.verdicts[..] else { panic!("{report}") };
    let digits = (-verdict.residual.max(1e-16).log10()).floor();
    let text = format!(
        "inputs 0, 1 and 2 of `by hand`: it is 0.500000 times the true one: a factor of a plain 1/2 ({})\n    \
         it is 0.500000000 times the true one to {digits} digits, for every element\n    \
         `dz[0] * 0.5` should read `dz[0]`",
        at("half")
    );
    assert_eq!(verdict.to_string(), text);
}

#[test]
fn a_mend_stands_below_the_first_of_several_explanations_alone() {
    // −(1 − p)² ln p, whose second term has (1 − p)³.
    let rule = hand(
        |x| vec![-((1.0 - x[0].sigmoid()).square() * x[0].log_sigmoid())],
        |Backward { x, dz, .. }| {
            let p = x[0].sigmoid();
            let q = 1.0 - p;
            vec![Some(dz[0] * (2.0 * p * q.square() * x[0].log_sigmoid() - q.square()))] // q³
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0)]);
    let verdict = report.verdict().unwrap();
    assert!(matches!(verdict.fault, Fault::MissingFactor { .. }), "{report}");
    assert_eq!(verdict.line.as_ref().unwrap().to_string(), at("q³"), "{report}");
    assert!(verdict.mends[0].reads.ends_with("- q.square() * q)"), "{report}");
    assert!(report.verdicts.len() > 1 && report.verdicts[1..].iter().all(|v| v.mends.is_empty()), "{report}");
}

#[test]
fn a_branch_of_the_rule_is_named_instead_of_indices() {
    // The pinball loss, with the wrong sign below the target.
    let rule = hand(
        |x| {
            let r = x[1] - x[0];
            vec![(0.9 * r).max(-0.1 * r).mean()]
        },
        |Backward { x, dz, .. }| {
            let above = (x[1] - x[0]).gt(0.0); // the branch
            let g = dz[0] * above.select(0.9, 0.1) / 7.0;
            vec![Some(-g), Some(g)]
        },
    );
    let report = report(rule, &[numbers([7], 0.0), numbers([7], 1.0)]);
    let said =
        format!("wrong only where the rule's `gt` ({}) is false: there it is −1 times the true one", at("the branch"));
    assert_eq!(report.verdict().unwrap().fault.to_string(), said, "{report}");
}

#[test]
fn a_place_needs_no_where() {
    let rule = hand(
        |x| vec![x[0].square()],
        |Backward { x, dz, .. }| {
            let but_two = Tensor::from([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
            vec![Some(dz[0] * x[0] * 2.0 * x[0].tape().constant(&but_two))]
        },
    );
    let report = report(rule, &[numbers([6], 0.0)]);
    let verdict = report.verdict().unwrap();
    let said = "wrong only at indices 0 and 3 of axis 0: there it is −1 times the true one";
    assert_eq!(verdict.fault.to_string(), said, "{report}");
    assert_eq!(verdict.evidence[0], "2 of 6 elements are wrong, and all others right", "{report}");
}

/// softmax(a bᵀ / √d) c
fn attention<'t>(x: &[Var<'t>]) -> Vec<Var<'t>> {
    let d = x[0].shape()[1] as f64;
    let a = (x[0].matmul(x[1].transpose(0, 1)) / d.sqrt()).softmax(1);
    vec![a.matmul(x[2]), a]
}

#[test]
fn a_factor_may_be_the_root_of_a_size() {
    let rule = hand(
        |x| attention(x)[..1].to_vec(),
        |Backward { x, dz, .. }| {
            let a = attention(x)[1];
            let da = dz[0].matmul(x[2].transpose(0, 1));
            let ds = a * (da - (da * a).sum_axes(&[1], true)); // without 1/√d
            vec![Some(ds.matmul(x[1])), Some(ds.transpose(0, 1).matmul(x[0])), Some(a.transpose(0, 1).matmul(dz[0]))]
        },
    );
    // √4 is 3 − 1, too.
    let report = report(rule, &[numbers([3, 4], 0.0), numbers([3, 4], 1.0), numbers([3, 4], 2.0)]);
    let said = report.verdict().unwrap().fault.to_string();
    assert!(said.contains("√4, the root of the size of axis 1 of its input"), "{report}");
    assert!(!report.to_string().contains("less 1"), "{report}");
}

#[test]
fn a_factor_that_no_size_explains_is_written_as_a_person_writes_it() {
    let rule = hand(|x| vec![x[0].sin()], |Backward { x, dz, .. }| vec![Some(dz[0] * x[0].cos() / 3f64.sqrt())]);
    let said = report(rule, &[numbers([5], 0.0)]).verdict().unwrap().fault.to_string();
    assert_eq!(said, "it is 0.577350 times the true one: a factor of 1/√3");
}

#[test]
fn what_is_not_linear_in_the_upstream_gradient_is_measured_in_whole_sentences() {
    let rule =
        hand(|x| vec![x[0].sin()], |Backward { x, dz, .. }| vec![Some((dz[0].exp() + dz[0].square()) * x[0].cos())]);
    let report = report(rule, &[numbers([2, 3], 0.0)]);
    let verdict =
        report.verdicts.iter().find(|v| v.fault == Fault::UpstreamNotLinear).unwrap_or_else(|| panic!("{report}"));
    let twice = "twice the upstream gradient should give twice the answer: the two differ by ";
    assert!(verdict.evidence[0].starts_with(twice), "{report}");
    let nothing = "for an upstream gradient of 0, it is as large as ";
    let largest = verdict.evidence[1].strip_prefix(nothing).unwrap_or_else(|| panic!("{report}"));
    let Some(Outcome::Failed(why)) = report.outcome("zero upstream gives zero") else { panic!("{report}") };
    assert_eq!(*why, format!("for an upstream gradient of 0, a gradient is as large as {largest}"));
}

#[test]
fn counts_agree_in_number() {
    let rule = hand(|x| vec![x[0].sin()], |Backward { x, dz, .. }| vec![Some(dz[0] * x[0].cos())]);
    let report = check::function(rule, &[numbers([1], 0.0)]).run().unwrap();
    assert!(report.passed(), "{report}");
    let said = |name: &str| match report.outcome(name) {
        Some(Outcome::Passed(what)) => what.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(said("announced shapes are those of the values"), "1 output, computed at once and when needed");
    assert_eq!(said("no value carried between calls"), "1 rule asked after other calls");
    assert_eq!(said("zero upstream gives zero"), "the only number");
    assert_eq!(said("gradients have the sizes of their inputs"), "of 1 gradient");
    assert!(said("manual = tape").ends_with(", in 1 batch"), "{report}");
}

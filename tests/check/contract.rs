//! Rules and layers that break the contract: each gets a clear sentence.

use std::sync::Mutex;

use wengert::{
    Backward, DType, Error, Function, Param, Result, Saved, Shape, Tensor, Var,
    check::{self, Constraint, Fault, Outcome},
    nn::Layer,
    ops::{Grads, Op, Vjp},
};

use crate::hand::hand;

fn sentence(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome::Failed(why)) => why.clone(),
        other => panic!("expected a failure, found {other:?}"),
    }
}

const SIZES: &str = "gradients have the sizes of their inputs";

#[test]
fn too_few_gradients_a_panic_and_a_wrong_shape_are_said() {
    let two = [Tensor::from([[1.0, 2.0, 3.0]]), Tensor::from([[0.5, 0.1, 0.2]])];
    let rule = hand(|x| vec![x[0] * x[1]], |Backward { x, dz, .. }| vec![Some(dz[0] * x[1])]);
    let report = check::function(rule, &two).run().unwrap();
    assert!(sentence(report.outcome(SIZES)).contains("returned 1 gradient for 2 inputs"), "{report}");
    assert_eq!(report.verdict().unwrap().fault, Fault::Count);

    let rule = hand(|x| vec![x[0] * x[1]], |_| panic!("no derivative was written yet"));
    let report = check::function(rule, &two).run().unwrap();
    assert!(sentence(report.outcome(SIZES)).contains("no derivative was written yet"), "{report}");
    assert_eq!(report.verdict().unwrap().fault, Fault::Failed);
    assert!(report.verdict().unwrap().line.clone().unwrap().file.ends_with("contract.rs"));

    // The right numbers in the wrong shape.
    let rule = hand(|x| vec![x[0] * 2.0], |Backward { dz, .. }| vec![Some((dz[0] * 2.0).reshape([3, 1]))]);
    let report = check::function(rule, &two[..1]).run().unwrap();
    let sizes = sentence(report.outcome(SIZES));
    assert!(sizes.contains("returned a gradient of shape [3, 1] for input 0 of shape [1, 3]"), "{sizes}");
    let verdict = report.verdict().unwrap();
    assert!(matches!(verdict.fault, Fault::Transposed | Fault::Shape), "{report}");

    let rule = hand(|x| vec![x[0] * x[1]], |Backward { x, dz, .. }| vec![Some(dz[0] * x[1]), None]);
    let report = check::function(rule, &two).run().unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::Missing, "{report}");
}

#[test]
fn inputs_that_cannot_be_checked_are_errors() {
    let of = |inputs: &[Tensor]| check::gradcheck(|x| x[0].exp(), inputs).map(|_| ()).unwrap_err().to_string();
    assert_eq!(of(&[]), "the list of inputs of the function is empty: give at least one tensor to differentiate by");
    assert_eq!(
        of(&[Tensor::zeros([0, 4], DType::F64)]),
        "input 0 of the function is empty: a gradient is checked at numbers, so give it at least one"
    );
    assert_eq!(
        of(&[Tensor::from([1.0, f64::NAN])]),
        "input 0 of the function holds NaN at index 1; every number must be finite"
    );
    let none: &[[usize; 1]] = &[];
    let error = check::check_layer(&wengert::nn::Relu, none).unwrap_err();
    assert!(matches!(error, Error::Empty { .. }), "{error}");
    let error = check::layer(&wengert::nn::Relu, &[[3]]).range(2.0, 2.0).run().unwrap_err();
    assert_eq!(error.to_string(), "check: range = 2..2, but it must be from a number to a larger one");
    let error = check::layer(&wengert::nn::Relu, &[[3]]).observation_axis(4).run().unwrap_err();
    assert!(error.to_string().starts_with("check: observation_axis = 4"), "{error}");
}

/// Adds what it has seen so far to its output.
struct Remembers(Mutex<f64>);

impl Layer for Remembers {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let mut seen = self.0.lock().unwrap();
        *seen += 1.0;
        x * *seen
    }
}

#[test]
fn a_layer_that_keeps_state_between_calls_is_found_out() {
    let report = check::check_layer(&Remembers(Mutex::new(0.0)), &[[3]]).unwrap();
    let why = sentence(report.outcome("deterministic"));
    assert!(why.contains("two runs on the same input give different values"), "{report}");
}

/// A rule that reads what `forward` saved in the function itself.
struct Saves(Mutex<Option<Tensor>>);

impl Function for Saves {
    fn name(&self) -> &str {
        "saves"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        *self.0.lock().unwrap() = Some(x[0].value());
        vec![x[0].square()]
    }
    fn backward<'t>(&self, Backward { dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let saved = self.0.lock().unwrap().clone().unwrap();
        vec![Some(dz[0] * dz[0].tape().constant(saved) * 2.0)]
    }
}

#[test]
fn a_value_saved_beside_the_tape_is_stale_after_another_call() {
    let report = check::function(Saves(Mutex::new(None)), &[Tensor::from([1.0, -2.0, 0.4])]).run().unwrap();
    assert!(matches!(report.outcome("no value carried between calls"), Some(Outcome::Failed(_))), "{report}");
    assert_eq!(report.verdict().unwrap().fault, Fault::Stale, "{report}");
}

/// The mean of the whole batch, subtracted.
struct Centered;

impl Layer for Centered {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x - x.mean_axes(&[0], true)
    }
}

#[test]
fn coupled_observations_are_reported_unless_declared() {
    let report = check::check_layer(&Centered, &[[3]]).unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::Coupled, "{report}");
    let report = check::layer(&Centered, &[[3]]).coupled().run().unwrap();
    assert!(report.passed(), "{report}");
}

/// Has a parameter that its output does not depend on.
struct Idle {
    weight: Param,
    spare: Param,
}

impl Layer for Idle {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x * x.tape().watch(&self.weight)
    }
    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone(), self.spare.clone()]
    }
}

#[test]
fn a_parameter_that_is_not_reached_is_named() {
    let layer = Idle {
        weight: Param::new("weight", Tensor::from([1.0f32 as f64, 2.0])),
        spare: Param::new("spare", Tensor::from([1.0])),
    };
    let report = check::check_layer(&layer, &[[2]]).unwrap();
    assert_eq!(sentence(report.outcome("every parameter is reached")), "no gradient reaches parameter `spare`");
}

#[test]
fn parameters_come_out_of_a_check_as_they_went_in() {
    let layer = wengert::nn::Linear::new(4, 3, 5);
    let before: Vec<Tensor> = layer.params().iter().map(|p| p.value()).collect();
    assert!(check::check_layer(&layer, &[[4]]).unwrap().passed());
    let after: Vec<Tensor> = layer.params().iter().map(|p| p.value()).collect();
    assert_eq!(before, after);
    assert!(after.iter().all(|value| value.dtype() == DType::F32));
}

/// Halves its own parameter whenever it runs.
struct Decays(Param);

impl Layer for Decays {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let y = x * x.tape().watch(&self.0);
        self.0.update(|weight| *weight = Tensor::from([0.5 * weight.item()]));
        y
    }
    fn params(&self) -> Vec<Param> {
        vec![self.0.clone()]
    }
}

#[test]
fn a_layer_that_changes_its_parameters_gets_them_back() {
    let layer = Decays(Param::new("weight", Tensor::from([3.0])));
    check::check_layer(&layer, &[[2]]).unwrap();
    assert_eq!(layer.0.value().item(), 3.0);
}

#[test]
fn observations_along_the_wrong_axis_are_told() {
    let layer = wengert::nn::Linear::new(512, 4, 0);
    let report = check::layer(&layer, &[[512]]).valid_size(&[10, 512], 1).run().unwrap();
    assert!(!report.passed());
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault, Fault::Failed);
    let hint = verdict.evidence.last().unwrap();
    assert!(hint.contains("the layer reads axis 0 as the observations"), "{report}");
    let blocked = report.tests.iter().filter(|t| matches!(t.outcome, Outcome::NotApplicable(_))).count();
    assert!(blocked > 10, "what cannot be tested is not passed:\n{report}");
}

/// y = 2x on plain numbers, with a slope of 3.
struct Raw;

impl Op for Raw {
    fn name(&self) -> &str {
        "raw"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let numbers = x[0].to_vec();
        Ok(Tensor::from_fn(shape, x[0].dtype(), |i| 2.0 * numbers[i]))
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        at.once("raw", |_, _, dy| {
            let numbers = dy.to_vec();
            Ok(vec![Some(Tensor::from_fn(dy.shape().clone(), dy.dtype(), |i| 3.0 * numbers[i]))])
        })
    }
}

#[test]
fn an_operation_on_plain_numbers_is_compared_with_differences_alone() {
    let report =
        check::gradcheck(|x| x[0].tape().record(Raw, &[x[0]]).unwrap(), &[Tensor::from([1.0, 2.0, -1.0])]).unwrap();
    let verdict = report.verdict().unwrap();
    let Fault::Factor { k, .. } = verdict.fault else { panic!("{report}") };
    assert!((k - 1.5).abs() < 1e-6, "{report}");
    assert_eq!(verdict.rule.as_deref(), Some("raw"));
}

#[test]
fn a_detached_value_is_named() {
    let report = check::gradcheck(|x| x[0] * x[0].exp().detach(), &[Tensor::from([0.3, -0.6])]).unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::ForgottenPath { node: "exp".to_owned() }, "{report}");
    let report = check::gradcheck(|x| x[0] + (x[0].round() - x[0]).detach(), &[Tensor::from([0.3, -0.6])]).unwrap();
    assert!(!report.passed(), "{report}");
    let report = check::gradcheck(|x| x[0] + (x[0].sin() - x[0]).detach(), &[Tensor::from([0.3, -0.6])]).unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::StraightThrough { node: "sin".to_owned() }, "{report}");
}

#[test]
fn constrained_inputs_are_moved_along_their_surface() {
    let spd = Tensor::from([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.5]]);
    let check = |x: &Tensor, constraint, f: for<'t> fn(&[Var<'t>]) -> Var<'t>| {
        let report = check::closure(f, std::slice::from_ref(x)).constraint(constraint).run().unwrap();
        assert!(report.passed(), "{constraint:?}\n{report}");
    };
    check(&spd, Constraint::PositiveDefinite, |x| x[0].symmetric_sqrt());
    check(&spd, Constraint::Symmetric, |x| x[0].inverse());
    let unit = Tensor::from([[0.6, 0.8], [1.0, 0.0]]);
    check(&unit, Constraint::UnitNorm, |x| x[0] / x[0].norm_axes(&[1], true));
    let simplex = Tensor::from([[0.2, 0.3, 0.5]]);
    check(&simplex, Constraint::Simplex, |x| -(x[0] * x[0].ln()).sum());
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let run = || {
        let rule = hand(|x| vec![x[0].exp()], |Backward { z, dz, .. }| vec![Some(z[0] * dz[0] * 2.0)]);
        let mut report = check::function(rule, &[Tensor::from([0.1, 0.7])]).seed(4).run().unwrap();
        report.seconds = 0.0;
        report.to_string()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_projected_check_costs_few_evaluations_and_a_failed_one_is_made_in_full() {
    let many = Tensor::from_fn([3000], DType::F64, |i| (i as f64 * 0.37).sin());
    let report = check::gradcheck(|x| x[0].exp(), std::slice::from_ref(&many)).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.gradients[0].numeric.is_none(), "3000 elements are compared along directions");
    let rule = hand(
        |x| vec![x[0].exp()],
        |Backward { x, z, dz, .. }| {
            let last = Tensor::from_fn(x[0].shape(), x[0].dtype(), |i| if i == 2999 { 1.001 } else { 1.0 });
            vec![Some(z[0] * dz[0] * x[0].tape().constant(last))]
        },
    );
    let report = check::function(rule, &[many]).run().unwrap();
    assert!(!report.passed(), "one wrong element among 3000 is seen:\n{report}");
    assert!(report.gradients[0].numeric.is_some(), "and then found");
    let Fault::Region { condition, .. } = &report.verdict().unwrap().fault else { panic!("{report}") };
    assert!(condition.contains("axis 0"), "{condition}");
}

#[test]
fn a_target_is_declared_as_data() {
    // (p − t)², whose rule gives no gradient with respect to the target.
    let rule = || {
        hand(|x| vec![(x[0] - x[1]).square()], |Backward { x, dz, .. }| vec![Some((x[0] - x[1]) * dz[0] * 2.0), None])
    };
    let inputs = [Tensor::from([0.4, -1.0, 2.0]), Tensor::from([1.0, 0.0, 0.5])];
    let report = check::function(rule(), &inputs).constant(1).run().unwrap();
    assert!(report.passed() && report.verdicts.is_empty(), "{report}");
    assert!(!check::function(rule(), &inputs).run().unwrap().passed());
    let error = |k: usize| check::function(rule(), &inputs).constant(k).run().unwrap_err().to_string();
    assert_eq!(error(2), "check: constant = 2, but it must be the position of an input");
    let all = check::function(rule(), &inputs).constant(0).constant(1).run().unwrap_err().to_string();
    assert_eq!(all, "check: constant = [0, 1], but it must be fewer than all inputs");
    let layer = check::layer(&wengert::nn::Relu, &[[3]]).constant(0).run().unwrap_err().to_string();
    assert!(layer.ends_with("a layer has one input alone"), "{layer}");
}

/// Uses a parameter that it does not list.
struct Forgetful {
    weight: Param,
    shift: Param,
}

impl Layer for Forgetful {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x * x.tape().watch(&self.weight) + x.tape().watch(&self.shift)
    }
    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

#[test]
fn a_parameter_that_is_not_listed_is_named() {
    let param = |name| Param::new(name, Tensor::from([1.0, 2.0]));
    let report = check::check_layer(&Forgetful { weight: param("weight"), shift: param("shift") }, &[[2]]).unwrap();
    let why = sentence(report.outcome("every parameter is reached"));
    assert_eq!(why, "`forward` differentiates by `shift`, which `params` does not list");
}

#[test]
fn where_every_gradient_is_zero_nothing_was_tested() {
    let rule = hand(|x| vec![x[0].square()], |Backward { x, dz, .. }| vec![Some(x[0] * dz[0] * 7.0)]);
    let report = check::function(rule, &[Tensor::from([0.0, 0.0])]).run().unwrap();
    for name in ["manual = tape", "manual = numeric", "tape = numeric"] {
        let Some(Outcome::NotApplicable(why)) = report.outcome(name) else { panic!("{name}\n{report}") };
        assert_eq!(why, "every gradient is 0 at these inputs: choose others");
    }
}

#[test]
fn a_wrong_rule_does_not_hide_at_a_jump_nor_in_large_numbers() {
    let rule = hand(|x| vec![x[0] + x[0].gt(0.0)], |Backward { dz, .. }| vec![Some(dz[0] * 42.0)]);
    assert!(!check::function(rule, &[Tensor::from([0.0, 0.0])]).run().unwrap().passed());
    for size in [1e30, 1e150, 1e200, 1e-200] {
        let right = hand(|x| vec![x[0].square()], |Backward { x, dz, .. }| vec![Some(x[0] * dz[0] * 2.0)]);
        let inputs = [Tensor::from([size, -0.7 * size])];
        let report = check::function(right, &inputs).run().unwrap();
        assert!(report.passed(), "{size}\n{report}");
        let wrong = hand(|x| vec![x[0].square()], |Backward { x, dz, .. }| vec![Some(x[0] * dz[0])]);
        let report = check::function(wrong, &inputs).run().unwrap();
        assert!(!report.passed(), "{size}\n{report}");
    }
}

#[test]
fn gradients_in_the_wrong_order_are_named() {
    let rule = hand(|x| vec![x[0] * x[1]], |Backward { x, dz, .. }| vec![Some(dz[0] * x[0]), Some(dz[0] * x[1])]);
    let report = check::function(rule, &[Tensor::from([1.0, 2.0]), Tensor::from([0.5, -0.3])]).run().unwrap();
    let known = report.verdicts.iter().any(|v| v.evidence.iter().any(|e| e.contains("in the order of the inputs?")));
    assert!(known || matches!(report.verdict().unwrap().fault, Fault::MixedUp { .. }), "{report}");
}

#[test]
fn a_large_layer_that_is_wrong_is_named_in_seconds() {
    let rule = hand(
        |x| vec![x[0].matmul(x[1].transpose(0, 1))],
        |Backward { x, dz, .. }| vec![Some(dz[0].matmul(x[1])), Some(x[0].transpose(0, 1).matmul(dz[0]))],
    );
    let numbers =
        |rows: usize, seed: f64| Tensor::from_fn([rows, 200], DType::F64, |i| ((i as f64 + seed) * 0.37).sin());
    let report = check::function(rule, &[numbers(3, 0.0), numbers(200, 1.0)]).run().unwrap();
    assert_eq!(report.verdict().unwrap().fault, Fault::Transposed, "{report}");
    assert!(report.seconds < 60.0, "a search that is quadratic in the size takes minutes: {}", report.seconds);
}

#[test]
fn a_value_taken_off_the_tape_is_found_with_its_line() {
    let report = check::gradcheck(
        |x| {
            let norm = x[0].tape().constant(x[0].norm().value()); // off the tape
            x[0] / norm
        },
        &[Tensor::from([0.3, -0.6, 1.1])],
    )
    .unwrap();
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.fault, Fault::ForgottenPath { node: "a value taken off the tape".to_owned() }, "{report}");
    let source = include_str!("contract.rs");
    let line = source.lines().position(|line| line.ends_with("// off the tape")).unwrap() as u32 + 1;
    assert_eq!(verdict.line.clone().unwrap().line, line);
    // The rule that goes with such a `forward` is right, and is not blamed.
    let rule = hand(
        |x| vec![x[0].tape().constant(x[0].value()) * x[0]],
        |Backward { x, dz, .. }| vec![Some(x[0] * dz[0] * 2.0)],
    );
    let report = check::function(rule, &[Tensor::from([0.3, -0.6, 1.1])]).run().unwrap();
    assert!(matches!(report.verdict().unwrap().fault, Fault::ForgottenPath { .. }), "{report}");
    assert!(report.verdicts.iter().all(|v| v.rule.is_none()), "{report}");
}

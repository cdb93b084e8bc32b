//! Gradients that are missing, zero, NaN, tiny or huge: the explanation names the operation, its numbers and its line.
#![cfg(feature = "nn")]

use wengert::{
    Backward, Error, Function, Param, Rule, Tape, Tensor, Var, Wrt,
    inspect::Cause,
    nn::{Layer, Linear, Relu, Sequential},
};

/// The explanation, with `LINE` for this file, `line` and a column.
fn why<'a>(loss: Var<'_>, x: impl Into<Wrt<'a>>, line: u32) -> String {
    let text = loss.why(x).unwrap().to_string();
    let here = format!("tests/why.rs:{line}:");
    let mut parts = text.split(&here);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "LINE" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_dead_relu_is_named_with_its_layer_and_its_input() {
    let tape = Tape::f64();
    let first = Linear::new(1, 2, 0);
    first.weight.set(&Tensor::from([[1.0], [2.0]])).unwrap();
    first.bias.set(&Tensor::from([-8.0, -8.0])).unwrap();
    let line = line!() + 1;
    let net = Sequential::new().named("fc", first).named("act", Relu).named("head", Linear::new(2, 1, 1));
    let loss = net.forward(tape.constant([[1.0], [0.5]])).sum();
    let weight = net.param("fc.weight").unwrap();
    assert_eq!(
        why(loss, &weight, line),
        "the gradient with respect to %1 (leaf `fc.weight`) is 0: relu at LINE in layer act has a gradient other than 0 \
         and hands on zeros alone; its input is between -7.5 and -6.0"
    );
}

#[test]
fn a_product_with_a_mask_of_zeros_is_named() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let mask = tape.constant([0.0, 0.0]);
    let line = line!() + 1;
    let loss = (x.exp() * mask).sum();
    let need = "the gradient with respect to %0 (leaf) is 0: mul at LINE has a gradient other than 0 and hands on zeros \
                alone; its inputs are between 2.7183e0 and 7.3891e0 and 0.0";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn a_step_function_hands_on_zeros() {
    let tape = Tape::f64();
    let x = tape.leaf([1.3, 2.7]).named("x");
    let line = line!() + 1;
    let loss = (x.round() * 2.0).sum();
    let need = "the gradient with respect to %0 (leaf `x`) is missing: round at LINE does not pass it on";
    assert_eq!(why(loss, x, line), need);
}

/// x₀ x₁ with a rule that has nothing for x₀.
struct Half;

impl Function for Half {
    fn name(&self) -> &str {
        "half"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[1]]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![None, Some(dz[0] * x[0])]
    }
}

#[test]
fn a_rule_that_returns_no_gradient_is_named() {
    let tape = Tape::f64();
    let (x, y) = (tape.leaf([1.0]).named("x"), tape.leaf([2.0]));
    let before = x.tanh();
    let line = line!() + 1;
    let z = tape.apply(Half, &[before, y]).unwrap()[0];
    let loss = z.sum();
    let need = "the gradient with respect to %0 (leaf `x`) is missing: half at LINE does not pass it on";
    assert_eq!(why(loss, x, line), need);
    let error = loss.backward().unwrap().wrt(x).unwrap_err().to_string();
    assert!(error.contains("or a backward rule returned none"), "{error}");
}

#[test]
fn contributions_that_cancel_are_told_apart_from_a_closed_operation() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let line = line!() + 1;
    let loss = (x * 3.0 - x * 3.0).sum();
    let need = "the gradient with respect to %0 (leaf) is 0: for it, mul at LINE and mul at LINE hand on gradients that add \
                up to 0";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn everything_out_of_a_clamp_is_closed() {
    let tape = Tape::f64();
    let x = tape.leaf([4.0, 5.0]);
    let line = line!() + 1;
    let loss = x.clamp(-1.0, 1.0).sum();
    let need = "the gradient with respect to %0 (leaf) is 0: min at LINE has a gradient other than 0 and hands on zeros \
                alone; its input is between 4.0 and 5.0";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn a_detached_branch_is_named() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let y = tape.leaf(1.0);
    let hidden = x.exp();
    let line = line!() + 1;
    let loss = (hidden.detach() * y).sum();
    let need = "the gradient with respect to %0 (leaf) is missing: detach at LINE does not pass it on";
    assert_eq!(why(loss, x, line), need);
    assert_eq!(why(loss, hidden, line), need.replace("%0 (leaf)", "%2 (exp)"));
}

#[test]
fn a_comparison_and_gradients_that_are_off_cut_every_path() {
    let tape = Tape::f64();
    let (x, y) = (tape.leaf([1.0, -2.0]), tape.leaf(1.0));
    let line = line!() + 1;
    let loss = (x.gt(0.0) * y).sum() + tape.no_grad(|| x.square()).sum();
    let Cause::Cut { by } = loss.why(x).unwrap().cause else { panic!("the gradient is cut") };
    assert_eq!(
        by.iter().map(|step| (&*step.op, step.line.line())).collect::<Vec<_>>(),
        [("gt", line), ("square", line)]
    );
}

#[test]
fn what_the_loss_does_not_use_is_told_with_where_it_ends() {
    let tape = Tape::f64();
    let (x, y, z) = (tape.leaf(1.0), tape.leaf(2.0), tape.leaf(3.0));
    let line = line!() + 1;
    let _forgotten = (x * 2.0).exp();
    let loss = y.square();
    let need = "the gradient with respect to %0 (leaf) is missing: the loss does not use it; what is computed from it ends \
                with exp at LINE";
    assert_eq!(why(loss, x, line), need);
    assert_eq!(why(loss, z, line), "the gradient with respect to %2 (leaf) is missing: nothing is computed from it");
    // A value that was recorded after the loss.
    let later = x + 1.0;
    assert_eq!(loss.why(later).unwrap().cause, Cause::Unused { end: None });
}

#[test]
fn a_frozen_parameter_is_a_constant() {
    let tape = Tape::f64();
    let (w, free) = (Param::new("w", Tensor::from([2.0])), Param::new("free", Tensor::from([2.0])));
    w.set_trainable(false);
    let line = line!() + 1;
    let loss = (tape.watch(&w) * tape.watch(&free)).sum();
    let need = "the gradient with respect to %0 (constant `w`) is missing: it is a constant, or was computed from constants, \
                with gradients off, or by an operation that passes none on (LINE); a frozen parameter is a constant, too";
    let text = why(loss, &w, line);
    assert_eq!(text, need);
}

#[test]
fn a_parameter_that_was_never_used_is_an_error() {
    let tape = Tape::f64();
    let loss = tape.leaf(1.0).square();
    let error = loss.why(&Param::new("w", Tensor::from([2.0]))).unwrap_err().to_string();
    assert_eq!(error, "no gradient for parameter `w`: the parameter was not used in this recording");
    let other = Tape::f64();
    assert!(matches!(loss.why(other.leaf(1.0)), Err(Error::DifferentTapes { .. })));
    let vector = tape.leaf([1.0, 2.0]);
    assert!(matches!(vector.why(vector), Err(Error::NotScalar { .. })));
}

#[test]
fn a_root_at_0_behind_a_mask_is_0_times_infinity() {
    let tape = Tape::f64();
    let x = tape.leaf([4.0, 0.0]);
    let line = line!() + 1;
    let root = x.sqrt();
    let loss = (root * tape.constant([1.0, 0.0])).sum();
    let need = "the gradient with respect to %0 (leaf) is not finite: sqrt at LINE hands on NaN at index [1] for its own \
                gradient 0.0 (0 times infinity); its input is 0.0";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn a_root_at_0_alone_is_infinite() {
    let tape = Tape::f64();
    let x = tape.leaf([4.0, 0.0]);
    let line = line!() + 1;
    let loss = x.sqrt().sum();
    let need = "the gradient with respect to %0 (leaf) is not finite: sqrt at LINE hands on inf at index [1] for its own \
                gradient 1.0; its input is 0.0";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn a_logarithm_of_0_is_named_in_both_passes() {
    let tape = Tape::f64();
    let x = tape.leaf([0.0, 1.0]);
    let line = line!() + 1;
    let loss = (x * x.ln()).sum();
    let text = why(loss, x, line);
    let need = "the gradient with respect to %0 (leaf) is not finite: ";
    assert!(text.starts_with(need), "{text}");
    assert!(text.contains("; in the forward pass, node %1 (ln) is -inf at index [0]"), "{text}");
}

#[test]
fn an_overflow_in_single_precision_only_is_named_there_and_not_in_double() {
    let overflow = |tape: &Tape| {
        let x = tape.leaf([60.0]);
        let loss = (x.exp() * x.exp()).sum();
        loss.why(x).unwrap()
    };
    let single = overflow(&Tape::new());
    let Cause::NotFinite { by, forward: Some(origin), .. } = single.cause else { panic!("{single}") };
    assert_eq!((&*origin.op, &*by.op), ("mul", "exp"));
    assert!(matches!(overflow(&Tape::f64()).cause, Cause::Scaled { .. }));
}

#[test]
fn a_chain_of_sigmoids_vanishes_and_the_sigmoids_are_to_blame() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0]);
    let line = line!() + 1;
    let loss = (0..12).fold(x, |x, _| x.sigmoid()).sum();
    let why = loss.why(x).unwrap();
    let Cause::Scaled { factors } = &why.cause else { panic!("{why}") };
    assert_eq!((factors[0].count, &*factors[0].most.op, factors[0].most.line.line()), (12, "sigmoid", line));
    let largest = why.range.unwrap().1;
    assert!(largest < 1e-6 && (factors[0].product / largest - 1.0).abs() < 1e-9, "{why}");
    let text = why.to_string();
    assert!(text.contains("vanishes: its largest number is 6.995e-9"), "{text}");
    assert!(text.contains("; on the way from the loss, 12 times sigmoid multiply it by 6.995e-9"), "{text}");
}

#[test]
fn a_product_that_explodes_names_its_factors() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0]);
    let line = line!() + 1;
    let loss = (0..8).fold(x, |x, _| x * 10.0).sum();
    let need = "the gradient with respect to %0 (leaf) is huge: its largest number is 1.000e8; on the way from the loss, 8 \
                times mul multiply it by 1.000e8 (most of all mul at LINE)";
    assert_eq!(why(loss, x, line), need);
}

#[test]
fn a_gradient_that_is_as_it_should_be_is_called_so() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, -2.0]);
    let loss = x.square().sum();
    let text = loss.why(x).unwrap().to_string();
    let need = "the gradient with respect to %0 (leaf) is as it should be: its largest number is 4.000e0";
    assert!(text.starts_with(need), "{text}");
}

/// x², whose rule returns zeros.
struct Silent;

impl Function for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].square()]
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(at.dz[0] * 0.0)]
    }
}

#[test]
fn a_rule_by_hand_that_hands_on_zeros_is_named_and_the_tapes_own_is_not() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let line = line!() + 1;
    let loss = tape.apply(Silent, &[x]).unwrap()[0].sum();
    let text = why(loss, x, line);
    assert!(text.contains("is 0: silent at LINE has a gradient other than 0 and hands on zeros alone"), "{text}");
    tape.set_rule(Rule::Tape);
    assert!(matches!(loss.why(x).unwrap().cause, Cause::Scaled { .. }));
}

#[test]
fn an_explanation_leaves_the_recording_and_its_gradients_as_they_were() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let hidden = x.exp();
    let loss = hidden.square().sum();
    let (rows, gradient) = (tape.len(), loss.backward().unwrap().wrt(x).unwrap().to_vec());
    loss.why(hidden).unwrap();
    assert_eq!(tape.len(), rows);
    let gradients = loss.backward().unwrap();
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), gradient);
    assert!(gradients.wrt(hidden).is_err(), "it is not retained");
}

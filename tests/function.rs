//! Functions with a hand-written backward rule: both rules agree at every order.

use wengert::{Backward, DType, Function, Rule, Shape, Tape, Tensor, Var};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin() + 1.5)
}

/// z = x², with a rule that is wrong on purpose: ten times too large.
struct TenfoldSquare;

impl Function for TenfoldSquare {
    fn name(&self) -> &str {
        "tenfold_square"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[0]]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * x[0] * 20.0)]
    }
}

#[test]
fn one_recording_gives_the_gradient_of_either_rule() {
    for lazy_from in [0, usize::MAX] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([3.0, -1.0]);
        let z = tape.apply(TenfoldSquare, &[x]).unwrap()[0];
        assert_eq!(z.value().to_vec(), [9.0, 1.0]);
        let loss = (z + x).sum();
        let slope = |rule| {
            tape.set_rule(rule);
            let recorded = tape.grad(loss, &[x]).unwrap()[0].value();
            let numbers = loss.backward().unwrap().wrt(x).unwrap().clone();
            assert_eq!(recorded, numbers, "recorded or not, {rule:?}");
            numbers.to_vec()
        };
        assert_eq!(slope(Rule::Manual), [61.0, -19.0]);
        assert_eq!(slope(Rule::Tape), [7.0, -1.0]);
        assert_eq!(slope(Rule::Manual), [61.0, -19.0]);
    }
}

/// Three outputs of two inputs: a + b, a · b and sin a.
struct Three;

impl Function for Three {
    fn name(&self) -> &str {
        "three"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] + x[1], x[0] * x[1], x[0].sin()]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] + dz[1] * x[1] + dz[2] * x[0].cos()), Some(dz[0] + dz[1] * x[0])]
    }
}

#[test]
fn every_subset_of_outputs_gives_the_same_gradients_under_both_rules() {
    for subset in 1u32..8 {
        for lazy_from in [0, usize::MAX] {
            let tape = Tape::f64();
            tape.set_lazy_from(lazy_from);
            let (a, b) = (tape.leaf(numbers([2, 3], 0.0)), tape.leaf(numbers([2, 3], 1.0)));
            let z = tape.apply(Three, &[a, b]).unwrap();
            let used = (0..3).filter(|k| subset >> k & 1 == 1).map(|k| z[k].square() * (k as f64 + 1.0));
            let loss = used.reduce(|a, b| a + b).unwrap().sum();
            let all = |rule| {
                tape.set_rule(rule);
                let gradients = loss.backward().unwrap();
                let recorded = tape.grad(loss, &[a, b]).unwrap();
                let curvature = (recorded[0].square().sum() + recorded[1].sum()).backward().unwrap();
                let of =
                    |v| [gradients.wrt(v).ok().cloned(), curvature.wrt(v).ok().cloned()].map(|t| t.map(|t| t.to_vec()));
                [of(a), of(b), [Some(recorded[0].value().to_vec()), Some(recorded[1].value().to_vec())]]
            };
            let (manual, tape_rule) = (all(Rule::Manual), all(Rule::Tape));
            for (manual, tape_rule) in manual.iter().flatten().zip(tape_rule.iter().flatten()) {
                // A sum of zeros from the rule, no path at all on the tape: both mean 0.
                let zeros = vec![0.0; 6];
                let (manual, tape_rule) = (manual.as_ref().unwrap_or(&zeros), tape_rule.as_ref().unwrap_or(&zeros));
                for (m, t) in manual.iter().zip(tape_rule) {
                    assert!(
                        (m - t).abs() < 1e-12 * t.abs().max(1.0),
                        "outputs {subset:03b}: {m} by hand, {t} by the tape"
                    );
                }
            }
        }
    }
}

/// Asserts that it gets zeros for the outputs that the loss does not use.
struct SeesZeros;

impl Function for SeesZeros {
    fn name(&self) -> &str {
        "sees_zeros"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * 2.0, x[0].sum()]
    }
    fn backward<'t>(&self, Backward { x, z, dz, needs, saved }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        assert_eq!((x.len(), z.len(), needs, saved.len()), (1, 2, &[true][..], 0));
        assert_eq!((dz[0].shape(), dz[1].shape()), (z[0].shape(), z[1].shape()));
        assert_eq!(dz[0].value().to_vec(), [0.0, 0.0]);
        vec![Some(dz[1].broadcast_to(x[0].shape()))]
    }
}

#[test]
fn an_output_that_is_not_used_has_an_upstream_gradient_of_zeros() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let z = tape.apply(SeesZeros, &[x]).unwrap();
    assert_eq!((z[1] * 3.0).backward().unwrap().wrt(x).unwrap().to_vec(), [3.0, 3.0]);
    // The retained gradient of an output.
    let kept = z[1].retain();
    assert_eq!((kept * 3.0).backward().unwrap().wrt(kept).unwrap().item(), 3.0);
}

/// z = x / |x|, whose rule reads the norm that `forward` saved.
struct Normalize;

impl Function for Normalize {
    fn name(&self) -> &str {
        "normalize"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }
    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let norm = x[0].square().sum().sqrt();
        (vec![x[0] / norm], vec![norm])
    }
    fn backward<'t>(&self, Backward { z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let along = (dz[0] * z[0]).sum();
        vec![Some((dz[0] - z[0] * along) / saved[0])]
    }
}

#[test]
fn the_second_derivative_of_a_rule_with_memory_is_that_of_the_tape() {
    for (lazy_from, len) in [(usize::MAX, 4), (0, 4), (0, 5000)] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf(numbers([len], 0.0));
        let z = tape.apply(Normalize, &[x]).unwrap()[0];
        let weights = tape.constant(numbers([len], 2.0));
        let second = |rule| {
            tape.set_rule(rule);
            let slope = tape.grad((z * z * weights).sum(), &[x]).unwrap()[0];
            let third = tape.grad((slope * slope * weights).sum(), &[x]).unwrap()[0];
            let fourth = (third * weights).sum().backward().unwrap().wrt(x).unwrap().to_vec();
            [slope.value().to_vec(), third.value().to_vec(), fourth]
        };
        let (manual, by_tape) = (second(Rule::Manual), second(Rule::Tape));
        for order in 0..3 {
            let scale = by_tape[order].iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(scale > 0.0, "order {} has something to compare", order + 1);
            for (m, t) in manual[order].iter().zip(&by_tape[order]) {
                assert!(
                    (m - t).abs() < 1e-10 * scale,
                    "order {}, {len} numbers: {m} by hand, {t} by the tape",
                    order + 1
                );
            }
        }
    }
}

/// A function built from another one: exp of the normalized input.
struct Nested;

impl Function for Nested {
    fn name(&self) -> &str {
        "nested"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].tape().apply(Normalize, x).unwrap()[0].exp()]
    }
    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        // A rule may take gradients itself.
        let inner = x[0].tape().apply(Normalize, x).unwrap()[0];
        Some(x[0].tape().grad_with(inner, x, dz[0] * z[0]).unwrap()[0]).into_iter().map(Some).collect()
    }
}

#[test]
fn functions_nest() {
    let tape = Tape::f64();
    let x = tape.leaf([0.5, -1.0, 2.0]);
    let z = tape.apply(Nested, &[x]).unwrap()[0];
    let slope = |rule| {
        tape.set_rule(rule);
        (z * z).sum().backward().unwrap().wrt(x).unwrap().to_vec()
    };
    let (manual, by_tape) = (slope(Rule::Manual), slope(Rule::Tape));
    for (m, t) in manual.iter().zip(&by_tape) {
        assert!((m - t).abs() < 1e-14, "{manual:?} by hand, {by_tape:?} by the tape");
    }
    // The same in plain algebra.
    let plain = (x / x.square().sum().sqrt()).exp();
    let want = (plain * plain).sum().backward().unwrap().wrt(x).unwrap().to_vec();
    assert!(want.iter().zip(&by_tape).all(|(w, t)| (w - t).abs() < 1e-14), "{want:?} {by_tape:?}");
}

#[test]
fn large_deferred_functions_have_the_bits_of_those_computed_at_once() {
    let run = |lazy_from, rule| {
        let tape = Tape::new();
        tape.set_lazy_from(lazy_from);
        tape.set_rule(rule);
        let (a, b) = (tape.leaf(numbers([70, 130], 0.0)), tape.leaf(numbers([70, 130], 1.0)));
        let z = tape.apply(Three, &[a, b]).unwrap();
        let y = tape.apply(Three, &[z[0] * z[1], z[2]]).unwrap();
        let gradients = (y[1] + y[2] * 0.5).square().mean().backward().unwrap();
        [y[0].value(), gradients.wrt(a).unwrap().clone(), gradients.wrt(b).unwrap().clone()]
    };
    for rule in [Rule::Manual, Rule::Tape] {
        assert_eq!(run(0, rule), run(usize::MAX, rule), "{rule:?}");
    }
}

//! Seeded problems: each is named, at its own line, by `why` or by `detect_anomalies`; what is advised in its place is
//! not reported.

mod seeded;

use seeded::{DOUBLE, SEEDED, SINGLE};
use wengert::{Backward, DType, Error, Function, Param, Tape, Tensor, Var, inspect::Loss, ops::ConvSpec};

/// z = x, with a rule that returns −dz.
struct WrongSign;

impl Function for WrongSign {
    fn name(&self) -> &str {
        "wrong sign"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * 1.0]
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(-at.dz[0])]
    }
}

#[test]
fn each_seeded_problem_is_named_at_its_line() {
    let mut missing = Vec::new();
    for (name, dtype, run, words) in SEEDED {
        let (text, line) = run(&Tape::with_dtype(*dtype));
        let here = format!("tests/anomalies/seeded.rs:{line}:");
        let words = words.iter().copied().chain([&*here]).filter(|word| !text.contains(word));
        missing.extend(words.map(|word| format!("{name}: no \"{word}\" in\n{text}\n")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(SEEDED.len() >= 30);
}

#[test]
fn what_is_advised_is_not_reported() {
    for dtype in [SINGLE, DOUBLE] {
        let tape = Tape::with_dtype(dtype);
        let x = tape.leaf([1e-3, 0.0, -12.0, 1.0]);
        let parts = [
            x.signed_sqrt().square(),
            (x.square() + 1e-4).sqrt(),
            x.softplus(),
            (x * 0.5).sin().square() * 2.0,
            x.exp_m1(),
            x.ln_1p().max(-1.0).select(0.0, x.square().ln_1p()),
            (-x).sigmoid(),
            x.reshape([1, 4]).log_softmax(1).reshape([4]),
            (x - x.mean()).square(),
            x.clamp(-0.9, 0.9).acos(),
        ];
        let loss = parts.into_iter().reduce(|a, b| a + b).unwrap().sum();
        let a = tape.leaf([[2.0, 0.5], [0.5, 3.0]]);
        let spectral = a.symmetric_sqrt().sum() + tape.leaf([[2.0, 0.0], [0.0, 2.0]]).eigvalsh().sum();
        let text = (loss + spectral).detect_anomalies().unwrap().to_string();
        let only = text.lines().all(|line| line.contains("(ln_1p) is NaN"));
        assert!(only, "{dtype}: {text}");
    }
}

#[test]
fn a_healthy_recording_has_nothing_to_report() {
    let tape = Tape::new();
    let x = tape.leaf([0.3, -0.7, 1.2]);
    let loss = (x.tanh() - 0.3).square().mean();
    let found = loss.detect_anomalies().unwrap();
    assert!(found.is_empty());
    assert_eq!(found.to_string(), "every number is finite, and no operation loses half of its digits");
    assert!(tape.detect_anomalies().unwrap().is_empty());
}

#[test]
fn a_finding_is_a_whole_sentence() {
    let tape = Tape::new();
    let x = tape.leaf([0.0, 1e-5]);
    let layer = tape.scope("head");
    let (y, line) = (x.cos(), line!());
    let (z, next) = (1.0 - y, line!());
    drop(layer);
    let found = (z * 1.0).sum().detect_anomalies().unwrap();
    let [warning] = &found.warnings[..] else { panic!("{found}") };
    let column = warning.at.line.column();
    assert_eq!(
        warning.to_string(),
        format!(
            "sub at tests/anomalies/main.rs:{next}:{column} in layer head loses 6.9 digits at index [1] (1 of 2 elements): it is \
             0, and should be 4.99999975e-11; instead: 2 sin²(x/2): `(x * 0.5).sin().square() * 2.0`"
        )
    );
    assert_eq!((warning.count, warning.of, warning.value), (1, 2, 0.0));
    let Loss::Formula(exact) = warning.loss else { panic!("{warning}") };
    assert!((exact / (1e-5f32 as f64).powi(2) * 2.0 - 1.0).abs() < 1e-9);
    assert!(line < next);
}

#[test]
fn numbers_that_the_loss_does_not_use_are_told_apart_from_those_that_spoil_it() {
    let tape = Tape::f64();
    let x = tape.leaf([4.0, -1.0]);
    let _unused = x.ln().sum();
    let root = x.sqrt();
    let spoiled = root.sum().detect_anomalies().unwrap();
    assert_eq!(spoiled.forward.unwrap().op, "sqrt");
    assert!(spoiled.loss.unwrap().is_nan());
    let fine = x.square().sum().detect_anomalies().unwrap();
    assert_eq!((fine.loss, fine.forward.unwrap().op), (None, "ln".to_owned()));
    assert!(fine.backward.is_none());
    assert_eq!(tape.detect_anomalies().unwrap().forward.unwrap().op, "ln");
}

#[test]
fn exact_operands_and_single_elements_are_no_cancellation() {
    let tape = Tape::new();
    let (a, b) = (tape.constant([1.0, 2.0]), tape.leaf([1.0000001, 2.0]));
    assert!((a - b).sum().detect_anomalies().unwrap().is_empty(), "they came from outside");
    let x = tape.leaf(Tensor::from_fn([1000], DType::F32, |i| i as f64 * 0.37));
    let computed = x.exp().ln();
    let one = computed - 18.500_001;
    assert!(one.square().mean().detect_anomalies().unwrap().warnings.is_empty(), "few elements are near");
}

#[test]
fn detection_leaves_the_recording_as_it_was() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from_fn([100, 100], DType::F32, |i| (i as f64).sin()));
    let pending = x.exp() * 2.0;
    let loss = pending.square().mean();
    let (rows, bytes) = (tape.len(), tape.bytes());
    let gradient = loss.backward().unwrap().wrt(x).unwrap().clone();
    loss.detect_anomalies().unwrap();
    loss.accuracy().unwrap();
    assert_eq!((tape.len(), tape.bytes()), (rows, bytes));
    assert_eq!(*loss.backward().unwrap().wrt(x).unwrap(), gradient);
}

#[test]
fn a_value_of_several_numbers_has_no_backward_pass_to_look_at() {
    let tape = Tape::new();
    let x = tape.leaf([1.0, 2.0]);
    assert!(matches!(x.detect_anomalies(), Err(Error::NotScalar { .. })));
}

/// What a network of convolutions, batch norm and a rule by hand records.
fn network<'t>(tape: &'t Tape, w: &Param) -> Var<'t> {
    let x = tape.constant(Tensor::from_fn([8, 1, 12, 12], DType::F64, |i| (i as f64 * 0.7).sin()));
    let _layer = tape.scope("block");
    let y = tape.checkpoint(|| x.conv2d(tape.watch(w), None, ConvSpec::default()).tanh());
    let z = tape.apply(WrongSign, &[y]).unwrap()[0].hook(|dz| dz * 0.5);
    (z.relu() + y.exp()).reshape([8, 4 * 100]).log_softmax(1).square().mean()
}

#[test]
fn a_recording_in_its_own_precision_again_has_the_same_bits() {
    for dtype in [SINGLE, DOUBLE] {
        let w = Param::new("w", Tensor::from_fn([4, 1, 3, 3], dtype, |i| (i as f64 * 1.3).cos()));
        let tape = Tape::with_dtype(dtype);
        let loss = network(&tape, &w);
        let copy = tape.in_precision(dtype).unwrap();
        assert_eq!(copy.len(), tape.len());
        let again = copy.var(loss.index());
        assert_eq!(again.value(), loss.value());
        let (first, second) = (loss.backward().unwrap(), again.backward().unwrap());
        assert_eq!(first.wrt(&w).unwrap(), second.wrt(&w).unwrap());
        assert_eq!(second.named("block.w").unwrap(), first.named("block.w").unwrap());
        let rows =
            |tape: &Tape| tape.nodes().map(|row| format!("{} {} {}", row.op, row.layer, row.line)).collect::<Vec<_>>();
        assert_eq!(rows(&copy), rows(&tape));
    }
}

#[test]
fn a_recording_in_the_other_precision_is_what_the_program_records_there() {
    let w = Param::new("w", Tensor::from_fn([4, 1, 3, 3], SINGLE, |i| (i as f64 * 1.3).cos()));
    let (single, double) = (Tape::new(), Tape::f64());
    let (loss, exact) = (network(&single, &w), network(&double, &w));
    // The data was rounded to single precision; all else is computed in double precision from it.
    let copy = single.in_precision(DOUBLE).unwrap();
    let again = copy.var(loss.index());
    assert_eq!(again.dtype(), DOUBLE);
    assert!((again.item() - exact.item()).abs() < 1e-7 * exact.item().abs());
    let (a, b) = (again.backward().unwrap(), exact.backward().unwrap());
    for (a, b) in a.wrt(&w).unwrap().to_vec().into_iter().zip(b.wrt(&w).unwrap().to_vec()) {
        assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{a} {b}");
    }
}

#[test]
fn the_budget_names_the_operation_that_loses_the_digits_in_either_precision() {
    for dtype in [SINGLE, DOUBLE] {
        let tape = Tape::with_dtype(dtype);
        let x = tape.leaf([1000.0, 1000.5, 1001.0]);
        let y = x.sqrt().square();
        let (mean, line) = (y.square().mean() - y.mean().square(), line!());
        let budget = mean.accuracy().unwrap();
        let most = budget.nodes.iter().max_by(|a, b| a.growth.total_cmp(&b.growth)).unwrap();
        assert_eq!((&*most.at.op, most.at.line.line()), ("sub", line));
        // The exact variance is 1/6; its condition is 2 · 10⁶ / (1/6).
        assert!(most.growth > 1e4 && most.error > 1e-3, "{budget}");
        // In any other operation, errors stay within a few roundings.
        let others = budget.nodes.iter().filter(|node| node.at.op != "sub");
        assert!(others.clone().all(|node| node.growth < 10.0 && node.error < 1e-6), "{budget}");
        assert!(budget.nodes.iter().all(|node| node.gradient.is_some_and(|error| error < 1e-3)), "{budget}");
    }
}

#[test]
fn a_gradient_that_is_0_but_for_rounding_has_no_relative_error() {
    let tape = Tape::new();
    let x = tape.leaf([1000.1, 1000.7, 1003.3]);
    let mean = (x * 1.1).mean();
    let budget = (x * 1.1 - mean).square().mean().accuracy().unwrap();
    // The variance does not depend on the mean that is taken off to first order.
    let of = |node: usize| budget.nodes.iter().find(|row| row.at.node == node).unwrap().gradient;
    assert_eq!(of(mean.index()), None);
    assert!(of(mean.index() + 1).is_some_and(|error| error < 1e-2), "{budget}");
}

#[test]
fn the_budget_prints_as_a_table() {
    let tape = Tape::new();
    let x = tape.leaf([1e-4]);
    let (y, line) = (x.cos(), line!());
    let z = 1.0 - y;
    let text = z.sum().accuracy().unwrap().to_string();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "node                         error    growth  gradient  line");
    assert_eq!(
        rows[1],
        format!("%1 cos                      5.0e-9    8.4e-2     0.0e0  tests/anomalies/main.rs:{line}")
    );
    assert_eq!(
        rows[2],
        format!("%2 sub                       1.0e0     1.7e7     0.0e0  tests/anomalies/main.rs:{}", line + 1)
    );
    assert_eq!(rows[4], "relative errors in single precision: 1.0e0 in the value, at most 0.0e0 in a gradient");
    assert_eq!(rows.len(), 5);
}

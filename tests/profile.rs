//! Where the time of a tape went: nothing is lost or counted twice, the counts are those known by hand, and no bit depends
//! on it.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use wengert::{
    Backward, DType, Function, Rule, Tape, Tensor, Var,
    inspect::{Profile, Row},
    ops::{ConvSpec, Window},
};

fn numbers(shape: impl Into<wengert::Shape>) -> Tensor {
    Tensor::from_fn(shape, DType::F32, |i| (i as f64 * 0.37).sin())
}

fn row<'r>(rows: &'r [Row], operation: &str, backward: bool) -> &'r Row {
    let mut found = rows.iter().filter(|row| row.operation == operation && row.backward == backward);
    let row = found.next().unwrap_or_else(|| panic!("no row `{operation}` in {rows:#?}"));
    assert!(found.next().is_none(), "two rows `{operation}` in {rows:#?}");
    row
}

/// A function that waits, in both passes, and calls another one.
struct Slow {
    wait: u64,
    inner: Option<u64>,
}

impl Function for Slow {
    fn name(&self) -> &str {
        if self.inner.is_some() { "outer" } else { "inner" }
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        sleep(Duration::from_millis(self.wait));
        match self.inner {
            Some(wait) => x[0].tape().apply(Slow { wait, inner: None }, x).expect("x is all it uses"),
            None => vec![x[0] * 2.0],
        }
    }

    fn backward<'t>(&self, Backward { dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        sleep(Duration::from_millis(self.wait));
        vec![Some(dz[0] * 2.0)]
    }
}

/// A small network with everything in it: layers, a chain, a function, matrix products.
fn step(tape: &Tape) -> Vec<Tensor> {
    let (x, w) = (tape.leaf(numbers([64, 128])), tape.leaf(numbers([128, 96])));
    let hidden = {
        let _layer = tape.scope("hidden");
        let y = x.matmul(w);
        let z = y.relu() + 0.3 * y.min(0.0).exp_m1();
        tape.apply(Slow { wait: 0, inner: Some(0) }, &[z]).expect("z is all it uses")[0]
    };
    let loss = hidden.softmax(1).square().sum();
    let gradients = loss.backward().expect("x and w are leaves");
    vec![loss.value(), gradients.wrt(x).expect("a leaf").clone(), gradients.wrt(w).expect("a leaf").clone()]
}

#[test]
fn the_rows_and_what_is_outside_add_up_to_the_time_that_has_passed() {
    let mut tape = Tape::new();
    let start = Instant::now();
    tape.set_profiling(true);
    for _ in 0..5 {
        tape.reset();
        step(&tape);
        sleep(Duration::from_millis(20));
    }
    let profile = tape.profile();
    let passed = start.elapsed().as_secs_f64();
    assert_eq!(profile.steps, 5);
    for rows in [profile.operations(), profile.layers(), profile.lines()] {
        let sum = rows.iter().map(|row| row.seconds).sum::<f64>() + profile.outside + profile.measuring;
        assert!((sum - profile.seconds).abs() < 1e-9, "{sum} and {}", profile.seconds);
    }
    assert!(profile.seconds <= passed && profile.seconds > 0.9 * passed, "{} of {passed}", profile.seconds);
    assert!(profile.outside >= 0.1, "slept 0.1 s: {}", profile.outside);
}

#[test]
fn the_counts_are_those_known_by_hand() {
    let mut tape = Tape::new();
    tape.set_profiling(true);
    for _ in 0..2 {
        tape.reset();
        let (a, b) = (tape.leaf(numbers([20, 30])), tape.leaf(numbers([30, 10])));
        let image = tape.leaf(numbers([2, 3, 8, 8]));
        let (kernels, bias) = (tape.leaf(numbers([4, 3, 3, 3])), tape.leaf(numbers([4])));
        let z = a.matmul(b).softmax(1).sum();
        let y = image.conv2d(kernels, Some(bias), ConvSpec::default()).max_pool2d(Window::square(2)).sum();
        (z + y).backward().expect("there are leaves");
    }
    let profile = tape.profile();
    let rows = profile.operations();
    let forward = |operation: &str| row(&rows, operation, false).flops.map(|flops| flops / 2);
    let backward = |operation: &str| row(&rows, operation, true).flops.map(|flops| flops / 2);
    assert_eq!(forward("matmul"), Some(2 * 20 * 30 * 10));
    assert_eq!(backward("matmul"), Some(2 * (2 * 20 * 30 * 10)), "a product for each factor");
    assert_eq!(forward("softmax"), Some(5 * 200), "maximum, difference, exponential, sum, quotient");
    // 6 x 6 places, 4 kernels of 27 numbers, 2 images; the bias is one addition more.
    assert_eq!(forward("conv2d"), Some(2 * 4 * 36 * (2 * 27 + 1)));
    // By the image and by the kernels; the bias gets the sum of 2 x 4 x 36 numbers, in 4.
    assert_eq!(backward("conv2d"), Some(2 * (2 * 4 * 36 * 2 * 27) + 288 - 4));
    assert_eq!(forward("max_pool2d"), Some(2 * 4 * 9 * 3), "three comparisons a window");
    assert_eq!(row(&rows, "matmul", false).bytes / 2, 4 * (20 * 30 + 30 * 10 + 20 * 10));
    assert_eq!((row(&rows, "conv2d", false).calls, row(&rows, "conv2d", true).calls), (2, 2));
}

#[test]
fn what_nobody_can_count_is_unknown_and_not_zero() {
    let tape = Tape::f64();
    tape.set_profiling(true);
    let x = tape.leaf(Tensor::eye(4, DType::F64));
    x.eigh().0.sum().backward().unwrap();
    let profile = tape.profile();
    let rows = profile.operations();
    assert_eq!(row(&rows, "eigh", false).flops, None);
    let printed = profile.to_string();
    let line = printed.lines().find(|line| line.contains("forward") && line.contains("eigh")).expect("a row");
    assert!(line.contains("unknown"), "{printed}");
}

#[test]
fn a_slow_function_comes_first_with_its_line_by_hand_and_by_the_tape() {
    let tape = Tape::new();
    for rule in [Rule::Manual, Rule::Tape] {
        tape.set_rule(rule);
        tape.set_profiling(true);
        let x = tape.leaf(numbers([8]));
        let y = tape.apply(Slow { wait: 20, inner: None }, &[x.sin()]).unwrap()[0]; // this line is named
        y.sum().backward().unwrap();
        let profile = tape.profile();
        let rows = profile.operations();
        assert_eq!((rows[0].operation.as_str(), rows[0].calls), ("inner", 1));
        assert!(rows[0].seconds >= 0.02 && rows[0].seconds > 0.25 * profile.seconds);
        assert_eq!(rows[0].lines, format!("tests/profile.rs:{}", line!() - 6));
        let behind = row(&rows, "inner", true);
        assert_eq!((behind.rule, behind.lines.as_str(), behind.calls), (Some(rule), rows[0].lines.as_str(), 1));
        assert_eq!(behind.seconds >= 0.02, rule == Rule::Manual, "the tape's own rule does not wait");
    }
}

#[test]
fn functions_inside_of_functions_are_not_counted_twice() {
    let tape = Tape::new();
    tape.set_profiling(true);
    let x = tape.leaf(numbers([8]));
    let start = Instant::now();
    tape.apply(Slow { wait: 10, inner: Some(30) }, &[x]).unwrap();
    let passed = start.elapsed().as_secs_f64();
    let profile = tape.profile();
    let rows = profile.operations();
    let (outer, inner) = (row(&rows, "outer", false), row(&rows, "inner", false));
    assert!(inner.seconds >= 0.03 && outer.seconds >= 0.01, "{rows}");
    assert!(inner.seconds + outer.seconds <= passed, "together no more than the {passed} s that have passed: {rows}");
    let spent = profile.spent.iter().find(|spent| spent.operation == "inner").expect("it ran");
    let around: Vec<&str> = spent.functions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(around, ["outer", "inner"]);
}

#[test]
fn a_chain_is_one_row_with_its_operations_and_lines() {
    let tape = Tape::new();
    tape.set_profiling(true);
    let x = tape.leaf(numbers([100, 100]));
    let above = x.relu(); // the chain begins
    let below = x.min(0.0).exp_m1();
    let y = above + 0.5 * below;
    y.value();
    let profile = tape.profile();
    let rows = profile.operations();
    let chain = row(&rows, "chain of relu, min, exp_m1, mul, add", false);
    let first = line!() - 7;
    assert_eq!(chain.lines, format!("tests/profile.rs:{first},{},{}", first + 1, first + 2));
    assert_eq!((chain.calls, chain.flops, chain.bytes), (1, Some(50_000), 80_000));
    assert!(rows.iter().all(|row| row.flops != Some(10_000)), "no operation of it is counted again: {rows}");
}

#[test]
fn a_chain_of_rules_is_named_after_the_operations_whose_rules_they_are() {
    let tape = Tape::new();
    tape.set_profiling(true);
    let x = tape.leaf(numbers([100, 100]));
    let _layer = tape.scope("curve");
    let y = x.sin().tanh();
    y.sum().backward().unwrap();
    let profile = tape.profile();
    let rows = profile.operations();
    let chain = rows.iter().find(|row| row.backward && row.operation.starts_with("chain of")).expect("it is fused");
    assert!(chain.operation.contains("sin") && chain.operation.contains("tanh"), "{rows}");
    assert_eq!((chain.layer.as_str(), chain.calls), ("curve", 1), "{rows}");
    // tanh and sin, and what their rules make of dz: nothing is told apart, and nothing is missing.
    assert!(chain.flops.is_some_and(|flops| flops >= 60_000), "{chain:?}");
}

#[test]
fn layers_and_lines_are_told_apart_forward_and_backward() {
    let tape = Tape::new();
    tape.set_profiling(true);
    step(&tape);
    let profile = tape.profile();
    let layers = profile.layers();
    for backward in [false, true] {
        assert!(layers.iter().any(|row| row.layer == "hidden" && row.backward == backward), "{layers}");
    }
    let lines = profile.lines();
    let of_matmul: Vec<&Row> = lines.iter().filter(|row| row.flops >= Some(2 * 64 * 128 * 96)).collect();
    assert_eq!(of_matmul.len(), 2, "one line, both passes: {lines}");
    assert_eq!(of_matmul[0].lines, of_matmul[1].lines);
}

#[test]
fn tables_of_layers_and_lines_have_no_column_of_operations() {
    let tape = Tape::new();
    tape.set_profiling(true);
    step(&tape);
    let profile = tape.profile();
    assert!(profile.to_string().lines().nth(1).is_some_and(|heads| heads.contains("operation")), "{profile}");
    for (table, column) in [(profile.layers().to_string(), "layer"), (profile.lines().to_string(), "line")] {
        let heads = table.lines().nth(1).expect("there is a line of heads");
        assert!(!heads.contains("operation") && heads.ends_with(column), "{table}");
        // What is no operation is named there.
        assert!(table.lines().any(|line| line.ends_with("  bookkeeping")), "{table}");
    }
}

#[test]
fn a_line_that_is_recorded_again_and_again_is_one_entry() {
    let mut tape = Tape::f64();
    tape.set_profiling(true);
    for _ in 0..3 {
        tape.reset();
        let x = tape.leaf(0.5);
        (0..20).fold(x, |y, _| y.sin()).backward().unwrap();
    }
    let profile = tape.profile();
    let of_sin: Vec<_> =
        profile.spent.iter().filter(|spent| spent.operation == "sin" && spent.kernel.is_empty()).collect();
    let calls: Vec<(bool, u64)> = of_sin.iter().map(|spent| (spent.backward, spent.calls)).collect();
    assert!(calls.len() == 2 && calls.contains(&(false, 60)) && calls.contains(&(true, 60)), "{calls:?}");
}

#[test]
fn what_a_checkpoint_computes_again_is_counted_in_the_backward_pass() {
    let tape = Tape::new();
    tape.set_profiling(true);
    let (x, w) = (tape.leaf(numbers([32, 32])), tape.leaf(numbers([32, 32])));
    let y = tape.checkpoint(|| x.matmul(w).softmax(1).matmul(w));
    y.square().sum().backward().unwrap();
    let profile = tape.profile();
    let rows = profile.operations();
    assert_eq!(row(&rows, "matmul again", true).flops, Some(2 * 32 * 32 * 32), "{rows}");
    assert_eq!(row(&rows, "softmax again", true).calls, 1);
}

#[test]
fn profiling_changes_no_bit() {
    let plain = step(&Tape::new());
    let tape = Tape::new();
    tape.set_profiling(true);
    assert_eq!(step(&tape), plain);
    tape.set_rule(Rule::Tape);
    let by_tape = step(&tape);
    tape.set_profiling(false);
    assert_eq!(step(&tape), by_tape);
    assert!(tape.profile().is_empty());
}

#[test]
fn an_error_on_the_way_loses_no_time() {
    let tape = Tape::new();
    tape.set_profiling(true);
    let start = Instant::now();
    let x = tape.leaf(numbers([2, 3]));
    for _ in 0..10 {
        assert!(x.try_matmul(x).is_err());
        assert!(x.backward().is_err());
    }
    x.sin().sum().backward().unwrap();
    sleep(Duration::from_millis(5));
    let (profile, passed) = (tape.profile(), start.elapsed().as_secs_f64());
    assert!(profile.seconds > 0.9 * passed && profile.outside >= 0.005, "{profile}");
    let inside: f64 = profile.operations().iter().map(|row| row.seconds).sum();
    assert!(inside <= passed - 0.005, "{profile}");
}

#[test]
fn a_tape_that_was_not_measured_says_so() {
    let sentence =
        "nothing was measured on the tape: call `Tape::set_profiling(true)` before the operations to be measured";
    let tape = Tape::new();
    assert_eq!(tape.profile().to_string(), sentence);
    tape.set_profiling(true);
    let profile: Profile = tape.profile();
    assert!(profile.is_empty() && profile.seconds >= 0.0);
    assert_eq!(profile.layers().to_string(), sentence);
}

#[test]
fn every_operation_knows_its_count_but_those_that_go_on_until_they_converge() {
    let mut unknown = Vec::new();
    for sample in wengert::ops::table() {
        let tape = Tape::f64();
        tape.set_profiling(true);
        sample.run(&sample.leaves(&tape)).value();
        unknown.extend(tape.profile().spent.into_iter().filter(|s| s.flops.is_none()).map(|s| s.operation));
    }
    unknown.sort();
    unknown.dedup();
    assert_eq!(unknown, ["eigh", "lyapunov", "svd", "symmetric_sqrt"]);
}

/// How often a walk back goes through the numbers of `x`.
fn passes(f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> u64 {
    let tape = Tape::new();
    tape.set_profiling(true);
    let x = tape.leaf(numbers([100, 100]));
    f(x).sum().backward().unwrap();
    let profile = tape.profile();
    let chains = profile.operations();
    chains.iter().filter(|row| row.backward && row.operation.contains("chain")).map(|row| row.calls).sum()
}

#[test]
fn what_several_operations_hand_on_to_a_leaf_is_added_up_in_one_pass_if_they_are_near_each_other() {
    assert_eq!(passes(|x| x * x), 1);
    assert_eq!(passes(|x| x * x.sigmoid() + x.exp()), 1);
    assert_eq!(passes(|x| (0..20).fold(x * 0.5, |y, _| y * 0.9 + 0.1) * x), 2);
}

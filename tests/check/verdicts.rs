//! Verdicts as they are printed: what is wrong, where, and what to do.

use wengert::{
    Backward, DType, Function, Param, Shape, Tensor, Var,
    check::{self, Outcome, Report, Verdict},
    nn::{BatchNorm, Conv2d, Layer, Sequential},
};

use crate::hand::{Hand, hand};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 1.7 * ((i as f64 + 1.0) * 2.39 + seed).sin())
}

/// The line of this file that ends with a comment.
fn at(comment: &str) -> String {
    let ends = |line: &str| line.ends_with(&format!("// {comment}"));
    let line = include_str!("verdicts.rs").lines().position(ends).unwrap() + 1;
    format!("{}:{line}", file!())
}

/// The first verdict, of a check that failed.
#[track_caller]
fn first(report: &Report) -> &Verdict {
    assert!(!report.passed(), "{report}");
    report.verdict().unwrap_or_else(|| panic!("no verdict:\n{report}"))
}

#[test]
fn a_value_that_stands_for_a_difference_is_named_at_the_line_of_the_rule() {
    let said = |rule: Hand, a: Tensor, from: &str, to: &str, stands: &str, reads: &str| {
        let report = check::function(rule, &[a, numbers([2, 3], 1.0), numbers([2, 3], 2.0)]).run().unwrap();
        let (from, to) = (at(from), at(to));
        let wanted = format!("the value of `sub` ({from})");
        assert_eq!(
            first(&report).to_string(),
            format!(
                "input 0 of `by hand`: values mixed up: it uses input 1 where {wanted} belongs ({to})\n    \
                 with {wanted} in place of input 1 in `mul` at {to}, the rule is exact\n    \
                 `{stands}` should read `{reads}`"
            )
        );
        assert_eq!(report.verdicts.len(), 1, "{report}");
    };
    let once = hand(
        |x| vec![x[0] * (x[1] - x[2])], // a (x - b)
        |Backward { x, dz, .. }| {
            let by_a = dz[0] * x[1]; // without b
            vec![Some(by_a), Some(dz[0] * x[0]), Some(-dz[0] * x[0])]
        },
    );
    let (stands, reads) = ("dz[0] * x[1]", "dz[0] * (x[1] - x[2])");
    said(once, numbers([2, 3], 0.0), "a (x - b)", "without b", stands, reads);
    let summed = hand(
        |x| vec![x[0] * (x[1] - x[2])], // a row times x - b
        |Backward { x, dz, .. }| {
            let by_a = (dz[0] * x[1]).sum_axes(&[0], false); // summed without b
            vec![Some(by_a), Some(dz[0] * x[0]), Some(-dz[0] * x[0])]
        },
    );
    let [stands, reads] = [stands, reads].map(|product| format!("({product}).sum_axes(&[0], false)"));
    said(summed, numbers([3], 0.0), "a row times x - b", "summed without b", &stands, &reads);
    let twice = hand(
        |x| {
            let d = x[1] - x[2]; // the difference
            vec![x[0] * d * d]
        },
        |Backward { x, dz, .. }| {
            let d = x[1] - x[2];
            let by_a = dz[0] * x[1] * x[1]; // twice without b
            vec![Some(by_a), Some(dz[0] * x[0] * d * 2.0), Some(dz[0] * x[0] * d * -2.0)]
        },
    );
    let (stands, reads) = ("dz[0] * x[1] * x[1]", "dz[0] * d * d");
    said(twice, numbers([2, 3], 0.0), "the difference", "twice without b", stands, reads);
}

/// Channels times a number each.
struct Scale {
    divided: fn(usize) -> f64,
}

impl Function for Scale {
    fn name(&self) -> &str {
        "scale"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[1]]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let by_scale = (dz[0] * x[0]).sum_axes(&[0, 2, 3], true);
        let n = (self.divided)(x[0].shape()[0]);
        vec![Some(dz[0] * x[1]), Some((by_scale / n).reshape([3, 1, 1]))] // divided
    }
}

struct Scaled(fn(usize) -> f64, Param);

impl Layer for Scaled {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.tape().apply(Scale { divided: self.0 }, &[x, x.tape().watch(&self.1)]).unwrap()[0]
    }
    fn params(&self) -> Vec<Param> {
        vec![self.1.clone()]
    }
}

#[test]
fn a_factor_is_a_number_of_observations_only_if_it_changes_with_them() {
    let verdict = |divided: fn(usize) -> f64| {
        let layer = Scaled(divided, Param::new("scale", numbers([3, 1, 1], 0.0)));
        first(&check::check_layer(&layer, &[[3, 4, 5]]).unwrap()).clone()
    };
    let text = |verdict: &Verdict, names: &str, more: &str| {
        let sum = "(dz[0] * x[0]).sum_axes(&[0, 2, 3], true)";
        let digits = format!("{} digits", (-verdict.residual.max(1e-16).log10()).floor());
        let mend = format!("`({sum} / 3.0).reshape([3, 1, 1])` should read `{sum}.reshape([3, 1, 1])`");
        format!(
            "input 1 (`scale`) of `scale`: it is 0.333333 times the true one: a factor of {names} ({})\n    \
             it is 0.333333333 times the true one to {digits}, for every element{more}\n    {mend}",
            at("divided"),
        )
    };
    // The batch that is examined has three observations, of three channels.
    let mean = verdict(|observations| observations as f64);
    let more = "\n    with 2 observations it is 0.500000000 times the true one";
    assert_eq!(mean.to_string(), text(&mean, "1/3, the size of axis 0 of the output (observations)", more));
    let third = verdict(|_| 3.0);
    let names = "1/3, the size of axis 0 of its input (or of 1/3, the size of axis 1 of the output; or of a plain 1/3)";
    assert_eq!(third.to_string(), text(&third, names, ""));
}

#[test]
fn the_axis_of_a_function_counts_observations_where_it_was_declared() {
    let rule = || {
        hand(
            |x| vec![(x[0] * x[1]).sum_axes(&[1], false)],
            |Backward { x, dz, .. }| {
                let (dz, n) = (dz[0].unsqueeze(1), x[0].shape()[0] as f64);
                vec![Some(dz * x[1] * n), Some((dz * x[0]).sum_axes(&[0], true) / n)]
            },
        )
    };
    let inputs = [numbers([5, 4], 0.0), numbers([1, 4], 1.0)];
    let said = |report: Report| report.verdicts.iter().map(|v| v.fault.to_string()).collect::<Vec<_>>();
    let declared = said(check::function(rule(), &inputs).observation_axis(0).run().unwrap());
    let both =
        "5, the size of axis 0 of its input (observations) (or of 5, the size of axis 0 of the output (observations))";
    assert!(declared.contains(&format!("it is 5.000000 times the true one: a factor of {both}")), "{declared:#?}");
    let output = "it is 0.200000 times the true one: a factor of 1/5, the size of axis 0 of the output";
    assert!(declared.contains(&format!("{output} (observations)")), "{declared:#?}");
    assert!(said(check::function(rule(), &inputs).run().unwrap()).contains(&output.to_owned()));
}

#[test]
fn a_factor_is_named_by_the_size_that_it_changes_with() {
    let said = |rule: Hand| {
        let report = check::function(rule, &[numbers([5, 5], 0.0)]).run().unwrap();
        first(&report).fault.to_string()
    };
    let columns = hand(
        |x| vec![x[0].square()],
        |Backward { x, dz, .. }| vec![Some(dz[0] * x[0] * (2.0 * x[0].shape()[1] as f64))],
    );
    let names = "5, the size of axis 1 of its input (or of 5, the size of axis 1 of the output)";
    assert_eq!(said(columns), format!("it is 5.000000 times the true one: a factor of {names}"));
    let plain = hand(|x| vec![x[0].square()], |Backward { x, dz, .. }| vec![Some(dz[0] * x[0] * 10.0)]);
    assert_eq!(said(plain), "it is 5.000000 times the true one: a factor of a plain 5");
}

#[test]
fn a_gradient_that_cancels_to_zero_is_not_said_to_be_inaccurate() {
    for seed in 0..3 {
        let net = Sequential::new().then(Conv2d::new(2, 3, 3, seed)).then(BatchNorm::new(3));
        let report = check::check_layer(&net, &[[2, 6, 7]]).unwrap();
        assert!(report.passed() && report.verdicts.is_empty(), "{report}");
        assert!(report.curves.iter().all(|curve| curve.of != "parameter `0.bias`"), "no error is relative to 0");
        assert!(report.curves.iter().any(|curve| curve.of == "parameter `0.weight`"));
    }
    // Alone, it has no other gradient to be small beside.
    let centered = check::closure(
        |x| {
            let y = x[0].tape().constant(numbers([4, 3], 0.3)) + x[0];
            (y - y.mean_axes(&[0], true)).exp()
        },
        &[numbers([3], 0.0)],
    );
    let report = centered.run().unwrap();
    assert!(report.passed() && report.verdicts.is_empty(), "{report}");
}

struct Affine {
    weight: Param,
    shift: Param,
    listed: bool,
}

impl Layer for Affine {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let scaled = x * x.tape().watch(&self.weight);
        if self.listed {
            return scaled;
        }
        let shift = x.tape().watch(&self.shift); // not listed
        scaled + shift
    }
    fn params(&self) -> Vec<Param> {
        let all = [&self.weight, &self.shift];
        all.into_iter().take(1 + usize::from(self.listed)).cloned().collect()
    }
}

/// A layer that lists a parameter which it does not use, or uses one that it does not list.
fn affine(listed: bool) -> Affine {
    let param = |name| Param::new(name, Tensor::from([1.0, 2.0]));
    Affine { weight: param("weight"), shift: param("shift"), listed }
}

#[test]
fn a_parameter_in_use_but_not_listed_and_one_listed_but_not_in_use_have_a_verdict() {
    assert_eq!(
        first(&check::check_layer(&affine(false), &[[2]]).unwrap()).to_string(),
        format!(
            "parameter `shift`: `forward` uses it, but `params` does not list it ({})\n    \
             return it from `params`: optimizers and checkpoints see only what is listed there\n    \
             if it is not meant to be trained, call `set_trainable(false)` on it",
            at("not listed")
        )
    );
    assert_eq!(
        first(&check::check_layer(&affine(true), &[[2]]).unwrap()).to_string(),
        "parameter `shift`: there is no gradient where one is needed\n    \
         the output does not depend on it: use it in `forward`, or do not list it in `params`"
    );
}

/// A leaf made by hand instead of a parameter.
struct Leafy;

impl Layer for Leafy {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shift = x.tape().leaf([1.0, 2.0]); // a leaf
        x + shift
    }
}

#[test]
fn a_leaf_that_is_no_parameter_has_a_verdict() {
    assert_eq!(
        first(&check::check_layer(&Leafy, &[[2]]).unwrap()).to_string(),
        format!(
            "a leaf without a name: `forward` uses it, but `params` does not list it ({})\n    \
             return it from `params`: optimizers and checkpoints see only what is listed there\n    \
             if it is not meant to be trained, enter it with `Tape::constant`",
            at("a leaf")
        )
    );
}

const DATA: &str = "if input 1 is data, such as a target, labels or a mask, declare it with `.constant(1)`";

#[test]
fn a_target_that_was_not_declared_as_data_is_told_how() {
    let inputs = [numbers([4, 3], 0.0), numbers([4, 3], 1.0)];
    let none =
        hand(|x| vec![(x[0] - x[1]).square()], |Backward { x, dz, .. }| vec![Some((x[0] - x[1]) * dz[0] * 2.0), None]);
    let report = check::function(none, &inputs).run().unwrap(); // no gradient
    assert_eq!(
        first(&report).to_string(),
        format!(
            "input 1 of `by hand`: there is no gradient where one is needed ({})\n    \
             the rule returned `None`; the true gradient is as large as 4.033e0\n    {DATA}",
            at("no gradient")
        )
    );
    let report = check::closure(
        |x| (x[0] - x[1].detach()).square().sum(), // detached
        &inputs,
    );
    assert_eq!(
        first(&report.run().unwrap()).to_string(),
        format!(
            "input 1: a forgotten path: through `input 1` ({0})\n    with the value that is detached at {0} attached \
             again, the gradient is the numeric one\n    {DATA}",
            at("detached")
        )
    );
    let report = check::closure(
        |x| {
            let target = x[0].tape().constant(x[1].value()); // read and entered
            (x[0] - target).square().sum()
        },
        &inputs,
    );
    assert_eq!(
        first(&report.run().unwrap()).to_string(),
        format!(
            "every input: a forgotten path: through `a value taken off the tape` ({0})\n    the constant entered at \
             {0} changes with the input: it was read off the tape as numbers and put back, and no gradient flows through \
             it\n    {DATA}",
            at("read and entered")
        )
    );
}

#[test]
fn an_input_with_a_wrong_gradient_is_not_taken_for_data() {
    let inputs = [numbers([4, 3], 0.0), numbers([4, 3], 1.0)];
    let wrong = hand(
        |x| vec![(x[0] - x[1]).square()],
        |Backward { x, dz, .. }| vec![Some((x[0] - x[1]) * dz[0] * 2.0), Some((x[0] - x[1]) * dz[0] * 2.0)],
    );
    let alone = hand(|x| vec![x[0].square()], |_| vec![None]);
    for report in [check::function(wrong, &inputs).run().unwrap(), check::function(alone, &inputs[..1]).run().unwrap()]
    {
        first(&report);
        assert!(!report.to_string().contains("constant("), "{report}");
    }
}

#[test]
fn a_printed_report_begins_with_its_verdicts() {
    let printed = |report: &Report| report.to_string().lines().map(str::to_owned).collect::<Vec<_>>();
    let failed = check::check_layer(&affine(true), &[[2]]).unwrap();
    let lines = printed(&failed);
    assert_eq!(lines[0], "layer: failed");
    assert_eq!(lines[1], "verdict: parameter `shift`: there is no gradient where one is needed");
    assert!(lines[3].starts_with("  ✓ runs with one observation "), "{failed}");
    let passed = check::gradcheck(|x| x[0].sin(), &[numbers([3], 0.0)]).unwrap();
    let lines = printed(&passed);
    assert_eq!(lines[0], "function: passed");
    assert!(lines[1].starts_with("  ✓ runs "), "{passed}");
    assert!(lines.last().unwrap().starts_with("9 passed, 0 failed, "), "{passed}");
    assert!(matches!(passed.outcome("runs"), Some(Outcome::Passed(_))));
}

//! Branches of masks that no input takes: the checker moves the inputs there, or says that it could not.

use wengert::{
    Backward, Function, Param, Tape, Tensor, Var,
    check::{self, Constraint, Fault, Outcome, Report},
    nn::Layer,
};

type Forward = for<'t> fn(&[Var<'t>]) -> Var<'t>;
type Rule = for<'a, 't> fn(Backward<'a, 't>) -> Vec<Option<Var<'t>>>;

struct Ruled(Forward, Rule);

impl Function for Ruled {
    fn name(&self) -> &str {
        "masked"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![(self.0)(x)]
    }

    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        (self.1)(at)
    }
}

fn line_of(what: &str) -> u32 {
    let at = include_str!("branches.rs").lines().position(|line| line.contains(&format!("// {what}"))).unwrap();
    at as u32 + 1
}

fn leaky<'t>(x: &[Var<'t>]) -> Var<'t> {
    x[0].leaky_relu(0.1)
}

fn leaky_rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
    vec![Some(x[0].gt(0.0).select(dz[0], dz[0] * 0.1))]
}

fn slipped<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
    vec![Some(x[0].gt(0.0).select(dz[0], dz[0] * 0.2))] // the slip
}

fn passes_without_a_word(report: &Report) {
    assert!(report.passed() && report.verdicts.is_empty(), "{report}");
}

fn manual_tape(report: &Report) -> &str {
    let (Outcome::Passed(detail) | Outcome::Failed(detail) | Outcome::NotApplicable(detail)) =
        report.outcome("manual = tape").unwrap();
    detail
}

/// The only remark, which is on a branch, and its line.
fn remark(report: &Report) -> (String, u32) {
    assert!(report.passed(), "{report}");
    let [verdict] = &report.verdicts[..] else { panic!("{report}") };
    let Fault::Unreached { how } = &verdict.fault else { panic!("{report}") };
    assert_eq!(verdict.rule.as_deref(), Some("masked"));
    (how.clone(), verdict.line.as_ref().unwrap().line)
}

#[test]
fn a_rule_that_is_wrong_in_a_branch_that_no_input_takes_is_named() {
    for at in [vec![0.3, 1.2, 0.9], vec![1.0, 2.0], vec![0.0, 0.5]] {
        let at = [Tensor::from_vec(at.clone(), [at.len()]).unwrap()];
        let report = check::function(Ruled(leaky, slipped), &at).run().unwrap();
        assert!(!report.passed(), "{report}");
        let verdict = report.verdict().unwrap();
        let text = report.to_string();
        assert!(text.contains("0.2") && text.contains("0.1"), "{report}");
        assert_eq!(verdict.line.as_ref().unwrap().line, line_of("the slip"), "{report}");
        if at[0].to_vec()[0] != 0.0 {
            assert!(manual_tape(&report).starts_with("where `gt` is false ("), "{report}");
            assert!(verdict.evidence.iter().any(|e| e.contains("moved, and it is so where `gt` is false")), "{report}");
        }
    }
}

#[test]
fn a_right_rule_passes_in_the_branch_that_the_inputs_were_moved_to() {
    let report = check::function(Ruled(leaky, leaky_rule), &[Tensor::from([0.3, 1.2, 0.9])]).run().unwrap();
    passes_without_a_word(&report);
    assert!(manual_tape(&report).ends_with("and at 3 points moved to borders of masks"), "{report}");
}

#[test]
fn of_a_rule_that_was_seen_on_both_sides_nothing_is_said() {
    let report = check::function(Ruled(leaky, leaky_rule), &[Tensor::from([0.3, -1.2, 0.9])]).run().unwrap();
    passes_without_a_word(&report);
    assert!(manual_tape(&report).ends_with("and at 2 points moved to borders of masks"), "{report}");
    let wrong = check::function(Ruled(leaky, slipped), &[Tensor::from([0.3, -1.2, 0.9])]).run().unwrap();
    assert!(!wrong.passed() && !wrong.to_string().contains("moved"), "{wrong}");
}

fn chosen<'t>(x: &[Var<'t>]) -> Var<'t> {
    x[1].select(x[0].square(), x[0])
}

#[test]
fn a_mask_that_is_data_cannot_be_moved_and_is_named() {
    fn rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(x[1].select(dz[0] * x[0] * 2.0, dz[0] * x[0])), None] // by data
    }
    let x = Tensor::from([0.3, 1.2, 0.9]);
    let with =
        |mask: [f64; 3]| check::function(Ruled(chosen, rule), &[x.clone(), Tensor::from(mask)]).constant(1).run();
    let report = with([1.0; 3]).unwrap();
    assert_eq!(remark(&report), ("the mask of `select` is never 0".to_owned(), line_of("by data")));
    assert!(!with([1.0, 0.0, 1.0]).unwrap().passed());
}

#[test]
fn labels_that_are_compared_are_data_too() {
    fn forward<'t>(x: &[Var<'t>]) -> Var<'t> {
        x[1].ge(2.0).select(x[0].square(), x[0])
    }
    fn rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(x[1].eq(3.0).select(dz[0], dz[0] * x[0] * 2.0)), None] // by label
    }
    let x = Tensor::from([0.3, 1.2, 0.9]);
    let with =
        |labels: [f64; 3]| check::function(Ruled(forward, rule), &[x.clone(), Tensor::from(labels)]).constant(1).run();
    let report = with([2.0, 4.0, 2.0]).unwrap();
    assert!(report.passed() && report.verdicts.len() == 2, "{report}");
    assert_eq!(report.verdicts[0].fault, Fault::Unreached { how: "`eq` is never true".to_owned() });
    assert_eq!(report.verdicts[0].line.as_ref().unwrap().line, line_of("by label"));
    assert_eq!(report.verdicts[1].fault, Fault::Unreached { how: "`ge` is never false".to_owned() });
}

#[test]
fn inputs_that_must_stay_where_they_are_are_not_moved() {
    let check = || check::function(Ruled(leaky, slipped), &[Tensor::from([0.3, 1.2, 0.9])]);
    let report = check().constraint(Constraint::Positive).run().unwrap();
    assert_eq!(remark(&report), ("`gt` is never false".to_owned(), line_of("the slip")));
    let hint = "the checker found no way to move the inputs there: check it with inputs where `gt` is false";
    assert!(report.verdicts[0].evidence[0].ends_with(hint), "{report}");
    assert!(!check().run().unwrap().passed());
}

#[test]
fn a_bound_that_guards_from_a_pole_is_not_crossed() {
    fn forward<'t>(x: &[Var<'t>]) -> Var<'t> {
        x[0].max(1e-12).ln()
    }
    fn rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] / x[0])]
    }
    let report = check::function(Ruled(forward, rule), &[Tensor::from([0.3, 1.2, 0.9])]).run().unwrap();
    let (how, _) = remark(&report);
    assert_eq!(how, "what `max` compares with its bound is never below it");
    assert!(!report.verdicts[0].evidence[0].contains("no way to move"), "{report}");
}

#[test]
fn a_branch_that_no_number_can_take_is_a_remark() {
    fn forward<'t>(x: &[Var<'t>]) -> Var<'t> {
        (x[0].square() + 1.0).gt(0.0).select(x[0].sin(), x[0])
    }
    fn rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * x[0].cos())]
    }
    let report = check::function(Ruled(forward, rule), &[Tensor::from([0.3, 1.2])]).run().unwrap();
    assert_eq!(remark(&report).0, "`gt` is never false");
    assert!(report.verdicts[0].evidence[0].contains("found no way to move"), "{report}");
}

/// A layer that hands its input and a threshold to a rule.
struct Clipped {
    above: Param,
    rule: Rule,
}

impl Layer for Clipped {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let tape: &'t Tape = x[0].tape();
        let scaled = x[0] * tape.watch(&self.above);
        tape.apply(Ruled(|x| x[0].min(3.0), self.rule), &[scaled]).unwrap()
    }

    fn params(&self) -> Vec<Param> {
        vec![self.above.clone()]
    }
}

#[test]
fn a_layer_is_moved_by_its_inputs_and_parameters() {
    let above = Param::new("above", Tensor::from([0.2, -0.3]));
    let right = Clipped { above: above.clone(), rule: |at| vec![Some(at.x[0].lt(3.0).select(at.dz[0], 0.0))] };
    let report = check::check_layer(&right, &[[2]]).unwrap();
    passes_without_a_word(&report);
    assert!(manual_tape(&report).contains("moved to borders of masks"), "{report}");
    let wrong = Clipped { above, rule: |at| vec![Some(at.dz[0])] };
    let report = check::check_layer(&wrong, &[[2]]).unwrap();
    assert!(!report.passed(), "{report}");
    assert!(report.verdict().unwrap().fault.to_string().contains("`min`"), "{report}");
}

#[test]
fn a_border_that_is_not_that_of_forward_is_found_where_no_input_lies_between() {
    fn forward<'t>(x: &[Var<'t>]) -> Var<'t> {
        x[0].clamp(-0.5, 1.0)
    }
    fn rule<'t>(Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * x[0].gt(-0.5) * x[0].lt(0.9))] // the border
    }
    let report = check::function(Ruled(forward, rule), &[Tensor::from([0.3, -1.2, 0.8, 1.7, -0.4, 0.55, -2.3, 0.61])])
        .run()
        .unwrap();
    assert!(!report.passed(), "{report}");
    assert!(manual_tape(&report).starts_with("beside the border of `"), "{report}");
    let verdict = report.verdict().unwrap();
    assert_eq!(verdict.line.as_ref().unwrap().line, line_of("the border"), "{report}");
    assert!(verdict.mends.iter().any(|mend| mend.reads.ends_with("x[0].lt(1.0)")), "{report}");
}

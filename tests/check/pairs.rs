//! Two mistakes in one gradient: each is named.

use wengert::{
    Backward, DType, Shape, Tensor, Var,
    check::{self, Fault, Report, mutate},
};

use crate::{
    hand::{Hand, hand},
    mutations::rules,
};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| 0.8 * ((i as f64 + 1.0) * 2.39 + seed).sin() + 0.05)
}

fn report(rule: Hand, inputs: &[Tensor]) -> Report {
    let report = check::function(rule, inputs).run().unwrap();
    assert!(!report.passed(), "{report}");
    report
}

/// What the first verdict names.
fn named(report: &Report) -> Vec<String> {
    match &report.verdict().unwrap().fault {
        Fault::Several { faults } => faults.iter().map(Fault::to_string).collect(),
        fault => vec![fault.to_string()],
    }
}

fn row<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(0, k, 1)
}

#[test]
fn two_mistakes_are_named_although_one_of_them_gives_nan() {
    let rule = hand(
        |x| vec![x[0].ln_1p() * x[1] * x[2]],
        |Backward { x, dz, .. }| {
            let by_b = dz[0] * x[0].ln(); // ln for ln_1p, and without x₂
            vec![Some(dz[0] * x[1] * x[2] / (x[0] + 1.0)), Some(by_b), Some(dz[0] * x[0].ln_1p() * x[1])]
        },
    );
    let report = report(rule, &[0.0, 1.0, 2.0].map(|seed| numbers([2, 3], seed)));
    let wanted =
        ["one operation of the rule is wrong: it has `ln` where `ln_1p` belongs", "a factor is missing: input 2"];
    assert_eq!(named(&report), wanted, "{report}");
    let text = report.to_string();
    assert!(text.contains("not finite: the derivative of `ln` is the first"), "{text}");
}

#[test]
fn nan_where_all_else_is_right_is_named_as_such() {
    let rule = hand(
        |x| vec![x[0] * x[0]],
        |Backward { x, dz, .. }| {
            let ones = x[0].tape().constant(Tensor::from_fn([2, 3], DType::F64, |i| f64::from(i != 2)));
            vec![Some(dz[0] * x[0] * 2.0 * ones / ones)]
        },
    );
    let report = report(rule, &[numbers([2, 3], 0.0)]);
    assert_eq!(named(&report), ["not finite: the derivative of `div` is the first"], "{report}");
}

#[test]
fn a_loop_that_reads_one_place_each_time_is_named_beside_another_mistake() {
    let rule = hand(
        |x| {
            let mut s = vec![row(x[0], 0) * row(x[0], 0)];
            for k in 1..4 {
                s.push(s[k - 1] + row(x[0], k) * row(x[0], k));
            }
            vec![Var::concat(&s, 0)]
        },
        |Backward { x, dz, .. }| {
            let (mut g, mut dx) = (row(dz[0], 3), Vec::new());
            for k in (0..4).rev() {
                dx.insert(0, g * 3.0 * row(x[0], k)); // 3 for 2
                if k > 0 {
                    g = g + row(dz[0], 3); // always the last row
                }
            }
            vec![Some(Var::concat(&dx, 0))]
        },
    );
    let said = named(&report(rule, &[numbers([4, 3], 0.0)]));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|fault| fault.contains("it has 3 where 2 belongs")), "{said:?}");
    assert!(said.iter().any(|fault| fault.contains("one after the other, belongs")), "{said:?}");
}

/// The first verdict on one of the pairs of mistakes in a rule of the mutations names both.
fn is_named(rule: &str, what: [&str; 2]) {
    let rule = rules::all().into_iter().find(|one| one.function.name() == rule).unwrap();
    let all = mutate::mutants(rule.function.clone(), &rule.inputs).unwrap();
    let mutant = all.iter().find(|mutant| what.iter().all(|part| mutant.what.contains(part)));
    let mutant = mutant.unwrap_or_else(|| panic!("no pair {what:?}"));
    let report = check::function(mutant.function.clone(), &rule.inputs).run().unwrap();
    assert!(mutant.is_named_by(report.verdict().unwrap()), "{}:\n{report}", mutant.what);
}

#[test]
fn two_slips_are_named_though_one_acts_on_what_the_other_changes() {
    is_named("gated product", ["the operands are exchanged at step 0", "times 1 plus -1 at step 5"]);
}

#[test]
fn a_mistake_in_what_a_forgotten_factor_is_computed_from_is_named() {
    is_named("dice", ["times 1 plus -1 at step 4", "the divisor is left out at step 7"]);
}

#[test]
fn seven_of_ten_pairs_are_named_or_mended_where_they_were_made() {
    let (mut named, mut tried, mut missed) = (0, 0, Vec::new());
    for rule in rules::all() {
        let all = mutate::mutants(rule.function.clone(), &rule.inputs).unwrap();
        let pairs: Vec<_> = all.iter().filter(|mutant| mutant.names[0] == "several mistakes").collect();
        for mutant in pairs.iter().skip(5).step_by(pairs.len().max(2) / 2) {
            let report = check::function(mutant.function.clone(), &rule.inputs).run().unwrap();
            tried += 1;
            match report.verdict().is_some_and(|v| mutant.is_named_by(v) || mutant.is_mended_by(v)) {
                true => named += 1,
                false => missed.push(format!("{}: {}", rule.function.name(), mutant.what)),
            }
        }
    }
    assert!(tried > 60 && named * 10 >= tried * 7, "{named} of {tried}; missed:\n{}", missed.join("\n"));
}

#[test]
fn a_verdict_mends_no_other_pair_than_its_own() {
    let rule = rules::all().into_iter().find(|one| one.function.name() == "layer norm").unwrap();
    let all = mutate::mutants(rule.function.clone(), &rule.inputs).unwrap();
    let (pairs, singles): (Vec<_>, Vec<_>) = all.iter().partition(|mutant| mutant.names[0] == "several mistakes");
    let verdict_on = |mutant: &mutate::Mutant| {
        let report = check::function(mutant.function.clone(), &rule.inputs).run().unwrap();
        report.verdict().unwrap().clone()
    };
    let constant = singles.iter().find(|mutant| mutant.names[0] == "missing factor").unwrap();
    let verdict = verdict_on(constant);
    assert!(!constant.is_mended_by(&verdict), "a single mistake is no pair");
    let mended = pairs.iter().filter(|pair| pair.is_mended_by(&verdict)).count();
    assert!(mended * 4 < pairs.len(), "{mended} of {} pairs are mended by {verdict}", pairs.len());
    let own = pairs.iter().find_map(|pair| Some((pair, verdict_on(pair))).filter(|(pair, v)| pair.is_mended_by(v)));
    let (own, verdict) = own.expect("a pair that is mended where it was made");
    let others = pairs.iter().filter(|pair| pair.what != own.what && pair.is_mended_by(&verdict)).count();
    assert!(others * 2 < pairs.len(), "{others} of {} pairs are mended by {verdict}", pairs.len());
}

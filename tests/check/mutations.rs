//! Rules broken at random: the mistake is named, and a correct rule gives no alarm.

use std::collections::BTreeMap;

use wengert::check::{self, mutate};

#[path = "../../examples/mutations/rules/mod.rs"]
pub mod rules;

#[test]
fn correct_rules_give_no_alarm() {
    let mut kinds: Vec<&str> = Vec::new();
    for rule in rules::all() {
        let report = check::function(rule.function.clone(), &rule.inputs).run().unwrap();
        assert!(report.passed(), "{report}");
        assert!(report.verdicts.is_empty(), "{report}");
        kinds.push(rule.kind);
    }
    assert!(kinds.len() >= 60, "{}", kinds.len());
    kinds.dedup();
    let families = [
        "elementwise",
        "loss",
        "reduction",
        "normalization",
        "matrix product",
        "linear algebra",
        "convolution",
        "recurrence",
        "slices and joins",
        "attention and gates",
        "statistics",
    ];
    assert_eq!(kinds, families);
}

#[test]
fn nineteen_of_twenty_mistakes_are_named_first() {
    let (mut named, mut tried, mut missed) = (0, 0, Vec::new());
    for rule in rules::all() {
        let all = mutate::mutants(rule.function.clone(), &rule.inputs).unwrap();
        let single = all.iter().filter(|mutant| mutant.names[0] != "several mistakes");
        // As many of each kind as of any other, as far as there are.
        let mut of_kind: BTreeMap<&str, Vec<&mutate::Mutant>> = BTreeMap::new();
        single.for_each(|mutant| of_kind.entry(mutant.names[0]).or_default().push(mutant));
        for (k, mutants) in of_kind.values().enumerate() {
            let mutant = mutants[k * 7 % mutants.len()];
            let report = check::function(mutant.function.clone(), &rule.inputs).run().unwrap();
            assert!(!report.passed(), "{} passed though {}", rule.function.name(), mutant.what);
            tried += 1;
            match report.verdict().is_some_and(|verdict| mutant.is_named_by(verdict)) {
                true => named += 1,
                false => missed.push(format!("{}: {}", rule.function.name(), mutant.what)),
            }
        }
    }
    assert!(named * 20 >= tried * 19, "{named} of {tried}; missed:\n{}", missed.join("\n"));
}

#[test]
fn the_same_seed_makes_the_same_mistake() {
    let rule = &rules::all()[3];
    let what = |seed| mutate::mutate(rule.function.clone(), &rule.inputs, seed).unwrap().unwrap().what;
    assert_eq!(what(5), what(5));
    assert!((0..20).any(|seed| what(seed) != what(0)));
}

#[test]
fn a_rule_that_is_wrong_to_begin_with_is_not_broken_further() {
    let rule = &rules::all()[0];
    let mutant = mutate::mutate(rule.function.clone(), &rule.inputs, 1).unwrap().unwrap();
    let error = mutate::mutate(mutant.function, &rule.inputs, 1).err().unwrap().to_string();
    assert!(error.contains("its rule is not right to begin with"), "{error}");
}

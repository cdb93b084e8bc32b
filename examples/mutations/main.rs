//! How often the checker names a mistake: correct rules, broken at random, with one mistake or two.
//!
//! ```text
//! cargo run --release --example mutations -- --count 1000 --seed 0
//! ```
//!
//! Every rule of `rules` is checked as it is (an alarm would be false). Then `count` random mistakes of known kinds,
//! all equally likely, are put into the rules, then a fifth as many pairs, and each mutant whose gradient is changed is checked. The table has a
//! row for each kind of mistake and a column for each name that the checker gave first.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

mod rules;

use std::{collections::BTreeMap, path::PathBuf};

use clap::Parser;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use wengert::{
    Result,
    check::{self, mutate},
    io,
};

#[derive(Parser)]
struct Flags {
    /// The number of mistakes to try.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// The seed of the draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder for metrics.json.
    #[arg(long, default_value = "target/mutations")]
    out: PathBuf,
    /// Try only a hundred mistakes.
    #[arg(long)]
    quick: bool,
    /// Print every mistake that was not named first, with what was said.
    #[arg(long)]
    misses: bool,
    /// Check the pairs alone, the same ones.
    #[arg(long)]
    pairs: bool,
}

/// The kind of two mistakes in one rule.
const PAIR: &str = "several mistakes";

/// A mistake, and what the checker said about it.
struct Case {
    rule: String,
    what: String,
    kind: &'static str,
    given: Vec<&'static str>,
    said: String,
    named_at: Option<usize>,
    /// Whether the first verdict describes two mistakes exactly by other names.
    mended: bool,
    /// How many faults the first verdict has.
    edits: usize,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let count = if flags.quick { flags.count.min(100) } else { flags.count };
    let rules = rules::all();

    let mut false_alarms = 0;
    for rule in &rules {
        let report = check::function(rule.function.clone(), &rule.inputs).run()?;
        if !report.passed() {
            false_alarms += 1;
            println!("false alarm:\n{report}");
        }
    }

    // All mistakes by kind and rule; a kind is drawn first, then a rule that can have it, then the place.
    let mut by_kind: BTreeMap<&'static str, Vec<(usize, Vec<mutate::Mutant>)>> = BTreeMap::new();
    for (r, rule) in rules.iter().enumerate() {
        let mut own: BTreeMap<&'static str, Vec<mutate::Mutant>> = BTreeMap::new();
        for mutant in mutate::mutants(rule.function.clone(), &rule.inputs)? {
            own.entry(mutant.names[0]).or_default().push(mutant);
        }
        own.into_iter().for_each(|(kind, mutants)| by_kind.entry(kind).or_default().push((r, mutants)));
    }
    let kinds: Vec<&'static str> = by_kind.keys().copied().filter(|kind| *kind != PAIR).collect();
    let distinct: usize = by_kind.values().flatten().map(|(_, mutants)| mutants.len()).sum();
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    rules.iter().for_each(|rule| *families.entry(rule.kind).or_default() += 1);
    let families: Vec<String> = families.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    println!("{} correct rules ({})", rules.len(), families.join(", "));
    println!("{distinct} different mistakes of {} kinds", kinds.len());

    let mut rng = StdRng::seed_from_u64(flags.seed);
    let mut answers: BTreeMap<(usize, &'static str, usize), Vec<check::Verdict>> = BTreeMap::new();
    let (mut cases, mut slowest, mut slow) = (Vec::new(), 0f64, String::new());
    // After the single mistakes, pairs: a fifth as many.
    for n in 0..count + count / 5 {
        let kind = if n < count { kinds[rng.random_range(0..kinds.len())] } else { PAIR };
        let with_kind = &by_kind[kind];
        let (r, mutants) = &with_kind[rng.random_range(0..with_kind.len())];
        let place = rng.random_range(0..mutants.len());
        let mutant = &mutants[place];
        if flags.pairs && kind != PAIR {
            continue;
        }
        let verdicts = match answers.entry((*r, kind, place)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let report = check::function(mutant.function.clone(), &rules[*r].inputs).run()?;
                if report.seconds > slowest {
                    (slowest, slow) = (report.seconds, format!("{}, {}", rules[*r].function.name(), mutant.what));
                }
                new.insert(report.verdicts.into_iter().filter(|v| !v.fault.is_remark()).collect())
            }
        };
        cases.push(Case {
            rule: rules[*r].function.name().to_owned(),
            what: mutant.what.clone(),
            kind,
            given: verdicts.iter().map(|v| v.fault.name()).collect(),
            said: verdicts.first().map_or_else(String::new, check::Verdict::to_string),
            named_at: verdicts.iter().position(|v| mutant.is_named_by(v)),
            mended: verdicts.first().is_some_and(|v| mutant.is_mended_by(v)),
            edits: verdicts.first().map_or(0, |v| match &v.fault {
                check::Fault::Several { faults } => faults.len(),
                _ => 1,
            }),
        });
    }
    table(&cases);
    if flags.misses {
        for case in cases.iter().filter(|case| case.named_at != Some(0)) {
            let otherwise = if case.mended { ", mended by other edits" } else { "" };
            println!("{} ({}{otherwise}): {} -> {:?}", case.rule, case.kind, case.what, case.given);
            println!("  {}", case.said);
        }
    }
    let (pairs, singles): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.kind == PAIR);
    let named = |of: &[&Case], among: usize| {
        let n = of.iter().filter(|case| case.named_at.is_some_and(|at| at < among)).count();
        (n, 100.0 * n as f64 / of.len().max(1) as f64)
    };
    for (what, of) in [("single mistakes", &singles), ("pairs", &pairs)] {
        let ((first, percent), (three, of_three)) = (named(of, 1), named(of, 3));
        let n = of.len();
        println!("{first} of {n} {what} named first ({percent:.1} %), {three} among the first three ({of_three:.1} %)");
    }
    let otherwise = |count: usize| {
        let of = pairs.iter().filter(|case| case.named_at != Some(0) && case.mended);
        of.filter(|case| case.edits == count).count()
    };
    let (two, one) = (otherwise(2), otherwise(1));
    let explained = named(&pairs, 1).0 + two + one;
    let percent = 100.0 * explained as f64 / pairs.len().max(1) as f64;
    println!(
        "{two} more pairs are mended where they were made by two other edits, {one} by a single one: together {explained} ({percent:.1} %)"
    );
    println!("{false_alarms} false alarms on {} correct rules", rules.len());
    println!("the slowest check took {slowest:.2} s ({slow})");
    let path = flags.out.join("metrics.json");
    let metrics = serde_json::json!({
        "count": singles.len(),
        "named_first": named(&singles, 1).0,
        "named_among_three": named(&singles, 3).0,
        "pairs": pairs.len(),
        "pairs_named_first": named(&pairs, 1).0,
        "pairs_mended_by_two_others": two,
        "pairs_mended_by_one": one,
        "false_alarms": false_alarms,
        "clean_rules": rules.len(),
        "distinct": distinct,
        "seed": flags.seed,
    });
    io::write_json(&path, &metrics)?;
    println!("written: {}", path.display());
    Ok(())
}

/// The confusion table: true kinds in rows, the names given first in columns. A correct name counts on the diagonal.
fn table(cases: &[Case]) {
    let mut rows: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for case in cases {
        let given = match case.named_at {
            Some(0) => case.kind,
            _ => match case.given.first().copied().unwrap_or("nothing") {
                same if same == case.kind => "others of this kind",
                other => other,
            },
        };
        *rows.entry(case.kind).or_default().entry(given).or_default() += 1;
    }
    println!("{:<20} {:>6} {:>6}  else", "mistake", "tried", "named");
    for (kind, row) in &rows {
        let total: usize = row.values().sum();
        let right = row.get(kind).copied().unwrap_or(0);
        let others: Vec<String> = row.iter().filter(|(k, _)| *k != kind).map(|(k, n)| format!("{k} {n}")).collect();
        println!("{kind:<20} {total:>6} {right:>6}  {}", others.join(", "));
    }
}

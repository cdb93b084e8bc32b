//! How often the checker names a mistake that a person planted.
//!
//! ```text
//! cargo run --release --example planted
//! ```
//!
//! Every function of `cases` is checked as it is, then once for each of its mistakes, alone or two at once. A verdict
//! counts as right if it says what it must, in words fixed beforehand, and its line if it is one where a mistake was
//! made; the last column leaves out mistakes that hand a value on unchanged, which leave no operation on their line. The
//! checker reads the source as it would be with the mistake (`text`). The functions of `cases/unseen` are *held out*; the
//! checker was developed with the mistakes of the others.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

#[macro_use]
mod planted;
mod cases;
mod judge;
mod text;

use std::{collections::BTreeMap, error::Error, path::PathBuf};

use clap::Parser;
use judge::{Judged, Named, Part};
use planted::Planted;
use text::Texts;
use wengert::{check, io};

#[derive(Parser)]
struct Flags {
    /// The folder for metrics.json.
    #[arg(long, default_value = "target/planted")]
    out: PathBuf,
    /// Try only the first five functions of those developed on, and the first five of those held out.
    #[arg(long)]
    quick: bool,
    /// Leave out the functions held out.
    #[arg(long, conflicts_with = "held_out")]
    developed: bool,
    /// Try only the functions with this in their names, of those developed on.
    #[arg(long)]
    only: Option<String>,
    /// Print how long the check of each mistake developed on takes.
    #[arg(long)]
    seconds: bool,
    /// Print the verdicts on mistakes developed on that were not named, or whose line is wrong.
    #[arg(long)]
    misses: bool,
    /// The same for those held out. Whoever works on the checker leaves them unread.
    #[arg(long)]
    held_out: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let mut parts = vec![(Part::Developed, cases::developed())];
    if let Some(only) = &flags.only {
        parts[0].1.retain(|one| one.name.contains(only.as_str()));
    }
    if !flags.developed && flags.only.is_none() {
        parts.push((Part::HeldOut, cases::held_out()));
    }
    let most = if flags.quick { 5 } else { usize::MAX };
    let all: Vec<(Part, Planted)> =
        parts.into_iter().flat_map(|(part, of)| of.into_iter().take(most).map(move |one| (part, one))).collect();
    let out = std::path::absolute(&flags.out)?;
    let mut texts = Texts::new(&out.join("text"))?;
    let (mut false_alarms, mut not_caught, mut slowest) = (0, 0, 0f64);
    let mut judged = Vec::new();
    for (part, function) in &all {
        texts.write(&[], &[])?;
        let report = check::function(function.with(&[]), &function.inputs).run()?;
        if !report.passed() || !report.verdicts.is_empty() {
            false_alarms += 1;
            println!("false alarm: {}\n{report}", function.name);
        }
        for mistake in &function.mistakes {
            let wrong = function.with(mistake.slips);
            texts.write(mistake.slips, &text::lines_of(&wrong, &function.inputs)?)?;
            let report = check::function(wrong.clone(), &function.inputs).run()?;
            slowest = slowest.max(report.seconds);
            if flags.seconds && *part == Part::Developed {
                println!("{:.2} s: {} {:?}", report.seconds, function.name, mistake.slips);
            }
            if report.passed() {
                not_caught += 1;
                println!("not caught: {} {:?}", function.name, mistake.slips);
            }
            let (lines, recorded) = wrong.lines();
            let one = Judged::new(*part, mistake, &function.mistakes, &report, (&lines, recorded));
            let shown = if *part == Part::Developed { flags.misses } else { flags.held_out };
            if shown && !(one.named == Named::First && one.line) {
                println!("{} {:?} ({}), lines {:?}: {:?}", function.name, mistake.slips, mistake.kind, lines, one);
                report.verdicts.iter().for_each(|verdict| println!("  {verdict}"));
            }
            judged.push(one);
        }
    }
    let (functions, mistakes) = (all.len(), judged.len());
    println!("{functions} functions, {mistakes} mistakes, {not_caught} not caught, {false_alarms} false alarms");
    let mut metrics = serde_json::Map::new();
    for (part, name) in [(Part::Developed, "developed on"), (Part::HeldOut, "held out")] {
        let own: Vec<&Judged> = judged.iter().filter(|one| one.part == part).collect();
        if own.is_empty() {
            continue;
        }
        let mut kinds: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
        own.iter().for_each(|one| kinds.entry(one.kind).or_default().push(one));
        println!("\n{name:<14} tried first three vague none else line  of those with an operation there");
        let mut rows = serde_json::Map::new();
        let all = ("all", own.clone());
        for (kind, of_kind) in kinds.into_iter().chain([all]) {
            let count = |keep: &dyn Fn(&Judged) -> bool| of_kind.iter().filter(|one| keep(one)).count();
            let named = |named: Named| count(&|one| one.named == named);
            let (first, vague, none) = (named(Named::First), named(Named::Vague), named(Named::Nothing));
            let three = first + named(Named::AmongThree);
            let lines = count(&|one| one.line);
            let (there, of) = (count(&|one| one.line && one.recorded), count(&|one| one.recorded));
            let rest = of_kind.len() - three - vague - none;
            println!(
                "{kind:<14} {:>5} {first:>5} {three:>5} {vague:>5} {none:>4} {rest:>4} {lines:>4}  {there:>3} of {of}",
                of_kind.len()
            );
            let row = serde_json::json!({ "tried": of_kind.len(), "first": first, "three": three, "line": lines,
                "line_there": there, "there": of });
            rows.insert(kind.to_owned(), row);
        }
        metrics.insert(name.to_owned(), rows.into());
    }
    println!("\nthe slowest check took {slowest:.2} s");
    metrics.insert("false_alarms".to_owned(), false_alarms.into());
    metrics.insert("not_caught".to_owned(), not_caught.into());
    let path = out.join("metrics.json");
    io::write_json(&path, &metrics)?;
    println!("written: {}", path.display());
    Ok(())
}

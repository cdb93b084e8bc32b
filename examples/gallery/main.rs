//! Published mistakes in gradients: each is checked as it was made, and again as it is fixed.
//!
//! Every entry is rewritten with this crate's interface; its source names where the mistake was published. The table
//! shows the expected verdict next to the actual one, with the line to fix. The program exits with code 1 if the two
//! differ, or if a fixed program does not pass.

#[macro_use]
#[path = "../../tutorials/print.rs"]
mod print;

mod batch;
mod conduct;
mod entry;
mod kinks;
mod losses;
mod margins;
mod precision;
mod spectral;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use serde_json::json;
use wengert::{Result, io};

use entry::{Entry, Row};

/// Checks published mistakes in gradients, and prints the verdicts.
#[derive(Parser)]
struct Flags {
    /// The folder for metrics.json and, without --quick, for a page per check.
    #[arg(long, default_value = "target/gallery")]
    out: PathBuf,
    /// Leave the pages out.
    #[arg(long)]
    quick: bool,
    /// Print the full reports of the entries whose names contain this.
    #[arg(long)]
    show: Option<String>,
}

fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    let entries: Vec<Entry> = [
        losses::entries,
        margins::entries,
        spectral::entries,
        kinks::entries,
        batch::entries,
        precision::entries,
        conduct::entries,
    ]
    .into_iter()
    .flat_map(|entries| entries())
    .collect();
    let rows = entries.into_iter().map(Entry::check).collect::<Result<Vec<Row>, _>>()?;

    print(&rows);
    if let Some(part) = &flags.show {
        for row in rows.iter().filter(|row| row.entry.name.contains(part.as_str())) {
            println!("\n{}: {}\n{}\nmended: {}", row.entry.name, row.entry.lesson, row.wrong, row.mended);
        }
    }
    write(&rows, &flags)?;
    Ok(if rows.iter().all(Row::is_right) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The table, with a row for each entry.
fn print(rows: &[Row]) {
    let width = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (name, expected) = (width(&|r| r.entry.name.chars().count()), width(&|r| r.entry.expected.len()).max(8));
    let (given, line) = (width(&|r| r.given().len()), width(&|r| r.line().len()));
    println!("  {:name$}  {:expected$}  {:given$}  {:line$}  mended  source", "mistake", "expected", "given", "line");
    for row in rows {
        println!(
            "{} {:name$}  {:expected$}  {:given$}  {:line$}  {:6}  {}",
            if row.is_right() { "✓" } else { "✗" },
            row.entry.name,
            row.entry.expected,
            row.given(),
            row.line(),
            if row.mended_passes() { "passes" } else { "FAILS" },
            row.entry.source,
        );
    }
    let right = rows.iter().filter(|row| row.is_right()).count();
    let seconds: f64 = rows.iter().map(|row| row.wrong.seconds + row.mended.seconds).sum();
    println!("{right} of {} have their verdict, in {seconds:.1} s", rows.len());
}

fn write(rows: &[Row], flags: &Flags) -> Result<()> {
    let right = rows.iter().filter(|row| row.is_right()).count();
    let report = json!({
        "right": right,
        "wrong": rows.len() - right,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    let metrics = flags.out.join("metrics.json");
    io::write_json(&metrics, &report)?;
    println!("written: {}", metrics.display());
    if !flags.quick {
        for row in rows {
            for (report, what) in [(&row.wrong, "wrong"), (&row.mended, "mended")] {
                report.save_html(flags.out.join(format!("{}_{what}.html", row.entry.file_name())))?;
            }
        }
        println!("written: a page for each check in {}", flags.out.display());
    }
    Ok(())
}

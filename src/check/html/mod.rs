//! The report as a page: a single file without scripts, containing its style and pictures.
//!
//! Verdicts come first, then the tests, then the gradients side by side. Every colored cell shows its number under the
//! pointer. The page follows the reader's choice of a light or dark screen.

mod gradient;
mod layout;
mod map;
mod text;
mod verdict;

use std::path::Path;

use super::{Outcome, Report, numbers::count};
use crate::{
    Result, atomic,
    page::{COLORS, escape},
};
use text::rich;

const STYLE: &str = include_str!("style.css");

/// Up to this many gradients are shown expanded.
const UNFOLDED: usize = 4;

impl Report {
    /// The report as the text of an HTML page that needs no other file and no network.
    ///
    /// ```
    /// use wengert::{Tensor, check};
    /// let report = check::gradcheck(|x| x[0].tanh(), &[Tensor::from([0.3, -0.7])])?;
    /// let page = report.html()?;
    /// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("tape − numeric"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) when a chart cannot be written, which happens only without memory.
    pub fn html(&self) -> Result<String> {
        let mark = if self.passed() { "✓" } else { "✗" };
        let sections = [self.heading(), self.cards(), self.table(), self.pictures()?].concat();
        Ok(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{mark} {} – gradient check</title>\n\
             <style>\n{COLORS}{STYLE}</style>\n</head>\n<body>\n<main>\n{sections}\
             <footer>Written by wengert {}. In the maps blue is negative, orange positive, and zero is blank; rest the \
             pointer on a cell to read its number. A gray cell has no number: it is not finite, or there is no one slope to compare with.</footer>\n</main>\n</body>\n</html>\n",
            escape(&self.subject),
            env!("CARGO_PKG_VERSION"),
        ))
    }

    /// Writes the [page](Report::html) to this path, whole or not at all. The folder is created if it is missing.
    ///
    /// ```
    /// use wengert::{check, nn::Linear};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("linear.html");
    /// check::check_layer(&Linear::new(4, 3, 0), &[[4]])?.save_html(&path)?;
    /// # assert!(path.exists());
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) when the file or its folder cannot be written.
    pub fn save_html(&self, path: impl AsRef<Path>) -> Result<()> {
        let page = self.html()?;
        atomic::write(path.as_ref(), |file| file.write_all(page.as_bytes()))
    }

    fn heading(&self) -> String {
        let [passed, failed, not_applicable] = self.counts();
        let (class, verdict) = match (self.passed(), passed) {
            (true, 0) => ("bad", "Nothing was checked"),
            (true, _) => ("good", "The check passed"),
            (false, _) => ("bad", "The check failed"),
        };
        let bad = if failed > 0 { " class=\"bad\"" } else { "" };
        let share = |class: &str, n: usize| format!("<i class=\"{class}\" style=\"flex:{n}\"></i>");
        let bar = [share("pass", passed), share("fail", failed), share("none", not_applicable)].concat();
        format!(
            "<header>\n<p class=\"kind\">gradient check</p>\n<h1>{}</h1>\n<p class=\"lead\"><b class=\"{class}\">{verdict}</b>: \
             of {}, <b class=\"good\">{passed} passed</b>, <b{bad}>{failed} failed</b>, and {not_applicable} had \
             nothing to test. It took {:.0} ms.</p>\n<div class=\"share\">{bar}</div>\n</header>\n",
            rich(&self.subject),
            count(self.tests.len(), "test"),
            (1e3 * self.seconds).max(1.0),
        )
    }

    fn cards(&self) -> String {
        if self.verdicts.is_empty() {
            return String::new();
        }
        let remarks = self.verdicts.iter().all(|v| v.fault.is_remark());
        let title = if remarks { "Remarks" } else { "Verdicts" };
        let card = |(k, verdict): (usize, &super::Verdict)| {
            let seen = verdict.line.is_some() && self.verdicts[..k].iter().any(|v| v.line == verdict.line);
            verdict::card(k + 1, verdict, seen)
        };
        let cards: String = self.verdicts.iter().enumerate().map(card).collect();
        format!("<section>\n<h2>{title}</h2>\n{cards}</section>\n")
    }

    fn table(&self) -> String {
        let row = |test: &super::Test| {
            let (class, mark, word, detail) = match &test.outcome {
                Outcome::Passed(detail) => ("pass", "✓", "passed", detail),
                Outcome::Failed(detail) => ("fail", "✗", "failed", detail),
                Outcome::NotApplicable(why) => ("none", "–", "n/a", why),
            };
            let name = escape(test.name);
            format!(
                "<tr class=\"{class}\"><td>{mark}</td><th>{name}</th><td>{word}</td><td>{}</td></tr>\n",
                rich(detail)
            )
        };
        let rows: String = self.tests.iter().map(row).collect();
        format!("<section>\n<h2>Tests</h2>\n<table>\n{rows}</table>\n</section>\n")
    }

    fn pictures(&self) -> Result<String> {
        if self.gradients.is_empty() {
            return Ok(String::new());
        }
        let open = self.gradients.len() <= UNFOLDED;
        let missing: Vec<Vec<&str>> = self.gradients.iter().map(gradient::missing).collect();
        // What is missing everywhere is reported once.
        let (first, rest) = missing.split_first().expect("there is a gradient");
        let common: Vec<&str> = first.iter().copied().filter(|m| rest.iter().all(|other| other.contains(m))).collect();
        let mut sections = String::new();
        for (comparison, missing) in self.gradients.iter().zip(&missing) {
            let curve = self.curves.iter().find(|curve| curve.argument == comparison.argument);
            let missing: Vec<&str> = missing.iter().copied().filter(|m| !common.contains(m)).collect();
            sections.push_str(&gradient::section(comparison, curve, &missing, open)?);
        }
        let common = text::note(&common.join(" "));
        Ok(format!("<section>\n<h2>Gradients</h2>\n{common}{sections}</section>\n"))
    }
}

//! A verdict as a card: the fault in words, the evidence, and the line of source with its neighbors.

use super::text::rich;
use crate::{
    check::{Line, Verdict},
    page::{self, escape},
};

/// Lines of source shown before and after the one in question.
const AROUND: usize = 4;

/// Verdict number `number` of a report; `seen` says that an earlier card has already shown the source.
pub(super) fn card(number: usize, verdict: &Verdict, seen: bool) -> String {
    let remark = verdict.fault.is_remark();
    let (class, kind) = if remark { ("remark", "remark") } else { ("fault", "verdict") };
    let rule = verdict.rule.as_ref().map_or(String::new(), |rule| format!(" of <code>{}</code>", escape(rule)));
    let mends = verdict.mends.iter().map(|mend| match verdict.line.as_ref() == Some(&mend.line) {
        true => mend.to_string(),
        false => format!("{mend} ({})", mend.line),
    });
    let evidence: String =
        verdict.evidence.iter().cloned().chain(mends).map(|e| format!("<li>{}</li>", rich(&e))).collect();
    let evidence = if evidence.is_empty() { evidence } else { format!("<ul>{evidence}</ul>\n") };
    format!(
        "<article class=\"card {class}\">\n<p class=\"kind\">{kind} {number} · {}</p>\n<h3>{}</h3>\n\
         <p class=\"of\">{}{rule}</p>\n{evidence}{}</article>\n",
        escape(verdict.fault.name()),
        rich(&sentence(&verdict.fault.to_string())),
        rich(&sentence(&verdict.whose())),
        verdict.line.as_ref().map_or(String::new(), |line| source(line, seen)),
    )
}

/// With an initial capital, unless it begins with code.
fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// The place, and the lines around it if the file can be read and they are not `seen` already.
fn source(line: &Line, seen: bool) -> String {
    let place = format!("<p class=\"place\">{}</p>\n", escape(&line.to_string()));
    if seen {
        return place;
    }
    let Some(text) = page::source(&line.file) else {
        return place;
    };
    let (lines, at): (Vec<&str>, usize) = (text.lines().collect(), line.line as usize);
    if at == 0 || at > lines.len() {
        return place;
    }
    let (first, last) = (at.saturating_sub(AROUND + 1), (at + AROUND).min(lines.len()));
    let indent = |l: &&str| l.len() - l.trim_start_matches(' ').len();
    let common = lines[first..last].iter().filter(|l| !l.trim().is_empty()).map(indent).min().unwrap_or(0);
    let row = |k: usize| {
        let marked = if k + 1 == at { " class=\"marked\"" } else { "" };
        let text = lines[k].get(common..).unwrap_or("");
        format!("<span{marked}><i>{}</i>{}\n</span>", k + 1, escape(text))
    };
    format!("{place}<pre class=\"source\">{}</pre>\n", (first..last).map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Fault;

    #[test]
    fn a_card_shows_the_line_among_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.rs");
        let text: String = (1..=9).map(|k| format!("    let y{k} = a < {k};\n")).collect();
        std::fs::write(&path, text).unwrap();
        let at = |line| Some(Line { file: path.display().to_string(), line });
        let verdict = Verdict::new(Fault::SignFlipped, "input 0", 0.0).because("it is −t, for `x` & all").at(at(2));
        let card = card(1, &verdict, false);
        assert!(card.contains("<h3>The sign is flipped</h3>") && card.contains("verdict 1 · sign flipped"), "{card}");
        assert!(card.contains("<li>it is −t, for <code>x</code> &amp; all</li>"));
        assert!(card.contains("<span class=\"marked\"><i>2</i>let y2 = a &lt; 2;\n</span>"), "{card}");
        assert_eq!(card.matches("<span").count(), 6);
        assert!(!super::card(2, &verdict, true).contains("<span"));
        // If the line or the file does not exist, only the place is shown.
        for line in [at(10), Some(Line { file: "no/such/file.rs".to_owned(), line: 1 })] {
            let place = format!("<p class=\"place\">{}</p>\n</article>", line.as_ref().unwrap());
            let card = super::card(1, &Verdict::new(Fault::Kink, "input 0", 0.0).at(line), false);
            assert!(card.contains(&place) && card.contains("remark"), "{card}");
        }
    }
}

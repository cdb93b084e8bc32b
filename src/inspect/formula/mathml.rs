//! A formula as MathML, which browsers draw without any help.
//!
//! It reads the part of LaTeX that formulas here are written in: scripts, fractions, roots, bars, cases and symbols. What
//! it does not know stays as text.

use super::tex::tokens;
use crate::page::escape;

/// The markup of a formula.
pub(in crate::inspect) fn mathml(latex: &str) -> String {
    let tokens = tokens(latex);
    let mut reader = Reader { tokens: &tokens, at: 0 };
    let mut inside = String::new();
    while reader.at < tokens.len() {
        inside += &reader.row(&[]);
        // A brace too many.
        reader.at += 1;
    }
    format!("<math>{inside}</math>")
}

struct Reader<'a> {
    tokens: &'a [&'a str],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek() == Some(" ") {
            self.at += 1;
        }
    }

    /// Elements up to one of the tokens `ends` or a closing brace, which are not read.
    fn row(&mut self, ends: &[&str]) -> String {
        let mut row = String::new();
        let mut sign = true;
        while let Some(token) = self.peek() {
            if token == "}" || ends.contains(&token) {
                break;
            }
            if token == " " {
                self.spaces();
                let next =
                    self.peek().is_none_or(|next| operator(next).is_some() || next == "}" || ends.contains(&next));
                if !sign && !next {
                    row += r#"<mspace width="0.17em"/>"#;
                }
                continue;
            }
            if token == "-" && sign {
                self.at += 1;
                row += r#"<mo form="prefix">−</mo>"#;
                continue;
            }
            sign = operator(token).is_some_and(|_| ![")", "]", "|"].contains(&token));
            row += &self.scripted();
        }
        row
    }

    /// An element with its scripts.
    fn scripted(&mut self) -> String {
        let mut base = self.element();
        let (mut below, mut above) = (None, None);
        loop {
            match self.peek() {
                Some("_") if below.is_none() => {
                    self.at += 1;
                    below = Some(self.element());
                }
                Some("^") if above.is_none() => {
                    self.at += 1;
                    above = Some(self.element());
                }
                Some("'") => {
                    self.at += 1;
                    above = Some("<mo>′</mo>".to_owned());
                }
                _ => break,
            }
        }
        if base.is_empty() {
            base = "<mrow></mrow>".to_owned();
        }
        match (below, above) {
            (None, None) => base,
            (Some(below), None) => format!("<msub>{base}{below}</msub>"),
            (None, Some(above)) => format!("<msup>{base}{above}</msup>"),
            (Some(below), Some(above)) => format!("<msubsup>{base}{below}{above}</msubsup>"),
        }
    }

    /// A group in braces as one element.
    fn group(&mut self) -> String {
        self.spaces();
        if self.peek() != Some("{") {
            return self.element();
        }
        self.at += 1;
        let row = self.row(&[]);
        self.at += 1;
        format!("<mrow>{row}</mrow>")
    }

    fn element(&mut self) -> String {
        self.spaces();
        let Some(token) = self.tokens.get(self.at).copied() else { return String::new() };
        if token == "{" {
            return self.group();
        }
        self.at += 1;
        if let Some(words) = words(token) {
            let (command, words) = words;
            return match command {
                r"\text" => format!("<mtext>{}</mtext>", escape(&unescaped(words))),
                r"\begin" => self.cases(),
                r"\end" => String::new(),
                _ => format!(r#"<mi mathvariant="normal">{}</mi>"#, escape(&unescaped(words))),
            };
        }
        if let Some(sign) = operator(token) {
            let fence = if token == "|" { r#" stretchy="false""# } else { "" };
            return format!("<mo{fence}>{}</mo>", escape(sign));
        }
        match token {
            r"\frac" => {
                let (over, under) = (self.group(), self.group());
                format!("<mfrac>{over}{under}</mfrac>")
            }
            r"\sqrt" => format!("<msqrt>{}</msqrt>", self.group()),
            r"\bar" => format!(r#"<mover accent="true">{}<mo stretchy="false">¯</mo></mover>"#, self.group()),
            r"\hat" => format!(r#"<mover accent="true">{}<mo stretchy="false">^</mo></mover>"#, self.group()),
            r"\left" => self.fenced(),
            r"\right" | r"\!" | r"\mathrel" => String::new(),
            r"\," | r"\;" => r#"<mspace width="0.17em"/>"#.to_owned(),
            _ if token.starts_with(|c: char| c.is_ascii_digit()) => format!("<mn>{token}</mn>"),
            _ => match symbol(token) {
                Some(symbol) => format!("<mi>{symbol}</mi>"),
                None => format!("<mi>{}</mi>", escape(token.trim_start_matches('\\'))),
            },
        }
    }

    /// What stands between two brackets, with them, as one element: scripts then belong to all of it.
    fn fenced(&mut self) -> String {
        let open = self.element();
        let row = self.row(&[r"\right"]);
        self.at += usize::from(self.peek() == Some(r"\right"));
        let close = self.element();
        format!("<mrow>{open}{row}{close}</mrow>")
    }

    /// Lines of a value and its condition, up to the end.
    fn cases(&mut self) -> String {
        let mut rows = String::new();
        while self.at < self.tokens.len() && self.peek() != Some(r"\end{cases}") {
            let mut cells = String::new();
            loop {
                let start = self.at;
                cells += &format!("<mtd>{}</mtd>", self.row(&["&", r"\\", r"\end{cases}"]));
                if self.peek() != Some("&") {
                    // A brace too many is left out.
                    self.at += usize::from(
                        self.peek() == Some("}") || self.at == start && self.peek() != Some(r"\end{cases}"),
                    );
                    break;
                }
                self.at += 1;
            }
            self.at += usize::from(self.peek() == Some(r"\\"));
            rows += &format!("<mtr>{cells}</mtr>");
        }
        self.at += 1;
        format!(r#"<mrow><mo stretchy="true">{{</mo><mtable columnalign="left">{rows}</mtable></mrow>"#)
    }
}

/// A command with words in braces, and the words.
fn words(token: &str) -> Option<(&str, &str)> {
    let (command, words) = token.strip_suffix('}')?.split_once('{')?;
    command.starts_with('\\').then_some((command, words))
}

fn unescaped(words: &str) -> String {
    words.replace('\\', "")
}

/// The sign of an operator or a bracket.
fn operator(token: &str) -> Option<&str> {
    Some(match token {
        "-" => "−",
        "+" | "=" | "<" | ">" | "(" | ")" | "[" | "]" | "|" | "," => token,
        r"\le" => "≤",
        r"\ge" => "≥",
        r"\ne" => "≠",
        r"\odot" => "⊙",
        r"\cdot" => "⋅",
        r"\star" => "⋆",
        r"\ast" => "∗",
        r"\sum" => "∑",
        r"\lfloor" => "⌊",
        r"\rfloor" => "⌋",
        r"\lceil" => "⌈",
        r"\rceil" => "⌉",
        r"\dots" => "…",
        _ => return None,
    })
}

/// Greek letters and signs.
fn symbol(token: &str) -> Option<&str> {
    Some(match token {
        r"\top" => "⊤",
        r"\sigma" => "σ",
        r"\mu" => "μ",
        r"\lambda" => "λ",
        r"\varepsilon" => "ε",
        r"\psi" => "ψ",
        r"\Phi" => "Φ",
        r"\Gamma" => "Γ",
        r"\pi" => "π",
        r"\infty" => "∞",
        _ => return None,
    })
}

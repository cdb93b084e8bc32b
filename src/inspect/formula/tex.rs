//! Pieces of LaTeX, and operands put into them with the parentheses they need.

use super::Names;

/// How tightly a piece of LaTeX holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::inspect) enum Level {
    Sum,
    Product,
    Power,
    Atom,
}

/// A piece of LaTeX that stands for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inspect) struct Tex {
    pub text: String,
    pub level: Level,
}

impl From<&str> for Tex {
    fn from(text: &str) -> Tex {
        Tex::atom(text)
    }
}

impl Tex {
    pub fn new(text: impl Into<String>, level: Level) -> Tex {
        Tex { text: text.into(), level }
    }

    pub fn atom(text: impl Into<String>) -> Tex {
        Tex::new(text, Level::Atom)
    }

    /// The text, in parentheses unless it holds together as tightly as `level` asks.
    pub fn at(&self, level: Level) -> String {
        if self.level >= level { self.text.clone() } else { format!(r"\left({}\right)", self.text) }
    }
}

/// Factors that are known by name.
const CONSTANTS: [(f64, &str); 6] = [
    (std::f64::consts::FRAC_2_SQRT_PI, r"\frac{2}{\sqrt{\pi}}"),
    (1.0 / std::f64::consts::FRAC_2_SQRT_PI, r"\frac{\sqrt{\pi}}{2}"),
    (std::f64::consts::FRAC_1_SQRT_2, r"\frac{1}{\sqrt{2}}"),
    (0.398_942_280_401_432_7, r"\frac{1}{\sqrt{2 \pi}}"),
    (std::f64::consts::LN_2, r"\ln(2)"),
    (std::f64::consts::LN_10, r"\ln(10)"),
];

/// A number with all its digits, or its name.
pub(in crate::inspect) fn number(x: f64) -> Tex {
    if let Some((_, name)) = CONSTANTS.iter().find(|(constant, _)| (x.abs() / constant - 1.0).abs() < 1e-14) {
        return if x < 0.0 { Tex::new(format!("-{name}"), Level::Sum) } else { Tex::new(*name, Level::Power) };
    }
    written(x, &x.to_string(), &format!("{x:e}"))
}

/// A number, by its plain and its scientific form.
pub(in crate::inspect) fn written(x: f64, plain: &str, scientific: &str) -> Tex {
    let level = if x < 0.0 { Level::Sum } else { Level::Atom };
    match x {
        _ if x.is_nan() => Tex::atom(r"\mathrm{NaN}"),
        _ if x.is_infinite() => Tex::new(if x > 0.0 { r"\infty" } else { r"-\infty" }, level),
        _ if x == 0.0 || (1e-3..1e6).contains(&x.abs()) => Tex::new(plain, level),
        _ => match scientific.split_once('e') {
            Some((digits, power)) => Tex::new(format!(r"{digits} \cdot 10^{{{power}}}"), level.min(Level::Product)),
            None => Tex::new(scientific, level),
        },
    }
}

/// The tokens of a formula: commands (with the words in their braces), numbers, spaces, single characters.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |from: &str, part: fn(char) -> bool| from.find(|c| !part(c)).unwrap_or(from.len());
        let len = match first {
            '\\' => {
                let letters = run(&rest[1..], |c| c.is_ascii_alphabetic());
                let command =
                    1 + if letters > 0 { letters } else { rest[1..].chars().next().map_or(0, char::len_utf8) };
                let words = [r"\operatorname", r"\mathrm", r"\mathit", r"\text", r"\begin", r"\end"]
                    .contains(&&rest[..command]);
                command + if words { group(&rest[command..]) } else { 0 }
            }
            ' ' => run(rest, |c| c == ' '),
            c if c.is_ascii_digit() => run(rest, |c| c.is_ascii_digit() || c == '.'),
            c => c.len_utf8(),
        };
        tokens.push(&rest[..len]);
        rest = &rest[len..];
    }
    tokens
}

/// The length of a group in braces; 0 if there is none.
fn group(text: &str) -> usize {
    let mut depth = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    0
}

/// A formula of an operation with names in place of `x` (or `x_1`, `x_2`, ...), `z` and `\bar z`.
pub(super) fn substituted(formula: &str, names: &Names) -> String {
    let tokens = tokens(formula);
    let mut text = String::new();
    let mut at = 0;
    while at < tokens.len() {
        let digit = |place: usize| tokens.get(place).and_then(|digits| digits.parse::<usize>().ok());
        let (found, used) = match tokens[at] {
            r"\bar" if tokens.get(at + 1) == Some(&" ") && tokens.get(at + 2) == Some(&"z") => {
                (Some(&names.upstream), 3)
            }
            "z" => (Some(&names.output), 1),
            "x" if names.inputs.len() == 1 => (Some(&names.inputs[0]), 1),
            "x" if tokens.get(at + 1) == Some(&"_") => {
                match digit(at + 2).and_then(|k| names.inputs.get(k.wrapping_sub(1))) {
                    Some(name) => (Some(name), 3),
                    None => (None, 1),
                }
            }
            _ => (None, 1),
        };
        match found {
            // A name with a script of its own goes in braces before another one.
            Some(name) if matches!(tokens.get(at + used), Some(&"_") | Some(&"^")) && name.text.len() > 1 => {
                text += &format!("{{{}}}", name.at(Level::Atom));
            }
            Some(name) => text += &name.at(Level::Product),
            None => text += tokens[at],
        }
        at += used;
    }
    text
}

/// The value of a row: its `formula` with operands in place of `x`, `a`, `b` and `c`.
pub(super) fn applied(formula: &str, operand: impl Fn(&str) -> Option<Tex>) -> Tex {
    let tokens = tokens(formula);
    let beside = |at: Option<usize>, step: fn(usize) -> Option<usize>| {
        let mut at = at;
        while at.and_then(|at| tokens.get(at)) == Some(&" ") {
            at = at.and_then(step);
        }
        at.and_then(|at| tokens.get(at)).copied()
    };
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(value) = operand(token) else {
            text += token;
            continue;
        };
        let before = beside(at.checked_sub(1), |at| at.checked_sub(1));
        let after = beside(Some(at + 1), |at| at.checked_add(1));
        let level = match (before, after) {
            (Some("-"), _) => Level::Product,
            (before, after) if opens(before) && closes(after) => Level::Sum,
            (_, Some("^")) => Level::Atom,
            _ => Level::Product,
        };
        let mut value = value.at(level);
        // Plus a negative number is minus.
        if let (Some("+"), Some(rest)) = (before, value.strip_prefix('-')) {
            text.truncate(text.trim_end().len() - 1);
            text += "- ";
            value = rest.to_owned();
        }
        // Two numbers side by side need a sign between them.
        let digit = |text: &str, last: bool| {
            if last {
                text.ends_with(|c: char| c.is_ascii_digit())
            } else {
                text.starts_with(|c: char| c.is_ascii_digit())
            }
        };
        if digit(&value, false) && digit(text.trim_end(), true) {
            text += r"\cdot ";
        }
        text += &value;
    }
    let level = level(&tokens);
    Tex { text, level }
}

fn opens(before: Option<&str>) -> bool {
    matches!(
        before,
        None | Some("{" | "(" | "[" | "|" | "," | "+" | "&" | r"\\" | r"\lfloor" | r"\lceil" | "=" | "<" | ">")
    ) || before.is_some_and(|token| token.starts_with(r"\begin") || [r"\le", r"\ge", r"\ne"].contains(&token))
}

fn closes(after: Option<&str>) -> bool {
    matches!(
        after,
        None | Some("}" | ")" | "]" | "|" | "," | "+" | "-" | "&" | r"\\" | r"\rfloor" | r"\rceil" | "=" | "<" | ">")
    ) || after.is_some_and(|token| token.starts_with(r"\end") || [r"\le", r"\ge", r"\ne"].contains(&token))
}

/// How tightly a formula holds together, by what stands outside of all its brackets.
fn level(tokens: &[&str]) -> Level {
    let (mut depth, mut bars) = (0, false);
    let mut level = Level::Atom;
    for token in tokens {
        match *token {
            "{" | "(" | "[" | r"\lfloor" | r"\lceil" => depth += 1,
            "}" | ")" | "]" | r"\rfloor" | r"\rceil" => depth -= 1,
            "|" => bars = !bars,
            token if token.starts_with(r"\begin") => depth += 1,
            token if token.starts_with(r"\end") => depth -= 1,
            _ if depth > 0 || bars => {}
            "+" | "-" => level = Level::Sum,
            " " => level = level.min(Level::Product),
            "^" | r"\frac" => level = level.min(Level::Power),
            _ => {}
        }
    }
    level
}

//! The source of a rule, as far as a line of it has to be found.
//!
//! The tape knows the lines on which operations were recorded, and nothing of those that hand a value on, or are called
//! from: `let g = dz[0]`, `let db = cross(dz[0], x[0])`. If the file can be read, the rule is the body of the innermost
//! function around the recorded lines, and its `statements` say which names it binds there. `tokens` splits the text. It
//! is read for names alone and never understood further; where it is odd, nothing is found.

mod statements;
mod tokens;

use std::{collections::HashMap, ops::Range, panic::Location};

pub(super) use statements::{Body, Statement};
pub(super) use tokens::Token;
use tokens::{partners, tokens};

use crate::page;

/// Longer files are not read, in characters.
const LONGEST: usize = 2_000_000;

/// The body of the rule that recorded operations at these places, and its file.
pub(super) fn body<'a>(recorded: impl Iterator<Item = &'a Location<'a>>) -> Option<(String, Body)> {
    let mut lines: HashMap<&str, HashMap<u32, usize>> = HashMap::new();
    for at in recorded {
        *lines.entry(at.file()).or_default().entry(at.line()).or_default() += 1;
    }
    let mut best: Option<((bool, usize), String, Body)> = None;
    for (file, lines) in lines {
        let Some(text) = page::source(file).filter(|text| text.len() <= LONGEST) else { continue };
        let tokens = tokens(&text);
        let Some(partner) = partners(&tokens) else { continue };
        let mut found: HashMap<usize, usize> = HashMap::new();
        for (line, count) in lines {
            if let Some(open) = function_around(&tokens, &partner, line) {
                *found.entry(open).or_default() += count;
            }
        }
        // What is recorded in a closure belongs to the function around it, if that records anything itself.
        let inside = |open: usize, of: usize| of < open && open < partner[of];
        let outermost = found.keys().filter(|&&open| !found.keys().any(|&of| inside(open, of)));
        for &open in outermost {
            let count: usize =
                found.iter().filter(|(other, _)| **other == open || inside(**other, open)).map(|(_, n)| n).sum();
            let Some(body) = Body::new(&tokens, open) else { continue };
            let score = (body.answers(), count);
            if best.as_ref().is_none_or(|(known, ..)| *known < score) {
                best = Some((score, file.to_owned(), body));
            }
        }
    }
    best.map(|(_, file, body)| (file, body))
}

/// The brace that opens the innermost function or closure around a line.
fn function_around(tokens: &[Token], partner: &[usize], line: u32) -> Option<usize> {
    let at = tokens.iter().position(|token| token.line == line)?;
    let around = (0..at).rev().filter(|&open| tokens[open].is("{") && partner[open] >= at);
    around.into_iter().find(|&open| {
        let before = |end: usize| tokens[..end].iter().rev();
        let closure = before(open).next().is_some_and(|token| token.is("|") || token.is("||"));
        closure || before(open).take_while(|token| ![";", "{", "}"].contains(&token.text.as_str())).any(|t| t.is("fn"))
    })
}

impl Body {
    /// Whether it ends with a list of gradients.
    fn answers(&self) -> bool {
        let list = |of: &Range<usize>| self.tokens[of.clone()].iter().any(|token| token.is("Some") || token.is("None"));
        self.tail().is_some_and(|tail| list(&tail.tokens))
    }

    /// The part of that list for an input.
    pub fn answer_for(&self, k: usize) -> Option<Range<usize>> {
        self.answers().then(|| self.answer(k)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "
        fn other() -> usize { 1 }
        impl Function for Scale {
            fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
                let (r, u) = (saved[0], dz[0]);
                let scale = |k| u * k;
                let mut carried = u * 0.0;
                for k in 0..3 {
                    let h = carried;
                    carried = h + scale(k);
                    all[k] = h;
                }
                let t = Step { at: r };
                vec![Some(carried), None, Some(all[0].sum_axes(&[0, 1], true))]
            }
        }";

    fn read(text: &str, line: u32) -> Option<Body> {
        let tokens = tokens(text);
        Body::new(&tokens, function_around(&tokens, &partners(&tokens)?, line)?)
    }

    #[test]
    fn names_have_the_values_that_the_source_gives_them() {
        let body = read(RULE, 7).unwrap();
        let text = |of: &Range<usize>| {
            body.tokens[of.clone()].iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let names: Vec<(String, String)> =
            body.statements.iter().flat_map(|s| &s.names).map(|(name, value)| (name.clone(), text(value))).collect();
        let wanted = [
            ("r", "saved [ 0 ]"),
            ("u", "dz [ 0 ]"),
            ("scale", "| k | u * k"),
            ("carried", "u * 0.0"),
            ("h", "carried"),
            ("carried", "h + scale ( k )"),
            ("all", "h"),
            ("t", "Step { at : r }"),
        ];
        assert_eq!(names, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(text(&body.answer_for(0).unwrap()), "Some ( carried )");
        assert_eq!(text(&body.answer_for(2).unwrap()), "Some ( all [ 0 ] . sum_axes ( & [ 0 , 1 ] , true ) )");
        // After the loop, the name has the value that the loop gave it; in the loop's first line, the one before.
        let line_of = |(s, _): (&Statement, &Range<usize>)| body.lines(&s.tokens).0;
        let end = body.answer_for(0).unwrap().start;
        assert_eq!(body.binding("carried", end).map(line_of), Some(10));
        assert_eq!(body.binding("carried", body.on_line(9).unwrap().tokens.start).map(line_of), Some(7));
        assert!(body.binding("h", end).is_none() && body.on_line(6).unwrap().closure);
        assert!(body.has_element(&body.on_line(5).unwrap().tokens, "dz", 0));
    }

    #[test]
    fn odd_source_has_no_body_or_no_names() {
        for odd in
            ["fn f() {", "fn f() { ) }", "x", "fn f() { let ; = ; let (a, = ; }", "fn f() { let = 3; a[ ] = ; for }"]
        {
            let _ = read(odd, 1);
        }
        assert!(read("fn f() {\n let (a, b, = c; \n}", 2).is_none());
        let none = read("fn f() {\n match x { A => b, C => d }\n}", 2).unwrap();
        assert!(none.answer_for(0).is_none());
    }

    #[test]
    fn no_text_stops_the_reading() {
        let without =
            |at: usize, count: usize| RULE.chars().take(at).chain(RULE.chars().skip(at + count)).collect::<String>();
        let length = RULE.chars().count();
        for text in (0..length).step_by(7).flat_map(|at| [without(at, 1), without(at, 7), without(at, length)]) {
            for line in 1..16 {
                let Some(body) = read(&text, line) else { continue };
                let named = body.mentions(&body.block).filter(|&(at, name)| body.binding(name, at).is_some()).count();
                assert!(named <= body.tokens.len() && body.answer_for(3).is_none());
                assert!(body.on_line(line).is_none_or(|s| body.lines(&s.tokens).0 <= line));
            }
        }
    }
}

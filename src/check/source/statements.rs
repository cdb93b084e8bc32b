//! The statements of a function's body, with the names that they bind.

use std::ops::Range;

use super::tokens::{Token, partners};

/// A statement, or the expression at the end of a block.
#[derive(Clone, Debug)]
pub(in crate::check) struct Statement {
    /// The names that it binds or assigns, each with its value, as ranges of tokens.
    pub names: Vec<(String, Range<usize>)>,
    pub tokens: Range<usize>,
    /// Where its names hold.
    pub scope: Range<usize>,
    /// The innermost loop around it.
    pub in_loop: Option<Range<usize>>,
    /// Whether its value is a closure.
    pub closure: bool,
}

/// A file's tokens, and the statements of one of its functions.
#[derive(Debug)]
pub(in crate::check) struct Body {
    pub tokens: Vec<Token>,
    pub partner: Vec<usize>,
    /// Between its braces.
    pub block: Range<usize>,
    pub statements: Vec<Statement>,
}

impl Body {
    /// The body between the braces that open at a token.
    pub fn new(tokens: &[Token], open: usize) -> Option<Body> {
        let partner = partners(tokens)?;
        let block = open + 1..partner[open];
        let mut body = Body { tokens: tokens.to_vec(), partner, block: block.clone(), statements: Vec::new() };
        body.read(block, None);
        Some(body)
    }

    /// The first and the last line of some tokens.
    pub fn lines(&self, of: &Range<usize>) -> (u32, u32) {
        let line = |at: usize| self.tokens.get(at).map_or(0, |token| token.line);
        (line(of.start), line(of.end.max(1) - 1))
    }

    /// Reads the statements of a block.
    fn read(&mut self, block: Range<usize>, in_loop: Option<Range<usize>>) {
        let mut at = block.start;
        while at < block.end {
            let word = self.tokens[at].text.clone();
            let looped = matches!(word.as_str(), "for" | "while" | "loop");
            if matches!(word.as_str(), ";" | ":" | "else" | "unsafe") {
                at += 1;
            } else if looped || matches!(word.as_str(), "if" | "match" | "{") {
                let Some(open) = self.find("{", at..block.end) else { return };
                let inside = open + 1..self.partner[open];
                at = inside.end + 1;
                self.read(inside.clone(), if looped { Some(inside) } else { in_loop.clone() });
            } else {
                let end = self.find(";", at..block.end).unwrap_or(block.end);
                let statement = self.statement(at..end, &block, in_loop.clone());
                self.statements.push(statement);
                let mut inner = at;
                while inner < end {
                    let literal = inner > 0 && self.tokens[inner - 1].text.starts_with(char::is_uppercase);
                    if self.tokens[inner].is("{") && !literal {
                        self.read(inner + 1..self.partner[inner], in_loop.clone());
                        inner = self.partner[inner];
                    }
                    inner += 1;
                }
                at = end + 1;
            }
        }
    }

    /// The first token of a text, outside of brackets.
    fn find(&self, text: &str, within: Range<usize>) -> Option<usize> {
        let mut at = within.start;
        while at < within.end {
            if self.tokens[at].is(text) {
                return Some(at);
            }
            at = self.partner[at].max(at) + 1;
        }
        None
    }

    /// The parts between commas, outside of brackets.
    pub fn parts(&self, within: Range<usize>) -> Vec<Range<usize>> {
        let (mut all, mut start) = (Vec::new(), within.start);
        while start < within.end {
            let end = self.find(",", start..within.end).unwrap_or(within.end);
            all.push(start..end);
            start = end + 1;
        }
        all
    }

    fn statement(&self, of: Range<usize>, block: &Range<usize>, in_loop: Option<Range<usize>>) -> Statement {
        let (mut names, mut scope) = (Vec::new(), block.clone());
        let mut value = of.clone();
        if self.tokens[of.start].is("let") {
            if let Some(equals) = self.find("=", of.clone()) {
                let pattern = of.start + 1..self.find(":", of.start..equals).unwrap_or(equals);
                value = equals + 1..of.end;
                names = self.bound(pattern, value.clone());
            }
        } else if self.tokens[of.start].is_word() {
            // What is assigned may be an element: `dx[k] = ..`.
            let mut next = of.start + 1;
            while next < of.end && self.tokens[next].is("[") {
                next = self.partner[next] + 1;
            }
            let sign = self.tokens[..of.end].get(next).map_or("", |token| token.text.as_str());
            if sign == "=" || (sign.len() == 2 && sign.ends_with('=') && !matches!(sign, "==" | "!=" | "<=" | ">=")) {
                value = if sign == "=" { next + 1..of.end } else { of.clone() };
                names.push((self.tokens[of.start].text.clone(), value.clone()));
                scope = self.block.clone();
            }
        }
        let first = self.tokens[..of.end].get(value.start).map_or("", |token| token.text.as_str());
        let closure = !names.is_empty() && matches!(first, "|" | "||" | "move");
        Statement { names, tokens: of, scope, in_loop, closure }
    }

    /// The names of a pattern; those of a tuple have parts of a tuple for values, if it is written as one.
    fn bound(&self, pattern: Range<usize>, value: Range<usize>) -> Vec<(String, Range<usize>)> {
        let is_tuple =
            |of: &Range<usize>| !of.is_empty() && self.tokens[of.start].is("(") && self.partner[of.start] + 1 == of.end;
        if is_tuple(&pattern) && is_tuple(&value) {
            let inner = |of: &Range<usize>| self.parts(of.start + 1..of.end - 1);
            let (names, values) = (inner(&pattern), inner(&value));
            if names.len() == values.len() {
                return names.into_iter().zip(values).flat_map(|(name, value)| self.bound(name, value)).collect();
            }
        }
        let is_name = |token: &&Token| {
            token.is_word()
                && !matches!(token.text.as_str(), "mut" | "ref" | "_")
                && !token.text.starts_with(char::is_uppercase)
        };
        let words = self.tokens[pattern].iter().filter(is_name);
        words.map(|word| (word.text.clone(), value.clone())).collect()
    }

    /// The names that are read among some tokens, with their positions: no fields, methods, paths and macros.
    pub fn mentions(&self, within: &Range<usize>) -> impl Iterator<Item = (usize, &str)> {
        let is = |at: Option<usize>, signs: &[&str]| {
            at.and_then(|at| self.tokens.get(at)).is_some_and(|token| signs.contains(&token.text.as_str()))
        };
        let reads = move |&at: &usize| {
            self.tokens[at].is_word() && !is(at.checked_sub(1), &[".", "::"]) && !is(Some(at + 1), &["!", "::"])
        };
        within.clone().filter(reads).map(|at| (at, self.tokens[at].text.as_str()))
    }

    /// Whether `name[k]` stands among some tokens.
    pub fn has_element(&self, within: &Range<usize>, name: &str, k: usize) -> bool {
        let k = k.to_string();
        let is = |four: &[Token]| four[0].is(name) && four[1].is("[") && four[2].text == k && four[3].is("]");
        self.tokens[within.clone()].windows(4).any(is)
    }

    /// The statement that gives a name the value that it has at a token, and that value.
    pub fn binding(&self, name: &str, at: usize) -> Option<(&Statement, &Range<usize>)> {
        let before = self.statements.iter().filter(|s| s.tokens.end <= at && s.scope.contains(&at));
        let binds = before.filter_map(|s| s.names.iter().find(|(own, _)| own == name).map(|(_, value)| (s, value)));
        binds.max_by_key(|(s, _)| s.tokens.start)
    }

    /// The shortest statement on a line.
    pub fn on_line(&self, line: u32) -> Option<&Statement> {
        let covers = |s: &&Statement| {
            let (first, last) = self.lines(&s.tokens);
            (first..=last).contains(&line)
        };
        self.statements.iter().filter(covers).min_by_key(|s| s.tokens.len())
    }

    /// The expression at the end.
    pub fn tail(&self) -> Option<&Statement> {
        self.statements.iter().find(|s| s.tokens.end == self.block.end && s.names.is_empty())
    }

    /// The part of the expression at the end that answers for an input, if it is a list.
    pub fn answer(&self, k: usize) -> Option<Range<usize>> {
        let tail = self.tail()?;
        let list = self.find("[", tail.tokens.clone())?;
        self.parts(list + 1..self.partner[list]).into_iter().nth(k)
    }
}

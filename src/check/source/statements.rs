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
    /// The names that it gives to the elements of a list, with the list and their positions: `let [a, b] = *saved`.
    elements: Vec<(String, String, usize)>,
}

/// A file's tokens, and the statements of one of its functions.
#[derive(Debug)]
pub(in crate::check) struct Body {
    pub tokens: Vec<Token>,
    pub partner: Vec<usize>,
    /// Between its braces.
    pub block: Range<usize>,
    pub statements: Vec<Statement>,
    /// What the parts of `Backward` are called, where they have another name: `Backward { dz: g, .. }`.
    renamed: Vec<(String, String)>,
}

/// Between the pattern of what a rule receives and its body lie no more tokens than this.
const PATTERN: usize = 60;

impl Body {
    /// The body between the braces that open at a token.
    pub fn new(tokens: &[Token], open: usize) -> Option<Body> {
        let partner = partners(tokens)?;
        let block = open + 1..partner[open];
        let (tokens, statements) = (tokens.to_vec(), Vec::new());
        let mut body = Body { tokens, partner, block: block.clone(), statements, renamed: Vec::new() };
        body.renamed = body.renamed();
        body.read(block, None);
        Some(body)
    }

    /// The names in the last pattern `Backward { .. }` before the body, or in it.
    fn renamed(&self) -> Vec<(String, String)> {
        let starts = self.block.start.saturating_sub(PATTERN)..self.block.end;
        let is = |&at: &usize| self.tokens[at].is("Backward") && self.tokens.get(at + 1).is_some_and(|t| t.is("{"));
        let Some(open) = starts.filter(is).map(|at| at + 1).max() else { return Vec::new() };
        let named = |part: Range<usize>| match &self.tokens[part] {
            [field, colon, name] if colon.is(":") => Some((field.text.clone(), name.text.clone())),
            _ => None,
        };
        self.parts(open + 1..self.partner[open]).into_iter().filter_map(named).collect()
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
        let (mut names, mut elements, mut scope) = (Vec::new(), Vec::new(), block.clone());
        let mut value = of.clone();
        if self.tokens[of.start].is("let") {
            if let Some(equals) = self.find("=", of.clone()) {
                let pattern = of.start + 1..self.find(":", of.start..equals).unwrap_or(equals);
                value = equals + 1..of.end;
                elements = self.elements(pattern.clone(), value.clone());
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
        Statement { names, tokens: of, scope, in_loop, closure, elements }
    }

    /// The names that the pattern of a list gives to its elements.
    fn elements(&self, pattern: Range<usize>, value: Range<usize>) -> Vec<(String, String, usize)> {
        let Some(open) = pattern.clone().find(|&at| !self.tokens[at].is("&")) else { return Vec::new() };
        let path = value.filter(|&at| !["*", "&"].contains(&self.tokens[at].text.as_str()));
        let path: Vec<&Token> = path.map(|at| &self.tokens[at]).take_while(|t| t.is_word() || t.is(".")).collect();
        let list = path.iter().take_while(|t| !t.is("else")).last().filter(|t| t.is_word());
        let (true, Some(list)) = (self.tokens[open].is("["), list) else { return Vec::new() };
        let named = |(k, part): (usize, Range<usize>)| {
            let name = self.tokens[part].last().filter(|token| token.is_word())?;
            Some((name.text.clone(), list.text.clone(), k))
        };
        self.parts(open + 1..self.partner[open]).into_iter().enumerate().filter_map(named).collect()
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
        let (name, k) = (self.called(name), k.to_string());
        let is = |four: &[Token]| four[0].is(name) && four[1].is("[") && four[2].text == k && four[3].is("]");
        self.tokens[within.clone()].windows(4).any(is)
    }

    /// Whether a statement gives a name to `of[k]` by the pattern of a list.
    pub fn takes_apart(&self, statement: &Statement, name: &str, of: &str, k: usize) -> bool {
        statement.elements.iter().any(|(own, list, at)| own == name && list == self.called(of) && *at == k)
    }

    /// The name that a part of `Backward` has here.
    pub fn called<'s>(&'s self, field: &'s str) -> &'s str {
        self.renamed.iter().find(|(own, _)| own == field).map_or(field, |(_, name)| name)
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

//! Lines without any operation, on which a value gets the name by which it is read.
//!
//! A step reads a value v. The source of its line mentions a name, and the name is bound by another line, on which nothing
//! was recorded and which mentions the name of v, or `dz[0]` itself. Then the name is v, by this line's doing. If all who
//! read v and have it wrong read it by that name, and nobody else does, that is the line to mend.

use std::ops::Range;

use super::lines::{Lines, Reader};
use crate::check::{
    Line,
    given::Place as Of,
    script::Source,
    source::{Body, Statement, Token},
};

/// A value as the source may call it.
struct Value {
    /// The line on which it is made.
    line: Option<u32>,
    /// `dz[0]`: the name and the number.
    element: Option<(&'static str, usize)>,
}

/// A line that gives a value another name.
pub(in crate::check) struct HandedOn {
    pub line: Line,
    pub name: String,
    /// What the source says there, if that is another name.
    pub of: Option<String>,
}

impl HandedOn {
    /// Whether it is a name for what has a name already.
    pub fn is_second(&self) -> bool {
        self.of.as_ref().is_some_and(|of| !of.ends_with(']'))
    }
}

impl Lines<'_> {
    /// The line that hands a value on without an operation to all who read it at these steps.
    pub fn handed_on(&self, at: &[usize], operand: Option<usize>, replaced: bool) -> Option<HandedOn> {
        self.name_of(self.reads(at, operand), replaced)
    }

    pub(super) fn name_of(&self, reads: Vec<(Reader, Source)>, replaced: bool) -> Option<HandedOn> {
        let (file, body) = self.body.as_ref()?;
        let mut edited: Vec<Vec<Range<usize>>> = Vec::new();
        let mut found: Option<(Binding<'_>, &str)> = None;
        for (reader, source) in &reads {
            let parts = self.parts(body, *reader)?;
            let value = self.value(*source)?;
            let one = only_name(body, &parts, &value, |value| self.records(body, value))?;
            if found.as_ref().is_some_and(|known| known.0.value != one.0.value || known.1 != one.1) {
                return None;
            }
            found = Some(one);
            if !edited.contains(&parts) {
                edited.push(parts);
            }
        }
        let (Binding { statement, value, of }, name) = found?;
        // On one line it may be read more often than it is wrong.
        let written = |part: &Range<usize>| body.mentions(part).filter(|(_, own)| *own == name).count();
        if edited.iter().flatten().map(written).sum::<usize>() > reads.len() {
            return None;
        }
        // Who else reads the name would be changed, too.
        let is_edited = |at: usize| edited.iter().flatten().any(|part| part.contains(&at));
        let mut others = body.mentions(&body.block).filter(|(at, own)| *own == name && !is_edited(*at));
        let same = |at: usize| body.binding(name, at).is_some_and(|(other, _)| other.tokens == statement.tokens);
        if others.any(|(at, _)| same(at)) {
            return None;
        }
        // A short name for what the rule receives is nothing to mend, unless the rule has no need of it.
        if let Some((element, k)) = self.value(reads.first()?.1)?.element {
            if body.takes_apart(statement, name, element, k) {
                return None;
            }
            let bare = |s: &Statement| s.tokens != statement.tokens && body.has_element(&s.tokens, element, k);
            let second = !of.ends_with(']');
            if !second && !replaced && edited.len() < 2 && !body.statements.iter().any(bare) {
                return None;
            }
        }
        let line = Line { file: file.clone(), line: body.lines(value).0 };
        Some(HandedOn { line, name: name.to_owned(), of: Some(of) })
    }

    /// The line that lists what a step joins, if it is another one and the list is complete there.
    pub fn list(&self, step: usize) -> Option<HandedOn> {
        let (file, body) = self.body.as_ref()?;
        let reader = self.statement(step).filter(|_| self.script.steps[step].name() == "concat")?;
        let mut lists = body.mentions(&reader.tokens).filter(|(at, _)| body.tokens[at.saturating_sub(1)].is("&"));
        let (at, name) = lists.next().filter(|_| lists.next().is_none())?;
        let (_, value) = body.binding(name, at)?;
        let grows =
            |(at, other): (usize, &str)| other == name && body.tokens.get(at + 1).is_some_and(|next| next.is("."));
        let written = body.tokens[value.clone()].iter().any(|token| token.is("["));
        let line = Line { file: file.clone(), line: body.lines(value).0 };
        (written && !body.mentions(&(value.end..at)).any(grows)).then(|| HandedOn {
            line,
            name: name.to_owned(),
            of: None,
        })
    }

    /// The line that gives a number its name, if a step reads it by that name.
    pub fn number(&self, step: usize, number: f64) -> Option<HandedOn> {
        let (file, body) = self.body.as_ref()?;
        let parts = self.parts(body, Reader::Step(step))?;
        let written = |token: &Token| {
            token.number().is_some_and(|written| [number.abs(), number.recip().abs()].contains(&written))
        };
        if parts.iter().any(|part| body.tokens[part.clone()].iter().any(written)) {
            return None;
        }
        let counts = |value: &Range<usize>| {
            let of = &body.tokens[value.clone()];
            of.first().is_some_and(|first| first.number().is_some())
                || of.iter().any(|token| ["shape", "numel", "len", "f64"].contains(&token.text.as_str()))
        };
        let mut found: Vec<(&str, u32)> = Vec::new();
        for (at, name) in parts.iter().flat_map(|part| body.mentions(part)) {
            if let Some((statement, value)) = body.binding(name, at)
                && !statement.closure
                && counts(value)
                && !self.records(body, value)
                && !found.iter().any(|(known, _)| *known == name)
            {
                found.push((name, body.lines(value).0));
            }
        }
        let &[(name, line)] = &found[..] else { return None };
        Some(HandedOn { line: Line { file: file.clone(), line }, name: name.to_owned(), of: None })
    }

    /// The line that gives an attribute its name (indices, an axis, how far to pad), if a step reads one by a name alone.
    pub fn attribute(&self, step: usize) -> Option<HandedOn> {
        let (file, body) = self.body.as_ref()?;
        let parts = self.parts(body, Reader::Step(step))?;
        let mut found: Option<(&str, &Range<usize>)> = None;
        for (at, name) in parts.iter().flat_map(|part| body.mentions(part)) {
            let Some((statement, value)) = body.binding(name, at) else { continue };
            let of = &body.tokens[value.clone()];
            let plain = !statement.closure && !self.records(body, value) && of.iter().any(|t| t.number().is_some());
            let takes = |token: &Token| self.places.iter().any(|place| token.is(body.called(element(*place).0)));
            if plain && !of.iter().any(takes) {
                if found.is_some_and(|(known, _)| known != name) {
                    return None;
                }
                found = Some((name, value));
            }
        }
        let (name, value) = found?;
        // Others who read it have it right.
        let others = body
            .mentions(&body.block)
            .filter(|(at, own)| *own == name && body.binding(name, *at).is_some_and(|(_, other)| other == value));
        if others.count() > 1 {
            return None;
        }
        let line = Line { file: file.clone(), line: body.lines(value).0 };
        Some(HandedOn { line, name: name.to_owned(), of: None })
    }

    fn value(&self, source: Source) -> Option<Value> {
        match self.origin(source) {
            Source::Argument(k) => {
                let element = element(*self.places.get(k)?);
                Some(Value { line: None, element: Some(element) })
            }
            Source::Step(k) => {
                self.statement(k)?;
                Some(Value { line: Some(self.script.steps[k].at.line()), element: None })
            }
            Source::Fixed(_) => None,
        }
    }
}

/// What the source calls a value that the rule receives.
fn element(place: Of) -> (&'static str, usize) {
    match place {
        Of::Input(k) => ("x", k),
        Of::Output(k) => ("z", k),
        Of::Upstream(k) => ("dz", k),
        Of::Saved(k) => ("saved", k),
    }
}

/// A statement that gives a value another name without any operation.
struct Binding<'b> {
    statement: &'b Statement,
    value: &'b Range<usize>,
    /// What stands there for the value.
    of: String,
}

/// How a name calls a value.
enum Called<'b> {
    /// It was given where the value is made.
    Own,
    Otherwise(Binding<'b>),
}

/// The only name by which a value is read in some parts of the source, if it is not its own one, and what binds it.
fn only_name<'b>(
    body: &'b Body,
    parts: &[Range<usize>],
    value: &Value,
    records: impl Fn(&Range<usize>) -> bool + Copy,
) -> Option<(Binding<'b>, &'b str)> {
    if value.element.is_some_and(|(name, k)| parts.iter().any(|part| body.has_element(part, name, k))) {
        return None;
    }
    let mut found: Option<(Binding<'b>, &str)> = None;
    for (at, name) in parts.iter().flat_map(|part| body.mentions(part)) {
        match called(body, name, at, value, records, 0) {
            Some(Called::Own) => return None,
            Some(Called::Otherwise(_)) if found.as_ref().is_some_and(|(_, known)| *known != name) => return None,
            Some(Called::Otherwise(binding)) => found = Some((binding, name)),
            None => {}
        }
    }
    found
}

fn called<'b>(
    body: &'b Body,
    name: &str,
    at: usize,
    value: &Value,
    records: impl Fn(&Range<usize>) -> bool + Copy,
    depth: usize,
) -> Option<Called<'b>> {
    let (statement, bound) = body.binding(name, at)?;
    let (first, last) = body.lines(&statement.tokens);
    if value.line.is_some_and(|line| (first..=last).contains(&line)) {
        return Some(Called::Own);
    }
    if statement.closure || records(bound) || depth > 3 {
        return None;
    }
    let written = |list: &str, k: usize| body.has_element(bound, list, k) || body.takes_apart(statement, name, list, k);
    let element = value.element.filter(|&(list, k)| written(list, k));
    let mut of = element.map(|(name, k)| format!("{name}[{k}]"));
    for (_, mentioned) in body.mentions(bound) {
        let called = called(body, mentioned, statement.tokens.start, value, records, depth + 1);
        // A name that is given to its own value once more is no other one.
        if called.is_some() && mentioned == name {
            return called;
        }
        if called.is_some() && of.is_none() {
            of = Some(mentioned.to_owned());
        }
    }
    Some(Called::Otherwise(Binding { statement, value: bound, of: of? }))
}

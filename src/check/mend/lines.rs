//! The line of a rule to mend.
//!
//! The tape knows the line of each operation. That is the line to mend, with these exceptions, for which the rule's
//! source is read:
//!
//! - A helper or a closure recorded it, and not all of its calls are wrong: then it is the line of who reads the value.
//! - A line of a loop recorded it, and the value that the loop ends with is wrong: then it is the line of the answer.
//! - Whoever reads the value reads it by a name that another line gave it without any operation: `let g = dz[0];`. Then
//!   it is that line, if nobody else reads that name.

use std::{collections::HashSet, ops::Range};

use super::places::{dependents, readers};
use crate::check::{
    Line,
    given::Place as Of,
    script::{Script, Source},
    source::{Body, Statement, Token, body},
};

/// A rule's program beside its source.
pub(in crate::check) struct Lines<'a> {
    script: &'a Script,
    /// What the program's first arguments are.
    places: &'a [Of],
    /// The inputs that its first outputs answer for.
    inputs: &'a [usize],
    /// The file and the body, if they can be read.
    body: Option<(String, Body)>,
    /// The lines of the file on which anything was recorded.
    recorded: HashSet<u32>,
}

/// Who reads a value.
#[derive(Clone, Copy)]
enum Reader {
    Step(usize),
    Answer(usize),
}

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

impl<'a> Lines<'a> {
    pub fn of(script: &'a Script, places: &'a [Of], inputs: &'a [usize]) -> Lines<'a> {
        let recorded: Vec<_> =
            script.steps.iter().enumerate().filter(|(k, _)| !hands_on(script, *k)).map(|(_, step)| step.at).collect();
        let body = body(recorded.iter().copied());
        let own = |file: &str| body.as_ref().is_some_and(|(own, _)| own == file);
        let all = recorded.iter().chain(&script.fixed_at).filter(|at| own(at.file())).map(|at| at.line());
        let recorded = all.collect();
        Lines { script, places, inputs, body, recorded }
    }

    /// The line to mend, if a value of these steps is wrong: of an operand, or else of the result. A step past the last
    /// stands for an answer.
    pub fn to_mend(&self, at: &[usize], operand: Option<usize>, replaced: bool) -> Option<Line> {
        self.handed_on(at, operand, replaced).map(|other| other.line).or_else(|| self.line(at))
    }

    /// The same for some reads of one argument, as steps and their operands, where another value belongs.
    pub fn line_of_reads(&self, reads: &[(usize, usize)]) -> Option<Line> {
        let all = reads.iter().map(|&(k, i)| (Reader::Step(k), self.script.steps[k].inputs[i])).collect();
        self.name_of(all, true).map(|other| other.line).or_else(|| self.line(&[reads.first()?.0]))
    }

    /// The line on which steps, or an answer, are made.
    pub fn line(&self, at: &[usize]) -> Option<Line> {
        if self.body.is_none() {
            return by_readers(self.script, at[0]);
        }
        let steps = &self.script.steps;
        let mut at = at.to_vec();
        for _ in 0..8 {
            let k = match at[0].checked_sub(steps.len()) {
                None => at[0],
                Some(j) => match self.origin(*self.script.outputs.get(j)?) {
                    Source::Step(k) => k,
                    _ => return self.line_of_answer(j),
                },
            };
            let here = Some(Line::from(steps[k].at)).filter(|line| !line.is_ours());
            let twin = |other: &usize| steps[*other].at == steps[k].at && steps[*other].name() == steps[k].name();
            let twins = (0..steps.len()).filter(|other| twin(other) && !hands_on(self.script, *other)).count();
            let (all, read) = (at.len() >= twins, self.readers(k));
            let own = match self.statement(k) {
                Some(statement) if !statement.closure => {
                    let last = read.iter().all(|reader| matches!(reader, Reader::Answer(_)));
                    let end = read.first().filter(|_| statement.in_loop.is_some() && !all && last);
                    return end.and_then(|reader| self.line_of_reader(*reader)).or(here);
                }
                Some(_) => all,
                None => all && steps.iter().filter(|s| s.at.file() == steps[k].at.file()).count() * 2 >= steps.len(),
            };
            match read.first() {
                Some(Reader::Step(reader)) if !own => at = vec![*reader],
                Some(Reader::Answer(j)) if !own => return self.line_of_answer(*j).or(here),
                _ => return here,
            }
        }
        by_readers(self.script, at[0])
    }

    fn line_of_reader(&self, reader: Reader) -> Option<Line> {
        match reader {
            Reader::Step(k) => Some(Line::from(self.script.steps[k].at)),
            Reader::Answer(j) => self.line_of_answer(j),
        }
    }

    /// The line on which the source gives an answer: where its name is bound, if no operation stands there, or else at
    /// the end of the rule.
    fn line_of_answer(&self, j: usize) -> Option<Line> {
        let (file, body) = self.body.as_ref()?;
        let part = body.answer_for(*self.inputs.get(j)?)?;
        let mut bound = body.mentions(&part).filter_map(|(at, name)| body.binding(name, at));
        let value = bound.next().filter(|_| bound.next().is_none()).map(|(_, value)| value);
        let line = value.filter(|value| !self.records(body, value)).map(|value| body.lines(value).0);
        Some(Line { file: file.clone(), line: line.unwrap_or(body.lines(&part).0) })
    }

    /// The line that hands a value on without an operation to all who read it at these steps.
    pub fn handed_on(&self, at: &[usize], operand: Option<usize>, replaced: bool) -> Option<HandedOn> {
        self.name_of(self.reads(at, operand), replaced)
    }

    fn name_of(&self, reads: Vec<(Reader, Source)>, replaced: bool) -> Option<HandedOn> {
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
        // Who else reads the name would be changed, too.
        let is_edited = |at: usize| edited.iter().flatten().any(|part| part.contains(&at));
        let mut others = body.mentions(&body.block).filter(|(at, own)| *own == name && !is_edited(*at));
        let same = |at: usize| body.binding(name, at).is_some_and(|(other, _)| other.tokens == statement.tokens);
        if others.any(|(at, _)| same(at)) {
            return None;
        }
        // A short name for what the rule receives is nothing to mend, unless the rule has no need of it.
        if let Some((element, k)) = self.value(reads.first()?.1)?.element {
            let bare = |s: &Statement| s.tokens != statement.tokens && body.has_element(&s.tokens, element, k);
            if !replaced && edited.len() < 2 && !body.statements.iter().any(bare) {
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

    /// Who reads what at these steps.
    fn reads(&self, at: &[usize], operand: Option<usize>) -> Vec<(Reader, Source)> {
        let of = |&k: &usize| match (self.script.steps.get(k), operand) {
            (Some(step), Some(i)) if !hands_on(self.script, k) => vec![(Reader::Step(k), step.inputs[i])],
            (Some(_), _) => self.readers(k).into_iter().map(|reader| (reader, Source::Step(k))).collect(),
            (None, _) => {
                let answer = k - self.script.steps.len();
                self.script.outputs.get(answer).map(|&output| (Reader::Answer(answer), output)).into_iter().collect()
            }
        };
        at.iter().flat_map(of).collect()
    }

    /// Who reads a result, perhaps handed on.
    fn readers(&self, k: usize) -> Vec<Reader> {
        let through = |(reader, _): (usize, usize)| match hands_on(self.script, reader) {
            true => self.readers(reader),
            false => vec![Reader::Step(reader)],
        };
        let mut all: Vec<Reader> = readers(self.script, k).flat_map(through).collect();
        let answers = self.script.outputs.iter().take(self.inputs.len()).enumerate();
        all.extend(answers.filter(|(_, output)| **output == Source::Step(k)).map(|(j, _)| Reader::Answer(j)));
        all
    }

    /// Where a value was made, before it was handed on.
    fn origin(&self, mut source: Source) -> Source {
        while let Source::Step(k) = source
            && hands_on(self.script, k)
        {
            source = self.script.steps[k].inputs[0];
        }
        source
    }

    fn value(&self, source: Source) -> Option<Value> {
        match self.origin(source) {
            Source::Argument(k) => {
                let element = match *self.places.get(k)? {
                    Of::Input(k) => ("x", k),
                    Of::Output(k) => ("z", k),
                    Of::Upstream(k) => ("dz", k),
                    Of::Saved(k) => ("saved", k),
                };
                Some(Value { line: None, element: Some(element) })
            }
            Source::Step(k) => {
                self.statement(k)?;
                Some(Value { line: Some(self.script.steps[k].at.line()), element: None })
            }
            Source::Fixed(_) => None,
        }
    }

    /// The statement of the rule's body that recorded a step.
    fn statement(&self, k: usize) -> Option<&Statement> {
        let ((file, body), at) = (self.body.as_ref()?, self.script.steps[k].at);
        (at.file() == file).then(|| body.on_line(at.line())).flatten()
    }

    /// Where the source reads values for a step, or for an answer.
    fn parts(&self, body: &Body, reader: Reader) -> Option<Vec<Range<usize>>> {
        match reader {
            Reader::Answer(j) => Some(vec![body.answer_for(*self.inputs.get(j)?)?]),
            Reader::Step(k) => {
                let statement = self.statement(k)?;
                // Of the answers in a list, that to which the step leads.
                if body.tail().is_some_and(|tail| tail.tokens == statement.tokens) {
                    let leads = dependents(self.script, k);
                    let answers = self.script.outputs.iter().take(self.inputs.len()).enumerate();
                    let mut own = answers.filter(|(_, output)| matches!(output, Source::Step(s) if leads[*s]));
                    if let Some((j, _)) = own.next().filter(|_| own.next().is_none()) {
                        return self.parts(body, Reader::Answer(j));
                    }
                }
                let values: Vec<Range<usize>> = statement.names.iter().map(|(_, value)| value.clone()).collect();
                Some(if values.is_empty() { vec![statement.tokens.clone()] } else { values })
            }
        }
    }

    fn records(&self, body: &Body, value: &Range<usize>) -> bool {
        let (first, last) = body.lines(value);
        (first..=last).any(|line| self.recorded.contains(&line))
    }
}

/// Whether a step is none of the source's, but hands an argument or a value on.
fn hands_on(script: &Script, k: usize) -> bool {
    let step = &script.steps[k];
    step.is("identity")
        && match step.inputs[..] {
            [Source::Step(s)] => script.steps[s].shape == step.shape,
            [Source::Argument(_)] => true,
            _ => false,
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
    let element = value.element.filter(|(name, k)| body.has_element(bound, name, *k));
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

/// The line that a step belongs to, or an answer if it is past the last, by who reads it: its own, or that of its reader if
/// a helper recorded it.
fn by_readers(script: &Script, step: usize) -> Option<Line> {
    let steps = &script.steps;
    let mut at = match script.outputs.get(step.wrapping_sub(steps.len())) {
        Some(Source::Step(k)) => *k,
        _ => step,
    };
    // A helper is a line that several lines call: its steps are read on different ones.
    for _ in 0..4 {
        let here = steps.get(at)?.at;
        let mut read: Vec<_> = steps
            .iter()
            .enumerate()
            .filter(|(_, s)| s.at == here)
            .flat_map(|(k, _)| readers(script, k).map(|(reader, _)| steps[reader].at))
            .filter(|other| (other.file(), other.line()) != (here.file(), here.line()))
            .collect();
        read.sort();
        read.dedup();
        let main = steps.iter().filter(|s| s.at.file() == here.file()).count() * 2 >= steps.len();
        if read.len() < 2 && main {
            break;
        }
        if read.len() < 2 || same_operation(script, at) {
            let Some((reader, _)) = readers(script, at).next() else { break };
            at = reader;
        } else {
            break;
        }
    }
    Some(Line::from(steps.get(at)?.at)).filter(|line| !line.is_ours())
}

/// Whether a line records the same operation for several readers, independently: not as in a loop that carries a value.
fn same_operation(script: &Script, at: usize) -> bool {
    let step = &script.steps[at];
    let twin = |k: usize| script.steps[k].at == step.at && script.steps[k].name() == step.name();
    let leads = |from: usize, to: usize| dependents(script, from)[to];
    (0..script.steps.len()).any(|k| k != at && twin(k) && !leads(at.min(k), at.max(k)))
}

//! The line of a rule to mend.
//!
//! The tape knows the line of each operation. That is the line to mend, with these exceptions, for which the rule's
//! source is read:
//!
//! - A helper or a closure recorded it, and not all of its calls are wrong: then it is the line of who reads the value.
//! - A line of a loop recorded it, and the value that the loop ends with is wrong: then it is the line of the answer.
//! - Whoever reads the value reads it by a name that another line gave it without any operation: `let g = dz[0];`. Then
//!   it is that line, if nobody else reads that name (`handed_on`).

use std::{collections::HashSet, ops::Range};

use super::{
    places::{dependents, readers},
    unread::by_readers,
};
use crate::check::{
    Line,
    given::Place as Of,
    script::{Script, Source},
    source::{Body, Statement, body},
};

/// A rule's program beside its source.
pub(in crate::check) struct Lines<'a> {
    pub(super) script: &'a Script,
    /// What the program's first arguments are.
    pub(super) places: &'a [Of],
    /// The inputs that its first outputs answer for.
    inputs: &'a [usize],
    /// The file and the body, if they can be read.
    pub(super) body: Option<(String, Body)>,
    /// The lines of the file on which anything was recorded.
    recorded: HashSet<u32>,
}

/// Who reads a value.
#[derive(Clone, Copy)]
pub(super) enum Reader {
    Step(usize),
    Answer(usize),
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
                    // What others read, too, is wrong for this answer alone.
                    Source::Step(k) if self.readers(k).len() == 1 => k,
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
            // What a closure made may be read by the name that another line gives it.
            if let Some(other) = (!own).then(|| self.name_of(self.reads(&at, None), true)).flatten() {
                return Some(other.line);
            }
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

    /// Who reads what at these steps.
    pub(super) fn reads(&self, at: &[usize], operand: Option<usize>) -> Vec<(Reader, Source)> {
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
    pub(super) fn origin(&self, mut source: Source) -> Source {
        while let Source::Step(k) = source
            && hands_on(self.script, k)
        {
            source = self.script.steps[k].inputs[0];
        }
        source
    }

    /// The statement of the rule's body that recorded a step.
    pub(super) fn statement(&self, k: usize) -> Option<&Statement> {
        let ((file, body), at) = (self.body.as_ref()?, self.script.steps.get(k)?.at);
        (at.file() == file).then(|| body.on_line(at.line())).flatten()
    }

    /// Where the source reads values for a step, or for an answer.
    pub(super) fn parts(&self, body: &Body, reader: Reader) -> Option<Vec<Range<usize>>> {
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

    pub(super) fn records(&self, body: &Body, value: &Range<usize>) -> bool {
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

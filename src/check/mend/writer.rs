//! Steps of a program as Rust: operators, and methods of [`Var`](crate::Var).

use super::{
    expression::Expression,
    methods::{axes_and_keep, elementwise, operation, times},
    names::{Names, end_of_line, is_of_a_loop},
};
use crate::check::script::{Action, Alter, Edit, Script, Source, Step};

/// Deeper expressions are cut.
const DEEP: usize = 24;

/// Writes a script, as it stands or with edits.
pub(super) struct Writer<'a> {
    pub script: &'a Script,
    pub edits: &'a [(usize, Edit)],
    /// What arguments are called.
    pub argument: &'a dyn Fn(usize) -> Option<Expression>,
    /// What the source says.
    pub names: &'a Names,
    /// Whether the names of the source are in scope.
    pub in_scope: bool,
    /// Whether values of other lines that have no name are written out.
    pub in_full: bool,
}

impl Writer<'_> {
    fn edits_of(&self, step: usize) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(move |(at, _)| *at == step).map(|(_, edit)| edit)
    }

    /// An output, or the value of a step.
    pub fn root(&self, at: usize) -> Option<Expression> {
        let Some(output) = at.checked_sub(self.script.steps.len()) else { return self.step(at, &mut Vec::new()) };
        let value = self.source(*self.script.outputs.get(output)?, &mut Vec::new(), None)?;
        self.altered(value, at, &mut Vec::new())
    }

    /// What is read, on the way to the steps `above` it, the last of which reads it.
    fn source(&self, source: Source, above: &mut Vec<usize>, line: Option<(&str, u32)>) -> Option<Expression> {
        match source {
            Source::Argument(k) => (self.argument)(k),
            Source::Fixed(k) => {
                let value = &self.script.fixed[k];
                match value.numel() {
                    1 => Some(Expression::number(value.item())),
                    _ => Some(self.name_at(self.script.fixed_at[k]).unwrap_or_else(Expression::omitted)),
                }
            }
            Source::Step(k) => {
                let step = &self.script.steps[k];
                if self.is_handed_on(k) {
                    let value = self.source(step.inputs[0], above, line)?;
                    return self.altered(value, k, above);
                }
                let here = line.is_none_or(|line| line == (step.at.file(), step.at.line()));
                let looped = is_of_a_loop(self.names, self.script, above, k);
                if here && !looped {
                    return self.step(k, above);
                }
                if end_of_line(self.names, self.script, k) == k
                    && let Some(name) = self.name_at(step.at)
                {
                    return Some(name);
                }
                if looped || !self.in_full || above.len() > DEEP {
                    return Some(Expression::omitted());
                }
                self.step(k, above)
            }
        }
    }

    /// Whether a step is none of the source's: it gives an argument, or a part of the readers, its value.
    pub fn is_handed_on(&self, k: usize) -> bool {
        let step = &self.script.steps[k];
        step.is("identity")
            && match step.inputs[..] {
                [Source::Step(s)] => self.script.steps[s].shape == step.shape,
                [Source::Argument(_)] => true,
                _ => false,
            }
    }

    fn name_at(&self, at: &std::panic::Location<'_>) -> Option<Expression> {
        self.names.of(at).filter(|_| self.in_scope).map(Expression::atom)
    }

    fn step(&self, k: usize, above: &mut Vec<usize>) -> Option<Expression> {
        let step = &self.script.steps[k];
        if self.is_handed_on(k) {
            return self.source(Source::Step(k), above, None);
        }
        let line = Some((step.at.file(), step.at.line()));
        above.push(k);
        let value = self.computed(k, step, line, above);
        above.pop();
        self.altered(value?, k, above)
    }

    fn computed(&self, k: usize, step: &Step, line: Option<(&str, u32)>, above: &mut Vec<usize>) -> Option<Expression> {
        if let Some(mean) = self.mean(k, step) {
            let of = self.source(mean.1, above, line)?;
            return Some(of.call("mean_axes", &mean.0));
        }
        let mut x = Vec::with_capacity(step.inputs.len());
        for &source in &step.inputs {
            x.push(self.source(source, above, line)?);
        }
        let mut action = &step.action;
        for edit in self.edits_of(k) {
            match edit {
                Edit::AtOperand(i, alter) => x[*i] = self.after(x[*i].clone(), alter, above)?,
                Edit::Exchange(i, j) => x.swap(*i, *j),
                Edit::Act(other) => action = other,
                Edit::Keep(1) if step.is("sub") => return Some(x[1].negated()),
                Edit::Keep(i) => return Some(x[*i].clone()),
                _ => {}
            }
        }
        match action {
            Action::Elementwise(row, c) => {
                // A number that is altered is another number.
                let scale: f64 = self.edits_of(k).filter_map(of_scale).product();
                match (row.name, row.parameter.is_some(), row.number_first()) {
                    ("mul", true, _) if scale != 1.0 => return Some(times(&x[0], c * scale)),
                    ("div", true, false) if scale != 1.0 => return Some(times(&x[0], scale / c)),
                    _ => {}
                }
                // What has become 1 is left out.
                let gone = !std::ptr::eq(action, &step.action) && *c == 1.0 && !row.number_first();
                if gone && row.parameter.is_some() && matches!(row.name, "mul" | "div") {
                    return Some(x[0].clone());
                }
                elementwise(row.name, row.parameter.map(|_| *c), row.number_first(), &x, step)
            }
            Action::Op(op) => operation(op.name(), &op.attributes(), &x, self.script, step),
        }
    }

    /// The sum of a mean, which is recorded with its division: arguments of `mean_axes`, and what is averaged.
    fn mean(&self, k: usize, step: &Step) -> Option<(String, Source)> {
        let (&[Source::Step(sum)], Action::Elementwise(_, c)) = (&step.inputs[..], &step.action) else { return None };
        let (sum_step, untouched) = (&self.script.steps[sum], |at| self.edits_of(at).next().is_none());
        let is_mean = step.is("mul") && step.has_number() && sum_step.name() == "sum" && sum_step.at == step.at;
        let count = match sum_step.inputs[0] {
            Source::Step(s) => self.script.steps[s].shape.numel() as f64 / sum_step.shape.numel().max(1) as f64,
            _ => return None,
        };
        if !is_mean || !untouched(k) || !untouched(sum) || (c * count - 1.0).abs() > 1e-12 {
            return None;
        }
        let Action::Op(op) = &sum_step.action else { return None };
        Some((axes_and_keep(&op.attributes()), sum_step.inputs[0]))
    }

    /// The value with what the edits do to a result; a number's scale is in it already.
    fn altered(&self, mut value: Expression, k: usize, above: &mut Vec<usize>) -> Option<Expression> {
        let scaled = self.script.steps.get(k).is_some_and(|step| {
            let Action::Elementwise(row, _) = &step.action else { return false };
            row.parameter.is_some() && (row.name == "mul" || (row.name == "div" && !row.number_first()))
        });
        for edit in self.edits_of(k) {
            if let Edit::AtResult(alter) = edit
                && !(scaled && of_scale(edit).is_some())
            {
                value = self.after(value, alter, above)?;
            }
        }
        Some(value)
    }

    /// A value altered.
    pub fn after(&self, x: Expression, alter: &Alter, above: &mut Vec<usize>) -> Option<Expression> {
        // What is put in is written out, or else nothing can be said.
        let writer = Writer { in_full: true, ..*self };
        let mut value = |source: &Source| {
            let value = writer.source(*source, above, Some(("", 0)))?;
            (!value.text.contains('…')).then_some(value)
        };
        Some(match alter {
            Alter::Times(by) => Expression::binary('*', &x, &value(by)?),
            Alter::Over(by) => Expression::binary('/', &x, &value(by)?),
            Alter::Plus(term, c) => match *c {
                1.0 => Expression::binary('+', &x, &value(term)?),
                -1.0 => Expression::binary('-', &x, &value(term)?),
                c => Expression::binary('+', &x, &times(&value(term)?, c)),
            },
            Alter::Scale(c) => times(&x, *c),
            Alter::Shift(c) => Expression::binary('+', &x, &Expression::number(*c)),
            Alter::Use(other) => value(other)?,
            Alter::Center(axis) => Expression::binary('-', &x, &x.call("mean_axes", &format!("&[{axis}], true"))),
            Alter::Sum(of, axes, mean) => {
                value(of)?.call(if *mean { "mean_axes" } else { "sum_axes" }, &format!("&{axes:?}, true"))
            }
            Alter::Turn(a, b) => x.call("transpose", &format!("{a}, {b}")),
            Alter::Mirror(by) => times(&Expression::binary('+', &x, &x.call("transpose", "-1, -2")), *by),
            Alter::Flip(axis) => x.call("flip", &format!("&[{axis}]")),
            Alter::Roll(axis, by) => x.call("roll", &format!("{by}, {axis}")),
        })
    }
}

fn of_scale(edit: &Edit) -> Option<f64> {
    match edit {
        Edit::AtResult(Alter::Scale(c)) => Some(*c),
        _ => None,
    }
}

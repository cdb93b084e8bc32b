//! An explanation as sentences.

use std::fmt;

use super::{Cause, HUGE, Step, VANISHING, Why};
use crate::inspect::{Operand, non_finite::short};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.op, self.line)?;
        if !self.layer.is_empty() {
            write!(f, " in layer {}", self.layer)?;
        }
        Ok(())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        write!(f, "the gradient with respect to %{} ({}{name}) ", self.of.node, self.of.op)?;
        match &self.cause {
            Cause::Constant => write!(
                f,
                "is missing: it is a constant, or was computed from constants, with gradients off, or by an operation that \
                 passes none on ({}); a frozen parameter is a constant, too",
                self.of.line
            ),
            Cause::Unused { end: None } => write!(f, "is missing: nothing is computed from it"),
            Cause::Unused { end: Some(end) } => {
                write!(f, "is missing: the loss does not use it; what is computed from it ends with {end}")
            }
            Cause::Cut { by } => write!(f, "is missing: {} it on", list(by, "does not pass", "do not pass")),
            Cause::Closed { by } => {
                write!(f, "is 0: ")?;
                for (i, (step, inputs)) in by.iter().enumerate() {
                    let and = if i > 0 { ", and " } else { "" };
                    write!(f, "{and}{step} has a gradient other than 0 and hands on zeros alone; {}", numbers(inputs))?;
                }
                Ok(())
            }
            Cause::Cancelled { at, parts } => {
                let what = if at.node == self.of.node { "for it".to_owned() } else { format!("for {at}") };
                write!(f, "is 0: {what}, {} gradients that add up to 0", list(parts, "hands on", "hand on"))
            }
            Cause::NotFinite { by, index, value, upstream, operands, forward } => {
                write!(f, "is not finite: {by} hands on {value} at index {index:?}")?;
                if let Some(upstream) = upstream {
                    let zero = if *upstream == 0.0 && value.is_nan() { " (0 times infinity)" } else { "" };
                    write!(f, " for its own gradient {}{zero}", brief(*upstream))?;
                }
                match operands[..] {
                    [] => write!(f, "; its contributions are finite, and their sum is not")?,
                    _ => write!(f, "; {}", numbers(operands))?,
                }
                match forward {
                    Some(origin) => write!(f, "; in the forward pass, {origin}"),
                    None => Ok(()),
                }
            }
            Cause::Scaled { factors } => {
                let size = self.range.map_or(0.0, |(min, max)| min.abs().max(max.abs()));
                let word = match size {
                    _ if size < VANISHING => "vanishes",
                    _ if size > HUGE => "is huge",
                    _ => "is as it should be",
                };
                write!(f, "{word}: its largest number is {size:.3e}")?;
                let changing = factors.iter().filter(|factor| factor.product != 1.0).take(3);
                for (i, factor) in changing.enumerate() {
                    let before = if i == 0 { "; on the way from the loss, " } else { ", " };
                    match factor.count {
                        1 => write!(f, "{before}{} multiplies it by {:.3e}", factor.most, factor.product)?,
                        count => write!(
                            f,
                            "{before}{count} times {} multiply it by {:.3e} (most of all {})",
                            factor.most.op, factor.product, factor.most
                        )?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// "a and b do", "a does".
fn list(steps: &[Step], one: &str, several: &str) -> String {
    let names: Vec<String> = steps.iter().map(Step::to_string).collect();
    format!("{} {}", names.join(" and "), if steps.len() == 1 { one } else { several })
}

/// The inputs of an operation.
fn numbers(inputs: &[Operand]) -> String {
    let shown = |input: &Operand| match input {
        Operand::Number(x) => brief(*x),
        Operand::Range(min, max) if min == max => brief(*min),
        Operand::Range(min, max) => format!("between {} and {}", brief(*min), brief(*max)),
    };
    let all: Vec<String> = inputs.iter().map(shown).collect();
    let (verb, noun) = if all.len() == 1 { ("is", "input") } else { ("are", "inputs") };
    format!("its {noun} {verb} {}", all.join(" and "))
}

/// A number, with all its digits only if they are few.
pub(in crate::inspect) fn brief(x: f64) -> String {
    let all = short(x);
    if all.len() > 8 { format!("{x:.4e}") } else { all }
}

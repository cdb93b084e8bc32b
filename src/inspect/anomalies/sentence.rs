//! Findings as sentences.

use std::fmt;

use super::{Anomalies, Loss, Warning, advice};
use crate::inspect::{Cause, Operand, why::brief};

impl fmt::Display for Anomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let advice = |op: &str| advice::instead(op).map(|advice| format!("; instead: {advice}")).unwrap_or_default();
        let double = |number: Option<f64>| {
            let beyond = |number| format!("; in double precision it is {}, so the range is too small", brief(number));
            number.map(beyond).unwrap_or_default()
        };
        if let Some(origin) = &self.forward {
            let pass = match self.loss {
                Some(loss) => format!("the loss is {loss}: first, "),
                None => "in the forward pass, ".to_owned(),
            };
            lines.push(format!("{pass}{origin}{}{}", double(self.forward_in_double), advice(&origin.op)));
        }
        // The gradient of a loss that is not finite is not, either.
        if let (Some(why), None) = (&self.backward, self.loss) {
            let by = if let Cause::NotFinite { by, .. } = &why.cause { &*by.op } else { "" };
            lines.push(format!("in the backward pass, {why}{}{}", double(self.backward_in_double), advice(by)));
        }
        lines.extend(self.warnings.iter().map(Warning::to_string));
        if lines.is_empty() {
            lines.push("every number is finite, and no operation loses half of its digits".to_owned());
        }
        f.write_str(&lines.join("\n"))
    }
}

/// A sentence: the operation, how many of its digits are lost and why, at which element, and what to write instead.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} loses {:.1} digits", self.at, self.digits)?;
        if self.of > 1 {
            let place = match self.loss {
                Loss::Eigenvalues(_) => format!("after value {:?} ({} of {} gaps", self.index, self.count, self.of),
                _ => format!("at index {:?} ({} of {} elements", self.index, self.count, self.of),
            };
            write!(f, " {place})")?;
        }
        let operands: Vec<String> = self.operands.iter().map(Operand::to_string).collect();
        let operands = operands.join(" and ");
        match self.loss {
            Loss::Slope(slope) => write!(f, ": its slope is {} at {operands}", brief(slope))?,
            Loss::Cancellation => write!(f, ": it is {}, from {operands}", brief(self.value))?,
            Loss::Formula(exact) => write!(f, ": it is {}, and should be {}", nine(self.value), nine(exact))?,
            Loss::Eigenvalues(gap) => {
                write!(f, ": the values {operands} are {} apart, relative to the largest", brief(gap))?;
            }
        }
        write!(f, "; instead: {}", self.instead)
    }
}

/// A number with nine digits, in which single precision differs from double.
fn nine(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { format!("{x:.8e}") }
}

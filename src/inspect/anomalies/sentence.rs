//! Findings as sentences.

use std::fmt;

use super::{Anomalies, Loss, Warning, advice};
use crate::inspect::{
    Cause,
    why::{brief, numbers},
};

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
        if let Some(why) = &self.backward {
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
        match self.loss {
            Loss::Slope(slope) => write!(f, ": its slope is {}, {}", brief(slope), numbers(&self.operands))?,
            Loss::Cancellation => write!(f, ": it is {}, and {}", brief(self.value), numbers(&self.operands))?,
            Loss::Formula(exact) => write!(f, ": it is {}, and should be {}", brief(self.value), brief(exact))?,
            Loss::Eigenvalues(gap) => {
                let values: Vec<String> = self.operands.iter().map(|x| x.to_string()).collect();
                write!(f, ": the values {} are {} apart, relative to the largest", values.join(" and "), brief(gap))?;
            }
        }
        write!(f, "; instead: {}", self.instead)
    }
}

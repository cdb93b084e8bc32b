//! Expressions in Rust's notation, with brackets where its precedence needs them.

use super::numbers::written;

/// How tightly the outermost operator binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Sum,
    Product,
    Sign,
    Call,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    pub text: String,
    level: Level,
}

impl Expression {
    /// A name, a call, or anything else that needs no brackets.
    pub fn atom(text: impl Into<String>) -> Self {
        Expression { text: text.into(), level: Level::Call }
    }

    /// What is left out.
    pub fn omitted() -> Self {
        Expression::atom("…")
    }

    fn at(&self, level: Level) -> String {
        if self.level < level { format!("({})", self.text) } else { self.text.clone() }
    }

    /// `a + b`, `a - b`, `a * b` or `a / b`, which Rust reads from the left.
    pub fn binary(operator: char, a: &Self, b: &Self) -> Self {
        let (level, next) = match operator {
            '+' | '-' => (Level::Sum, Level::Product),
            _ => (Level::Product, Level::Sign),
        };
        // a + (-b) is a - b.
        let (operator, b) = match (operator, b.text.strip_prefix('-')) {
            ('+', Some(rest)) if b.level == Level::Sign => {
                ('-', Expression { text: rest.to_owned(), level: Level::Call })
            }
            ('-', Some(rest)) if b.level == Level::Sign => {
                ('+', Expression { text: rest.to_owned(), level: Level::Call })
            }
            _ => (operator, b.clone()),
        };
        Expression { text: format!("{} {operator} {}", a.at(level), b.at(next)), level }
    }

    pub fn negated(&self) -> Self {
        match self.text.strip_prefix('-') {
            Some(rest) if self.level == Level::Sign => Expression::atom(rest),
            _ => Expression { text: format!("-{}", self.at(Level::Call)), level: Level::Sign },
        }
    }

    /// A method with its arguments as they are.
    pub fn call(&self, method: &str, arguments: &str) -> Self {
        Expression::atom(format!("{}.{method}({arguments})", self.at(Level::Call)))
    }

    /// A number as a Rust expression: `2.0`, `1.0 / 3.0`, `(2.0 * PI).sqrt()`.
    pub fn number(number: f64) -> Self {
        let size = Expression::magnitude(number.abs());
        if number < 0.0 { Expression { text: format!("-{}", size.at(Level::Call)), level: Level::Sign } } else { size }
    }

    fn magnitude(size: f64) -> Self {
        let exact = format!("{size:?}");
        if exact.len() <= 6 {
            return Expression::atom(exact);
        }
        let short = written(size).and_then(|text| Expression::read(&text));
        short.unwrap_or_else(|| Expression::atom(format!("{size:.6}")))
    }

    /// A number in a person's notation, such as 1/√(2π), in Rust's.
    fn read(text: &str) -> Option<Self> {
        let mut depth = 0;
        let slash = text.char_indices().find_map(|(i, c)| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            (c == '/' && depth == 0).then_some(i)
        });
        if let Some(at) = slash {
            return Some(Expression::binary('/', &Self::read(&text[..at])?, &Self::read(&text[at + 1..])?));
        }
        if let Some(under) = text.strip_prefix('√') {
            let under = Self::read(under)?;
            let typed = under.text.parse::<f64>().is_ok();
            return Some(if typed { Expression::atom(format!("{}_f64", under.text)) } else { under }.call("sqrt", ""));
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return Self::read(inner);
        }
        match text.strip_suffix('π') {
            Some("") => Some(Expression::atom("PI")),
            Some(n) => Some(Expression::binary('*', &Self::read(n)?, &Expression::atom("PI"))),
            None => Some(Expression::atom(format!("{:?}", text.parse::<f64>().ok()?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn brackets_stand_where_precedence_needs_them() {
        let [a, b, c] = ["a", "b", "c"].map(Expression::atom);
        let of = |op, a: &Expression, b: &Expression| Expression::binary(op, a, b);
        let texts = [
            (of('*', &of('+', &a, &b), &c), "(a + b) * c"),
            (of('-', &a, &of('-', &b, &c)), "a - (b - c)"),
            (of('-', &of('-', &a, &b), &c), "a - b - c"),
            (of('/', &a, &of('*', &b, &c)), "a / (b * c)"),
            (of('*', &a.negated(), &b), "-a * b"),
            (of('*', &a, &b.negated()), "a * -b"),
            (of('*', &a, &b).negated(), "-(a * b)"),
            (of('+', &a, &b.negated()), "a - b"),
            (of('+', &a, &of('*', &b, &c).negated()), "a - (b * c)"),
            (a.negated().negated(), "a"),
            (of('+', &a, &b).call("sum", ""), "(a + b).sum()"),
            (a.negated().call("exp", ""), "(-a).exp()"),
        ];
        for (expression, wanted) in texts {
            assert_eq!(expression.text, wanted);
        }
    }

    #[test]
    fn numbers_are_rust() {
        let texts = [
            (2.0, "2.0"),
            (-0.5, "-0.5"),
            (1.0 / 3.0, "1.0 / 3.0"),
            (1.0 / (2.0 * PI).sqrt(), "1.0 / (2.0 * PI).sqrt()"),
            (2f64.sqrt(), "2.0_f64.sqrt()"),
            (-2.0 / PI.sqrt(), "-(2.0 / PI.sqrt())"),
            (1.23456789, "1.234568"),
        ];
        for (number, wanted) in texts {
            assert_eq!(Expression::number(number).text, wanted);
        }
    }
}

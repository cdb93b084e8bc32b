//! A formula read as a person reads it, and computed. It knows nothing of rows and rules.

use super::super::tex::tokens;
use crate::{Tape, tape::Var};

/// A formula being computed; each letter has a number.
struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    letters: &'a [(&'a str, f64)],
}

pub(super) fn computed(formula: &str, letters: &[(&str, f64)]) -> f64 {
    let tokens = tokens(formula).into_iter().filter(|token| *token != " " && *token != r"\left" && *token != r"\right");
    let mut reader = Reader { tokens: tokens.collect(), at: 0, letters };
    let value = reader.sum();
    assert_eq!(reader.at, reader.tokens.len(), "{formula} is read to its end");
    value
}

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).copied().unwrap_or("")
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.peek() == token;
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, token: &str) {
        assert!(self.eat(token), "{token} is needed at {} of {:?}", self.at, self.tokens);
    }

    fn sum(&mut self) -> f64 {
        let mut value = if self.eat("-") { -self.product() } else { self.product() };
        loop {
            value += match self.peek() {
                "+" => self.next_product(),
                "-" => -self.next_product(),
                _ => return value,
            };
        }
    }

    fn next_product(&mut self) -> f64 {
        self.at += 1;
        self.product()
    }

    fn product(&mut self) -> f64 {
        let mut value = self.power();
        loop {
            let sign = self.eat(r"\odot") || self.eat(r"\cdot");
            let ends = ["", "+", "-", ")", "]", "}", ",", "|", "=", "<", r"\le", r"\ge", r"\ne", ">", "&", r"\\"];
            if !sign
                && (ends.contains(&self.peek()) || self.peek().starts_with(r"\end") || self.peek().starts_with(r"\r"))
            {
                return value;
            }
            value *= self.power();
        }
    }

    fn power(&mut self) -> f64 {
        let base = self.factor();
        match self.eat("^") {
            true => base.powf(self.group()),
            false => base,
        }
    }

    fn group(&mut self) -> f64 {
        if !self.eat("{") {
            return self.factor();
        }
        let value = self.sum();
        self.need("}");
        value
    }

    fn arguments(&mut self) -> Vec<f64> {
        self.need("(");
        let mut all = vec![self.sum()];
        while self.eat(",") {
            all.push(self.sum());
        }
        self.need(")");
        all
    }

    fn comparison(&mut self, first: f64) -> bool {
        let sign = self.peek().to_owned();
        self.at += 1;
        let second = self.sum();
        match &*sign {
            "=" => first == second,
            r"\ne" => first != second,
            "<" => first < second,
            r"\le" => first <= second,
            ">" => first > second,
            r"\ge" => first >= second,
            other => panic!("`{other}` compares nothing"),
        }
    }

    fn cases(&mut self) -> f64 {
        let value = self.sum();
        self.need("&");
        let first = self.sum();
        let holds = self.comparison(first);
        self.need(r"\\");
        let other = self.sum();
        self.need("&");
        self.need(r"\text{else}");
        self.need(r"\end{cases}");
        if holds { value } else { other }
    }

    fn factor(&mut self) -> f64 {
        let token = self.tokens[self.at].to_owned();
        self.at += 1;
        let number = |x: f64, row: fn(Var<'_>) -> Var<'_>| row(Tape::f64().leaf(x)).item();
        match &*token {
            "(" => {
                let value = self.sum();
                self.need(")");
                value
            }
            "[" => {
                let first = self.sum();
                let holds = self.comparison(first);
                self.need("]");
                f64::from(u8::from(holds))
            }
            "|" => {
                let value = self.sum().abs();
                self.need("|");
                value
            }
            "e" => std::f64::consts::E,
            r"\pi" => std::f64::consts::PI,
            r"\frac" => {
                let (over, under) = (self.group(), self.group());
                over / under
            }
            r"\sqrt" => self.group().sqrt(),
            r"\begin{cases}" => self.cases(),
            r"\lfloor" => {
                let value = self.sum().floor();
                self.need(r"\rfloor");
                value
            }
            r"\lceil" => {
                let value = self.sum().ceil();
                self.need(r"\rceil");
                value
            }
            r"\max" | r"\min" => {
                let all = self.arguments();
                if token == r"\max" { all[0].max(all[1]) } else { all[0].min(all[1]) }
            }
            r"\log" => {
                self.need("_");
                let base = self.group();
                self.arguments()[0].ln() / base.ln()
            }
            r"\psi" => {
                let order = if self.eat("^") {
                    self.need("{");
                    let order = self.arguments()[0];
                    self.need("}");
                    order as usize
                } else {
                    0
                };
                let x = self.arguments()[0];
                let tape = Tape::f64();
                let x = tape.leaf(x);
                if order == 0 { x.digamma().item() } else { x.polygamma(order).item() }
            }
            r"\operatorname{atan2}" => {
                let all = self.arguments();
                all[0].atan2(all[1])
            }
            r"\bar" => {
                self.at += 1;
                self.letter(r"\bar z")
            }
            function if function.starts_with('\\') => {
                let x = self.arguments()[0];
                match function {
                    r"\ln" => x.ln(),
                    r"\sin" => x.sin(),
                    r"\cos" => x.cos(),
                    r"\tan" => x.tan(),
                    r"\arcsin" => x.asin(),
                    r"\arccos" => x.acos(),
                    r"\arctan" => x.atan(),
                    r"\sinh" => x.sinh(),
                    r"\cosh" => x.cosh(),
                    r"\tanh" => x.tanh(),
                    r"\sigma" => 1.0 / (1.0 + (-x).exp()),
                    r"\Phi" => 0.5 * (1.0 + libm::erf(x / 2f64.sqrt())),
                    r"\Gamma" => libm::tgamma(x),
                    r"\operatorname{sign}" => x.signum(),
                    r"\operatorname{round}" => x.round_ties_even(),
                    r"\operatorname{erf}" => libm::erf(x),
                    r"\operatorname{erfc}" => libm::erfc(x),
                    r"\operatorname{erfinv}" => number(x, |x| x.erfinv()),
                    r"\operatorname{arsinh}" => x.asinh(),
                    r"\operatorname{arcosh}" => x.acosh(),
                    r"\operatorname{artanh}" => x.atanh(),
                    other => panic!("`{other}` is no function"),
                }
            }
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse().unwrap(),
            letter => self.letter(letter),
        }
    }

    fn letter(&self, name: &str) -> f64 {
        let known = self.letters.iter().find(|letter| letter.0 == name);
        known.unwrap_or_else(|| panic!("`{name}` has no number")).1
    }
}

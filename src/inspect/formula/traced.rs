//! The derivative of an elementwise row, read off its rule.
//!
//! The rule is ordinary tape algebra. On a tape with one number for each operand it records a few nodes, and these are
//! written out: sums, products with their numbers in front and equal factors as powers, fractions, choices as cases or as
//! [condition]. Everything else is the formula of its row with its operands put in.

use super::{
    Formulas, Names,
    tex::{Level, Tex, applied, number},
};
use crate::{
    ops::{Elementwise, Vjp},
    tape::{Kind, NodeId, Tape, Value, Var},
};

/// The value of a row and its derivative by each operand; `pointwise` products of tensors are written with ⊙.
pub(super) fn formulas(row: &'static Elementwise, parameter: f64, names: &Names, pointwise: bool) -> Formulas {
    let tape = Tape::f64();
    // The mask of a selection is a constant.
    let is_mask = |k: usize| row.selects() && k == 0;
    let input = |(k, &(low, high)): (usize, &(f64, f64))| match is_mask(k) {
        true => tape.constant(0.5 * (low + high)),
        false => tape.leaf(0.5 * (low + high)),
    };
    let x: Vec<Var<'_>> = row.domain.iter().enumerate().map(input).collect();
    let z = tape.elementwise(row, parameter, &x, None).expect("single numbers have one shape");
    let dz = tape.leaf(1.0);
    let mut known: Vec<(NodeId, Tex)> = x.iter().map(|x| x.id()).zip(names.inputs.iter().cloned()).collect();
    let value = Writer { tape: &tape, known: &known, pointwise }.computed(z.id()).text;
    known.extend([(z.id(), names.output.clone()), (dz.id(), names.upstream.clone())]);
    if !row.differentiable() {
        return Formulas { value, gradients: vec![None; x.len()] };
    }
    let needs: Vec<bool> = (0..x.len()).map(|k| !is_mask(k)).collect();
    let gradients = row.vjp(parameter, Vjp { x: &x, z, dz, needs: &needs, recorded: true, masked: false });
    let writer = Writer { tape: &tape, known: &known, pointwise };
    Formulas { value, gradients: gradients.iter().map(|dx| dx.map(|dx| writer.tex(dx.id()).text)).collect() }
}

/// A product or a quotient: numbers, and factors with their powers.
struct Product {
    numbers: [f64; 2],
    factors: [Vec<(NodeId, usize)>; 2],
}

struct Writer<'a> {
    tape: &'a Tape,
    known: &'a [(NodeId, Tex)],
    pointwise: bool,
}

impl Writer<'_> {
    fn is_known(&self, id: NodeId) -> Option<&Tex> {
        self.known.iter().find(|known| known.0 == id).map(|known| &known.1)
    }

    fn row(&self, id: NodeId) -> Option<(&'static Elementwise, f64, Vec<NodeId>)> {
        let list = self.tape.list();
        let node = list.node(id);
        match node.kind {
            Kind::Elementwise(row, parameter) => Some((row, parameter, node.inputs.to_vec())),
            _ => None,
        }
    }

    /// The number of a constant that the rule made.
    fn constant(&self, id: NodeId) -> Option<f64> {
        let list = self.tape.list();
        match (&list.node(id).kind, &list.node(id).value) {
            (Kind::Constant, Value::Ready(value)) if self.is_known(id).is_none() => Some(value.item()),
            _ => None,
        }
    }

    /// Whether a selection is a product with [condition]: its condition is one that the rule computed, and what it gives
    /// elsewhere is 0.
    fn is_masked(&self, condition: NodeId, otherwise: NodeId) -> bool {
        self.constant(otherwise) == Some(0.0) && self.is_known(condition).is_none()
    }

    /// A node by its name, if it has one.
    fn tex(&self, id: NodeId) -> Tex {
        self.is_known(id).cloned().unwrap_or_else(|| self.computed(id))
    }

    /// A node by what it computes.
    fn computed(&self, id: NodeId) -> Tex {
        let Some((row, c, x)) = self.row(id) else {
            return number(self.constant(id).expect("a rule records rows and constants"));
        };
        let with_number = row.parameter.is_some();
        match (row.name, &x[..]) {
            ("identity", &[x]) => self.tex(x),
            ("add", &[a, b]) => sum(self.tex(a), self.tex(b)),
            ("add", &[x]) => sum(self.tex(x), number(c)),
            ("sub", &[a, b]) => difference(&self.tex(a), &self.tex(b)),
            ("sub", &[x]) => difference(&number(c), &self.tex(x)),
            ("mul" | "div" | "negate" | "recip" | "square", _) => self.product(id),
            ("select", &[m, _, b]) if self.is_masked(m, b) => self.product(id),
            ("select", &[m, a, b]) => {
                let condition = self.tex(m).text;
                let condition = match condition.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
                    Some(inner) if !inner.contains(['[', ']']) => inner.to_owned(),
                    _ => format!(r"{condition} \ne 0"),
                };
                let (a, b) = (self.tex(a).text, self.tex(b).text);
                Tex::atom(format!(r"\begin{{cases}} {a} & {condition} \\ {b} & \text{{else}} \end{{cases}}"))
            }
            _ => applied(row.formula, |token| match token {
                "x" | "a" => x.first().map(|&x| self.tex(x)),
                "b" => x.get(1).map(|&x| self.tex(x)),
                "c" if with_number => Some(number(c)),
                "c" => x.get(2).map(|&x| self.tex(x)),
                _ => None,
            }),
        }
    }

    fn product(&self, id: NodeId) -> Tex {
        let mut product = Product { numbers: [1.0; 2], factors: [Vec::new(), Vec::new()] };
        self.collect(id, 0, true, &mut product);
        let Product { numbers: [over, under], factors } = product;
        let negative = (over < 0.0) != (under < 0.0);
        let over = self.side(over.abs(), &factors[0]);
        let value = match (under.abs() == 1.0, factors[1].is_empty()) {
            (true, true) => over,
            _ => Tex::new(
                format!(r"\frac{{{}}}{{{}}}", over.text, self.side(under.abs(), &factors[1]).text),
                Level::Power,
            ),
        };
        if negative { Tex::new(format!("-{}", value.at(Level::Product)), Level::Sum) } else { value }
    }

    /// Adds the factors of a node to one side of a fraction; a node that has a name is a factor itself, except the `root`.
    fn collect(&self, id: NodeId, side: usize, root: bool, product: &mut Product) {
        let row = if root || self.is_known(id).is_none() { self.row(id) } else { None };
        match row.as_ref().map(|(row, c, x)| (row.name, *c, &x[..])) {
            Some(("mul", _, &[a, b])) => [a, b].into_iter().for_each(|x| self.collect(x, side, false, product)),
            Some(("mul", c, &[x])) => {
                product.numbers[side] *= c;
                self.collect(x, side, false, product);
            }
            Some(("div", _, &[a, b])) => {
                self.collect(a, side, false, product);
                self.collect(b, 1 - side, false, product);
            }
            Some(("div", c, &[x])) if row.as_ref().is_some_and(|(row, ..)| row.number_first()) => {
                product.numbers[side] *= c;
                self.collect(x, 1 - side, false, product);
            }
            Some(("div", c, &[x])) => {
                product.numbers[1 - side] *= c;
                self.collect(x, side, false, product);
            }
            Some(("negate", _, &[x])) => {
                product.numbers[side] *= -1.0;
                self.collect(x, side, false, product);
            }
            Some(("square", _, &[x])) => (0..2).for_each(|_| self.collect(x, side, false, product)),
            Some(("recip", _, &[x])) => self.collect(x, 1 - side, false, product),
            // What is 0 where the condition does not hold is multiplied by [condition].
            Some(("select", _, &[m, a, b])) if self.is_masked(m, b) => {
                self.collect(m, side, false, product);
                self.collect(a, side, false, product);
            }
            _ => match self.constant(id) {
                Some(x) => product.numbers[side] *= x,
                None => {
                    let factors = &mut product.factors[side];
                    match factors.iter_mut().find(|(factor, _)| *factor == id) {
                        Some((_, power)) => *power += 1,
                        None => factors.push((id, 1)),
                    }
                }
            },
        }
    }

    /// A product of a positive number and factors.
    fn side(&self, coefficient: f64, factors: &[(NodeId, usize)]) -> Tex {
        let mut parts: Vec<Tex> = Vec::new();
        if coefficient != 1.0 || factors.is_empty() {
            parts.push(number(coefficient));
        }
        parts.extend(factors.iter().map(|&(id, power)| match power {
            1 => self.tex(id),
            _ => Tex::new(format!("{}^{{{power}}}", self.tex(id).at(Level::Atom)), Level::Power),
        }));
        let [only] = &parts[..] else {
            let mut text = String::new();
            for (k, part) in parts.iter().enumerate() {
                let part = part.at(Level::Product);
                let digits = part.starts_with(|c: char| c.is_ascii_digit());
                text += match k {
                    0 => "",
                    _ if digits => r" \cdot ",
                    1 if coefficient != 1.0 => " ",
                    _ if self.pointwise => r" \odot ",
                    _ => " ",
                };
                text += &part;
            }
            return Tex::new(text, Level::Product);
        };
        only.clone()
    }
}

fn sum(a: Tex, b: Tex) -> Tex {
    let text = match b.text.strip_prefix('-') {
        Some(rest) => format!("{} - {rest}", a.text),
        None => format!("{} + {}", a.text, b.text),
    };
    Tex::new(text, Level::Sum)
}

fn difference(a: &Tex, b: &Tex) -> Tex {
    Tex::new(format!("{} - {}", a.text, b.at(Level::Product)), Level::Sum)
}

//! Sums of products over named axes, in Einstein's notation: `"bhwc,bhwd->bcd"`.
//!
//! Each letter names an axis. A letter missing from the result is summed over; one that occurs twice in an operand
//! takes its diagonal. `...` stands for the axes that have no letter: they broadcast, aligned at the last one, and are
//! given internal names first. Operands are joined from left to right: letters that both have and that are still needed
//! are batch axes, letters that both have and nothing else needs are summed by a matrix product, and the rest stay side
//! by side. It is all permutations, reshapes, sums and matrix products, so it needs no rule of its own.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Shape,
};

/// A term as written.
struct Term {
    letters: Vec<char>,
    /// The number of letters before `...`, if it has one.
    dots: Option<usize>,
}

impl Term {
    fn parse(text: &str) -> Result<Term, String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (before, after) = text.split_once("...").unwrap_or((&text, ""));
        let letters = before.chars().chain(after.chars());
        let letters = letters.map(|c| match c {
            '.' => Err("dots stand elsewhere than in one `...` for each operand".to_owned()),
            c if c.is_ascii_alphabetic() => Ok(c),
            c => Err(format!("`{c}` is not a letter")),
        });
        let dots = text.contains("...").then(|| before.chars().count());
        Ok(Term { letters: letters.collect::<Result<_, _>>()?, dots })
    }

    /// The letters, with names for `count` axes instead of `...`.
    fn names(&self, count: usize) -> Vec<char> {
        let dots = self.dots.unwrap_or(self.letters.len());
        let unnamed = (0..if self.dots.is_some() { count } else { 0 }).rev().map(unnamed);
        self.letters[..dots].iter().copied().chain(unnamed).chain(self.letters[dots..].iter().copied()).collect()
    }
}

/// The name of an axis under `...`, counted from the last; no letter can be equal to it.
fn unnamed(from_last: usize) -> char {
    char::from_u32('\u{e000}' as u32 + from_last as u32).expect("tensors have fewer axes than names are free")
}

/// Whether a name belongs to an axis under `...`.
fn broadcasts(c: char) -> bool {
    c >= unnamed(0)
}

/// The names of the axes of the operands, of the given ranks, and of the result.
fn parse(equation: &str, shapes: &[Shape]) -> Result<(Vec<Vec<char>>, Vec<char>), String> {
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let terms = left.split(',').map(Term::parse).collect::<Result<Vec<_>, _>>()?;
    if terms.len() != shapes.len() {
        return Err(format!("it names {} operands, but {} were given", terms.len(), shapes.len()));
    }
    let covered = |(k, (term, shape)): (usize, (&Term, &Shape))| {
        let (rank, letters) = (shape.rank(), term.letters.len());
        match rank.checked_sub(letters) {
            Some(0) => Ok(0),
            Some(covered) if term.dots.is_some() => Ok(covered),
            _ => Err(format!("operand {k} has {rank} axes, but {letters} letters")),
        }
    };
    let covered = terms.iter().zip(shapes).enumerate().map(covered).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<Vec<char>> = terms.iter().zip(&covered).map(|(term, &count)| term.names(count)).collect();
    let all = || names.iter().flatten().copied();
    let widest = covered.iter().copied().max().unwrap_or(0);
    let result = match right {
        Some(right) => Term::parse(right)?.names(widest),
        // Without an arrow the result has the axes under `...` and the letters that occur once, in alphabetical order.
        None => {
            let mut once: Vec<char> = all().filter(|&c| all().filter(|&other| other == c).count() == 1).collect();
            once.retain(|&c| !broadcasts(c));
            once.sort_unstable();
            (0..widest).rev().map(unnamed).chain(once).collect()
        }
    };
    for (i, c) in result.iter().enumerate() {
        if !all().any(|other| other == *c) {
            return Err(format!("the result's letter `{c}` stands in no operand"));
        }
        if result[..i].contains(c) {
            return Err(format!("the result names `{c}` twice"));
        }
    }
    Ok((names, result))
}

/// The size that each name stands for. Axes of the same name must have equal sizes or, under `...`, equal sizes or 1.
fn sizes(names: &[Vec<char>], shapes: &[Shape]) -> Result<Vec<(char, usize)>, String> {
    let mut known: Vec<(char, usize)> = Vec::new();
    for (k, (names, shape)) in names.iter().zip(shapes).enumerate() {
        for (&c, &size) in names.iter().zip(shape.iter()) {
            match known.iter_mut().find(|(other, _)| *other == c) {
                None => known.push((c, size)),
                Some((_, before)) if *before == size => {}
                Some((_, before)) if broadcasts(c) && *before == 1 => *before = size,
                Some(_) if broadcasts(c) && size == 1 => {}
                Some((_, before)) if broadcasts(c) => {
                    return Err(format!("an axis under `...` has size {before} and, in operand {k}, size {size}"));
                }
                Some((_, before)) => {
                    return Err(format!("`{c}` has size {before} and, in operand {k}, size {size}"));
                }
            }
        }
    }
    Ok(known)
}

/// A value whose axes have names.
#[derive(Clone)]
struct Named<'t> {
    x: Var<'t>,
    letters: Vec<char>,
}

impl<'t> Named<'t> {
    fn has(&self, c: &char) -> bool {
        self.letters.contains(c)
    }

    fn size(&self, letters: &[char]) -> usize {
        let shape = self.x.shape();
        self.letters.iter().zip(shape.iter()).filter(|(c, _)| letters.contains(c)).map(|(_, &n)| n).product()
    }

    fn arranged(&self, order: &[char]) -> Result<Var<'t>> {
        let place =
            |c: &char| self.letters.iter().position(|other| other == c).expect("the letter is the operand's") as isize;
        self.x.try_permute(&order.iter().map(place).collect::<Vec<_>>())
    }

    /// Drops the axes of size 1 that have a different size in another operand.
    fn narrowed(self, sizes: &[(char, usize)]) -> Result<Self> {
        let shape = self.x.shape();
        let stays = |axis: &usize| sizes.contains(&(self.letters[*axis], shape[*axis]));
        let axes: Vec<usize> = (0..shape.rank()).filter(stays).collect();
        let x = self.x.try_reshape(axes.iter().map(|&axis| shape[axis]).collect::<Shape>())?;
        Ok(Named { x, letters: axes.iter().map(|&axis| self.letters[axis]).collect() })
    }

    /// Takes the diagonal along letters that occur twice.
    fn diagonals(mut self) -> Result<Self> {
        while let Some((i, j)) = self.repeated() {
            let rest: Vec<usize> = (0..self.letters.len()).filter(|&k| k != i && k != j).collect();
            let order: Vec<isize> = rest.iter().chain([&i, &j]).map(|&k| k as isize).collect();
            let letters = rest.iter().chain([&i]).map(|&k| self.letters[k]).collect();
            self = Named { x: self.x.try_permute(&order)?.try_diagonal()?, letters };
        }
        Ok(self)
    }

    fn repeated(&self) -> Option<(usize, usize)> {
        let j = (0..self.letters.len()).find(|&j| self.letters[..j].contains(&self.letters[j]))?;
        let i = self.letters.iter().position(|c| *c == self.letters[j])?;
        Some((i, j))
    }

    /// Sums over the letters that are not needed.
    fn summed(self, needed: impl Fn(&char) -> bool) -> Result<Self> {
        let axes: Vec<isize> =
            (0..self.letters.len()).filter(|&k| !needed(&self.letters[k])).map(|k| k as isize).collect();
        if axes.is_empty() {
            return Ok(self);
        }
        let letters = self.letters.iter().copied().filter(|c| needed(c)).collect();
        Ok(Named { x: self.x.try_sum_axes(&axes, false)?, letters })
    }

    /// The product with another value, summed over the letters that both have and that are not needed.
    fn times(self, other: Self, needed: impl Fn(&char) -> bool) -> Result<Self> {
        let pick =
            |of: &Self, f: &dyn Fn(&char) -> bool| of.letters.iter().copied().filter(|c| f(c)).collect::<Vec<char>>();
        let batch = pick(&self, &|c| other.has(c) && needed(c));
        let joined = pick(&self, &|c| other.has(c) && !needed(c));
        let (own, theirs) = (pick(&self, &|c| !other.has(c)), pick(&other, &|c| !self.has(c)));
        if own.is_empty() && theirs.is_empty() {
            // Numbers times numbers, of which there is no matrix.
            let x = self.x.try_mul(other.arranged(&self.letters)?)?;
            return Named { x, letters: self.letters }.summed(needed);
        }
        let (b, k, m, n) = (self.size(&batch), self.size(&joined), self.size(&own), other.size(&theirs));

        // An operand that is already transposed is taken as it is.
        let turned_left = self.letters == [&batch[..], &joined, &own].concat();
        let turned_right = other.letters == [&batch[..], &theirs, &joined].concat();
        let left = match turned_left {
            true => self.x.try_reshape([b, k, m])?,
            false => self.arranged(&[&batch[..], &own, &joined].concat())?.try_reshape([b, m, k])?,
        };
        let right = match turned_right {
            true => other.x.try_reshape([b, n, k])?,
            false => other.arranged(&[&batch[..], &joined, &theirs].concat())?.try_reshape([b, k, n])?,
        };
        let size = |c: &char| if self.has(c) { self.size(&[*c]) } else { other.size(&[*c]) };
        let letters = [batch, own, theirs].concat();
        let shape: Shape = letters.iter().map(size).collect();
        Ok(Named { x: left.product(turned_left, right, turned_right)?.try_reshape(&shape)?, letters })
    }
}

composition!(
    /// The sum of products that `equation` describes, with a letter for each axis of each operand: `"ij,jk->ik"` is a
    /// matrix product, `"ii->"` a trace, `"i,j->ij"` an outer product, `"abc->cb"` a sum over a with the other axes
    /// swapped.
    ///
    /// `...` stands for any number of axes of an operand that have no letter. They broadcast, aligned at the last one,
    /// and take the place of the `...` in the result; if it has none, they are summed over, as in PyTorch.
    ///
    /// Without `->` the result has the axes under `...`, and then the letters that occur once, in alphabetical order.
    ///
    /// ```
    /// use wengert::{Tape, Var};
    /// let tape = Tape::f64();
    /// let a = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// let b = tape.leaf([10.0, 100.0]);
    /// assert_eq!(Var::einsum("ij,j->i", &[a, b]).value().to_vec(), [210.0, 430.0]);
    /// assert_eq!(Var::einsum("ii", &[a]).item(), 5.0);
    ///
    /// let batch = tape.leaf(wengert::Tensor::ones([4, 3, 2, 2], wengert::DType::F64));
    /// assert_eq!(Var::einsum("...ij,jk->...ik", &[batch, a]).shape().dims(), [4, 3, 2, 2]);
    /// ```
    #[or_panic(einsum)]
    /// [`Error::Shape`] when the equation cannot be read or the operands do not fit it, [`Error::Empty`] without
    /// operands.
    pub fn try_einsum(equation: &str, operands: &[Var<'t>]) -> Result<Var<'t>> {
        let Some(first) = operands.first() else {
            return Err(Error::Empty { what: "the list of operands of einsum".into(), need: "give at least one" });
        };
        let _line = first.tape().at_caller();
        let shapes: Vec<Shape> = operands.iter().map(|x| x.shape()).collect();
        let read = parse(equation, &shapes);
        let read = read.and_then(|(names, result)| sizes(&names, &shapes).map(|sizes| (names, sizes, result)));
        let (names, sizes, result) = read.map_err(|why| {
            let need = format!("in the equation \"{equation}\" {why}");
            first.shape_error("einsum", &shapes.iter().collect::<Vec<_>>(), need)
        })?;
        let terms = operands.iter().zip(names).map(|(&x, letters)| Named { x, letters }.narrowed(&sizes)?.diagonals());
        let terms = terms.collect::<Result<Vec<_>>>()?;
        let mut product: Option<Named<'t>> = None;
        for (k, term) in terms.iter().enumerate() {
            let later = |c: &char| result.contains(c) || terms[k + 1..].iter().any(|t| t.has(c));
            let before = |c: &char| product.as_ref().is_some_and(|p| p.has(c));
            let term = term.clone().summed(|c| later(c) || before(c))?;
            product = Some(match product {
                None => term,
                Some(product) => product.summed(|c| later(c) || term.has(c))?.times(term, later)?,
            });
        }
        product.expect("there is an operand").summed(|c| result.contains(c))?.arranged(&result)
    },
    [
        sample("ij,kj->ik", &[&[2, 3], &[2, 3]]),
        sample("bhc,bhd->bcd", &[&[2, 3, 2], &[2, 3, 2]]),
        sample("ij,ji->i", &[&[2, 3], &[3, 2]]),
        sample("iij->j", &[&[2, 2, 3]]),
        sample("i,j,ik->kj", &[&[2], &[3], &[2, 2]]),
        sample("...ij,...jk->...ik", &[&[2, 1, 2, 2], &[3, 2, 2]]),
    ]
);

/// An equation and the shapes of its operands.
fn sample(equation: &'static str, shapes: &[&[usize]]) -> Sample {
    let inputs = shapes.iter().enumerate().map(|(k, &shape)| numbers(shape, -1.0, 1.0, k)).collect();
    Sample::new(&format!("einsum {equation}"), inputs, move |x| Var::einsum(equation, x))
}

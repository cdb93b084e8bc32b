//! A function with a correct rule, in which mistakes can be switched on.
//!
//! A rule is written once. Where a person may slip, [`slip!`] holds the right expression and the wrong one, with the
//! number of the mistake. Only the chosen one runs, so the checker sees a rule with that mistake and nothing else, and
//! the line of the macro is the line to mend.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex},
};

use wengert::{Backward, DType, Function, Shape, Tape, Tensor, Var};

/// The mistakes that are switched on, and the lines where they are made.
pub struct Slips<'t> {
    pub on: Vec<u32>,
    pub lines: RefCell<Vec<u32>>,
    /// Whether a mistake left an operation on its line; otherwise the tape knows nothing of that line.
    pub recorded: Cell<bool>,
    pub tape: &'t Tape,
}

impl Slips<'_> {
    /// Whether mistake `n` is made, on this line.
    pub fn made(&self, n: u32, line: u32) -> bool {
        let made = self.on.contains(&n);
        if made && !self.lines.borrow().contains(&line) {
            self.lines.borrow_mut().push(line);
        }
        made
    }

    /// The value of a wrong expression.
    pub fn wrong<T>(&self, expression: impl FnOnce() -> T) -> T {
        let before = self.tape.len();
        let value = expression();
        self.recorded.set(self.recorded.get() || self.tape.len() > before);
        value
    }
}

/// `slip!(s 3: right => wrong)`: the first expression, or the second if mistake 3 is switched on.
macro_rules! slip {
    ($slips:ident $n:literal: $right:expr => $wrong:expr) => {
        if $slips.made($n, line!()) { $slips.wrong(|| $wrong) } else { $right }
    };
}

pub type Forward = for<'t> fn(&[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>);
pub type Rule = for<'a, 't> fn(Backward<'a, 't>, &Slips<'t>) -> Vec<Option<Var<'t>>>;

/// One mistake, or several at once.
pub struct Mistake {
    /// The numbers of the slips.
    pub slips: &'static [u32],
    /// Its kind: "factor", "two", …
    pub kind: &'static str,
    /// What a verdict must say: alternatives between `|`, each of words that must all occur, between `&`. Of several
    /// mistakes at once each must be named by its own words.
    pub says: &'static str,
}

/// A function with its rule and the mistakes that can be made in it.
pub struct Planted {
    pub name: &'static str,
    pub inputs: Vec<Tensor>,
    pub forward: Forward,
    pub rule: Rule,
    pub mistakes: Vec<Mistake>,
}

pub fn planted<const N: usize>(
    name: &'static str,
    inputs: Vec<Tensor>,
    forward: Forward,
    rule: Rule,
    mistakes: [(&'static [u32], &'static str, &'static str); N],
) -> Planted {
    let mistakes = mistakes.into_iter().map(|(slips, kind, says)| Mistake { slips, kind, says }).collect();
    Planted { name, inputs, forward, rule, mistakes }
}

impl Mistake {
    /// Whether a verdict says what it must.
    pub fn is_said_by(&self, verdict: &str) -> bool {
        self.says.split('|').any(|all| all.split('&').all(|word| verdict.contains(word)))
    }
}

/// The function with some mistakes made, as the checker receives it.
pub struct Wrong {
    name: &'static str,
    forward: Forward,
    rule: Rule,
    on: Vec<u32>,
    lines: Mutex<(Vec<u32>, bool)>,
}

impl Planted {
    pub fn with(&self, slips: &[u32]) -> Arc<Wrong> {
        let Planted { name, forward, rule, .. } = *self;
        Arc::new(Wrong { name, forward, rule, on: slips.to_vec(), lines: Mutex::default() })
    }
}

impl Wrong {
    /// The lines on which mistakes were made, and whether they left an operation there.
    pub fn lines(&self) -> (Vec<u32>, bool) {
        self.lines.lock().unwrap().clone()
    }
}

impl Function for Wrong {
    fn name(&self) -> &str {
        self.name
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        (self.forward)(x).0
    }
    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        (self.forward)(x)
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (on, lines, tape) = (self.on.clone(), RefCell::default(), at.dz[0].tape());
        let slips = Slips { on, lines, recorded: Cell::new(false), tape };
        let answer = (self.rule)(at, &slips);
        *self.lines.lock().unwrap() = (slips.lines.into_inner(), slips.recorded.get());
        answer
    }
}

/// Numbers between `low` and `high` with no pattern.
pub fn numbers(shape: impl Into<Shape>, low: f64, high: f64, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| {
        let wild = ((i as f64 + 1.0) * 17.1317 + seed * 41.7719).sin() * 24634.6345;
        low + (high - low) * (wild - wild.floor())
    })
}

/// Numbers from −1 to 1.
pub fn draw(shape: impl Into<Shape>, seed: f64) -> Tensor {
    numbers(shape, -1.0, 1.0, seed)
}

/// The transpose of a matrix.
#[track_caller]
pub fn t<'t>(x: Var<'t>) -> Var<'t> {
    x.transpose(0, 1)
}

/// Sums along an axis, which stays with size 1.
#[track_caller]
pub fn sum<'t>(x: Var<'t>, axis: isize) -> Var<'t> {
    x.sum_axes(&[axis], true)
}

/// Means along an axis, which stays with size 1.
#[track_caller]
pub fn mean<'t>(x: Var<'t>, axis: isize) -> Var<'t> {
    x.mean_axes(&[axis], true)
}

/// Row `k` as a matrix of one row.
#[track_caller]
pub fn row<'t>(x: Var<'t>, k: usize) -> Var<'t> {
    x.narrow(0, k, 1)
}

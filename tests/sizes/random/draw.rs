//! What the arguments are drawn from.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use wengert::{Tape, Tensor, Var};

/// Values of more numbers than this are not computed.
pub const MOST: usize = 1 << 16;

/// One tape for each precision.
pub fn tapes() -> [Tape; 2] {
    [Tape::new(), Tape::f64()]
}

/// Draws the arguments of one call.
pub struct Draw<'t> {
    tape: &'t Tape,
    rng: StdRng,
    /// Whether arguments may be replaced by others, and whether one was.
    wild: bool,
    pub damaged: bool,
    /// All tensors that were drawn.
    pub leaves: Vec<Var<'t>>,
}

impl<'t> Draw<'t> {
    pub fn new(tape: &'t Tape, seed: u64, wild: bool) -> Self {
        Draw { tape, rng: StdRng::seed_from_u64(seed), wild, damaged: false, leaves: Vec::new() }
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }

    pub fn flag(&mut self) -> bool {
        self.rng.random()
    }

    /// A small size, at least 1.
    pub fn size(&mut self) -> usize {
        1 + self.below(4)
    }

    /// Sizes of `ranks` axes.
    pub fn sizes(&mut self, ranks: std::ops::RangeInclusive<usize>) -> Vec<usize> {
        let rank = self.rng.random_range(ranks);
        (0..rank).map(|_| self.size()).collect()
    }

    /// Whether to replace an argument now.
    fn replace(&mut self) -> bool {
        let now = self.wild && self.rng.random_bool(0.12);
        self.damaged |= now;
        now
    }

    /// A number that is wrong in some way: a neighbor, or one that is absurd as a size.
    fn wrong(&mut self, fits: usize) -> usize {
        match self.below(4) {
            0 => fits.wrapping_add(1),
            1 => fits.saturating_sub(1),
            2 => 0,
            _ => {
                let shift = self.below(33);
                let near = self.below(3).wrapping_sub(1);
                (1_usize << (31 + shift)).wrapping_add(near)
            }
        }
    }

    /// `fits`, or another number.
    pub fn number(&mut self, fits: usize) -> usize {
        if self.replace() { self.wrong(fits) } else { fits }
    }

    /// `fits`, or another number, of either sign.
    pub fn signed(&mut self, fits: isize) -> isize {
        if !self.replace() {
            return fits;
        }
        let other = self.wrong(fits.unsigned_abs()) as isize;
        if self.flag() { other.wrapping_neg() } else { other }
    }

    /// Each of these numbers, or others; perhaps one more or one less.
    pub fn numbers(&mut self, fits: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> = fits.iter().map(|&n| self.number(n)).collect();
        if self.replace() {
            let (at, one) = (self.below(all.len() + 1), self.size());
            if self.flag() || at == all.len() { all.insert(at, one) } else { all.truncate(all.len() - 1) }
        }
        all
    }

    /// Both numbers, or others.
    pub fn pair(&mut self, fits: [usize; 2]) -> [usize; 2] {
        fits.map(|n| self.number(n))
    }

    /// An axis of a value with `rank` axes, from either end; or none of its axes.
    pub fn axis(&mut self, rank: usize) -> isize {
        let axis = self.below(rank) as isize;
        let from_end = self.flag();
        self.signed(if from_end { axis - rank as isize } else { axis })
    }

    /// Some axes of a value with `rank` axes, each once, in any order.
    pub fn axes(&mut self, rank: usize) -> Vec<isize> {
        let count = self.below(rank + 1);
        let mut axes = self.order(rank);
        axes.truncate(count);
        axes.iter().map(|&axis| self.signed(axis as isize)).collect()
    }

    /// The numbers below `count` in any order.
    pub fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            let other = self.below(i + 1);
            order.swap(i, other);
        }
        order
    }

    /// `count` places below `bound`; or some that are not, or more or less of them.
    pub fn places(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let fits: Vec<usize> = (0..count).map(|_| self.below(bound)).collect();
        if self.wild { self.numbers(&fits) } else { fits }
    }

    /// A tensor of numbers in (0, 1) with the shape `fits`, or with another one of few numbers, perhaps of none.
    pub fn tensor(&mut self, fits: &[usize]) -> Var<'t> {
        let mut dims = self.numbers(fits);
        if count(&dims) > MOST {
            dims.iter_mut().for_each(|size| *size = (*size).min(5));
        }
        let rng = &mut self.rng;
        let leaf = self.tape.leaf(Tensor::from_fn(dims, self.tape.dtype(), |_| rng.random_range(0.01..0.99)));
        self.leaves.push(leaf);
        leaf
    }

    /// The same, or a value of more numbers than memory holds: one that is broadcast. To add them all up would take
    /// too long.
    pub fn vast(&mut self, fits: &[usize]) -> Var<'t> {
        let dims = self.numbers(fits);
        if count(&dims) <= MOST {
            return self.tensor(&dims);
        }
        let one = self.tensor(&[1]);
        let vast = one.try_broadcast_to(dims).unwrap_or(one);
        self.leaves.push(vast);
        vast
    }

    /// Symmetric positive definite matrices, or something else.
    pub fn definite(&mut self, batch: &[usize], n: usize) -> Var<'t> {
        let x = self.tensor(&[batch, &[n, n]].concat());
        let dims = x.shape().dims().to_vec();
        let square = dims.len() >= 2 && dims[dims.len() - 2] == dims[dims.len() - 1];
        if !square {
            return x;
        }
        let eye = self.tape.constant(Tensor::eye(dims[dims.len() - 1], self.tape.dtype()));
        (x + x.transpose(-1, -2)) * 0.5 + eye * 4.0
    }
}

/// The number of elements of a shape, were no size 0.
fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1, |count, &size| count.saturating_mul(size.max(1)))
}

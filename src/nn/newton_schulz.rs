//! The square root of symmetric positive semi-definite matrices by matrix products alone.
//!
//! With Y₀ = A/s and Z₀ = I for a norm s of A, the coupled iteration of Newton and Schulz is
//!
//! ```text
//! T = (3I − Z Y)/2,   Y ← Y T,   Z ← T Z
//! ```
//!
//! and √s Y tends to A^½ (Higham, *Functions of Matrices*, 2008, 6.3). Lin and Maji (arXiv 1707.06772) take the Frobenius
//! norm for s, iSQRT-COV (Li et al., arXiv 1712.01034) the trace.
//!
//! An eigenvalue y of A/s goes its own way: y ← y t, z ← z t, t = (3 − z y)/2, with a factor of at most 3/2 a step. So
//! the root of an eigenvalue below s (2/3)²ᵏ is far from complete after k steps: the smaller, the more it falls short.
//!
//! Z is not kept. All of them are polynomials in A, so they are symmetric and commute, and P = Z Y goes its own way:
//!
//! ```text
//! T = (3I − P)/2,   Y ← Y T,   P ← P T T
//! ```
//!
//! **Backward.** With upstream gradients D of the new Y and E of the new P, from the last step to the first, and W = E P,
//!
//! ```text
//! dY = D T,   dP = ¼ (9E − 6(E P + P E) + E P² + P E P + P² E) − ½ Y D
//!                = ¼ 9E + (N + Nᵀ),   N = (¼ (W + ½ Wᵀ) − 3/2 E) P − ¼ Y D
//! ```
//!
//! where the second line has the symmetric part of the first: only that counts, since P is symmetric however A is changed.
//! It has two products for the five of the first, and needs E to be symmetric, as it has just been made. In the first step
//! Y is P, so D joins E.

use crate::{Backward, Error, Function, Result, Tensor, Var};

/// By what a matrix is divided before the iteration, so that its eigenvalues are at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norm {
    /// The root of the sum of squares, the smaller of the two: fewer steps are needed.
    #[default]
    Frobenius,
    /// The sum of the diagonal.
    Trace,
}

/// A^½ for symmetric positive semi-definite matrices `[.., n, n]`, by coupled Newton-Schulz steps.
///
/// A [`Function`] with a hand-written rule, so [`Rule`](crate::Rule) decides between the recursion by hand and the tape's
/// own way back through all products. It reads (A + Aᵀ)/2. A matrix of zeros has the root 0 and the gradient 0.
///
/// Eigenvalues are not looked at. A negative one, −c s, goes the way of the iteration too, away from 0, and the
/// result is no root; [`MatrixSqrt`](super::MatrixSqrt) refuses matrices whose diagonal shows that they have one.
///
/// ```
/// use wengert::{Tape, nn::NewtonSchulz};
/// let tape = Tape::f64();
/// let a = tape.leaf([[5.0, 4.0], [4.0, 5.0]]);
/// let root = tape.apply(NewtonSchulz::new(10)?, &[a])?[0];
/// assert!((root - tape.constant([[2.0, 1.0], [1.0, 2.0]])).abs().sum().item() < 1e-12);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewtonSchulz {
    steps: usize,
    norm: Norm,
}

impl NewtonSchulz {
    /// So many steps from A divided by its Frobenius norm. Five are usual.
    ///
    /// # Errors
    /// [`Error::Setting`] unless there are 1 to 100 steps.
    pub fn new(steps: usize) -> Result<Self> {
        match (1..=100).contains(&steps) {
            true => Ok(NewtonSchulz { steps, norm: Norm::default() }),
            false => Err(Error::setting("Newton-Schulz", "steps", steps, "from 1 to 100")),
        }
    }

    /// Divides by another norm.
    pub fn norm(self, norm: Norm) -> Self {
        NewtonSchulz { norm, ..self }
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// s for each matrix, `[.., 1, 1]`, and where it is 0; there 1 stands in its place.
    fn scale<'t>(&self, a: Var<'t>) -> (Var<'t>, Var<'t>) {
        // The root of a sum of squares has no slope at 0, so 0 is exchanged below the root.
        let s = match self.norm {
            Norm::Frobenius => a.square().sum_axes(&[-2, -1], true),
            Norm::Trace => a.diagonal().sum_axes(&[-1], true).unsqueeze(-1),
        };
        let none = s.le(0.0);
        let s = none.select(1.0, s);
        (if self.norm == Norm::Frobenius { s.sqrt() } else { s }, none)
    }
}

/// `newton:5`, or `newton-trace:5`: how [`MatrixSqrt`](super::MatrixSqrt) reads it.
impl std::fmt::Display for NewtonSchulz {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let norm = if self.norm == Norm::Trace { "-trace" } else { "" };
        write!(f, "newton{norm}:{}", self.steps)
    }
}

/// (A + Aᵀ)/2.
fn symmetric(a: Var<'_>) -> Var<'_> {
    (a + a.transpose(-2, -1)) * 0.5
}

/// The identity of the size and on the tape of a batch of matrices.
pub(super) fn identity(a: Var<'_>) -> Var<'_> {
    let size = a.shape().last().copied().unwrap_or(0);
    a.tape().constant(Tensor::eye(size, a.dtype()))
}

/// Matrices with sides from this on are large: a few of them fill the cache.
const LARGE: usize = 128;

/// The matrices that take all steps together: of many large ones a few at a time, so that what one product has written is
/// still in the cache when the next reads it.
fn parts(all: Var<'_>) -> Vec<Var<'_>> {
    const FEW: usize = 8;
    match *all.shape().dims() {
        [count, n, _] if count > FEW && n >= LARGE => {
            (0..count).step_by(FEW).map(|start| all.narrow(0, start, FEW.min(count - start))).collect()
        }
        _ => vec![all],
    }
}

fn joined<'t>(parts: &[Var<'t>]) -> Var<'t> {
    match *parts {
        [all] => all,
        _ => Var::concat(parts, 0),
    }
}

impl Function for NewtonSchulz {
    fn name(&self) -> &str {
        "newton_schulz"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (roots, saved): (Vec<_>, Vec<_>) = parts(x[0]).into_iter().map(|a| self.root(a)).unzip();
        (vec![joined(&roots)], saved.concat())
    }

    fn backward<'t>(&self, Backward { dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let saved = saved.chunks_exact(4 + 3 * self.steps);
        let gradients: Vec<_> = parts(dz[0]).into_iter().zip(saved).map(|(g, saved)| self.gradient(g, saved)).collect();
        vec![Some(joined(&gradients))]
    }
}

impl NewtonSchulz {
    /// The root, and what its derivative needs: the symmetric A, s, where it is 0, the last Y, and Y, P and T of each step.
    fn root<'t>(&self, a: Var<'t>) -> (Var<'t>, Vec<Var<'t>>) {
        let a = symmetric(a);
        let (s, none) = self.scale(a);
        let three_halves = identity(a) * 1.5;
        let (mut y, mut p) = (a / s, a / s);
        let mut saved = vec![a, s, none];
        for step in 0..self.steps {
            let t = three_halves - p * 0.5;
            saved.extend([y, p, t]);
            let half = p.matmul(t);
            // The first Y is P, and nobody asks for the last P.
            y = if step == 0 { half } else { y.matmul(t) };
            if step + 1 < self.steps {
                p = half.matmul(t);
            }
        }
        saved.insert(3, y);
        (none.select(0.0, y * s.sqrt()), saved)
    }

    /// The gradient with respect to A, given that with respect to the root.
    fn gradient<'t>(&self, g: Var<'t>, saved: &[Var<'t>]) -> Var<'t> {
        let (&[a, s, none, last], steps) = saved.split_first_chunk().expect("forward saves what comes first");
        let turned = |x: Var<'t>| x.transpose(-2, -1);
        let g = none.select(0.0, g);
        let mut d = g * s.sqrt();
        let mut e: Option<Var<'t>> = None;
        // (¼ (W + ½ Wᵀ) − 3/2 E) P, before the product with P.
        let factor = |e: Var<'t>, p: Var<'t>| {
            let w = e.matmul(p);
            w * 0.25 + turned(w) * 0.125 - e * 1.5
        };
        let (first, rest) = steps.split_first_chunk::<3>().expect("there is a step");
        for step in rest.rchunks_exact(3) {
            let (y, p, t) = (step[0], step[1], step[2]);
            let n = match e {
                Some(e) => factor(e, p).matmul(p).addmm(y, d, -0.25),
                None => y.matmul(d) * -0.25,
            };
            let both = n + turned(n);
            e = Some(e.map_or(both, |e| e * 2.25 + both));
            d = d.matmul(t);
        }
        let [_, p, _] = *first;
        // The Y of the first step is 3/2 P − ½ P P.
        let by_y = (d + turned(d)) * -0.25;
        let n = e.map_or(by_y, |e| factor(e, p) + by_y).matmul(p) * 2.0 + d * 1.5;
        let da = e.map_or(n, |e| n + e * 2.25);
        // With respect to s: once through the factor √s, once through A/s.
        let sum = |x: Var<'t>| x.sum_axes(&[-2, -1], true);
        let ds = sum(g * last) / (s.sqrt() * 2.0) - sum(da * a) / s.square();
        let by_norm = match self.norm {
            Norm::Frobenius => ds * (a / s),
            Norm::Trace => ds * identity(a),
        };
        symmetric(da / s + by_norm)
    }
}

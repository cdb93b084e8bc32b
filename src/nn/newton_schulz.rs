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
//! **Backward.** With upstream gradients dY and dZ of the new Y and Z,
//!
//! ```text
//! dT = Yᵀ dY + dZ Zᵀ,   dY ← dY Tᵀ − Zᵀ dT/2,   dZ ← Tᵀ dZ − dT Yᵀ/2
//! ```
//!
//! from the last step to the first. All Y, Z and T are symmetric, so nothing is transposed, and only the symmetric part of
//! the result counts. The upstream gradients are *not* symmetric, even where the root's is: dT is a sum of products.

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

impl Function for NewtonSchulz {
    fn name(&self) -> &str {
        "newton_schulz"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    /// Saves the symmetric A, s, where it is 0, and Y, Z and T of each step; Z is left out of the first, where it is I.
    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let a = symmetric(x[0]);
        let (s, none) = self.scale(a);
        let (three_halves, mut y) = (identity(a) * 1.5, a / s);
        let mut t = three_halves - y * 0.5;
        let mut saved = vec![a, s, none, y, t];
        let mut z = t;
        y = y.matmul(t);
        for step in 1..self.steps {
            t = three_halves.addmm(z, y, -0.5);
            saved.extend([y, z, t]);
            y = y.matmul(t);
            // Nobody asks for the last Z.
            if step + 1 < self.steps {
                z = t.matmul(z);
            }
        }
        saved.push(y);
        (vec![none.select(0.0, y * s.sqrt())], saved)
    }

    fn backward<'t>(&self, Backward { dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (&[a, s, none, y0, t0], rest) = saved.split_first_chunk().expect("forward saves what comes first");
        let (&last, steps) = rest.split_last().expect("forward saves the last Y");
        let g = none.select(0.0, dz[0]);
        let mut dy = g * s.sqrt();
        let mut dz: Option<Var<'t>> = None;
        for step in steps.rchunks_exact(3) {
            let (y, z, t) = (step[0], step[1], step[2]);
            let product = y.matmul(dy);
            let dt = dz.map_or(product, |dz| product.addmm(dz, z, 1.0));
            dy = dy.matmul(t).addmm(z, dt, -0.5);
            dz = Some(dz.map_or_else(|| dt.matmul(y) * -0.5, |dz| t.matmul(dz).addmm(dt, y, -0.5)));
        }
        // The first step, where Z is I and so the new Z is T.
        let product = y0.matmul(dy);
        let dt = dz.map_or(product, |dz| product + dz);
        let da = dy.matmul(t0) - dt * 0.5;
        // With respect to s: once through the factor √s, once through A/s.
        let sum = |x: Var<'t>| x.sum_axes(&[-2, -1], true);
        let ds = sum(g * last) / (s.sqrt() * 2.0) - sum(da * a) / s.square();
        let by_norm = match self.norm {
            Norm::Frobenius => ds * (a / s),
            Norm::Trace => ds * identity(a),
        };
        vec![Some(symmetric(da / s + by_norm))]
    }
}

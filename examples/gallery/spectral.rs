//! Square roots of matrices: a sign that was left to the caller, and a transposition that symmetry hides.

use wengert::{
    Backward, DType, Function, Result, Tensor, Var,
    check::{self, Constraint},
};

use crate::entry::Entry;

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "sqrt_svd_lyap without its caller",
            source: "msubhransu/matrix-sqrt matrix_sqrt.py, quoted without the minus of its only caller",
            expected: "sign flipped",
            lesson: "the Lyapunov solver's convention AX + XA = −C puts a minus there that the caller took back",
            wrong: || root(Root { sign: -1.0 }),
            mended: || root(Root { sign: 1.0 }),
        },
        Entry {
            name: "Sqrtm of fast-MPN-COV",
            source: "jiangtaoxie/fast-MPN-COV MPNCOV.py, see its #7",
            expected: "transposed",
            lesson: "right for a symmetric upstream gradient, and the layer before makes it symmetric: only a general \
                     one tells",
            wrong: || check::function(NewtonSchulz { mended: false }, &[matrix()]).run(),
            mended: || check::function(NewtonSchulz { mended: true }, &[matrix()]).run(),
        },
    ]
}

/// Symmetric and positive definite.
fn matrix() -> Tensor {
    Tensor::from([[1.4, 0.3, -0.2], [0.3, 0.9, 0.25], [-0.2, 0.25, 0.7]])
}

fn root(rule: Root) -> Result<check::Report> {
    check::function(rule, &[matrix()]).constraint(Constraint::PositiveDefinite).run()
}

/// Z = A^½ with dA = U [(Uᵀ dZ U) / (√λᵢ + √λⱼ)] Uᵀ, which solves Z dA + dA Z = dZ.
struct Root {
    sign: f64,
}

impl Function for Root {
    fn name(&self) -> &str {
        "root by Lyapunov"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].symmetric_sqrt()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (values, vectors) = x[0].eigh();
        let (roots, back) = (values.sqrt(), vectors.transpose(-1, -2));
        let sums = roots.unsqueeze(1) + roots.unsqueeze(0);
        // The input is symmetric, so only the symmetric part of the upstream gradient counts.
        let dz = (dz[0] + dz[0].transpose(-1, -2)) * 0.5;
        let inner = back.matmul(dz).matmul(vectors) / sums;
        vec![Some(vectors.matmul(inner).matmul(back) * self.sign)]
    }
}

/// The number of Newton-Schulz steps.
const STEPS: usize = 5;

/// A^½ without eigenvalues: with A / tr A for Y₀ and I for Z₀, W = (3I − Z Y) / 2, Y ← Y W, Z ← W Z; Y tends to the
/// root of A / tr A.
struct NewtonSchulz {
    mended: bool,
}

impl NewtonSchulz {
    fn identity<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.tape().constant(Tensor::eye(x.shape()[0], DType::F64))
    }

    fn step<'t>(&self, y: Var<'t>, z: Var<'t>) -> Var<'t> {
        (self.identity(y) * 3.0 - z.matmul(y)) * 0.5
    }

    /// Y and Z before each step, and after the last.
    fn iterates<'t>(&self, x: Var<'t>) -> Vec<(Var<'t>, Var<'t>)> {
        let mut all = vec![(x / x.trace(), self.identity(x))];
        for k in 0..STEPS {
            let (y, z) = all[k];
            let w = self.step(y, z);
            all.push((y.matmul(w), w.matmul(z)));
        }
        all
    }
}

impl Function for NewtonSchulz {
    fn name(&self) -> &str {
        "root by Newton and Schulz"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (y, _) = self.iterates(x[0])[STEPS];
        vec![y * x[0].trace().sqrt()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (x, g) = (x[0], dz[0]);
        let (iterates, trace) = (self.iterates(x), x.trace());
        let flip = |v: Var<'t>| v.transpose(-1, -2);
        let (mut dy, mut dz) = (g * trace.sqrt(), g * 0.0);
        for &(y, z) in iterates[..STEPS].iter().rev() {
            let w = self.step(y, z);
            let dw = flip(y).matmul(dy) + dz.matmul(flip(z));
            let after = (dy.matmul(flip(w)), flip(w).matmul(dz));
            dy = after.0 - flip(z).matmul(dw) * 0.5;
            dz = after.1 - dw.matmul(flip(y)) * 0.5;
        }
        let da = if self.mended { dy } else { flip(dy) };
        // With respect to the trace: once through the factor √tr A, once through A / tr A.
        let by_trace = (g * iterates[STEPS].0).sum() / (trace.sqrt() * 2.0) - (da * x).sum() / (trace * trace);
        vec![Some(da / trace + self.identity(x) * by_trace)]
    }
}

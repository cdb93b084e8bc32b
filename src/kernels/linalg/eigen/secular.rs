//! The eigenvalues of diag(d) + ρ z zᵀ, which are the roots of the secular equation, one between every two poles:
//!
//! ```text
//! f(λ) = 1/ρ + Σ_i z_i² / (d_i − λ) = 0
//! ```
//!
//! A root is written as λ = σ + τ, with σ the nearer of its two poles, so that all differences d_i − λ = (d_i − σ) − τ are
//! accurate to the last bits. A step fits s + r/(d_j − λ) to the terms of the poles up to d_j, and likewise to those above
//! it, and solves the quadratic equation that is left: the middle way of Li (*Solving Secular Equations Stably and
//! Efficiently*, LAPACK Working Note 89, 1993), with the start of its section 4. A step that leaves the interval where the
//! root is known to be is replaced by bisection.
//!
//! [`LANES`] roots are found at once, and four divisions are done as one: 1/a = b / (a b).

use crate::kernels::Real;

/// Roots found at once, the numbers of the widest vectors.
pub(super) const LANES: usize = 8;
type Lanes = [f64; LANES];

/// The poles d_i in ascending order and z_i², with zeros for z and larger poles up to a multiple of [`LANES`], at least
/// one. ρ is positive.
#[derive(Clone, Copy)]
pub(super) struct Secular<'a> {
    pub poles: &'a [f64],
    pub squares: &'a [f64],
    /// How many poles there are without the padding.
    pub count: usize,
    pub rho: f64,
    /// The relative change of τ after which a root is found.
    pub small: f64,
}

/// A number for each root.
#[inline(always)]
fn lanes(f: impl Fn(usize) -> f64) -> Lanes {
    let mut out = [0.0; LANES];
    for (l, out) in out.iter_mut().enumerate() {
        *out = f(l);
    }
    out
}

#[inline(always)]
fn pick(condition: bool, a: f64, b: f64) -> f64 {
    Real::pick(condition, a, b)
}

/// The sums over the poles up to d_j, and over those above: Σ z²/(d − λ) and Σ z²/(d − λ)² of each.
#[derive(Default)]
struct Sums {
    below: [Lanes; 2],
    above: [Lanes; 2],
}

impl Secular<'_> {
    /// σ and τ of the first roots, as many as they are long.
    #[inline(always)]
    pub fn roots(self, sigma: &mut [f64], tau: &mut [f64]) {
        let runs = sigma.chunks_mut(LANES).zip(tau.chunks_mut(LANES));
        for ((sigma, tau), first) in runs.zip((0..).step_by(LANES)) {
            let found = self.several(first);
            let count = sigma.len();
            sigma.copy_from_slice(&found.0[..count]);
            tau.copy_from_slice(&found.1[..count]);
        }
    }

    /// σ and τ of the roots from number `first`.
    #[inline(always)]
    fn several(self, first: usize) -> (Lanes, Lanes) {
        // What would be a root of the padding is the last root, again.
        let at = |l: usize| (first + l).min(self.count - 1);
        let (low, high) = (lanes(|l| self.poles[at(l)]), lanes(|l| self.poles[at(l) + 1]));
        let (z, next) = (lanes(|l| self.squares[at(l)]), lanes(|l| self.squares[at(l) + 1]));
        let middle = lanes(|l| (high[l] - low[l]) * 0.5);
        let sums = self.sums(first, low, middle);
        let (mut sigma, mut tau, mut from, mut to) = (low, middle, [0.0; LANES], middle);
        for l in 0..LANES {
            let f = 1.0 / self.rho + (sums.below[0][l] + sums.above[0][l]);
            let right = f < 0.0;
            // The other terms as at the middle, a quadratic equation for these two.
            let c = f + (z[l] - next[l]) / middle[l];
            let gap = high[l] - low[l];
            let near = pick(right, next[l], z[l]);
            let side = pick(right, -1.0, 1.0);
            let (a, b) = (c * gap + side * (z[l] + next[l]), side * near * gap);
            let root = (a * a - 4.0 * b * c).abs().sqrt();
            let (sum, difference) = (a + root, a - root);
            let start = pick(
                right,
                pick(a < 0.0, -2.0 * b / difference, -sum / (2.0 * c)),
                pick(a > 0.0, 2.0 * b / sum, difference / (2.0 * c)),
            );
            from[l] = pick(right, -middle[l], 0.0);
            to[l] = pick(right, 0.0, middle[l]);
            sigma[l] = pick(right, high[l], low[l]);
            let inside = start > from[l] && start < to[l];
            tau[l] = pick(inside, start, (from[l] + to[l]) * 0.5);
        }
        let mut found = [false; LANES];
        for _ in 0..60 {
            let sums = self.sums(first, sigma, tau);
            for l in 0..LANES {
                let ([below, slope_below], [above, slope_above]) =
                    ([sums.below[0][l], sums.below[1][l]], [sums.above[0][l], sums.above[1][l]]);
                let f = 1.0 / self.rho + (below + above);
                from[l] = pick(f < 0.0, tau[l], from[l]);
                to[l] = pick(f < 0.0, to[l], tau[l]);
                let (left, right) = ((low[l] - sigma[l]) - tau[l], (high[l] - sigma[l]) - tau[l]);
                let slope = slope_below + slope_above;
                let c = f - left * slope_below - right * slope_above;
                let (a, b) = ((left + right) * f - left * right * slope, left * right * f);
                let root = (a * a - 4.0 * b * c).abs().sqrt();
                let step = pick(a > 0.0, 2.0 * b / (a + root), (a - root) / (2.0 * c));
                let step = pick(f * step < 0.0, step, -f / slope);
                let next = tau[l] + step;
                let inside = next >= from[l] && next <= to[l] && next != 0.0;
                let next = pick(inside, next, (from[l] + to[l]) * 0.5);
                let near = (next - tau[l]).abs() <= self.small * next.abs();
                tau[l] = pick(found[l], tau[l], next);
                found[l] |= near;
            }
            if found == [true; LANES] {
                break;
            }
        }
        (sigma, tau)
    }

    /// The sums of f at σ + τ, for the roots from number `first`.
    #[inline(always)]
    fn sums(self, first: usize, sigma: Lanes, tau: Lanes) -> Sums {
        let mut sums = Sums::default();
        let quads = |from: usize, to: usize| {
            let (poles, _) = self.poles[from..to].as_chunks::<4>();
            let (squares, _) = self.squares[from..to].as_chunks::<4>();
            poles.iter().zip(squares)
        };
        for (poles, squares) in quads(0, first) {
            for (q, inverse) in inverses(poles, sigma, tau).iter().enumerate() {
                for (l, inverse) in inverse.iter().enumerate() {
                    let term = squares[q] * inverse;
                    sums.below[0][l] += term;
                    sums.below[1][l] += term * inverse;
                }
            }
        }
        for ((poles, squares), start) in quads(first, first + LANES).zip([0, 4]) {
            for (q, inverse) in inverses(poles, sigma, tau).iter().enumerate() {
                for (l, inverse) in inverse.iter().enumerate() {
                    let term = squares[q] * inverse;
                    let (low, high) = (pick(start + q <= l, term, 0.0), pick(start + q <= l, 0.0, term));
                    sums.below[0][l] += low;
                    sums.below[1][l] += low * inverse;
                    sums.above[0][l] += high;
                    sums.above[1][l] += high * inverse;
                }
            }
        }
        for (poles, squares) in quads(first + LANES, self.poles.len()) {
            for (q, inverse) in inverses(poles, sigma, tau).iter().enumerate() {
                for (l, inverse) in inverse.iter().enumerate() {
                    let term = squares[q] * inverse;
                    sums.above[0][l] += term;
                    sums.above[1][l] += term * inverse;
                }
            }
        }
        sums
    }
}

/// 1/((d − σ) − τ) for four poles d.
#[inline(always)]
fn inverses(poles: &[f64; 4], sigma: Lanes, tau: Lanes) -> [Lanes; 4] {
    let mut out = [[0.0; LANES]; 4];
    for l in 0..LANES {
        let (a, b) = ((poles[0] - sigma[l]) - tau[l], (poles[1] - sigma[l]) - tau[l]);
        let (c, d) = ((poles[2] - sigma[l]) - tau[l], (poles[3] - sigma[l]) - tau[l]);
        let (ab, cd) = (a * b, c * d);
        let inverse = 1.0 / (ab * cd);
        let (of_ab, of_cd) = (inverse * cd, inverse * ab);
        out[0][l] = of_ab * b;
        out[1][l] = of_ab * a;
        out[2][l] = of_cd * d;
        out[3][l] = of_cd * c;
    }
    out
}

/// The |z_i| for which the given λ = σ + τ are the eigenvalues of diag(d) + z zᵀ to the last bit:
///
/// ```text
/// z_i² = Π_j (λ_j − d_i) / Π_{j≠i} (d_j − d_i)
/// ```
///
/// Eigenvectors z_i/(d_i − λ) that are computed with these are orthogonal even where eigenvalues are close (Gu and
/// Eisenstat, *A Stable and Efficient Algorithm for the Rank-One Modification of the Symmetric Eigenproblem*, SIAM J.
/// Matrix Anal. Appl. 15, 1994). `poles` and `out` are padded as those of [`Secular`] are.
#[inline(always)]
pub(super) fn matching_z(poles: &[f64], sigma: &[f64], tau: &[f64], out: &mut [f64]) {
    let (runs, _) = poles.as_chunks::<LANES>();
    let (outs, _) = out.as_chunks_mut::<LANES>();
    let all = sigma.iter().zip(tau).zip(poles);
    for (d, out) in runs.iter().zip(outs) {
        let mut product = [1.0; LANES];
        let (mut above, mut below) = ([1.0; LANES], [1.0; LANES]);
        for (j, ((&sigma, &tau), &pole)) in all.clone().enumerate() {
            for l in 0..LANES {
                let gap = pole - d[l];
                above[l] *= (sigma - d[l]) + tau;
                below[l] *= pick(gap == 0.0, 1.0, gap);
            }
            // One division for four factors, which do not underflow.
            if j % 4 == 3 {
                for l in 0..LANES {
                    product[l] *= above[l] / below[l];
                }
                (above, below) = ([1.0; LANES], [1.0; LANES]);
            }
        }
        *out = lanes(|l| (product[l] * (above[l] / below[l])).abs().sqrt());
    }
}

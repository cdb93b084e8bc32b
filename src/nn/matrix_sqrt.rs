//! The square root of symmetric positive semi-definite matrices as a layer, three ways.
//!
//! With A = V diag(λ) Vᵀ, Z = A^½ = V diag(√λ) Vᵀ. The gradient is the same however it is found, but not its rounding:
//!
//! | | forward | backward | divides by |
//! |---|---|---|---|
//! | [`Eigh`](MatrixSqrt::Eigh) | eigenvalues and vectors | the tape's, through V and λ | λ_i − λ_j |
//! | [`Lyapunov`](MatrixSqrt::Lyapunov) | the same | the dA with Z dA + dA Z = dZ | √λ_i + √λ_j |
//! | [`NewtonSchulz`](MatrixSqrt::NewtonSchulz) | products | the recursion back, or the tape's | nothing |
//!
//! Where eigenvalues are nearly equal, the first divides rounding errors by almost nothing; where two are equal to the
//! last bit, it has no gradient for what would turn their vectors into each other. The second has neither problem (Lin
//! and Maji, arXiv 1707.06772; the first: Ionescu et al., arXiv 1509.07838).

use std::{fmt, ops::Sub, str::FromStr};

use super::{Layer, NewtonSchulz, Norm};
use crate::{Error, Result, Var, dispatch};

/// Side of the squares that are compared with each other.
const SIDE: usize = 16;

/// A^½ for symmetric positive semi-definite matrices `[.., n, n]`.
///
/// At a **rank-deficient** matrix the true gradient is unbounded. In exact arithmetic `Eigh` and `Lyapunov` give 0 for
/// the part between null vectors, and `NewtonSchulz` a number bounded by (3/2)ᵏ/√s. With rounding the null eigenvalues
/// are small numbers instead, the gradients are large and mean nothing. Add ε to the eigenvalues first, as
/// [`BilinearPooling`](super::BilinearPooling) does. A matrix of **zeros** has the root 0 and the gradient 0.
///
/// Its names, as `to_string` writes them and `parse` reads them: `eigh`, `lyapunov`, `newton:5` (five steps from A
/// divided by its Frobenius norm), `newton-trace:5` (by its trace).
///
/// ```
/// use wengert::{Tape, nn::{Layer, MatrixSqrt}};
/// let tape = Tape::f64();
/// let a = tape.leaf([[4.0, 0.0], [0.0, 9.0]]);
/// for name in ["eigh", "lyapunov", "newton:12"] {
///     let root = name.parse::<MatrixSqrt>()?.forward(a);
///     let gradients = root.trace().backward()?; // the derivative of √λ is 1/(2 √λ)
///     let [root, da] = [root.value(), gradients.wrt(a)?.clone()].map(|m| [m.at(&[0, 0]), m.at(&[1, 1])]);
///     assert!((root[0] - 2.0).abs() + (root[1] - 3.0).abs() < 1e-12);
///     assert!((da[0] - 1.0 / 4.0).abs() + (da[1] - 1.0 / 6.0).abs() < 1e-12);
/// }
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Panics
/// `forward` panics with [`Error::Shape`] when the matrices are not square, and with [`Error::Matrix`] when one of
/// them holds a number that is not finite, is not symmetric (to within the root of the precision times its largest
/// number), or has a negative eigenvalue. `NewtonSchulz` computes no eigenvalues and refuses only a negative diagonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixSqrt {
    /// Eigenvalues and eigenvectors, and the tape's own derivative of both.
    Eigh,
    /// Eigenvalues and eigenvectors, and the gradient from Lyapunov's equation: [`Var::symmetric_sqrt`].
    Lyapunov,
    /// Products alone.
    NewtonSchulz(NewtonSchulz),
}

impl Layer for MatrixSqrt {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        check(x);
        match self {
            MatrixSqrt::Eigh => by_eigh(x),
            MatrixSqrt::Lyapunov => x.symmetric_sqrt(),
            MatrixSqrt::NewtonSchulz(steps) => {
                x.tape().apply(*steps, &[x]).unwrap_or_else(|error| panic!("{error}"))[0]
            }
        }
    }
}

/// V diag(√λ) Vᵀ. An eigenvalue of 0, or negative through rounding, has the root 0 and the gradient 0.
#[track_caller]
fn by_eigh(x: Var<'_>) -> Var<'_> {
    let (values, vectors) = x.eigh();
    let n = values.shape().last().copied().unwrap_or(0);
    let found = values.value().to_vec();
    let limit = |largest: f64| -largest * 8.0 * n as f64 * x.dtype().epsilon();
    let negative = |row: &[f64]| row.iter().any(|&v| v < limit(row.iter().fold(0.0, |m, v| m.max(v.abs()))));
    if let Some(index) = found.chunks(n.max(1)).position(negative) {
        fail(x, index, "has a negative eigenvalue, so it has no real root");
    }
    let none = values.le(0.0);
    let roots = none.select(0.0, none.select(1.0, values).sqrt());
    (vectors * roots.unsqueeze(-2)).matmul(vectors.transpose(-2, -1))
}

/// Panics for the first matrix of a batch that can have no root, as far as its entries show.
#[track_caller]
fn check(x: Var<'_>) {
    let shape = x.shape();
    let n = match *shape.dims() {
        [.., n, m] if n == m => n,
        _ => {
            let error = Error::shape("matrix_sqrt", &[&shape], "square matrices [.., n, n] are needed");
            panic!("{}", x.tape().locate(error))
        }
    };
    let (value, rounding) = (x.value(), x.dtype().epsilon().sqrt());
    let fault = dispatch!(x.dtype(), T => {
        let all: &[T] = value.as_slice().expect("the precision was just looked up");
        let mut each = all.chunks_exact((n * n).max(1)).enumerate();
        each.find_map(|(index, a)| fault(a, n, rounding).map(|fault| (index, fault)))
    });
    if let Some((index, fault)) = fault {
        fail(x, index, fault);
    }
}

/// Why a matrix `[n, n]` can have no root; what is less than `rounding` times its largest number counts as 0.
fn fault<T>(a: &[T], n: usize, rounding: f64) -> Option<&'static str>
where
    T: Copy + Default + PartialOrd + Sub<Output = T> + Into<f64>,
{
    let zero = T::default();
    let larger = |x: T, y: T| if x > y { x } else { y };
    let apart = |x: T, y: T| larger(x - y, y - x);
    // What is NaN or infinite is not 0 less itself.
    #[expect(clippy::eq_op, reason = "a comparison that vectors can make, without a conversion to f64")]
    let finite = |x: T| x - x == zero;
    if !a.chunks(n.max(1)).all(|row| row.iter().fold(true, |all, &x| all & finite(x))) {
        return Some("holds a number that is NaN or infinite");
    }
    // As many side by side as vectors have numbers.
    let (mut largest, (runs, rest)) = ([zero; SIDE], a.as_chunks::<SIDE>());
    for run in runs {
        largest.iter_mut().zip(run).for_each(|(most, &x)| *most = larger(*most, apart(x, zero)));
    }
    let largest = largest.iter().chain(rest).fold(zero, |most, &x| larger(most, apart(x, zero)));
    let rounding = rounding * largest.into();
    // Square by square, for a column of a large matrix lies all over the memory.
    let mut skew = [zero; SIDE];
    for (top, left) in (0..n).step_by(SIDE).flat_map(|top| (0..=top).step_by(SIDE).map(move |left| (top, left))) {
        let columns = SIDE.min(n - left);
        for i in top..n.min(top + SIDE) {
            let row = &a[i * n + left..][..columns];
            let column = a[left * n + i..].iter().step_by(n);
            row.iter().zip(column).zip(&mut skew).for_each(|((&x, &y), most)| *most = larger(*most, apart(x, y)));
        }
    }
    if skew.into_iter().any(|skew| skew.into() > rounding) {
        return Some("is not symmetric");
    }
    (0..n)
        .any(|i| a[i * n + i].into() < -rounding)
        .then_some("has a negative diagonal, so it is not positive semi-definite")
}

/// Panics with the error of the matrix `index`.
#[track_caller]
fn fail(x: Var<'_>, index: usize, fault: &'static str) -> ! {
    let error = Error::Matrix { op: "matrix_sqrt".into(), index, shape: x.shape(), fault, scope: String::new() };
    panic!("{}", x.tape().locate(error))
}

impl fmt::Display for MatrixSqrt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MatrixSqrt::Eigh => f.write_str("eigh"),
            MatrixSqrt::Lyapunov => f.write_str("lyapunov"),
            MatrixSqrt::NewtonSchulz(newton) => write!(f, "{newton}"),
        }
    }
}

impl FromStr for MatrixSqrt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::setting("matrix_sqrt", "method", format!("`{text}`"), NAMES);
        let newton = |steps: &str| NewtonSchulz::new(steps.parse().map_err(|_| unknown())?);
        match text.split_once(':') {
            None if text == "eigh" => Ok(MatrixSqrt::Eigh),
            None if text == "lyapunov" => Ok(MatrixSqrt::Lyapunov),
            Some(("newton", steps)) => newton(steps).map(MatrixSqrt::NewtonSchulz),
            Some(("newton-trace", steps)) => Ok(MatrixSqrt::NewtonSchulz(newton(steps)?.norm(Norm::Trace))),
            _ => Err(unknown()),
        }
    }
}

const NAMES: &str = "`eigh`, `lyapunov`, `newton:K` or `newton-trace:K`, where K is the number of steps";

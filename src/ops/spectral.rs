//! Eigenvalues of symmetric matrices and singular values.
//!
//! An operation that finds both values and vectors writes them into one tensor, one below the other; its parts are
//! slices of it. So one rule sees all upstream gradients, and the rest of the engine needs no special case.
//!
//! - A = V diag(λ) Vᵀ: dA = V (diag(dλ) + F ∘ Vᵀ dV) Vᵀ, with f_ij = 1/(λ_j − λ_i) (Giles, 2008), of which the symmetric
//!   part counts. One kernel computes it; when the gradient is recorded, it is written in tape algebra.
//! - A = U diag(s) Vᵀ: with f_ij = 1/(s_j² − s_i²), skew(M) = M − Mᵀ and S = diag(s),
//!   dA = U (F ∘ skew(Uᵀ dU) S + S F ∘ skew(Vᵀ dV) + diag(ds)) Vᵀ + (I − U Uᵀ) dU S⁻¹ Vᵀ + U S⁻¹ dVᵀ (I − V Vᵀ)
//!   (Townsend, Differentiating the singular value decomposition, 2016).
//!
//! Vectors of equal values are not determined and have no derivative: where a difference is 0, f_ij counts as 0. That
//! is correct for every function that depends only on the values, or on the space that such vectors span. The sign of a
//! vector is arbitrary too: a loss should not depend on it.

use super::{
    formula::Formula,
    matrices::{batch, square, with_matrix},
    op::{Grads, Op, Vjp},
    sample::{Sample, Sampled, numbers},
    twins::twin,
};
use crate::{
    error::{Error, Result},
    kernels::linalg,
    tape::{Saved, Var},
    tensor::{Shape, Tensor},
};

/// What is wrong with the input of an iterative decomposition.
pub(super) const NOT_FINITE: &str = "holds a number that is NaN or infinite, so it has no decomposition";

/// 1/x, and 0 where x is 0.
fn recip_or_zero(x: Var<'_>) -> Var<'_> {
    let zero = x.eq(0.0);
    zero.select(0.0, zero.select(1.0, x).recip())
}

/// 1/(v_j − v_i) for values v `[.., n]`, 0 where they are equal: `[.., n, n]`.
fn gaps(values: Var<'_>) -> Var<'_> {
    recip_or_zero(values.unsqueeze(-2) - values.unsqueeze(-1))
}

#[track_caller]
pub(super) fn transposed(x: Var<'_>) -> Var<'_> {
    x.transpose(-2, -1)
}

/// Rows `start..start + len` of matrices.
#[track_caller]
fn rows(x: Var<'_>, start: usize, len: usize) -> Result<Var<'_>> {
    x.try_narrow(-2, start, len)
}

/// Row `at` of matrices, as vectors.
#[track_caller]
fn row(x: Var<'_>, at: usize) -> Result<Var<'_>> {
    let shape = x.shape();
    rows(x, at, 1)?.try_reshape(with_matrix(&shape, &shape[shape.rank() - 1..]))
}

/// The eigenvalues, ascending, above the eigenvectors, which are the columns of V: `[.., n + 1, n]`.
pub(super) struct Eigh;

impl Op for Eigh {
    fn name(&self) -> &str {
        "eigh"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let dx =
            r"\operatorname{sym}\left(V (\operatorname{diag}(\bar \lambda) + F \odot (V^\top \bar V)) V^\top\right)";
        Some(Formula::new(r"(\lambda, V), x = V \operatorname{diag}(\lambda) V^\top", [dx]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        square("eigh", x[0]).map(|n| with_matrix(x[0], &[n + 1, n]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let n = square("eigh", x[0].shape())?;
        batch!(self, x[0], shape, NOT_FINITE, |T, out| linalg::eigh(x[0].data::<T>(), n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let shape = at.x[0].shape();
        let n = square("eigh", &shape)?;
        if !at.recorded {
            let (z, dz) = (at.z.value(), at.dz.value());
            let dx = batch!(self, z, shape, NOT_FINITE, |T, out| {
                linalg::eigh_grad(z.data::<T>(), dz.data::<T>(), n, out)
            })?;
            return Ok(Grads::from_iter([Some(at.tape().constant(dx))]));
        }
        let (values, v) = (row(at.z, 0)?, rows(at.z, 1, n)?);
        let (dvalues, dv) = (row(at.dz, 0)?, rows(at.dz, 1, n)?);
        let inner = dvalues.diag_embed() + gaps(values) * v.product(true, dv, false)?;
        let whole = v.product(false, inner.product(false, v, true)?, false)?;
        Ok(Grads::from_iter([Some((whole + transposed(whole)) * 0.5)]))
    }
}

/// Matrices `[2, m, n]` whose eigenvalues and singular values are well separated.
fn spread(m: usize, n: usize) -> Tensor {
    let small = numbers([2, m, n], -0.5, 0.5, 1).to_vec();
    let diagonal = |i: usize| if i / n % m == i % n { (1 + 2 * (i % n)) as f64 } else { 0.0 };
    Tensor::from_fn([2, m, n], crate::DType::F64, |i| small[i] + diagonal(i))
}

impl Sampled for Eigh {
    fn samples() -> Vec<Sample> {
        let input = || vec![spread(3, 3)];
        vec![
            Sample::new("eigvalsh", input(), |x| x[0].eigvalsh()),
            Sample::new("eigh, the squares of the vectors", input(), |x| x[0].eigh().1.square()),
        ]
    }
}

/// U above s above V: `[.., m + 1 + n, k]`.
pub(super) struct Svd;

/// The rows and columns of matrices.
fn sizes(x: &Shape) -> Result<[usize; 2]> {
    match x.dims() {
        &[.., m, n] => Ok([m, n]),
        _ => Err(Error::shape("svd", &[x], "matrices [.., m, n] are needed")),
    }
}

impl Op for Svd {
    fn name(&self) -> &str {
        "svd"
    }

    fn formula(&self, _: usize) -> Option<Formula> {
        let inner =
            r"F \odot \operatorname{skew}(U^\top \bar U) S + S F \odot \operatorname{skew}(V^\top \bar V) + \bar S";
        let outside = r"(I - U U^\top) \bar U S^{-1} V^\top + U S^{-1} \bar V^\top (I - V V^\top)";
        let dx = format!(r"U \left({inner}\right) V^\top + {outside}");
        Some(Formula::new(r"(U, S, V), x = U S V^\top", [dx]))
    }

    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        sizes(x[0]).map(|[m, n]| with_matrix(x[0], &[m + 1 + n, m.min(n)]))
    }

    fn forward(&self, x: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        let [m, n] = sizes(x[0].shape())?;
        batch!(self, x[0], shape, NOT_FINITE, |T, out| linalg::svd(x[0].data::<T>(), m, n, out))
    }

    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let [m, n] = sizes(&at.x[0].shape())?;
        let parts = |packed| Ok::<_, Error>((rows(packed, 0, m)?, row(packed, m)?, rows(packed, m + 1, n)?));
        let ((u, s, v), (du, ds, dv)) = (parts(at.z)?, parts(at.dz)?);
        let (across, down) = (s.unsqueeze(-2), s.unsqueeze(-1));
        let gaps = gaps(s.square());
        let skew = |a: Var<'t>, da: Var<'t>| {
            let product = a.product(true, da, false)?;
            Ok::<_, Error>(gaps * (product - transposed(product)))
        };
        // The part of `da` that the columns of `a` do not span, divided by s.
        let outside = |a: Var<'t>, da: Var<'t>| {
            let rest = da - a.product(false, a.product(true, da, false)?, false)?;
            Ok::<_, Error>(rest * recip_or_zero(across))
        };
        let inner = skew(u, du)? * across + skew(v, dv)? * down + ds.diag_embed();
        let left = u.product(false, inner, false)? + outside(u, du)?;
        let dx = left.product(false, v, true)? + u.product(false, outside(v, dv)?, true)?;
        Ok(Grads::from_iter([Some(dx)]))
    }
}

impl Sampled for Svd {
    fn samples() -> Vec<Sample> {
        let input = |m, n| vec![spread(m, n)];
        vec![
            Sample::new("singular_values", input(2, 3), |x| x[0].singular_values()),
            Sample::new("svd, the squares of U", input(3, 2), |x| x[0].svd().0.square()),
            Sample::new("svd, the squares of V", input(3, 2), |x| x[0].svd().2.square()),
            Sample::new("svd, U Vᵀ", input(2, 3), |x| {
                let (u, _, v) = x[0].svd();
                u.matmul(transposed(v))
            }),
        ]
    }
}

impl<'t> Var<'t> {
    twin!(
        /// The eigenvalues of each symmetric matrix `[.., n, n]`, ascending: `[.., n]`. It reads (A + Aᵀ)/2.
        ///
        /// ```
        /// let tape = wengert::Tape::f64();
        /// let a = tape.leaf([[2.0, 1.0], [1.0, 2.0]]);
        /// let values = a.eigvalsh();
        /// assert!((values.value().at(&[0]) - 1.0).abs() < 1e-12 && (values.value().at(&[1]) - 3.0).abs() < 1e-12);
        /// ```
        #[or_panic(eigvalsh)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] for numbers that are not finite.
        pub fn try_eigvalsh(self) -> Result<Var<'t>> {
            self.try_eigh().map(|parts| parts.0).map_err(|error| error.called("eigvalsh"))
        }
    );

    twin!(
        /// The singular values of each matrix `[.., m, n]`, descending: `[.., min(m, n)]`.
        #[or_panic(singular_values)]
        /// [`Error::Shape`] for fewer than two axes, [`Error::Matrix`] for numbers that are not finite.
        pub fn try_singular_values(self) -> Result<Var<'t>> {
            self.try_svd().map(|parts| parts.1).map_err(|error| error.called("singular_values"))
        }
    );

    twin!(
        /// The eigenvalues λ `[.., n]`, ascending, and the eigenvectors V `[.., n, n]`, one per column, of each
        /// symmetric matrix `[.., n, n]`: A = V diag(λ) Vᵀ. It reads (A + Aᵀ)/2.
        ///
        /// The sign of an eigenvector is arbitrary, and eigenvectors of equal eigenvalues are not determined: a loss
        /// should depend on neither.
        #[or_panic(eigh)]
        /// [`Error::Shape`] when the matrices are not square, [`Error::Matrix`] for numbers that are not finite.
        pub fn try_eigh(self) -> Result<(Var<'t>, Var<'t>)> {
            let packed = self.tape().builtin(Eigh, &[self])?;
            Ok((row(packed, 0)?, rows(packed, 1, *self.shape().last().expect("matrices have columns"))?))
        }
    );

    twin!(
        /// U `[.., m, k]`, the singular values s `[.., k]`, descending, and V `[.., n, k]` of each matrix `[.., m, n]`,
        /// with k = min(m, n): A = U diag(s) Vᵀ.
        ///
        /// The common sign of a column of U and V is arbitrary, and columns of equal singular values are not
        /// determined: a loss should depend on neither.
        #[or_panic(svd)]
        /// [`Error::Shape`] for fewer than two axes, [`Error::Matrix`] for numbers that are not finite.
        pub fn try_svd(self) -> Result<(Var<'t>, Var<'t>, Var<'t>)> {
            let packed = self.tape().builtin(Svd, &[self])?;
            let [m, n] = sizes(&self.shape())?;
            Ok((rows(packed, 0, m)?, row(packed, m)?, rows(packed, m + 1, n)?))
        }
    );
}

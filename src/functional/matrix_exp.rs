//! The exponential of matrices, eᴬ = Σ Aᵏ / k!.
//!
//! By scaling and squaring (Higham, The scaling and squaring method for the matrix exponential revisited, 2005): eᴬ =
//! (e^(A/2ˢ))^(2ˢ), with s such that the 1-norm of A/2ˢ is at most 5.37, where the Padé approximation r(A) = (V − U)⁻¹
//! (V + U) of degree 13 is exact in double precision. U holds the odd powers of A and V the even ones.

use super::composition::composition;
use crate::{
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::Tensor,
};

/// The coefficients of the powers 0 to 13.
const PADE: [f64; 14] = [
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
];

/// The largest norm at which the approximation is exact.
const LARGEST: f64 = 5.371_920_351_148_152;

composition!(
    /// The matrix exponential of each matrix `[.., n, n]`.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let turn = tape.leaf([[0.0, -1.0], [1.0, 0.0]]).matrix_exp().value();    // by 1 radian
    /// assert!((turn.at(&[0, 0]) - 1f64.cos()).abs() < 1e-15 && (turn.at(&[1, 0]) - 1f64.sin()).abs() < 1e-15);
    /// ```
    #[or_panic(matrix_exp)]
    /// [`Error::Shape`](crate::Error::Shape) when the matrices are not square.
    pub fn try_matrix_exp(self) -> Result<Var<'t>> {
        let shape = self.shape();
        let &[.., n, columns] = shape.dims() else {
            return Err(self.shape_error("matrix_exp", &[&shape], "square matrices [.., n, n] are needed"));
        };
        if n != columns {
            return Err(self.shape_error("matrix_exp", &[&shape], "square matrices [.., n, n] are needed"));
        }
        if shape.numel() == 0 {
            return Ok(self);
        }
        let norm = self.numbers("matrix_exp")?.chunks(n * n).map(|a| largest_column(a, n)).fold(0.0, f64::max);
        // An infinite or NaN entry has no exponential, however often it is halved.
        let halvings = if norm > LARGEST && norm.is_finite() { (norm / LARGEST).log2().ceil() as i32 } else { 0 };
        let a = self * 0.5f64.powi(halvings);
        let square = |x: Var<'t>| x.product(false, x, false);
        let a2 = square(a)?;
        let (a4, one) = (square(a2)?, self.tape().constant(Tensor::eye(n, self.dtype())));
        let a6 = a4.product(false, a2, false)?;
        // The powers 12, 10 and 8 with these coefficients, times 1 or A; then 6, 4, 2 and 0.
        let polynomial = |c: [f64; 7]| {
            let high = a6.product(false, a6 * c[6] + a4 * c[5] + a2 * c[4], false)?;
            Ok::<_, crate::Error>(high + a6 * c[3] + a4 * c[2] + a2 * c[1] + one * c[0])
        };
        let odd = a.product(false, polynomial([1, 3, 5, 7, 9, 11, 13].map(|k| PADE[k]))?, false)?;
        let even = polynomial([0, 2, 4, 6, 8, 10, 12].map(|k| PADE[k]))?;
        let mut exponential = (even - odd).try_solve(even + odd)?;
        for _ in 0..halvings {
            exponential = square(exponential)?;
        }
        Ok(exponential)
    },
    [
        Sample::new("matrix_exp", vec![numbers([2, 3, 3], -1.0, 1.0, 1)], |x| x[0].matrix_exp()),
        Sample::new("matrix_exp, halved", vec![numbers([2, 2], -4.0, 4.0, 1)], |x| x[0].matrix_exp()),
    ]
);

/// The 1-norm: the largest sum of the sizes in a column.
fn largest_column(a: &[f64], n: usize) -> f64 {
    (0..n).map(|column| a.iter().skip(column).step_by(n).map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max)
}

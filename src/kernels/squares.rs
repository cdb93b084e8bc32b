//! Kernels of 3 x 3 by squares of 2 x 2 outputs: 16 products in place of 36.
//!
//! Winograd's F(2 x 2, 3 x 3) (Lavin & Gray 2015, arXiv 1509.09308) finds a square of outputs y as Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A from
//! a kernel g and the square d of 4 x 4 numbers that it sees. Along one axis, Bᵀd is d₀ - d₂, d₁ + d₂, d₂ - d₁, d₃ - d₁, and Gg is
//! g₀, (g₀ + g₁ + g₂) / 2, (g₀ - g₁ + g₂) / 2, g₂; Aᵀm is m₀ + m₁ + m₂, m₁ - m₂ + m₃. The 16 numbers that are multiplied are
//! *phases* of the kernel and of the image.
//!
//! [`outputs`] has the outputs, and so dx, [`weight`] the weight gradient.

mod outputs;
mod weight;

use super::{
    Real,
    vector::{Vector, Vectors},
};
pub(super) use outputs::Outputs;
use pulp::Simd;
pub(super) use weight::Weight;

/// Products of a square: four along each axis.
const PHASES: usize = 16;
/// Numbers of the widest vector.
const LANES: usize = 16;

/// Bᵀ of four vectors.
#[inline(always)]
fn of_image<T: Real, S: Simd>(
    vectors: Vectors<T, S>,
    a: Vector<T, S>,
    b: Vector<T, S>,
    c: Vector<T, S>,
    d: Vector<T, S>,
) -> [Vector<T, S>; 4] {
    [vectors.sub(a, c), vectors.add(b, c), vectors.sub(c, b), vectors.sub(d, b)]
}

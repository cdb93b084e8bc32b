//! What the unit tests of the kernels share.

use super::Real;

/// `len` numbers in [-1, 1), the same for the same seed (a linear congruential generator).
pub fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..len).map(|_| T::of(next())).collect()
}

/// A size from `least` to `most` for a number in [-1, 1).
pub fn size(random: f64, least: usize, most: usize) -> usize {
    least + ((random + 1.0) / 2.0 * (most - least + 1) as f64) as usize
}

/// Asserts that every number is within `tolerance` (relative to 1 + |want|) of the wanted one, and NaN where that is
/// NaN.
#[track_caller]
pub fn close<T: Real>(got: &[T], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "the lengths differ");
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let g = g.to_f64();
        let same = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * (1.0 + w.abs());
        assert!(same, "element {i} is {g}, not {w}");
    }
}

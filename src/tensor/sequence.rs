//! Numbers without a pattern that are the same in every run: multiples of the golden ratio, modulo 1.
//!
//! Of all ratios it is the one that fractions approach worst, so any stretch of the sequence is spread evenly over
//! 0 to 1, and no number comes twice.

/// Number `i` of the sequence that begins at `start`.
pub(crate) fn golden(i: usize, start: f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    (i as f64 * RATIO + start).fract()
}

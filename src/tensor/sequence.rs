//! Numbers without a pattern, the same in every run: multiples of the golden ratio, modulo 1.
//!
//! Of all ratios it is the hardest to approximate by fractions, so any stretch of the sequence is spread evenly over 0
//! to 1, and no number occurs twice.

/// Number `i` of the sequence that begins at `start`.
pub(crate) fn golden(i: usize, start: f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    (i as f64 * RATIO + start).fract()
}

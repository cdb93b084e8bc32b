//! Angles of points and their slopes, in all quadrants, at zeros and infinities, and where squares leave the range.

use super::*;

const COORDINATES: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.4,
    -2.6,
    1e-25,
    -1e25,
    1e-45,
    -1e-38,
    3e38,
    -3e38,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1.000_000_1,
];

/// Pairs of those, and of random numbers.
fn points() -> Vec<(f64, f64)> {
    let of_both = COORDINATES.into_iter().flat_map(|y| COORDINATES.map(|x| (y, x)));
    let random = doubles(200_000);
    of_both.chain(random.chunks(2).map(|pair| (pair[0], pair[1]))).collect()
}

#[test]
fn angles_of_points_in_all_quadrants_and_at_their_limits() {
    for (y, x) in points() {
        let (got, want) = (y.arctan2(x), y.atan2(x));
        assert!(ulps_double(got, want) <= 2, "angle of y {y:e}, x {x:e}: {got:e}, not {want:e}");
        let (y, x) = (y as f32, x as f32);
        let (got, want) = (y.arctan2(x), f64::from(y).atan2(x.into()));
        assert!(ulps_single(got, want) <= 0.57, "angle of y {y:e}, x {x:e}: {got:e}, not {want:e}");
    }
}

#[test]
fn slopes_of_angles_where_squares_leave_the_range() {
    for (a, b) in points() {
        let (a, b) = (a as f32, b as f32);
        let (wide_a, wide_b) = (f64::from(a), f64::from(b));
        let infinite = a.is_infinite() && !b.is_nan() || b.is_infinite() && !a.is_nan();
        let want = if infinite { 0.0 } else { wide_b / (wide_a * wide_a + wide_b * wide_b) };
        let got = a.atan2_slope_(b);
        assert!(infinite && got == 0.0 || ulps_single(got, want) <= 3.0, "{a:e}, {b:e}: {got:e}, not {want:e}");
    }
    for size in [1e-300f64, 1e-180, 1e-30, 1.0, 1e150, 1e300] {
        let (got, want) = ((2.0 * size).atan2_slope_(size), 0.2 / size);
        assert!((got - want).abs() <= 1e-15 * want, "{got:e}, not {want:e}");
    }
}

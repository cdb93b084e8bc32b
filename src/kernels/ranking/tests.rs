//! Orders and extremes against a stable sort, over numbers with ties, zeros of both signs, infinities and NaN.

use super::*;
use std::cmp::Ordering;

/// Ascending, NaN last.
fn ascending(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn numbers(count: usize, kinds: usize) -> Vec<f64> {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -f64::NAN];
    let number = |i: usize| {
        let drawn = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        match drawn % 29 {
            0 => special[drawn / 29 % special.len()],
            _ => (drawn % kinds) as f64 / 8.0 - kinds as f64 / 16.0,
        }
    };
    (0..count).map(number).collect()
}

const SIZES: [[usize; 3]; 10] = [
    [1, 1, 1],
    [3, 7, 1],
    [2, 300, 1],
    [40, 1000, 1],
    [1, 5, 3],
    [2, 90, 5],
    [1, 40, 100],
    [3, 64, 33],
    [1, 30_000, 3],
    [0, 4, 2],
];

fn places(x: &[f64], [outer, len, inner]: [usize; 3], descending: bool) -> Vec<Vec<usize>> {
    let lines = (0..outer * inner).map(|line| (line / inner * len * inner + line % inner, inner));
    let sorted = lines.map(|(first, step)| {
        let at = |i: usize| x[first + i * step];
        let mut order: Vec<usize> = (0..len).collect();
        order.sort_by(|&a, &b| if descending { ascending(at(b), at(a)) } else { ascending(at(a), at(b)) });
        order
    });
    sorted.collect()
}

fn check<T: Ranked>(kinds: usize) {
    for sizes @ [outer, len, inner] in SIZES {
        let x: Vec<T> = numbers(outer * len * inner, kinds).into_iter().map(T::of).collect();
        let wide: Vec<f64> = x.iter().map(|x| x.to_f64()).collect();
        for descending in [false, true] {
            let want = places(&wide, sizes, descending);
            for k in [0, 1, 2, 5, 20, len / 5, len / 2, len].into_iter().filter(|&k| k <= len) {
                let mut out = vec![usize::MAX; outer * k * inner];
                T::first_of(&x, sizes, k, descending, &mut out);
                for (line, want) in want.iter().enumerate() {
                    let first = line / inner * k * inner + line % inner;
                    let got: Vec<usize> = (0..k).map(|i| out[first + i * inner]).collect();
                    assert_eq!(got, want[..k], "line {line} of {sizes:?}, first {k}, descending: {descending}");
                }
            }
        }
        for largest in [false, true] {
            let mut out = vec![usize::MAX; outer * inner];
            extremes(&x, sizes, largest, &mut out);
            for (line, got) in out.into_iter().enumerate() {
                let first = line / inner * len * inner + line % inner;
                let at = |i: usize| wide[first + i * inner];
                let want = (1..len).fold(0, |best, i| {
                    let (a, b) = (at(i), at(best));
                    if (if largest { a > b } else { a < b }) || (a.is_nan() && !b.is_nan()) { i } else { best }
                });
                assert_eq!(got, want, "line {line} of {sizes:?}, largest: {largest}");
            }
        }
    }
}

#[test]
fn the_first_and_the_extremes_are_those_of_a_stable_sort_in_single_precision() {
    check::<f32>(1 << 30);
    check::<f32>(20);
}

#[test]
fn the_first_and_the_extremes_are_those_of_a_stable_sort_in_double_precision() {
    check::<f64>(1 << 30);
    check::<f64>(20);
}

#[test]
fn long_keys_order_numbers_as_short_ones() {
    let (x, sizes): (Vec<f32>, _) = (numbers(900, 50).into_iter().map(|x| x as f32).collect(), [3, 300, 1]);
    let (mut short, mut long) = (vec![0; 900], vec![1; 900]);
    first::<f32, u64>(&x, sizes, 300, true, &mut short);
    first::<f32, u128>(&x, sizes, 300, true, &mut long);
    assert_eq!(short, long);
}

/// Every number beats those before it, so that all are kept for a while.
#[test]
fn the_first_of_numbers_in_the_worst_order_are_found() {
    let x: Vec<f32> = (0..1000u16).map(f32::from).collect();
    let mut out = vec![0; 7];
    f32::first_of(&x, [1, 1000, 1], 7, true, &mut out);
    assert_eq!(out, [999, 998, 997, 996, 995, 994, 993]);
}

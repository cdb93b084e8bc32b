//! Damage to a file: to any bytes, and to the numbers and names that a reader trusts.

use rand::{RngExt, rngs::StdRng};

/// What sizes, counts and positions are replaced by.
const NUMBERS: [u64; 12] =
    [0, 1, 2, 127, 255, 65_535, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, 1 << 53, u64::MAX >> 1, u64::MAX];

/// What stands in place of a part of a header written as text.
const WORDS: [&str; 14] = [
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "0.5",
    "null",
    "[]",
    "{}",
    "\"\"",
    "\"F32\"",
    "\"I64\"",
    "__metadata__",
    "\u{1f600}",
    "[[[[[[[[",
];

fn number(rng: &mut StdRng) -> u64 {
    NUMBERS[rng.random_range(0..NUMBERS.len())]
}

/// A part of a list of this length; empty only if the list is.
fn part(rng: &mut StdRng, len: usize) -> std::ops::Range<usize> {
    if len == 0 {
        return 0..0;
    }
    let start = rng.random_range(0..len);
    start..rng.random_range(start + 1..=len.min(start + 32))
}

/// Damages bytes in one to four places; most often near the start, where headers are.
pub fn bytes(rng: &mut StdRng, file: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..=4) {
        let reach = if rng.random_bool(0.6) { file.len().min(64) } else { file.len() };
        let range = part(rng, reach);
        match rng.random_range(0..8) {
            0 => file[range].iter_mut().take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
            1 => file[range].iter_mut().for_each(|byte| *byte = rng.random()),
            2 => file.truncate(range.start),
            3 => file.extend((0..rng.random_range(1..64)).map(|_| rng.random::<u8>())),
            4 => drop(file.drain(range)),
            5 => {
                let copy = file[range.clone()].to_vec();
                file.splice(range.end..range.end, copy);
            }
            6 => put(file, range.start, &number(rng).to_le_bytes()),
            _ => put(file, range.start / 4 * 4, &(number(rng) as u32).to_be_bytes()),
        }
    }
}

/// Overwrites what there is at a position.
fn put(file: &mut [u8], at: usize, with: &[u8]) {
    file.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = *with);
}

/// Damages a text: a number or a part of it becomes something else, or a part is left out or repeated.
pub fn text(rng: &mut StdRng, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digits: Vec<usize> = (0..chars.len()).filter(|&k| chars[k].is_ascii_digit()).collect();
    let range = match digits.get(rng.random_range(0..digits.len().max(1))) {
        Some(&at) if rng.random_bool(0.6) => {
            at..chars[at..].iter().position(|c| !c.is_ascii_digit()).map_or(chars.len(), |n| at + n)
        }
        _ => part(rng, chars.len()),
    };
    let old: String = chars[range.clone()].iter().collect();
    let new = match rng.random_range(0..4) {
        0 => number(rng).to_string(),
        1 => WORDS[rng.random_range(0..WORDS.len())].to_owned(),
        2 => String::new(),
        _ => old.repeat(2),
    };
    let piece = |range: &[char]| range.iter().collect::<String>();
    piece(&chars[..range.start]) + &new + &piece(&chars[range.end..])
}

/// Damages the header of a safetensors file, whose length is put right again.
pub fn header(rng: &mut StdRng, file: &mut Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let damaged = text(rng, std::str::from_utf8(&file[8..8 + length]).unwrap());
    file.splice(..8 + length, [&(damaged.len() as u64).to_le_bytes(), damaged.as_bytes()].concat());
}

/// Damages one number of a list.
pub fn value(rng: &mut StdRng, numbers: &mut [f64]) {
    if !numbers.is_empty() {
        let all =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0, 0.5, 1e300, 2f64.powi(53), f64::MIN_POSITIVE];
        numbers[rng.random_range(0..numbers.len())] = all[rng.random_range(0..all.len())];
    }
}

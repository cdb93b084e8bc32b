//! Order along an axis: the first k of each line of `x [outer, len, inner]`. [`extremes`] has the extreme of each line.
//!
//! **Keys.** A number and its place become one whole number, the *key*, that is the smaller the earlier the number comes. The
//! bits of a positive floating-point number are ordered like the number itself; those of a negative one are turned around, −0
//! counts as 0, and all NaN are alike and larger than infinity. For a descending order all bits are inverted. The place stands
//! below these bits, so that equal numbers keep their order and no two keys are equal: which way they are sorted is then of
//! no consequence.
//!
//! **The first k.** A line is read once. What comes before the last of the best k so far is kept, and whenever 2k are kept, the
//! k best of them are selected. Each selection takes time in proportion to 2k and follows k new ones at least, so a line takes time
//! in proportion to its length, plus that of sorting k. In a random order few are kept: about k (1 + ln(len / k)).
//!
//! Lines are shared out over threads, and each is put in order by itself.

mod extremes;

use super::{Real, parallel, scratch::with_scratch, simd};
pub use extremes::extremes;

/// A number with its place in a line, ordered by the number and then by the place.
pub trait Key<T>: Ord + Copy + Default + Send + Sync {
    /// The key of `x` at `place`.
    fn new(x: T, place: usize, descending: bool) -> Self;
    /// The place in the line.
    fn place(self) -> usize;
}

/// The bits of a number, ordered like the numbers.
macro_rules! ordered {
    ($x:ident, $T:ident, $Bits:ident, $descending:ident) => {{
        let bits = ($x + 0.0).to_bits();
        let sign: $Bits = 1 << ($Bits::BITS - 1);
        let turned = if bits & sign == 0 { bits | sign } else { !bits };
        let ordered = if $x.is_nan() { $Bits::MAX } else { turned };
        if $descending { !ordered } else { ordered }
    }};
}

/// Of a line of at most 2³² numbers.
impl Key<f32> for u64 {
    #[inline(always)]
    fn new(x: f32, place: usize, descending: bool) -> u64 {
        u64::from(ordered!(x, f32, u32, descending)) << 32 | place as u64
    }
    #[inline(always)]
    fn place(self) -> usize {
        (self & u64::from(u32::MAX)) as usize
    }
}

impl<T: Real> Key<T> for u128 {
    #[inline(always)]
    fn new(x: T, place: usize, descending: bool) -> u128 {
        let x = x.to_f64();
        u128::from(ordered!(x, f64, u64, descending)) << 64 | place as u128
    }
    #[inline(always)]
    fn place(self) -> usize {
        self as u64 as usize
    }
}

/// A number type with keys for lines of a length that memory holds.
pub trait Ranked: Real {
    /// [`first`] with the shortest keys for this length.
    fn first_of(x: &[Self], sizes: [usize; 3], k: usize, descending: bool, out: &mut [usize]);
}

impl Ranked for f32 {
    fn first_of(x: &[f32], sizes: [usize; 3], k: usize, descending: bool, out: &mut [usize]) {
        match u32::try_from(sizes[1]) {
            Ok(_) => first::<f32, u64>(x, sizes, k, descending, out),
            Err(_) => first::<f32, u128>(x, sizes, k, descending, out),
        }
    }
}

impl Ranked for f64 {
    fn first_of(x: &[f64], sizes: [usize; 3], k: usize, descending: bool, out: &mut [usize]) {
        first::<f64, u128>(x, sizes, k, descending, out)
    }
}

/// Lines side by side that are read together: their numbers share a line of the cache.
const TOGETHER: usize = 16;

/// `out [outer, k, inner]` becomes the places of the first k numbers of each line, in order.
fn first<T: Real, K: Key<T>>(x: &[T], [outer, len, inner]: [usize; 3], k: usize, descending: bool, out: &mut [usize]) {
    debug_assert!(x.len() == outer * len * inner && out.len() == outer * k * inner && k <= len);
    if out.is_empty() {
        return;
    }
    let work = x.len().saturating_mul(4);
    if inner == 1 {
        let lines = parallel::rows_per_chunk(outer, len.saturating_mul(4));
        return parallel::each_chunk(out, lines * k, work, |i, out| {
            let mut line = Line::<K>::new(len, k);
            for (out, x) in out.chunks_exact_mut(k).zip(x[i * lines * len..].chunks_exact(len)) {
                line.order(x, descending, out);
            }
        });
    }
    // The places of each line side by side, some lines at a time; then they are turned.
    let groups = inner.div_ceil(TOGETHER);
    let mut turned = vec![0; outer * inner * k];
    let (block, size) = (inner * k, TOGETHER * k);
    let group = |x: &[T], at: usize, out: &mut [usize]| {
        let count = out.len() / k;
        let mut line = Line::<K>::new(len, k);
        with_scratch(count * len, |lines: &mut [T]| {
            for (i, row) in x.chunks_exact(inner).enumerate() {
                for (l, &x) in row[at..at + count].iter().enumerate() {
                    lines[l * len + i] = x;
                }
            }
            for (out, x) in out.chunks_exact_mut(k).zip(lines.chunks_exact(len)) {
                line.order(x, descending, out);
            }
        });
    };
    // One block at a time shares out its groups, or the blocks are shared out.
    if groups > 1 && outer == 1 {
        parallel::each_chunk(&mut turned, size, work, |i, out| group(x, i * TOGETHER, out));
    } else {
        parallel::each_chunk(&mut turned, block, work, |i, out| {
            let x = &x[i * len * inner..][..len * inner];
            out.chunks_mut(size).enumerate().for_each(|(g, out)| group(x, g * TOGETHER, out));
        });
    }
    for (out, turned) in out.chunks_exact_mut(block).zip(turned.chunks_exact(block)) {
        for at in (0..inner).step_by(TOGETHER) {
            let lines = &turned[at * k..(at + TOGETHER).min(inner) * k];
            for (i, out) in out.chunks_exact_mut(inner).enumerate() {
                for (out, &place) in out[at..].iter_mut().zip(lines[i..].iter().step_by(k)) {
                    *out = place;
                }
            }
        }
    }
}

/// The keys of a line, and those of them that are kept.
struct Line<K> {
    keys: Vec<K>,
    kept: Vec<K>,
}

impl<K: Copy + Ord + Default> Line<K> {
    /// Memory for the first k of `len` numbers.
    fn new(len: usize, k: usize) -> Self {
        Line { keys: vec![K::default(); len], kept: Vec::with_capacity(if k < len / 4 { 2 * k } else { 0 }) }
    }

    /// The places of the first numbers of `x`, as many as `out` holds.
    fn order<T: Real>(&mut self, x: &[T], descending: bool, out: &mut [usize])
    where
        K: Key<T>,
    {
        let keys = &mut self.keys[..];
        simd(
            #[inline(always)]
            || {
                for ((key, &x), place) in keys.iter_mut().zip(x).zip(0..) {
                    *key = K::new(x, place, descending);
                }
            },
        );
        let k = out.len();
        let first = if k < x.len() / 4 { self.select(k) } else { &mut self.keys[..] };
        let first = if k < first.len() { first.select_nth_unstable(k).0 } else { first };
        first.sort_unstable();
        for (out, key) in out.iter_mut().zip(first) {
            *out = key.place();
        }
    }

    /// A few keys that are kept, among which are the k smallest.
    fn select(&mut self, k: usize) -> &mut [K] {
        let (head, rest) = self.keys.split_at(k);
        self.kept.clear();
        self.kept.extend_from_slice(head);
        let mut last = head.iter().copied().max().unwrap_or_default();
        for &key in rest {
            if key < last {
                self.kept.push(key);
                if self.kept.len() == 2 * k {
                    self.kept.select_nth_unstable(k - 1);
                    self.kept.truncate(k);
                    last = self.kept[k - 1];
                }
            }
        }
        &mut self.kept
    }
}

#[cfg(test)]
mod tests;

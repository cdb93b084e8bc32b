//! Batches of products of at most 4 by 4 by 4, as rotations are: a product takes a few nanoseconds, so that what is the same
//! for all of them is found out once for the batch.
//!
//! A row of b is a vector, of which some lanes may be empty. The order of each sum is that of its terms, as it is in a single
//! small product, and so are the bits.

use super::{Before, Product, Small};
use crate::kernels::{Real, vector::Vectors};
use pulp::{Simd, WithSimd};

/// The largest side.
const SIDE: usize = 4;

/// `out[i] = c[offset 2 ..] + scale · a[offset 0 ..] b[offset 1 ..]` for each triple of offsets.
pub(super) struct Tiny<'a, T> {
    pub product: Product,
    pub out: &'a mut [T],
    pub c: Option<&'a [T]>,
    pub a: &'a [T],
    pub b: &'a [T],
    pub offsets: &'a [[usize; 3]],
}

impl Product {
    /// Whether [`Tiny`] takes batches of such products.
    pub(super) fn is_tiny(self) -> bool {
        [self.m, self.n, self.k].iter().all(|side| (1..=SIDE).contains(side))
    }
}

impl<T: Real> WithSimd for Tiny<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = Vectors::<T, S>::new(simd);
        match self.product.k {
            _ if Vectors::<T, S>::LANES < SIDE => self.one_by_one(simd),
            1 => self.batch::<S, 1>(vectors),
            2 => self.batch::<S, 2>(vectors),
            3 => self.batch::<S, 3>(vectors),
            _ => self.batch::<S, 4>(vectors),
        }
    }
}

impl<T: Real> Tiny<'_, T> {
    /// All products of the batch, whose sums have K terms.
    #[inline(always)]
    fn batch<S: Simd, const K: usize>(self, vectors: Vectors<T, S>) {
        let Tiny { product: Product { m, n, ta, tb, scale, .. }, out, c, a, b, offsets } = self;
        let (scale, zero) = (vectors.splat(T::of(scale)), vectors.splat(T::ZERO));
        let row = vectors.masked(n, [(0, vectors.lanes(0, n))]);
        for (out, &[i, j, l]) in out.chunks_exact_mut(m * n).zip(offsets) {
            let (a, b) = (&a[i..i + m * K], &b[j..j + K * n]);
            let mut rows = [zero; K];
            for p in 0..K {
                let mut turned = [T::ZERO; SIDE];
                if tb {
                    for q in 0..n {
                        turned[q] = b[q * K + p];
                    }
                }
                rows[p] = vectors.load_masked(if tb { &turned[..n] } else { &b[p * n..][..n] }, &row, 0);
            }
            for r in 0..m {
                let mut sum = zero;
                for p in 0..K {
                    let a = a[if ta { p * m + r } else { r * K + p }];
                    sum = vectors.mul_add(vectors.splat(a), rows[p], sum);
                }
                let before = c.map_or(zero, |c| vectors.load_masked(&c[l + r * n..][..n], &row, 0));
                vectors.store_masked(&mut out[r * n..][..n], &row, 0, vectors.mul_add(scale, sum, before));
            }
        }
    }

    /// The same where no vector is as long as a row may be.
    #[inline(always)]
    fn one_by_one<S: Simd>(self, simd: S) {
        let Tiny { product, out, c, a, b, offsets } = self;
        let Product { m, n, k, .. } = product;
        for (out, &[i, j, l]) in out.chunks_exact_mut(m * n).zip(offsets) {
            if let Some(c) = c {
                out.copy_from_slice(&c[l..l + m * n]);
            }
            let before = if c.is_some() { Before::Out } else { Before::Nothing };
            Small { product, out, before, a: &a[i..i + m * k], b: &b[j..j + k * n] }.with_simd(simd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{arch, testing::numbers};

    fn each_product_has_the_bits_of_a_single_one<T: Real + PartialEq>() {
        let all = || 1..=SIDE;
        let sizes = all().flat_map(|m| all().flat_map(move |n| all().map(move |k| (m, n, k))));
        for ((m, n, k), turned) in sizes.flat_map(|sizes| (0..4).map(move |turned| (sizes, turned))) {
            let product = Product { m, n, k, ta: turned % 2 == 1, tb: turned / 2 == 1, scale: 0.7 };
            assert!(product.is_tiny());
            let (a, b, c) = (numbers::<T>(3 * m * k, 1), numbers::<T>(2 * k * n, 2), numbers::<T>(3 * m * n, 3));
            let offsets = [[0, k * n, m * n], [2 * m * k, 0, 0], [m * k, k * n, 2 * m * n]];
            for c in [None, Some(&c[..])] {
                let (mut out, mut want) = (vec![T::of(f64::NAN); 3 * m * n], vec![T::of(f64::NAN); 3 * m * n]);
                arch().dispatch(Tiny { product, out: &mut out, c, a: &a, b: &b, offsets: &offsets });
                for (out, &[i, j, l]) in want.chunks_mut(m * n).zip(&offsets) {
                    c.inspect(|c| out.copy_from_slice(&c[l..l + m * n]));
                    product.gemm(out, c.is_some(), &a[i..i + m * k], &b[j..j + k * n]);
                }
                assert!(out == want, "{product:?}");
            }
        }
        let product = Product { m: 5, n: 1, k: 1, ta: false, tb: false, scale: 1.0 };
        assert!(!product.is_tiny() && !Product { m: 1, k: 0, ..product }.is_tiny());
    }

    #[test]
    fn products_of_a_batch_are_those_of_each_in_single_precision() {
        each_product_has_the_bits_of_a_single_one::<f32>();
    }

    #[test]
    fn products_of_a_batch_are_those_of_each_in_double_precision() {
        each_product_has_the_bits_of_a_single_one::<f64>();
    }
}

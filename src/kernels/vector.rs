//! Vectors as wide as the machine's, for the few loops that the compiler does not keep in registers by itself.
//!
//! The width is a type `S` that [`pulp`] chooses at run time.

use super::Real;
use pulp::{MemMask, Simd};
use std::marker::PhantomData;

/// A type of numbers that [`pulp`] has vectors of.
pub trait HasVectors: Sized {
    /// A vector on a machine `S`.
    type Vector<S: Simd>: Copy;
    /// A choice of a vector's numbers.
    type Mask<S: Simd>: Copy;
    /// A vector of equal numbers.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    /// The vector that begins with these numbers, fewer than a whole one; the others are 0.
    fn part<S: Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;
    /// Writes the first numbers of a vector, fewer than all.
    fn store_part<S: Simd>(simd: S, x: &mut [Self], vector: Self::Vector<S>);
    /// `a + b`.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a - b`.
    fn minus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a * b + c`.
    fn mul_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    /// The sum of a vector's numbers.
    fn total<S: Simd>(simd: S, x: Self::Vector<S>) -> Self;
    /// The numbers from `start` to `end`.
    fn between<S: Simd>(simd: S, start: usize, end: usize) -> Self::Mask<S>;
    /// The numbers that `mask` chooses, at their places from `x` on; the others are 0.
    ///
    /// # Safety
    ///
    /// Those that it chooses can be read.
    unsafe fn load_masked<S: Simd>(simd: S, mask: Self::Mask<S>, x: *const Self) -> Self::Vector<S>;
    /// Writes the numbers that `mask` chooses to their places from `x` on.
    ///
    /// # Safety
    ///
    /// Those that it chooses can be written.
    unsafe fn store_masked<S: Simd>(simd: S, mask: Self::Mask<S>, x: *mut Self, vector: Self::Vector<S>);
    /// The numbers at even places of a run of two vectors, and those at odd ones, both in one order.
    fn split<S: Simd>(simd: S, run: [Self::Vector<S>; 2]) -> [Self::Vector<S>; 2];
    /// The run of which [`split`](Self::split) makes these.
    fn join<S: Simd>(simd: S, parts: [Self::Vector<S>; 2]) -> [Self::Vector<S>; 2];
}

macro_rules! element {
    ($T:ident: $vector:ident, $splat:ident, $part:ident, $store_part:ident, $add:ident, $sub:ident, $mul_add:ident,
     $sum:ident, $mask:ident, $between:ident, $load_masked:ident, $store_masked:ident, $split:ident, $join:ident) => {
        impl HasVectors for $T {
            type Vector<S: Simd> = S::$vector;
            type Mask<S: Simd> = S::$mask;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: $T) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn part<S: Simd>(simd: S, x: &[$T]) -> S::$vector {
                simd.$part(x)
            }
            #[inline(always)]
            fn store_part<S: Simd>(simd: S, x: &mut [$T], vector: S::$vector) {
                simd.$store_part(x, vector)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, x: S::$vector) -> $T {
                simd.$sum(x)
            }
            #[inline(always)]
            fn between<S: Simd>(simd: S, start: usize, end: usize) -> S::$mask {
                simd.$between(start as _, end as _).mask()
            }
            #[inline(always)]
            unsafe fn load_masked<S: Simd>(simd: S, mask: S::$mask, x: *const $T) -> S::$vector {
                // SAFETY: as here, only what the mask chooses is read.
                unsafe { simd.$load_masked(MemMask::new(mask), x) }
            }
            #[inline(always)]
            unsafe fn store_masked<S: Simd>(simd: S, mask: S::$mask, x: *mut $T, vector: S::$vector) {
                // SAFETY: as here, only what the mask chooses is written.
                unsafe { simd.$store_masked(MemMask::new(mask), x, vector) }
            }
            #[inline(always)]
            fn split<S: Simd>(simd: S, run: [S::$vector; 2]) -> [S::$vector; 2] {
                simd.$split(run)
            }
            #[inline(always)]
            fn join<S: Simd>(simd: S, parts: [S::$vector; 2]) -> [S::$vector; 2] {
                simd.$join(parts)
            }
        }
    };
}

element!(
    f32: f32s, splat_f32s, partial_load_f32s, partial_store_f32s, add_f32s, sub_f32s, mul_add_e_f32s, reduce_sum_f32s,
    m32s, mask_between_m32s, mask_load_ptr_f32s, mask_store_ptr_f32s, deinterleave_shfl_f32s, interleave_shfl_f32s
);
element!(
    f64: f64s, splat_f64s, partial_load_f64s, partial_store_f64s, add_f64s, sub_f64s, mul_add_e_f64s, reduce_sum_f64s,
    m64s, mask_between_m64s, mask_load_ptr_f64s, mask_store_ptr_f64s, deinterleave_shfl_f64s, interleave_shfl_f64s
);

/// A vector of `T` on a machine `S`.
pub(super) type Vector<T, S> = <T as HasVectors>::Vector<S>;

/// The lanes of a vector from `start` to `end`.
pub(super) struct Lanes<T: Real, S: Simd> {
    start: isize,
    end: isize,
    mask: T::Mask<S>,
}

/// N vectors of which only some lanes are among the numbers that they are read from or written to.
pub(super) struct Masked<T: Real, S: Simd, const N: usize> {
    /// How many numbers there are.
    of: usize,
    /// Where the first lane of each vector is: it may lie outside.
    at: [isize; N],
    masks: [T::Mask<S>; N],
}

impl<T: Real, S: Simd> Clone for Lanes<T, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, S: Simd> Copy for Lanes<T, S> {}

impl<T: Real, S: Simd, const N: usize> Clone for Masked<T, S, N> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, S: Simd, const N: usize> Copy for Masked<T, S, N> {}

/// The operations on vectors of `T` on a machine.
#[derive(Clone, Copy)]
pub(super) struct Vectors<T: Real, S: Simd>(S, PhantomData<T>);

impl<T: Real, S: Simd> Vectors<T, S> {
    /// Numbers in a vector.
    pub const LANES: usize = {
        assert!(size_of::<Vector<T, S>>().is_multiple_of(size_of::<T>()));
        size_of::<Vector<T, S>>() / size_of::<T>()
    };

    /// The operations of the machine `simd`.
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Vectors(simd, PhantomData)
    }

    /// A vector of equal numbers.
    #[inline(always)]
    pub fn splat(self, x: T) -> Vector<T, S> {
        T::splat(self.0, x)
    }

    /// The vector that begins with these numbers, fewer than [`LANES`](Self::LANES); the others are 0.
    #[inline(always)]
    pub fn part(self, x: &[T]) -> Vector<T, S> {
        T::part(self.0, x)
    }

    /// The vector that starts at `x[at]`.
    #[inline(always)]
    pub fn load(self, x: &[T], at: usize) -> Vector<T, S> {
        let lanes = &x[at..at + Self::LANES];
        // SAFETY: indexing has checked that `lanes` is LANES numbers of `x`, which are as many bytes as a vector (LANES
        // checks this at compile time); they are initialized, need no alignment here, and any bits are a valid vector.
        unsafe { lanes.as_ptr().cast::<Vector<T, S>>().read_unaligned() }
    }

    /// Writes a vector to `x`, starting at `at`.
    #[inline(always)]
    pub fn store(self, x: &mut [T], at: usize, vector: Vector<T, S>) {
        let lanes = &mut x[at..at + Self::LANES];
        // SAFETY: indexing has checked that `lanes` is LANES numbers of `x`, borrowed by nobody else, which are as many
        // bytes as a vector (LANES checks this at compile time); they need no alignment here, and a vector has no
        // padding bytes.
        unsafe { lanes.as_mut_ptr().cast::<Vector<T, S>>().write_unaligned(vector) }
    }

    /// Writes the first numbers of a vector, fewer than [`LANES`](Self::LANES).
    #[inline(always)]
    pub fn store_part(self, x: &mut [T], vector: Vector<T, S>) {
        T::store_part(self.0, x, vector)
    }

    /// Aligned numbers, a whole number of vectors, as these.
    #[inline(always)]
    pub fn cut(self, x: &[T]) -> &[Vector<T, S>] {
        let start = x.as_ptr().cast::<Vector<T, S>>();
        assert!(x.len().is_multiple_of(Self::LANES) && start.is_aligned(), "numbers that are not whole vectors");
        // SAFETY: the assertion has checked the alignment, and that the numbers of `x`, which stays borrowed, are as many
        // bytes as these vectors (LANES checks the size at compile time); any bits are a valid vector.
        unsafe { std::slice::from_raw_parts(start, x.len() / Self::LANES) }
    }

    /// The same, to write to.
    #[inline(always)]
    pub fn cut_mut(self, x: &mut [T]) -> &mut [Vector<T, S>] {
        let start = x.as_mut_ptr().cast::<Vector<T, S>>();
        assert!(x.len().is_multiple_of(Self::LANES) && start.is_aligned(), "numbers that are not whole vectors");
        // SAFETY: as in `cut`; `x` is borrowed by nobody else, and a vector has no padding bytes.
        unsafe { std::slice::from_raw_parts_mut(start, x.len() / Self::LANES) }
    }

    /// The lanes from `start` to `end`, or to the last.
    #[inline(always)]
    pub fn lanes(self, start: usize, end: usize) -> Lanes<T, S> {
        let end = end.min(Self::LANES);
        Lanes { start: start as isize, end: end as isize, mask: T::between(self.0, start, end) }
    }

    /// Of `of` numbers, the vectors with these places and lanes.
    #[inline(always)]
    pub fn masked<const N: usize>(self, of: usize, places: [(isize, Lanes<T, S>); N]) -> Masked<T, S, N> {
        let (mut at, mut masks) = ([0; N], [T::between(self.0, 0, 0); N]);
        for i in 0..N {
            let (place, Lanes { start, end, mask }) = places[i];
            assert!(start >= end || place + start >= 0 && place + end <= of as isize, "lanes outside of the numbers");
            (at[i], masks[i]) = (place, mask);
        }
        Masked { of, at, masks }
    }

    /// The i-th of these vectors; its other lanes are 0.
    #[inline(always)]
    pub fn load_masked<const N: usize>(self, x: &[T], masked: &Masked<T, S, N>, i: usize) -> Vector<T, S> {
        assert!(x.len() == masked.of, "vectors of {} numbers", masked.of);
        // SAFETY: `masked` has checked that the lanes which the mask chooses are among so many numbers as `x` has.
        unsafe { T::load_masked(self.0, masked.masks[i], x.as_ptr().wrapping_offset(masked.at[i])) }
    }

    /// Writes the lanes of the i-th of these vectors.
    #[inline(always)]
    pub fn store_masked<const N: usize>(self, x: &mut [T], masked: &Masked<T, S, N>, i: usize, vector: Vector<T, S>) {
        assert!(x.len() == masked.of, "vectors of {} numbers", masked.of);
        // SAFETY: `masked` has checked that the lanes which the mask chooses are among so many numbers as `x`, borrowed by
        // nobody else, has.
        unsafe { T::store_masked(self.0, masked.masks[i], x.as_mut_ptr().wrapping_offset(masked.at[i]), vector) }
    }

    /// The numbers at even places of a run of two vectors, and those at odd ones, both in one order.
    #[inline(always)]
    pub fn split(self, run: [Vector<T, S>; 2]) -> [Vector<T, S>; 2] {
        T::split(self.0, run)
    }

    /// The run of which [`split`](Self::split) makes these.
    #[inline(always)]
    pub fn join(self, parts: [Vector<T, S>; 2]) -> [Vector<T, S>; 2] {
        T::join(self.0, parts)
    }

    /// `a + b`.
    #[inline(always)]
    pub fn add(self, a: Vector<T, S>, b: Vector<T, S>) -> Vector<T, S> {
        T::plus(self.0, a, b)
    }

    /// `a - b`.
    #[inline(always)]
    pub fn sub(self, a: Vector<T, S>, b: Vector<T, S>) -> Vector<T, S> {
        T::minus(self.0, a, b)
    }

    /// `a * b + c`.
    #[inline(always)]
    pub fn mul_add(self, a: Vector<T, S>, b: Vector<T, S>, c: Vector<T, S>) -> Vector<T, S> {
        T::mul_add(self.0, a, b, c)
    }

    /// The sum of a vector's numbers.
    #[inline(always)]
    pub fn sum(self, x: Vector<T, S>) -> T {
        T::total(self.0, x)
    }
}

//! Vectors as wide as the machine's, for the few loops that the compiler does not keep in registers by itself.
//!
//! The width is a type `S` that [`pulp`] chooses at run time.

use super::Real;
use pulp::Simd;
use std::marker::PhantomData;

/// A type of numbers that [`pulp`] has vectors of.
pub trait HasVectors: Sized {
    /// A vector on a machine `S`.
    type Vector<S: Simd>: Copy;
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
}

macro_rules! element {
    ($T:ident: $vector:ident, $splat:ident, $part:ident, $store_part:ident, $add:ident, $sub:ident, $mul_add:ident,
     $sum:ident) => {
        impl HasVectors for $T {
            type Vector<S: Simd> = S::$vector;
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
        }
    };
}

element!(
    f32: f32s, splat_f32s, partial_load_f32s, partial_store_f32s, add_f32s, sub_f32s, mul_add_e_f32s, reduce_sum_f32s
);
element!(
    f64: f64s, splat_f64s, partial_load_f64s, partial_store_f64s, add_f64s, sub_f64s, mul_add_e_f64s, reduce_sum_f64s
);

/// A vector of `T` on a machine `S`.
pub(super) type Vector<T, S> = <T as HasVectors>::Vector<S>;

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

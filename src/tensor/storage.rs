//! The memory behind a tensor: a shared buffer that returns to a pool when its last owner drops it.
//!
//! A training step asks for the same buffers again and again. Handing them back to the system each time costs a large
//! tensor more than the arithmetic on it (the pages have to be zeroed and mapped anew), so each thread keeps the
//! buffers that its tensors drop, by length, and hands them out again with their old contents: whoever takes a buffer
//! overwrites all of it.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::DType;
use crate::kernels::{Real, elementwise, shared::Shared};

/// Buffers with fewer elements are taken without first asking whether there is memory for them.
pub const LARGE: usize = 1 << 27;

/// Whether the system has memory for `len` numbers. It is asked only for large buffers, by reserving addresses, which
/// costs little compared with filling them.
pub fn available<T>(len: usize) -> bool {
    // In front of its numbers a buffer counts its owners.
    let len = len.saturating_add(size_of::<[usize; 2]>().div_ceil(size_of::<T>()));
    len < LARGE || Vec::<T>::new().try_reserve_exact(len).is_ok()
}

/// A pool is emptied when it would hold more than this many bytes, so that buffers of unused sizes are not kept
/// forever.
const POOL_BYTES: usize = 1 << 30;

/// `f32` or `f64`: what a tensor can hold. [`dispatch!`](crate::dispatch) runs generic code for the right one.
pub trait Element: Real {
    /// The precision of this type.
    const DTYPE: DType;
    #[doc(hidden)]
    fn with_pool<R>(f: impl FnOnce(&mut Pool<Self>) -> R) -> Option<R>;
    #[doc(hidden)]
    fn wrap(buffer: Buffer<Self>) -> Storage;
    #[doc(hidden)]
    fn buffer(storage: &Storage) -> Option<&Buffer<Self>>;
    #[doc(hidden)]
    fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<Self>>;
}

macro_rules! element {
    ($T:ident, $Variant:ident, $POOL:ident) => {
        impl Element for $T {
            const DTYPE: DType = DType::$Variant;
            fn with_pool<R>(f: impl FnOnce(&mut Pool<Self>) -> R) -> Option<R> {
                // While a thread ends, its pool may be gone already: buffers are then simply freed.
                $POOL.try_with(|pool| f(&mut pool.borrow_mut())).ok()
            }
            fn wrap(buffer: Buffer<Self>) -> Storage {
                Storage::$Variant(buffer)
            }
            fn buffer(storage: &Storage) -> Option<&Buffer<Self>> {
                match storage {
                    Storage::$Variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
            fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<Self>> {
                match storage {
                    Storage::$Variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
        }
    };
}
element!(f32, F32, POOL_F32);
element!(f64, F64, POOL_F64);

/// A shared buffer of `T`.
pub struct Buffer<T: Element>(Option<Shared<T>>);

impl<T: Element> Buffer<T> {
    /// A buffer of `len` elements with unspecified contents, from the pool if it has one.
    ///
    /// # Panics
    /// When the system has no memory for it.
    #[track_caller]
    pub fn take(len: usize) -> Self {
        let pooled = T::with_pool(|pool| pool.take(len)).flatten();
        // Not in a closure, because its panic would be reported at this line.
        let buffer = match pooled {
            Some(buffer) => buffer,
            None => {
                assert!(available::<T>(len), "a tensor of {len} numbers in {} does not fit into memory", T::DTYPE);
                Shared::zeros(len)
            }
        };
        Buffer(Some(buffer))
    }

    /// The numbers of `data`, which are copied: a buffer and the count of its owners are one piece of memory.
    pub fn from_vec(data: Vec<T>) -> Self {
        Buffer(Some(Shared::from_vec(data)))
    }

    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        self.0.as_ref().expect("a buffer is empty only while it is dropped")
    }

    /// The elements, for writing; copied first if they are shared.
    pub fn make_mut(&mut self) -> &mut [T] {
        if !self.unique() {
            let mut copy = Buffer::take(self.as_slice().len());
            elementwise::copy(self.as_slice(), copy.fresh());
            *self = copy;
        }
        self.fresh()
    }

    /// Whether this is the only owner of the buffer.
    pub fn unique(&self) -> bool {
        self.0.as_ref().is_some_and(Shared::unique)
    }

    /// The elements of a buffer that nobody shares, for writing.
    pub fn fresh(&mut self) -> &mut [T] {
        let numbers = self.0.as_mut().expect("a buffer is empty only while it is dropped");
        numbers.get_mut().expect("the buffer was checked to be unique")
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Buffer(self.0.clone())
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(numbers) = self.0.take() {
            // The last owner hands it back; any other just lets go. If two let go at once, the buffer is freed.
            if numbers.unique() {
                T::with_pool(|pool| pool.put(numbers));
            }
        }
    }
}

/// The buffers that one thread keeps, by length.
///
/// It keeps no more of a length than were taken from it: vectors that users made, or that come from another thread's
/// pool, are freed when they are dropped here and do not pile up.
#[derive(Default)]
pub struct Pool<T> {
    /// The shelves of short buffers, by length: looking one up costs as much as an operation on few numbers.
    short: Vec<Shelf<T>>,
    long: FxHashMap<usize, Shelf<T>>,
    bytes: usize,
}

/// Buffers of fewer elements are short.
const SHORT: usize = 1 << 10;

/// The buffers of one length.
struct Shelf<T> {
    free: Vec<Shared<T>>,
    /// How many more were taken than have come back.
    out: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf { free: Vec::new(), out: 0 }
    }
}

impl<T> Pool<T> {
    #[inline]
    fn shelf(&mut self, len: usize) -> &mut Shelf<T> {
        if len >= SHORT {
            return self.long.entry(len).or_default();
        }
        if self.short.len() <= len {
            self.short.resize_with(len + 1, Shelf::default);
        }
        &mut self.short[len]
    }

    fn take(&mut self, len: usize) -> Option<Shared<T>> {
        let shelf = self.shelf(len);
        shelf.out += 1;
        let numbers = shelf.free.pop()?;
        self.bytes -= len * size_of::<T>();
        Some(numbers)
    }

    fn put(&mut self, numbers: Shared<T>) {
        let bytes = numbers.len() * size_of::<T>();
        if self.bytes + bytes > POOL_BYTES {
            self.long.values_mut().chain(&mut self.short).for_each(|shelf| shelf.free.clear());
            self.bytes = 0;
        }
        let shelf = self.shelf(numbers.len());
        if shelf.out > 0 {
            shelf.out -= 1;
            if bytes <= POOL_BYTES {
                shelf.free.push(numbers);
                self.bytes += bytes;
            }
        }
    }
}

thread_local! {
    /// This thread's pool of `f32` buffers.
    pub static POOL_F32: RefCell<Pool<f32>> = RefCell::default();
    /// This thread's pool of `f64` buffers.
    pub static POOL_F64: RefCell<Pool<f64>> = RefCell::default();
}

/// A buffer of either precision.
#[derive(Clone)]
pub enum Storage {
    /// Single precision.
    F32(Buffer<f32>),
    /// Double precision.
    F64(Buffer<f64>),
}

impl Storage {
    /// The precision.
    pub fn dtype(&self) -> DType {
        match self {
            Storage::F32(_) => DType::F32,
            Storage::F64(_) => DType::F64,
        }
    }
}

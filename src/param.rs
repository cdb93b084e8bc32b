//! Trainable tensors, owned by layers and shared with tapes and optimizers.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use crate::{
    error::{Error, Result},
    tensor::{DType, Shape, Tensor},
};

/// A named tensor that is trained, or kept as state (running statistics).
///
/// Cloning a parameter shares it. A tape in another precision converts its value when it is
/// [watched](crate::Tape::watch); updates happen in the parameter's own precision.
#[derive(Clone, Debug)]
pub struct Param {
    name: Arc<str>,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: u64,
    value: RwLock<Tensor>,
    /// The shape that it was made with, and whether it still has it: only an `update` may give it another.
    shape: Shape,
    shape_kept: AtomicBool,
    trainable: AtomicBool,
    decays: bool,
    /// The [thread](thread) that changes it in an `update`, or 0.
    changing: AtomicUsize,
}

impl Param {
    /// A trainable parameter.
    pub fn new(name: &str, value: Tensor) -> Self {
        Param::with(name, value, true, true)
    }

    /// A trainable parameter without weight decay: a bias.
    pub fn bias(name: &str, value: Tensor) -> Self {
        Param::with(name, value, true, false)
    }

    /// A tensor that belongs to a layer but is not trained: a running statistic.
    pub fn state(name: &str, value: Tensor) -> Self {
        Param::with(name, value, false, false)
    }

    fn with(name: &str, value: Tensor, trainable: bool, decays: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let inner = Inner {
            id,
            shape: value.shape().clone(),
            shape_kept: true.into(),
            value: RwLock::new(value),
            trainable: trainable.into(),
            decays,
            changing: 0.into(),
        };
        Param { name: name.into(), inner: Arc::new(inner) }
    }

    /// The same parameter under a longer name: `weight` becomes `0.weight`.
    pub fn under(&self, prefix: &str) -> Param {
        Param { name: format!("{prefix}.{}", self.name).into(), inner: self.inner.clone() }
    }

    /// Its name, as PyTorch would call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as tapes store it, without a copy.
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    /// Whether two handles are the same parameter.
    pub fn same(&self, other: &Param) -> bool {
        self.id() == other.id()
    }

    /// Its numbers.
    #[track_caller]
    pub fn value(&self) -> Tensor {
        self.read().clone()
    }

    /// Its shape.
    #[track_caller]
    pub fn shape(&self) -> Shape {
        // An optimizer asks for the shape of each parameter in each step, and a lock takes as long as a small sum.
        self.not_in_own_update();
        match self.inner.shape_kept.load(Ordering::Acquire) {
            true => self.inner.shape.clone(),
            false => self.read().shape().clone(),
        }
    }

    /// Its precision.
    pub fn dtype(&self) -> DType {
        self.read().dtype()
    }

    /// Whether gradients are taken with respect to it.
    pub fn trainable(&self) -> bool {
        self.inner.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or unfreezes the parameter, from the next recording on.
    pub fn set_trainable(&self, trainable: bool) {
        self.inner.trainable.store(trainable, Ordering::Relaxed);
    }

    /// Whether weight decay applies to it: to weights, not to what was made by [`bias`](Param::bias).
    pub fn decays(&self) -> bool {
        self.inner.decays
    }

    /// Replaces its numbers, converted to the parameter's own precision if necessary.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shape differs.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        let mut held = self.write();
        if held.shape() != value.shape() {
            let need = format!("the new value of `{}` must have the shape of the old one", self.name);
            return Err(Error::shape("set", &[held.shape(), value.shape()], need));
        }
        *held = value.cast(held.dtype());
        Ok(())
    }

    /// Converts it to another precision.
    pub fn cast(&self, dtype: DType) {
        let mut held = self.write();
        *held = held.cast(dtype);
    }

    /// Changes its numbers in place. Values of it that tapes hold stay as they were.
    ///
    /// # Panics
    /// When `change` reads or changes this parameter in another way than through the tensor that it is given.
    #[track_caller]
    pub fn update<R>(&self, change: impl FnOnce(&mut Tensor) -> R) -> R {
        let mut held = self.write();
        self.inner.changing.store(thread(), Ordering::Relaxed);
        let _changed = Changed(&self.inner.changing);
        self.inner.shape_kept.store(false, Ordering::Release);
        let result = change(&mut held);
        self.inner.shape_kept.store(*held.shape() == self.inner.shape, Ordering::Release);
        result
    }

    // A panic while a tensor is being written leaves a valid tensor with some old numbers, so it can still be read.
    #[track_caller]
    fn read(&self) -> RwLockReadGuard<'_, Tensor> {
        self.not_in_own_update();
        self.inner.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn write(&self) -> RwLockWriteGuard<'_, Tensor> {
        self.not_in_own_update();
        self.inner.value.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic where this thread would wait for itself.
    #[track_caller]
    fn not_in_own_update(&self) {
        let changing = self.inner.changing.load(Ordering::Relaxed);
        assert!(
            changing == 0 || changing != thread(),
            "the function given to `update` of the parameter `{}` uses the parameter itself; use the tensor that it is given",
            self.name
        );
    }
}

/// What did not match when parameters were given the values of others by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// The parameters that there were no values for; they are as they were.
    pub missing: Vec<String>,
    /// The values that no parameter has the name of.
    pub unknown: Vec<String>,
}

/// An address that no other living thread has.
fn thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// The end of an `update`, also by a panic.
struct Changed<'a>(&'a AtomicUsize);

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_that_of_the_numbers_after_every_update() {
        let param = Param::new("w", Tensor::from([1.0, 2.0]));
        let shape = || param.shape().to_vec();
        param.update(|value| *value = Tensor::from([3.0]));
        assert_eq!(shape(), [1]);
        param.update(|value| *value = Tensor::from([3.0, 4.0]));
        assert_eq!(shape(), [2]);
        let left_early = || param.update(|value| panic!("{}", std::mem::replace(value, Tensor::from([5.0]))));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(left_early)).is_err());
        assert_eq!(shape(), [1]);
    }
}

//! Items prepared in advance, on another thread.

use std::{
    panic,
    sync::mpsc::{self, Receiver},
    thread::{self, JoinHandle},
};

/// Runs an iterator on a thread of its own, which keeps up to `depth` items ready (with 0 it prepares the next one and
/// waits until that is taken). The items and their order stay the same.
///
/// It pays off where an item takes a considerable part of a training step: drawing, decoding or distorting images. It
/// does not for a batch from memory: gathering 128 images of 28x28 takes about 20 µs, and passing them on another 10.
///
/// # Panics
/// When the thread cannot be started. A panic of the iterator itself is raised again by [`Prefetch`]'s `next`, after
/// the items before it; errors of an iterator whose items are `Result`s are items like others.
///
/// ```
/// let squares = wengert::data::prefetch((0..5).map(|i| i * i), 2);
/// assert_eq!(squares.collect::<Vec<_>>(), [0, 1, 4, 9, 16]);
/// ```
pub fn prefetch<I>(items: I, depth: usize) -> Prefetch<I::Item>
where
    I: IntoIterator + Send + 'static,
    I::Item: Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(depth);
    // Sending fails once the receiver is dropped; then nobody needs the rest.
    let work = move || items.into_iter().try_for_each(|item| sender.send(item).map_err(drop)).unwrap_or(());
    Prefetch { receiver: Some(receiver), worker: Some(thread::spawn(work)) }
}

/// The iterator that [`prefetch`] returns. Dropping it stops its thread once the item at work is done.
#[derive(Debug)]
pub struct Prefetch<T> {
    receiver: Option<Receiver<T>>,
    worker: Option<JoinHandle<()>>,
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.receiver.as_ref()?.recv().ok();
        if item.is_none() {
            self.receiver = None;
            if let Some(Err(cause)) = self.worker.take().map(JoinHandle::join) {
                panic::resume_unwind(cause);
            }
        }
        item
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.receiver = None;
        // A panic in items that nobody asked for is ignored.
        self.worker.take().map(JoinHandle::join);
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{
        super::{Batches, Dataset, Shuffle},
        *,
    };

    #[test]
    fn prefetching_changes_nothing() {
        let set = Dataset::new((0..10).map(|i| i as f32).collect(), vec![0; 10], [1, 1, 1], vec!["x".into()]).unwrap();
        let batches = Batches::new(set, 3).unwrap().shuffle(Shuffle::EveryEpoch, 5);
        let expected: Vec<_> = batches.run(0, 0).take(20).collect();
        for depth in [0, 1, 4, 50] {
            assert_eq!(prefetch(batches.run(0, 0).take(20), depth).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn prefetching_stays_within_its_depth_and_stops_when_dropped() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let mut items = prefetch((0..).inspect(move |_| _ = counter.fetch_add(1, Ordering::SeqCst)), 2);
        assert_eq!((items.next(), items.next()), (Some(0), Some(1)));
        drop(items);
        // Two taken, two in the channel, and one in the hands of the thread.
        assert!(made.load(Ordering::SeqCst) <= 5, "{made:?}");
        assert_eq!(Arc::strong_count(&made), 1, "the thread has ended");
    }

    #[test]
    fn a_panic_of_the_iterator_reaches_the_caller_after_the_items_before_it() {
        let mut items = prefetch((0..9).map(|i| if i == 3 { panic!("image {i} is torn") } else { i }), 1);
        assert_eq!(items.by_ref().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        let cause = panic::catch_unwind(panic::AssertUnwindSafe(|| items.next())).unwrap_err();
        assert_eq!(cause.downcast_ref::<String>().unwrap(), "image 3 is torn");
        assert_eq!(items.next(), None);
    }
}

//! Items made ahead on another thread: the same ones, within the depth, with their panics.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use wengert::data::{Batches, Dataset, Shuffle, prefetch};

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

//! Batches: what an epoch goes through, in which order, and where a run can resume.

use wengert::data::{Batch, Batches, Dataset, Shuffle};

/// Ten images of two pixels; image `i` holds `i` and `-i`, its class is `i mod 3`.
fn set() -> Dataset {
    let images = (0..10).flat_map(|i| [i as f32, -(i as f32)]).collect();
    Dataset::new(images, (0..10).map(|i| i % 3).collect(), [1, 1, 2], vec!["x".into(); 3]).unwrap()
}

fn plan(size: usize, shuffle: Shuffle) -> Batches {
    Batches::new(set(), size).unwrap().shuffle(shuffle, 5)
}

fn indices(batches: impl Iterator<Item = Batch>) -> Vec<usize> {
    batches.flat_map(|b| b.indices).collect()
}

#[test]
fn a_batch_holds_what_its_indices_say() {
    for batch in plan(4, Shuffle::EveryEpoch).run(0, 0).take(7) {
        assert_eq!((batch.indices.len(), batch.shape), (4, [1, 1, 2]));
        assert_eq!(batch.labels, batch.indices.iter().map(|i| i % 3).collect::<Vec<_>>());
        let images: Vec<f32> = batch.indices.iter().flat_map(|&i| [i as f32, -(i as f32)]).collect();
        assert_eq!(batch.images, images);
    }
}

#[test]
fn an_epoch_goes_through_the_set_once() {
    for shuffle in [Shuffle::Never, Shuffle::Once, Shuffle::EveryEpoch] {
        let plan = plan(4, shuffle);
        assert_eq!((plan.per_epoch(), indices(plan.epoch(3)).len()), (2, 8));
        let plan = plan.keep_incomplete(true);
        assert_eq!((plan.per_epoch(), plan.epoch(3).last().unwrap().labels.len()), (3, 2));
        let mut seen = indices(plan.epoch(3));
        assert_eq!(seen, plan.order(3));
        seen.sort();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
    assert_eq!(plan(5, Shuffle::Once).keep_incomplete(true).per_epoch(), 2);
}

#[test]
fn shuffling_follows_its_setting_and_seed() {
    let order = |shuffle, seed, epoch| plan(2, shuffle).shuffle(shuffle, seed).order(epoch);
    let straight: Vec<usize> = (0..10).collect();
    assert_eq!(order(Shuffle::Never, 1, 4), straight);
    assert_ne!(order(Shuffle::Once, 1, 0), straight);
    assert_eq!(order(Shuffle::Once, 1, 0), order(Shuffle::Once, 1, 9));
    assert_ne!(order(Shuffle::Once, 1, 0), order(Shuffle::Once, 2, 0));
    assert_ne!(order(Shuffle::EveryEpoch, 1, 0), order(Shuffle::EveryEpoch, 1, 1));
    assert_eq!(order(Shuffle::EveryEpoch, 1, 1), order(Shuffle::EveryEpoch, 1, 1));
}

#[test]
fn a_run_is_taken_up_anywhere() {
    for (shuffle, keep) in [(Shuffle::Once, false), (Shuffle::EveryEpoch, false), (Shuffle::EveryEpoch, true)] {
        let plan = plan(3, shuffle).keep_incomplete(keep);
        let whole: Vec<Batch> = plan.run(0, 0).take(12).collect();
        for done in 0..12 {
            let mut run = plan.run(0, 0);
            run.by_ref().take(done).for_each(drop);
            let (epoch, batch) = run.position();
            assert_eq!((epoch, batch), (done / plan.per_epoch(), done % plan.per_epoch()));
            assert_eq!(plan.run(epoch, batch).take(12 - done).collect::<Vec<_>>(), whole[done..]);
            assert_eq!(plan.run(0, done).next(), plan.run(epoch, batch).next());
        }
    }
}

#[test]
fn a_bad_size_is_named() {
    for size in [0, 11] {
        assert_eq!(
            Batches::new(set(), size).unwrap_err().to_string(),
            format!(
                "batches of a data set of 10 images: size = {size}, \
                 but it must be at least 1 and at most the number of images"
            )
        );
    }
    assert_eq!(plan(10, Shuffle::Never).per_epoch(), 1);
}

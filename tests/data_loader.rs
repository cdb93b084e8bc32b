//! Tensors split into batches by `train::DataLoader`.
#![cfg(feature = "train")]

use wengert::train::{Batch, DataLoader, Source};
use wengert::{DType, Tensor};

#[test]
fn a_data_loader_shows_every_observation_once_an_epoch_with_what_belongs_to_it() {
    let x = |k: f64| Tensor::from_fn([7, 2], DType::F64, |i| k * (i / 2) as f64);
    let observations = Batch { inputs: vec![x(1.0), x(2.0)], labels: (0..7).collect(), targets: vec![x(3.0)] };
    let mut source = DataLoader::new(observations, 3).unwrap().shuffle(5);
    assert_eq!(source.per_epoch(), 3);
    let mut epoch = |number| {
        let batches: Vec<Batch> = source.epoch(number).collect();
        assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [3, 3, 1]);
        for batch in &batches {
            let tensors = [(&batch.inputs[0], 1.0), (&batch.inputs[1], 2.0), (&batch.targets[0], 3.0)];
            for (row, &label) in batch.labels.iter().enumerate() {
                tensors.iter().for_each(|(tensor, k)| assert_eq!(tensor.at(&[row, 1]), k * label as f64));
            }
        }
        batches.into_iter().flat_map(|batch| batch.labels).collect::<Vec<_>>()
    };
    let (first, second, again) = (epoch(0), epoch(1), epoch(0));
    assert_eq!(first, again);
    assert_ne!(first, second);
    for mut order in [first, second] {
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_data_loader_refuses_what_it_cannot_split() {
    let x = Tensor::zeros([4, 2], DType::F32);
    let message = |labels: usize, size| DataLoader::new((x.clone(), vec![0; labels]), size).unwrap_err().to_string();
    assert_eq!(
        message(4, 0),
        "batches of 4 observations: size = 0, but it must be at least 1 and at most the number of observations"
    );
    assert_eq!(
        message(4, 5),
        "batches of 4 observations: size = 5, but it must be at least 1 and at most the number of observations"
    );
    assert_eq!(
        message(3, 2),
        "batches of 4 observations: number of labels or rows = 3, but it must be the number of observations"
    );
}

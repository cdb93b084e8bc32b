//! An iteration of a run made again: the same bits, with all of its gradients, and everything put back.
#![cfg(feature = "train")]

use wengert::{
    DType, Error, Param, Result, Tensor,
    io::Checkpoint,
    nn::{BatchNorm, Dropout, Layer, Linear, Relu, Sequential},
    optim::{Adam, Optimizer, Schedule},
    train::{Batch, History, Replay, Trainer, mean_squared_error},
};

const PER_EPOCH: usize = 6;

/// A network that draws random numbers and keeps running statistics.
fn net() -> Sequential {
    Sequential::new()
        .named("fc1", Linear::new(3, 8, 1))
        .named("norm", BatchNorm::new(8))
        .named("relu", Relu)
        .named("drop", Dropout::new(0.3, 2))
        .named("fc2", Linear::new(8, 1, 3))
}

/// Batches by epoch; batch `at.1` of epoch `at.0` holds `outlier` in one target.
fn source(at: (usize, usize), outlier: f64) -> (usize, impl FnMut(usize) -> std::vec::IntoIter<Batch>) {
    let batch = move |epoch: usize, k: usize| {
        let number = |i: usize| ((i * 7 + k * 13 + epoch * 29) as f64 * 0.37).sin();
        let x = Tensor::from_fn([10, 3], DType::F32, number);
        let y = Tensor::from_fn([10, 1], DType::F32, |i| match (epoch, k) == at && i == 4 {
            true => outlier,
            false => number(3 * i) - number(3 * i + 1),
        });
        Batch::from((x, y))
    };
    (PER_EPOCH, move |epoch| (0..PER_EPOCH).map(|k| batch(epoch, k)).collect::<Vec<_>>().into_iter())
}

fn trainer<'a>(net: &'a dyn Layer, optimizer: &'a mut dyn Optimizer) -> Trainer<'a> {
    Trainer::new(net, optimizer)
        .loss(mean_squared_error)
        .schedule(Schedule::Step { step_size: 5, gamma: 0.7 })
        .epochs(4)
}

fn tensors(net: &dyn Layer) -> Vec<Vec<f64>> {
    net.tensors().iter().map(|param: &Param| param.value().to_vec()).collect()
}

/// A run with checkpoints, and a trainer that replays it from the last of them.
fn run(folder: &std::path::Path, outlier: f64) -> Result<History> {
    let net = net();
    let mut adam = Adam::new(&net.params(), 0.02)?;
    trainer(&net, &mut adam).save_checkpoints(folder.join("last"), 1).fit(&mut source((2, 3), outlier))
}

fn replay<R>(
    from: Option<&std::path::Path>,
    outlier: f64,
    number: u64,
    open: impl FnOnce(&Replay<'_>) -> Result<R>,
) -> Result<R> {
    let net = net();
    let mut adam = Adam::new(&net.params(), 0.02)?;
    let trainer = trainer(&net, &mut adam);
    let trainer = match from {
        Some(path) => trainer.resume_from(path),
        None => trainer,
    };
    trainer.replay(&mut source((2, 3), outlier), number, open)
}

#[test]
fn a_loss_that_jumped_is_found_and_replayed_with_every_bit_from_any_start() {
    let folder = tempfile::tempdir().unwrap();
    let history = run(folder.path(), 300.0).unwrap();
    let jump = history.jump(10.0).unwrap();
    assert_eq!(jump, 2 * PER_EPOCH as u64 + 4);
    for number in [1, 7, jump, 24] {
        let loss = replay(None, 300.0, number, |step| Ok(step.loss.item())).unwrap();
        assert_eq!(loss.to_bits(), history.losses[number as usize - 1].to_bits(), "iteration {number}");
    }
}

#[test]
fn a_nan_is_replayed_from_the_last_checkpoint_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path(), f64::NAN).unwrap_err().to_string();
    assert!(error.starts_with("the loss of iteration 16 (epoch 3) holds NaN"), "{error}");
    let last = folder.path().join("last");
    assert_eq!(Checkpoint::load(&last).unwrap().iteration, 12);
    let text = replay(Some(&last), f64::NAN, 16, |step| {
        assert_eq!((step.epoch, step.batch_number, step.iteration), (3, 4, 16));
        assert!(step.learning_rate < 0.02 && step.batch.len() == 10);
        let origin = step.anomalies.forward.as_ref().unwrap();
        assert_eq!((&*origin.op, &origin.index[..]), ("constant", &[4, 0][..]));
        // Every value has its gradient, not the parameters alone.
        let values: Vec<_> =
            step.tape.nodes().filter(|node| node.needs_grad && node.index <= step.loss.index()).collect();
        assert!(values.len() > 10);
        values.iter().for_each(|node| assert!(step.gradients.wrt(step.tape.var(node.index)).is_ok(), "{}", node.op));
        Ok(step.to_string())
    });
    let text = text.unwrap();
    assert!(text.starts_with("iteration 16 (epoch 3, batch 4), learning rate 0.006860\nloss NaN, "), "{text}");
    assert!(text.contains("\nthe loss is NaN: first, node %"), "{text}");
}

#[test]
fn a_replay_leaves_network_and_optimizer_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), 1.0).unwrap();
    let net = net();
    let mut adam = Adam::new(&net.params(), 0.02).unwrap();
    let mut data = source((2, 3), 1.0);
    trainer(&net, &mut adam).epochs(1).fit(&mut data).unwrap();
    let (before, state) = (tensors(&net), adam.state());
    let from = folder.path().join("last");
    // The checkpoint stands at the end of the run.
    let refused = trainer(&net, &mut adam).resume_from(&from).replay(&mut data, 24, |_| Ok(())).unwrap_err();
    let expected = "replay: iteration = 24 after 24, but it must be later: resume from an earlier checkpoint";
    assert_eq!(refused.to_string(), expected);
    trainer(&net, &mut adam).replay(&mut data, 5, |_| Ok(())).unwrap();
    assert_eq!(tensors(&net), before);
    assert_eq!(format!("{:?}", adam.state()), format!("{state:?}"));
    assert_eq!(adam.learning_rate(), 0.02);
}

#[test]
fn an_iteration_that_a_run_does_not_have_is_refused() {
    let message = |number| replay(None, 1.0, number, |_| Ok(())).unwrap_err().to_string();
    let early = "replay: iteration = 0 after 0, but it must be later: resume from an earlier checkpoint";
    assert_eq!(message(0), early);
    assert_eq!(message(25), "replay: iteration = 25 of 24, but it must be one of the run");
    let own = replay(None, 1.0, 3, |_| -> Result<()> { Err(Error::setting("mine", "x", 1, "2")) }).unwrap_err();
    assert_eq!(own.to_string(), "mine: x = 1, but it must be 2");
}

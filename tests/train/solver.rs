//! The solver: its parts one by one, what each of them changes, and that its step is the trainer's.

use wengert::{
    DType, Param, Tape, Tensor, Var,
    data::{Batches, Shuffle},
    io::Checkpoint,
    nn::{Graph, LambdaAll, Layer, Linear, Sequential, Tanh},
    optim::{Adam, Decay, Optimizer, Schedule, Sgd},
    train::{Batch, DataLoader, Solver, Trainer, mean_squared_error},
};

use super::{batches, net, numbers, set};

fn points(n: usize) -> (Tensor, Tensor) {
    let x = Tensor::from_fn([n, 2], DType::F64, |i| (1.3 * i as f64).sin());
    let y = Tensor::from_fn([n, 1], DType::F64, |i| (0.7 * i as f64).cos());
    (x, y)
}

/// A network in double precision.
fn small() -> Sequential {
    let net = Sequential::new().then(Linear::new(2, 8, 0)).then(Tanh).then(Linear::new(8, 1, 1));
    net.params().iter().for_each(|param| param.cast(DType::F64));
    net
}

fn sgd(net: &dyn Layer) -> Sgd {
    Sgd::new(&net.params(), 0.1).unwrap().momentum(0.9).unwrap().decay(Decay::Weights(1e-3)).unwrap()
}

#[test]
fn each_part_changes_what_it_says_and_step_changes_all() {
    let net = small();
    let mut optimizer = sgd(&net);
    let mut solver = Solver::new(&net, &mut optimizer, DataLoader::new(points(6), 2).unwrap()).loss(mean_squared_error);
    let start = numbers(&net);
    let state = |solver: &Solver| {
        (
            numbers(&net) == start,
            solver.gradients().is_some(),
            solver.iteration(),
            solver.position(),
            solver.losses().len(),
        )
    };
    assert_eq!(state(&solver), (true, false, 0, (0, 0), 0));
    let loss = solver.forward().unwrap();
    assert_eq!(state(&solver), (true, false, 0, (0, 1), 0), "forward: the data alone moved on");
    solver.backward().unwrap();
    assert_eq!(state(&solver), (true, true, 0, (0, 1), 0), "backward: there are gradients");
    assert_eq!(solver.update().unwrap(), loss);
    assert_eq!(state(&solver), (false, false, 1, (0, 1), 1), "update: parameters and count");
    solver.step(1).unwrap();
    assert_eq!(state(&solver), (false, false, 2, (0, 2), 2));
    solver.forward().unwrap();
    solver.forward().unwrap();
    assert_eq!((solver.position(), solver.iteration()), ((1, 1), 2), "the second batch was of the next epoch");
}

#[test]
fn a_step_is_forward_backward_and_update() {
    let run = |parts: bool| {
        let net = small();
        let mut optimizer = sgd(&net);
        let mut solver =
            Solver::new(&net, &mut optimizer, DataLoader::new(points(6), 2).unwrap()).loss(mean_squared_error);
        for _ in 0..7 {
            if parts {
                solver.forward().unwrap();
                solver.backward().unwrap();
                solver.update().unwrap();
            } else {
                solver.step(1).unwrap();
            }
        }
        (solver.losses().to_vec(), numbers(&net))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn the_solver_makes_the_steps_of_the_trainer_bit_for_bit() {
    let schedule = || Schedule::Step { step_size: 5, gamma: 0.5 };
    let trained = net();
    let mut optimizer = Adam::new(&trained.params(), 0.02).unwrap();
    let trainer = Trainer::new(&trained, &mut optimizer).epochs(2).schedule(schedule()).clip_norm(0.5);
    let history = trainer.fit(&mut batches()).unwrap();

    let solved = net();
    let mut optimizer = Adam::new(&solved.params(), 0.02).unwrap();
    let mut solver = Solver::new(&solved, &mut optimizer, batches()).schedule(schedule()).unwrap().clip_norm(0.5);
    let last = solver.step(14).unwrap();
    assert_eq!((solver.losses(), last), (&history.losses[..], history.losses[13]));
    assert_eq!(numbers(&solved), numbers(&trained));
    drop(solver);
    assert_eq!(optimizer.learning_rate(), 0.02, "the optimizer has its own learning rate again");
}

#[test]
fn iter_size_makes_one_step_of_several_batches() {
    // The mean over the halves is that of the whole: three batches of two are one of six.
    let run = |size: usize, iter_size: usize| {
        let net = small();
        let mut optimizer = sgd(&net);
        let source = DataLoader::new(points(6), size).unwrap();
        let mut solver = Solver::new(&net, &mut optimizer, source).loss(mean_squared_error).iter_size(iter_size);
        solver.step(5).unwrap();
        (solver.losses().to_vec(), numbers(&net).concat())
    };
    let (whole, parts) = (run(6, 1), run(2, 3));
    for (a, b) in whole.0.iter().chain(&whole.1).zip(parts.0.iter().chain(&parts.1)) {
        assert!((a - b).abs() < 1e-13, "{a} and {b}");
    }
}

#[test]
fn the_norm_that_is_clipped_is_that_of_the_sum_over_the_passes() {
    let w = Param::new("w", Tensor::from([0.0f64]));
    struct Times(Param);
    impl Layer for Times {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            x * x.tape().watch(&self.0)
        }
        fn params(&self) -> Vec<Param> {
            vec![self.0.clone()]
        }
    }
    let net = Times(w.clone());
    let mut sgd = Sgd::new(&net.params(), 1.0).unwrap();
    let batch = |x: f64| Batch::from((Tensor::from([x]), vec![0]));
    let mut solver = Solver::new(&net, &mut sgd, vec![batch(3.0), batch(5.0)]).loss(|y, _| Ok(y[0].sum()));
    solver = solver.iter_size(2).clip_norm(4.0);
    solver.step(1).unwrap();
    assert_eq!(w.value().item(), -2.0, "the sum 8 is clipped to 4, and divided by 2");
}

#[test]
fn a_network_may_hold_its_loss_and_take_its_labels_as_a_bottom() {
    let net = Graph::builder(["data", "target"])
        .layer("fc", Linear::new(2, 1, 0), ["data"], ["fc"])
        .layer("loss", LambdaAll(|x| vec![x[0].euclidean_loss(x[1])]), ["fc", "target"], ["loss"])
        .build(["loss"])
        .unwrap();
    let (x, y) = points(6);
    let batch = Batch { inputs: vec![x, y], ..Batch::default() };
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let mut solver = Solver::new(&net, &mut sgd, vec![batch]).loss(|y, _| Ok(y[0]));
    let first = solver.step(1).unwrap();
    assert!(solver.step(50).unwrap() < first);
}

#[test]
fn a_solver_goes_on_from_its_snapshot_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("run");
    let source = || Batches::new(set(), 8).unwrap().shuffle(Shuffle::EveryEpoch, 3);
    let whole = net();
    let mut optimizer = sgd(&whole);
    let mut solver = Solver::new(&whole, &mut optimizer, source()).iter_size(2).snapshots(&prefix, 5);
    solver.step(12).unwrap();
    let losses = solver.losses().to_vec();
    assert!(folder.path().join("run_iter_5.safetensors").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "after 5 and 10 of 12 iterations");

    let resumed = net();
    let mut optimizer = sgd(&resumed);
    let mut solver = Solver::new(&resumed, &mut optimizer, source()).iter_size(2);
    solver.restore(folder.path().join("run_iter_5.safetensors")).unwrap();
    assert_eq!((solver.iteration(), solver.position()), (5, (1, 3)), "10 batches: an epoch of 7, and 3 of the next");
    solver.step(7).unwrap();
    assert_eq!(solver.losses(), losses);
    assert_eq!(numbers(&resumed), numbers(&whole));
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let net = small();
    let [first, second, third, fourth, fifth, sixth] = &mut std::array::from_fn(|_| sgd(&net));
    let source = || DataLoader::new(points(6), 2).unwrap();
    let mut solver = Solver::new(&net, first, source()).loss(mean_squared_error);
    let said = |result: wengert::Result<f64>| result.unwrap_err().to_string();
    let must = "but it must be `forward` and `backward`, as often as wanted, then `update`";
    assert_eq!(
        solver.backward().unwrap_err().to_string(),
        format!("solver: order of calls = `backward` without `forward`, {must}")
    );
    assert_eq!(said(solver.update()), format!("solver: order of calls = `update` without `backward`, {must}"));
    solver.forward().unwrap();
    solver.backward().unwrap();
    assert_eq!(
        solver.backward().unwrap_err().to_string(),
        format!("solver: order of calls = `backward` without `forward`, {must}"),
        "a pass is differentiated once"
    );
    let prefix = "solver: snapshots = no prefix, but it must be given a prefix with `Solver::snapshots`";
    assert_eq!(solver.snapshot().unwrap_err().to_string(), prefix);

    let path = folder.path().join("other.safetensors");
    Checkpoint::new(&net.tensors(), Vec::new()).save(&path).unwrap();
    let other = format!("{}: it is a checkpoint, but not a snapshot of a solver", path.display());
    assert_eq!(solver.restore(&path).unwrap_err().to_string(), other);
    let long = folder.path().join("long");
    let longer = Solver::new(&net, second, DataLoader::new(points(6), 1).unwrap());
    let mut longer = longer.loss(mean_squared_error).snapshots(&long, 5);
    longer.step(5).unwrap();
    drop(longer);
    let mut solver = Solver::new(&net, third, source());
    let path = folder.path().join("long_iter_5.safetensors");
    let read = format!("{}: more batches of its epoch were read than there are in the source", path.display());
    assert_eq!(solver.restore(&path).unwrap_err().to_string(), read);

    let mut empty = Solver::new(&net, fourth, Vec::<Batch>::new()).loss(mean_squared_error);
    assert_eq!(said(empty.step(1)), "epoch 1 of the source of batches is empty: an epoch needs at least one batch");
    let mut pair = Solver::new(&net, fifth, source()).loss(|y, _| Ok(y[0]));
    assert_eq!(
        said(pair.forward()),
        "backward: the gradient of a single number was asked for, but this node has shape [2, 1]; reduce it first (`.sum()` or `.mean()`), or give the upstream gradient with `vjp`"
    );
    let schedule = Schedule::Step { step_size: 0, gamma: 0.5 };
    let refused = Solver::new(&net, sixth, source()).schedule(schedule).err().unwrap();
    assert_eq!(refused.to_string(), "schedule: step_size = 0, but it must be at least 1");
}

#[test]
fn a_value_is_found_by_its_position() {
    let tape = Tape::f64();
    let y = tape.leaf([1.0, 2.0]) * 3.0;
    assert_eq!(tape.var(y.index()).value(), y.value());
    let panic = std::panic::catch_unwind(|| Tape::f64().var(4).index()).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "the tape has no value at position 4: 0 are recorded");
}

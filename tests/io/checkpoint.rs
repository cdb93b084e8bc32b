//! Checkpoints of runs: every bit kept, older versions read, others refused.

use wengert::io::{self, Checkpoint, TensorFile};
use wengert::nn::{Layer, Sequential};
use wengert::optim::{Adam, Optimizer, Sgd};
use wengert::{DType, Tensor};

use crate::{message, net, numbers};

fn checkpoint(net: &Sequential, optimizer: &dyn Optimizer) -> Checkpoint {
    let mut checkpoint = Checkpoint::new(&net.tensors(), optimizer.state());
    (checkpoint.epoch, checkpoint.iteration, checkpoint.seed) = (3, 117, u64::MAX);
    (checkpoint.learning_rate, checkpoint.seconds) = (0.1 + 0.2, 1.5);
    checkpoint.losses = vec![2.5, 1.0 / 3.0];
    checkpoint.metrics = vec![("accuracy".to_owned(), vec![0.0, 7.0 / 128.0])];
    checkpoint.validation = vec![("loss".to_owned(), vec![0.5])];
    checkpoint.best = vec![("0.weight".to_owned(), Tensor::from([0.25]))];
    checkpoint.config = serde_json::json!({ "data": "digits", "batch": 128 });
    checkpoint
}

#[test]
fn a_checkpoint_keeps_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (one, two) = (net(3, 0), net(3, 9));
    let optimizer = Adam::new(&one.params(), 0.1).unwrap();
    let saved = checkpoint(&one, &optimizer);
    saved.save(&path).unwrap();
    let back = Checkpoint::load(&path).unwrap();
    assert_eq!((back.epoch, back.iteration, back.seed), (3, 117, u64::MAX));
    assert_eq!((back.learning_rate, back.seconds), (saved.learning_rate, saved.seconds));
    assert_eq!((&back.losses, &back.metrics), (&saved.losses, &saved.metrics));
    assert_eq!((&back.validation, &back.best), (&saved.validation, &saved.best));
    assert_eq!(back.config, saved.config);
    let mut other = Adam::new(&two.params(), 0.1).unwrap();
    back.restore(&two.tensors(), |state| other.load_state(state)).unwrap();
    assert_eq!(numbers(&one.tensors()), numbers(&two.tensors()));
    Checkpoint::new(&one.tensors(), optimizer.state()).save(&path).unwrap();
    assert!(Checkpoint::load(&path).unwrap().losses.is_empty());
}

#[test]
fn checkpoints_of_older_versions_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (one, two) = (net(3, 0), net(3, 9));
    let saved = checkpoint(&one, &Adam::new(&one.params(), 0.1).unwrap());
    one.freeze("0").unwrap();
    let frozen = checkpoint(&one, &Adam::new(&one.params(), 0.1).unwrap());
    frozen.save(&path).unwrap();
    let mut file = TensorFile::read(&path).unwrap();
    file.tensors.retain(|(name, _)| !name.starts_with("best.") && !name.starts_with("validation."));
    let rename = |file: &mut TensorFile, old: &str, new: &str| {
        file.tensors.iter_mut().for_each(|(name, _)| *name = name.replace(old, new));
    };
    rename(&mut file, "metric.accuracy", "run.batch_accuracies");
    for (version, names) in [(2, &[][..]), (1, &[("optimizer.", "optimiser."), ("run.learning_rate", "run.rate")][..])]
    {
        names.iter().for_each(|(new, old)| rename(&mut file, new, old));
        let text = format!(r#"{{"version":{version},"epoch":3,"iteration":117,"seed":7,"config":null}}"#);
        file.metadata.insert("wengert.checkpoint".into(), text);
        file.write(&path).unwrap();

        let back = Checkpoint::load(&path).unwrap();
        assert_eq!((back.learning_rate, &back.metrics), (saved.learning_rate, &saved.metrics));
        let mut other = Adam::new(&two.params(), 0.1).unwrap();
        // What was frozen stands in no older file.
        back.restore(&two.tensors(), |state| other.load_state(state)).unwrap();
        assert_eq!(numbers(&one.tensors()), numbers(&two.tensors()));
    }
}

#[test]
fn frozen_parameters_are_those_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (one, two) = (net(3, 0), net(3, 9));
    one.freeze("0.weight").unwrap();
    checkpoint(&one, &Adam::new(&one.params(), 0.1).unwrap()).save(&path).unwrap();
    let back = Checkpoint::load(&path).unwrap();
    let mut other = Adam::new(&two.params(), 0.1).unwrap();
    let before = numbers(&two.tensors());
    let error = back.restore(&two.tensors(), |state| other.load_state(state)).unwrap_err().to_string();
    let list = |names: Vec<String>| names.join(", ");
    let state = |with: &[&str]| {
        list(
            with.iter().map(|name| (*name).to_owned()).chain(two.state().iter().map(|p| p.name().to_owned())).collect(),
        )
    };
    let expected = format!(
        "resuming from {}: frozen parameters = {} (they were {}), but it must be those of the checkpoint: freeze or unfreeze the others first",
        path.display(),
        if two.state().is_empty() { "none".into() } else { state(&[]) },
        state(&["0.weight"]),
    );
    assert_eq!(error, expected);
    assert_eq!(numbers(&two.tensors()), before);
    two.freeze("0.weight").unwrap();
    back.restore(&two.tensors(), |state| other.load_state(state)).unwrap();
}

#[test]
fn a_checkpoint_of_another_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (source, wide) = (net(3, 0), net(5, 0));
    checkpoint(&source, &Adam::new(&source.params(), 0.1).unwrap()).save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();

    let result = loaded.restore(&wide.tensors(), |_| panic!("the network is checked first"));
    let expected = "its entry `net.0.weight` has shape [4, 3], but [4, 5] is needed";
    assert_eq!(message(&path, result), expected);

    let target = net(3, 4);
    let before = numbers(&target.tensors());
    let mut sgd = Sgd::new(&target.params(), 0.1).unwrap().momentum(0.9).unwrap();
    let result = loaded.restore(&target.tensors(), |state| sgd.load_state(state));
    let expected = "it has an entry `optimizer.exp_avg.0.bias` that is not known here";
    assert_eq!(message(&path, result), expected);
    assert_eq!(numbers(&target.tensors()), before);
}

#[test]
fn numbers_that_no_optimizer_has_are_refused_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (source, target) = (net(3, 0), net(3, 4));
    let saved = checkpoint(&source, &Adam::new(&source.params(), 0.1).unwrap());
    let mut adam = Adam::new(&target.params(), 0.1).unwrap();
    let (before, moments) = (numbers(&target.tensors()), adam.state());
    let mut check = |name: &str, index: usize, value: f64, expected: &str| {
        let mut bad = saved.clone();
        let (_, tensor) = bad.optimizer.iter_mut().find(|(candidate, _)| candidate == name).unwrap();
        let dtype = tensor.dtype();
        *tensor =
            Tensor::from_fn(tensor.shape().clone(), DType::F64, |i| if i == index { value } else { 0.0 }).cast(dtype);
        bad.save(&path).unwrap();
        let result = Checkpoint::load(&path).unwrap().restore(&target.tensors(), |state| adam.load_state(state));
        let expected = format!("{}: its entry `optimizer.{name}` holds {expected}", path.display());
        assert_eq!(result.unwrap_err().to_string(), expected);
        assert_eq!(numbers(&target.tensors()), before);
        assert!(adam.state() == moments, "the optimizer has changed");
    };
    let whole = "but every number of it must be a whole number from 0 to 2^53 - 1";
    check("steps", 0, 2f64.powi(53), &format!("9007199254740992 at index 0, {whole}"));
    check("exp_avg.0.weight", 11, f64::NAN, "NaN at index 11, but every number of it must be finite");
    let square = "but every number of it must be finite and not negative";
    check("exp_avg_sq.0.weight", 3, -0.5, &format!("-0.5 at index 3, {square}"));
    check("exp_avg_sq.out.bias", 1, f64::INFINITY, &format!("inf at index 1, {square}"));
}

#[test]
fn other_files_are_no_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let net = net(3, 0);
    io::save(&path, &net.tensors()).unwrap();
    assert_eq!(message(&path, Checkpoint::load(&path)), "it holds tensors, but no checkpoint of a run");

    checkpoint(&net, &Adam::new(&net.params(), 0.1).unwrap()).save(&path).unwrap();
    let whole = TensorFile::read(&path).unwrap();
    let check = |change: &dyn Fn(&mut TensorFile), expected: &str| {
        let mut file = whole.clone();
        change(&mut file);
        file.write(&path).unwrap();
        assert_eq!(message(&path, Checkpoint::load(&path)), expected);
    };
    check(&|f| f.tensors.retain(|(name, _)| name != "run.losses"), "it has no entry `run.losses`");
    check(&|f| f.tensors.push(("x".into(), Tensor::from(1.0))), "it has an entry `x` that is not known here");
    let version = |f: &mut TensorFile| {
        let text = f.metadata.get_mut("wengert.checkpoint").unwrap();
        *text = text.replace("\"version\":3", "\"version\":9");
    };
    check(&version, "it is a checkpoint of version 9, but only 1 to 3 can be read");
    let no_rate = |f: &mut TensorFile| {
        f.tensors
            .iter_mut()
            .filter(|(name, _)| name == "run.learning_rate")
            .for_each(|(_, t)| *t = Tensor::from(vec![0.0; 0]));
    };
    check(&no_rate, "its entry `run.learning_rate` is not one number");
    let mut file = whole.clone();
    file.metadata.insert("wengert.checkpoint".into(), "{".into());
    file.write(&path).unwrap();
    let message = message(&path, Checkpoint::load(&path));
    assert!(message.starts_with("its entry `wengert.checkpoint`: EOF while parsing"), "{message}");
}

//! Runs that cannot go on, and questions that have no answer: each is told in a sentence.

use wengert::io::Checkpoint;
use wengert::nn::{Layer, Linear, Sequential, Tanh};
use wengert::optim::{Schedule, Sgd};
use wengert::train::{
    Batch, History, Trainer, Validation, accuracy, confusion, finalize_statistics, mean_squared_error, predict,
};
use wengert::{DType, Error, Tensor, Var};

use crate::{batches, net, numbers, run};

/// Passes its input on, and spoils it from the call `from` on.
struct Spoil {
    from: usize,
    calls: std::cell::Cell<usize>,
    value: f64,
}

impl Layer for Spoil {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() >= self.from { x * self.value } else { x }
    }
}

/// A network of a linear layer behind a [`Spoil`].
struct Spoiled(Spoil, Linear);

impl Layer for Spoiled {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.1.forward(self.0.forward(x.flatten(1)))
    }
    fn params(&self) -> Vec<wengert::Param> {
        self.1.params()
    }
}

#[test]
fn a_loss_of_nan_stops_the_run_and_leaves_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let spoil = Spoil { from: 18, calls: 0.into(), value: f64::NAN };
    let net = Spoiled(spoil, Linear::new(6, 3, 0));
    let mut optimizer = Sgd::new(&net.params(), 0.1).unwrap();
    let trainer = Trainer::new(&net, &mut optimizer).epochs(5).save_checkpoints(&path, 1);
    let error = trainer.fit(&mut batches()).unwrap_err();
    assert!(matches!(error, Error::NonFinite { .. }));
    let expected = "the loss of iteration 18 (epoch 3) holds NaN at index 0; every number must be finite; \
                    first, node %2 (mul) is NaN at index [0, 0]: it was computed from FIRST and NaN, \
                    at tests/train/failures.rs:LINE; check the inputs, lower the learning rate, or clip the gradients of the \
                    steps before (`Trainer::clip_norm`); `Trainer::replay` opens iteration 18";
    assert_eq!(without_numbers(&error.to_string()), expected);
    let saved = Checkpoint::load(&path).unwrap();
    assert_eq!((saved.epoch, saved.losses.len()), (2, 14));
    assert!(numbers(&net).iter().flatten().all(|x| x.is_finite()));
}

/// A message without the first operand and the line, which belong to the data and to this file.
fn without_numbers(message: &str) -> String {
    let cut = |text: &str, after: &str, until: &str, word: &str| {
        let (before, rest) = text.split_once(after).unwrap();
        format!("{before}{after}{word}{}", &rest[rest.find(until).unwrap()..])
    };
    let text = cut(message, "computed from ", " and", "FIRST");
    cut(&text, "tests/train/failures.rs:", ";", "LINE")
}

/// √ of a parameter that is 0: finite itself, with an infinite slope.
struct Root(wengert::Param, wengert::Param);

impl Layer for Root {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape = x.tape();
        x.flatten(1) * tape.watch(&self.0) + tape.watch(&self.1).sqrt()
    }
    fn params(&self) -> Vec<wengert::Param> {
        vec![self.0.clone(), self.1.clone()]
    }
}

#[test]
fn a_gradient_that_is_not_finite_names_the_first_such_parameter_of_the_network() {
    let param = |name: &str| wengert::Param::new(name, Tensor::zeros([6], DType::F32));
    let net = Sequential::new().then(Root(param("scale"), param("shift"))).then(Linear::new(6, 3, 0));
    let mut batches = (1, |_| std::iter::once((Tensor::ones([3, 6], DType::F32), vec![0, 1, 1])));
    for clip in [false, true] {
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        let trainer = Trainer::new(&net, &mut sgd);
        let trainer = if clip { trainer.clip_norm(1.0) } else { trainer };
        let message = trainer.fit(&mut batches).unwrap_err().to_string();
        let message = message.replace("-inf", "inf");
        let (before, rest) = message.split_once("tests/train/failures.rs:").unwrap();
        let message = format!("{before}LINE{}", &rest[rest.find(" in layer").unwrap()..]);
        let (message, own) = message.split_once(" for its own gradient ").unwrap();
        let expected = "the gradient of parameter `0.shift` holds inf at index 0; every number must be finite; \
                        the forward pass is finite throughout, so it arose in the backward pass: the gradient with respect \
                        to %3 (leaf `0.shift`) is not finite: sqrt at LINE in layer 0 hands on inf at index [0]";
        assert_eq!(message, expected);
        let expected = "; its input is 0.0; check the inputs, lower the learning rate, or clip the gradients of the steps \
                        before (`Trainer::clip_norm`); `Trainer::replay` opens iteration 1";
        assert!(own.ends_with(expected), "{own}");
    }
}

#[test]
fn bad_runs_are_reported() {
    let error = |result: wengert::Result<History>| result.unwrap_err().to_string();
    let schedule = Schedule::Step { step_size: 0, gamma: 0.5 };
    assert_eq!(error(run(1, |t| t.schedule(schedule)).0), "schedule: step_size = 0, but it must be at least 1");
    assert_eq!(error(run(1, |t| t.clip_norm(-1.0)).0), "clip_norm: limit = -1, but it must be positive");
    assert_eq!(error(run(0, |t| t).0), "trainer: epochs = 0, but it must be at least 1");
    let stop = |_: &wengert::train::Iteration| {
        Err(Error::Setting { of: "hook".into(), name: "x", value: "1".into(), must: "2" })
    };
    assert_eq!(error(run(1, |t| t.on_iteration(stop)).0), "hook: x = 1, but it must be 2");
    let message = error(run(1, |t| t.resume_from("/no/such/file")).0);
    assert_eq!(message, "cannot read /no/such/file: No such file or directory (os error 2)");
    let net = net();
    let mut optimizer = Sgd::new(&net.params(), 0.1).unwrap();
    let mut nothing = (1, |_| std::iter::empty::<Batch>());
    let message = Trainer::new(&net, &mut optimizer).fit(&mut nothing).unwrap_err().to_string();
    assert_eq!(message, "epoch 1 of the source of batches is empty: an epoch needs at least one batch");
    let mut wrong = (1, |_| std::iter::once((Tensor::zeros([2, 6], DType::F32), vec![0, 3])));
    let message = Trainer::new(&net, &mut optimizer).fit(&mut wrong).unwrap_err().to_string();
    let expected = "cross_entropy: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 4 classes";
    assert_eq!(message, expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let error = |result: wengert::Result<History>| result.unwrap_err().to_string();
    let message = error(run(1, |t| t.save_checkpoints("/dev/full", 1)).0);
    assert_eq!(message, "cannot write /dev/full: No space left on device (os error 28)");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let message = error(run(1, |t| t.output(full)).0);
    assert_eq!(message, "cannot write the table of losses: No space left on device (os error 28)");
}

#[test]
fn bad_questions_are_reported() {
    fn error<T>(result: wengert::Result<T>) -> String {
        result.err().unwrap().to_string()
    }
    let (net, images) = (net(), Tensor::zeros([4, 6], DType::F32));
    assert_eq!(error(predict(&net, &images, 0)), "predict: batch = 0, but it must be at least 1");
    let empty = Tensor::zeros([0, 6], DType::F32);
    let expected = "predict: the tensor of images is empty: it takes at least one image";
    assert_eq!(error(predict(&net, &empty, 4)), expected);
    let expected = "finalize_statistics: batch = 0, but it must be at least 1";
    assert_eq!(error(finalize_statistics(&net, &images, 0)), expected);
    let expected = "accuracy: labels = 3 of them for 4 images, but it must be one for each image";
    assert_eq!(error(accuracy(&net, &images, &[0, 1, 2], 4)), expected);
    let flat = Sequential::new().then(Tanh);
    let expected = "the network's output: a classifier must return logits [observations, classes], but got [4, 3, 2]";
    assert_eq!(error(predict(&flat, &Tensor::zeros([4, 3, 2], DType::F32), 4)), expected);
    let rows = Tensor::from([[0.0, 1.0], [0.0, f64::NAN], [0.0, 0.0]]);
    let expected = "the output of the network for image 1 holds NaN at index 1; every number must be finite";
    assert_eq!(error(predict(&flat, &rows, 2)), expected);
    let expected =
        "confusion: predicted classes = 1 of them for 2 true classes, but it must be one for each true class";
    assert_eq!(error(confusion(&[0, 1], &[0], 2)), expected);
    let expected = "confusion: label 2 of observation 1 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes";
    assert_eq!(error(confusion(&[0, 1], &[0, 2], 2)), expected);
}

/// x₀ + x₁.
struct Added;

impl Layer for Added {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] + x[1]]
    }
}

/// The line of `Added` that fails where there is one input.
const ADDED: u32 = line!() - 5;

/// The message of a run of the network on one batch.
fn refused(net: &dyn Layer, batch: Batch) -> String {
    let unused = wengert::Param::new("unused", Tensor::zeros([1], DType::F32));
    let mut sgd = Sgd::new(&[net.params(), vec![unused]].concat(), 0.1).unwrap();
    let error = Trainer::new(net, &mut sgd).fit(&mut (1, |_| std::iter::once(batch.clone()))).unwrap_err();
    error.to_string()
}

#[test]
fn a_network_that_does_not_fit_the_batch_is_an_error_with_both() {
    let x = |features: usize| Tensor::zeros([2, features], DType::F32);
    let fc =
        "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns, but got";
    // A layer of the library has no line of the user's; one in a network has the line that put it there.
    assert_eq!(
        refused(&Linear::new(5, 3, 0), Batch::from((x(4), vec![0, 1]))),
        format!(
            "the network failed on the batch of iteration 1 (epoch 1), with the input [2, 4]: {fc} [2, 4] and [3, 5]"
        )
    );
    let line = line!() + 1;
    let net = Sequential::new().named("fc", Linear::new(5, 3, 0));
    assert_eq!(
        refused(&net, Batch::from((x(4), vec![0, 1]))),
        format!(
            "the network failed on the batch of iteration 1 (epoch 1), with the input [2, 4]: {fc} [2, 4] and [3, 5] \
             (in layer fc, at tests/train/failures.rs:{line}:33)"
        )
    );
    assert_eq!(
        refused(&Linear::new(4, 3, 0), Batch::from(([x(4), x(6)], vec![0, 1]))),
        "the network failed on the batch of iteration 1 (epoch 1), with the inputs [2, 4] and [2, 6]: layer `Linear`: \
         it takes one input, but got [2, 4] and [2, 6]"
    );
    let added = format!("index out of bounds: the len is 1 but the index is 1, at tests/train/failures.rs:{ADDED}:21");
    assert_eq!(
        refused(&Added, Batch::from((x(4), vec![0, 1]))),
        format!("the network failed on the batch of iteration 1 (epoch 1), with the input [2, 4]: {added}")
    );
    // In a network, the layer has a name.
    let outer = Sequential::new().named("block", Sequential::new().then(Linear::new(4, 4, 0)).then(Added));
    assert_eq!(
        refused(&outer, Batch::from((x(4), vec![0, 1]))),
        format!(
            "the network failed on the batch of iteration 1 (epoch 1), with the input [2, 4]: index out of bounds: the len \
             is 1 but the index is 1 (in layer block.1, at tests/train/failures.rs:{ADDED}:21)"
        )
    );
    let error = predict(&Linear::new(5, 3, 0), &Tensor::zeros([5, 4], DType::F32), 3).unwrap_err();
    let expected = format!("the network failed on observations 0 to 2, with the input [3, 4]: {fc} [3, 4] and [3, 5]");
    assert_eq!(error.to_string(), expected);
    let Error::Network(fault) = error else { panic!("{error}") };
    assert_eq!((fault.shapes, fault.at.as_str()), (vec![[3, 4].into()], ""));
    let mut held_out = (1, |_| std::iter::once((x(6), vec![0, 1])));
    let (net, mut batches) = (Linear::new(4, 3, 0), (1, |_| std::iter::once((x(4), vec![0, 1]))));
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let validated = Trainer::new(&net, &mut sgd).validate(Validation::new(&mut held_out));
    assert_eq!(
        validated.fit(&mut batches).unwrap_err().to_string(),
        format!(
            "the network failed on a batch of the validation after epoch 1, with the input [2, 6]: {fc} [2, 6] and [3, 4]"
        )
    );
}

#[test]
fn a_panic_that_became_an_error_is_printed_only_with_a_backtrace() {
    let stderr = |backtrace: &str| {
        let name = "failures::a_network_that_does_not_fit_the_batch_is_an_error_with_both";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name, "--nocapture"]).env("RUST_BACKTRACE", backtrace).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!stderr("0").contains("panicked"));
    assert!(stderr("1").contains("panicked"));
}

#[test]
fn targets_without_a_loss_for_them_are_refused() {
    let x = Tensor::zeros([2, 4], DType::F32);
    assert_eq!(
        refused(&Linear::new(4, 1, 0), Batch::from((x.clone(), Tensor::zeros([2, 1], DType::F32)))),
        "the list of labels of the batch is empty: the batch has targets, but the default loss is cross-entropy, which takes \
         labels; give `.loss(mean_squared_error)` or another"
    );
    let neither = Batch { inputs: vec![x], ..Batch::default() };
    let message = refused(&Linear::new(4, 1, 0), neither);
    assert!(message.starts_with("the batch of labels is empty"), "{message}");
}

#[test]
fn numbers_of_a_batch_that_are_not_finite_are_named_after_it() {
    let advice = "check the inputs, lower the learning rate, or clip the gradients of the steps before \
                  (`Trainer::clip_norm`); `Trainer::replay` opens iteration 1";
    let says = |x: [f64; 2], y: f64, first: &str| {
        let net = Linear::new(2, 1, 0);
        net.tensors().iter().for_each(|param| param.set(&Tensor::zeros(param.shape(), DType::F32)).unwrap());
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        let mut source = (1, |_| std::iter::once((Tensor::from([x]), Tensor::from([[y]]))));
        let trainer = Trainer::new(&net, &mut sgd).dtype(DType::F64).loss(mean_squared_error);
        let error = trainer.fit(&mut source).unwrap_err().to_string();
        let (_, why) = error.split_once("every number must be finite; first, ").unwrap();
        assert_eq!(why, format!("{first}; {advice}"));
    };
    says([1.0, f64::NAN], 0.0, "input 0 of the batch is NaN at index [0, 1]: it came from outside");
    says([1.0, 2.0], f64::INFINITY, "the target of the batch is inf at index [0, 0]: it came from outside");
    // The loss of the library overflows; none of its lines is the user's.
    says(
        [0.0, 0.0],
        1e200,
        "node %5 (mse_loss) is inf: it was computed from numbers between 0.0 and 0.0 and numbers between 1e200 and 1e200",
    );
}

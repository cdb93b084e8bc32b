//! The checkpoint of a training run: everything that it needs to resume as if it had not been interrupted.
//!
//! One safetensors file holds the network (`net.NAME`), the optimizer (`optimizer.NAME`) and the run so far
//! (`run.losses`, ...) as numbers, so that every bit is kept, and the counters as JSON in its metadata. Files of
//! version 1, in which some names were spelled differently ([`OLD_NAMES`]), are read as well.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{TensorFile, weights};
use crate::{DType, Error, FormatProblem, Param, Result, Tensor};

/// The saved state of a training run. (What trades time for memory in a backward pass is activation checkpointing,
/// [`Tape::checkpoint`](crate::Tape::checkpoint).)
///
/// ```
/// use wengert::{Param, Tensor, io::Checkpoint};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("last.safetensors");
/// // Usually a layer's `tensors()` and an optimizer's `state()`.
/// let net = [Param::new("weight", Tensor::from([0.5, -1.0]))];
/// let mut velocity = vec![("velocity.weight".to_owned(), Tensor::from([0.0, 0.25]))];
/// let mut checkpoint = Checkpoint::new(&net, velocity.clone());
/// checkpoint.epoch = 4;
/// checkpoint.losses = vec![0.5, 0.25];
/// checkpoint.save(&path)?;
///
/// velocity.clear();
/// net[0].set(&Tensor::from([0.0, 0.0]))?;
/// let loaded = Checkpoint::load(&path)?;
/// loaded.restore(&net, |state| {
///     velocity = state.to_vec(); // an optimizer's `load_state(state)`
///     Ok(())
/// })?;
/// assert_eq!((net[0].value().to_vec(), velocity[0].1.to_vec()), (vec![0.5, -1.0], vec![0.0, 0.25]));
/// assert_eq!((loaded.epoch, loaded.losses), (4, vec![0.5, 0.25]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The number of finished epochs.
    pub epoch: usize,
    /// The number of iterations.
    pub iteration: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The learning rate of the last iteration.
    pub learning_rate: f64,
    /// The seconds that the run has taken.
    pub seconds: f64,
    /// The loss of each iteration.
    pub losses: Vec<f64>,
    /// The values of each metric in each iteration, by name.
    pub metrics: Vec<(String, Vec<f64>)>,
    /// The numbers of each validation, by name.
    pub validation: Vec<(String, Vec<f64>)>,
    /// The tensors of the network after its best epoch, by name, if they are kept.
    pub best: Vec<(String, Tensor)>,
    /// The settings of the run, as the program gives them.
    pub config: serde_json::Value,
    /// The optimizer's state, by name.
    pub optimizer: Vec<(String, Tensor)>,
    net: Vec<(String, Tensor)>,
    /// The tensors of the network that are not trained, by name; unknown in files of versions 1 and 2.
    frozen: Option<Vec<String>>,
    path: PathBuf,
}

/// The part that is stored as JSON.
#[derive(Serialize, Deserialize)]
struct Counters {
    version: u32,
    epoch: usize,
    iteration: u64,
    seed: u64,
    config: serde_json::Value,
    #[serde(default)]
    frozen: Option<Vec<String>>,
}

/// The metadata entry with the counters.
const KEY: &str = "wengert.checkpoint";
/// Increased when the layout of the file changes.
const VERSION: u32 = 3;
/// Prefixes of names in older versions, up to which they were used, and what they are now.
const OLD_NAMES: [(u32, &str, &str); 3] = [
    (1, "optimiser.", "optimizer."),
    (1, "run.rate", "run.learning_rate"),
    (2, "run.batch_accuracies", "metric.accuracy"),
];

impl Checkpoint {
    /// The checkpoint of a run at its start: the current tensors of a network and those of an optimizer; all else is 0,
    /// empty or null.
    pub fn new(net: &[Param], optimizer: Vec<(String, Tensor)>) -> Self {
        Checkpoint {
            epoch: 0,
            iteration: 0,
            seed: 0,
            learning_rate: 0.0,
            seconds: 0.0,
            losses: Vec::new(),
            metrics: Vec::new(),
            validation: Vec::new(),
            best: Vec::new(),
            config: serde_json::Value::Null,
            optimizer,
            net: weights::named(net),
            frozen: Some(frozen(net)),
            path: PathBuf::new(),
        }
    }

    /// Saves the checkpoint. An old file stays until the new one is whole.
    ///
    /// # Errors
    /// As [`TensorFile::write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let under = |prefix: &'static str, tensors: Vec<(String, Tensor)>| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let run = vec![
            ("losses".to_owned(), Tensor::from(self.losses.clone())),
            ("learning_rate".to_owned(), Tensor::scalar(self.learning_rate, DType::F64)),
            ("seconds".to_owned(), Tensor::scalar(self.seconds, DType::F64)),
        ];
        let numbers = |series: &[(String, Vec<f64>)]| {
            series.iter().map(|(name, values)| (name.clone(), Tensor::from(values.clone()))).collect()
        };
        let tensors = under("net", self.net.clone())
            .chain(under("optimizer", self.optimizer.clone()))
            .chain(under("run", run))
            .chain(under("metric", numbers(&self.metrics)))
            .chain(under("validation", numbers(&self.validation)))
            .chain(under("best", self.best.clone()))
            .collect();
        let Checkpoint { epoch, iteration, seed, .. } = *self;
        let (config, frozen) = (self.config.clone(), self.frozen.clone());
        let counters = Counters { version: VERSION, epoch, iteration, seed, config, frozen };
        let text = serde_json::to_string(&counters).expect("numbers and a JSON value can be written as JSON");
        TensorFile { tensors, metadata: [(KEY.to_owned(), text)].into() }.write(path)
    }

    /// Reads a checkpoint; [`restore`](Checkpoint::restore) then writes it into a network and an optimizer.
    ///
    /// # Errors
    /// As [`TensorFile::read`]; [`Error::Format`] when the file is not a checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let TensorFile { tensors, metadata } = TensorFile::read(path)?;
        let format_error = |problem| Error::Format { path: path.to_owned(), problem };
        let Some(text) = metadata.get(KEY) else {
            return Err(format_error(FormatProblem::Other("it holds tensors, but no checkpoint of a run".into())));
        };
        let counters: Counters = serde_json::from_str(text)
            .map_err(|problem| format_error(FormatProblem::Other(format!("its entry `{KEY}`: {problem}"))))?;
        let version = counters.version;
        if !(1..=VERSION).contains(&version) {
            let problem = format!("it is a checkpoint of version {version}, but only 1 to {VERSION} can be read");
            return Err(format_error(FormatProblem::Other(problem)));
        }
        let Counters { epoch, iteration, seed, config, frozen, .. } = counters;
        let (mut net, mut optimizer, mut run, mut best) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut metrics, mut validation) = (Vec::new(), Vec::new());
        for (mut name, tensor) in tensors {
            let old = OLD_NAMES.iter().find(|(last, old, _)| version <= *last && name.starts_with(old));
            if let Some((_, old, new)) = old {
                name.replace_range(..old.len(), new);
            }
            let (list, name) = match name.split_once('.') {
                Some(("net", rest)) => (&mut net, rest),
                Some(("optimizer", rest)) => (&mut optimizer, rest),
                Some(("run", rest)) => (&mut run, rest),
                Some(("metric", rest)) => (&mut metrics, rest),
                Some(("validation", rest)) => (&mut validation, rest),
                Some(("best", rest)) => (&mut best, rest),
                _ => return Err(format_error(FormatProblem::Unknown { name })),
            };
            list.push((name.to_owned(), tensor));
        }
        let series = |name: &str| {
            let found = run.iter().find(|(candidate, _)| candidate == name);
            let missing = || format_error(FormatProblem::Missing { name: format!("run.{name}") });
            found.map(|(_, tensor)| tensor.to_vec()).ok_or_else(missing)
        };
        let number = |name: &str| {
            let problem = || FormatProblem::Other(format!("its entry `run.{name}` is not one number"));
            series(name)?.first().copied().ok_or_else(|| format_error(problem()))
        };
        let losses = series("losses")?;
        let numbers = |list: Vec<(String, Tensor)>| list.into_iter().map(|(name, t)| (name, t.to_vec())).collect();
        let (learning_rate, seconds) = (number("learning_rate")?, number("seconds")?);
        let path = path.to_owned();
        Ok(Checkpoint {
            epoch,
            iteration,
            seed,
            learning_rate,
            seconds,
            losses,
            metrics: numbers(metrics),
            validation: numbers(validation),
            best,
            config,
            optimizer,
            net,
            frozen,
            path,
        })
    }

    /// Restores the network, and the optimizer through a call of its `load_state`.
    ///
    /// The network's tensors are checked first, then `optimizer` is called, then they are assigned: after an error both
    /// are as they were.
    ///
    /// # Errors
    /// [`Error::Format`] when the checkpoint belongs to another network (an entry is missing, unknown or of another
    /// shape) or to another optimizer; [`Error::Setting`] when other parameters are frozen now than when it was saved.
    pub fn restore(
        &self,
        net: &[Param],
        optimizer: impl FnOnce(&[(String, Tensor)]) -> Result<(), FormatProblem>,
    ) -> Result<()> {
        let within =
            |prefix: &str, problem| Error::Format { path: self.path.clone(), problem: inside(prefix, problem) };
        let matched = weights::matching(&self.net, net).map_err(|problem| within("net", problem))?;
        let now = frozen(net);
        if let Some(then) = self.frozen.as_ref().filter(|then| **then != now) {
            let list = |names: &[String]| if names.is_empty() { "none".into() } else { names.join(", ") };
            let of = format!("resuming from {}", self.path.display());
            let value = format!("{} (they were {})", list(&now), list(then));
            let must = "those of the checkpoint: freeze or unfreeze the others first";
            return Err(Error::setting(&of, "frozen parameters", value, must));
        }
        optimizer(&self.optimizer).map_err(|problem| within("optimizer", problem))?;
        weights::assign(net, &matched)
    }
}

/// The names of what is not trained, in order.
fn frozen(net: &[Param]) -> Vec<String> {
    net.iter().filter(|param| !param.trainable()).map(|param| param.name().to_owned()).collect()
}

/// The same problem, with the entry's name as it stands in a file of this version.
fn inside(prefix: &str, mut problem: FormatProblem) -> FormatProblem {
    if let FormatProblem::Missing { name }
    | FormatProblem::Unknown { name }
    | FormatProblem::LeftOver { name }
    | FormatProblem::Shape { name, .. }
    | FormatProblem::Number { name, .. } = &mut problem
    {
        *name = format!("{prefix}.{name}");
    }
    problem
}

//! A training run at rest: everything that it takes to go on as if nothing had happened.
//!
//! One safetensors file holds the network (`net.NAME`), the optimiser (`optimiser.NAME`), the course of the run so far
//! (`run.losses`, ...) as numbers, which keeps every bit of them, and the counters as JSON in its metadata.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{TensorFile, weights};
use crate::{DType, Error, FormatProblem, Param, Result, Tensor};

/// The state of a run.
///
/// ```
/// use wengert::{Param, Tensor, io::Checkpoint};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("last.safetensors");
/// // A layer's `tensors()` and an optimiser's `state()` are what is kept of most runs.
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
///     velocity = state.to_vec(); // an optimiser's `load_state(state)`
///     Ok(())
/// })?;
/// assert_eq!((net[0].value().to_vec(), velocity[0].1.to_vec()), (vec![0.5, -1.0], vec![0.0, 0.25]));
/// assert_eq!((loaded.epoch, loaded.losses), (4, vec![0.5, 0.25]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The epochs finished.
    pub epoch: usize,
    /// The iterations made.
    pub iteration: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The rate of the last iteration.
    pub rate: f64,
    /// The seconds that the run has taken.
    pub seconds: f64,
    /// The loss of each iteration.
    pub losses: Vec<f64>,
    /// The fraction of its batch that each iteration had right.
    pub batch_accuracies: Vec<f64>,
    /// The settings of the run, in whatever form the program gives them.
    pub config: serde_json::Value,
    /// What the optimiser remembers, by name.
    pub optimiser: Vec<(String, Tensor)>,
    net: Vec<(String, Tensor)>,
    path: PathBuf,
}

/// The part that is kept as JSON.
#[derive(Serialize, Deserialize)]
struct Counters {
    version: u32,
    epoch: usize,
    iteration: u64,
    seed: u64,
    config: serde_json::Value,
}

/// The metadata entry with the counters.
const KEY: &str = "wengert.checkpoint";
/// Counted up when the layout of the file changes.
const VERSION: u32 = 1;

impl Checkpoint {
    /// A run at its start: a network's tensors, as they are now, and an optimiser's; all else is 0, empty or null.
    pub fn new(net: &[Param], optimiser: Vec<(String, Tensor)>) -> Self {
        Checkpoint {
            epoch: 0,
            iteration: 0,
            seed: 0,
            rate: 0.0,
            seconds: 0.0,
            losses: Vec::new(),
            batch_accuracies: Vec::new(),
            config: serde_json::Value::Null,
            optimiser,
            net: weights::named(net),
            path: PathBuf::new(),
        }
    }

    /// Saves the run. The file that was there stays until the new one is whole.
    ///
    /// # Errors
    /// As [`TensorFile::write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let under = |prefix: &'static str, tensors: Vec<(String, Tensor)>| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let run = vec![
            ("losses".to_owned(), Tensor::from(self.losses.clone())),
            ("batch_accuracies".to_owned(), Tensor::from(self.batch_accuracies.clone())),
            ("rate".to_owned(), Tensor::scalar(self.rate, DType::F64)),
            ("seconds".to_owned(), Tensor::scalar(self.seconds, DType::F64)),
        ];
        let tensors = under("net", self.net.clone())
            .chain(under("optimiser", self.optimiser.clone()))
            .chain(under("run", run))
            .collect();
        let Checkpoint { epoch, iteration, seed, .. } = *self;
        let counters = Counters { version: VERSION, epoch, iteration, seed, config: self.config.clone() };
        let text = serde_json::to_string(&counters).expect("numbers and a JSON value can be written as JSON");
        TensorFile { tensors, metadata: [(KEY.to_owned(), text)].into() }.write(path)
    }

    /// Reads a run; [`restore`](Checkpoint::restore) then puts it back into a network and an optimiser.
    ///
    /// # Errors
    /// As [`TensorFile::read`]; [`Error::Format`] when the file is no checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let TensorFile { tensors, metadata } = TensorFile::read(path)?;
        let format_error = |problem| Error::Format { path: path.to_owned(), problem };
        let Some(text) = metadata.get(KEY) else {
            return Err(format_error(FormatProblem::Other("it holds tensors, but no checkpoint of a run".into())));
        };
        let counters: Counters = serde_json::from_str(text)
            .map_err(|problem| format_error(FormatProblem::Other(format!("its entry `{KEY}`: {problem}"))))?;
        if counters.version != VERSION {
            let problem = format!("it is a checkpoint of version {}, but only {VERSION} can be read", counters.version);
            return Err(format_error(FormatProblem::Other(problem)));
        }
        let Counters { epoch, iteration, seed, config, .. } = counters;
        let (mut net, mut optimiser, mut run) = (Vec::new(), Vec::new(), Vec::new());
        for (name, tensor) in tensors {
            let (list, name) = match name.split_once('.') {
                Some(("net", rest)) => (&mut net, rest),
                Some(("optimiser", rest)) => (&mut optimiser, rest),
                Some(("run", rest)) => (&mut run, rest),
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
        let (losses, batch_accuracies) = (series("losses")?, series("batch_accuracies")?);
        let (rate, seconds) = (number("rate")?, number("seconds")?);
        let path = path.to_owned();
        Ok(Checkpoint { epoch, iteration, seed, rate, seconds, losses, batch_accuracies, config, optimiser, net, path })
    }

    /// Puts the network's tensors back, and hands the optimiser's to `optimiser`, between the check of the network's and
    /// their assignment: after an error both are as they were.
    ///
    /// # Errors
    /// [`Error::Format`] when the checkpoint is one of another network (an entry is missing, unknown or of another shape)
    /// or of another optimiser.
    pub fn restore(
        &self,
        net: &[Param],
        optimiser: impl FnOnce(&[(String, Tensor)]) -> Result<(), FormatProblem>,
    ) -> Result<()> {
        let within =
            |prefix: &str, problem| Error::Format { path: self.path.clone(), problem: inside(prefix, problem) };
        let matched = weights::matching(&self.net, net).map_err(|problem| within("net", problem))?;
        optimiser(&self.optimiser).map_err(|problem| within("optimiser", problem))?;
        weights::assign(net, &matched)
    }
}

/// The problem with the entry's name as it is in the file.
fn inside(prefix: &str, mut problem: FormatProblem) -> FormatProblem {
    if let FormatProblem::Missing { name } | FormatProblem::Unknown { name } | FormatProblem::Shape { name, .. } =
        &mut problem
    {
        *name = format!("{prefix}.{name}");
    }
    problem
}

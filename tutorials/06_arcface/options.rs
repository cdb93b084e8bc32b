//! The arguments, and what they default to for each set of images.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Parser, ValueEnum};
use wengert::{Result, nn::MarginLoss};

use crate::net::Scale;

/// Shows what is wrong with two ArcFace heads, then trains one that works beside a softmax classifier.
#[derive(Parser)]
pub struct Options {
    /// The images: `digits` (drawn by the program), `mnist:DIR`, `faces:DIR` (Olivetti), `omniglot:DIR`.
    #[arg(long, default_value = "digits")]
    pub data: Source,
    /// The loss that is trained beside softmax.
    #[arg(long, default_value = "arcface")]
    pub loss: Kind,
    /// The number of dimensions of the embedding.
    #[arg(long, value_parser = at_least_1)]
    pub dim: Option<usize>,
    /// The scale s of the losses with a margin; by default the length of the embedding in 2 and 3 dimensions, else 16.
    #[arg(long)]
    pub s: Option<f64>,
    /// The margin m of the loss that --loss names.
    #[arg(long)]
    pub m: Option<f64>,
    /// Passes over the training images.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// How many classes (digits, people) or alphabets training does not see; with 0, pairs are made of the test images.
    #[arg(long)]
    pub held_out: Option<usize>,
    /// The seed of the classes held out, the weights, the order and, for `digits`, the images.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Trains with this many seeds, from --seed on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Trains with all four losses.
    #[arg(long)]
    pub compare: bool,
    /// Two epochs only, for a first look.
    #[arg(long)]
    pub quick: bool,
    /// The folder for pictures and metrics.json.
    #[arg(long, default_value = "target/tutorials/06_arcface")]
    pub out: PathBuf,
}

fn at_least_1(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(problem) => Err(format!("{problem}")),
    }
}

/// Where the images come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Digits,
    Mnist(PathBuf),
    Faces(PathBuf),
    Omniglot(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "digits" => Ok(Source::Digits),
            Some(("mnist", folder)) if !folder.is_empty() => Ok(Source::Mnist(folder.into())),
            Some(("faces", folder)) if !folder.is_empty() => Ok(Source::Faces(folder.into())),
            Some(("omniglot", folder)) if !folder.is_empty() => Ok(Source::Omniglot(folder.into())),
            _ => Err(format!("`{text}` is none of `digits`, `mnist:DIR`, `faces:DIR` and `omniglot:DIR`")),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Digits => write!(f, "digits"),
            Source::Mnist(folder) => write!(f, "mnist:{}", folder.display()),
            Source::Faces(folder) => write!(f, "faces:{}", folder.display()),
            Source::Omniglot(folder) => write!(f, "omniglot:{}", folder.display()),
        }
    }
}

/// A loss by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Softmax,
    Arcface,
    Cosface,
    Sphereface,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Softmax, Kind::Arcface, Kind::Cosface, Kind::Sphereface];

    /// The margin loss with this scale and margin; softmax has none.
    pub fn margin(self, s: f64, m: f64) -> Result<Option<MarginLoss>> {
        let loss = match self {
            Kind::Softmax => return Ok(None),
            Kind::Arcface => MarginLoss::arcface(m),
            Kind::Cosface => MarginLoss::cosface(m),
            Kind::Sphereface => MarginLoss::sphereface(m),
        };
        loss?.scale(s).map(Some)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Softmax => "softmax",
            Kind::Arcface => "arcface",
            Kind::Cosface => "cosface",
            Kind::Sphereface => "sphereface",
        })
    }
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub dim: usize,
    pub epochs: usize,
    pub batch: usize,
    pub learning_rate: f64,
    /// Training images are shifted by up to this many pixels each way.
    pub shift: usize,
    pub held_out: usize,
    /// The scale s; `None` for the length of each embedding.
    pub s: Option<f64>,
    /// The margins of ArcFace, CosFace and SphereFace.
    pub m: [f64; 3],
}

impl Recipe {
    /// The defaults for these images, with what the arguments say instead.
    pub fn new(options: &Options) -> Self {
        let mut recipe = match options.data {
            Source::Digits => Recipe {
                dim: 3,
                epochs: 15,
                batch: 64,
                learning_rate: 5e-3,
                shift: 0,
                held_out: 3,
                s: None,
                m: [0.3, 0.15, 1.3],
            },
            Source::Mnist(_) => Recipe {
                dim: 2,
                epochs: 20,
                batch: 64,
                learning_rate: 5e-3,
                shift: 0,
                held_out: 0,
                s: None,
                m: [0.2, 0.1, 1.3],
            },
            Source::Faces(_) => Recipe {
                dim: 64,
                epochs: 40,
                batch: 32,
                learning_rate: 2e-3,
                shift: 2,
                held_out: 10,
                s: Some(16.0),
                m: [0.3, 0.2, 1.3],
            },
            Source::Omniglot(_) => Recipe {
                dim: 64,
                epochs: 20,
                batch: 64,
                learning_rate: 2e-3,
                shift: 2,
                held_out: 2,
                s: Some(16.0),
                m: [0.3, 0.2, 1.3],
            },
        };
        recipe.dim = options.dim.unwrap_or(recipe.dim);
        recipe.epochs = options.epochs.unwrap_or(recipe.epochs);
        recipe.held_out = options.held_out.unwrap_or(recipe.held_out);
        recipe.s = options.s.or(recipe.s);
        if let (Some(m), Some(k)) = (options.m, Kind::ALL[1..].iter().position(|&kind| kind == options.loss)) {
            recipe.m[k] = m;
        }
        if options.quick {
            recipe.epochs = recipe.epochs.min(2);
        }
        recipe
    }

    /// The iterations at which the learning rate falls to a tenth, of so many in all.
    pub fn milestones(&self, total: u64) -> Vec<u64> {
        vec![total / 2, total * 3 / 4, total * 9 / 10]
    }

    /// The margin loss with its scale; softmax has none.
    pub fn margin(&self, kind: Kind) -> Result<Option<(MarginLoss, Scale)>> {
        let scale = if self.s.is_some() { Scale::Fixed } else { Scale::Length };
        Ok(kind.margin(self.s.unwrap_or(1.0), self.margin_of(kind))?.map(|margin| (margin, scale)))
    }

    /// The margin of this loss; 0 for softmax.
    pub fn margin_of(&self, kind: Kind) -> f64 {
        Kind::ALL[1..].iter().position(|&known| known == kind).map_or(0.0, |k| self.m[k])
    }
}

//! Where the images of a run come from, and how they are split.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use wengert::{
    Result,
    data::{Dataset, ImageFolder, idx, textures},
};

use crate::training::{Budget, standardized};

/// What is learned.
#[derive(Clone)]
pub enum Source {
    /// Textures that the program draws.
    Textures,
    /// The two idx files of KTH-TIPS, in a folder.
    Kth(PathBuf),
    /// A folder with a folder of images for each class.
    Folder(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "textures" => Ok(Source::Textures),
            Some(("kth", folder)) if !folder.is_empty() => Ok(Source::Kth(folder.into())),
            None if !text.is_empty() => Ok(Source::Folder(text.into())),
            _ => Err(format!("`{text}` is neither `textures` nor `kth:DIR` nor the folder of a data set")),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Textures => f.write_str("textures"),
            Source::Kth(folder) => write!(f, "kth:{}", folder.display()),
            Source::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// The images as they are, for pictures, and the same for the networks.
pub struct Split {
    pub shown: Dataset,
    pub data: [Arc<Dataset>; 2],
}

impl Source {
    /// The images of all splits; none where each split draws its own.
    pub fn load(&self) -> Result<Option<Dataset>> {
        match self {
            Source::Textures => Ok(None),
            Source::Folder(folder) => ImageFolder::new(folder).resize(112, 112).load().map(Some),
            Source::Kth(folder) => {
                let images = idx::read(&folder.join("kth-crop112-images-idx3-ubyte.gz"), 3)?;
                let labels = idx::read(&folder.join("kth-labels-idx1-ubyte.gz"), 1)?;
                let names = std::fs::read_to_string(folder.join("classes.txt")).unwrap_or_default();
                let labels: Vec<usize> = labels.bytes.iter().map(|&l| l.into()).collect();
                let classes = labels.iter().max().map_or(0, |most| most + 1);
                let name = |k: usize| names.split_whitespace().nth(k).map_or(k.to_string(), str::to_owned);
                let pixels = images.bytes.iter().map(|&p| f32::from(p) / 255.0).collect();
                let shape = [1, images.dims[1], images.dims[2]];
                Dataset::new(pixels, labels, shape, (0..classes).map(name).collect()).map(Some)
            }
        }
    }

    /// Split `k`: half of the images of the smallest class (40 of 81 for KTH-TIPS) of each class to learn from, all others
    /// to test with.
    pub fn split(&self, all: Option<&Dataset>, k: u64) -> Result<Split> {
        let (train, test) = match all {
            None => {
                let drawn = textures(k);
                (drawn.train, drawn.test)
            }
            Some(all) => all.split_per_class(all.class_counts().into_iter().min().unwrap_or(0) / 2, k)?,
        };
        let data = [Arc::new(standardized(&train)?), Arc::new(standardized(&test)?)];
        Ok(Split { shown: train, data })
    }

    /// What the networks may spend.
    pub fn budget(&self) -> Budget {
        match self {
            Source::Textures => Budget { epochs: 6, batch: 32, rate: 5e-3, crop: 28, reflect: false, zoom: 1.0 },
            _ => Budget { epochs: 100, batch: 16, rate: 4e-3, crop: 80, reflect: true, zoom: 1.25 },
        }
    }
}

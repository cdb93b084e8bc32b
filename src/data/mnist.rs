//! MNIST and Fashion-MNIST from a folder.
//!
//! Both sets are four idx files ([`super::idx`]) of the same names: 60000 training and 10000 test images of 28x28
//! gray pixels in ten classes. The `mnist` crate parses them. It reads unpacked files only and panics on any other, so
//! every file is checked first and passed to it unpacked, in a temporary folder.
//!
//! MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges; Fashion-MNIST by H. Xiao, K. Rasul and R. Vollgraf
//! (arXiv:1708.07747).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Dataset, idx};
use crate::{Error, FormatProblem, Result, Shape};

#[cfg(feature = "download")]
pub use super::download::{Source, download};

/// The class names of Fashion-MNIST, for [`Dataset::with_names`]. (Its files look like those of MNIST, so [`load`]
/// names the classes of both "0" to "9".)
pub const FASHION_NAMES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

const CLASSES: usize = 10;
const SIDE: usize = 28;
/// The training part and the test part: how their files' names begin, and how many images they hold.
const PARTS: [(&str, usize); 2] = [("train", 60_000), ("t10k", 10_000)];
/// The four files: part, contents, number of axes.
pub(super) const FILES: [(&str, &str, u8); 4] =
    [("train", "images", 3), ("train", "labels", 1), ("t10k", "images", 3), ("t10k", "labels", 1)];

/// Reads the training set and the test set from a folder with the four files of MNIST or of Fashion-MNIST.
///
/// Each file may be unpacked or end in `.gz` (the unpacked one is preferred), and be named like
/// `train-images-idx3-ubyte` or like `train-images.idx3-ubyte`. Pixels are divided by 255, so they lie between 0 and 1.
///
/// # Errors
/// [`Error::File`] for a folder or file that cannot be read; [`Error::Format`] for a missing file, and for one that is
/// not MNIST's: another format, cut short, bytes left over, another number or size of images;
/// [`Error::Label`] for a label above 9.
///
/// ```no_run
/// let (train, test) = wengert::data::mnist::load("data/mnist")?;
/// assert_eq!((train.len(), test.len(), train.shape()), (60_000, 10_000, [1, 28, 28]));
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn load(dir: impl AsRef<Path>) -> Result<(Dataset, Dataset)> {
    load_first(dir, PARTS[0].1, PARTS[1].1)
}

/// As [`load`], but keeps only the first `train` training images and the first `test` test images.
///
/// # Errors
/// As [`load`]; and [`Error::Setting`] when a number is 0 or larger than the set.
pub fn load_first(dir: impl AsRef<Path>, train: usize, test: usize) -> Result<(Dataset, Dataset)> {
    let counts = [("train", train, PARTS[0].1, "from 1 to 60000"), ("test", test, PARTS[1].1, "from 1 to 10000")];
    for (name, count, most, must) in counts {
        if count == 0 || count > most {
            return Err(Error::setting("mnist", name, count, must));
        }
    }
    let dir = dir.as_ref();
    fs::read_dir(dir).map_err(|source| Error::File { action: "read", path: dir.to_owned(), source })?;
    // A missing file is reported before a large one is read.
    FILES.iter().try_for_each(|(part, what, rank)| find(dir, part, what, *rank).map(drop))?;
    let stage = Stage::new()?;
    for (part, count) in PARTS {
        stage.take(dir, part, count)?;
    }
    stage.parse(train, test)
}

/// A temporary folder that holds checked files under the names that the parser looks for.
struct Stage(TempDir);

impl Stage {
    fn new() -> Result<Self> {
        let failed = |source| Error::File { action: "create a folder in", path: std::env::temp_dir(), source };
        TempDir::with_prefix("wengert-mnist-").map(Stage).map_err(failed)
    }

    /// Checks the images and labels of one part and puts them on the stage.
    fn take(&self, dir: &Path, part: &str, count: usize) -> Result<()> {
        let (image_path, label_path) = (find(dir, part, "images", 3)?, find(dir, part, "labels", 1)?);
        // The header says how much there is to unpack, and is compared first.
        let images = idx::open(&image_path, 3)?;
        check_shape(&images.dims, &image_path, &[count, SIDE, SIDE])?;
        let images = images.read()?;
        let labels = idx::open(&label_path, 1)?;
        if labels.dims != [count] {
            let (here, there) = (labels.dims[0] as u64, count as u64);
            let problem = FormatProblem::Count { here, there, other: image_path };
            return Err(Error::Format { path: label_path, problem });
        }
        let labels = labels.read()?;
        if let Some(index) = labels.bytes.iter().position(|&l| usize::from(l) >= CLASSES) {
            let (op, label) = (label_path.display().to_string(), labels.bytes[index].into());
            return Err(Error::Label { op, label, index, classes: CLASSES });
        }
        images.write(&self.0.path().join(&names(part, "images", 3)[0]))?;
        labels.write(&self.0.path().join(&names(part, "labels", 1)[0]))
    }

    /// Hands the staged files, all of them checked, to the parser.
    fn parse(&self, train: usize, test: usize) -> Result<(Dataset, Dataset)> {
        let path = self.0.path();
        let base = path.to_str().ok_or_else(|| Error::File {
            action: "use the temporary folder",
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidFilename, "its name is not UTF-8"),
        })?;
        // The parser counts test images from the end of the training images that it was asked for, so it is asked for
        // all of them.
        let all = ::mnist::MnistBuilder::new().base_path(base).finalize();
        Ok((dataset(&all.trn_img, &all.trn_lbl, train)?, dataset(&all.tst_img, &all.tst_lbl, test)?))
    }
}

/// The first `count` images as a data set.
fn dataset(pixels: &[u8], labels: &[u8], count: usize) -> Result<Dataset> {
    let pixels = pixels[..count * SIDE * SIDE].iter().map(|&p| f32::from(p) / 255.0).collect();
    let labels = labels[..count].iter().map(|&l| l.into()).collect();
    Dataset::new(pixels, labels, [1, SIDE, SIDE], (0..CLASSES).map(|c| c.to_string()).collect())
}

/// The names under which a file is looked for, in the order of preference.
pub(super) fn names(part: &str, what: &str, rank: u8) -> [String; 4] {
    let [a, b] = ["-", "."].map(|mark| format!("{part}-{what}{mark}idx{rank}-ubyte"));
    let packed = [&a, &b].map(|name| format!("{name}.gz"));
    let [c, d] = packed;
    [a, b, c, d]
}

/// The first of these files that the folder has.
pub(super) fn find(dir: &Path, part: &str, what: &str, rank: u8) -> Result<PathBuf> {
    let tried = names(part, what, rank);
    tried.iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok()).ok_or_else(|| {
        let problem = FormatProblem::NoFile { tried: tried.to_vec() };
        Error::Format { path: dir.to_owned(), problem }
    })
}

/// Compares the sizes in the header of a file of images with those of the data set.
fn check_shape(dims: &[usize], path: &Path, expected: &[usize]) -> Result<()> {
    if dims == expected {
        return Ok(());
    }
    let [expected, found] = [expected, dims].map(|dims| Box::new(Shape::from(dims)));
    let problem = FormatProblem::Shape { name: "images".to_owned(), expected, found };
    Err(Error::Format { path: path.to_owned(), problem })
}

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

use super::{
    Dataset,
    idx::{self, Idx},
};
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
        let (images, labels) = (idx::read(&image_path, 3)?, idx::read(&label_path, 1)?);
        if images.dims[0] != labels.dims[0] {
            let (here, there) = (labels.dims[0] as u64, images.dims[0] as u64);
            let problem = FormatProblem::Count { here, there, other: image_path };
            return Err(Error::Format { path: label_path, problem });
        }
        check_shape(&images, &image_path, "images", &[count, SIDE, SIDE])?;
        check_shape(&labels, &label_path, "labels", &[count])?;
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
    tried.iter().map(|name| dir.join(name)).find(|path| path.exists()).ok_or_else(|| {
        let problem = FormatProblem::NoFile { tried: tried.to_vec() };
        Error::Format { path: dir.to_owned(), problem }
    })
}

/// Compares the sizes in a file's header with those of the data set.
fn check_shape(idx: &Idx, path: &Path, name: &str, expected: &[usize]) -> Result<()> {
    if idx.dims == expected {
        return Ok(());
    }
    let [expected, found] = [expected, &idx.dims].map(|dims| Box::new(Shape::from(dims)));
    let problem = FormatProblem::Shape { name: name.to_owned(), expected, found };
    Err(Error::Format { path: path.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::{super::idx::tests::pack, *};

    /// A folder of good packed files: black images, except that the last pixel of image `i` is `i mod 256`; labels
    /// `i mod 10`.
    fn folder() -> TempDir {
        let dir = TempDir::new().unwrap();
        for (part, n) in PARTS {
            let mut bytes = vec![0; n * SIDE * SIDE];
            bytes.chunks_exact_mut(SIDE * SIDE).enumerate().for_each(|(i, image)| image[783] = i as u8);
            put(&dir, part, "images", 3, &Idx { dims: vec![n, SIDE, SIDE], bytes });
            put(&dir, part, "labels", 1, &Idx { dims: vec![n], bytes: (0..n).map(|i| (i % 10) as u8).collect() });
        }
        dir
    }

    fn put(dir: &TempDir, part: &str, what: &str, rank: u8, idx: &Idx) {
        let path = dir.path().join(&names(part, what, rank)[2]);
        idx.write(&path).unwrap();
        fs::write(&path, pack(&fs::read(&path).unwrap())).unwrap();
    }

    /// The message of a folder that cannot be loaded, with the folder's path replaced by "DIR".
    fn message(dir: &Path) -> String {
        load(dir).unwrap_err().to_string().replace(dir.to_str().unwrap(), "DIR")
    }

    #[test]
    fn all_spellings_give_the_same_data() {
        let dir = folder();
        let (train, test) = load(&dir).unwrap();
        assert_eq!((train.len(), test.len(), train.shape(), train.classes()), (60_000, 10_000, [1, 28, 28], 10));
        assert_eq!(train.class_counts(), [6000; 10]);
        assert_eq!((train.image(255)[783], train.image(51)[783], train.label(51)), (1.0, 0.2, 1));
        assert_eq!((test.image(102)[783], test.image(102)[782], test.label(9_999)), (0.4, 0.0, 9));

        for (part, what, rank) in FILES {
            let [dash, dot, packed, dot_packed] = names(part, what, rank).map(|n| dir.path().join(n));
            match (part, what) {
                ("train", "images") => fs::rename(packed, dot_packed).unwrap(),
                (_, "images") => idx::read(&packed, rank).unwrap().write(&dash).unwrap(),
                _ => idx::read(&packed, rank).unwrap().write(&dot).unwrap(),
            }
        }
        assert_eq!(load(&dir).unwrap(), (train.clone(), test.clone()));
        let (few, fewer) = load_first(&dir, 200, 100).unwrap();
        assert_eq!((few, fewer), (train.first(200).unwrap(), test.first(100).unwrap()));
        let wrong = |train, test| load_first(&dir, train, test).unwrap_err().to_string();
        assert_eq!(wrong(0, 1), "mnist: train = 0, but it must be from 1 to 60000");
        assert_eq!(wrong(1, 10_001), "mnist: test = 10001, but it must be from 1 to 10000");
    }

    #[test]
    fn a_bad_folder_is_named() {
        let dir = TempDir::new().unwrap();
        assert_eq!(
            message(dir.path()),
            "DIR: it has none of the files train-images-idx3-ubyte, train-images.idx3-ubyte, \
             train-images-idx3-ubyte.gz, train-images.idx3-ubyte.gz"
        );
        assert!(message(&dir.path().join("none")).starts_with("cannot read DIR: "));
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(message(&file).starts_with("cannot read DIR: "));
        fs::create_dir(dir.path().join("train-images-idx3-ubyte")).unwrap();
        for name in ["train-labels-idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte"] {
            assert!(message(dir.path()).contains(&format!("files {}", name.replace('.', "-"))));
            fs::write(dir.path().join(name), "x").unwrap();
        }
        assert!(message(dir.path()).starts_with("cannot read DIR/train-images-idx3-ubyte: "));
    }

    #[test]
    fn each_bad_file_is_named() {
        let dir = folder();
        let labels_path = dir.path().join("t10k-labels-idx1-ubyte");
        let images_path = dir.path().join("t10k-images-idx3-ubyte");
        let message = || message(dir.path());

        fs::write(&labels_path, b"\0\0\x08\x03 and so on").unwrap();
        assert_eq!(
            message(),
            "DIR/t10k-labels-idx1-ubyte: it starts with 0x00000803 instead of 0x00000801, so it is another kind of file"
        );
        fs::write(&labels_path, b"\0\0\x08\x01\0\0\x27\x10\x01\x02").unwrap();
        assert_eq!(message(), "DIR/t10k-labels-idx1-ubyte: its header promises 10008 bytes, but it holds 10");
        fs::write(&labels_path, b"\0\0\x08").unwrap();
        assert_eq!(message(), "DIR/t10k-labels-idx1-ubyte: it ends inside its header, after 3 of 8 bytes");

        Idx { dims: vec![3], bytes: vec![0; 3] }.write(&labels_path).unwrap();
        assert_eq!(
            message(),
            "DIR/t10k-labels-idx1-ubyte: it holds 3 items, but DIR/t10k-images-idx3-ubyte.gz holds 10000"
        );
        Idx { dims: vec![3, 28, 28], bytes: vec![0; 3 * 784] }.write(&images_path).unwrap();
        assert_eq!(
            message(),
            "DIR/t10k-images-idx3-ubyte: its entry `images` has shape [3, 28, 28], but [10000, 28, 28] is needed"
        );
        let mut bytes = vec![9; 10_000];
        bytes[1234] = 10;
        Idx { dims: vec![10_000], bytes }.write(&labels_path).unwrap();
        Idx { dims: vec![10_000, 8, 8], bytes: vec![0; 640_000] }.write(&images_path).unwrap();
        assert_eq!(
            message(),
            "DIR/t10k-images-idx3-ubyte: its entry `images` has shape [10000, 8, 8], but [10000, 28, 28] is needed"
        );
        fs::remove_file(&images_path).unwrap();
        assert_eq!(
            message(),
            "DIR/t10k-labels-idx1-ubyte: label 10 of observation 1234 is out of range for 10 classes (0 to 9); labels count from 0, so subtract 1 if these count from 1, or provide 11 classes"
        );
        fs::remove_file(&labels_path).unwrap();
        let packed = dir.path().join("t10k-labels-idx1-ubyte.gz");
        let whole = fs::read(&packed).unwrap();
        fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
        let broken = message();
        assert!(
            broken.starts_with("DIR/t10k-labels-idx1-ubyte.gz: its gzip stream is cut short or damaged"),
            "{broken}"
        );
    }

    #[test]
    fn the_real_files_are_read() {
        let Some(shared) = std::env::var_os("WENGERT_SHARED").map(PathBuf::from) else {
            eprintln!("skipped: WENGERT_SHARED does not name the folder with the reference data");
            return;
        };
        let (train, test) = load(shared.join("data/mnist")).unwrap();
        assert_eq!(train.class_counts(), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        assert_eq!(test.class_counts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
        assert_eq!(train.labels()[..5], [5, 0, 4, 1, 9]);
        let (train, test) = load(shared.join("data/fashion-mnist")).unwrap();
        assert_eq!((train.class_counts(), test.class_counts()), (vec![6000; 10], vec![1000; 10]));
        assert_eq!(train.with_names(&FASHION_NAMES).unwrap().names()[9], "Ankle boot");
    }
}

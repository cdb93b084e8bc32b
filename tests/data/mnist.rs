//! MNIST and Fashion-MNIST from a folder: all spellings of the files' names, every bad file, and the real ones.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use wengert::data::{
    idx::{self, Idx},
    mnist::{FASHION_NAMES, load, load_first},
};

use super::pack;

/// The training part and the test part: how their files' names begin, and how many images they hold.
const PARTS: [(&str, usize); 2] = [("train", 60_000), ("t10k", 10_000)];

/// A folder of good packed files: black images, except that the last pixel of image `i` is `i mod 256`; labels
/// `i mod 10`.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    for (part, n) in PARTS {
        let mut bytes = vec![0; n * 784];
        bytes.chunks_exact_mut(784).enumerate().for_each(|(i, image)| image[783] = i as u8);
        put(&dir, part, "images", 3, &Idx { dims: vec![n, 28, 28], bytes });
        put(&dir, part, "labels", 1, &Idx { dims: vec![n], bytes: (0..n).map(|i| (i % 10) as u8).collect() });
    }
    dir
}

fn put(dir: &TempDir, part: &str, what: &str, rank: u8, idx: &Idx) {
    let path = dir.path().join(format!("{part}-{what}-idx{rank}-ubyte.gz"));
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

    let path = |name: &str| dir.path().join(name);
    let unpack = |name: &str, rank, to: &str| idx::read(&path(name), rank).unwrap().write(&path(to)).unwrap();
    fs::rename(path("train-images-idx3-ubyte.gz"), path("train-images.idx3-ubyte.gz")).unwrap();
    unpack("train-labels-idx1-ubyte.gz", 1, "train-labels.idx1-ubyte");
    unpack("t10k-images-idx3-ubyte.gz", 3, "t10k-images-idx3-ubyte");
    unpack("t10k-labels-idx1-ubyte.gz", 1, "t10k-labels.idx1-ubyte");
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
    assert!(broken.starts_with("DIR/t10k-labels-idx1-ubyte.gz: its gzip stream is cut short or damaged"), "{broken}");
}

#[test]
fn a_header_of_another_size_is_refused_before_the_rest_is_unpacked() {
    let dir = folder();
    // A header that promises gigabytes, and nothing behind it: who unpacks more finds that the stream is cut short.
    let huge = |name: &str, header: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(header).unwrap();
        encoder.flush().unwrap();
        fs::write(dir.path().join(name), encoder.get_ref()).unwrap();
    };
    let labels = "train-labels-idx1-ubyte.gz";
    let whole = fs::read(dir.path().join(labels)).unwrap();
    huge(labels, b"\0\0\x08\x01\xff\xff\xff\xff");
    let expected =
        "DIR/train-labels-idx1-ubyte.gz: it holds 4294967295 items, but DIR/train-images-idx3-ubyte.gz holds 60000";
    assert_eq!(message(dir.path()), expected);
    fs::write(dir.path().join(labels), whole).unwrap();
    huge("train-images-idx3-ubyte.gz", b"\0\0\x08\x03\0\0\xea\x60\0\0\x04\0\0\0\x04\0");
    let expected = "its entry `images` has shape [60000, 1024, 1024], but [60000, 28, 28] is needed";
    assert_eq!(message(dir.path()), format!("DIR/train-images-idx3-ubyte.gz: {expected}"));
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

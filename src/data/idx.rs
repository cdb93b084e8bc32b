//! The idx format of MNIST, checked before it is used.
//!
//! An idx file of unsigned bytes starts with `00 00 08 r` for `r` axes, then holds the `r` sizes as big-endian `u32`
//! and the numbers in row-major order. Files packed with gzip are unpacked on the way.

use std::{
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::Dataset;
use crate::{Error, FormatProblem, Result, atomic, regular};

/// The numbers of an idx file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each axis, outermost first.
    pub dims: Vec<usize>,
    /// The numbers in row-major order; as many as the product of the sizes.
    pub bytes: Vec<u8>,
}

/// Reads an idx file of unsigned bytes with `rank` axes, packed with gzip if its name ends in `.gz`.
///
/// No more is unpacked than the header promises, and nothing is read of a file of another size than it promises.
///
/// # Errors
/// [`Error::File`] when the file cannot be read; [`Error::Format`] when it is not such a file, is cut short, has bytes
/// left over, or its gzip stream is damaged.
pub fn read(path: &Path, rank: u8) -> Result<Idx> {
    open(path, rank)?.read()
}

/// Reads a file of gray images, `[n, height, width]`, and one of their n labels as a data set. Pixels are divided by 255, so
/// they lie between 0 and 1. There are as many classes as the largest label says, named "0", "1" and so on
/// ([`Dataset::with_names`] gives them other names).
///
/// ```
/// use wengert::data::idx::{self, Idx};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (images, labels) = (dir.path().join("images"), dir.path().join("labels"));
/// Idx { dims: vec![2, 1, 3], bytes: vec![0, 51, 102, 153, 204, 255] }.write(&images)?;
/// Idx { dims: vec![2], bytes: vec![3, 0] }.write(&labels)?;
/// let set = idx::load(&images, &labels)?;
/// assert_eq!((set.shape(), set.image(0)[1], set.label(0), set.classes()), ([1, 1, 3], 0.2, 3, 4));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`read`]; and [`Error::Format`] when there is not a label for each image, [`Error::Empty`] when there is no image,
/// [`Error::Setting`] for images without a pixel.
pub fn load(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Dataset> {
    let (image_path, label_path) = (images.as_ref(), labels.as_ref());
    let (images, labels) = (open(image_path, 3)?, open(label_path, 1)?);
    if labels.dims[0] != images.dims[0] {
        let (here, there) = (labels.dims[0] as u64, images.dims[0] as u64);
        return Err(format(label_path, FormatProblem::Count { here, there, other: image_path.to_owned() }));
    }
    let (images, labels) = (images.read()?, labels.read()?);
    let names = (0..=labels.bytes.iter().copied().max().unwrap_or(0)).map(|class| class.to_string()).collect();
    let pixels = images.bytes.iter().map(|&p| f32::from(p) / 255.0).collect();
    let labels = labels.bytes.iter().map(|&label| label.into()).collect();
    Dataset::new(pixels, labels, [1, images.dims[1], images.dims[2]], names)
}

/// An idx file whose header has been read, and nothing more.
pub(super) struct Header {
    /// The size of each axis, outermost first.
    pub dims: Vec<usize>,
    path: PathBuf,
    /// The length of an unpacked file; that of a packed one shows when it is unpacked.
    file_len: Option<u64>,
    source: Box<dyn Read>,
}

/// Opens a file and reads its header; the errors are those of [`read`].
pub(super) fn open(path: &Path, rank: u8) -> Result<Header> {
    let file = regular::open(path)?;
    let packed = path.extension().is_some_and(|e| e == "gz");
    let length = file.metadata().map_err(|source| unreadable(path, source))?.len();
    let file = BufReader::new(file);
    let mut source: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };

    let mut header = Vec::new();
    let header_len = header_len(rank.into());
    let read = source.by_ref().take(header_len).read_to_end(&mut header);
    read.map_err(|problem| failed(path, packed, problem))?;
    let mut words = header.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
    let magic = 0x0800 | u64::from(rank);
    if let Some(found) = words.next().map(u64::from).filter(|&found| found != magic) {
        return Err(format(path, FormatProblem::Magic { expected: magic, found }));
    }
    if (header.len() as u64) < header_len {
        let why = format!("it ends inside its header, after {} of {header_len} bytes", header.len());
        return Err(format(path, FormatProblem::Other(why)));
    }
    let dims = words.map(|n| n as usize).collect();
    Ok(Header { dims, path: path.to_owned(), file_len: Some(length).filter(|_| !packed), source })
}

impl Header {
    /// Reads the numbers; the errors are those of [`read`](fn@read).
    pub fn read(mut self) -> Result<Idx> {
        let len = self.dims.iter().fold(1_u64, |len, &n| len.saturating_mul(n as u64));
        let header_len = header_len(self.dims.len());
        let expected = header_len.saturating_add(len);
        let wrong_size = |found| format(&self.path, FormatProblem::Size { expected, found });
        if let Some(found) = self.file_len.filter(|&found| found != expected) {
            return Err(wrong_size(found));
        }
        let mut bytes = Vec::new();
        let failed = |problem| failed(&self.path, self.file_len.is_none(), problem);
        self.source.by_ref().take(len).read_to_end(&mut bytes).map_err(failed)?;
        if (bytes.len() as u64) < len {
            return Err(wrong_size(header_len + bytes.len() as u64));
        }
        // A packed file is checked against its checksum where it ends, so this also looks at that.
        if self.source.read(&mut [0]).map_err(failed)? > 0 {
            let why = format!("its header promises {expected} bytes, but it holds more");
            return Err(format(&self.path, FormatProblem::Other(why)));
        }
        Ok(Idx { dims: self.dims, bytes })
    }
}

/// The length of a header: four bytes that say what the file is, and four for each axis.
fn header_len(rank: usize) -> u64 {
    4 * (1 + rank as u64)
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::File { action: "read", path: path.to_owned(), source }
}

fn format(path: &Path, problem: FormatProblem) -> Error {
    Error::Format { path: path.to_owned(), problem }
}

/// The error of a read. A decoder reports damage with these kinds; all others come from the file itself.
fn failed(path: &Path, packed: bool, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData if packed => {
            format(path, FormatProblem::Other(format!("its gzip stream is cut short or damaged ({source})")))
        }
        _ => unreadable(path, source),
    }
}

impl Idx {
    /// Writes the numbers as an unpacked idx file, as a whole or not at all, making its folder first.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut file = vec![0, 0, 8, self.dims.len() as u8];
        self.dims.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
        file.extend(&self.bytes);
        atomic::write(path, |out| out.write_all(&file))
    }
}

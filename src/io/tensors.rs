//! Named tensors in a file: the safetensors format.
//!
//! A file holds eight bytes with the length of the header, the header as JSON (names, shapes, precisions, positions,
//! and a map of strings for anything else), then the numbers, row-major and little-endian. All of the header is checked
//! before any number is read.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    io::Read,
    path::Path,
};

use safetensors::{Dtype, SafeTensors, View};

use super::atomic_write;
use crate::{DType, Error, FormatProblem, Result, Shape, Tensor, dispatch, regular};

/// The entry of the header that holds the metadata.
const METADATA: &str = "__metadata__";

/// The contents of a safetensors file.
///
/// ```
/// use wengert::{Tensor, io::TensorFile};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("numbers.safetensors");
/// let mut file = TensorFile::default();
/// file.tensors.push(("x".into(), Tensor::from([[1.0, 2.0]])));
/// file.metadata.insert("unit".into(), "cm".into());
/// file.write(&path)?;
/// let back = TensorFile::read(&path)?;
/// assert_eq!(back.tensors[0].1.to_vec(), [1.0, 2.0]);
/// assert_eq!(back.metadata["unit"], "cm");
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TensorFile {
    /// The tensors by name. Read from a file, they are sorted by name.
    pub tensors: Vec<(String, Tensor)>,
    /// Anything else, as text.
    pub metadata: BTreeMap<String, String>,
}

impl TensorFile {
    /// Writes the file as a whole; see [`atomic_write`].
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written; [`Error::Setting`] when two tensors share a name, or one is called
    /// `__metadata__`, as the format calls the metadata.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        distinct("saving", path.as_ref(), self.tensors.iter().map(|(name, _)| name.as_str()))?;
        if self.tensors.iter().any(|(name, _)| name == METADATA) {
            let (of, value) = (format!("saving {}", path.as_ref().display()), format!("`{METADATA}`"));
            return Err(Error::setting(&of, "tensor name", value, "another: the format keeps this one for itself"));
        }
        let views = self.tensors.iter().map(|(name, tensor)| (name.as_str(), Entry(tensor)));
        let metadata = Some(self.metadata.clone().into_iter().collect()).filter(|_| !self.metadata.is_empty());
        // With distinct names and sizes that follow from the shapes, only a header of more than 100 MB is refused.
        let bytes = safetensors::serialize(views, metadata).map_err(|problem| format_error(path.as_ref(), problem))?;
        atomic_write(path, |file| file.write_all(&bytes))
    }

    /// Reads a file with tensors in f32, f64 or i64; whole numbers are converted to f64.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::Format`] when it is truncated, is not in this format, or holds
    /// another type.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        let read = regular::open(path)?.read_to_end(&mut bytes);
        read.map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
        let parsed = check_length(&bytes).and_then(|()| {
            let (_, header) = SafeTensors::read_metadata(&bytes).map_err(other)?;
            Ok((header, SafeTensors::deserialize(&bytes).map_err(other)?))
        });
        let (header, file) = parsed.map_err(|problem| Error::Format { path: path.to_owned(), problem })?;
        let mut tensors = Vec::with_capacity(file.len());
        for (name, view) in file.iter() {
            let tensor = decode(name, view.dtype(), view.shape(), view.data())
                .map_err(|problem| Error::Format { path: path.to_owned(), problem })?;
            tensors.push((name.to_owned(), tensor));
        }
        tensors.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(TensorFile { tensors, metadata })
    }
}

/// The tensors of a safetensors file, sorted by name: f32 and f64 as they are, i64 as f64.
///
/// # Errors
/// As [`TensorFile::read`].
pub fn load_tensors(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    TensorFile::read(path).map(|file| file.tensors)
}

/// Refuses a name that stands for two tensors of the file.
pub(super) fn distinct<'a>(action: &str, path: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut taken = HashSet::new();
    for name in names {
        if !taken.insert(name) {
            let (of, value) = (format!("{action} {}", path.display()), format!("`{name}` twice"));
            let must = "different for each; keep layers apart in a `Sequential`, or parameters with `Param::under`";
            return Err(Error::setting(&of, "tensor name", value, must));
        }
    }
    Ok(())
}

/// Finds the two most common kinds of damage: an implausible header length, and fewer bytes than the header needs.
fn check_length(bytes: &[u8]) -> Result<(), FormatProblem> {
    let Some(length) = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)) else {
        return Err(FormatProblem::Other(format!(
            "it holds {} bytes, too few for a safetensors file, which starts with 8",
            bytes.len()
        )));
    };
    match bytes.get(8) {
        Some(b'{') => {}
        _ => return Err(other("it does not start as a safetensors file, with a length and `{`")),
    }
    let found = bytes.len() as u64;
    match length.checked_add(8) {
        Some(expected) if expected > found => Err(FormatProblem::Size { expected, found }),
        Some(_) => Ok(()),
        None => Err(other("its header has an impossible length, so it is no safetensors file")),
    }
}

fn other(problem: impl ToString) -> FormatProblem {
    FormatProblem::Other(problem.to_string())
}

fn format_error(path: &Path, problem: impl ToString) -> Error {
    Error::Format { path: path.to_owned(), problem: other(problem) }
}

fn decode(name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) -> Result<Tensor, FormatProblem> {
    let shape = Shape::from(shape);
    let numel = shape.numel();
    // The numbers of a file may start at any byte, so they are assembled one by one.
    macro_rules! numbers {
        ($T:ty) => {
            data.chunks_exact(size_of::<$T>()).map(|b| <$T>::from_le_bytes(b.try_into().expect("chunks are exact")))
        };
    }
    let tensor = match dtype {
        Dtype::F32 => Tensor::from_vec(numbers!(f32).collect(), shape),
        Dtype::F64 => Tensor::from_vec(numbers!(f64).collect(), shape),
        Dtype::I64 => Tensor::from_vec(numbers!(i64).map(|x| x as f64).collect(), shape),
        _ => return Err(other(format!("its entry `{name}` holds {dtype:?}, but only F32, F64 and I64 can be read"))),
    };
    tensor.map_err(|_| other(format!("its entry `{name}` does not hold {numel} numbers")))
}

/// A tensor as an entry of a file.
struct Entry<'a>(&'a Tensor);

impl View for Entry<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
        }
    }
    fn shape(&self) -> &[usize] {
        self.0.shape().dims()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        dispatch!(self.0.dtype(), T => {
            let numbers = self.0.as_slice::<T>().expect("the precision was just looked up");
            numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
        })
    }
    fn data_len(&self) -> usize {
        self.0.numel() * self.0.dtype().size()
    }
}

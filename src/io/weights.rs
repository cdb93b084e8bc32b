//! Parameters in a file, under their names.

use std::path::Path;

use super::{TensorFile, tensors::distinct};
use crate::{Error, FormatProblem, Param, Result, Tensor, Unmatched};

/// Saves parameters (for a layer: all of its `tensors()`) as safetensors, each in its own precision.
///
/// ```
/// use wengert::{Param, Tensor, io};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// let trained = [Param::new("weight", Tensor::from([[0.5, -1.0]])), Param::bias("bias", Tensor::from([0.25]))];
/// let fresh = [Param::new("weight", Tensor::from([[0.0, 0.0]])), Param::bias("bias", Tensor::from([0.0]))];
/// io::save(&path, &trained)?;
/// io::load(&path, &fresh)?;
/// assert_eq!(fresh[0].value().to_vec(), [0.5, -1.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`TensorFile::write`].
pub fn save(path: impl AsRef<Path>, params: &[Param]) -> Result<()> {
    TensorFile { tensors: named(params), ..TensorFile::default() }.write(path)
}

/// Loads parameters that [`save`] or PyTorch has saved. The file must hold exactly these names and shapes; numbers in
/// another precision are converted to the parameter's.
///
/// # Errors
/// As [`TensorFile::read`]; [`Error::Setting`] when two parameters share a name; [`Error::Format`] when an
/// entry is missing, unknown or of another shape. Then no parameter is changed.
pub fn load(path: impl AsRef<Path>, params: &[Param]) -> Result<()> {
    distinct("loading", path.as_ref(), params.iter().map(Param::name))?;
    let file = TensorFile::read(path.as_ref())?;
    let matched =
        matching(&file.tensors, params).map_err(|problem| Error::Format { path: path.as_ref().to_owned(), problem })?;
    assign(params, &matched)
}

/// Loads the entries of a file that are named as a parameter, and returns what did not match: PyTorch's
/// `load_state_dict` with `strict=False`. So a new head goes on a trained body, and PyTorch's `num_batches_tracked` or
/// the counter of a [`Dropout`](crate::nn::Dropout) need no care.
///
/// ```
/// use wengert::{Param, Tensor, io};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// let param = |name| Param::new(name, Tensor::from([1.0]));
/// io::save(&path, &[Param::new("body", Tensor::from([0.5])), param("old_head")])?;
/// let net = [param("body"), param("head")];
/// let unmatched = io::load_partial(&path, &net)?;
/// assert_eq!((&unmatched.missing[..], &unmatched.unknown[..]), (&["head".to_owned()][..], &["old_head".to_owned()][..]));
/// assert_eq!(net[0].value().to_vec(), [0.5]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`load`], except that entries may be missing or unknown.
pub fn load_partial(path: impl AsRef<Path>, params: &[Param]) -> Result<Unmatched> {
    distinct("loading", path.as_ref(), params.iter().map(Param::name))?;
    let mut tensors = TensorFile::read(path.as_ref())?.tensors;
    let (params, missing): (Vec<_>, Vec<_>) =
        params.iter().cloned().partition(|param| tensors.iter().any(|(name, _)| name == param.name()));
    let unknown = tensors.extract_if(.., |(name, _)| params.iter().all(|param| param.name() != name));
    let unknown = unknown.map(|(name, _)| name).collect();
    let matched =
        matching(&tensors, &params).map_err(|problem| Error::Format { path: path.as_ref().to_owned(), problem })?;
    assign(&params, &matched)?;
    Ok(Unmatched { missing: missing.iter().map(|param| param.name().to_owned()).collect(), unknown })
}

/// Names and values.
pub(super) fn named(params: &[Param]) -> Vec<(String, Tensor)> {
    params.iter().map(|param| (param.name().to_owned(), param.value())).collect()
}

/// The tensor for each parameter, or an error unless names and shapes are the same on both sides.
pub(super) fn matching<'a>(
    tensors: &'a [(String, Tensor)],
    params: &[Param],
) -> Result<Vec<&'a Tensor>, FormatProblem> {
    if let Some((name, _)) = tensors.iter().find(|(name, _)| params.iter().all(|param| param.name() != name)) {
        let name = name.clone();
        let all_found = params.iter().all(|param| tensors.iter().any(|(candidate, _)| candidate == param.name()));
        return Err(if all_found { FormatProblem::LeftOver { name } } else { FormatProblem::Unknown { name } });
    }
    let find = |param: &Param| {
        let name = param.name().to_owned();
        let Some((_, tensor)) = tensors.iter().find(|(candidate, _)| *candidate == name) else {
            return Err(FormatProblem::Missing { name });
        };
        let expected = param.shape();
        if *tensor.shape() != expected {
            return Err(FormatProblem::Shape { name, expected: expected.into(), found: tensor.shape().clone().into() });
        }
        Ok(tensor)
    };
    params.iter().map(find).collect()
}

/// Gives each parameter the tensor that [`matching`] has found for it.
pub(super) fn assign(params: &[Param], matched: &[&Tensor]) -> Result<()> {
    params.iter().zip(matched).try_for_each(|(param, tensor)| param.set(tensor))
}

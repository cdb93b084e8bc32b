//! The evaluation of a trained network: predictions, accuracy, the confusion matrix, batch-norm statistics.
//!
//! All of these run the network batch by batch, in the precision of its parameters, and record nothing for gradients.

use super::measure::pass;
use crate::{DType, Error, Mode, Result, Shape, Tape, Tensor, Var, dispatch, nn::Layer};

/// The class with the largest logit (the first of equals) for each of the images `[n, ..]`, `batch` of them at a time: of
/// the network's first output, if it has several.
///
/// ```
/// use wengert::{Tensor, nn::{Layer, Linear}, train::predict};
/// let net = Linear::new(2, 2, 0);
/// net.weight.set(&Tensor::eye(2, net.weight.dtype()))?;
/// net.bias.set(&Tensor::from([0.0, 0.0]))?;
/// assert_eq!(predict(&net, &Tensor::from([[0.1, 0.9], [5.0, 2.0]]), 128)?, [1, 0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] when `batch` is 0; [`Error::Empty`] when there is no image; [`Error::Shape`] when the network
/// does not return logits `[n, classes]`; [`Error::NonFinite`] for a logit that is NaN; [`Error::Network`] when a layer
/// panics, as it does on images of another shape than it needs.
pub fn predict(net: &dyn Layer, images: &Tensor, batch: usize) -> Result<Vec<usize>> {
    let ranges = batches("predict", std::slice::from_ref(images), batch)?;
    let mut classes = Vec::with_capacity(ranges.last().map_or(0, |last| last.end));
    run(net, std::slice::from_ref(images), ranges, Mode::Eval, |outputs| {
        let logits = &outputs[0];
        let first = classes.len();
        classes.extend(largest(logits).map_err(|at| match at {
            Some((row, index)) => {
                let what = format!("the output of the network for image {}", first + row);
                Error::non_finite(what, index, f64::NAN)
            }
            None => no_logits(logits.shape()),
        })?);
        Ok(())
    })?;
    Ok(classes)
}

/// The outputs of the network for inputs `[n, ..]`, `batch` observations at a time, in evaluation mode: the predictions of a
/// network that is no classifier, or the features of one that is.
///
/// ```
/// use wengert::{Tensor, nn::Linear, train::infer};
/// let net = Linear::new(3, 2, 0);
/// let x = Tensor::from([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0], [4.0, 5.0, 6.0]]);
/// let outputs = infer(&net, &[x], 2)?;
/// assert_eq!(outputs[0].shape().dims(), [3, 2]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] when `batch` is 0, or when the inputs differ in the number of observations; [`Error::Empty`] when there
/// is none; [`Error::Shape`] when an output does not have a row for each observation; [`Error::Network`] when a layer panics,
/// as it does on inputs of other shapes than it needs.
pub fn infer(net: &dyn Layer, inputs: &[Tensor], batch: usize) -> Result<Vec<Tensor>> {
    let ranges = batches("infer", inputs, batch)?;
    let mut sizes = ranges.clone().into_iter().map(|range| range.len());
    let mut parts: Vec<Vec<Tensor>> = Vec::new();
    run(net, inputs, ranges, Mode::Eval, |outputs| {
        let n = sizes.next();
        parts.resize(outputs.len(), Vec::new());
        for (y, parts) in outputs.iter().zip(&mut parts) {
            if y.shape().first().copied() != n {
                let need = format!("a row for each of {} observations is needed", n.unwrap_or(0));
                return Err(Error::shape("the network's output", &[y.shape()], need));
            }
            parts.push(y.clone());
        }
        Ok(())
    })?;
    let whole = |parts: Vec<Tensor>| {
        let tape = Tape::with_dtype(parts[0].dtype());
        Ok(Var::try_concat(&parts.iter().map(|part| tape.constant(part)).collect::<Vec<_>>(), 0)?.value())
    };
    parts.into_iter().map(whole).collect()
}

/// The fraction of the images that [`predict`] classifies correctly.
///
/// # Errors
/// As [`predict`]; [`Error::Setting`] when there is not one label for each image.
pub fn accuracy(net: &dyn Layer, images: &Tensor, labels: &[usize], batch: usize) -> Result<f64> {
    let count = images.shape().first().copied().unwrap_or(0);
    if labels.len() != count {
        let value = format!("{} of them for {count} images", labels.len());
        return Err(Error::setting("accuracy", "labels", value, "one for each image"));
    }
    let right = predict(net, images, batch)?.iter().zip(labels).filter(|(class, label)| class == label).count();
    Ok(right as f64 / count as f64)
}

/// The confusion matrix, row by row: at `r * classes + c`, how many observations of class r were predicted as class c.
///
/// ```
/// let counts = wengert::train::confusion(&[0, 1, 1, 1], &[0, 1, 1, 0], 2)?;
/// assert_eq!(counts, [1, 0,
///                     1, 2]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] when the lists differ in length; [`Error::Label`] for a class that does not exist.
pub fn confusion(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Vec<usize>> {
    if truth.len() != predicted.len() {
        let value = format!("{} of them for {} true classes", predicted.len(), truth.len());
        return Err(Error::setting("confusion", "predicted classes", value, "one for each true class"));
    }
    let mut counts = vec![0; classes * classes];
    for (index, (&row, &column)) in truth.iter().zip(predicted).enumerate() {
        if let Some(label) = [row, column].into_iter().find(|&label| label >= classes) {
            return Err(Error::Label { op: "confusion".into(), label, index, classes });
        }
        counts[row * classes + column] += 1;
    }
    Ok(counts)
}

/// Replaces the statistics that evaluation uses by those of all `images` together; see
/// [`BatchNorm`](crate::nn::BatchNorm).
///
/// The images go through the network in training mode, `batch` at a time; no parameter changes. The last batch may be
/// smaller; a last batch of one image, whose features may have no variance, is joined to the one before.
///
/// # Errors
/// [`Error::Setting`] when `batch` is 0; [`Error::Empty`] when there is no image; [`Error::Network`] when a layer panics, as
/// it does on images of another shape than it needs.
pub fn finalize_statistics(net: &dyn Layer, images: &Tensor, batch: usize) -> Result<()> {
    let images = std::slice::from_ref(images);
    let mut ranges = batches("finalize_statistics", images, batch)?;
    if let [.., before, last] = &mut ranges[..]
        && last.len() == 1
    {
        before.end = last.end;
        ranges.pop();
    }
    net.start_statistics();
    run(net, images, ranges, Mode::Train, |_| Ok(()))?;
    net.finish_statistics();
    Ok(())
}

/// The fraction of the rows of `logits` with the largest entry at the label; a row with a NaN counts as wrong.
pub(super) fn share_right(logits: Tensor, labels: &[usize]) -> Result<f64> {
    match largest(&logits) {
        Ok(classes) => {
            let right = classes.iter().zip(labels).filter(|(class, label)| class == label).count();
            Ok(right as f64 / labels.len() as f64)
        }
        Err(Some(_)) => Ok(0.0),
        Err(None) => Err(no_logits(logits.shape())),
    }
}

/// The position of the largest number of each row; or the row and column of the first NaN; or `None` for a tensor that
/// is not a matrix.
fn largest(logits: &Tensor) -> Result<Vec<usize>, Option<(usize, usize)>> {
    let &[_, classes] = logits.shape().dims() else { return Err(None) };
    if classes == 0 {
        return Err(None);
    }
    dispatch!(logits.dtype(), T => {
        let numbers = logits.as_slice::<T>().expect("the precision was just looked up");
        let position = |(index, row): (usize, &[T])| {
            if let Some(column) = row.iter().position(|x| x.is_nan()) {
                return Err(Some((index, column)));
            }
            Ok((1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }))
        };
        numbers.chunks_exact(classes).enumerate().map(position).collect()
    })
}

fn no_logits(shape: &Shape) -> Error {
    Error::shape("the network's output", &[shape], "a classifier must return logits [observations, classes]")
}

/// The rows of each batch.
fn batches(of: &str, inputs: &[Tensor], batch: usize) -> Result<Vec<std::ops::Range<usize>>> {
    if batch == 0 {
        return Err(Error::setting(of, "batch", 0, "at least 1"));
    }
    let counts: Vec<usize> = inputs.iter().map(|x| x.shape().first().copied().unwrap_or(0)).collect();
    match counts[..] {
        [count, ..] if counts.iter().any(|&other| other != count) => {
            Err(Error::setting(of, "observations of the inputs", format!("{counts:?}"), "the same number for each"))
        }
        [count, ..] if count > 0 => {
            Ok((0..count).step_by(batch).map(|start| start..count.min(start + batch)).collect())
        }
        _ => Err(Error::Empty { what: format!("{of}: the tensor of images"), need: "it takes at least one image" }),
    }
}

/// Calls `each` with the outputs for each batch.
fn run(
    net: &dyn Layer,
    inputs: &[Tensor],
    ranges: Vec<std::ops::Range<usize>>,
    mode: Mode,
    mut each: impl FnMut(&[Tensor]) -> Result<()>,
) -> Result<()> {
    let dtype: DType = net.params().first().map_or(inputs[0].dtype(), |param| param.dtype());
    let mut tape = Tape::with_dtype(dtype);
    tape.set_mode(mode);
    for range in ranges {
        tape.reset();
        tape.no_grad(|| {
            let x: Vec<Var<'_>> = inputs.iter().map(|x| tape.constant(rows(x, range.clone()))).collect();
            let y = pass(net, &x, || format!("observations {} to {}", range.start, range.end - 1))?;
            each(&y.iter().map(|y| y.value()).collect::<Vec<_>>())
        })?;
    }
    Ok(())
}

/// The rows of a tensor in `range`.
fn rows(tensor: &Tensor, range: std::ops::Range<usize>) -> Tensor {
    let mut dims = tensor.shape().dims().to_vec();
    let row: usize = dims[1..].iter().product();
    dims[0] = range.len();
    dispatch!(tensor.dtype(), T => {
        let numbers = tensor.as_slice::<T>().expect("the precision was just looked up");
        Tensor::from_slice(&numbers[range.start * row..range.end * row], &dims[..])
    })
    .expect("the numbers are those of the rows")
}

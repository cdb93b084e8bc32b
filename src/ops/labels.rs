//! The checks that losses share: labels that go with scores, targets that go with predictions.

use crate::{
    error::{Error, Result},
    tensor::Shape,
};

/// Checks that scores of shape `x` have a row for each label and a column for each label's value.
pub(crate) fn check_labels(op: &str, x: &Shape, labels: &[usize]) -> Result<()> {
    let n = labels.len();
    let &[rows, classes] = x.dims() else {
        return Err(Error::shape(op, &[x], "one score for each class, [n, classes], is needed"));
    };
    if n == 0 {
        return Err(Error::Empty {
            what: "the batch of labels".into(),
            need: "a mean loss needs at least one observation; leave out empty batches",
        });
    }
    if rows != n {
        return Err(Error::shape(op, &[x], format!("[n, classes] needs one row for each of the {n} labels")));
    }
    match labels.iter().position(|&label| label >= classes) {
        None => Ok(()),
        Some(index) => Err(Error::Label { op: op.to_owned(), label: labels[index], index, classes }),
    }
}

/// Checks that a prediction and its target have the same shape. Broadcasting would compare each prediction with the
/// targets of all observations where `[n, 1]` meets `[n]`.
pub(crate) fn same_shape(op: &str, x: &Shape, target: &Shape) -> Result<()> {
    match x == target {
        true => Ok(()),
        false => {
            let need = "the prediction and the target must have the same shape";
            let error = Error::shape(op, &[x, target], need);
            let same = x.numel() == target.numel();
            Err(if same { error.help("reshape one to the shape of the other with `.reshape(..)`") } else { error })
        }
    }
}

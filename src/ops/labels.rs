//! Labels that go with scores: the checks that all classification losses share.

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
            need: "a mean loss needs at least one observation",
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

//! Movements by their definition, and shapes that do not fit.

use super::{close, numbers, says};
use wengert::{DType, Tape, Tensor, ops::ConvSpec};

#[test]
fn matrices_that_do_not_fit_are_named() {
    let tape = Tape::f64();
    let wide = tape.leaf(numbers(&[2, 3], 0.0));
    let square = "square matrices [.., n, n] are needed, but got [2, 3]";
    says(wide.try_inverse(), &format!("inverse: {square}"));
    says(wide.try_det(), &format!("det: {square}"));
    says(wide.try_slogdet(), &format!("slogdet: {square}"));
    says(wide.try_cholesky(), &format!("cholesky: {square}"));
    says(wide.try_eigh(), &format!("eigh: {square}"));
    says(wide.try_symmetric_sqrt(), &format!("symmetric_sqrt: {square}"));
    says(tape.leaf(1.0).try_svd(), "svd: matrices [.., m, n] are needed, but got []");
    let batch = tape.leaf(Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0], [2, 2, 2]).unwrap());
    says(batch.try_inverse(), "inverse: matrix 1 of [2, 2, 2] is singular");
    says(batch.try_solve(batch), "solve: matrix 1 of [2, 2, 2] is singular");
    let need = "solve: matrices [.., n, n] and right-hand sides [.., n, k] whose batches broadcast are needed, but got [2, 2, 2] and [3, 1]";
    says(batch.try_solve(tape.leaf([[1.0], [2.0], [3.0]])), need);
    let indefinite = tape.leaf([[1.0, 2.0], [2.0, 1.0]]);
    says(indefinite.try_cholesky(), "cholesky: matrix 0 of [2, 2] is not positive definite");
    let need = "has a negative eigenvalue, or a number that is NaN or infinite";
    says(indefinite.try_symmetric_sqrt(), &format!("symmetric_sqrt: matrix 0 of [2, 2] {need}"));
    let broken = tape.leaf([[f64::NAN, 0.0], [0.0, 1.0]]);
    let need = "holds a number that is NaN or infinite, so it has no decomposition";
    says(broken.try_eigh(), &format!("eigh: matrix 0 of [2, 2] {need}"));
    says(broken.try_svd(), &format!("svd: matrix 0 of [2, 2] {need}"));
    let _scope = tape.scope("head");
    says(indefinite.try_cholesky(), "cholesky: matrix 0 of [2, 2] is not positive definite (in layer head)");
}

#[test]
fn movements_by_the_definition() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(x.diagonal().value().to_vec(), [1.0, 5.0]);
    assert_eq!(x.transpose(0, 1).diagonal().value().to_vec(), [1.0, 5.0]);
    assert_eq!(x.tril().value().to_vec(), [1.0, 0.0, 0.0, 4.0, 5.0, 0.0]);
    assert_eq!(x.triu().value().to_vec(), [1.0, 2.0, 3.0, 0.0, 5.0, 6.0]);
    assert_eq!(tape.leaf([7.0, 8.0]).diag_embed().value().to_vec(), [7.0, 0.0, 0.0, 8.0]);
    assert_eq!(x.repeat(&[1, 0]).shape().dims(), [2, 0]);
    let image = tape.leaf(numbers(&[2, 3, 5, 4], 0.0));
    let spec = ConvSpec::default().stride(2).padding(1);
    let columns = image.unfold([3, 2], spec);
    let weight = tape.leaf(numbers(&[4, 3, 3, 2], 1.0));
    let product = weight.reshape([4, 18]).matmul(columns);
    close(product, &image.conv2d(weight, None, spec).value().to_vec(), "a convolution by unfolding");
    let ones = tape.constant(Tensor::ones([1, 1, 3, 3], DType::F64));
    let plain = ConvSpec::default();
    let counts = ones.unfold([2, 2], plain).fold([1, 1, 3, 3], [2, 2], plain);
    assert_eq!(counts.value().to_vec(), [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0]);
}

#[test]
fn losses_and_layers_say_what_does_not_fit() {
    let tape = Tape::f64();
    let of = |shape: &[usize]| tape.leaf(numbers(shape, 0.0));
    let (x, y, one) = (of(&[2, 3]), of(&[2, 4]), of(&[3]));
    let same = "the prediction and the target must have the same shape, but got [2, 3] and [2, 4]";
    says(x.try_dice_loss(y, 1.0), &format!("dice_loss: {same}"));
    says(x.try_dice_loss_squared(y), &format!("dice_loss_squared: {same}"));
    says(x.try_kl_div(y), &format!("kl_div: {same}"));
    says(x.try_euclidean_loss(y), &format!("euclidean_loss: {same}"));
    let none = of(&[0, 3]);
    says(
        none.try_kl_div(none),
        "the batch is empty: a mean loss needs at least one observation along axis 0; leave out empty batches",
    );
    says(
        none.try_euclidean_loss(none),
        "the batch is empty: a mean loss needs at least one observation along axis 0; leave out empty batches",
    );
    let need = "features [n, d] and class vectors [classes, d] are needed";
    says(x.try_arcface_loss(one, &[0, 1], 8.0, 0.3), &format!("arcface_loss: {need}, but got [2, 3] and [3]"));
    let need = "features and class vectors must have the same length (axis 1: 3 and 4 differ)";
    says(x.try_arcface_loss(y, &[0, 1], 8.0, 0.3), &format!("arcface_loss: {need}, but got [2, 3] and [2, 4]"));
    says(
        x.try_arcface_loss(x, &[0, 2], 8.0, 0.3),
        "arcface_loss: label 2 of observation 1 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes",
    );
    says(x.try_arcface_loss(x, &[0, 1], 0.0, 0.3), "arcface_loss: scale = 0, but it must be positive and finite");
    says(x.try_arcface_loss(x, &[0, 1], 8.0, f64::NAN), "arcface_loss: margin = NaN, but it must be finite");
    let need = "layer_norm: gamma and beta must have the sizes of the input's last axes, at least one";
    says(y.try_layer_norm(one, one, 1e-5), &format!("{need}, but got [2, 4] and [3] and [3]"));
    let need = "[n, c, ..] with gamma [c] and beta [c], and channels that 2 groups divide, are needed";
    says(x.try_group_norm(2, one, one, 1e-5), &format!("group_norm: {need}, but got [2, 3] and [3] and [3]"));
    let need = "images [n, c, h, w] of at least one pixel are needed";
    says(x.try_bilinear_pool(), &format!("bilinear_pool: {need}, but got [2, 3]"));
    let plain = ConvSpec::default();
    says(
        x.try_unfold([2, 2], plain),
        "unfold: images [n, c, h, w] are needed, but got [2, 3]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`",
    );
    let image = of(&[1, 1, 3, 3]);
    let need = "the kernel 4x4 must fit into the image 3x3 padded by [0, 0]";
    says(image.try_unfold([4, 4], plain), &format!("unfold: {need}, but got [1, 1, 3, 3]"));
    let need = "kernel [2, 2], stride [0, 0] and dilation [1, 1] must be at least 1, and groups, here 1, must be 1";
    says(image.try_unfold([2, 2], plain.stride(0)), &format!("unfold: {need}, but got [1, 1, 3, 3]"));
    let need = "these images need columns [1, 4, 4]";
    says(x.try_fold([1, 1, 3, 3], [2, 2], plain), &format!("fold: {need}, but got [2, 3] and [1, 1, 3, 3]"));
    says(one.try_diagonal(), "diagonal: matrices [.., n, m] are needed, but got [3]");
    says(one.try_trace(), "trace: matrices [.., n, m] are needed, but got [3]");
    says(
        x.try_cosine_similarity(x, 2, 1e-12),
        "cosine_similarity: axis 2 is out of range for shape [2, 3], which has 2 axes",
    );
    says(x.try_prod_axes(&[2], false), "prod: axis 2 is out of range for shape [2, 3], which has 2 axes");
}

//! The list of all operations, with inputs to test them at.

use super::{
    elementwise::{BINARY, SELECT, UNARY, WITH_NUMBER},
    sample::{Sample, list, numbers},
    twins::expect,
};
use crate::tensor::Tensor;

list! {
    super::reduce::Reduce,
    super::matmul::Matmul,
    super::linear::Linear,
    super::reshape::Reshape,
    super::permute::Permute,
    super::slice::Slice,
    super::slice::Scatter,
    super::concat::Concat,
    super::roll::Roll,
    super::indexing::IndexSelect,
    super::indexing::IndexAdd,
    super::indexing::Gather,
    super::indexing::ScatterAdd,
    super::cumsum::Cumsum,
    super::weighted_sum::WeightedSum,
    super::recurrence::Recurrence,
    super::recurrence::Cumprod,
    super::recurrence::LogCumSumExp,
    super::convolution::Conv2d,
    super::convolution::Conv2dInput,
    super::convolution::Conv2dWeight,
    super::pooling::MaxPool,
    super::pooling::MaxUnpool,
    super::pooling::TakeMax,
    super::average_pooling::AvgPool,
    super::average_pooling::AvgUnpool,
    super::unfold::Unfold,
    super::unfold::Fold,
    super::normalize::BatchNorm,
    super::group_norm::GroupNorm,
    super::variance::Variance,
    super::direction::Direction,
    super::softmax::Softmax,
    super::softmax::LogSumExp,
    super::linalg::Inverse,
    super::linalg::Solve,
    super::determinant::Det,
    super::determinant::Cofactors,
    super::determinant::SlogDet,
    super::linalg::Cholesky,
    super::qr::Qr,
    super::spectral::Eigh,
    super::spectral::Svd,
    super::symmetric_sqrt::SymmetricSqrt,
    super::symmetric_sqrt::Lyapunov,
    super::loss::CrossEntropy,
    super::loss::MseLoss,
}

/// Every operation, with inputs at which its gradient is defined. [`functional::table`](crate::functional::table) lists
/// the compositions too.
pub fn table() -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    for &row in UNARY {
        let input = numbers([2, 3], row.domain[0].0, row.domain[0].1, 2);
        let mut sample = Sample::new(row.name, vec![input], move |x| x[0].unary(row, 0.0));
        sample.differentiable = row.differentiable();
        all.push(sample);
    }
    for &row in WITH_NUMBER {
        let number = row.parameter.expect("rows with a number have one for tests");
        let input = numbers([2, 3], row.domain[0].0, row.domain[0].1, 3);
        let name = format!("{} with a number", row.name);
        let mut sample = Sample::new(&name, vec![input], move |x| x[0].unary(row, number));
        sample.differentiable = row.differentiable();
        all.push(sample);
    }
    // Two operands broadcast in every way: equal shapes, a row, a column or a single number on either side.
    let patterns: [[&[usize]; 2]; 6] =
        [[&[2, 3], &[2, 3]], [&[2, 3], &[3]], [&[2, 1], &[2, 3]], [&[], &[2, 3]], [&[2, 3], &[1, 1]], [&[3, 1], &[2]]];
    for &row in BINARY {
        for [a, b] in patterns {
            let inputs =
                vec![numbers(a, row.domain[0].0, row.domain[0].1, 4), numbers(b, row.domain[1].0, row.domain[1].1, 5)];
            let name = format!("{} of {a:?} and {b:?}", row.name);
            let mut sample =
                Sample::new(&name, inputs, move |x| expect(x[0].tape().elementwise(row, 0.0, &[x[0], x[1]], None)));
            sample.differentiable = row.differentiable();
            all.push(sample);
        }
    }
    let mask = Tensor::from([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
    all.push(Sample::new(SELECT.name, vec![numbers([2, 3], -2.0, 2.0, 6), numbers([3], -2.0, 2.0, 7)], move |x| {
        x[0].tape().constant(&mask).select(x[0], x[1])
    }));
    all.extend(listed());
    all
}

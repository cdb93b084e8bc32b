//! Products of matrices, inverses and determinants.

use wengert::{Backward, Tensor};

use super::{Rule, numbers, rule};

/// A square matrix with a strong diagonal.
fn regular(n: usize, seed: f64) -> Tensor {
    let noise = numbers([n, n], -0.6, 0.6, seed).to_vec();
    Tensor::from_fn([n, n], wengert::DType::F64, |i| noise[i] + if i / n == i % n { 2.0 } else { 0.0 })
}

pub fn rules() -> Vec<Rule> {
    let matrix = "matrix product";
    let algebra = "linear algebra";
    vec![
        // Z = A B: dA = dZ Bᵀ, dB = Aᵀ dZ. Square, so that shapes do not give a mistake away.
        rule(
            matrix,
            "square product",
            vec![numbers([4, 4], -1.0, 1.0, 60.0), numbers([4, 4], -1.0, 1.0, 61.0)],
            |x| vec![x[0].matmul(x[1])],
            |Backward { x, dz, .. }| {
                vec![Some(dz[0].matmul(x[1].transpose(0, 1))), Some(x[0].transpose(0, 1).matmul(dz[0]))]
            },
        ),
        // Z = X Wᵀ + b.
        rule(
            matrix,
            "linear",
            vec![numbers([3, 5], -1.0, 1.0, 62.0), numbers([4, 5], -1.0, 1.0, 63.0), numbers([4], -1.0, 1.0, 64.0)],
            |x| vec![x[0].matmul(x[1].transpose(0, 1)) + x[2]],
            |Backward { x, dz, .. }| {
                vec![
                    Some(dz[0].matmul(x[1])),
                    Some(dz[0].transpose(0, 1).matmul(x[0])),
                    Some(dz[0].sum_axes(&[0], false)),
                ]
            },
        ),
        // Z = Xᵀ X, the Gram matrix: dX = X (dZ + dZᵀ).
        rule(
            matrix,
            "gram",
            vec![numbers([6, 4], -1.0, 1.0, 65.0)],
            |x| vec![x[0].transpose(0, 1).matmul(x[0])],
            |Backward { x, dz, .. }| vec![Some(x[0].matmul(dz[0] + dz[0].transpose(0, 1)))],
        ),
        // zᵢ = xᵢᵀ A xᵢ for each row xᵢ.
        rule(
            matrix,
            "quadratic form",
            vec![numbers([3, 4], -1.0, 1.0, 66.0), numbers([4, 4], -1.0, 1.0, 67.0)],
            |x| vec![(x[0].matmul(x[1]) * x[0]).sum_axes(&[1], true)],
            |Backward { x, dz, .. }| {
                let weighted = x[0] * dz[0];
                let dx = x[0].matmul(x[1].transpose(0, 1)) + x[0].matmul(x[1]);
                vec![Some(dx * dz[0]), Some(x[0].transpose(0, 1).matmul(weighted))]
            },
        ),
        // Z = A⁻¹: dA = −Zᵀ dZ Zᵀ.
        rule(
            algebra,
            "inverse",
            vec![regular(4, 68.0)],
            |x| vec![x[0].inverse()],
            |Backward { z, dz, .. }| {
                let zt = z[0].transpose(0, 1);
                vec![Some(-(zt.matmul(dz[0]).matmul(zt)))]
            },
        ),
        // Z = A⁻¹ B: dB = A⁻ᵀ dZ, dA = −dB Zᵀ.
        rule(
            algebra,
            "solve",
            vec![regular(4, 69.0), numbers([4, 3], -1.0, 1.0, 70.0)],
            |x| vec![x[0].solve(x[1])],
            |Backward { x, z, dz, .. }| {
                let db = x[0].transpose(0, 1).solve(dz[0]);
                vec![Some(-(db.matmul(z[0].transpose(0, 1)))), Some(db)]
            },
        ),
        // z = ln |det A|: dA = A⁻ᵀ dz.
        rule(
            algebra,
            "log determinant",
            vec![regular(4, 71.0)],
            |x| vec![x[0].det().abs().ln()],
            |Backward { x, dz, .. }| vec![Some(x[0].inverse().transpose(0, 1) * dz[0])],
        ),
    ]
}

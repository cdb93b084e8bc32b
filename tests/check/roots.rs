//! Square roots of matrices and bilinear pooling under the checker: right ones pass, published mistakes are named.

use wengert::{
    Backward, DType, Function, Tensor, Var,
    check::{self, Constraint},
    nn::{BilinearPooling, Lambda, MatrixSqrt, NewtonSchulz, Norm, improved, isqrt_cov},
};

fn matrix() -> Tensor {
    Tensor::from([[1.4, 0.3, -0.2], [0.3, 0.9, 0.25], [-0.2, 0.25, 0.7]])
}

/// The inputs need not be symmetric, nor are the upstream gradients.
#[test]
fn the_recursion_of_newton_and_schulz_passes_for_every_number_of_steps() {
    for (steps, norm) in (1..5).flat_map(|steps| [(steps, Norm::Frobenius), (steps, Norm::Trace)]) {
        let root = NewtonSchulz::new(steps).unwrap().norm(norm);
        let report = check::function(root, &[matrix()]).run().unwrap();
        assert!(report.passed(), "{steps} steps, {norm:?}:\n{report}");
        let batch = Tensor::from_vec([matrix().to_vec(), Tensor::eye(3, DType::F64).to_vec()].concat(), [2, 3, 3]);
        let report = check::function(root, &[batch.unwrap()]).run().unwrap();
        assert!(report.passed(), "a batch, {steps} steps, {norm:?}:\n{report}");
    }
}

/// What the PyTorch code quoted in the question returns: U [(Uᵀ dZ U)/(√λᵢ + √λⱼ)] Uᵀ with a minus in front, which the
/// caller took back.
struct Quoted;

impl Function for Quoted {
    fn name(&self) -> &str {
        "sqrt_svd_lyap"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].symmetric_sqrt()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (values, u) = x[0].eigh();
        let roots = values.sqrt();
        let dz = (dz[0] + dz[0].transpose(0, 1)) * 0.5;
        let inner = u.transpose(0, 1).matmul(dz).matmul(u) / (roots.unsqueeze(1) + roots.unsqueeze(0));
        vec![Some(-u.matmul(inner).matmul(u.transpose(0, 1)))]
    }
}

#[test]
fn the_quoted_rule_for_the_square_root_has_its_sign_flipped() {
    let report = check::function(Quoted, &[matrix()]).constraint(Constraint::PositiveDefinite).run().unwrap();
    assert_eq!(report.verdict().unwrap().fault.to_string(), "the sign is flipped", "{report}");
}

#[test]
fn descriptors_pass_and_depend_on_their_own_image_alone() {
    let pool = BilinearPooling::new().epsilon(0.1).unwrap();
    for root in ["eigh", "lyapunov", "newton:3", "newton-trace:3"] {
        let root: MatrixSqrt = root.parse().unwrap();
        let report = check::layer(&improved(pool, root), &[[3, 2, 3]]).run().unwrap();
        assert!(report.passed(), "{root}:\n{report}");
    }
    assert!(check::layer(&isqrt_cov(3).unwrap(), &[[3, 2, 3]]).run().unwrap().passed());
    let summed = Lambda(|x| x.bilinear_pool().sum_axes(&[0], true).repeat(&[x.shape()[0], 1, 1]));
    let report = check::layer(&summed, &[[3, 2, 3]]).run().unwrap();
    let verdict = report.verdict().unwrap().fault.to_string();
    assert!(verdict.contains("observations of a batch influence each other"), "{verdict}");
}

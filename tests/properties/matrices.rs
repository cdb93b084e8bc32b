//! Linear algebra of batches of matrices: against plain elimination where that applies, else against the definition.
//!
//! An identity such as V diag(λ) Vᵀ = A is checked as an operation of its own: its value must be A and its gradients of
//! both orders must be those of A, which holds only if the rules of λ and V are right, and right together.

use proptest::prelude::*;
use wengert::{DType, Tape, Tensor, Var};

use crate::{
    array::{Array, each_index},
    check::{Bound, agree, agree_without_gradient},
    draw::{filled, numbers},
    each_case,
};

const BOUND: Bound = Bound::Size(2000.0);

/// Calls `f` with the rows of each matrix `[.., n, m]`, and replaces them with what it returns.
fn each_matrix(x: &Array, last: &[usize], mut f: impl FnMut(Vec<Vec<f64>>) -> Vec<f64>) -> Array {
    let (batch, [n, m]) = x.dims.split_last_chunk::<2>().unwrap();
    let mut y = Array { dims: [batch, last].concat(), data: Vec::new() };
    each_index(batch, |outer| {
        y.data.extend(f((0..*n).map(|i| (0..*m).map(|j| x.at(&[outer, &[i, j]].concat())).collect()).collect()));
    });
    y
}

/// A⁻¹ B by elimination without pivoting, for matrices with a dominant diagonal; and the determinant.
fn eliminate(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, f64) {
    let n = a.len();
    let mut det = 1.0;
    for k in 0..n {
        let (pivot, right) = (a[k].clone(), b[k].clone());
        det *= pivot[k];
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i][k] / pivot[k];
            a[i].iter_mut().zip(&pivot).for_each(|(a, p)| *a -= factor * p);
            b[i].iter_mut().zip(&right).for_each(|(b, r)| *b -= factor * r);
        }
    }
    for (k, row) in b.iter_mut().enumerate() {
        row.iter_mut().for_each(|b| *b /= a[k][k]);
    }
    (b, det)
}

fn eye(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect()
}

/// Matrices `[batch.., n, m]` with small numbers and a diagonal.
fn matrices(batch: &[usize], [n, m]: [usize; 2], seed: u64, diagonal: impl Fn(usize) -> f64) -> Array {
    let small = numbers(&[batch, &[n, m]].concat(), seed, (-0.5, 0.5));
    Array::from_fn(&small.dims, |at| {
        let [i, j] = *at.last_chunk().unwrap();
        small.at(at) + if i == j { diagonal(i) } else { 0.0 }
    })
}

/// (A + Aᵀ)/2.
fn symmetric(x: &Array) -> Array {
    let turned = |at: &[usize]| {
        let (outer, [i, j]) = at.split_last_chunk::<2>().unwrap();
        x.at(&[outer, &[*j, *i]].concat())
    };
    Array::from_fn(&x.dims, |at| (x.at(at) + turned(at)) / 2.0)
}

/// The trace of the cube of the matrix.
fn trace_of_cube(a: &[Vec<f64>]) -> f64 {
    let n = a.len();
    let mut sum = 0.0;
    each_index(&[n, n, n], |i| sum += a[i[0]][i[1]] * a[i[1]][i[2]] * a[i[2]][i[0]]);
    sum
}

/// V diag(λ) Vᵀ, and the like.
fn product<'t>(u: Var<'t>, values: Var<'t>, v: Var<'t>) -> Var<'t> {
    (u * values.unsqueeze(-2)).matmul(v.transpose(-1, -2))
}

fn batch() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![4 => filled(0..=2), 1 => Just(vec![0])]
}

#[test]
fn inverses_and_solutions() {
    each_case(
        150,
        (batch(), 0usize..=4, 0usize..=3, any::<bool>(), any::<u64>()),
        |(batch, n, columns, sign, seed)| {
            // Either sign of the determinant.
            let x = [
                matrices(&batch, [n, n], seed, |i| if sign && i == 0 { -2.5 } else { 2.5 }),
                numbers(&[&batch[..], &[n, columns]].concat(), seed ^ 1, (-2.0, 2.0)),
            ];
            agree(
                "inverse",
                &x[..1],
                BOUND,
                |x| x[0].inverse(),
                |x| each_matrix(&x[0], &[n, n], |a| eliminate(a, eye(n)).0.concat()),
            )?;
            agree(
                "A A⁻¹",
                &x[..1],
                BOUND,
                |x| x[0].matmul(x[0].inverse()),
                |x| each_matrix(&x[0], &[n, n], |_| eye(n).concat()),
            )?;
            agree(
                "solve",
                &x,
                BOUND,
                |x| x[0].solve(x[1]),
                |x| {
                    let mut right = Vec::new();
                    each_matrix(&x[1], &[n, columns], |b| {
                        right.push(b.clone());
                        b.concat()
                    });
                    let mut right = right.into_iter();
                    each_matrix(&x[0], &[n, columns], |a| eliminate(a, right.next().unwrap()).0.concat())
                },
            )?;
            let det = |x: &Array| each_matrix(x, &[], |a| vec![eliminate(a, vec![vec![]; n]).1]);
            agree("det", &x[..1], BOUND, |x| x[0].det(), |x| det(&x[0]))?;
            agree("ln |det|", &x[..1], BOUND, |x| x[0].slogdet().1, |x| det(&x[0]).map(|d| d.abs().ln()))?;
            agree_without_gradient(
                "the sign of det",
                &x[..1],
                BOUND,
                |x| x[0].slogdet().0,
                |x| det(&x[0]).map(f64::signum),
            )?;
            Ok(())
        },
    );
}

#[test]
fn cholesky_factors() {
    each_case(150, (batch(), 0usize..=4, any::<u64>()), |(batch, n, seed)| {
        let x = [matrices(&batch, [n, n], seed, |_| 2.5)];
        agree(
            "cholesky",
            &x,
            BOUND,
            |x| x[0].cholesky(),
            |x| {
                each_matrix(&symmetric(&x[0]), &[n, n], |a| {
                    let mut l = vec![vec![0.0; n]; n];
                    for i in 0..n {
                        for j in 0..=i {
                            let rest = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
                            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
                        }
                    }
                    l.concat()
                })
            },
        )?;
        agree(
            "L Lᵀ",
            &x,
            BOUND,
            |x| {
                let l = x[0].cholesky();
                l.matmul(l.transpose(-1, -2))
            },
            |x| symmetric(&x[0]),
        )?;
        Ok(())
    });
}

#[test]
fn eigenvalues_and_vectors() {
    each_case(150, (batch(), 0usize..=4, any::<u64>()), |(batch, n, seed)| {
        let x = [matrices(&batch, [n, n], seed, |i| 2.0 * i as f64 - 3.0)];
        agree(
            "V diag(λ) Vᵀ",
            &x,
            BOUND,
            |x| {
                let (values, v) = x[0].eigh();
                product(v, values, v)
            },
            |x| symmetric(&x[0]),
        )?;
        agree(
            "Vᵀ V",
            &x,
            BOUND,
            |x| {
                let v = x[0].eigh().1;
                v.transpose(-1, -2).matmul(v)
            },
            |x| each_matrix(&x[0], &[n, n], |_| eye(n).concat()),
        )?;
        agree(
            "Σ λ³",
            &x,
            BOUND,
            |x| x[0].eigvalsh().pow(3.0).sum_axes(&[-1], false),
            |x| each_matrix(&symmetric(&x[0]), &[], |a| vec![trace_of_cube(&a)]),
        )?;
        let tape = Tape::f64();
        let values = tape.leaf(x[0].tensor()).eigvalsh().value().to_vec();
        prop_assert!(
            values.chunks(n.max(1)).all(|row| row.is_sorted()),
            "eigenvalues ascend, but here are {:?}",
            values
        );
        Ok(())
    });
}

#[test]
fn singular_values_and_vectors() {
    each_case(150, (batch(), [0usize..=4, 0usize..=4], any::<u64>()), |(batch, [n, m], seed)| {
        let x = [matrices(&batch, [n, m], seed, |i| 2.0 * i as f64 + 1.5)];
        let k = n.min(m);
        agree(
            "U diag(s) Vᵀ",
            &x,
            BOUND,
            |x| {
                let (u, s, v) = x[0].svd();
                product(u, s, v)
            },
            |x| x[0].clone(),
        )?;
        for side in [0, 1] {
            agree(
                "Uᵀ U or Vᵀ V",
                &x,
                BOUND,
                |x| {
                    let (u, _, v) = x[0].svd();
                    let w = if side == 0 { u } else { v };
                    w.transpose(-1, -2).matmul(w)
                },
                |x| each_matrix(&x[0], &[k, k], |_| eye(k).concat()),
            )?;
        }
        agree(
            "Σ s²",
            &x,
            BOUND,
            |x| x[0].singular_values().square().sum_axes(&[-1], false),
            |x| each_matrix(&x[0], &[], |a| vec![a.concat().iter().map(|a| a * a).sum()]),
        )?;
        let tape = Tape::f64();
        let values = tape.leaf(x[0].tensor()).singular_values().value().to_vec();
        let falling = values.chunks(k.max(1)).all(|row| row.is_sorted_by(|a, b| a >= b && *b >= 0.0));
        prop_assert!(falling, "singular values descend, but here are {:?}", values);
        Ok(())
    });
}

#[test]
fn symmetric_square_roots() {
    each_case(150, (batch(), 0usize..=4, any::<u64>()), |(batch, n, seed)| {
        let x = [matrices(&batch, [n, n], seed, |_| 2.5)];
        agree(
            "Z Z",
            &x,
            BOUND,
            |x| {
                let z = x[0].symmetric_sqrt();
                z.matmul(z)
            },
            |x| symmetric(&x[0]),
        )?;
        let tape = Tape::f64();
        let z = tape.leaf(x[0].tensor()).symmetric_sqrt();
        let difference = (z - z.transpose(-1, -2)).value().to_vec();
        prop_assert!(difference.iter().all(|d| d.abs() < 1e-14), "the root is not symmetric: {:?}", difference);
        prop_assert!(z.eigvalsh().value().to_vec().iter().all(|&root| root > 0.0), "the root is not positive");
        Ok(())
    });
}

#[test]
fn values_of_equal_size_have_their_gradient() {
    let tape = Tape::f64();
    let a = tape.leaf(Tensor::from_fn([3, 3], DType::F64, |i| if i % 4 == 0 { 2.0 } else { 0.0 }));
    let cubes = a.eigvalsh().pow(3.0).sum().backward().unwrap();
    let squares = a.singular_values().square().sum().backward().unwrap();
    for i in 0..9 {
        let on_diagonal = f64::from(i % 4 == 0);
        assert!((cubes.wrt(a).unwrap().to_vec()[i] - 12.0 * on_diagonal).abs() < 1e-13);
        assert!((squares.wrt(a).unwrap().to_vec()[i] - 4.0 * on_diagonal).abs() < 1e-13);
    }
}

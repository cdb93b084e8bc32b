//! Decompositions of matrices, and systems solved with them.

use super::{Call, Results};
use wengert::{Tensor, Var};

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let a = c.maybe(0, "")?;
    Some(match op {
        "linalg.inv" | "linalg.inv_ex" => vec![a.inverse()],
        "linalg.det" => vec![a.det()],
        "linalg.slogdet" => pair(a.slogdet()),
        "logdet" => vec![{
            let (sign, logarithm) = a.slogdet();
            sign.ge(0.0).select(logarithm, f64::NAN)
        }],
        "linalg.cholesky" | "linalg.cholesky_ex" => vec![match c.flag(1, "upper", false) {
            true => turned(a.cholesky()),
            false => a.cholesky(),
        }],
        "cholesky_inverse" => {
            let l = lower(c, a, 1);
            vec![l.matmul(turned(l)).inverse()]
        }
        "cholesky_solve" => {
            let l = lower(c, c.x(1), 2);
            vec![turned(l).solve(l.solve(a))]
        }
        "linalg.eigh" => {
            let (values, vectors) = triangle(c, a).eigh();
            vec![values, vectors.square()]
        }
        "linalg.eigvalsh" => vec![triangle(c, a).eigvalsh()],
        "svd" | "linalg.svd" => {
            let (u, s, v) = a.svd();
            vec![u.square(), s, turned(v.square())]
        }
        "linalg.svdvals" => vec![a.singular_values()],
        "linalg.cond" if c.get(1, "p").numbers().is_none() => {
            let s = a.singular_values();
            vec![s.amax_axes(&[-1], false) / s.amin_axes(&[-1], false)]
        }
        "linalg.qr" if c.text(1, "mode", "reduced") != "r" => {
            let (q, r) = a.qr();
            vec![q.square(), r.square()]
        }
        "linalg.polar" => {
            let (u, s, v) = a.svd();
            vec![u.matmul(turned(v)), (v * s.unsqueeze(-2)).matmul(turned(v))]
        }
        "linalg.matrix_sqrth" => vec![a.symmetric_sqrt()],
        "matrix_exp" => vec![a.matrix_exp()],
        // With a tolerance, singular values that are not small are taken for 0.
        "pinverse" | "linalg.pinv" if c.get(9, "rtol").numbers().is_none() => vec![a.pinv()],
        "linalg.pinv.hermitian" => {
            let strict = a.tril_at(-1);
            vec![(strict + turned(strict) + a.diagonal().diag_embed()).pinv()]
        }
        "linalg.pinv.singular" => {
            // A Bᵀ has the rank of its factors, and (A Bᵀ)⁺ = (Bᵀ)⁺ A⁺.
            let b = turned(c.x(1));
            vec![b.pinv().matmul(a.pinv())]
        }
        "linalg.lstsq" | "linalg.lstsq.grad_oriented" => vec![a.lstsq(c.x(1))],
        "linalg.solve" | "linalg.solve_ex" => vec![solve(a, c.x(1), c.flag(2, "left", true))],
        "linalg.solve_triangular" => vec![solve_triangular(c, a)],
        "triangular_solve" => {
            let (upper, transposed, unit) =
                (c.flag(2, "upper", true), c.flag(3, "transpose", false), c.flag(4, "unitriangular", false));
            let t = triangular(c.x(1), upper, unit);
            let x = if transposed { turned(t).solve(a) } else { t.solve(a) };
            vec![x, c.x(1) + x.sum() * 0.0]
        }
        "linalg.tensorinv" => {
            let (shape, at) = (a.shape(), c.int(1, "ind", 2) as usize);
            let n: usize = shape[..at].iter().product();
            let turned: Vec<usize> = shape[at..].iter().chain(&shape[..at]).copied().collect();
            vec![a.reshape([n, n]).inverse().reshape(&turned[..])]
        }
        "linalg.tensorsolve" => {
            let (b, mut order) = (c.x(1), (0..a.rank() as isize).collect::<Vec<_>>());
            for axis in c.ints(2, "dims").unwrap_or_default() {
                order.retain(|&other| other != axis);
                order.push(axis);
            }
            let moved = a.permute(&order);
            let n = b.numel();
            let rest = moved.shape()[b.rank()..].to_vec();
            vec![moved.reshape([n, n]).solve(b.reshape([n, 1])).reshape(&rest[..])]
        }
        "linalg.householder_product" => vec![reflections(c, a, c.x(1)).narrow(-1, 0, *a.shape().last()?)],
        "ormqr" => {
            let (q, b) = (reflections(c, a, c.x(1)), c.x(2));
            let q = if c.flag(4, "transpose", false) { turned(q) } else { q };
            vec![if c.flag(3, "left", true) { q.matmul(b) } else { b.matmul(q) }]
        }
        "lu" | "linalg.lu_factor" | "linalg.lu_factor_ex" if c.flag(1, "pivot", true) => vec![factors(a).1],
        "linalg.lu" if c.flag(1, "pivot", true) => {
            let (order, packed) = factors(a);
            let (l, u) = unpacked(packed);
            vec![order, l, u]
        }
        "lu_unpack" => {
            let (l, u) = unpacked(a);
            vec![permutation(c, a, &c.places(1, "")), l, u]
        }
        "lu_solve" => vec![lu_solve(c, c.x(1), &c.places(2, ""), a, true, false)],
        "linalg.lu_solve" => {
            let (left, adjoint) = (c.flag(9, "left", true), c.flag(9, "adjoint", false));
            vec![lu_solve(c, a, &c.places(1, ""), c.x(2), left, adjoint)]
        }
        _ => return None,
    })
}

fn pair<'t>((a, b): (Var<'t>, Var<'t>)) -> Vec<Var<'t>> {
    vec![a, b]
}

fn turned(x: Var<'_>) -> Var<'_> {
    x.transpose(-2, -1)
}

fn unit(x: Var<'_>) -> Var<'_> {
    x.tape().constant(Tensor::eye(x.shape()[x.rank() - 2], x.dtype()))
}

/// A Cholesky factor, given as the lower or the upper one.
fn lower<'t>(c: &Call<'t>, factor: Var<'t>, at: usize) -> Var<'t> {
    if c.flag(at, "upper", false) { turned(factor) } else { factor }
}

/// The symmetric matrix of which one triangle is given; the gradient goes to both, as in PyTorch.
fn triangle<'t>(c: &Call<'t>, a: Var<'t>) -> Var<'t> {
    let strict = if c.text(1, "UPLO", "L") == "U" { a.triu_at(1) } else { a.tril_at(-1) };
    let symmetric = (a + turned(a)) / 2.0;
    (strict + turned(strict) + a.diagonal().diag_embed() - symmetric).detach() + symmetric
}

fn triangular(a: Var<'_>, upper: bool, unitary: bool) -> Var<'_> {
    match (upper, unitary) {
        (true, false) => a.triu(),
        (false, false) => a.tril(),
        (true, true) => a.triu_at(1) + unit(a),
        (false, true) => a.tril_at(-1) + unit(a),
    }
}

/// A X = B, or X A = B; for vectors too.
fn solve<'t>(a: Var<'t>, b: Var<'t>, left: bool) -> Var<'t> {
    let is_vector = b.rank() == 1 || (b.rank() + 1 == a.rank() && b.shape().dims() == &a.shape().dims()[..b.rank()]);
    match (is_vector, left) {
        (true, true) => a.solve(b.unsqueeze(-1)).squeeze(&[-1]),
        (true, false) => turned(a).solve(b.unsqueeze(-1)).squeeze(&[-1]),
        (false, true) => a.solve(b),
        (false, false) => turned(turned(a).solve(turned(b))),
    }
}

fn solve_triangular<'t>(c: &Call<'t>, a: Var<'t>) -> Var<'t> {
    let (upper, unitary) = (c.flag(9, "upper", true), c.flag(9, "unitriangular", false));
    let t = triangular(a, upper, unitary);
    match c.flag(9, "left", true) {
        true => t.solve_triangular(c.x(1), upper),
        false => turned(turned(t).solve_triangular(turned(c.x(1)), !upper)),
    }
}

/// The product of the reflections I − τ v vᵀ whose vectors v are below the diagonal, where 1 stands.
fn reflections<'t>(c: &Call<'t>, a: Var<'t>, tau: Var<'t>) -> Var<'t> {
    let (n, m) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
    let v = a.tril_at(-1) + super::moving::matrix(c, [n, m], |i, j| f64::from(i == j));
    let whole = (0..tau.shape()[tau.rank() - 1]).map(|k| {
        let v = v.narrow(-1, k, 1);
        unit(a) - v.matmul(turned(v)) * tau.narrow(-1, k, 1).unsqueeze(-1)
    });
    whole.reduce(|a, b| a.matmul(b)).unwrap_or(unit(a) + a.sum() * 0.0)
}

/// Rows exchanged as LAPACK's pivots (from 1) say, P with A = P L U.
fn permutation<'t>(c: &Call<'t>, a: Var<'t>, pivots: &[usize]) -> Var<'t> {
    let shape = a.shape();
    let (n, k) = (shape[a.rank() - 2], shape[a.rank() - 2].min(shape[a.rank() - 1]));
    let count = shape[..a.rank() - 2].iter().product::<usize>();
    let mut numbers = vec![0.0; count * n * n];
    for batch in 0..count {
        let mut rows: Vec<usize> = (0..n).collect();
        (0..k).for_each(|i| rows.swap(i, pivots[batch * k + i] - 1));
        rows.iter().enumerate().for_each(|(to, &from)| numbers[(batch * n + from) * n + to] = 1.0);
    }
    let whole: Vec<usize> = shape[..a.rank() - 2].iter().copied().chain([n, n]).collect();
    c.tape.constant(Tensor::from_vec(numbers, &whole[..]).unwrap())
}

fn unpacked(packed: Var<'_>) -> (Var<'_>, Var<'_>) {
    let shape = packed.shape();
    let (n, m) = (shape[packed.rank() - 2], shape[packed.rank() - 1]);
    let k = n.min(m);
    let l = packed.narrow(-1, 0, k);
    let eye = l.tape().constant(Tensor::from_fn([n, k], l.dtype(), |i| f64::from(i / k == i % k)));
    (l.tril_at(-1) + eye, packed.narrow(-2, 0, k).triu())
}

fn lu_solve<'t>(c: &Call<'t>, lu: Var<'t>, pivots: &[usize], b: Var<'t>, left: bool, adjoint: bool) -> Var<'t> {
    let (l, u) = unpacked(lu);
    let a = permutation(c, lu, pivots).matmul(l).matmul(u);
    solve_matrix(if adjoint { turned(a) } else { a }, b, left)
}

fn solve_matrix<'t>(a: Var<'t>, b: Var<'t>, left: bool) -> Var<'t> {
    if left { a.solve(b) } else { turned(turned(a).solve(turned(b))) }
}

/// P and the packed L and U of matrices, by elimination: each column is divided by its largest number, and each row loses
/// its share of the pivot's.
fn factors(a: Var<'_>) -> (Var<'_>, Var<'_>) {
    let (shape, tape) = (a.shape(), a.tape());
    let (n, m) = (shape[a.rank() - 2], shape[a.rank() - 1]);
    let count = shape[..a.rank() - 2].iter().product::<usize>();
    let whole: Vec<usize> = shape[..a.rank() - 2].iter().copied().chain([n, n]).collect();
    let (mut orders, mut packed) = (vec![0.0; count * n * n], Vec::new());
    for (batch, matrix) in a.reshape([count, n, m]).unbind(0).into_iter().enumerate() {
        let (mut rows, mut order) = (matrix.unbind(0), (0..n).collect::<Vec<_>>());
        for k in 0..n.min(m) {
            let size = |i: &usize| rows[*i].value().at(&[k]).abs();
            let pivot = (k..n).reduce(|a, b| if size(&b) > size(&a) { b } else { a }).unwrap();
            rows.swap(k, pivot);
            order.swap(k, pivot);
            for i in k + 1..n {
                let factor = rows[i].narrow(0, k, 1) / rows[k].narrow(0, k, 1);
                let rest = m - k - 1;
                let left = rows[i].narrow(0, k + 1, rest) - factor * rows[k].narrow(0, k + 1, rest);
                rows[i] = Var::concat(&[rows[i].narrow(0, 0, k), factor, left], 0);
            }
        }
        order.iter().enumerate().for_each(|(to, &from)| orders[(batch * n + from) * n + to] = 1.0);
        packed.push(Var::stack(&rows, 0));
    }
    let order = tape.constant(Tensor::from_vec(orders, &whole[..]).unwrap());
    (order, if packed.is_empty() { a } else { Var::stack(&packed, 0).reshape(shape) })
}

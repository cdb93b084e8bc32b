//! Operations on matrices.

use super::{Draw, Try};

/// Matrices that are positive definite.
fn definite<'t>(draw: &mut Draw<'t>) -> (wengert::Var<'t>, usize) {
    let (batch, n) = (draw.sizes(0..=2), draw.size());
    (draw.definite(&batch, n), n)
}

/// Matrices of any sides.
fn any<'t>(draw: &mut Draw<'t>) -> (wengert::Var<'t>, [usize; 2]) {
    let (batch, sides) = (draw.sizes(0..=2), [draw.size(), draw.size()]);
    (draw.tensor(&[&batch[..], &sides].concat()), sides)
}

macro_rules! square {
    ($($name:literal $twin:ident $($first:ident)?)*) => {
        [$(($name, |draw| {
            let y = definite(draw).0.$twin();
            $(let y = y.map(|$first| $first.0);)?
            y
        })),*]
    };
}

pub const SQUARE: [(&str, Try); 11] = square! {
    "cholesky" try_cholesky
    "inverse" try_inverse
    "det" try_det
    "slogdet" try_slogdet both
    "eigh" try_eigh both
    "eigvalsh" try_eigvalsh
    "svd" try_svd all
    "singular_values" try_singular_values
    "symmetric_sqrt" try_symmetric_sqrt
    "matrix_exp" try_matrix_exp
    "qr" try_qr both
};

pub const OTHERS: &[(&str, Try)] = &[
    ("trace", |draw| definite(draw).0.try_trace()),
    ("solve", |draw| {
        let ((a, n), columns) = (definite(draw), draw.size());
        let b = draw.tensor(&[n, columns]);
        a.try_solve(b)
    }),
    ("solve_triangular", |draw| {
        let ((a, n), columns) = (definite(draw), draw.size());
        let (b, upper) = (draw.tensor(&[n, columns]), draw.flag());
        a.try_solve_triangular(b, upper)
    }),
    ("lstsq", |draw| {
        let ((a, n), columns) = (definite(draw), draw.size());
        let b = draw.tensor(&[n, columns]);
        a.try_lstsq(b)
    }),
    ("pinv", |draw| definite(draw).0.try_pinv()),
    ("diagonal_at", |draw| {
        let (x, [rows, columns]) = any(draw);
        let offset = draw.below(columns) as isize - draw.below(rows) as isize;
        let offset = draw.signed(offset.clamp(1 - rows as isize, columns as isize - 1));
        x.try_diagonal_at(offset)
    }),
    ("diag_embed_at", |draw| {
        let dims = draw.sizes(1..=3);
        let (x, offset) = (draw.tensor(&dims), draw.below(5) as isize - 2);
        let offset = draw.signed(offset);
        x.try_diag_embed_at(offset)
    }),
    ("tril_at", |draw| {
        let ((x, _), offset) = (any(draw), draw.below(5) as isize - 2);
        let offset = draw.signed(offset);
        x.try_tril_at(offset)
    }),
    ("triu_at", |draw| {
        let ((x, _), offset) = (any(draw), draw.below(5) as isize - 2);
        let offset = draw.signed(offset);
        x.try_triu_at(offset)
    }),
];

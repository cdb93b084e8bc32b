//! Operations at the edges of their domains, against naive references.

use wengert::{DType, Shape, Tape, Tensor, Var, ops::ConvSpec};

fn numbers(shape: &[usize], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.91 + seed).sin())
}

fn close(got: Var<'_>, want: &[f64], what: &str) {
    let got = got.value().to_vec();
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-12 * w.abs().max(1.0), "{what}: {got:?} is not {want:?}");
    }
}

fn says(error: Result<impl Sized, wengert::Error>, want: &str) {
    match error {
        Ok(_) => panic!("an error was expected: {want}"),
        Err(error) => assert_eq!(error.to_string(), want),
    }
}

/// The sum of products by loops over every letter.
fn naive_einsum(terms: &[&str], result: &str, operands: &[Tensor]) -> Vec<f64> {
    let mut letters: Vec<(char, usize)> = Vec::new();
    for c in result.chars().chain(terms.concat().chars()) {
        if letters.iter().all(|l| l.0 != c) {
            let (k, axis) = terms.iter().enumerate().find_map(|(k, t)| t.find(c).map(|axis| (k, axis))).unwrap();
            letters.push((c, operands[k].shape()[axis]));
        }
    }
    let sizes: Vec<usize> = letters.iter().map(|l| l.1).collect();
    let kept: usize = sizes[..result.len()].iter().product();
    let rest: usize = sizes[result.len()..].iter().product();
    let mut out = vec![0.0; kept];
    for flat in 0..kept * rest {
        let mut index = vec![0; sizes.len()];
        let mut left = flat;
        for axis in (0..sizes.len()).rev() {
            index[axis] = left % sizes[axis];
            left /= sizes[axis];
        }
        let place = |c: char| index[letters.iter().position(|l| l.0 == c).unwrap()];
        let factors = terms.iter().zip(operands).map(|(t, x)| x.at(&t.chars().map(place).collect::<Vec<_>>()));
        out[flat / rest] += factors.product::<f64>();
    }
    out
}

#[test]
fn einsum_is_the_sum_over_all_letters() {
    let size = |c: char| 2 + (c as usize % 3);
    for equation in [
        "ij,jk->ik",
        "ij,kj->ki",
        "ji,jk->ik",
        "bij,bjk->bik",
        "bij,bjk->kib",
        "i,i->",
        "i,i->i",
        "i,j->ji",
        "ij->",
        "ijk->kj",
        "ii->i",
        "iij,j->i",
        "ij,jk,kl->il",
        "ij,ik,il->jkl",
        "bhwc,bhwd->bcd",
        "a,b,ab->b",
        "ij,ij->ij",
        "iji,j->i",
        "ab,c->b",
    ] {
        let (left, result) = equation.split_once("->").unwrap();
        let terms: Vec<&str> = left.split(',').collect();
        let operands: Vec<Tensor> = terms
            .iter()
            .enumerate()
            .map(|(k, t)| numbers(&t.chars().map(size).collect::<Vec<_>>(), k as f64))
            .collect();
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = operands.iter().map(|x| tape.leaf(x)).collect();
        let y = Var::einsum(equation, &x);
        assert_eq!(y.shape(), result.chars().map(size).collect::<Shape>(), "{equation}");
        close(y, &naive_einsum(&terms, result, &operands), equation);
    }
}

#[test]
fn an_ellipsis_stands_for_axes_without_letters() {
    // Next to each equation: the same with letters for the axes under `...`, once the operands are broadcast to these
    // sizes.
    type Case = (&'static str, Shapes, &'static str, Shapes);
    type Shapes = &'static [&'static [usize]];
    let cases: [Case; 14] = [
        ("...ij,...jk->...ik", &[&[4, 2, 3], &[4, 3, 2]], "aij,ajk->aik", &[&[4, 2, 3], &[4, 3, 2]]),
        ("...ij,jk->...ik", &[&[4, 2, 3], &[3, 2]], "aij,jk->aik", &[&[4, 2, 3], &[3, 2]]),
        ("...ij,...jk->...ik", &[&[5, 1, 2, 3], &[4, 3, 2]], "abij,abjk->abik", &[&[5, 4, 2, 3], &[5, 4, 3, 2]]),
        ("...i,...i->...", &[&[3, 1, 2], &[1, 4, 2]], "abi,abi->ab", &[&[3, 4, 2], &[3, 4, 2]]),
        ("i...,...->i...", &[&[2, 3], &[3]], "ia,a->ia", &[&[2, 3], &[3]]),
        ("...ii->...i", &[&[2, 3, 3]], "aii->ai", &[&[2, 3, 3]]),
        ("...->...", &[&[2, 3]], "ab->ab", &[&[2, 3]]),
        ("i...j->j...i", &[&[2, 3, 4, 5]], "iabj->jabi", &[&[2, 3, 4, 5]]),
        ("i...->", &[&[2, 3, 4]], "iab->", &[&[2, 3, 4]]),
        ("...ij->j", &[&[2, 3, 4]], "aij->j", &[&[2, 3, 4]]),
        ("...ij->...j", &[&[3, 4]], "ij->j", &[&[3, 4]]),
        ("...ij,...jk", &[&[4, 2, 3], &[3, 2]], "aij,ajk->aik", &[&[4, 2, 3], &[4, 3, 2]]),
        ("j...i", &[&[2, 3, 4]], "jai->aij", &[&[2, 3, 4]]),
        ("...,...->...", &[&[1], &[1]], "a,a->a", &[&[1], &[1]]),
    ];
    for (equation, shapes, plain, wide) in cases {
        let operands: Vec<Tensor> = shapes.iter().enumerate().map(|(k, s)| numbers(s, k as f64)).collect();
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = operands.iter().map(|x| tape.leaf(x)).collect();
        let broadcast: Vec<Tensor> = x.iter().zip(wide).map(|(x, &w)| x.broadcast_to(w).value()).collect();
        let (left, result) = plain.split_once("->").unwrap();
        let terms: Vec<&str> = left.split(',').collect();
        close(Var::einsum(equation, &x), &naive_einsum(&terms, result, &broadcast), equation);
        let size = |c| terms.iter().zip(wide).find_map(|(t, w)| t.find(c).map(|axis| w[axis])).unwrap();
        assert_eq!(Var::einsum(equation, &x).shape(), result.chars().map(size).collect::<Shape>(), "{equation}");
    }
}

#[test]
fn the_angle_between_vectors_keeps_its_digits() {
    let tape = Tape::f64();
    for angle in [0.0, 1e-140, 1e-15, 1e-8, 0.3, 1.0, std::f64::consts::FRAC_PI_2, 2.0, 3.0, std::f64::consts::PI] {
        let x = tape.leaf([[2.0, 0.0, 0.0], [0.0, 0.0, 0.5]]);
        let y = tape.leaf([[3.0 * angle.cos(), 3.0 * angle.sin(), 0.0]]);
        let angles = x.angle(y, 1);
        let right = std::f64::consts::FRAC_PI_2;
        assert!((angles.value().at(&[0]) - angle).abs() <= 4e-16 * angle, "{angle}: {angles:?}");
        assert!((angles.value().at(&[1]) - right).abs() <= 4e-16, "{angle}: {angles:?}");
        let gradients = angles.sum().backward().unwrap();
        // With respect to x: the unit vector away from y, divided by the length of x; 0 where there is none.
        let dx = gradients.wrt(x).unwrap();
        let moves = if angle == 0.0 || angle == std::f64::consts::PI { 0.0 } else { 0.5 };
        assert!((dx.at(&[0, 1]).abs() - moves).abs() < 1e-9 || angle > 3.1, "{angle}: {dx:?}");
        assert!(dx.first_non_finite().is_none() && gradients.wrt(y).unwrap().first_non_finite().is_none());
    }
    let (zero, y) = (tape.leaf([0.0, 0.0]), tape.leaf([1.0, 2.0]));
    let angle = zero.angle(y, 0);
    assert_eq!(angle.item(), std::f64::consts::FRAC_PI_2);
    assert_eq!(tape.grad(angle, &[zero]).unwrap()[0].value().to_vec(), [0.0, 0.0]);
}

#[test]
fn a_variance_without_degrees_of_freedom_is_not_a_number_or_infinite() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0], [3.0, 2.0]]);
    for correction in [2, 3] {
        let var = x.var_axes(&[0], correction, false).value().to_vec();
        assert!(var[0] == f64::INFINITY && var[1].is_nan(), "correction {correction}: {var:?}");
    }
    assert!(tape.leaf(5.0).var(1).item().is_nan());
}

#[test]
fn einsum_names_the_equation_and_the_letter() {
    let tape = Tape::f64();
    let (a, b) = (tape.leaf(numbers(&[2, 3], 0.0)), tape.leaf(numbers(&[4, 5], 0.0)));
    says(
        Var::try_einsum("ij,jk->ik", &[a, b]),
        "einsum: in the equation \"ij,jk->ik\" `j` has size 3 and, in operand 1, size 4, but got [2, 3] and [4, 5]",
    );
    says(
        Var::try_einsum("ij->iq", &[a]),
        "einsum: in the equation \"ij->iq\" the result's letter `q` stands in no operand, but got [2, 3]",
    );
    says(
        Var::try_einsum("ij->ii", &[a]),
        "einsum: in the equation \"ij->ii\" the result names `i` twice, but got [2, 3]",
    );
    says(Var::try_einsum("i1->i", &[a]), "einsum: in the equation \"i1->i\" `1` is not a letter, but got [2, 3]");
    says(
        Var::try_einsum("ijk->i", &[a]),
        "einsum: in the equation \"ijk->i\" operand 0 has 2 axes, but 3 letters, but got [2, 3]",
    );
    says(
        Var::try_einsum("ij,jk", &[a]),
        "einsum: in the equation \"ij,jk\" it names 2 operands, but 1 were given, but got [2, 3]",
    );
    let not_three = "dots stand elsewhere than in one `...` for each operand, but got [2, 3]";
    for equation in ["i.j->i", "..ij", "...i...->i", "i...->....", "ij...."] {
        says(Var::try_einsum(equation, &[a]), &format!("einsum: in the equation \"{equation}\" {not_three}"));
    }
    says(
        Var::try_einsum("...ijk->...", &[a]),
        "einsum: in the equation \"...ijk->...\" operand 0 has 2 axes, but 3 letters, but got [2, 3]",
    );
    says(
        Var::try_einsum("...j,...k->...", &[a, b]),
        "einsum: in the equation \"...j,...k->...\" an axis under `...` has size 2 and, in operand 1, size 4, but got \
         [2, 3] and [4, 5]",
    );
    says(Var::try_einsum("->", &[]), "the list of operands of einsum is empty: give at least one");
}

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
fn spectra_with_equal_values_have_finite_gradients() {
    let tape = Tape::f64();
    let a = tape.leaf(Tensor::eye(3, DType::F64));
    // The sum of the eigenvalues is the trace, whatever the vectors are.
    close(tape.grad(a.eigvalsh().sum(), &[a]).unwrap()[0], &Tensor::eye(3, DType::F64).to_vec(), "trace");
    close(tape.grad(a.singular_values().sum(), &[a]).unwrap()[0], &Tensor::eye(3, DType::F64).to_vec(), "nuclear norm");
    close(tape.grad(a.symmetric_sqrt().sum(), &[a]).unwrap()[0], &[0.5; 9], "root");
    let zero = tape.leaf(Tensor::zeros([2, 2], DType::F64));
    close(tape.grad(zero.symmetric_sqrt().sum(), &[zero]).unwrap()[0], &[0.0; 4], "root of zeros");
    let empty = tape.leaf(Tensor::zeros([0, 3, 3], DType::F64));
    assert_eq!(empty.inverse().shape().dims(), [0, 3, 3]);
    assert_eq!(tape.leaf(Tensor::zeros([2, 0, 0], DType::F64)).det().value().to_vec(), [1.0, 1.0]);
}

#[test]
fn determinants_of_singular_matrices_have_gradients() {
    let tape = Tape::f64();
    let a = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
    // Rounding may leave a determinant that is not quite 0; the cofactors change as little.
    close(tape.grad(a.det(), &[a]).unwrap()[0], &[-3.0, 6.0, -3.0, 6.0, -12.0, 6.0, -3.0, 6.0, -3.0], "of rank two");
    let batch = tape.leaf(Tensor::from_vec(vec![1.0, 2.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0], [2, 2, 2]).unwrap());
    let z = batch.det();
    assert_eq!(z.value().to_vec(), [0.0, 0.0]);
    let dx = tape.grad(z.sum(), &[batch]).unwrap()[0];
    close(dx, &[4.0, -2.0, -2.0, 1.0, 0.0, 0.0, 0.0, 0.0], "of rank one, and of zeros");
    // That of the cofactors uses the inverse.
    says(tape.grad(dx.square().sum(), &[batch]), "inverse: matrix 0 of [2, 2, 2] is singular");
    says(tape.grad(batch.slogdet().1.sum(), &[batch]), "inverse: matrix 0 of [2, 2, 2] is singular");
}

#[test]
fn values_and_gradients_at_zeros_and_infinities() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0, 0.0, 5.0]);
    close(tape.grad(x.prod_axes(&[0], false), &[x]).unwrap()[0], &[0.0, 10.0, 0.0], "a product with a zero");
    assert_eq!(tape.leaf(Tensor::zeros([2, 0], DType::F64)).prod_axes(&[1], false).value().to_vec(), [1.0, 1.0]);
    close(tape.grad(x.signed_sqrt().sum(), &[x]).unwrap()[0], &[0.125f64.sqrt(), 0.0, 0.05f64.sqrt()], "signed root");
    let zero = tape.leaf([0.0, 0.0]);
    close(tape.grad(zero.l2_normalize(0, 0.5).sum(), &[zero]).unwrap()[0], &[2.0, 2.0], "x / epsilon");
    let low = tape.leaf([f64::NEG_INFINITY, 0.0]);
    close(tape.grad(low.logsumexp(), &[low]).unwrap()[0], &[0.0, 1.0], "logsumexp");
    // Far from 0 the gradient keeps its digits, in single precision too.
    for c in [1e4, 3e7, -1e30] {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::full([2, 2], c, DType::F32));
        assert_eq!(x.logsumexp_axes(&[1], false).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [0.5; 4]);
        assert_eq!(x.logsumexp().backward().unwrap().wrt(x).unwrap().to_vec(), [0.25; 4]);
    }
    let wanted = tape.constant([[0.0, 1.0]]);
    close(tape.leaf([[-3.0, -1.0]]).kl_div(wanted), &[1.0], "kl_div with a probability 0");
}

#[test]
fn the_angular_margin_is_stable_where_directions_agree() {
    // The gradient with respect to the feature is bounded: its margin part is sin(θ + m) times a unit vector, over the
    // length.
    for angle in [0.0, 1e-12, 1e-6, 1e-3, 0.4, std::f64::consts::PI - 1e-6] {
        for tape in [Tape::new(), Tape::f64()] {
            let x = tape.leaf([[angle.cos(), angle.sin()]]);
            let w = tape.leaf([[1.0, 0.0], [0.0, 1.0]]);
            let dx = x.arcface_loss(w, &[0], 16.0, 0.3).backward().unwrap().wrt(x).unwrap().to_vec();
            assert!(dx.iter().all(|d| d.abs() <= 32.0), "{angle}: {dx:?}");
        }
    }
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
    let same = "the prediction and the target must have the same shape, but got [2, 3] and [2, 4]; bring one into the other's with `.reshape(..)`";
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

#[test]
fn operators_take_tensors_as_constants_on_either_side() {
    let c = Tensor::from([[2.0], [4.0]]);
    // Value and gradient of each at x = [1, 3], broadcast to [2, 2].
    type Case = (fn(Var, Tensor) -> Var, [f64; 4], [f64; 2]);
    let cases: [Case; 14] = [
        (|x, c| x + c, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| x + &c, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| c + x, [3.0, 5.0, 5.0, 7.0], [2.0, 2.0]),
        (|x, c| x - c, [-1.0, 1.0, -3.0, -1.0], [2.0, 2.0]),
        (|x, c| c - x, [1.0, -1.0, 3.0, 1.0], [-2.0, -2.0]),
        (|x, c| &c - x, [1.0, -1.0, 3.0, 1.0], [-2.0, -2.0]),
        (|x, c| x * c, [2.0, 6.0, 4.0, 12.0], [6.0, 6.0]),
        (|x, c| &c * x, [2.0, 6.0, 4.0, 12.0], [6.0, 6.0]),
        (|x, c| x / &c, [0.5, 1.5, 0.25, 0.75], [0.75, 0.75]),
        (|x, c| c / x, [2.0, 2.0 / 3.0, 4.0, 4.0 / 3.0], [-6.0, -2.0 / 3.0]),
        (|x, c| x.pow(&c), [1.0, 9.0, 1.0, 81.0], [6.0, 114.0]),
        (|x, c| x.max(c), [2.0, 3.0, 4.0, 4.0], [0.0, 1.0]),
        (|x, c| x.lt(c), [1.0, 0.0, 1.0, 1.0], [0.0, 0.0]),
        (|x, c| x.gt(2.0).select(c, x), [1.0, 2.0, 1.0, 4.0], [2.0, 0.0]),
    ];
    for (k, (f, want, gradient)) in cases.into_iter().enumerate() {
        let tape = Tape::f64();
        let x = tape.leaf([1.0, 3.0]);
        // With x added, so that there is a gradient where the comparison has none.
        let y = f(x, c.clone());
        close(y, &want, &format!("case {k}"));
        assert_eq!(y.shape().dims(), [2, 2]);
        let dx = (y + x).sum().backward().unwrap().wrt(x).unwrap().to_vec();
        assert!(dx.iter().zip(gradient).all(|(dx, want)| (dx - 2.0 - want).abs() < 1e-12), "case {k}: {dx:?}");
    }
}

#[test]
fn operators_take_numbers_of_either_precision() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0, 4.0]);
    // 0.1 in single precision is another number, and a literal is in double precision.
    let c = 0.1f32;
    assert_ne!(f64::from(c), 0.1);
    for (k, (single, double, plain)) in [
        (x + c, x + f64::from(c), x + 0.1),
        (x - c, x - f64::from(c), x - 0.1),
        (x * c, x * f64::from(c), x * 0.1),
        (x / c, x / f64::from(c), x / 0.1),
        (x.pow(c), x.pow(f64::from(c)), x.pow(0.1)),
    ]
    .into_iter()
    .enumerate()
    {
        let of = |y: Var<'_>| (y.value(), y.sum().backward().unwrap().wrt(x).unwrap().clone());
        assert_eq!(of(single), of(double), "case {k}");
        assert_ne!(single.value(), plain.value(), "case {k}");
    }
    assert_eq!((x * 0.1).value().to_vec(), [2.0 * 0.1, 4.0 * 0.1]);
    assert_eq!((0.1 * x - 1.0).exp().value(), (x * 0.1 - 1.0).exp().value());
}

#[test]
fn a_tensor_operand_takes_the_precision_of_the_tape_and_names_shapes_that_do_not_broadcast() {
    let tape = Tape::new();
    let x = tape.leaf([1.0, 2.0, 3.0]);
    let c = Tensor::from([[0.1], [0.2]]);
    assert_eq!((x * &c).dtype(), DType::F32);
    assert_eq!((x * &c).value(), (x * tape.constant(&c)).value());
    let need = |op| format!("{op}: aligned at the last axis, sizes must be equal or 1, but got [3] and [2]");
    let c = Tensor::from([0.1, 0.2]);
    says(x.try_add(&c), &need("add"));
    says(x.try_sub(&c), &need("sub"));
    says(x.try_mul(&c), &need("mul"));
    says(x.try_div(c.clone()), &need("div"));
    says(x.try_max(c), &need("max"));
}

#[test]
fn the_slope_of_a_power_in_its_base_has_a_slope_in_its_exponent_at_0() {
    // ∂/∂b ∂/∂a aᵇ = a^(b − 1) (1 + b ln a), which is 1/a at b = 0.
    let tape = Tape::f64();
    let (a, b) = (tape.leaf([0.5, 2.0, 0.0]), tape.leaf([0.0, 0.0, 0.0]));
    let da = tape.grad(a.pow(b).sum(), &[a]).unwrap()[0];
    assert_eq!(da.value().to_vec(), [0.0; 3]);
    assert_eq!(tape.grad(da.sum(), &[b]).unwrap()[0].value().to_vec(), [2.0, 0.5, 0.0]);
}

#[test]
fn a_norm_of_nan_is_nan() {
    let tape = Tape::f64();
    let x = tape.leaf([[f64::NAN, 1.0], [3.0, 4.0], [0.0, 0.0]]);
    let norm = x.norm_axes(&[1], false).value().to_vec();
    assert!(norm[0].is_nan());
    assert_eq!(norm[1..], [5.0, 0.0]);
    assert!(x.l2_normalize(1, 1e-12).value().at(&[0, 1]).is_nan());
    assert!(tape.leaf([f64::NAN, 1.0]).angle(tape.leaf([1.0, 0.0]), 0).item().is_nan());
}

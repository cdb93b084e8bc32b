//! The `try_` twins of operations whose shapes come from data: the sentence of the panic, as an error.

use wengert::{DType, Tape, Tensor, Var, ops::ConvSpec};

use crate::{assert_usable, fails, panics, zeros};

#[test]
fn movements_return_what_they_would_panic_with() {
    let tape = Tape::f64();
    let (x, four, one) = (zeros(&tape, [2, 3]), zeros(&tape, [4]), zeros(&tape, ()));
    let axis = |op, axis| format!("{op}: axis {axis} is out of range for shape [2, 3], which has 2 axes");
    fails(&axis("flatten", 3), x.try_flatten(3));
    fails(&axis("unsqueeze", 3), x.try_unsqueeze(3));
    fails(&axis("transpose", -3), x.try_transpose(0, -3));
    fails(&axis("flip", 2), x.try_flip(&[0, 2]));
    fails(
        "per_channel: one number for each channel (axis 1) is needed, but got [4] and [2, 3]",
        four.try_per_channel(x),
    );
    fails("pad: one pair of amounts for each axis is needed (1 were given), but got [2, 3]", x.try_pad(&[(1, 1)], 0.0));
    let counts = "repeat: one count for each axis is needed (1 were given), but got [2, 3]";
    fails(counts, x.try_repeat(&[2]));
    panics(counts, || _ = x.repeat(&[2]));
    for op in ["tril", "triu"] {
        let run = |x: Var<'_>| if op == "tril" { x.try_tril().map(drop) } else { x.try_triu().map(drop) };
        fails(&format!("{op}: matrices [.., n, m] are needed, but got [4]"), run(four));
    }
    panics("tril: matrices [.., n, m] are needed, but got [4]", || _ = four.tril());
    panics("triu: matrices [.., n, m] are needed, but got [4]", || _ = four.triu());
    fails("diag_embed: vectors [.., n] are needed, but got []", one.try_diag_embed());
    panics("diag_embed: vectors [.., n] are needed, but got []", || _ = one.diag_embed());
    let empty = "the list of parts to stack is empty: give at least one";
    fails(empty, Var::try_stack(&[], 0));
    panics(empty, || _ = Var::stack(&[], 0));
    fails("stack: all shapes must be equal, but got [2, 3] and [4]", Var::try_stack(&[x, four], 0));
    panics("stack: all shapes must be equal, but got [2, 3] and [4]", || _ = Var::stack(&[x, four], 0));
    fails(&axis("stack", 3), Var::try_stack(&[x, x], 3));
    let _scope = tape.scope("head");
    fails("tril: matrices [.., n, m] are needed, but got [4] (in layer head)", four.try_tril());
    assert_usable(&tape);
}

#[test]
fn twins_that_succeed_are_the_operation() {
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::from_fn([2, 3], DType::F64, |i| i as f64));
    let pairs = [
        (x.try_flatten(0), x.flatten(0)),
        (x.try_unsqueeze(1), x.unsqueeze(1)),
        (x.try_transpose(0, 1), x.transpose(0, 1)),
        (x.try_flip(&[1]), x.flip(&[1])),
        (x.try_pad(&[(1, 0), (0, 1)], 2.0), x.pad(&[(1, 0), (0, 1)], 2.0)),
        (x.try_repeat(&[2, 1]), x.repeat(&[2, 1])),
        (x.try_tril(), x.tril()),
        (x.try_triu(), x.triu()),
        (x.try_diag_embed(), x.diag_embed()),
        (Var::try_stack(&[x, x], 2), Var::stack(&[x, x], 2)),
        (x.try_cumsum(1), x.cumsum(1)),
        (x.try_scatter_add(0, &[1, 1, 0, 0, 1, 1], x), x.scatter_add(0, &[1, 1, 0, 0, 1, 1], x)),
        (x.try_atan2(x), x.atan2(x)),
        (x.try_select(x, 1.0), x.select(x, 1.0)),
        (x.try_var_axes(&[0], 1, true), x.var_axes(&[0], 1, true)),
        (x.try_angle(x + 1.0, 1), x.angle(x + 1.0, 1)),
        (x.try_cross_entropy_smoothed(&[0, 2], 0.1), x.cross_entropy_smoothed(&[0, 2], 0.1)),
        (x.try_l1_loss(x * 2.0), x.l1_loss(x * 2.0)),
        (x.try_smooth_l1_loss(x * 2.0, 1.0), x.smooth_l1_loss(x * 2.0, 1.0)),
        (x.try_huber_loss(x * 2.0, 1.0), x.huber_loss(x * 2.0, 1.0)),
        (x.try_bce_with_logits(x * 0.1), x.bce_with_logits(x * 0.1)),
    ];
    for (k, (tried, plain)) in pairs.into_iter().enumerate() {
        let tried = tried.unwrap().value();
        assert!(tried.numel() > 0 && format!("{tried:?}") == format!("{:?}", plain.value()), "pair {k}");
    }
}

#[test]
fn broadcasting_and_indexing_twins_name_both_shapes() {
    let tape = Tape::f64();
    let (a, b, column) = (zeros(&tape, [2, 3]), zeros(&tape, [2]), zeros(&tape, [2, 1]));
    fails("atan2: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2]", a.try_atan2(b));
    fails(
        "select: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2] and []",
        a.try_select(b, 0.0),
    );
    fails("var: axis 2 is out of range for shape [2, 3], which has 2 axes", a.try_var_axes(&[2], 1, false));
    let axis = |op| format!("{op}: axis -3 is out of range for shape [2, 3], which has 2 axes");
    fails(&axis("cumsum"), a.try_cumsum(-3));
    fails(&axis("scatter_add"), a.try_scatter_add(-3, &[0, 0], column));
    fails(
        "scatter_add: index 3 must be less than the size 3 of axis 1, but got [2, 3]",
        a.try_scatter_add(1, &[0, 3], column),
    );
    let apart = "angle: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2]";
    fails(apart, a.try_angle(b, -1));
    panics(apart, || _ = a.angle(b, -1));
    fails(&axis("angle"), a.try_angle(a, -3));
    fails(&axis("cosine_similarity"), a.try_cosine_similarity(a, -3, 1e-12));
    panics(&axis("cosine_similarity"), || _ = a.cosine_similarity(a, -3, 1e-12));
    fails(&axis("l2_normalize"), a.try_l2_normalize(-3, 1e-12));
    let need = "conv_transpose2d: the padding must be smaller than the output, but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    let (image, weight) = (zeros(&tape, [1, 2, 4, 4]), zeros(&tape, [3, 2, 3, 3]));
    panics(need, || _ = image.conv_transpose2d(weight, None, ConvSpec::default().padding(4), [0, 0]));
    assert_usable(&tape);
}

#[test]
fn losses_name_themselves_and_their_settings() {
    let tape = Tape::f64();
    let (x, none) = (zeros(&tape, [2, 3]), zeros(&tape, [0, 3]));
    // A row would broadcast to the prediction, and compare each observation with it.
    let row = zeros(&tape, [1, 3]);
    let need = |op| format!("{op}: the prediction and the target must have the same shape, but got [2, 3] and [1, 3]");
    fails(&need("l1_loss"), x.try_l1_loss(row));
    panics(&need("l1_loss"), || _ = x.l1_loss(row));
    fails(&need("smooth_l1_loss"), x.try_smooth_l1_loss(row, 1.0));
    panics(&need("smooth_l1_loss"), || _ = x.smooth_l1_loss(row, 1.0));
    fails(&need("huber_loss"), x.try_huber_loss(row, 1.0));
    panics(&need("huber_loss"), || _ = x.huber_loss(row, 1.0));
    fails(&need("bce_with_logits"), x.try_bce_with_logits(row));
    panics(&need("bce_with_logits"), || _ = x.bce_with_logits(row));
    fails(&need("mse_loss"), x.try_mse_loss(row));
    fails(&need("dice_loss"), x.try_dice_loss(row, 1.0));
    fails(&need("dice_loss_squared"), x.try_dice_loss_squared(row));
    fails(&need("kl_div"), x.try_kl_div(row));
    fails(&need("euclidean_loss"), x.try_euclidean_loss(row));
    for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let must = format!("smooth_l1_loss: beta = {beta}, but it must be positive and finite");
        fails(&must, x.try_smooth_l1_loss(x, beta));
        let must = format!("huber_loss: delta = {beta}, but it must be positive and finite");
        fails(&must, x.try_huber_loss(x, beta));
    }
    fails(
        "cross_entropy_smoothed: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 4 classes",
        x.try_cross_entropy_smoothed(&[0, 3], 0.1),
    );
    let rows = "cross_entropy_smoothed: [n, classes] needs one row for each of the 1 labels, but got [2, 3]";
    fails(rows, x.try_cross_entropy_smoothed(&[0], 0.1));
    panics(rows, || _ = x.cross_entropy_smoothed(&[0], 0.1));
    let empty = "the batch of labels is empty: a mean loss needs at least one observation; leave out empty batches";
    fails(empty, none.try_cross_entropy_smoothed(&[], 0.1));
    for smoothing in [-0.1, 1.5, f64::NAN] {
        let must = format!("cross_entropy_smoothed: smoothing = {smoothing}, but it must be at least 0 and at most 1");
        fails(&must, x.try_cross_entropy_smoothed(&[0, 1], smoothing));
    }
    assert_usable(&tape);
}

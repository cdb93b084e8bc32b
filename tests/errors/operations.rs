//! What tensors and operations reject.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wengert::{
    DType, Param, Rule, Shape, Tape, Tensor, Var,
    ops::{ConvSpec, Window},
};

use crate::{assert_usable, fails, panics, zeros};

#[test]
fn tensors_say_what_does_not_fit() {
    fails("a tensor of shape [2, 3] has 6 elements, but 5 numbers were given", Tensor::from_vec(vec![0.0; 5], [2, 3]));
    fails("a tensor of shape [] has 1 elements, but 2 numbers were given", Tensor::from_slice(&[0.0f32; 2], ()));
    let x = Tensor::from([1.0, 2.0]);
    fails("a tensor of shape [3] has 3 elements, but 2 numbers were given", x.reshape([3]));
    fails(
        "reading a tensor's numbers: expected f32, but got f64; convert with `.cast(DType::F32)`, or use one precision throughout",
        x.as_slice::<f32>(),
    );
    fails(
        "reading a tensor's numbers: expected f32, but got f64; convert with `.cast(DType::F32)`, or use one precision throughout",
        x.clone().as_mut_slice::<f32>(),
    );
    fails("precision: dtype = f16, but it must be f32 or f64", "f16".parse::<DType>());
    fails("gradient: rule = hand, but it must be manual or tape", "hand".parse::<Rule>());
    panics("item: one number was asked for, but the tensor has shape [2]", || _ = x.item());
    panics("at: the index [2] does not fit shape [2]", || _ = x.at(&[2]));
    panics("at: the index [0, 0] does not fit shape [2]", || _ = x.at(&[0, 0]));
    fails("mean: axis -3 is out of range for shape [2, 3], which has 2 axes", Shape::from([2, 3]).axis("mean", -3));
    let weight = Param::new("weight", x);
    let need = "set: the new value of `weight` must have the shape of the old one, but got [2] and [3]";
    fails(need, weight.set(&Tensor::from([1.0, 2.0, 3.0])));
}

#[test]
fn operators_name_both_shapes_at_the_callers_line() {
    let tape = Tape::f64();
    let (a, b) = (zeros(&tape, [2, 3]), zeros(&tape, [2]));
    let need = |op| format!("{op}: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2]");
    panics(&need("add"), || _ = a + b);
    panics(&need("sub"), || _ = a - b);
    panics(&need("mul"), || _ = a * b);
    panics(&need("div"), || _ = a / b);
    panics(&need("pow"), || _ = a.pow(b));
    panics(&need("max"), || _ = a.max(b));
    panics(&need("min"), || _ = a.min(b));
    panics(&need("atan2"), || _ = a.atan2(b));
    panics(&need("eq"), || _ = a.eq(b));
    panics(&need("ge"), || _ = a.ge(b));
    let c = b.value();
    panics(&need("add"), || _ = a + &c);
    panics(&need("mul"), || _ = a * c.clone());
    let turned = "sub: aligned at the last axis, sizes must be equal or 1, but got [2] and [2, 3]";
    panics(turned, || _ = &c - a);
    fails(&need("add"), a.try_add(b));
    fails(&need("lt"), a.try_lt(b));
    let need = "select: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2] and []";
    panics(need, || _ = a.select(b, 0.0));
    assert_usable(&tape);
}

#[test]
fn movements_and_reductions_name_axis_and_shape() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    let axis = |op| format!("{op}: axis 2 is out of range for shape [2, 3], which has 2 axes");
    panics("reshape: the sizes must have the same product (6 and 8 differ), but got [2, 3] and [4, 2]", || {
        _ = x.reshape([4, 2])
    });
    panics("flatten: axis 3 is out of range for shape [2, 3], which has 2 axes", || _ = x.flatten(3));
    panics("unsqueeze: axis 3 is out of range for shape [2, 3], which has 2 axes", || _ = x.unsqueeze(3));
    panics(&axis("permute"), || _ = x.permute(&[0, 2]));
    let twice = |op: &str, axes: &str| format!("{op}: no axis may be named twice, as in {axes}, but got [2, 3]");
    panics(&twice("sum", "[0, -2]"), || _ = x.sum_axes(&[0, -2], false));
    panics(&twice("mean", "[1, 1]"), || _ = x.mean_axes(&[1, 1], true));
    panics(&twice("prod", "[1, -1]"), || _ = x.prod_axes(&[1, -1], true));
    panics("permute: each axis must be named once, not [0, 0], but got [2, 3]", || _ = x.permute(&[0, 0]));
    panics(&axis("transpose"), || _ = x.transpose(0, 2));
    panics(&axis("flip"), || _ = x.flip(&[2]));
    panics(&axis("narrow"), || _ = x.narrow(2, 0, 1));
    panics("narrow: 1..4 by 1 must lie within axis 1, of size 3, but got [2, 3]", || _ = x.narrow(1, 1, 3));
    panics("slice: 0..2 by 0 must lie within axis 0, of size 2, but got [2, 3]", || _ = x.slice(0, 0, 2, 0));
    panics("slice: 2..1 by 1 must lie within axis 1, of size 3, but got [2, 3]", || _ = x.slice(1, 2, 1, 1));
    panics("pad: one pair of amounts for each axis is needed (1 were given), but got [2, 3]", || {
        _ = x.pad(&[(1, 1)], 0.0)
    });
    panics("the list of parts to concat is empty: give at least one", || _ = Var::concat(&[], 0));
    panics(&axis("concat"), || _ = Var::concat(&[x, x], 2));
    let other = zeros(&tape, [4, 2]);
    let need = "concat: all sizes but that of axis 0 must be equal, but got [2, 3] and [4, 2]";
    panics(need, || _ = Var::concat(&[x, other], 0));
    let four = zeros(&tape, [4]);
    let need = "per_channel: one number for each channel (axis 1) is needed, but got [4] and [2, 3]";
    panics(need, || _ = four.per_channel(x));
    panics(&axis("sum"), || _ = x.sum_axes(&[2], false));
    panics(&axis("mean"), || _ = x.mean_axes(&[0, 2], false));
    let nothing = zeros(&tape, [0, 3]);
    let need = "mean: a mean needs at least one number along every reduced axis, but got [0, 3]";
    panics(need, || _ = nothing.mean());
    panics(need, || _ = nothing.mean_axes(&[0], false));
    assert_eq!(nothing.mean_axes(&[1], false).shape().dims(), [0]);
    panics(&axis("amax"), || _ = x.amax_axes(&[2], true));
    panics(&axis("amin"), || _ = x.amin_axes(&[2], true));
    panics(&axis("var"), || _ = x.var_axes(&[2], 1, false));
    panics(&axis("norm"), || _ = x.norm_axes(&[2], false));
    panics(&axis("logsumexp"), || _ = x.logsumexp_axes(&[2], false));
    let none = zeros(&tape, [0, 3]);
    panics("amax: an extreme needs at least one number along every reduced axis, but got [0, 3]", || {
        _ = none.amax_axes(&[0], false)
    });
    panics("sum_to: the target must broadcast to the value's shape, but got [2, 3] and [2]", || {
        _ = x.sum_to(&[2].into())
    });
    let need = "broadcast_to: aligned at the last axis, each size must be 1 or the target's, but got [2, 3] and [3, 3]";
    panics(need, || _ = x.broadcast_to([3, 3]));
    assert_usable(&tape);
}

#[test]
fn indices_out_of_range_are_named() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    let source = zeros(&tape, [2, 1]);
    let axis = |op| format!("{op}: axis -3 is out of range for shape [2, 3], which has 2 axes");
    panics(&axis("index_select"), || _ = x.index_select(-3, &[0]));
    panics(&axis("gather"), || _ = x.gather(-3, &[0], [1, 1]));
    panics(&axis("scatter_add"), || _ = x.scatter_add(-3, &[0], source));
    panics(&axis("cumsum"), || _ = x.cumsum(-3));
    let index = |op| format!("{op}: index 3 must be less than the size 3 of axis 1, but got [2, 3]");
    panics(&index("index_select"), || _ = x.index_select(1, &[0, 3]));
    panics(&index("gather"), || _ = x.gather(1, &[0, 3], [2, 1]));
    panics(&index("scatter_add"), || _ = x.scatter_add(1, &[0, 3], source));
    let need = "the indices need as many axes as the value, and no larger size along any other axis";
    panics(&format!("gather: {need}, but got [2, 3] and [3, 1]"), || _ = x.gather(1, &[0; 3], [3, 1]));
    panics(&format!("gather: {need}, but got [2, 3] and [2, 1]"), || _ = x.gather(1, &[0; 3], [2, 1]));
    let need = "the indices need the shape of the value, which must fit into the target along every other axis";
    panics(&format!("scatter_add: {need}, but got [2, 1] and [2, 1] and [2, 3]"), || {
        _ = x.scatter_add(1, &[0; 3], source)
    });
    assert_usable(&tape);
}

#[test]
fn products_and_convolutions_say_which_sizes_disagree() {
    let tape = Tape::f64();
    let of = |shape: &[usize]| zeros(&tape, shape);
    let (a, b, v) = (of(&[2, 3]), of(&[4, 5]), of(&[3]));
    let need = "matmul: the columns of the left and the rows of the right must agree (3 and 4 differ), but got [2, 3] and [4, 5]";
    panics(need, || _ = a.matmul(b));
    fails(need, a.try_matmul(b));
    panics("matmul: each factor must have at least two axes, rows and columns, but got [2, 3] and []", || {
        _ = a.matmul(zeros(&tape, ()))
    });
    let (c, d) = (of(&[2, 2, 3]), of(&[3, 3, 4]));
    panics("matmul: the sizes before the last two axes must be equal or 1, but got [2, 2, 3] and [3, 3, 4]", || {
        _ = c.matmul(d)
    });
    let e = of(&[3, 2]);
    panics(
        "addmm: the product is [2, 2], and what is added to it must be, or broadcast to it, but got [4, 5] and [2, 3] and [3, 2]",
        || _ = b.addmm(a, e, 1.0),
    );
    let larger = of(&[7, 2, 2]);
    fails(
        "addmm: the product is [2, 2], and what is added to it must be, or broadcast to it, but got [7, 2, 2] and [2, 3] and [3, 2]",
        larger.try_addmm(a, e, 1.0),
    );
    let need = "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns, but got [2, 3] and [4, 5]";
    panics(need, || _ = a.linear(b, None));
    let need = "linear: the bias needs one number for each row of the weight, but got [2, 3] and [3]";
    panics(need, || _ = a.linear(a, Some(v)));

    let spec = ConvSpec::default();
    let (x, w) = (of(&[1, 2, 4, 4]), of(&[3, 2, 3, 3]));
    let need = "conv2d: images [n, c, h, w] and kernels [c_out, c_in/groups, kh, kw] are needed, but got [2, 3] and [3, 2, 3, 3]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`";
    panics(need, || _ = a.conv2d(w, None, spec));
    let need =
        "conv2d: stride [0, 0], dilation [1, 1] and groups 1 must be at least 1, but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.stride(0)));
    let need = "conv2d: the 2 channels (axis 1) of the images must be the 2 channels (axis 1) of the kernels times 2 groups, which must divide the 3 kernels (axis 0), but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.groups(2)));
    let need = "conv2d: the 1 channel (axis 1) of the images must be the 2 channels (axis 1) of the kernels times 1 group, which must divide the 1 kernel (axis 0), but got [1, 1, 4, 4] and [1, 2, 3, 3]";
    panics(need, || _ = x.narrow(1, 0, 1).conv2d(w.narrow(0, 0, 1), None, spec));
    let need = "conv2d: the kernel 3x3 dilated by [2, 2] must fit into the image 4x4 padded by [0, 0], but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.dilation(2)));
    let need = "conv2d: the bias needs one number for each kernel, but got [3, 2, 3, 3] and [2, 3]";
    panics(need, || _ = x.conv2d(w, Some(a), spec));
    let need = "conv_transpose2d: images [n, c, h, w] and kernels [c_in, c_out/groups, kh, kw] are needed, but got [2, 3] and [3, 2, 3, 3]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`";
    fails(need, a.try_conv_transpose2d(w, None, spec, [0, 0]));
    let need = "conv_transpose2d: the padding must be smaller than the output, but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    fails(need, x.try_conv_transpose2d(w, None, spec.padding(4), [0, 0]));

    panics(
        "max_pool2d: images [n, c, h, w] are needed, but got [2, 3]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`",
        || _ = a.max_pool2d(Window::square(2)),
    );
    let need = |op| {
        format!(
            "{op}: the window [5, 5] with stride [5, 5] must fit into the padded image, and the padding [0, 0] must be at most half of it, but got [1, 2, 4, 4]"
        )
    };
    panics(&need("max_pool2d"), || _ = x.max_pool2d(Window::square(5)));
    panics(&need("avg_pool2d"), || _ = x.avg_pool2d(Window::square(5), true));
    assert_usable(&tape);
}

#[test]
fn normalizations_and_losses_check_shapes_labels_and_batches() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    let (two, three) = (zeros(&tape, [2]), zeros(&tape, [3]));
    let axis = |op| format!("{op}: axis 2 is out of range for shape [2, 3], which has 2 axes");
    panics(&axis("softmax"), || _ = x.softmax(2));
    panics(&axis("log_softmax"), || _ = x.log_softmax(2));
    let need = "batch_norm: features [n, c] or images [n, c, h, w], with gamma [c] and beta [c], are needed, but got [2, 3] and [2] and [3]";
    panics(need, || _ = x.batch_norm(two, three, 1e-5));
    let images = zeros(&tape, [5, 2, 8]);
    let need = "batch_norm: features [n, c] or images [n, c, h, w], with gamma [c] and beta [c], are needed, but got [5, 2, 8] and [3] and [3]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`";
    panics(need, || _ = images.batch_norm(three, three, 1e-5));
    let need = "per_channel: one number for each channel (axis 1) is needed, but got [3] and [5, 2, 8]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`";
    panics(need, || _ = three.per_channel(images));
    let one = zeros(&tape, [1, 3]);
    let need = "batch_norm: the statistics of a batch need at least two numbers in each channel, but got [1, 3] and [3] and [3]; give more than one observation, leave out a last batch of one, or infer with `Mode::Eval`";
    panics(need, || _ = one.batch_norm(three, three, 1e-5));

    for loss in ["cross_entropy", "nll_loss"] {
        let run = |x: Var<'_>, labels: &[usize]| match loss {
            "nll_loss" => _ = x.nll_loss(labels),
            _ => _ = x.cross_entropy(labels),
        };
        let label = format!(
            "{loss}: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 4 classes"
        );
        let rows = format!("{loss}: [n, classes] needs one row for each of the 1 labels, but got [2, 3]");
        let rank = format!("{loss}: one score for each class, [n, classes], is needed, but got [3]");
        for (message, x, labels) in [(label, x, &[0, 3][..]), (rows, x, &[0]), (rank, three, &[0])] {
            let caught = catch_unwind(AssertUnwindSafe(|| run(x, labels))).unwrap_err();
            assert_eq!(caught.downcast_ref::<String>(), Some(&message));
        }
    }
    let none = zeros(&tape, [0, 3]);
    let empty = "the batch of labels is empty: a mean loss needs at least one observation; leave out empty batches";
    panics(empty, || _ = none.cross_entropy(&[]));
    panics(empty, || _ = none.nll_loss(&[]));
    panics(
        "cross_entropy: label 7 of observation 0 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 8 classes",
        || _ = x.cross_entropy(&[7, 0]),
    );
    fails(
        "cross_entropy: label 7 of observation 0 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 8 classes",
        x.try_cross_entropy(&[7, 0]),
    );
    panics(
        "nll_loss: label 7 of observation 0 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 8 classes",
        || _ = x.nll_loss(&[7, 0]),
    );
    panics("mse_loss: the prediction and the target must have the same shape, but got [2, 3] and [3]", || {
        _ = x.mse_loss(three)
    });
    panics(
        "mse_loss: the prediction and the target must have the same shape, but got [2, 3] and [6]; reshape one to the shape of the other with `.reshape(..)`",
        || _ = x.mse_loss(x.flatten(0)),
    );
    panics("the batch is empty: a mean loss needs at least one number; leave out empty batches", || {
        _ = none.mse_loss(none)
    });
    assert_usable(&tape);
}

#[test]
fn an_epsilon_that_keeps_nothing_from_0_is_refused() {
    let tape = Tape::f64();
    let (x, c) = (zeros(&tape, [2, 4, 3]), zeros(&tape, [4]));
    let last = zeros(&tape, [3]);
    for (epsilon, text) in [(f64::NAN, "NaN"), (-1e-5, "-0.00001"), (f64::INFINITY, "inf")] {
        let says = |op: &str| format!("{op}: epsilon = {text}, but it must be finite and not negative");
        panics(&says("batch_norm"), || _ = x.batch_norm(c, c, epsilon));
        panics(&says("layer_norm"), || _ = x.layer_norm(last, last, epsilon));
        panics(&says("group_norm"), || _ = x.group_norm(2, c, c, epsilon));
        panics(&says("l2_normalize"), || _ = x.l2_normalize(1, epsilon));
        panics(&says("cosine_similarity"), || _ = x.cosine_similarity(x, 1, epsilon));
    }
}

#[test]
fn logits_without_a_class_are_told_so() {
    let tape = Tape::f64();
    let none = zeros(&tape, [1, 0]);
    let error = none.try_nll_loss(&[0]).err().unwrap().to_string();
    assert!(
        error.contains("label 0 of observation 0 is out of range for 0 classes; there must be at least one"),
        "{error}"
    );
}

#[test]
fn a_parameter_that_is_used_in_its_own_update_does_not_wait_for_itself() {
    let p = wengert::Param::new("w", wengert::Tensor::from([1.0, 2.0]));
    let expected = "the function given to `update` of the parameter `w` uses the parameter itself; use the tensor that it is given";
    panics(expected, || _ = p.update(|_| p.value()));
    panics(expected, || p.update(|_| p.update(|_| ())));
    assert_eq!(p.value().to_vec(), [1.0, 2.0], "the parameter is usable afterward");
    p.update(|w| *w = wengert::Tensor::from([3.0, 4.0]));
    // Another thread waits until the update is done.
    let seen = std::thread::scope(|scope| {
        let reader = p.update(|w| {
            let reader = scope.spawn(|| p.value());
            std::thread::sleep(std::time::Duration::from_millis(30));
            *w = wengert::Tensor::from([5.0, 6.0]);
            reader
        });
        reader.join().unwrap()
    });
    assert_eq!(seen.to_vec(), [5.0, 6.0]);
}

//! Every error of the core: its whole sentence, the caller's line, the layer, and that the tape is usable afterwards.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    sync::Once,
};

use wengert::{
    Backward, DType, Error, Function, Memo, Param, Result, Rule, Shape, Tape, Tensor, Var,
    nn::{Layer, Linear, Relu, Sequential},
    ops::{ConvSpec, Grads, Op, Vjp, Window},
};

thread_local! {
    /// Where this thread's last panic was raised, while one is expected.
    static PLACE: RefCell<Option<Option<(String, u32)>>> = const { RefCell::new(None) };
}

/// Runs `f`, which must panic with `message`, raised within the three lines from the caller's on.
#[track_caller]
fn panics(message: &str, f: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            let expected = PLACE.with_borrow_mut(|expected| expected.as_mut().map(|slot| *slot = place).is_some());
            if !expected {
                before(info);
            }
        }));
    });
    PLACE.set(Some(None));
    let payload = catch_unwind(AssertUnwindSafe(f));
    let (file, line) = PLACE.take().flatten().unwrap_or_default();
    let payload = payload.expect_err("a panic was expected");
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&s| s.to_owned())).expect("a panic has a message");
    assert_eq!(text, message);
    let here = Location::caller();
    assert_eq!(file, here.file(), "the place of: {message}");
    assert!(
        (here.line()..here.line() + 3).contains(&line),
        "raised in line {line}, called in {}: {message}",
        here.line()
    );
}

#[track_caller]
fn fails<T>(message: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("an error was expected: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

fn zeros<'t>(tape: &'t Tape, shape: impl Into<Shape>) -> Var<'t> {
    tape.leaf(Tensor::zeros(shape, DType::F64))
}

/// Records, differentiates and checks something on a tape that has seen errors.
fn assert_usable(tape: &Tape) {
    let x = tape.leaf([1.0, 2.0]);
    assert_eq!((x * x).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 4.0]);
}

#[test]
fn tensors_say_what_does_not_fit() {
    fails("a tensor of shape [2, 3] has 6 elements, but 5 numbers were given", Tensor::from_vec(vec![0.0; 5], [2, 3]));
    fails("a tensor of shape [] has 1 elements, but 2 numbers were given", Tensor::from_slice(&[0.0f32; 2], ()));
    let x = Tensor::from([1.0, 2.0]);
    fails("a tensor of shape [3] has 3 elements, but 2 numbers were given", x.reshape([3]));
    fails("reading a tensor's numbers: expected f32, but got f64", x.as_slice::<f32>());
    fails("reading a tensor's numbers: expected f32, but got f64", x.clone().as_mut_slice::<f32>());
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
    panics(&need("sub"), || _ = a.l1_loss(b));
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
    panics("permute: each axis must be named once, not [0, 0], but got [2, 3]", || _ = x.permute(&[0, 0]));
    panics(&axis("transpose"), || _ = x.transpose(0, 2));
    panics(&axis("flip"), || _ = x.flip(&[2]));
    panics(&axis("slice"), || _ = x.narrow(2, 0, 1));
    panics("slice: 1..4 by 1 must lie within axis 1, of size 3, but got [2, 3]", || _ = x.narrow(1, 1, 3));
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
    panics(&axis("amax"), || _ = x.amax(&[2], true));
    panics(&axis("amin"), || _ = x.amin(&[2], true));
    panics(&axis("var"), || _ = x.var(&[2], 1, false));
    panics(&axis("norm"), || _ = x.norm(&[2], false));
    panics(&axis("logsumexp"), || _ = x.logsumexp(&[2], false));
    let none = zeros(&tape, [0, 3]);
    panics("amax: an extreme needs at least one number along every reduced axis, but got [0, 3]", || {
        _ = none.amax(&[0], false)
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
    panics("matmul: each factor must have at least two axes, rows and columns, but got [2, 3] and [3]", || {
        _ = a.matmul(v)
    });
    let (c, d) = (of(&[2, 2, 3]), of(&[3, 3, 4]));
    panics("matmul: the sizes before the last two axes must be equal or 1, but got [2, 2, 3] and [3, 3, 4]", || {
        _ = c.matmul(d)
    });
    let need = "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns, but got [2, 3] and [4, 5]";
    panics(need, || _ = a.linear(b, None));
    let need = "linear: the bias needs one number for each row of the weight, but got [2, 3] and [3]";
    panics(need, || _ = a.linear(a, Some(v)));

    let spec = ConvSpec::default();
    let (x, w) = (of(&[1, 2, 4, 4]), of(&[3, 2, 3, 3]));
    let need = "conv2d: images [n, c, h, w] and kernels [c_out, c_in/groups, kh, kw] are needed, but got [2, 3] and [3, 2, 3, 3]";
    panics(need, || _ = a.conv2d(w, None, spec));
    let need =
        "conv2d: stride [0, 0], dilation [1, 1] and groups 1 must be at least 1, but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.stride(0)));
    let need = "conv2d: the 2 channels (axis 1) of the images must be the 2 channels (axis 1) of the kernels times 2 groups, which must divide the 3 kernels (axis 0), but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.groups(2)));
    let need =
        "conv2d: the kernel 3x3 must fit into the image 4x4 padded by [0, 0], but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    panics(need, || _ = x.conv2d(w, None, spec.dilation(2)));
    let need = "conv2d: the bias needs one number for each kernel, but got [3, 2, 3, 3] and [2, 3]";
    panics(need, || _ = x.conv2d(w, Some(a), spec));
    let need = "conv_transpose2d: images [n, c, h, w] and kernels [c_in, c_out/groups, kh, kw] are needed, but got [2, 3] and [3, 2, 3, 3]";
    fails(need, a.try_conv_transpose2d(w, None, spec, [0, 0]));
    let need = "conv_transpose2d: the padding must be smaller than the output, but got [1, 2, 4, 4] and [3, 2, 3, 3]";
    fails(need, x.try_conv_transpose2d(w, None, spec.padding(4), [0, 0]));

    panics("max_pool2d: images [n, c, h, w] are needed, but got [2, 3]", || _ = a.max_pool2d(Window::square(2)));
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
fn normalisations_and_losses_check_shapes_labels_and_batches() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    let (two, three) = (zeros(&tape, [2]), zeros(&tape, [3]));
    let axis = |op| format!("{op}: axis 2 is out of range for shape [2, 3], which has 2 axes");
    panics(&axis("softmax"), || _ = x.softmax(2));
    panics(&axis("log_softmax"), || _ = x.log_softmax(2));
    let need = "batch_norm: features [n, c] or images [n, c, h, w], with gamma [c] and beta [c], are needed, but got [2, 3] and [2] and [3]";
    panics(need, || _ = x.batch_norm(two, three, 1e-5));
    let one = zeros(&tape, [1, 3]);
    let need = "batch_norm: the statistics of a batch need at least two numbers in each channel, but got [1, 3] and [3] and [3]";
    panics(need, || _ = one.batch_norm(three, three, 1e-5));

    for loss in ["cross_entropy", "nll_loss"] {
        let run = |x: Var<'_>, labels: &[usize]| match loss {
            "nll_loss" => _ = x.nll_loss(labels),
            _ => _ = x.cross_entropy(labels),
        };
        let label = format!("{loss}: label 3 of observation 1 is out of range for 3 classes (0 to 2)");
        let rows = format!("{loss}: [n, classes] needs one row for each of the 1 labels, but got [2, 3]");
        let rank = format!("{loss}: one score for each class, [n, classes], is needed, but got [3]");
        for (message, x, labels) in [(label, x, &[0, 3][..]), (rows, x, &[0]), (rank, three, &[0])] {
            let caught = catch_unwind(AssertUnwindSafe(|| run(x, labels))).unwrap_err();
            assert_eq!(caught.downcast_ref::<String>(), Some(&message));
        }
    }
    let none = zeros(&tape, [0, 3]);
    let empty = "the batch of labels is empty: a mean loss needs at least one observation";
    panics(empty, || _ = none.cross_entropy(&[]));
    panics(empty, || _ = none.nll_loss(&[]));
    panics("cross_entropy: label 7 of observation 0 is out of range for 3 classes (0 to 2)", || {
        _ = x.cross_entropy(&[7, 0])
    });
    fails(
        "cross_entropy: label 7 of observation 0 is out of range for 3 classes (0 to 2)",
        x.try_cross_entropy(&[7, 0]),
    );
    panics("nll_loss: label 7 of observation 0 is out of range for 3 classes (0 to 2)", || _ = x.nll_loss(&[7, 0]));
    panics("mse_loss: the prediction and the target must have the same shape, but got [2, 3] and [3]", || {
        _ = x.mse_loss(three)
    });
    panics("the batch is empty: a mean loss needs at least one number", || _ = none.mse_loss(none));
    assert_usable(&tape);
}

#[test]
fn operands_of_two_tapes_are_refused_everywhere() {
    let (tape, other) = (Tape::f64(), Tape::f64());
    let (x, y) = (zeros(&tape, [2, 2]), zeros(&other, [2, 2]));
    let need = |op| {
        format!(
            "{op}: the operands belong to different tapes; record both on one tape, or pass a value over with `tape.constant(v.value())`"
        )
    };
    panics(&need("add"), || _ = x + y);
    panics(&need("matmul"), || _ = x.matmul(y));
    panics(&need("concat"), || _ = Var::concat(&[x, y], 0));
    panics(&need("select"), || _ = x.select(y, 0.0));
    fails(&need("doubles"), tape.apply(Broken("none"), &[y]));
    fails(&need("grad"), tape.grad(x.sum(), &[y]));
    fails(&need("grad"), other.grad(x.sum(), &[x]));
    fails(&need("grad"), tape.grad_with(x, &[x], y));
    assert_usable(&tape);
    assert_usable(&other);
    let gradients = x.sum().backward().unwrap();
    let error = "no gradient for node %0 of shape [2, 2] (tests/errors.rs:55:10): the handle belongs to another recording than these gradients";
    fails(error, gradients.wrt(y));
}

#[test]
fn missing_gradients_come_with_the_reason_and_the_line() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    let need = "backward: the gradient of a single number was asked for, but this node has shape [2, 3]; reduce it first (`.sum()` or `.mean()`), or give the upstream gradient with `vjp`";
    fails(need, x.backward());
    fails(need, tape.grad(x, &[x]));
    let need = |op| format!("{op}: the upstream gradient must have the shape of the value, but got [2, 3] and [3]");
    fails(&need("vjp"), x.vjp(&Tensor::zeros([3], DType::F64)));
    fails(&need("grad"), tape.grad_with(x, &[x], zeros(&tape, [3])));

    let reason = |what: &str, why: &str| format!("no gradient for {what}: {why}");
    let constant = "it is a constant; use `tape.leaf` or `tape.watch` for what should be differentiated";
    let line = line!() + 1;
    let number = tape.constant(1.0);
    let place = |var: Var<'_>| format!("node %{} of shape [] (tests/errors.rs:{line}:23)", var.index());
    fails(&reason(&place(number), constant), number.backward());
    fails(&reason(&place(number), constant), tape.grad(x.sum(), &[number]));
    let gradients = x.sum().backward().unwrap();
    fails(&reason(&place(number), constant), gradients.wrt(number));

    let (used, unused, frozen) =
        (Param::new("used", 1.0.into()), Param::new("unused", 1.0.into()), Param::state("mean", 1.0.into()));
    tape.watch(&used);
    tape.watch(&frozen);
    let off = "the loss does not depend on it through any differentiable path";
    let gradients = x.sum().backward().unwrap();
    fails(&reason("parameter `used`", off), gradients.of(&used));
    fails(&reason("parameter `unused`", "the parameter was not used in this recording"), gradients.of(&unused));
    fails(&reason("parameter `mean`", constant), gradients.of(&frozen));
    let line = line!() + 1;
    let inner = x * 2.0;
    let place = format!("node %{} of shape [2, 3] (tests/errors.rs:{line}:17)", inner.index());
    let gradients = inner.sum().backward().unwrap();
    fails(
        &reason(&place, "it is an inner node; call `.retain()` on it before `backward` to keep its gradient"),
        gradients.wrt(inner),
    );
    let line = line!() + 1;
    let leaf = tape.leaf(1.0);
    fails(
        &reason(&format!("node %{} of shape [] (tests/errors.rs:{line}:21)", leaf.index()), off),
        gradients.wrt(leaf),
    );
    assert_usable(&tape);
}

/// 2x, with a leaf that nobody else sees.
fn hidden<'t>(x: Var<'t>) -> Var<'t> {
    x * x.tape().leaf(2.0)
}

/// The line that brings the leaf in.
const HIDDEN: u32 = line!() - 4;

/// z = 2x with a rule, or a `forward`, that is broken in one way.
struct Broken(&'static str);

impl Function for Broken {
    fn name(&self) -> &str {
        "doubles"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        match self.0 {
            "no output" => vec![],
            "hidden" => vec![hidden(x[0])],
            _ => vec![x[0] * 2.0],
        }
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let dx = at.dz[0] * 2.0;
        match self.0 {
            "two" => vec![Some(dx), Some(dx)],
            "none" => vec![],
            "shape" => vec![Some(dx.sum())],
            "tape" => vec![Some(Box::leak(Box::new(Tape::f64())).leaf([0.0, 0.0]))],
            "panic" => panic!("the mask has {} rows", 7),
            "operator" => vec![Some(dx + at.x[0].reshape([1, 2]).matmul(at.x[0]))],
            _ => vec![Some(dx)],
        }
    }
}

#[test]
fn a_rule_that_misbehaves_is_named_with_the_line_that_applied_it() {
    let faults = [
        ("two", "returned 2 gradients for 1 inputs; return one per input, `None` where there is none"),
        ("none", "returned 0 gradients for 1 inputs; return one per input, `None` where there is none"),
        ("shape", "returned a gradient of shape [] for input 0 of shape [2]; they must be equal"),
        ("tape", "returned a node of another tape for input 0"),
        ("panic", "failed: the mask has 7 rows"),
        (
            "operator",
            "failed: matmul: each factor must have at least two axes, rows and columns, but got [1, 2] and [2]",
        ),
    ];
    for (how, fault) in faults {
        let tape = Tape::f64();
        let x = tape.leaf([1.0, 2.0]);
        let line = line!() + 1;
        let z = tape.apply(Broken(how), &[x]).unwrap()[0];
        let message = format!("the backward rule of `doubles` {fault} (recorded at tests/errors.rs:{line}:22)");
        let loss = z.sum();
        let before = tape.len();
        fails(&message, loss.backward());
        assert_eq!(tape.len(), before, "{how}: what the rule recorded is taken off again");
        fails(&message, tape.grad(loss, &[x]));
        // Gradients flow again, and by the tape's own rule through the very same function.
        assert_usable(&tape);
        tape.set_rule(Rule::Tape);
        assert_eq!(loss.backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 2.0]);
    }
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let line = line!() + 2;
    let need = format!(
        "the backward rule of `doubles` has nothing to differentiate: `forward` returned no output (recorded at tests/errors.rs:{line}:23)"
    );
    fails(&need, tape.apply(Broken("no output"), &[x]));
    let (line, inside) = (line!() + 2, format!("tests/errors.rs:{HIDDEN}:18"));
    let need = format!(
        "the backward rule of `doubles` would lose a gradient: `forward` uses a value that is not among its inputs ({inside}); pass it as an input (recorded at tests/errors.rs:{line}:23)"
    );
    fails(&need, tape.apply(Broken("hidden"), &[x]));
    assert_usable(&tape);
}

/// Its rule works on plain numbers, or fails.
struct Plain {
    fails: bool,
}

impl Op for Plain {
    fn name(&self) -> &str {
        "plain"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[&Tensor], _: Shape, _: &mut Option<Memo>) -> Result<Tensor> {
        match self.fails {
            true => Err(Error::Empty { what: "the table".into(), need: "fill it first" }),
            false => Ok(x[0].clone()),
        }
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        at.once("plain", |_, _, dy| Ok(vec![Some(dy.clone())]))
    }
}

#[test]
fn an_operation_on_plain_numbers_cannot_be_differentiated_twice() {
    let tape = Tape::f64();
    let x = tape.leaf(2.0);
    let line = line!() + 1;
    let y = tape.record(Plain { fails: false }, &[x]).unwrap();
    assert_eq!(y.backward().unwrap().wrt(x).unwrap().item(), 1.0);
    let need = format!(
        "the backward rule of `plain` works on plain numbers, so it can be differentiated once only; write it in tape algebra for higher orders (recorded at tests/errors.rs:{line}:18)"
    );
    fails(&need, tape.grad(y, &[x]));
    let before = tape.len();
    fails("the table is empty: fill it first", tape.record(Plain { fails: true }, &[x]));
    assert_eq!(tape.len(), before, "an operation that failed is not recorded");
    assert_usable(&tape);
}

#[test]
fn errors_name_the_layer_in_which_they_happened() {
    let tape = Tape::f64();
    let x = zeros(&tape, [2, 3]);
    {
        let _net = tape.scope("net");
        let _head = tape.scope("head");
        let here = |message: &str| format!("{message} (in layer net.head)");
        fails(
            &here("add: aligned at the last axis, sizes must be equal or 1, but got [2, 3] and [2]"),
            x.try_add(zeros(&tape, [2])),
        );
        fails(&here("softmax: axis 2 is out of range for shape [2, 3], which has 2 axes"), x.try_softmax(2));
        fails(&here("sum: axis 2 is out of range for shape [2, 3], which has 2 axes"), x.try_sum_axes(&[2], false));
        fails(&here("slice: 1..4 by 1 must lie within axis 1, of size 3, but got [2, 3]"), x.try_narrow(1, 1, 3));
        fails(&here("permute: each axis must be named once, not [0], but got [2, 3]"), x.try_permute(&[0]));
        panics(&here("flatten: axis 3 is out of range for shape [2, 3], which has 2 axes"), || _ = x.flatten(3));
        panics(&here("sum_to: the target must broadcast to the value's shape, but got [2, 3] and [2]"), || {
            _ = x.sum_to(&[2].into())
        });
    }
    // A panic inside a layer leaves it.
    let net =
        Sequential::new().then(Relu).named("body", Sequential::new().then(Relu).named("fc", Linear::new(4, 5, 0)));
    let caught = catch_unwind(AssertUnwindSafe(|| _ = net.forward(x))).unwrap_err();
    let need = "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns, but got [2, 3] and [5, 4] (in layer body.fc)";
    assert_eq!(caught.downcast_ref::<String>().map(String::as_str), Some(need));
    fails("softmax: axis 2 is out of range for shape [2, 3], which has 2 axes", x.try_softmax(2));
    assert_usable(&tape);
}

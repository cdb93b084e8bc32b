//! What the tape and its gradients reject, and the layer in which it happened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wengert::{
    DType, Param, Tape, Tensor, Var,
    nn::{Layer, Linear, Relu, Sequential},
};

use crate::{assert_usable, fails, panics, rules::Broken, zeros};

#[test]
fn operands_of_two_tapes_are_refused_everywhere() {
    let (tape, other) = (Tape::f64(), Tape::f64());
    let x = zeros(&tape, [2, 2]);
    let place = format!("tests/errors/tape.rs:{}", line!() + 1);
    let y = zeros(&other, [2, 2]);
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
    let error = format!(
        "no gradient for node %0 of shape [2, 2] ({place}:13): the handle belongs to another recording than these gradients"
    );
    fails(&error, gradients.wrt(y));
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
    let place = |var: Var<'_>| format!("node %{} of shape [] (tests/errors/tape.rs:{line}:23)", var.index());
    fails(&reason(&place(number), constant), number.backward());
    fails(&reason(&place(number), constant), tape.grad(x.sum(), &[number]));
    let gradients = x.sum().backward().unwrap();
    fails(&reason(&place(number), constant), gradients.wrt(number));

    let (used, unused, frozen) =
        (Param::new("used", 1.0.into()), Param::new("unused", 1.0.into()), Param::state("mean", 1.0.into()));
    tape.watch(&used);
    tape.watch(&frozen);
    let off = "no gradient reaches it: the loss does not depend on it through any differentiable path, or a backward rule returned none \
               (`loss.why(..)` names what does not pass it on)";
    let gradients = x.sum().backward().unwrap();
    fails(&reason("parameter `used`", off), gradients.wrt(&used));
    fails(&reason("parameter `unused`", "the parameter was not used in this recording"), gradients.wrt(&unused));
    fails(&reason("parameter `mean`", constant), gradients.wrt(&frozen));
    let line = line!() + 1;
    let inner = x * 2.0;
    let place = format!("node %{} of shape [2, 3] (tests/errors/tape.rs:{line}:17)", inner.index());
    let gradients = inner.sum().backward().unwrap();
    fails(
        &reason(&place, "it is an inner node; call `.retain()` on it before `backward` to keep its gradient"),
        gradients.wrt(inner),
    );
    let line = line!() + 1;
    let leaf = tape.leaf(1.0);
    fails(
        &reason(&format!("node %{} of shape [] (tests/errors/tape.rs:{line}:21)", leaf.index()), off),
        gradients.wrt(leaf),
    );
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
        fails(&here("narrow: 1..4 by 1 must lie within axis 1, of size 3, but got [2, 3]"), x.try_narrow(1, 1, 3));
        fails(&here("permute: each axis must be named once, not [0], but got [2, 3]"), x.try_permute(&[0]));
        panics(&here("flatten: axis 3 is out of range for shape [2, 3], which has 2 axes"), || _ = x.flatten(3));
        panics(&here("sum_to: the target must broadcast to the value's shape, but got [2, 3] and [2]"), || {
            _ = x.sum_to(&[2].into())
        });
    }
    // A panic inside a layer leaves it.
    let net =
        Sequential::new().then(Relu).named("body", Sequential::new().then(Relu).named("fc", Linear::new(4, 5, 0)));
    let line = line!() - 1;
    let caught = catch_unwind(AssertUnwindSafe(|| _ = net.forward(x))).unwrap_err();
    let need = "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns, but got [2, 3] and [5, 4]";
    let need = format!("{need} (in layer body.fc, at tests/errors/tape.rs:{line}:81)");
    assert_eq!(caught.downcast_ref::<String>(), Some(&need));
    fails("softmax: axis 2 is out of range for shape [2, 3], which has 2 axes", x.try_softmax(2));
    assert_usable(&tape);
}

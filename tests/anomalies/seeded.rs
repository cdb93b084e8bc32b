//! The seeded problems.

use wengert::{DType, Param, Tape, Tensor, Var};

use crate::WrongSign;

/// What is said about a recording, and the line at which the problem was put.
pub type Said = (String, u32);

/// A problem: its name, the precision, the recording, and what must be said besides the line.
pub type Seeded = (&'static str, DType, fn(&Tape) -> Said, &'static [&'static str]);

fn why(loss: Var<'_>, x: Var<'_>, line: u32) -> Said {
    (loss.why(x).unwrap().to_string(), line)
}

fn detected(loss: Var<'_>, line: u32) -> Said {
    (loss.detect_anomalies().unwrap().to_string(), line)
}

pub const SINGLE: DType = DType::F32;

pub const DOUBLE: DType = DType::F64;

#[rustfmt::skip]
pub const SEEDED: &[Seeded] = &[
    ("a dead relu", SINGLE, |tape| {
        let x = tape.leaf([-1.0, -2.0]);
        let (y, line) = (x.relu(), line!());
        why(y.sum(), x, line)
    }, &["is 0: relu at ", "its input is between -2.0 and -1.0"]),
    ("a detached branch", SINGLE, |tape| {
        let (x, w) = (tape.leaf([1.0, 2.0]), tape.leaf(2.0));
        let (y, line) = (x.exp().detach(), line!());
        why((y * w).sum(), x, line)
    }, &["is missing: detach at "]),
    ("a mask in front of an infinite slope", SINGLE, |tape| {
        let x = tape.leaf([4.0, 0.0]);
        let (y, line) = (x.sqrt(), line!());
        detected((y * tape.constant([1.0, 0.0])).sum(), line)
    }, &["in the backward pass, ", "hands on NaN at index [1] for its own gradient 0.0 (0 times infinity)", "signed_sqrt"]),
    ("a logarithm of 0", DOUBLE, |tape| {
        let x = tape.leaf([0.5, 0.0, 0.5]);
        let (y, line) = (x.ln(), line!());
        detected((y * x).sum(), line)
    }, &["the loss is NaN: first, node %1 (ln) is -inf at index [1]: it was computed from 0.0", "log_softmax"]),
    ("a logarithm of a negative number", SINGLE, |tape| {
        let x = tape.leaf([0.5, -2.0]);
        let (y, line) = (x.log10(), line!());
        detected(y.sum(), line)
    }, &["the loss is NaN: first, node %1 (log10) is NaN at index [1]: it was computed from -2.0"]),
    ("a logarithm of a probability that is rounded to 0", SINGLE, |tape| {
        let p = tape.leaf([[0.0, 200.0]]).softmax(1);
        let (y, line) = (p.ln(), line!());
        detected(y.sum(), line)
    }, &["the loss is -inf: first, node ", "(ln) is -inf at index [0, 0]: it was computed from 0.0", "log_softmax"]),
    ("a root at 0", DOUBLE, |tape| {
        let x = tape.leaf([1.0, 0.0]);
        let (y, line) = (x.sqrt(), line!());
        detected(y.sum(), line)
    }, &["hands on inf at index [1] for its own gradient 1.0; its input is 0.0", "(x + 1e-8).sqrt()"]),
    ("the norm of a vector of zeros", SINGLE, |tape| {
        let x = tape.leaf([0.0, 0.0]);
        let (y, line) = (x.square().sum().sqrt(), line!());
        detected(y, line)
    }, &["in the backward pass, ", "sqrt at ", "hands on inf"]),
    ("a root of a negative number", SINGLE, |tape| {
        let x = tape.leaf([0.5, 0.9]);
        let (y, line) = ((x.square() - 0.5).sqrt(), line!());
        detected(y.sum(), line)
    }, &["(sqrt) is NaN at index [0]: it was computed from -0.25"]),
    ("a product that explodes", DOUBLE, |tape| {
        let x = tape.leaf([1.0]);
        let (y, line) = ((0..8).fold(x, |x, _| x * 10.0), line!());
        why(y.sum(), x, line)
    }, &["is huge: its largest number is 1.000e8", "8 times mul multiply it by 1.000e8"]),
    ("a chain of sigmoids that vanishes", SINGLE, |tape| {
        let x = tape.leaf([2.0]);
        let (y, line) = ((0..12).fold(x, |x, _| x.sigmoid()), line!());
        why(y.sum(), x, line)
    }, &["vanishes: its largest number is ", "12 times sigmoid multiply it by "]),
    ("a forgotten parameter", SINGLE, |tape| {
        let (x, bias) = (tape.leaf([1.0, 2.0]), tape.leaf(0.5).named("bias"));
        let (_, line) = (x * 2.0 + bias, line!());
        why((x * 2.0).sum(), bias, line)
    }, &["(leaf `bias`) is missing: the loss does not use it; what is computed from it ends with add at "]),
    ("a frozen parameter", SINGLE, |tape| {
        let (w, x) = (Param::new("w", Tensor::from([2.0])), tape.leaf([1.0]));
        w.set_trainable(false);
        let (watched, line) = (tape.watch(&w), line!());
        why((watched * x).sum(), watched, line)
    }, &["(constant `w`) is missing: it is a constant"]),
    ("a wrong sign in a rule", DOUBLE, |tape| {
        let x = tape.leaf([1.0, 2.0]);
        let (y, line) = (tape.apply(WrongSign, &[x]).unwrap()[0], line!());
        why((x * 1.0 + y).sum(), x, line)
    }, &["is 0: for it, wrong sign at ", " and mul at ", "hand on gradients that add up to 0"]),
    ("a mask of zeros", SINGLE, |tape| {
        let (x, mask) = (tape.leaf([1.0, 2.0]), tape.constant([0.0, 0.0]));
        let (y, line) = (x * mask, line!());
        why(y.sum(), x, line)
    }, &["is 0: mul at ", "hands on zeros alone"]),
    ("a clamp that is closed", SINGLE, |tape| {
        let x = tape.leaf([4.0, 5.0]);
        let (y, line) = (x.clamp(-1.0, 1.0), line!());
        why(y.sum(), x, line)
    }, &["is 0: min at ", "its input is between 4.0 and 5.0"]),
    ("a rounding in the path", SINGLE, |tape| {
        let x = tape.leaf([1.3]);
        let (y, line) = (x.round(), line!());
        why(y.sum(), x, line)
    }, &["is missing: round at "]),
    ("gradients that are off", SINGLE, |tape| {
        let (x, w) = (tape.leaf([1.3]), tape.leaf(1.0));
        let (y, line) = (tape.no_grad(|| x.tanh()), line!());
        why((y * w).sum(), x, line)
    }, &["is missing: tanh at "]),
    ("an overflow in single precision only", SINGLE, |tape| {
        let x = tape.leaf([60.0, 1.0]);
        let (y, line) = (x.exp() * x.exp(), line!());
        detected(y.sum(), line)
    }, &["the loss is inf: first, node %3 (mul) is inf at index [0]", "in double precision it is 1.3042e52"]),
    ("a gradient that overflows in single precision only", SINGLE, |tape| {
        let x = tape.leaf([1e-20]);
        let (y, line) = (x.recip(), line!());
        detected(y.sum(), line)
    }, &["in the backward pass, ", "recip at ", "hands on -inf", "in double precision it is -1.0000e40"]),
    ("0 times infinity", SINGLE, |tape| {
        let (x, gate) = (tape.leaf([100.0, 1.0]), tape.leaf([0.0, 1.0]));
        let (y, line) = (x.exp(), line!());
        detected((y * gate).sum(), line)
    }, &["the loss is NaN: first, node %2 (exp) is inf at index [0]: it was computed from 100.0", "softplus"]),
    ("a division by 0", DOUBLE, |tape| {
        let (x, y) = (tape.leaf([1.0, 2.0]), tape.leaf([0.5, 0.0]));
        let (z, line) = (x / y, line!());
        detected(z.sum(), line)
    }, &["the loss is inf: first, node %2 (div) is inf at index [1]: it was computed from 2.0 and 0.0"]),
    ("NaN in the data", SINGLE, |tape| {
        let (data, line) = (tape.constant([1.0, f64::NAN]), line!());
        detected((data * tape.leaf(2.0)).sum(), line)
    }, &["(constant) is NaN at index [1]: it came from outside", "data that is checked"]),
    ("NaN in a branch that is not used", DOUBLE, |tape| {
        let x = tape.leaf([4.0, -1.0]);
        let (y, line) = (x.sqrt(), line!());
        detected(x.gt(0.0).select(y, 0.0).sum(), line)
    }, &["in the forward pass, node %1 (sqrt) is NaN at index [1]"]),
    ("arccos at 1", DOUBLE, |tape| {
        let x = tape.leaf([0.5, 1.0]);
        let (y, line) = (x.acos(), line!());
        detected(y.sum(), line)
    }, &["acos at ", "hands on -inf at index [1]", "2 atan2(|u − v|, |u + v|)"]),
    ("arccos near 1", SINGLE, |tape| {
        let x = tape.leaf([0.5, 1.0 - 1.2e-7, 0.2]);
        let (y, line) = (x.acos(), line!());
        detected(y.sum(), line)
    }, &["acos at ", " loses 3.3 digits at index [1] (1 of 3 elements): its slope is 2.0480e3 at 0.9999999; instead: "]),
    ("a root near 0", DOUBLE, |tape| {
        let x = tape.leaf([1e-20, 1.0]);
        let (y, line) = (x.sqrt(), line!());
        detected(y.sum(), line)
    }, &["sqrt at ", " loses 9.7 digits at index [0] (1 of 2 elements): its slope is 5.0000e9 at 1e-20; instead: "]),
    ("equal eigenvalues", DOUBLE, |tape| {
        let a = tape.leaf([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 5.0]]);
        let ((_, v), line) = (a.eigh(), line!());
        detected(v.square().square().sum(), line)
    }, &["eigh at ", " loses 15.7 digits after value [0] (1 of 2 gaps): the values 2.0 and 2.0 are 0.0 apart", "symmetric_sqrt"]),
    ("nearly equal singular values", SINGLE, |tape| {
        let a = tape.leaf([[1.0, 0.0], [0.0, 1.0002]]);
        let ((u, _, _), line) = (a.svd(), line!());
        detected(u.square().square().sum(), line)
    }, &["svd at ", " loses 3.7 digits: the values 1.0002 and 1.0 are 1.9999e-4 apart"]),
    ("cancellation", SINGLE, |tape| {
        let x = tape.leaf([1000.1, 1000.2, 1000.3]);
        let (variance, line) = (x.square().mean() - x.mean().square(), line!());
        detected(variance, line)
    }, &["sub at ", " loses ", ", from ", "the variance as the mean of (x − mean)²"]),
    ("1 − cos x", SINGLE, |tape| {
        let x = tape.leaf([1e-3, 1.0]);
        let (y, line) = (1.0 - x.cos(), line!());
        detected(y.sum(), line)
    }, &["sub at ", "(1 of 2 elements): it is ", ", and should be 5.00000006e-7; instead: 2 sin²(x/2)"]),
    ("ln(1 + x)", DOUBLE, |tape| {
        let x = tape.leaf([1e-9]);
        let (y, line) = ((x + 1.0).ln(), line!());
        detected(y.sum(), line)
    }, &["ln at ", " loses 8.6 digits: it is 1.00000008e-9, and should be 9.99999999e-10; instead: `x.ln_1p()`"]),
    ("eˣ − 1", SINGLE, |tape| {
        let x = tape.leaf([1e-5]);
        let (y, line) = (x.exp() - 1.0, line!());
        detected(y.sum(), line)
    }, &["add at ", "and should be 1.00000497e-5; instead: `x.exp_m1()`"]),
    ("1 − σ(x)", SINGLE, |tape| {
        let x = tape.leaf([12.0]);
        let (y, line) = (1.0 - x.sigmoid(), line!());
        detected(y.sum(), line)
    }, &["sub at ", "and should be 6.14417460e-6; instead: `(-x).sigmoid()`"]),
    ("ln(1 + eˣ)", SINGLE, |tape| {
        let x = tape.leaf([-12.0]);
        let (y, line) = ((x.exp() + 1.0).ln(), line!());
        detected(y.sum(), line)
    }, &["ln at ", "and should be 6.14419348e-6; instead: `x.softplus()`"]),
];

//! Where a NaN or an infinity is said to come from.

use wengert::{
    Param, Tape, Tensor,
    inspect::{NonFinite, Operand},
    nn::{Layer, Linear, Sequential},
};

fn first(tape: &Tape) -> NonFinite {
    tape.first_non_finite().expect("something is not finite")
}

/// The sentence without the line at its end, which must be of this file.
fn sentence(tape: &Tape) -> String {
    let text = first(tape).to_string();
    let (sentence, place) = text.rsplit_once(", at ").unwrap();
    assert!(place.starts_with("tests/errors/non_finite.rs:"), "{place}");
    sentence.to_owned()
}

#[test]
fn a_pending_logarithm_is_blamed_not_the_sum_behind_it() {
    for lazy_from in [1, usize::MAX] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([[1.0, 2.0], [-3.0, 4.0]]);
        let line = line!() + 1;
        let loss = (x.ln() + 1.0).sum();
        assert!(loss.item().is_nan());
        let found = first(&tape);
        assert_eq!((found.op.as_str(), found.node, &found.index[..]), ("ln", 1, &[1, 0][..]));
        assert!(found.value.is_nan());
        assert_eq!(found.operands, [Operand::Number(-3.0)]);
        assert_eq!((found.line.file(), found.line.line()), ("tests/errors/non_finite.rs", line));
        assert_eq!(sentence(&tape), "node %1 (ln) is NaN at index [1, 0]: it was computed from -3.0");
    }
}

#[test]
fn operands_are_shown_at_the_element_where_they_broadcast_and_as_ranges_elsewhere() {
    let tape = Tape::f64();
    let (x, y) = (tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tape.constant([7.0, 0.0, 8.0]));
    {
        let _layer = tape.scope("head");
        let _ = x / y;
    }
    assert_eq!(
        sentence(&tape),
        "node %2 (div) is inf at index [0, 1]: it was computed from 2.0 and 0.0, in layer head"
    );

    let tape = Tape::f64();
    let (x, y) = (tape.leaf([[1e300, 1.0]]), tape.leaf([[2e300], [-1.0]]));
    let _ = x.matmul(y);
    let expected = "node %2 (matmul) is inf at index [0, 0]: it was computed from numbers between 1.0 and 1e300 and \
                    numbers between -1.0 and 2e300";
    assert_eq!(sentence(&tape), expected);

    let tape = Tape::new();
    let _ = tape.leaf([0.1]) / 0.0;
    assert_eq!(sentence(&tape), "node %1 (div) is inf at index [0]: it was computed from 0.1 and 0.0");

    let tape = Tape::f64();
    let _ = 1.0 / tape.leaf(0.0);
    assert_eq!(sentence(&tape), "node %1 (div) is inf: it was computed from 1.0 and 0.0");
}

#[test]
fn values_from_outside_are_named() {
    let tape = Tape::f64();
    let _ = tape.constant([[0.0, f64::INFINITY]]).exp();
    assert_eq!(sentence(&tape), "node %0 (constant) is inf at index [0, 1]: it came from outside");

    let tape = Tape::f64();
    let weight = Param::new("weight", Tensor::from([1.0, f64::NAN])).under("0");
    let _ = tape.leaf([1.0, 2.0]) * tape.watch(&weight);
    assert_eq!(sentence(&tape), "node %1 (leaf, named `0.weight`) is NaN at index [1]: it came from outside");

    let net = Sequential::new().named("fc", Linear::new(2, 1, 0));
    net.params()[1].set(&Tensor::from([f64::NAN])).unwrap();
    let tape = Tape::new();
    let _ = net.forward(tape.constant([[1.0, 2.0]]));
    let found = first(&tape);
    assert_eq!((found.op.as_str(), found.name.as_deref(), found.layer.as_str()), ("leaf", Some("fc.bias"), "fc"));
}

#[test]
fn what_does_no_harm_is_blamed_only_if_nothing_else_is() {
    let tape = Tape::f64();
    let x = tape.leaf([-1.0, 4.0]);
    let guarded = x.gt(0.0).select(x.ln(), 0.0);
    assert_eq!(first(&tape).op, "ln");
    let masked = (guarded + tape.constant([0.0, f64::NEG_INFINITY])).softmax(0);
    assert_eq!(first(&tape).op, "ln");
    let _ = (masked - 1.0).sqrt().sum();
    assert_eq!(first(&tape).op, "sqrt");
}

#[test]
fn a_finite_recording_has_no_answer_and_an_empty_one_neither() {
    let tape = Tape::new();
    assert_eq!(tape.first_non_finite(), None);
    let _ = tape.leaf([1.0, 2.0]).exp().sum();
    assert_eq!(tape.first_non_finite(), None);
}

/// The loss, the gradient and the memory of a recording with pending values and a checkpoint, looked at or not.
fn run(look: impl Fn(&Tape)) -> (Vec<u64>, usize, String) {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from_fn([8, 1024], tape.dtype(), |i| (i as f64).sin()));
    let inner = tape.checkpoint(|| (x * 0.5).softmax(1).tanh().max_pooled());
    let loss = ((inner * 3.0).exp() * x).sum();
    let pending = |tape: &Tape| tape.nodes().map(|node| if node.value.is_some() { '1' } else { '0' }).collect();
    let before: String = pending(&tape);
    assert!(before.contains('0'), "{before}");
    look(&tape);
    assert_eq!(pending(&tape), before);
    let bytes = tape.bytes();
    let dx = loss.backward().unwrap().wrt(x).unwrap().clone();
    let bits = dx.to_vec().into_iter().chain([loss.item()]).map(f64::to_bits).collect();
    (bits, bytes, before)
}

/// An operation that keeps something for its rule.
trait Pooled {
    fn max_pooled(self) -> Self;
}

impl Pooled for wengert::Var<'_> {
    fn max_pooled(self) -> Self {
        let images = self.reshape([8, 1, 32, 32]).max_pool2d(wengert::ops::Window::square(1));
        images.reshape([8, 1024])
    }
}

#[test]
fn looking_changes_no_bit_and_keeps_no_value() {
    let unseen = run(|_| {});
    let found = run(|tape| assert_eq!(tape.first_non_finite(), None));
    let printed = run(|tape| assert!(!tape.to_string().is_empty()));
    assert!(unseen == found && unseen == printed, "looking changed what was computed later");
}

#[test]
fn a_pending_value_that_no_memory_can_hold_is_passed_over() {
    let tape = Tape::f64();
    let _ = tape.leaf([1.0]).broadcast_to([1 << 59]);
    let _ = tape.leaf(-1.0).ln();
    assert_eq!(sentence(&tape), "node %3 (ln) is NaN: it was computed from -1.0");
    let rows: Vec<String> = tape.to_string().lines().map(str::to_owned).collect();
    assert!(rows[1].contains("  f64[576460752303423488]  no memory  "), "{}", rows[1]);
}

//! Errors in a rule, with its name and the line that applied it.

use wengert::{
    Backward, Error, Function, Result, Rule, Saved, Shape, Tape, Tensor, Var,
    ops::{Grads, Op, Vjp},
};

use crate::{assert_usable, fails};

/// 2x, with a leaf that nobody else sees.
fn hidden<'t>(x: Var<'t>) -> Var<'t> {
    x * x.tape().leaf(2.0)
}

/// The line that brings the leaf in.
const HIDDEN: u32 = line!() - 4;

/// z = 2x with a rule, or a `forward`, that is broken in one way.
pub struct Broken(pub &'static str);

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
            "operator" => vec![Some(dx + at.x[0].reshape([1, 2]).matmul(at.x[0].reshape([1, 2])))],
            _ => vec![Some(dx)],
        }
    }
}

#[test]
fn a_rule_that_misbehaves_is_named_with_the_line_that_applied_it() {
    let faults = [
        ("two", "returned 2 gradients for 1 input; return one per input, `None` where there is none"),
        ("none", "returned 0 gradients for 1 input; return one per input, `None` where there is none"),
        ("shape", "returned a gradient of shape [] for input 0 of shape [2]; they must be equal"),
        ("tape", "returned a node of another tape for input 0"),
        ("panic", "failed: the mask has 7 rows"),
        (
            "operator",
            "failed: matmul: the columns of the left and the rows of the right must agree (2 and 1 differ), but got [1, 2] and [1, 2]",
        ),
    ];
    for (how, fault) in faults {
        let tape = Tape::f64();
        let x = tape.leaf([1.0, 2.0]);
        let line = line!() + 1;
        let z = tape.apply(Broken(how), &[x]).unwrap()[0];
        let message = format!("the backward rule of `doubles` {fault} (recorded at tests/errors/rules.rs:{line}:22)");
        let loss = z.sum();
        let before = tape.len();
        fails(&message, loss.backward());
        assert_eq!(tape.len(), before, "{how}: what the rule recorded is taken off again");
        fails(&message, tape.grad(loss, &[x]));
        // Gradients flow again, and with the tape's rule even through the same function.
        assert_usable(&tape);
        tape.set_rule(Rule::Tape);
        assert_eq!(loss.backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 2.0]);
    }
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let line = line!() + 1;
    let nothing = tape.apply(Broken("no output"), &[x]);
    let need = format!(
        "the backward rule of `doubles` has nothing to differentiate: `forward` returned no output (recorded at tests/errors/rules.rs:{line}:24)"
    );
    fails(&need, nothing);
    let line = line!() + 1;
    let lost = tape.apply(Broken("hidden"), &[x]);
    let need = format!(
        "the backward rule of `doubles` would lose a gradient: `forward` uses a value that is not among its inputs (tests/errors/rules.rs:{HIDDEN}:18); pass it as an input (recorded at tests/errors/rules.rs:{line}:21)"
    );
    fails(&need, lost);
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
    fn forward(&self, x: &[&Tensor], _: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
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
        "the backward rule of `plain` works on plain numbers, so it can be differentiated once only; write it in tape algebra for higher orders (recorded at tests/errors/rules.rs:{line}:18)"
    );
    fails(&need, tape.grad(y, &[x]));
    let before = tape.len();
    fails("the table is empty: fill it first", tape.record(Plain { fails: true }, &[x]));
    assert_eq!(tape.len(), before, "an operation that failed is not recorded");
    assert_usable(&tape);
}

thread_local! {
    static TAPE: Tape = Tape::f64();
}

/// An operation that misbehaves: its rule panics, or its `forward` uses the tape on which it is being recorded.
struct Wild {
    uses_tape: bool,
}

impl Op for Wild {
    fn name(&self) -> &str {
        "wild"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[&Tensor], _: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        if self.uses_tape {
            TAPE.with(|tape| tape.constant(1.0).value());
        }
        Ok(x[0].clone())
    }
    fn vjp<'t>(&self, _: Vjp<'_, 't>) -> Result<Grads<'t>> {
        panic!("the table has {} rows", 7)
    }
}

#[test]
fn a_panic_in_the_rule_of_an_operation_is_an_error_that_names_it() {
    let tape = Tape::f64();
    let x = tape.leaf(2.0);
    let line = line!() + 1;
    let y = tape.record(Wild { uses_tape: false }, &[x]).unwrap();
    let before = tape.len();
    let need = format!(
        "the backward rule of `wild` failed: the table has 7 rows (recorded at tests/errors/rules.rs:{line}:18)"
    );
    fails(&need, y.backward());
    assert_eq!(tape.len(), before);
    fails(&need, tape.grad(y, &[x]));
    assert_usable(&tape);
}

#[test]
fn an_operation_that_uses_its_own_tape_is_told_so() {
    TAPE.with(|tape| {
        let x = tape.leaf(2.0);
        let record = std::panic::AssertUnwindSafe(|| _ = tape.record(Wild { uses_tape: true }, &[x]));
        let panic = std::panic::catch_unwind(record).unwrap_err();
        let need = "the tape is busy: it is computing an operation, whose `forward` may use the tensors that it is \
                    given, but not the tape on which it is recorded";
        assert_eq!(*panic.downcast_ref::<&str>().unwrap(), need);
        assert_eq!(tape.len(), 1);
        assert_usable(tape);
    });
}

/// The identity, through as many further applications of itself.
struct Nested(usize);

impl Function for Nested {
    fn name(&self) -> &str {
        "nested"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        match self.0.checked_sub(1) {
            Some(fewer) => x[0].tape().apply(Nested(fewer), x).unwrap_or_else(|error| panic!("{error}")),
            None => vec![x[0] * 1.0],
        }
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(at.dz[0])]
    }
}

#[test]
fn functions_nested_too_deep_are_an_error_and_not_an_overflow_of_the_stack() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let run = || {
        let tape = Tape::f64();
        let x = tape.leaf(2.0);
        let y = tape.apply(Nested(199), &[x]).unwrap()[0];
        for rule in [Rule::Manual, Rule::Tape] {
            tape.set_rule(rule);
            assert_eq!(y.backward().unwrap().wrt(x).unwrap().item(), 1.0);
        }
        let apply = std::panic::AssertUnwindSafe(|| tape.apply(Nested(10_000), &[x]));
        let panic = std::panic::catch_unwind(apply).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        let need = "the backward rule of `nested` is nested too deep: `forward` applies a function, which applies \
                    another, over 200 times; use a loop (recorded at tests/errors/rules.rs:";
        assert!(message.starts_with(need), "{message}");
        // What was left is counted as left.
        assert_eq!(tape.apply(Nested(199), &[x]).unwrap()[0].item(), 2.0);
        assert_usable(&tape);
    };
    small.spawn(run).unwrap().join().unwrap();
}

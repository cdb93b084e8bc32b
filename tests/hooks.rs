//! Hooks see complete gradients and replace them, in numbers and recorded; scopes end in any order.

use std::sync::{Arc, Mutex};

use wengert::{Param, Tape, Tensor, Var};

#[test]
fn a_hook_sees_the_complete_gradient_once_in_every_walk() {
    let seen: Arc<Mutex<Vec<Vec<f64>>>> = Arc::default();
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let log = seen.clone();
    let y = (x * 3.0).hook(move |dy| {
        log.lock().unwrap().push(dy.value().to_vec());
        dy
    });
    let loss = (y * y + y.exp() * 0.0 + y).sum();
    // 2y + 1 at y = 3, 6, the sum over three uses.
    assert_eq!(loss.backward().unwrap().wrt(x).unwrap().to_vec(), [21.0, 39.0]);
    assert_eq!(tape.grad(loss, &[x]).unwrap()[0].value().to_vec(), [21.0, 39.0]);
    assert_eq!(*seen.lock().unwrap(), [[7.0, 13.0], [7.0, 13.0]]);
}

#[test]
fn hooks_run_in_the_order_in_which_they_were_set_and_gradients_keep_what_they_return() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, -2.0]).hook(|dx| dx + 1.0);
    let y = (x * x).retain().hook(|dy| dy * 10.0).hook(|dy| dy.clamp(-25.0, 25.0));
    let loss = (y * tape.constant([1.0, 3.0])).sum().hook(|one| one * 2.0);
    let gradients = loss.backward().unwrap();
    assert_eq!(gradients.wrt(y).unwrap().to_vec(), [20.0, 25.0]);
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), [41.0, -99.0]);
    let of_both = tape.grad(loss, &[y, x]).unwrap();
    assert_eq!(of_both[0].value().to_vec(), [20.0, 25.0]);
    assert_eq!(of_both[1].value().to_vec(), [41.0, -99.0]);
}

#[test]
fn a_recorded_gradient_is_differentiated_through_its_hooks() {
    // dy becomes dy² in y = x²: for L = 3y, dL/dx = 9 · 2x, and for L = y², dL/dx = (2x²)² · 2x = 8x⁵.
    let tape = Tape::f64();
    let x = tape.leaf(2.0);
    let y = (x * x).hook(|dy| dy * dy);
    let first = tape.grad(y * y, &[x]).unwrap()[0];
    assert_eq!(first.item(), 8.0 * 32.0);
    // y̅ = 2y depends on x through y = x², whose gradient is squared in that walk too: with g = 8x⁵ = 2x · (2y)²,
    // ∂g/∂x at fixed y = (2y)² = 64, doubled = 128; ∂g/∂y = 2x · 8y = 128, squared 16384, times 2x = 65536.
    let second = first.backward().unwrap().wrt(x).unwrap().item();
    assert_eq!(second, 128.0 + 65536.0);
}

#[test]
fn a_parameter_hook_reaches_the_optimizers_gradient_and_a_reset_forgets_it() {
    let w = Param::new("w", Tensor::from([3.0f64]));
    let mut tape = Tape::f64();
    let _ = tape.watch(&w).hook(|dw| dw * 0.0);
    assert_eq!(tape.watch(&w).square().sum().backward().unwrap().wrt(&w).unwrap().to_vec(), [0.0]);
    tape.reset();
    assert_eq!(tape.watch(&w).square().sum().backward().unwrap().wrt(&w).unwrap().to_vec(), [6.0]);
}

#[test]
fn hooks_on_large_deferred_values_change_no_bit() {
    let gradient = |hooked: bool, lazy_from| {
        let tape = Tape::new();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf(Tensor::from_fn([5000], tape.dtype(), |i| (i as f64 * 0.37).sin()));
        let mut y = x;
        for _ in 0..5 {
            y = (y * 1.1).tanh() + y;
            if hooked {
                y = y.hook(|dy| dy);
            }
        }
        y.square().sum().backward().unwrap().wrt(x).unwrap().to_vec()
    };
    for lazy_from in [0, usize::MAX] {
        assert_eq!(gradient(true, lazy_from), gradient(false, lazy_from));
    }
}

/// The message of a gradient that ends in an error, without the column numbers.
fn message(hook: impl for<'a> Fn(Var<'a>) -> Var<'a> + Send + Sync + 'static) -> (String, u32) {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let (y, line) = ((x * 2.0).hook(hook), line!());
    let error = y.sum().backward().unwrap_err().to_string();
    assert_eq!(error, tape.grad(y.sum(), &[x]).unwrap_err().to_string());
    assert_eq!((x * x).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 4.0], "the tape stays usable");
    (error, line)
}

#[test]
fn what_cannot_take_the_place_of_a_gradient_is_an_error_with_both_lines() {
    let (error, line) = message(|dy| dy.sum());
    assert!(error.starts_with(&format!("the hook on node %1 of shape [2] (tests/hooks.rs:{line}:")), "{error}");
    let rest = format!(
        ") returned a gradient of shape [] in place of one of shape [2]; they must be equal (set at tests/hooks.rs:{line}:"
    );
    assert!(error.contains(&rest), "{error}");
    let (error, _) = message(|dy| {
        let other: &'static Tape = Box::leak(Box::new(Tape::f64()));
        // Only a leaked tape lives as long as any gradient.
        other.constant(dy.value())
    });
    assert!(error.contains(") returned a node of another tape (set at tests/hooks.rs:"), "{error}");
    let (error, _) = message(|dy| dy.reshape([3]));
    assert!(error.contains(") failed: reshape: the sizes must have the same product"), "{error}");
}

#[test]
fn scopes_end_in_any_order() {
    let tape = Tape::f64();
    let layer = || {
        let _ = tape.leaf(1.0);
        tape.nodes().last().unwrap().layer
    };
    let (a, b) = (tape.scope("a"), tape.scope("b"));
    assert_eq!(layer(), "a.b");
    drop(a);
    assert_eq!(layer(), "a.b");
    let c = tape.scope("c");
    assert_eq!(layer(), "a.b.c");
    drop(b);
    assert_eq!(layer(), "a.b.c");
    drop(c);
    assert_eq!(layer(), "");
    let d = tape.scope("d");
    assert_eq!(layer(), "d");
    drop(d);
    assert_eq!(layer(), "");
}

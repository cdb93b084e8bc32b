//! What a hand-written function may rely on, what it must not do, and operations on plain numbers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use wengert::{
    Backward, Error, Function, NoGradient, Param, Result, Rule, RuleFault, Saved, Shape, Tape, Tensor, Var,
    ops::{Grads, Op, Vjp},
};

/// Picks entry `labels[i]` of row i: the labels are plain numbers outside the tape.
struct Pick {
    labels: Vec<usize>,
}

impl Function for Pick {
    fn name(&self) -> &str {
        "pick"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].gather(1, &self.labels, [self.labels.len(), 1])]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let columns = x[0].shape()[1];
        let chosen =
            Tensor::from_fn(x[0].shape(), x[0].dtype(), |i| f64::from(self.labels[i / columns] == i % columns));
        vec![Some(x[0].tape().constant(chosen) * dz[0])]
    }
}

#[test]
fn integers_are_given_beside_the_tape() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let z = tape.apply(Pick { labels: vec![2, 0] }, &[x]).unwrap()[0];
    assert_eq!(z.value().to_vec(), [3.0, 4.0]);
    for rule in [Rule::Manual, Rule::Tape] {
        tape.set_rule(rule);
        let slope = z.vjp(&Tensor::from([[10.0], [1.0]])).unwrap();
        assert_eq!(slope.wrt(x).unwrap().to_vec(), [0.0, 0.0, 10.0, 1.0, 0.0, 0.0], "{rule:?}");
    }
}

/// z = a · b, whose rule skips what is not needed, and counts its calls.
struct Careful {
    calls: Arc<AtomicUsize>,
}

impl Function for Careful {
    fn name(&self) -> &str {
        "careful"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[1]]
    }
    fn backward<'t>(&self, Backward { x, dz, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        vec![needs[0].then(|| dz[0] * x[1]), needs[1].then(|| dz[0] * x[0])]
    }
}

#[test]
fn a_rule_knows_what_is_needed_and_is_not_called_for_nothing() {
    let tape = Tape::f64();
    let calls = Arc::new(AtomicUsize::new(0));
    let careful = Arc::new(Careful { calls: calls.clone() });
    let (x, y, c) = (tape.leaf(3.0), tape.leaf(5.0), tape.constant(7.0));
    let with_constant = tape.apply(careful.clone(), &[x, c]).unwrap()[0];
    assert_eq!(with_constant.backward().unwrap().wrt(x).unwrap().item(), 7.0);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // Only constants: no gradient, and no call when something else is differentiated.
    let nothing = tape.apply(careful.clone(), &[c, c]).unwrap()[0];
    assert!(!nothing.needs_grad());
    (nothing * y).backward().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // A recorded gradient with respect to one input asks for that one alone.
    let both = tape.apply(careful, &[x, y]).unwrap()[0];
    assert_eq!(tape.grad(both, &[y]).unwrap()[0].item(), 3.0);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    // The same value as both inputs.
    let square = tape.apply(Careful { calls }, &[x, x]).unwrap()[0];
    assert_eq!(square.backward().unwrap().wrt(x).unwrap().item(), 6.0);
}

/// Rounds, and passes the gradient straight through (Bengio et al., arXiv 1308.3432).
struct StraightThrough;

impl Function for StraightThrough {
    fn name(&self) -> &str {
        "straight_through"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].round()]
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(at.dz[0])]
    }
}

/// Returns its input, detached; the rule passes the gradient on all the same.
struct Detached;

impl Function for Detached {
    fn name(&self) -> &str {
        "detached"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].detach()]
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(at.dz[0] * 2.0)]
    }
}

#[test]
fn a_rule_may_invent_a_gradient_where_the_tape_has_none() {
    let tape = Tape::f64();
    let x = tape.leaf([0.4, 1.6]);
    let rounded = tape.apply(StraightThrough, &[x]).unwrap()[0];
    let detached = tape.apply(Detached, &[x]).unwrap()[0];
    assert_eq!(rounded.value().to_vec(), [0.0, 2.0]);
    assert_eq!(rounded.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [1.0, 1.0]);
    assert_eq!(detached.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [2.0, 2.0]);
    tape.set_rule(Rule::Tape);
    for z in [rounded, detached] {
        let gradients = z.sum().backward().unwrap();
        assert!(matches!(gradients.wrt(x), Err(Error::NoGradient { why: NoGradient::NotOnPath, .. })));
        assert_eq!(tape.grad(z.sum(), &[x]).unwrap()[0].value().to_vec(), [0.0, 0.0]);
    }
}

/// Uses a parameter that is not among its inputs, in various ways.
struct Hidden {
    weight: Param,
    how: &'static str,
}

impl Function for Hidden {
    fn name(&self) -> &str {
        "hidden"
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let weight = x[0].tape().watch(&self.weight);
        match self.how {
            "multiplied" => vec![x[0] * weight],
            "handed on" => vec![x[0] * 2.0, weight],
            "detached" => vec![x[0] * weight.detach()],
            _ => vec![x[0] * weight.gt(1.0)],
        }
    }
    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(at.dz[0] * 2.0)]
    }
}

#[test]
fn a_gradient_that_a_rule_would_lose_is_refused_and_no_other() {
    let weight = Param::new("weight", Tensor::from(2.0));
    let apply = |how, watched: bool| {
        let tape = Tape::f64();
        let x = tape.leaf(3.0);
        if watched {
            tape.watch(&weight);
        }
        let hidden = Hidden { weight: weight.clone(), how };
        let result: Result<Vec<Var>> = tape.apply(hidden, &[x]);
        let lost = matches!(result, Err(Error::Rule { fault: RuleFault::HiddenInput { .. }, .. }));
        assert!(lost || result.is_ok());
        // Whatever happened, the tape is still usable.
        assert_eq!((x * x).backward().unwrap().wrt(x).unwrap().item(), 6.0);
        lost
    };
    for how in ["multiplied", "handed on"] {
        assert!(apply(how, false) && apply(how, true), "{how}");
    }
    for how in ["detached", "compared"] {
        assert!(!apply(how, true), "{how}: no gradient flows there");
    }
}

/// x³ on plain numbers.
struct Cube;

impl Op for Cube {
    fn name(&self) -> &str {
        "cube"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        *saved = Some(Arc::new(String::from("kept")));
        wengert::dispatch!(x[0].dtype(), T => {
            let cubes = x[0].as_slice::<T>()?.iter().map(|&x| x * x * x).collect::<Vec<T>>();
            Tensor::from_vec(cubes, shape)
        })
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        let saved = at.saved().and_then(|saved| saved.downcast::<String>().ok());
        assert_eq!(saved.as_deref().map(String::as_str), Some("kept"));
        at.once("cube", |x, _, dy| {
            wengert::dispatch!(dy.dtype(), T => {
                let (x0, dy) = (x[0].as_slice::<T>()?, dy.as_slice::<T>()?);
                let dx = x0.iter().zip(dy).map(|(&x, &dy)| 3.0 * x * x * dy).collect::<Vec<T>>();
                Ok(vec![Some(Tensor::from_vec(dx, x[0].shape())?)])
            })
        })
    }
}

#[test]
fn an_operation_on_slices_enters_by_the_same_door() {
    for (tape, lazy_from) in [(Tape::new(), 0), (Tape::f64(), usize::MAX)] {
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf([1.0, -2.0]);
        let y = tape.record(Cube, &[x * 2.0]).unwrap();
        assert_eq!(y.value(), Tensor::from([8.0, -64.0]).cast(tape.dtype()));
        assert_eq!((y * 0.5).sum().backward().unwrap().wrt(x).unwrap().to_vec(), [12.0, 48.0]);
        let again = tape.grad(y.sum(), &[x]);
        assert!(matches!(again, Err(Error::Rule { fault: RuleFault::OnceDifferentiable, .. })), "no silent constant");
        // A recorded gradient that does not lead through it does not concern it.
        assert_eq!(tape.grad((x * x + y.detach()).sum(), &[x]).unwrap()[0].value().to_vec(), [2.0, -4.0]);
    }
}

/// Announces one shape and precision, but returns another.
struct Liar(Tensor);

impl Op for Liar {
    fn name(&self) -> &str {
        "liar"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn forward(&self, _: &[&Tensor], _: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(self.0.clone())
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::from_iter([Some(at.dz)]))
    }
}

#[test]
fn what_an_operation_returns_is_held_against_what_it_announced() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let message = |op| tape.record(op, &[x]).unwrap_err().to_string();
    let need = "liar: `forward` must return the shape that `shape` announced, but got [3] and [2]";
    assert_eq!(message(Liar(Tensor::from([0.0; 3]))), need);
    assert_eq!(
        message(Liar(Tensor::from(vec![0.0f32; 2]))),
        "liar: expected f64, but got f32; convert with `.cast(DType::F64)`, or use one precision throughout"
    );
    assert_eq!(tape.record(Liar(Tensor::from([5.0; 2])), &[x]).unwrap().value().to_vec(), [5.0; 2]);
}

//! What is checked, as a function of named tensors.
//!
//! A layer, a closure and a hand-written [`Function`] all become the same thing: outputs computed from *slots*. The
//! slots of a layer are its input and its parameters, for which checked values [stand in](Tape::bind), so that a layer
//! that trains in single precision is checked in double precision, without being altered. What a run changes itself
//! (running statistics, or a parameter) is put back before the next.
//!
//! User code may panic, and may be asked to run on inputs that do not suit it: every run is caught, with the sentence
//! and the line of the panic.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, Location},
    sync::{Arc, Once},
};

use super::{Constraint, Line, Verdict, measure::dot};
use crate::{Error, Function, Mode, Param, Rule, Tape, Tensor, Var, nn::Layer, tape::Kind};

/// A run that did not end.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub sentence: String,
    pub line: Option<Line>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let line = match &error {
            Error::Rule { at, .. } => Some(Line::from(*at)),
            _ => None,
        };
        Failure { sentence: error.to_string(), line }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.line {
            Some(line) if !self.sentence.contains(&line.to_string()) => write!(f, " ({line})"),
            _ => Ok(()),
        }
    }
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static WHERE: RefCell<Option<Line>> = const { RefCell::new(None) };
}

/// Runs user code; a panic becomes a failure with its sentence and line, and prints nothing.
pub(super) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match CATCHING.get() {
            true => WHERE.set(info.location().map(Line::from)),
            false => before(info),
        }));
    });
    let outer = CATCHING.replace(true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    result.map_err(|panic| Failure { sentence: sentence(&*panic), line: WHERE.take() })
}

fn sentence(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a message").to_owned()
}

/// The function behind the slots.
pub(super) trait Subject {
    /// The outputs, recorded on `tape`.
    fn outputs<'t>(&self, tape: &'t Tape, slots: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error>;

    /// Puts back whatever a run changes.
    fn restore(&self) {}
}

/// A function of tensors in tape algebra.
pub(super) struct Closure<F>(pub F);

impl<F: for<'t> Fn(&[Var<'t>]) -> Vec<Var<'t>>> Subject for Closure<F> {
    fn outputs<'t>(&self, _: &'t Tape, slots: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        Ok(self.0(slots))
    }
}

/// A function with a hand-written rule, and the line that asked for its check.
pub(super) struct Ruled(pub Arc<dyn Function>, pub &'static Location<'static>);

impl Subject for Ruled {
    fn outputs<'t>(&self, tape: &'t Tape, slots: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        tape.apply_at(self.0.clone(), slots, self.1)
    }
}

/// A function some of whose inputs are constants: targets, masks.
pub(super) struct WithConstants<'a> {
    pub subject: Box<dyn Subject + 'a>,
    /// The constants with their places among the inputs, in order.
    pub constants: Vec<(usize, Tensor)>,
}

impl Subject for WithConstants<'_> {
    fn outputs<'t>(&self, tape: &'t Tape, slots: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        let mut all = slots.to_vec();
        for (place, value) in &self.constants {
            all.insert(*place, tape.constant(value));
        }
        self.subject.outputs(tape, &all)
    }

    fn restore(&self) {
        self.subject.restore();
    }
}

/// A layer: its first slot is the input, the others are its parameters.
pub(super) struct Layered<'a> {
    layer: &'a dyn Layer,
    params: Vec<Param>,
    /// Parameters and state as they were.
    before: Vec<(Param, Tensor)>,
}

impl<'a> Layered<'a> {
    pub fn new(layer: &'a dyn Layer) -> Self {
        let params = layer.params().into_iter().filter(Param::trainable).collect();
        let before = layer.tensors().into_iter().map(|p| (p.clone(), p.value())).collect();
        Layered { layer, params, before }
    }

    pub fn params(&self) -> &[Param] {
        &self.params
    }
}

impl Subject for Layered<'_> {
    fn outputs<'t>(&self, tape: &'t Tape, slots: &[Var<'t>]) -> Result<Vec<Var<'t>>, Error> {
        for (param, &slot) in self.params.iter().zip(&slots[1..]) {
            tape.bind(param, slot)?;
        }
        Ok(vec![self.layer.forward(slots[0])])
    }

    fn restore(&self) {
        for (param, value) in &self.before {
            param.update(|now| *now = value.clone());
        }
    }
}

impl Drop for Layered<'_> {
    fn drop(&mut self) {
        self.restore();
    }
}

/// An input or parameter that gradients are taken by.
#[derive(Clone)]
pub(super) struct Slot {
    pub name: String,
    pub value: Tensor,
    pub constraint: Constraint,
}

/// The subject with a mode, run again and again.
#[derive(Clone, Copy)]
pub(super) struct Probe<'a> {
    pub subject: &'a dyn Subject,
    pub mode: Mode,
}

impl Probe<'_> {
    /// Runs the subject on a fresh tape, in double precision, and hands slots and outputs to `then`.
    pub fn run<R>(
        &self,
        at: &[Tensor],
        then: impl for<'t> FnOnce(&'t Tape, &[Var<'t>], &[Var<'t>]) -> Result<R, Error>,
    ) -> Result<R, Failure> {
        self.run_on(Tape::f64(), at, then)
    }

    /// [`run`](Probe::run) on a given tape.
    pub fn run_on<R>(
        &self,
        tape: Tape,
        at: &[Tensor],
        then: impl for<'t> FnOnce(&'t Tape, &[Var<'t>], &[Var<'t>]) -> Result<R, Error>,
    ) -> Result<R, Failure> {
        self.subject.restore();
        tape.set_mode(self.mode);
        caught(|| -> Result<R, Error> {
            let slots: Vec<Var<'_>> = at.iter().map(|value| tape.leaf(value)).collect();
            let outputs = self.subject.outputs(&tape, &slots)?;
            then(&tape, &slots, &outputs)
        })?
        .map_err(Failure::from)
    }

    /// The outputs.
    pub fn values(&self, at: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        self.run(at, |_, _, outputs| Ok(outputs.iter().map(|y| y.value()).collect()))
    }

    /// The gradient of Σ ⟨upstream, output⟩ by each slot; `None` where the tape has no path.
    pub fn gradients(&self, at: &[Tensor], upstream: &[Tensor], rule: Rule) -> Result<Vec<Option<Tensor>>, Failure> {
        self.run(at, |tape, slots, outputs| {
            tape.set_rule(rule);
            let Some(loss) = weighted(tape, outputs, upstream) else { return Ok(vec![None; slots.len()]) };
            let gradients = loss.backward()?;
            Ok(slots.iter().map(|&slot| gradients.get(slot).cloned()).collect())
        })
    }

    /// The gradients by all slots but `constant`, and the number of operations that recording them took.
    pub fn partial(
        &self,
        at: &[Tensor],
        upstream: &[Tensor],
        constant: Option<usize>,
    ) -> Result<(usize, Vec<Option<Tensor>>), Failure> {
        let tape = Tape::f64();
        tape.set_mode(self.mode);
        self.subject.restore();
        caught(|| -> Result<_, Error> {
            let enter = |(k, value): (usize, &Tensor)| match constant {
                Some(c) if c == k => tape.constant(value),
                _ => tape.leaf(value),
            };
            let slots: Vec<Var<'_>> = at.iter().enumerate().map(enter).collect();
            let outputs = self.subject.outputs(&tape, &slots)?;
            let Some(loss) = weighted(&tape, &outputs, upstream) else { return Ok((0, vec![None; slots.len()])) };
            let before = tape.len();
            let wanted: Vec<Var<'_>> = slots.iter().copied().filter(|slot| slot.needs_grad()).collect();
            let found = tape.grad(loss, &wanted)?;
            let of = |slot: &Var<'_>| {
                let place = wanted.iter().position(|w| w.index() == slot.index())?;
                Some(found[place].value())
            };
            Ok((tape.len() - before, slots.iter().map(of).collect()))
        })?
        .map_err(Failure::from)
    }

    /// ⟨upstream, output⟩ summed over the outputs.
    pub fn weighted(&self, at: &[Tensor], upstream: &[Tensor]) -> Result<f64, Failure> {
        let values = self.values(at)?;
        Ok(values.iter().zip(upstream).map(|(y, u)| dot(y, u)).sum())
    }
}

/// Σ ⟨upstream, output⟩ over the outputs that a gradient flows through.
pub(super) fn weighted<'t>(tape: &'t Tape, outputs: &[Var<'t>], upstream: &[Tensor]) -> Option<Var<'t>> {
    let terms = outputs.iter().zip(upstream).filter(|(y, _)| y.needs_grad());
    terms.map(|(&y, u)| (y * tape.constant(u)).sum()).reduce(|a, b| a + b)
}

/// The applications of hand-written rules in a recording: the function, the positions of its inputs and outputs, and
/// the line that applied it.
pub(super) struct Application {
    pub function: Arc<dyn Function>,
    pub inputs: Vec<Tensor>,
    /// The names of those inputs that have one: parameters, and what the user named.
    names: Vec<Option<String>>,
    pub needs: Vec<bool>,
    pub at: &'static Location<'static>,
}

impl Application {
    /// Adds the names of inputs to a verdict: "input 1 (`weight`)".
    pub fn name_inputs(&self, verdict: &mut Verdict) {
        for of in &mut verdict.of {
            let known = self.names.iter().enumerate().find(|(k, _)| *of == format!("input {k}"));
            if let Some((k, Some(name))) = known {
                *of = format!("input {k} (`{name}`)");
            }
        }
    }
}

/// The applications of hand-written rules that are recorded on `tape`.
pub(super) fn applications(tape: &Tape) -> Vec<Application> {
    let calls: Vec<_> = {
        let list = tape.list.borrow();
        let firsts = list.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Output(call, 0) => Some(call.clone()),
            _ => None,
        });
        firsts.collect()
    };
    let of = |id| Var::new(tape, id);
    calls
        .iter()
        .map(|call| Application {
            function: call.function.clone(),
            inputs: call.inputs.iter().map(|&id| of(id).value()).collect(),
            names: call.inputs.iter().map(|&id| tape.nodes().nth(id as usize).and_then(|node| node.name)).collect(),
            needs: call.inputs.iter().map(|&id| of(id).needs_grad()).collect(),
            at: call.at,
        })
        .collect()
}

//! A function whose rule makes a mistake.

use std::sync::{Arc, Mutex, PoisonError};

use super::change::Change;
use crate::{
    Backward, DType, Function, Tape, Tensor, Var,
    check::{
        diagnose::unsummed_gradient,
        given::Given,
        script::{Edit, Script},
    },
};

/// The function, with one change to its rule.
pub(super) struct Broken {
    function: Arc<dyn Function>,
    change: Change,
    /// The inputs of the latest call, for a rule that is stale.
    saved: Mutex<Option<Vec<Tensor>>>,
}

impl Broken {
    pub fn new(function: Arc<dyn Function>, change: Change) -> Self {
        Broken { function, change, saved: Mutex::new(None) }
    }

    /// The gradient by input `k`, from plain numbers on a tape of its own.
    fn aside<'t>(
        &self,
        at: &Backward<'_, 't>,
        k: usize,
        gradient: impl FnOnce(&[Tensor], &[Tensor]) -> Option<Tensor>,
    ) -> Option<Var<'t>> {
        let values = |all: &[Var<'t>]| all.iter().map(|v| v.value().cast(DType::F64)).collect::<Vec<_>>();
        gradient(&values(at.x), &values(at.dz)).map(|g| at.x[k].tape().constant(g))
    }

    /// The gradient by input `k` of the function with one step of `forward` changed.
    fn of_another_function<'t>(&self, at: &Backward<'_, 't>, k: usize, edit: &Edit, step: usize) -> Option<Var<'t>> {
        let edits = [(step, edit.clone())];
        self.aside(at, k, |x, dz| Script::of_forward(&*self.function, x)?.gradient(k, x, dz, &edits))
    }

    /// The rule's own program for input `k`, with one step changed.
    fn edited<'t>(&self, at: &Backward<'_, 't>, k: usize, step: usize, edit: &Edit) -> Option<Var<'t>> {
        let own = given(at);
        let aside = Tape::with_dtype(at.x[0].dtype());
        let copy = own.map(|v| aside.leaf(v.value()));
        let answer = copy.ask(&*self.function, at.needs).swap_remove(k)?;
        let script = Script::of(&aside, &copy.values().copied().collect::<Vec<_>>(), &[answer]);
        let arguments: Vec<Var<'t>> = own.values().copied().collect();
        Some(script.run(at.x[0].tape(), &arguments, &[(step, edit.clone())])?.remove(0))
    }
}

/// All that a rule is given.
fn given<'t>(at: &Backward<'_, 't>) -> Given<Var<'t>> {
    Given { x: at.x.to_vec(), z: at.z.to_vec(), dz: at.dz.to_vec(), memory: at.memory.to_vec() }
}

impl Function for Broken {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_with_memory(x).0
    }

    fn forward_with_memory<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        if matches!(self.change, Change::Stale) {
            let values = x.iter().map(|x| x.value()).collect();
            *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(values);
        }
        self.function.forward_with_memory(x)
    }

    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let tape = at.dz[0].tape();
        let right = || self.function.backward(at);
        let spoil = |k: usize, change: &dyn Fn(Var<'t>) -> Var<'t>| {
            let mut answer = right();
            answer[k] = answer[k].map(change);
            answer
        };
        let replace = |k: usize, gradient: Option<Var<'t>>| {
            let mut answer = right();
            answer[k] = gradient.or(answer[k]);
            answer
        };
        match &self.change {
            Change::Sign { k } => spoil(*k, &|g| -g),
            Change::Factor { k, factor, .. } => spoil(*k, &|g| g * *factor),
            Change::Transposed { k } => spoil(*k, &|g| g.transpose(-1, -2)),
            Change::Exchanged { k, a, b } => spoil(*k, &|g| g.transpose(*a as isize, *b as isize)),
            Change::TurnedAround { k, axis } => spoil(*k, &|g| g.flip(&[*axis as isize])),
            Change::Extra { k, axis, mean } => spoil(*k, &|g| {
                let sum = if *mean { g.mean_axes(&[*axis], true) } else { g.sum_axes(&[*axis], true) };
                sum.broadcast_to(g.shape())
            }),
            Change::FirstAlone { k, axis } => {
                let shape = at.dz[0].shape();
                let inner: usize = shape[axis + 1..].iter().product();
                let n = shape[*axis];
                let first = Tensor::from_fn(shape, at.dz[0].dtype(), |i| f64::from((i / inner).is_multiple_of(n)));
                let mut dz = at.dz.to_vec();
                dz[0] = dz[0] * tape.constant(first);
                let share = self.function.backward(Backward { dz: &dz, ..at }).swap_remove(*k);
                replace(*k, share)
            }
            Change::Unsummed { k } => {
                let whole = self.aside(&at, *k, |x, dz| unsummed_gradient(&*self.function, x, dz, *k));
                replace(*k, whole)
            }
            Change::OtherAxis { k, axes } => {
                let shape = at.x[*k].shape();
                let whole = self.aside(&at, *k, |x, dz| unsummed_gradient(&*self.function, x, dz, *k));
                replace(*k, whole.map(|whole| whole.sum_axes(axes, false).reshape(shape)))
            }
            Change::UpstreamIgnored => {
                let ones = at.dz.iter().map(|dz| tape.constant(Tensor::ones(dz.shape(), dz.dtype())));
                let ones: Vec<Var<'t>> = ones.collect();
                self.function.backward(Backward { dz: &ones, ..at })
            }
            Change::MixedUp { used, wanted } => {
                let mut given = given(&at);
                let value = given.get(*used).copied();
                if let (Some(value), Some(hole)) = (value, given.get_mut(*wanted)) {
                    *hole = value;
                }
                given.ask(&*self.function, at.needs)
            }
            Change::Stale => {
                let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let x: Vec<Var<'t>> = match saved {
                    Some(saved) if saved.iter().zip(at.x).all(|(s, x)| *s.shape() == x.shape()) => {
                        saved.into_iter().map(|value| tape.constant(value)).collect()
                    }
                    _ => at.x.to_vec(),
                };
                let (z, memory) = self.function.forward_with_memory(&x);
                self.function.backward(Backward { x: &x, z: &z, memory: &memory, ..at })
            }
            Change::DroppedTerm { k, step, keep } => replace(*k, self.edited(&at, *k, *step, &Edit::Keep(*keep))),
            Change::WrongOperation { k, step, edit, .. } => replace(*k, self.edited(&at, *k, *step, edit)),
            Change::Forgotten { k, step, edit } => replace(*k, self.of_another_function(&at, *k, edit, *step)),
            Change::StraightThrough { k, step, from } => {
                let edit = Edit::StraightThrough(*from);
                replace(*k, self.of_another_function(&at, *k, &edit, *step))
            }
            Change::Region { k, border, factor } => {
                let x = at.x[*k];
                let inside = if *border { tape.constant(border_of(&x)) } else { x.le(0.0) };
                spoil(*k, &|g| inside.select(g * *factor, g))
            }
            Change::NotFinite { k, index } => {
                let shape = at.x[*k].shape();
                let holes = Tensor::from_fn(shape, at.x[*k].dtype(), |i| f64::from(i != *index));
                let holes = tape.constant(holes);
                spoil(*k, &|g| g * holes / holes)
            }
            Change::SinglePrecision { k } => spoil(*k, &|g| tape.constant(g.value().cast(DType::F32).cast(g.dtype()))),
            Change::Nothing { k } => {
                let mut answer = right();
                answer[*k] = None;
                answer
            }
        }
    }
}

/// 1 at the ends of the last two axes, else 0.
fn border_of(x: &Var<'_>) -> Tensor {
    let shape = x.shape();
    let (h, w) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
    Tensor::from_fn(shape, x.dtype(), |i| {
        let (row, column) = (i / w % h, i % w);
        f64::from(row == 0 || column == 0 || row + 1 == h || column + 1 == w)
    })
}

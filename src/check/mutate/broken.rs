//! A function whose rule makes a mistake.

use std::sync::{Arc, Mutex, PoisonError};

use super::change::{Change, Slip};
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
    /// The inputs of the latest call, for a stale rule.
    saved: Mutex<Option<Vec<Tensor>>>,
}

impl Broken {
    pub fn new(function: Arc<dyn Function>, change: Change) -> Self {
        Broken { function, change, saved: Mutex::new(None) }
    }

    /// The gradient, computed from plain numbers on a separate tape.
    fn aside<'t>(
        &self,
        at: &Backward<'_, 't>,
        gradient: impl FnOnce(&[Tensor], &[Tensor]) -> Option<Tensor>,
    ) -> Option<Var<'t>> {
        let values = |all: &[Var<'t>]| all.iter().map(|v| v.value().cast(DType::F64)).collect::<Vec<_>>();
        gradient(&values(at.x), &values(at.dz)).map(|g| at.dz[0].tape().constant(g))
    }

    /// The gradient of the function with one step of `forward` changed.
    fn of_another_function<'t>(&self, at: &Backward<'_, 't>, step: usize, edit: Edit) -> Option<Var<'t>> {
        let edits = [(step, edit)];
        self.aside(at, |x, dz| Script::of_forward(&*self.function, x)?.gradient(self.change.k, x, dz, &edits))
    }

    /// The gradient before its sum over the axes along which the input was broadcast.
    fn unsummed<'t>(&self, at: &Backward<'_, 't>) -> Option<Var<'t>> {
        self.aside(at, |x, dz| unsummed_gradient(&*self.function, x, dz, self.change.k))
    }

    /// The rule's own program, with some steps changed.
    fn edited<'t>(&self, at: &Backward<'_, 't>, edits: &[(usize, Edit)]) -> Option<Var<'t>> {
        let own = given(at);
        let aside = Tape::with_dtype(at.x[0].dtype());
        let copy = own.map(|v| aside.leaf(v.value()));
        let answer = copy.ask(&*self.function, at.needs).swap_remove(self.change.k)?;
        let script = Script::of(&aside, &copy.values().copied().collect::<Vec<_>>(), &[answer]);
        let arguments: Vec<Var<'t>> = own.values().copied().collect();
        Some(script.run(at.x[0].tape(), &arguments, edits)?.remove(0))
    }
}

/// Everything that a rule receives.
fn given<'t>(at: &Backward<'_, 't>) -> Given<Var<'t>> {
    Given { x: at.x.to_vec(), z: at.z.to_vec(), dz: at.dz.to_vec(), saved: at.saved.to_vec() }
}

impl Function for Broken {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        if matches!(self.change.slip, Slip::Stale) {
            let values = x.iter().map(|x| x.value()).collect();
            *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(values);
        }
        self.function.forward_and_save(x)
    }

    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (k, tape) = (self.change.k, at.dz[0].tape());
        let spoil = |change: &dyn Fn(Var<'t>) -> Var<'t>| {
            let mut answer = self.function.backward(at);
            answer[k] = answer[k].map(change);
            answer
        };
        let replace = |gradient: Option<Var<'t>>| {
            let mut answer = self.function.backward(at);
            answer[k] = gradient.or(answer[k]);
            answer
        };
        match self.change.slip.clone() {
            Slip::Sign => spoil(&|g| -g),
            Slip::Factor(factor, _) => spoil(&|g| g * factor),
            Slip::Transposed => spoil(&|g| g.transpose(-1, -2)),
            Slip::Exchanged(a, b) => spoil(&|g| g.transpose(a as isize, b as isize)),
            Slip::TurnedAround(axis) => spoil(&|g| g.flip(&[axis as isize])),
            Slip::Summed(axis) => spoil(&|g| g.sum_axes(&[axis], true).broadcast_to(g.shape())),
            Slip::Averaged(axis) => spoil(&|g| g.mean_axes(&[axis], true).broadcast_to(g.shape())),
            Slip::FirstAlone(axis) => {
                let shape = at.dz[0].shape();
                let (inner, n): (usize, usize) = (shape[axis + 1..].iter().product(), shape[axis]);
                let first = Tensor::from_fn(shape, at.dz[0].dtype(), |i| f64::from((i / inner).is_multiple_of(n)));
                let mut dz = at.dz.to_vec();
                dz[0] = dz[0] * tape.constant(first);
                replace(self.function.backward(Backward { dz: &dz, ..at }).swap_remove(k))
            }
            Slip::Unsummed => replace(self.unsummed(&at)),
            Slip::OtherAxes(axes) => {
                replace(self.unsummed(&at).map(|whole| whole.sum_axes(&axes, false).reshape(at.x[k].shape())))
            }
            Slip::UpstreamIgnored => {
                let ones = at.dz.iter().map(|dz| tape.constant(Tensor::ones(dz.shape(), dz.dtype())));
                let ones: Vec<Var<'t>> = ones.collect();
                self.function.backward(Backward { dz: &ones, ..at })
            }
            Slip::MixedUp(used, wanted) => {
                let mut given = given(&at);
                let value = given.get(used).copied();
                if let (Some(value), Some(hole)) = (value, given.get_mut(wanted)) {
                    *hole = value;
                }
                given.ask(&*self.function, at.needs)
            }
            Slip::Stale => {
                let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let x: Vec<Var<'t>> = match saved {
                    Some(saved) if saved.iter().zip(at.x).all(|(s, x)| *s.shape() == x.shape()) => {
                        saved.into_iter().map(|value| tape.constant(value)).collect()
                    }
                    _ => at.x.to_vec(),
                };
                let (z, saved) = self.function.forward_and_save(&x);
                self.function.backward(Backward { x: &x, z: &z, saved: &saved, ..at })
            }
            Slip::DroppedTerm(step, keep) => replace(self.edited(&at, &[(step, Edit::Keep(keep))])),
            Slip::WrongOperation(step, edit, _) => replace(self.edited(&at, &[(step, edit)])),
            Slip::Line(one) => replace(self.edited(&at, &one.edits)),
            Slip::Two(one, two) => replace(self.edited(&at, &[one.edits, two.edits].concat())),
            Slip::Forgotten(step, edit) => replace(self.of_another_function(&at, step, edit)),
            Slip::StraightThrough(step, from) => {
                replace(self.of_another_function(&at, step, Edit::StraightThrough(from)))
            }
            Slip::WhereNegative(factor) => {
                let inside = at.x[k].le(0.0);
                spoil(&|g| inside.select(g * factor, g))
            }
            Slip::AtBorder(factor) => {
                let inside = tape.constant(border_of(&at.x[k]));
                spoil(&|g| inside.select(g * factor, g))
            }
            Slip::NotFinite(index) => {
                let x = at.x[k];
                let holes = tape.constant(Tensor::from_fn(x.shape(), x.dtype(), |i| f64::from(i != index)));
                spoil(&|g| g * holes / holes)
            }
            Slip::SinglePrecision => spoil(&|g| tape.constant(g.value().cast(DType::F32).cast(g.dtype()))),
            Slip::Nothing => {
                let mut answer = self.function.backward(at);
                answer[k] = None;
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

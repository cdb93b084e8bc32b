//! The mistakes that can be made in a rule, and where each can be made.

use std::fmt;

use super::{
    edits::{self, Slipped},
    examined::Examined,
};
use crate::{
    Shape,
    check::{
        diagnose::broadcast_axes,
        given::Place,
        kind::Kind,
        script::{Edit, Source},
    },
};

/// A mistake in the gradient with respect to input `k`, or in all gradients, whatever `k` is.
#[derive(Clone)]
pub(super) struct Change {
    pub k: usize,
    pub slip: Slip,
}

/// What is done wrong.
#[derive(Clone)]
pub(super) enum Slip {
    Sign,
    /// A factor, and its name.
    Factor(f64, String),
    Transposed,
    /// Two axes swapped.
    Exchanged(usize, usize),
    /// An axis read backwards.
    TurnedAround(usize),
    /// Only the share of the first index along an axis of output 0.
    FirstAlone(usize),
    /// The gradient before its sum over the axes along which the input was broadcast.
    Unsummed,
    /// Summed over other axes of the same size.
    OtherAxes(Vec<isize>),
    /// Summed over an axis and broadcast back.
    Summed(isize),
    /// Averaged over an axis and broadcast back.
    Averaged(isize),
    /// In all gradients: the upstream gradient is taken to be 1.
    UpstreamIgnored,
    /// In all gradients: the first value instead of the second.
    MixedUp(Place, Place),
    /// In all gradients: the inputs are those of the latest call of `forward`.
    Stale,
    /// Only one side of the sum at a step of the rule.
    DroppedTerm(usize, usize),
    /// The exact gradient of a different function: one step of `forward` is changed.
    Forgotten(usize, Edit),
    /// The same, with a step mistaken for an earlier value.
    StraightThrough(usize, Source),
    /// A step of the rule changed, and how.
    WrongOperation(usize, Edit, String),
    /// A mistake in one line of the rule.
    Line(Slipped),
    /// Two of them.
    Two(Slipped, Slipped),
    /// A factor where the input is at most 0.
    WhereNegative(f64),
    /// A factor at the border of the last two axes.
    AtBorder(f64),
    /// One element is 0/0.
    NotFinite(usize),
    SinglePrecision,
    Nothing,
}

impl Change {
    /// The kind of fault it is.
    pub fn kind(&self) -> Kind {
        match self.slip {
            Slip::Sign => Kind::SignFlipped,
            Slip::Factor(..) => Kind::Factor,
            Slip::Transposed => Kind::Transposed,
            Slip::Exchanged(..) | Slip::TurnedAround(_) => Kind::PermutedAxes,
            Slip::FirstAlone(_) | Slip::Unsummed => Kind::MissingReduction,
            Slip::OtherAxes(_) => Kind::WrongAxis,
            Slip::Summed(_) | Slip::Averaged(_) => Kind::ExtraReduction,
            Slip::UpstreamIgnored => Kind::UpstreamIgnored,
            Slip::MixedUp(..) => Kind::MixedUp,
            Slip::Stale => Kind::Stale,
            Slip::DroppedTerm(..) => Kind::DroppedTerm,
            Slip::Forgotten(..) => Kind::ForgottenPath,
            Slip::StraightThrough(..) => Kind::StraightThrough,
            Slip::WrongOperation(..) => Kind::WrongOperation,
            Slip::Line(ref one) => one.kind,
            Slip::Two(..) => Kind::Several,
            Slip::WhereNegative(_) | Slip::AtBorder(_) => Kind::Region,
            Slip::NotFinite(_) => Kind::NonFinite,
            Slip::SinglePrecision => Kind::Precision,
            Slip::Nothing => Kind::Missing,
        }
    }

    /// Every mistake that can be made in a rule.
    pub fn all(rule: &Examined) -> Vec<Change> {
        let mut all = vec![Change { k: 0, slip: Slip::UpstreamIgnored }, Change { k: 0, slip: Slip::Stale }];
        for k in rule.differentiable() {
            let slips = of_the_answer(rule, k).into_iter().chain(of_the_programs(rule, k));
            all.extend(slips.map(|slip| Change { k, slip }));
        }
        let given = rule.given();
        let mut places = given.places();
        places.retain(|place| matches!(place, Place::Input(_) | Place::Output(_)));
        let shape = |place| given.get(place).map(|value| value.shape());
        for &wanted in &places {
            for &used in places.iter().filter(|&&used| used != wanted) {
                if shape(used) == shape(wanted) {
                    all.push(Change { k: 0, slip: Slip::MixedUp(used, wanted) });
                }
            }
        }
        all
    }
}

/// Mistakes made in the gradient that the rule returns.
fn of_the_answer(rule: &Examined, k: usize) -> Vec<Slip> {
    let (input, output) = (&rule.given().x[k], &rule.given().z[0]);
    let (shape, rank) = (input.shape(), input.shape().rank());
    let mut all = vec![Slip::Sign, Slip::SinglePrecision, Slip::Nothing, Slip::NotFinite(input.numel() / 2)];
    all.extend([Slip::Factor(2.0, "2".to_owned()), Slip::Factor(0.5, "1/2".to_owned())]);
    let n = output.shape().first().copied().unwrap_or(1);
    if n > 1 {
        all.push(Slip::Factor(n as f64, format!("N = {n}")));
        all.push(Slip::Factor(1.0 / n as f64, format!("1/N = 1/{n}")));
    }
    for a in 0..rank {
        if shape[a] > 1 {
            all.extend([Slip::TurnedAround(a), Slip::Summed(a as isize), Slip::Averaged(a as isize)]);
        }
        for b in a + 1..rank {
            if shape[a] == shape[b] && shape[a] > 1 {
                let last = b == rank - 1 && a + 2 == rank;
                all.push(if last { Slip::Transposed } else { Slip::Exchanged(a, b) });
            }
        }
    }
    let shared = |axis: &usize| output.shape()[*axis] > 1 && rule.is_shared_along(k, *axis);
    all.extend((0..output.shape().rank()).filter(shared).map(Slip::FirstAlone));
    if let Some(spread) = rule.spread(k) {
        all.push(Slip::Unsummed);
        all.extend(other_axes(shape, &spread).into_iter().map(Slip::OtherAxes));
    }
    if input.numel() > 3 {
        for factor in [0.0, -1.0, 0.5] {
            all.push(Slip::WhereNegative(factor));
            if rank >= 2 && shape[rank - 1] > 2 && shape[rank - 2] > 2 {
                all.push(Slip::AtBorder(factor));
            }
        }
    }
    all
}

/// Sets of axes of `spread`, other than those that were broadcast, over which a sum has as many numbers as `own`.
fn other_axes(own: &Shape, spread: &Shape) -> Vec<Vec<isize>> {
    let right = broadcast_axes(own, spread);
    (1..1usize << spread.rank())
        .map(|set| (0..spread.rank() as isize).filter(|axis| set >> axis & 1 == 1).collect::<Vec<_>>())
        .filter(|axes| *axes != right && axes.len() == right.len())
        .filter(|axes| {
            let left: usize =
                (0..spread.rank()).filter(|a| !axes.contains(&(*a as isize))).map(|a| spread[a]).product();
            left == own.numel()
        })
        .collect()
}

/// Mistakes in one line of the rule, or in the reasoning behind it.
fn of_the_programs(rule: &Examined, k: usize) -> Vec<Slip> {
    let forward = rule.forward_edits().into_iter().map(|(step, edit)| match edit {
        Edit::StraightThrough(from) => Slip::StraightThrough(step, from),
        edit => Slip::Forgotten(step, edit),
    });
    let backward = rule.rule_edits(k).into_iter().map(|(step, edit, how)| match edit {
        Edit::Keep(keep) => Slip::DroppedTerm(step, keep),
        edit => Slip::WrongOperation(step, edit, how),
    });
    let singles = edits::singles(rule, k);
    let pairs = edits::pairs(&singles).into_iter().map(|(a, b)| Slip::Two(singles[a].clone(), singles[b].clone()));
    let pairs: Vec<Slip> = pairs.collect();
    forward.chain(backward).chain(singles.into_iter().map(Slip::Line)).chain(pairs).collect()
}

/// The mistake in a sentence.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = format!("the gradient by input {}", self.k);
        match &self.slip {
            Slip::Sign => write!(f, "the sign of {it} is flipped"),
            Slip::Factor(_, what) => write!(f, "{it} is multiplied by {what}"),
            Slip::Transposed => write!(f, "{it} is transposed"),
            Slip::Exchanged(a, b) => write!(f, "axes {a} and {b} of {it} are exchanged"),
            Slip::TurnedAround(axis) => write!(f, "{it} is turned around along axis {axis}"),
            Slip::FirstAlone(axis) => write!(f, "{it} counts the first index of axis {axis} of the output alone"),
            Slip::Unsummed => write!(f, "{it} is not summed over the axes it was spread along"),
            Slip::OtherAxes(axes) => write!(f, "{it} is summed over axes {axes:?}"),
            Slip::Summed(axis) => write!(f, "{it} is summed over axis {axis} and spread out again"),
            Slip::Averaged(axis) => write!(f, "{it} is averaged over axis {axis} and spread out again"),
            Slip::UpstreamIgnored => f.write_str("the upstream gradient is taken for 1"),
            Slip::MixedUp(used, wanted) => write!(f, "{used} is used in place of {wanted}"),
            Slip::Stale => f.write_str("the inputs are those that the latest call of `forward` saved"),
            Slip::DroppedTerm(step, _) => write!(f, "a term at step {step} of {it} is left out"),
            Slip::Forgotten(step, _) => write!(f, "{it} takes step {step} of `forward` for a constant"),
            Slip::StraightThrough(step, _) => write!(f, "{it} takes step {step} of `forward` for the identity"),
            Slip::WrongOperation(step, _, how) => write!(f, "step {step} of {it} is changed: {how}"),
            Slip::Line(one) => write!(f, "in {it}, {}", one.how),
            Slip::Two(one, two) => write!(f, "in {it}, {}, and {}", one.how, two.how),
            Slip::WhereNegative(factor) => write!(f, "{it} is multiplied by {factor} where the input is at most 0"),
            Slip::AtBorder(factor) => write!(f, "{it} is multiplied by {factor} at the border"),
            Slip::NotFinite(index) => write!(f, "element {index} of {it} is 0/0"),
            Slip::SinglePrecision => write!(f, "{it} is rounded to single precision"),
            Slip::Nothing => write!(f, "the rule returns no gradient for input {}", self.k),
        }
    }
}

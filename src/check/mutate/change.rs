//! The mistakes that can be made in a rule, and where each of them can be made.

use std::fmt;

use super::examined::Examined;
use crate::{
    Shape,
    check::{
        diagnose::broadcast_axes,
        given::Place,
        kind::Kind,
        script::{Edit, Source},
    },
};

/// One mistake. `k` is the input whose gradient it spoils.
#[derive(Clone)]
pub(super) enum Change {
    Sign {
        k: usize,
    },
    Factor {
        k: usize,
        factor: f64,
        what: String,
    },
    Transposed {
        k: usize,
    },
    Exchanged {
        k: usize,
        a: usize,
        b: usize,
    },
    TurnedAround {
        k: usize,
        axis: usize,
    },
    /// The share of the first index along an axis of output 0 alone.
    FirstAlone {
        k: usize,
        axis: usize,
    },
    /// The gradient before its sum over the axes that the input was broadcast along.
    Unsummed {
        k: usize,
    },
    /// Summed over another axis of the same size.
    OtherAxis {
        k: usize,
        axes: Vec<isize>,
    },
    Extra {
        k: usize,
        axis: isize,
        mean: bool,
    },
    UpstreamIgnored,
    /// One value in place of another.
    MixedUp {
        used: Place,
        wanted: Place,
    },
    Stale,
    DroppedTerm {
        k: usize,
        step: usize,
        keep: usize,
    },
    Forgotten {
        k: usize,
        step: usize,
        edit: Edit,
    },
    StraightThrough {
        k: usize,
        step: usize,
        from: Source,
    },
    WrongOperation {
        k: usize,
        step: usize,
        edit: Edit,
        how: String,
    },
    /// Times `factor` where the input is at most 0, or at the border of its last two axes.
    Region {
        k: usize,
        border: bool,
        factor: f64,
    },
    NotFinite {
        k: usize,
        index: usize,
    },
    SinglePrecision {
        k: usize,
    },
    Nothing {
        k: usize,
    },
}

impl Change {
    /// The kind of fault that it is.
    pub fn kind(&self) -> Kind {
        match self {
            Change::Sign { .. } => Kind::SignFlipped,
            Change::Factor { .. } => Kind::Factor,
            Change::Transposed { .. } => Kind::Transposed,
            Change::Exchanged { .. } | Change::TurnedAround { .. } => Kind::PermutedAxes,
            Change::FirstAlone { .. } | Change::Unsummed { .. } => Kind::MissingReduction,
            Change::OtherAxis { .. } => Kind::WrongAxis,
            Change::Extra { .. } => Kind::ExtraReduction,
            Change::UpstreamIgnored => Kind::UpstreamIgnored,
            Change::MixedUp { .. } => Kind::MixedUp,
            Change::Stale => Kind::Stale,
            Change::DroppedTerm { .. } => Kind::DroppedTerm,
            Change::Forgotten { .. } => Kind::ForgottenPath,
            Change::StraightThrough { .. } => Kind::StraightThrough,
            Change::WrongOperation { .. } => Kind::WrongOperation,
            Change::Region { .. } => Kind::Region,
            Change::NotFinite { .. } => Kind::NonFinite,
            Change::SinglePrecision { .. } => Kind::Precision,
            Change::Nothing { .. } => Kind::Missing,
        }
    }

    /// Every mistake that can be made in a rule.
    pub fn all(rule: &Examined) -> Vec<Change> {
        let mut all = vec![Change::UpstreamIgnored, Change::Stale];
        for k in rule.differentiable() {
            of_the_answer(rule, k, &mut all);
            of_the_programs(rule, k, &mut all);
        }
        let given = rule.given();
        let mut places = given.places();
        places.retain(|place| matches!(place, Place::Input(_) | Place::Output(_)));
        let shape = |place| given.get(place).map(|value| value.shape());
        for &wanted in &places {
            for &used in places.iter().filter(|&&used| used != wanted) {
                if shape(used) == shape(wanted) {
                    all.push(Change::MixedUp { used, wanted });
                }
            }
        }
        all
    }
}

/// Mistakes made in the gradient that the rule returns.
fn of_the_answer(rule: &Examined, k: usize, all: &mut Vec<Change>) {
    let (inputs, outputs) = (&rule.given().x, &rule.given().z);
    let shape = inputs[k].shape().clone();
    let rank = shape.rank();
    all.extend([Change::Sign { k }, Change::SinglePrecision { k }, Change::Nothing { k }]);
    all.push(Change::NotFinite { k, index: inputs[k].numel() / 2 });
    all.push(Change::Factor { k, factor: 2.0, what: "2".to_owned() });
    all.push(Change::Factor { k, factor: 0.5, what: "1/2".to_owned() });
    let n = outputs[0].shape().first().copied().unwrap_or(1);
    if n > 1 {
        all.push(Change::Factor { k, factor: n as f64, what: format!("N = {n}") });
        all.push(Change::Factor { k, factor: 1.0 / n as f64, what: format!("1/N = 1/{n}") });
    }
    for a in 0..rank {
        if shape[a] > 1 {
            all.push(Change::TurnedAround { k, axis: a });
            all.push(Change::Extra { k, axis: a as isize, mean: false });
            all.push(Change::Extra { k, axis: a as isize, mean: true });
        }
        for b in a + 1..rank {
            if shape[a] == shape[b] && shape[a] > 1 {
                let last = b == rank - 1 && a + 2 == rank;
                all.push(if last { Change::Transposed { k } } else { Change::Exchanged { k, a, b } });
            }
        }
    }
    for axis in 0..outputs[0].shape().rank() {
        if outputs[0].shape()[axis] > 1 && rule.is_shared_along(k, axis) {
            all.push(Change::FirstAlone { k, axis });
        }
    }
    if let Some(spread) = rule.spread(k) {
        all.push(Change::Unsummed { k });
        for axes in other_axes(&shape, &spread) {
            all.push(Change::OtherAxis { k, axes });
        }
    }
    if inputs[k].numel() > 3 {
        for factor in [0.0, -1.0, 0.5] {
            all.push(Change::Region { k, border: false, factor });
            if rank >= 2 && shape[rank - 1] > 2 && shape[rank - 2] > 2 {
                all.push(Change::Region { k, border: true, factor });
            }
        }
    }
}

/// Sets of axes of `spread` other than those that were broadcast, whose sum has as many numbers as `own`.
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

/// Mistakes made in one line of the rule, or in the thought behind it.
fn of_the_programs(rule: &Examined, k: usize, all: &mut Vec<Change>) {
    for (step, edit) in rule.forward_edits() {
        all.push(match edit {
            Edit::StraightThrough(from) => Change::StraightThrough { k, step, from },
            edit => Change::Forgotten { k, step, edit },
        });
    }
    for (step, edit, how) in rule.rule_edits(k) {
        all.push(match edit {
            Edit::Keep(keep) => Change::DroppedTerm { k, step, keep },
            edit => Change::WrongOperation { k, step, edit, how },
        });
    }
}

/// The mistake in a sentence.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Sign { k } => write!(f, "the sign of the gradient by input {k} is flipped"),
            Change::Factor { k, what, .. } => write!(f, "the gradient by input {k} is multiplied by {what}"),
            Change::Transposed { k } => write!(f, "the gradient by input {k} is transposed"),
            Change::Exchanged { k, a, b } => write!(f, "axes {a} and {b} of the gradient by input {k} are exchanged"),
            Change::TurnedAround { k, axis } => {
                write!(f, "the gradient by input {k} is turned around along axis {axis}")
            }
            Change::FirstAlone { k, axis } => {
                write!(f, "the gradient by input {k} counts the first index of axis {axis} of the output alone")
            }
            Change::Unsummed { k } => {
                write!(f, "the gradient by input {k} is not summed over the axes it was spread along")
            }
            Change::OtherAxis { k, axes } => write!(f, "the gradient by input {k} is summed over axes {axes:?}"),
            Change::Extra { k, axis, mean } => {
                let what = if *mean { "averaged" } else { "summed" };
                write!(f, "the gradient by input {k} is {what} over axis {axis} and spread out again")
            }
            Change::UpstreamIgnored => f.write_str("the upstream gradient is taken for 1"),
            Change::MixedUp { used, wanted } => write!(f, "{used} is used in place of {wanted}"),
            Change::Stale => f.write_str("the inputs are those that the latest call of `forward` saved"),
            Change::DroppedTerm { k, step, .. } => {
                write!(f, "a term at step {step} of the gradient by input {k} is left out")
            }
            Change::Forgotten { k, step, .. } => {
                write!(f, "the gradient by input {k} takes step {step} of `forward` for a constant")
            }
            Change::StraightThrough { k, step, .. } => {
                write!(f, "the gradient by input {k} takes step {step} of `forward` for the identity")
            }
            Change::WrongOperation { k, step, how, .. } => {
                write!(f, "step {step} of the gradient by input {k} is changed: {how}")
            }
            Change::Region { k, border, factor } => {
                let place = if *border { "at the border" } else { "where the input is at most 0" };
                write!(f, "the gradient by input {k} is multiplied by {factor} {place}")
            }
            Change::NotFinite { k, index } => write!(f, "element {index} of the gradient by input {k} is 0/0"),
            Change::SinglePrecision { k } => write!(f, "the gradient by input {k} is rounded to single precision"),
            Change::Nothing { k } => write!(f, "the rule returns no gradient for input {k}"),
        }
    }
}

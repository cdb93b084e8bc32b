//! From a wrong gradient to the name of its fault.
//!
//! The true gradient t of a hand-written function is known: the tape derives it from the function's own `forward`. The
//! rule's answer a is known too, and so is the rule itself, as a program. So faults are named by experiment:
//!
//! - `behavior`: the rule is run again with a different upstream gradient, with other values, or after another call;
//! - `relations`, `reductions`, `regions`: a is compared with −t, k t, tᵀ, permutations and sums of t, and element by
//!   element; `sizes` says what a number k may stand for;
//! - `paths`: the function is differentiated with one of its nodes held constant or passed straight through;
//! - `terms`: a term of the true gradient is left out; `residues`: t − a is itself a product of known values;
//! - `repairs`, `borrowed`: one edit of the rule, or one value of `forward` in it, makes it right (`pieces`: where, if none
//!   does);
//! - `last`: the same up to a number, or for symmetric upstream gradients, where nothing else explains the answer.
//!
//! A rule on plain numbers (`plain`) can only be asked. `jacobian` asks it for one number of the output at a time, and has
//! the matrix that it multiplies by beside the true one, by differences:
//!
//! - `contributions`: of several shares that should be added up one is left, or some are missing, doubled, turned;
//! - `couplings`: a term that sums over an axis, as those of statistics do, is missing, doubled, turned.
//!
//! `tape` and `non_finite` are for gradients that are wrong although no rule is, because of operations on plain
//! numbers, detached values or infinite slopes. `rules` and `explain` organize experiments and verdicts.
//!
//! An experiment counts only if it agrees to rounding at two points, with two upstream gradients, so chance cannot
//! explain it.

mod behavior;
mod borrowed;
mod contributions;
mod couplings;
mod explain;
mod jacobian;
mod last;
mod non_finite;
mod paths;
mod pieces;
mod plain;
mod reductions;
mod regions;
mod relations;
mod repairs;
mod residues;
mod rules;
mod sizes;
mod tape;
mod terms;

pub(super) use non_finite::first_non_finite_derivative;
pub(super) use paths::{cuts_in_loops, edits as forward_edits, node_cut};
pub(super) use reductions::{broadcast_axes, spread_shape, unsummed_gradient};
pub(super) use relations::ratio;
pub(super) use repairs::{mistakes, mistakes_at, other_rows};
pub(super) use rules::{carried, rule_faults};
pub(super) use tape::{second_order_fault, tape_faults};

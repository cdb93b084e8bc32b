//! PyTorch's operators in our notation, by family: `run` of each file gives the results of an operator for a call, or
//! `None` for one that it does not know, or that is called in a way that cannot be written.
//!
//! An operator counts as expressible if it is here, in calls of the public interface: one, or a few lines of them.

mod activations;
mod elementwise;
mod factors;
mod gathering;
mod indexing;
mod losses;
mod masked;
mod moving;
mod normalization;
mod pieces;
mod products;
mod reductions;
mod resizing;
mod transforms;
mod windows;

use wengert::Var;

use super::call::Call;

type Results<'t> = Option<Vec<Var<'t>>>;

pub fn run<'t>(op: &str, call: &Call<'t>) -> Results<'t> {
    // Two operators differ in their prefix alone.
    let short = op.strip_prefix("nn.functional.").filter(|&short| short != "unfold").unwrap_or(op);
    let families = [
        elementwise::run,
        activations::run,
        reductions::run,
        moving::run,
        pieces::run,
        indexing::run,
        gathering::run,
        products::run,
        factors::run,
        transforms::run,
        windows::run,
        resizing::run,
        normalization::run,
        losses::run,
        masked::run,
    ];
    families.iter().find_map(|family| family(short, call))
}

/// A number as a vector of one, for it has no axis here.
fn lifted(x: Var<'_>) -> Var<'_> {
    if x.rank() == 0 { x.reshape([1]) } else { x }
}

/// `f` of `x`, along an axis; of a number as a vector of one.
fn along<'t>(x: Var<'t>, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Var<'t> {
    let y = f(lifted(x));
    if x.rank() == 0 && y.numel() == 1 { y.reshape(()) } else { y }
}

/// The axis counted from the front.
fn front(x: Var<'_>, axis: isize) -> usize {
    axis.rem_euclid(x.rank().max(1) as isize) as usize
}

/// Rounded towards 0.
fn truncated(x: Var<'_>) -> Var<'_> {
    x.sign() * x.abs().floor()
}

/// A complex number.
fn complex<'t>(re: Var<'t>, im: Var<'t>) -> Var<'t> {
    let wide = re.shape().broadcast(&im.shape()).expect("the parts broadcast");
    Var::stack(&[re.broadcast_to(&wide), im.broadcast_to(&wide)], -1)
}

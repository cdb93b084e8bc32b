//! Loops over the numbers of parameters, gradients and buffers.

use rayon::prelude::*;

use crate::{Element, Error, Param, Tensor, dispatch};

/// What to do about a gradient that is not finite, where the tape is not at hand.
pub(super) const HELP: &str = "`Tape::first_non_finite` names the operation in which it arose; check the inputs, lower \
     the learning rate, or clip the gradients of the steps before (`optim::clip_norm`)";

/// The error for a gradient that has failed [`all_finite`].
pub(super) fn non_finite(param: &Param, gradient: &Tensor) -> Error {
    let (index, value) = gradient.first_non_finite().unwrap_or((0, f64::NAN));
    Error::non_finite(format!("the gradient of parameter `{}`", param.name()), index, value).help(HELP)
}

/// Numbers of a piece, if there are several: large enough to be worth a thread.
const PIECE: usize = 1 << 16;

/// Whether a loop over so many numbers is shared out. A thread that is alone would hand all of it to another and wait.
fn several(numbers: usize) -> bool {
    numbers > PIECE && rayon::current_num_threads() > 1
}

/// Whether every number is finite. All of a piece are looked at, without a branch: that is faster than stopping at the first.
pub(super) fn all_finite(tensor: &Tensor) -> bool {
    dispatch!(tensor.dtype(), T => {
        let finite = |numbers: &[T]| pulp::Arch::new().dispatch(
            #[inline(always)]
            || numbers.iter().fold(true, |finite, x| finite & x.is_finite()),
        );
        match numbers::<T>(tensor) {
            numbers if !several(numbers.len()) => finite(numbers),
            numbers => numbers.par_chunks(PIECE).all(finite),
        }
    })
}

/// Runs `body` on the same pieces of all of `out` and of `g`, which are as long, in parallel where there are many.
pub(super) fn in_pieces<T: Element, const N: usize>(
    out: [&mut [T]; N],
    g: &[T],
    body: &(impl Fn([&mut [T]; N], &[T]) + Sync),
) {
    if several(g.len()) { shared_out(out, g, body) } else { body(out, g) }
}

/// What is run on a piece. It is called through a pointer, so that what shares it out is compiled once for each N and not for
/// each formula.
type Body<'a, T, const N: usize> = &'a (dyn Fn([&mut [T]; N], &[T]) + Sync);

fn shared_out<T: Element, const N: usize>(out: [&mut [T]; N], g: &[T], body: Body<'_, T, N>) {
    if g.len() <= PIECE {
        return body(out, g);
    }
    let middle = (g.len() / 2).next_multiple_of(PIECE);
    let mut halves = out.map(|out| out.split_at_mut(middle));
    let [first, second] = [0, 1].map(|half| {
        halves.each_mut().map(|halves| std::mem::take(if half == 0 { &mut halves.0 } else { &mut halves.1 }))
    });
    let (g, rest) = g.split_at(middle);
    rayon::join(|| shared_out(first, g, body), || shared_out(second, rest, body));
}

/// The numbers of a tensor that has been converted to `T`.
pub(super) fn numbers<T: Element>(tensor: &Tensor) -> &[T] {
    tensor.as_slice().expect("the tensor was converted to this precision")
}

/// The numbers of a tensor that has been converted to `T`, for writing.
pub(super) fn numbers_mut<T: Element>(tensor: &mut Tensor) -> &mut [T] {
    tensor.as_mut_slice().expect("the tensor was converted to this precision")
}

/// Runs a loop over one element of each tensor, compiled for the widest vectors of the machine:
/// `each!(T: w = weight, v = velocity; g = gradient; { *w -= ...; })`, with the tensors to write before the semicolon.
macro_rules! each {
    ($T:ident: $w:ident = $weight:expr $(, $v:ident = $buffer:expr)*; $g:ident = $gradient:expr; $body:block) => {
        $crate::optim::elements::in_pieces(
            [$crate::optim::elements::numbers_mut::<$T>($weight) $(, $crate::optim::elements::numbers_mut::<$T>($buffer))*],
            $crate::optim::elements::numbers::<$T>($gradient),
            &|[$w $(, $v)*]: [&mut [$T]; _], $g: &[$T]| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        let count = $w.len();
                        // Equal lengths, spelled out, let the compiler drop the bounds checks.
                        let ($w, $g) = (&mut $w[..count], &$g[..count]);
                        $(let $v = &mut $v[..count];)*
                        for i in 0..count {
                            let ($w, $g) = (&mut $w[i], $g[i]);
                            $(let $v = &mut $v[i];)*
                            $body
                        }
                    },
                )
            },
        )
    };
}
pub(super) use each;

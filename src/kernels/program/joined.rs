//! The loops that stand for several steps, and the formulas by which those are recognized.
//!
//! Let a, b, p, q, r, m, α be numbers of a channel, u = a x + b (behind a batch norm) or any other value, and
//! e = exp(min(u, 0)) − 1, which is joined itself:
//!
//! ```text
//! batch norm          dx = p dz + (q (x − m) + r)
//! ReLU                z = max(u, 0)
//!                     du = [u > 0] dz
//! ELU, as a sum       z = max(u, 0) + α e
//!                     du = [u ≤ 0] (dz α)(e + 1) + [u > 0] dz
//! ELU, as a choice    z = u if u > 0, else α e
//!                     du = dz · (p if u > 0, else α + z)
//! ```
//!
//! Whoever relies on the tape writes an ELU as a sum, and who differentiates it by hand as a choice. The arithmetic of each
//! number is that of the single steps, and so are the bits.

use super::{Arg, Joined, Run, Step, fuse::Role};
use crate::kernels::{
    Real,
    elementwise::{Operand::Each, map, zip},
    simd,
    space::Space,
};
use smallvec::SmallVec;

/// The steps of a program over a space, to be read as formulas.
pub(super) struct Formulas<'s, T> {
    pub steps: &'s [Step<T>],
    pub space: &'s Space,
}

/// A value u that a loop computes again: the slice that it is, or the slice x and the numbers [a, b] of a x + b.
struct Again<'s> {
    x: Arg,
    numbers: &'s [Arg],
}

impl<'s, T: Real> Formulas<'s, T> {
    /// One loop for step i and some that it reads, if there is one.
    pub fn joined(&self, i: usize) -> Option<Step<T>> {
        let step = &self.steps[i];
        match (step.role, &step.args[..]) {
            (Role::Affine, &[dz, p, rest]) => self.batch_norm_rule(dz, p, rest),
            (Role::Relu, &[u]) => Some(self.scaled(u)?.joined(&[], &[], [scaled_relu; 2])),
            (Role::ReluRule, &[dz, u]) if self.varies(dz) => {
                Some(self.scaled(u)?.joined(&[dz], &[], [scaled_relu_rule; 2]))
            }
            (Role::ExpM1, &[m]) => {
                let u = self.again(self.read(m, Role::Smaller)?[0])?;
                Some(u.joined(&[], &[], [exp_m1_of_min::<T, false>, exp_m1_of_min::<T, true>]))
            }
            (Role::Sum, &[a, b]) => {
                [[a, b], [b, a]].iter().find_map(|&[a, b]| self.sum(a, b).or_else(|| self.sum_rule(a, b)))
            }
            (Role::Select, &[mask, a, b]) => self.choice(mask, a, b),
            (Role::Product, &[a, b]) => self.choice_rule(a, b).or_else(|| self.choice_rule(b, a)),
            _ => None,
        }
    }

    /// p dz + (q (x − m) + r).
    fn batch_norm_rule(&self, dz: Arg, p: Arg, rest: Arg) -> Option<Step<T>> {
        let &[distance, q, r] = self.read(rest, Role::Affine)? else { return None };
        let &[x, m] = self.read(distance, Role::Difference)? else { return None };
        let fits = self.varies(dz) && self.varies(x) && ![p, m, q, r].iter().any(|&number| self.varies(number));
        fits.then(|| joined(&[dz, x], &[p, m, q, r], batch_norm_rule))
    }

    /// max(u, 0) + α e.
    fn sum(&self, relu: Arg, product: Arg) -> Option<Step<T>> {
        let u = self.again(self.read(relu, Role::Relu)?[0])?;
        let [alpha, e] = self.multiple(product, Role::Product)?;
        Some(u.joined(&[e], &[alpha], [elu_sum::<T, false>, elu_sum::<T, true>]))
    }

    /// [u ≤ 0] (dz α)(e + 1) + [u > 0] dz.
    fn sum_rule(&self, below: Arg, above: Arg) -> Option<Step<T>> {
        let (&[de, u], &[dz, same]) = (self.read(below, Role::SmallerRule)?, self.read(above, Role::ReluRule)?) else {
            return None;
        };
        let &[product, e] = self.read(de, Role::ExpM1Rule)? else { return None };
        let [alpha, upstream] = self.multiple(product, Role::Product)?;
        if same != u || upstream != dz || !self.varies(e) {
            return None;
        }
        Some(self.again(u)?.joined(&[e, dz], &[alpha], [elu_sum_rule::<T, false>, elu_sum_rule::<T, true>]))
    }

    /// u if u > 0, else α e.
    fn choice(&self, mask: Arg, above: Arg, below: Arg) -> Option<Step<T>> {
        let u = self.read(mask, Role::Greater)?[0];
        let [alpha, e] = self.multiple(below, Role::Product)?;
        let u = (above == u).then(|| self.again(u))??;
        Some(u.joined(&[e], &[alpha], [elu_choice::<T, false>, elu_choice::<T, true>]))
    }

    /// dz · (p if u > 0, else α + z).
    fn choice_rule(&self, dz: Arg, slope: Arg) -> Option<Step<T>> {
        let &[mask, p, below] = self.read(slope, Role::Select)? else { return None };
        let u = self.again(self.read(mask, Role::Greater)?[0])?;
        let [alpha, z] = self.multiple(below, Role::Sum)?;
        let fits = self.varies(dz) && !self.varies(p);
        fits.then(|| u.joined(&[z, dz], &[p, alpha], [elu_choice_rule::<T, false>, elu_choice_rule::<T, true>]))
    }

    /// Whether an operand is a slice in every block, not one number for all of it.
    fn varies(&self, arg: Arg) -> bool {
        let space = self.space;
        match arg {
            Arg::Input(k) => space.contiguous(k) || !space.constant(k) && (space.moves(k) || !space.by_rows()),
            Arg::Step(_) => true,
        }
    }

    /// What a step with this role reads; one that compares with a number compares with 0.
    fn read(&self, arg: Arg, role: Role) -> Option<&'s [Arg]> {
        let Arg::Step(j) = arg else { return None };
        let step = &self.steps[j];
        let compared = !matches!(role, Role::Greater | Role::Smaller) || step.parameter == T::ZERO;
        (step.role == role && compared).then_some(&step.args)
    }

    /// The number and the slice that a product or a sum is of.
    fn multiple(&self, arg: Arg, role: Role) -> Option<[Arg; 2]> {
        let &[a, b] = self.read(arg, role)? else { return None };
        match [a, b].map(|arg| self.varies(arg)) {
            [false, true] => Some([a, b]),
            [true, false] => Some([b, a]),
            _ => None,
        }
    }

    /// A value that a loop may compute again.
    fn again(&self, u: Arg) -> Option<Again<'s>> {
        self.scaled(u).or_else(|| self.varies(u).then_some(Again { x: u, numbers: &[] }))
    }

    /// The same if it is a x + b.
    fn scaled(&self, u: Arg) -> Option<Again<'s>> {
        let (&x, numbers) = self.read(u, Role::Affine)?.split_first()?;
        (self.varies(x) && !numbers.iter().any(|&number| self.varies(number))).then_some(Again { x, numbers })
    }
}

impl Again<'_> {
    /// The step of a loop for u, these slices and these numbers: the first where u is a slice, the second for a x + b.
    fn joined<T: Real>(&self, slices: &[Arg], numbers: &[Arg], [plain, scaled]: [Joined<T>; 2]) -> Step<T> {
        let run = if self.numbers.is_empty() { plain } else { scaled };
        joined(&[&[self.x], slices].concat(), &[numbers, self.numbers].concat(), run)
    }
}

fn joined<T: Real>(slices: &[Arg], numbers: &[Arg], run: Joined<T>) -> Step<T> {
    let args = slices.iter().chain(numbers).copied().collect::<SmallVec<_>>();
    Step { run: Run::Joined(run, slices.len()), parameter: T::ZERO, args, role: Role::Other }
}

/// u, from x.
#[inline(always)]
fn again<T: Real, const SCALED: bool>(x: T, a: T, b: T) -> T {
    if SCALED { x * a + b } else { x }
}

fn batch_norm_rule<T: Real>([dz, x, _]: [&[T]; 3], [p, m, q, r]: [T; 4], out: &mut [T]) {
    zip(
        Each(dz),
        Each(x),
        out,
        #[inline(always)]
        move |dz, x| dz * p + ((x - m) * q + r),
    );
}

fn scaled_relu<T: Real>([x, ..]: [&[T]; 3], [a, b, ..]: [T; 4], out: &mut [T]) {
    map(
        x,
        out,
        #[inline(always)]
        move |x| (x * a + b).larger(T::ZERO),
    );
}

fn scaled_relu_rule<T: Real>([x, dz, _]: [&[T]; 3], [a, b, ..]: [T; 4], out: &mut [T]) {
    zip(
        Each(dz),
        Each(x),
        out,
        #[inline(always)]
        move |dz, x| T::pick(x * a + b > T::ZERO, dz, T::ZERO),
    );
}

fn exp_m1_of_min<T: Real, const SCALED: bool>([x, ..]: [&[T]; 3], [a, b, ..]: [T; 4], out: &mut [T]) {
    map(
        x,
        out,
        #[inline(always)]
        move |x| again::<T, SCALED>(x, a, b).smaller(T::ZERO).exp_m1_(),
    );
}

fn elu_sum<T: Real, const SCALED: bool>([x, e, _]: [&[T]; 3], [alpha, a, b, _]: [T; 4], out: &mut [T]) {
    zip(
        Each(x),
        Each(e),
        out,
        #[inline(always)]
        move |x, e| again::<T, SCALED>(x, a, b).larger(T::ZERO) + alpha * e,
    );
}

fn elu_choice<T: Real, const SCALED: bool>([x, e, _]: [&[T]; 3], [alpha, a, b, _]: [T; 4], out: &mut [T]) {
    zip(
        Each(x),
        Each(e),
        out,
        #[inline(always)]
        move |x, e| {
            let u = again::<T, SCALED>(x, a, b);
            T::pick(u > T::ZERO, u, alpha * e)
        },
    );
}

fn elu_sum_rule<T: Real, const SCALED: bool>(slices: [&[T]; 3], [alpha, a, b, _]: [T; 4], out: &mut [T]) {
    zip_three(
        slices,
        out,
        #[inline(always)]
        move |x, e, dz| {
            let u = again::<T, SCALED>(x, a, b);
            T::pick(u <= T::ZERO, dz * alpha * (e + T::ONE), T::ZERO) + T::pick(u > T::ZERO, dz, T::ZERO)
        },
    );
}

fn elu_choice_rule<T: Real, const SCALED: bool>(slices: [&[T]; 3], [p, alpha, a, b]: [T; 4], out: &mut [T]) {
    zip_three(
        slices,
        out,
        #[inline(always)]
        move |x, z, dz| dz * T::pick(again::<T, SCALED>(x, a, b) > T::ZERO, p, alpha + z),
    );
}

/// `out[i] = f(x[i], y[i], z[i])`.
#[inline(always)]
fn zip_three<T: Real>([x, y, z]: [&[T]; 3], out: &mut [T], f: impl Fn(T, T, T) -> T) {
    simd(
        #[inline(always)]
        move || {
            for (((out, &x), &y), &z) in out.iter_mut().zip(x).zip(y).zip(z) {
                *out = f(x, y, z);
            }
        },
    );
}

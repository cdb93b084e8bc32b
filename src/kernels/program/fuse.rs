//! Fewer steps for the same numbers.
//!
//! A step takes some twenty nanoseconds to begin, as long as it takes to compute a few hundred numbers, and its result goes
//! through the first-level cache. So where there is one loop ([`joined`](super::joined)) for a step and for what it reads, that
//! loop takes its place. It computes again what is cheap, and what nobody reads then is left out.

use std::borrow::Cow;

use super::{Arg, Program, Step, joined::Formulas};
use crate::kernels::{Real, space::Space};

/// What a step computes, as far as another one can be joined to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// a b + c.
    Affine,
    /// a − b.
    Difference,
    /// a + b.
    Sum,
    /// a b.
    Product,
    /// max(a, 0).
    Relu,
    /// a where b > 0, and 0 elsewhere.
    ReluRule,
    /// min(a, c) for the step's parameter c.
    Smaller,
    /// a where b ≤ 0, and 0 elsewhere.
    SmallerRule,
    /// eᵃ − 1.
    ExpM1,
    /// a (b + 1).
    ExpM1Rule,
    /// 1 where a > c for the step's parameter c, and 0 elsewhere.
    Greater,
    /// b where a ≠ 0, and c elsewhere.
    Select,
    /// Anything else.
    #[default]
    Other,
}

impl<'a, T: Real> Program<'a, T> {
    /// The same program over `space`, with as few steps as there are loops for.
    pub(super) fn fused(&self, space: &Space) -> Cow<'_, Self> {
        self.fused_beside(None, space).0
    }

    /// The same where the result of a step `kept` is wanted, too, and which step that is now.
    pub(super) fn fused_beside(&self, kept: Option<usize>, space: &Space) -> (Cow<'_, Self>, Option<usize>) {
        let formulas = Formulas { steps: &self.steps, space };
        if (0..self.steps.len()).all(|i| formulas.joined(i).is_none()) {
            return (Cow::Borrowed(self), kept);
        }
        let steps = self.steps.iter().enumerate();
        let mut steps: Vec<Step<T>> =
            steps.map(|(i, step)| formulas.joined(i).unwrap_or_else(|| step.clone())).collect();
        // What is read: the result, the step that is kept, and what those read.
        let mut read = vec![false; steps.len()];
        kept.into_iter().chain(steps.len().checked_sub(1)).for_each(|wanted| read[wanted] = true);
        for i in (0..steps.len()).rev() {
            if read[i] {
                steps[i].args.iter().for_each(|arg| arg.step().into_iter().for_each(|j| read[j] = true));
            }
        }
        // How many steps are left before each: where it is now.
        let place: Vec<usize> = (0..steps.len()).map(|i| read[..i].iter().filter(|&&read| read).count()).collect();
        let mut left = read.into_iter();
        steps.retain(|_| left.next().unwrap_or_default());
        for arg in steps.iter_mut().flat_map(|step| &mut step.args) {
            if let Arg::Step(j) = arg {
                *j = place[*j];
            }
        }
        (Cow::Owned(Program::new(self.inputs.clone(), steps)), kept.map(|step| place[step]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{
        elementwise::{Loop, Total, map, zip},
        program::Run,
        ternary::{affine, select},
        testing::numbers,
    };
    use smallvec::SmallVec;

    const X: Arg = Arg::Input(0);
    const DY: Arg = Arg::Input(1);

    /// Coefficient k of a channel.
    const fn number(k: usize) -> Arg {
        Arg::Input(2 + k)
    }

    fn step(role: Role, args: &[Arg]) -> Step<f32> {
        let run = match role {
            Role::Affine => Loop::Ternary(affine),
            Role::Difference => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| a - b)),
            Role::Sum => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| a + b)),
            Role::Product => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| a * b)),
            Role::Relu => Loop::Unary(|x, _, out| map(x, out, |x: f32| x.larger(0.0))),
            Role::ReluRule => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| f32::pick(b > 0.0, a, 0.0))),
            Role::Smaller => Loop::Unary(|x, c, out| map(x, out, |x: f32| x.smaller(c))),
            Role::SmallerRule => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| f32::pick(b <= 0.0, a, 0.0))),
            Role::ExpM1 => Loop::Unary(|x, _, out| map(x, out, |x: f32| x.exp_m1_())),
            Role::ExpM1Rule => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| a * (b + 1.0))),
            Role::Greater => Loop::Unary(|x, c, out| map(x, out, |x: f32| f32::pick(x > c, 1.0, 0.0))),
            Role::Select => Loop::Ternary(select),
            Role::Other => Loop::Unary(|x, _, out| map(x, out, |x: f32| -x)),
        };
        Step { run: Run::Row(run), parameter: 0.0, args: SmallVec::from_slice(args), role }
    }

    /// How many steps are left, where the numbers are those of the single steps.
    fn left(dims: [usize; 3], steps: &[Step<f32>]) -> usize {
        let (x, dy) = (numbers::<f32>(dims.iter().product(), 1), numbers::<f32>(dims.iter().product(), 2));
        let coefficients: Vec<Vec<f32>> = (0..6).map(|k| numbers(dims[1], 3 + k)).collect();
        let column = [dims[1], 1];
        let inputs = [(&x[..], &dims[..]), (&dy[..], &dims[..])].into_iter();
        let inputs = inputs.chain(coefficients.iter().map(|c| (&c[..], &column[..]))).collect();
        let program = Program::new(inputs, steps.to_vec());
        let (space, mut single, mut whole) = (program.space(&dims), vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        program.run_piece(&space, 0, &mut single, true);
        program.run(&dims, &mut whole);
        assert_eq!(single, whole);
        program.pieces(&dims).with(0..x.len(), |piece| assert_eq!(piece, single));
        program.fused(&space).steps.len()
    }

    /// The gradient of a batch norm with a ReLU behind it, and what a convolution behind that reads.
    fn chains() -> [Vec<Step<f32>>; 2] {
        let y = step(Role::Affine, &[X, number(0), number(1)]);
        let dx = vec![
            y.clone(),
            step(Role::ReluRule, &[DY, Arg::Step(0)]),
            step(Role::Difference, &[X, number(2)]),
            step(Role::Affine, &[Arg::Step(2), number(3), number(4)]),
            step(Role::Affine, &[Arg::Step(1), number(5), Arg::Step(3)]),
        ];
        [vec![y, step(Role::Relu, &[Arg::Step(0)])], dx]
    }

    #[test]
    fn the_steps_behind_a_batch_norm_are_joined_and_keep_their_bits() {
        let [relu, dx] = chains();
        for dims in [[3, 2, 400], [2, 3, 1500], [2, 1, 96]] {
            assert_eq!((left(dims, &relu), left(dims, &dx)), (1, 2), "{dims:?}");
        }
        // What comes before and after keeps its place.
        let more =
            [&relu[..], &[step(Role::Difference, &[Arg::Step(1), X]), step(Role::Relu, &[Arg::Step(2)])]].concat();
        assert_eq!(left([3, 2, 400], &more), 3);
    }

    /// An ELU of u with what it needs of u: as a sum and as a choice, each with its rule, of z̄ = `DY` and e or z = `X`.
    fn elus(u: Arg) -> [Vec<Step<f32>>; 4] {
        let first = match u {
            Arg::Step(_) => vec![step(Role::Affine, &[X, number(0), number(1)])],
            Arg::Input(_) => vec![],
        };
        let of = |k: usize| Arg::Step(first.len() + k);
        let after = |steps: &[Step<f32>]| [&first[..], steps].concat();
        let alpha = number(2);
        let e = [step(Role::Smaller, &[u]), step(Role::ExpM1, &[of(0)])];
        let value = |last: &[Step<f32>]| after(&[&e, last].concat());
        let product = step(Role::Product, &[alpha, of(1)]);
        [
            value(&[product.clone(), step(Role::Relu, &[u]), step(Role::Sum, &[of(3), of(2)])]),
            value(&[product, step(Role::Greater, &[u]), step(Role::Select, &[of(3), u, of(2)])]),
            value(&[
                step(Role::Product, &[DY, alpha]),
                step(Role::ExpM1Rule, &[of(2), of(1)]),
                step(Role::SmallerRule, &[of(3), u]),
                step(Role::ReluRule, &[DY, u]),
                step(Role::Sum, &[of(4), of(5)]),
            ]),
            after(&[
                step(Role::Greater, &[u]),
                step(Role::Sum, &[X, alpha]),
                step(Role::Select, &[of(0), number(3), of(1)]),
                step(Role::Product, &[of(2), DY]),
            ]),
        ]
    }

    #[test]
    fn an_elu_and_its_rules_are_two_loops_or_one_and_keep_their_bits() {
        for dims in [[3, 2, 400], [2, 3, 1500], [2, 1, 96]] {
            for u in [Arg::Step(0), DY] {
                assert_eq!(elus(u).map(|steps| left(dims, &steps)), [2, 2, 2, 1], "{dims:?} of {u:?}");
            }
        }
    }

    #[test]
    fn what_looks_like_an_elu_and_is_none_stays_as_it_is() {
        let changed = |which: usize, at: usize, change: &dyn Fn(&mut Step<f32>)| {
            let mut steps = elus(Arg::Step(0))[which].clone();
            change(&mut steps[at]);
            (left([3, 2, 400], &steps), steps.len())
        };
        // Bounds other than 0.
        assert_eq!(changed(0, 1, &|min| min.parameter = 0.5), (4, 6));
        assert_eq!(changed(1, 4, &|mask| mask.parameter = 0.5), (5, 6));
        // A choice of something else than what is compared; an alpha for each number; another gradient or another place.
        assert_eq!(changed(1, 5, &|select| select.args[1] = X), (5, 6));
        assert_eq!(changed(0, 3, &|product| product.args[0] = DY), (4, 6));
        assert_eq!(changed(2, 6, &|relu_rule| relu_rule.args[0] = X), (7, 8));
        assert_eq!(changed(2, 6, &|relu_rule| relu_rule.args[1] = X), (7, 8));
        assert_eq!(changed(3, 2, &|sum| sum.args[1] = DY), (5, 5));
    }

    #[test]
    fn a_step_that_is_kept_is_there_after_steps_are_joined() {
        let dims = [3, 2, 400];
        let (x, dy) = (numbers::<f32>(2400, 1), numbers::<f32>(2400, 2));
        let coefficients = [3, 4, 5].map(|seed| numbers::<f32>(2, seed));
        let inputs = [(&x[..], &dims[..]), (&dy[..], &dims[..])].into_iter();
        let inputs: SmallVec<_> = inputs.chain(coefficients.iter().map(|c| (&c[..], &[2, 1][..]))).collect();
        // The sum for the slope, α̇ = Σ z̄ e, on the way.
        let mut steps = elus(Arg::Step(0))[2].clone();
        steps.insert(3, step(Role::Product, &[DY, Arg::Step(2)]));
        for arg in steps[4..].iter_mut().flat_map(|step| &mut step.args) {
            if let Arg::Step(j @ 3..) = arg {
                *j += 1;
            }
        }
        let program = Program::new(inputs, steps);
        let space = program.space(&dims);
        let (fused, kept) = program.fused_beside(Some(3), &space);
        assert_eq!((fused.steps.len(), kept), (3, Some(1)));
        let totals = [&program, &Program::new(program.inputs.clone(), program.steps[..4].to_vec())].map(|program| {
            let (mut out, mut written) = (vec![f32::NAN; 2], vec![f32::NAN; x.len()]);
            let step = (program.steps.len() > 4).then_some(3);
            program.fold_step(step, Total::Sum, [&dims, &[1, 2, 1]], &mut out, &mut written);
            out
        });
        assert_eq!(totals[0], totals[1]);
    }

    #[test]
    fn steps_stay_where_others_read_them_or_coefficients_vary_in_a_run() {
        let [relu, dx] = chains();
        // Runs that are too short to be computed one by one, and a single number, of which all operands are slices.
        for dims in [[3, 2, 40], [1, 1, 1]] {
            assert_eq!((left(dims, &relu), left(dims, &dx)), (2, 5), "{dims:?}");
        }
        let twice = [&relu[..], &[step(Role::Difference, &[Arg::Step(0), Arg::Step(1)])]].concat();
        assert_eq!(left([3, 2, 400], &twice), 3);
        let varying = [step(Role::Affine, &[X, DY, number(0)]), step(Role::Relu, &[Arg::Step(0)])];
        assert_eq!(left([3, 2, 400], &varying), 2);
        let constant =
            [step(Role::Affine, &[X, number(0), number(1)]), step(Role::ReluRule, &[number(2), Arg::Step(0)])];
        assert_eq!(left([3, 2, 400], &constant), 2);
    }
}

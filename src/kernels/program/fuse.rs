//! Steps that follow a batch norm, in one loop each.
//!
//! A step takes some twenty nanoseconds to begin, as long as it takes to compute a few hundred numbers, and its result goes
//! through the first-level cache. Between two convolutions with a batch norm and a ReLU there are, for numbers a, b, p, q, r, m
//! of a channel:
//!
//! ```text
//! y = max(a x + b, 0),    dx = p dz + (q (x − m) + r)  with  dz = dy where a x + b > 0, and 0 elsewhere
//! ```
//!
//! The arithmetic of each number is that of the single steps, and so are the bits.

use super::{Arg, Program, Run, Step};
use crate::kernels::{
    Real,
    elementwise::{Operand::Each, map, zip},
    space::Space,
};
use smallvec::{SmallVec, smallvec};

/// What a step computes, as far as another one can be joined to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// a b + c.
    Affine,
    /// a − b.
    Difference,
    /// max(a, 0).
    Relu,
    /// a where b > 0, and 0 elsewhere.
    ReluRule,
    /// Anything else.
    #[default]
    Other,
}

impl<'a, T: Real> Program<'a, T> {
    /// The same program over `space`, with as few steps as there are loops for.
    pub(super) fn fused(&self, space: &Space) -> Self {
        let mut steps: Vec<Option<Step<T>>> = self.steps.iter().cloned().map(Some).collect();
        for i in 0..steps.len() {
            if let Some((joined, before)) = self.joined(i, space) {
                steps[i] = Some(joined);
                before.iter().for_each(|&j| steps[j] = None);
            }
        }
        // How many steps are left before each: where it is now.
        let place: Vec<usize> = (0..steps.len()).map(|i| steps[..i].iter().flatten().count()).collect();
        let mut steps: Vec<Step<T>> = steps.into_iter().flatten().collect();
        for arg in steps.iter_mut().flat_map(|step| &mut step.args) {
            if let Arg::Step(j) = arg {
                *j = place[*j];
            }
        }
        Program::new(self.inputs.clone(), steps)
    }

    /// Step i joined to those before it that only it reads, and which those are.
    fn joined(&self, i: usize, space: &Space) -> Option<(Step<T>, Vec<usize>)> {
        let same = |arg: &Arg| match *arg {
            Arg::Input(k) => !space.contiguous(k) && (space.constant(k) || space.by_rows() && !space.moves(k)),
            Arg::Step(_) => false,
        };
        // The operands of a step with this role that step i alone reads: one for each number, then coefficients.
        let before = |arg: Arg, role: Role| {
            let Arg::Step(j) = arg else { return None };
            let step = &self.steps[j];
            let once = self.steps.iter().flat_map(|step| &step.args).filter(|&&other| other == arg).count() == 1;
            let (first, rest) = step.args.split_first()?;
            (step.role == role && once && !same(first) && rest.iter().all(same)).then_some((j, &step.args[..]))
        };
        let step = &self.steps[i];
        let (run, args, gone): (_, SmallVec<_>, _) = match (step.role, &step.args[..]) {
            (Role::Relu, &[y]) => {
                let (j, &[x, a, b]) = before(y, Role::Affine)? else { return None };
                (Run::Joined(scaled_relu), smallvec![x, x, a, b, b, b], vec![j])
            }
            (Role::ReluRule, &[dy, y]) if !same(&dy) => {
                let (j, &[x, a, b]) = before(y, Role::Affine)? else { return None };
                (Run::Joined(scaled_relu_rule), smallvec![dy, x, a, b, b, b], vec![j])
            }
            (Role::Affine, &[dz, p, rest]) if !same(&dz) && same(&p) => {
                let (j, &[distance, q, r]) = before(rest, Role::Affine)? else { return None };
                let (k, &[x, m]) = before(distance, Role::Difference)? else { return None };
                (Run::Joined(batch_norm_rule), smallvec![dz, x, p, m, q, r], vec![j, k])
            }
            _ => return None,
        };
        Some((Step { run, parameter: T::ZERO, args, role: Role::Other }, gone))
    }
}

/// max(a x + b, 0).
fn scaled_relu<T: Real>([x, _]: [&[T]; 2], [a, b, ..]: [T; 4], out: &mut [T]) {
    map(
        x,
        out,
        #[inline(always)]
        move |x| (x * a + b).larger(T::ZERO),
    );
}

/// dy where a x + b > 0, and 0 elsewhere.
fn scaled_relu_rule<T: Real>([dy, x]: [&[T]; 2], [a, b, ..]: [T; 4], out: &mut [T]) {
    zip(
        Each(dy),
        Each(x),
        out,
        #[inline(always)]
        move |dy, x| T::pick(x * a + b > T::ZERO, dy, T::ZERO),
    );
}

/// p dz + (q (x − m) + r).
fn batch_norm_rule<T: Real>([dz, x]: [&[T]; 2], [p, m, q, r]: [T; 4], out: &mut [T]) {
    zip(
        Each(dz),
        Each(x),
        out,
        #[inline(always)]
        move |dz, x| dz * p + ((x - m) * q + r),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{elementwise::Loop, ternary::affine, testing::numbers};

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
            Role::Relu => Loop::Unary(|x, _, out| map(x, out, |x: f32| x.larger(0.0))),
            _ => Loop::Binary(|a, b, out| zip(a, b, out, |a, b| f32::pick(b > 0.0, a, 0.0))),
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
        let mut whole = vec![f32::NAN; x.len()];
        program.run(&dims, &mut whole);
        let pieces = program.pieces(&dims);
        pieces.with(0..x.len(), |piece| assert_eq!(piece, &whole[..]));
        program.fused(&program.space(&dims)).steps.len()
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

    #[test]
    fn steps_stay_single_where_their_results_are_read_twice_or_coefficients_vary_in_a_run() {
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

//! The recorded gradient: the same numbers, and a function with gradients of its own.

use proptest::test_runner::TestCaseError;
use wengert::{DType, Error, Gradients, Tape, Tensor, Var};

use crate::{
    array::Array,
    check::{Case, Outcome, Run},
    difference::{Difference, dot, dot_of_sizes, largest_of, near},
    draw::numbers,
};

impl Case<'_> {
    /// The recorded gradients g, and the gradients of Σₖ ⟨gₖ, vₖ⟩, for directions vₖ, with respect to the upstream
    /// gradient and the inputs.
    pub fn recorded(
        &self,
        upstream: &Array,
        directions: &[Array],
        run: &Run,
        slack: &[Vec<f64>],
        change: &Difference,
    ) -> Outcome {
        let tape = Tape::f64();
        let x: Vec<Var> = self.inputs.iter().map(|x| tape.leaf(x.tensor())).collect();
        let y = (self.run)(&x);
        if !y.needs_grad() {
            return Ok(());
        }
        let u = tape.leaf(upstream.tensor());
        let failed = |error: Error| TestCaseError::fail(format!("{}: {error}", self.what));
        let recorded = tape.grad_with(y, &x, u).map_err(failed)?;
        for (k, g) in recorded.iter().enumerate() {
            for (i, got) in g.value().to_vec().into_iter().enumerate() {
                let want = run.gradients[k].data[i];
                if !near(got, want, 2.0 * f64::EPSILON * slack[k][i]) {
                    return self
                        .fault(format!("number {i} of the gradient by input {k} is {want}, but {got} recorded"));
                }
            }
        }
        let along = recorded.iter().zip(directions).map(|(&g, v)| (g * tape.constant(v.tensor())).sum());
        let along = along.reduce(|a, b| a + b).expect("an operation has an input");
        if !along.needs_grad() {
            return Ok(());
        }
        let second = along.backward().map_err(failed)?;

        let by_upstream = second.wrt(u).ok().map_or(vec![0.0; upstream.numel()], Tensor::to_vec);
        let level = 1.0 + largest_of(&change.slope);
        for (i, got) in by_upstream.into_iter().enumerate() {
            let (want, allowed) = (change.slope[i], change.error[i] + 1e-12 * level);
            if !near(got, want, allowed) {
                return self.fault(format!(
                    "number {i} changes by {want} along the directions, but by {got} forward (within {allowed:.1e})"
                ));
            }
        }

        if self.second_order { self.second_order(upstream, directions, slack, &x, &second) } else { Ok(()) }
    }

    /// The gradients of Σₖ ⟨gₖ, vₖ⟩ with respect to the inputs, along other directions of all of them at once.
    fn second_order(
        &self,
        upstream: &Array,
        directions: &[Array],
        slack: &[Vec<f64>],
        x: &[Var],
        second: &Gradients,
    ) -> Outcome {
        let others: Vec<Array> =
            self.inputs.iter().enumerate().map(|(k, x)| numbers(&x.dims, 90 + k as u64, (-1.0, 1.0))).collect();
        let got: f64 =
            (0..x.len()).map(|k| second.wrt(x[k]).ok().map_or(0.0, |h| dot(&h.to_vec(), &others[k].data))).sum();
        let noise: f64 = slack.iter().zip(directions).map(|(s, v)| f64::EPSILON * dot_of_sizes(s, &v.data)).sum();
        let mut outcome = Ok(());
        let difference = Difference::new(&[noise], |step| {
            let moved: Vec<Array> = self.inputs.iter().zip(&others).map(|(x, v)| x.moved(v, step)).collect();
            match self.record(&moved, upstream, DType::F64, usize::MAX) {
                Ok(run) => vec![run.gradients.iter().zip(directions).map(|(g, v)| dot(&g.data, &v.data)).sum()],
                Err(error) => {
                    outcome = Err(error);
                    vec![0.0]
                }
            }
        });
        outcome?;
        if difference.at_kink() {
            return self.fault("the differences of the gradient do not settle: the case sits at a kink".into());
        }
        let (want, allowed) = (difference.slope[0], difference.error[0] + noise);
        match near(got, want, allowed) {
            true => Ok(()),
            false => {
                self.fault(format!("the second derivative is {got}, by differences {want} (within {allowed:.1e})"))
            }
        }
    }
}

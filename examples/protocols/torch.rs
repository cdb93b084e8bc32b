//! PyTorch's `torch.autograd.Function`: `ctx.save_for_backward`, `ctx.needs_input_grad`, `ctx.mark_non_differentiable`.
//!
//! In PyTorch `forward` runs outside the tape, on plain numbers, and the tape does not know what it saves: a second
//! derivative through a saved intermediate is cut silently. Here `forward` is on the tape, so the saved values are
//! functions of the inputs, and the rule can be differentiated again.
//!
//! Arguments of `forward` that are not tensors (a number, a list of indices) become fields of the struct, and need no
//! `None` in what `backward` returns.

use wengert::{Backward, DType, Function, Tensor, Var};

/// What `forward` leaves for `backward`.
#[derive(Default)]
pub struct Context<'t> {
    saved: Vec<Var<'t>>,
    not_differentiable: Vec<usize>,
}

impl<'t> Context<'t> {
    /// Saves values for `backward`.
    pub fn save_for_backward(&mut self, values: &[Var<'t>]) {
        self.saved.extend(values);
    }

    /// Declares that output `k` has no derivative: an index, a mask, a count.
    pub fn mark_non_differentiable(&mut self, k: usize) {
        self.not_differentiable.push(k);
    }
}

/// What `backward` gets.
pub struct Saved<'a, 't> {
    /// `ctx.saved_tensors`.
    pub tensors: &'a [Var<'t>],
    /// `ctx.needs_input_grad`.
    pub needs_input_grad: &'a [bool],
}

/// A subclass of `torch.autograd.Function`.
pub trait AutogradFunction: Send + Sync + 'static {
    /// The name in errors.
    fn name(&self) -> &str;

    /// The outputs; what `backward` needs goes to `ctx`.
    fn forward<'t>(&self, ctx: &mut Context<'t>, inputs: &[Var<'t>]) -> Vec<Var<'t>>;

    /// A gradient for each input; `None` where none is needed.
    fn backward<'t>(&self, ctx: &Saved<'_, 't>, grad_outputs: &[Var<'t>]) -> Vec<Option<Var<'t>>>;
}

/// A subclass of `torch.autograd.Function`, ported.
pub struct Ported<F>(pub F);

impl<F: AutogradFunction> Function for Ported<F> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let mut ctx = Context::default();
        let mut outputs = self.0.forward(&mut ctx, x);
        for k in ctx.not_differentiable {
            outputs[k] = outputs[k].detach();
        }
        (outputs, ctx.saved)
    }

    fn backward<'t>(&self, Backward { dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        self.0.backward(&Saved { tensors: saved, needs_input_grad: needs }, dz)
    }
}

/// The exponential linear unit of x and α.
pub struct Elu;

impl AutogradFunction for Elu {
    fn name(&self) -> &str {
        "Elu"
    }

    fn forward<'t>(&self, ctx: &mut Context<'t>, inputs: &[Var<'t>]) -> Vec<Var<'t>> {
        let (x, alpha) = (inputs[0], inputs[1]);
        let negative = x.min(0.0).exp_m1();
        ctx.save_for_backward(&[x, alpha, negative]);
        vec![x.relu() + alpha * negative]
    }

    fn backward<'t>(&self, ctx: &Saved<'_, 't>, grad_outputs: &[Var<'t>]) -> Vec<Option<Var<'t>>> {
        let &[x, alpha, negative] = ctx.tensors else { unreachable!("three values were saved") };
        let dz = grad_outputs[0];
        vec![
            ctx.needs_input_grad[0].then(|| dz * x.gt(0.0).select(1.0, alpha * (negative + 1.0))),
            ctx.needs_input_grad[1].then(|| (dz * negative).sum_to(&alpha.shape())),
        ]
    }
}

/// The largest number of each row of `[n, k]`, and its column: the second output is an index, not a function.
pub struct RowMax;

impl AutogradFunction for RowMax {
    fn name(&self) -> &str {
        "RowMax"
    }

    fn forward<'t>(&self, ctx: &mut Context<'t>, inputs: &[Var<'t>]) -> Vec<Var<'t>> {
        let x = inputs[0];
        let (tape, k, numbers) = (x.tape(), x.shape()[1], x.value().to_vec());
        let largest = |row: &[f64]| (0..k).fold(0, |best, j| if row[j] > row[best] { j } else { best });
        let columns: Vec<usize> = numbers.chunks(k).map(largest).collect();
        let chosen = Tensor::from_fn(x.shape(), DType::F64, |i| f64::from(columns[i / k] == i % k));
        let chosen = tape.constant(chosen);
        let index = tape.constant(columns.iter().map(|&j| j as f64).collect::<Vec<f64>>());
        ctx.save_for_backward(&[chosen]);
        ctx.mark_non_differentiable(1);
        vec![(x * chosen).sum_axes(&[1], false), index]
    }

    fn backward<'t>(&self, ctx: &Saved<'_, 't>, grad_outputs: &[Var<'t>]) -> Vec<Option<Var<'t>>> {
        vec![Some(ctx.tensors[0] * grad_outputs[0].unsqueeze(1))]
    }
}

/// Rows of a table `[entries, d]` by their numbers: integers are a field, outside the tape.
pub struct Embedding {
    /// The numbers of the rows; one may occur twice.
    pub rows: Vec<usize>,
}

impl AutogradFunction for Embedding {
    fn name(&self) -> &str {
        "Embedding"
    }

    fn forward<'t>(&self, ctx: &mut Context<'t>, inputs: &[Var<'t>]) -> Vec<Var<'t>> {
        ctx.save_for_backward(&[inputs[0]]);
        vec![inputs[0].index_select(0, &self.rows)]
    }

    fn backward<'t>(&self, ctx: &Saved<'_, 't>, grad_outputs: &[Var<'t>]) -> Vec<Option<Var<'t>>> {
        let (table, dz) = (ctx.tensors[0], grad_outputs[0]);
        // Row r of the gradient is the sum over all positions that read row r.
        let read = |i: usize| f64::from(self.rows[i % self.rows.len()] == i / self.rows.len());
        let places = Tensor::from_fn([table.shape()[0], self.rows.len()], DType::F64, read);
        vec![Some(dz.tape().constant(places).matmul(dz))]
    }
}

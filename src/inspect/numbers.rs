//! The numbers of a recording and of its gradients: values, gradients, local derivatives, and what nodes hand on.

use super::formula::{Formulas, Names, Tex, formulas, written};
use crate::{
    error::Result,
    ops::Vjp,
    tape::{Gradients, Kind, NodeId, Rule, Tape, Var},
    tensor::Tensor,
};

/// The values of all nodes and the gradients with respect to them.
pub(super) struct Numbers {
    /// The node that was differentiated.
    pub root: usize,
    /// By node; none where there is no memory for it.
    pub values: Vec<Option<Tensor>>,
    /// By node, up to the root; none where no gradient arrives.
    pub gradients: Vec<Option<Tensor>>,
}

impl Numbers {
    pub fn of(tape: &Tape, gradients: &Gradients) -> Result<Numbers> {
        let (root, gradients) = gradients.of_all_nodes(tape)?;
        let mut values = Vec::with_capacity(tape.len());
        tape.look(|_, value| values.push(value.cloned()));
        Ok(Numbers { root, values, gradients })
    }

    pub fn gradient(&self, id: usize) -> Option<&Tensor> {
        self.gradients.get(id)?.as_ref()
    }

    /// By input, the derivative of an elementwise node, in the shape of the node; empty for other nodes.
    pub fn slopes(&self, tape: &Tape, id: usize) -> Vec<Option<Tensor>> {
        let (row, parameter, inputs) = match &tape.list().nodes[id].kind {
            Kind::Elementwise(row, parameter) => (*row, *parameter, tape.list().nodes[id].inputs.clone()),
            _ => return Vec::new(),
        };
        let Some(z) = self.values[id].as_ref().filter(|_| tape.list().nodes[id].needs_grad) else { return Vec::new() };
        let scratch = Tape::with_dtype(tape.dtype());
        let x: Option<Vec<Var<'_>>> =
            inputs.iter().map(|&input| Some(scratch.constant(self.values[input as usize].as_ref()?))).collect();
        let Some(x) = x else { return Vec::new() };
        let needs: Vec<bool> = inputs.iter().map(|&input| tape.list().nodes[input as usize].needs_grad).collect();
        let dz = scratch.constant(Tensor::ones(z.shape().clone(), z.dtype()));
        let z = scratch.constant(z);
        let slopes = row.vjp(parameter, Vjp { x: &x, z, dz, needs: &needs, recorded: false });
        slopes.into_iter().map(|slope| slope.map(|slope| slope.value())).collect()
    }

    /// What a node adds to the gradient of each of its `inputs`; an input that is used twice gets it at its first place.
    pub fn handed(&self, tape: &Tape, id: usize, inputs: &[usize]) -> Result<Vec<Option<Tensor>>> {
        let Some(dz) = self.gradient(id) else { return Ok(Vec::new()) };
        let hand = |(k, &input): (usize, &usize)| {
            if inputs[..k].contains(&input) || self.gradient(input).is_none() {
                return Ok(None);
            }
            let dx = Var::new(tape, id as NodeId).hands_on(dz, input as NodeId)?;
            Ok(dx.map(|dx| self.silenced(dx, input)))
        };
        inputs.iter().enumerate().map(hand).collect()
    }

    /// A NaN that a selection kept out of the sum was a 0 there.
    fn silenced(&self, dx: Tensor, input: usize) -> Tensor {
        let Some(sum) = self.gradient(input).filter(|_| dx.first_non_finite().is_some()) else { return dx };
        let (numbers, sum) = (dx.to_vec(), sum.to_vec());
        let number = |k: usize| if numbers[k].is_nan() && sum[k].is_finite() { 0.0 } else { numbers[k] };
        Tensor::from_fn(dx.shape().clone(), dx.dtype(), number)
    }

    /// The formulas of a node whose inputs are single numbers, each as symbols = numbers = result. None if they are not.
    /// `handed` is what the node hands on.
    pub fn put_into(
        &self,
        tape: &Tape,
        id: usize,
        inputs: &[usize],
        handed: &[Option<Tensor>],
        symbols: &Formulas,
    ) -> Option<Formulas> {
        let single = |tensor: &Tensor| (tensor.numel() == 1).then(|| brief(tensor.to_vec()[0]));
        let output = single(self.values[id].as_ref()?)?;
        let inputs_in = inputs.iter().map(|&x| single(self.values[x].as_ref()?)).collect::<Option<Vec<Tex>>>()?;
        let upstream = self.gradient(id).and_then(single);
        let names = Names {
            inputs: inputs_in,
            output: output.clone(),
            upstream: upstream.clone().unwrap_or_else(|| r"\bar z".into()),
        };
        let filled = formulas(&tape.list().nodes[id], tape.rule(), &names)?;
        let chain = |parts: [&str; 3]| {
            let mut parts = parts.to_vec();
            parts.dedup();
            parts.join(" = ")
        };
        let by = |k: usize| {
            upstream.as_ref()?;
            let result = single(handed.get(k)?.as_ref()?)?;
            // What an input that is used twice gets is a sum over its places.
            let places = inputs.iter().filter(|&&input| input == inputs[k]).count();
            let (symbol, number) = (symbols.gradients.get(k)?.as_deref()?, filled.gradients.get(k)?.as_deref()?);
            Some(if places > 1 { chain([symbol, number, number]) } else { chain([symbol, number, &result.text]) })
        };
        Some(Formulas {
            value: chain([&symbols.value, &filled.value, &output.text]),
            gradients: (0..inputs.len()).map(by).collect(),
        })
    }
}

/// The inputs of a rule by hand, if it is the one in use.
pub(super) fn rule_inputs(tape: &Tape, id: usize) -> Vec<usize> {
    match &tape.list().nodes[id].kind {
        Kind::Output(call, _) if tape.rule() == Rule::Manual => super::positions(&call.inputs),
        _ => Vec::new(),
    }
}

/// A number with five significant digits, as LaTeX.
pub(super) fn brief(x: f64) -> Tex {
    let short: f64 = format!("{x:.4e}").parse().unwrap_or(x);
    written(x, &short.to_string(), &format!("{short:e}"))
}

//! What a node does with gradients: its local derivatives, what it hands on, and its formulas with numbers put in.

use crate::{
    Result, Tape, Tensor, Var,
    inspect::{
        formula::{Formulas, Names, Tex, formulas},
        numbers::{Numbers, brief},
    },
    ops::Vjp,
    tape::{Kind, NodeId},
};

impl Numbers {
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
        let slopes = row.vjp(parameter, Vjp { x: &x, z, dz, needs: &needs, recorded: true, masked: false });
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

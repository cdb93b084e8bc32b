//! The logit budget: how far a run can move the logits.
//!
//! The last layer computes logits z = W f + b. A step of gradient descent on the mean cross-entropy changes W by
//! -η mean((p - y) fᵀ), where |p - y| ≤ 1, so the logit of an observation moves by at most η ‖f‖² a step, and by
//!
//! ```text
//! |Δz| ≤ Σₜ ηₜ · max ‖f‖²
//! ```
//!
//! in a run, besides b, which moves all observations alike. To give its class the probability 0.9 among K, starting from equal
//! logits, an observation needs ln(9 (K - 1)). Features of norm 1/4, as they come out of a normalization of 16
//! observations together, move by 0.03 in 490 steps of learning rate 0.001: nothing is learned, and nothing is wrong with
//! any gradient.
//!
//! Other optimizers make other steps of a gradient, so theirs are measured: they are given the gradient of one logit with
//! respect to W again and again, and W's part of the movement of that logit is what they can do.

use crate::{Param, Result, Tape, Tensor, Var, inspect::NodeView, nn::Layer, optim::Optimizer};

/// How far a run can move the logits, by the weight of the last layer alone.
///
/// If the layers before it are trained, the features can grow during the run, and the logits with them; if those are
/// frozen or normalized, this is all that there is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// The name of the weight.
    pub weight: String,
    /// The sum of the learning rates of all steps.
    pub learning_rates: f64,
    /// The number of steps.
    pub steps: u64,
    /// The largest ‖f‖² in the batch.
    pub squared_norm: f64,
    /// How far a logit can move with the optimizer of the run: learning rates · ‖f‖² for plain gradient descent, more
    /// with momentum.
    pub reach: f64,
    /// How far it must move for a probability of 0.9: ln(9 (K - 1)).
    pub needed: f64,
}

impl Budget {
    /// Whether the logits cannot move far enough.
    pub fn is_short(&self) -> bool {
        self.reach < self.needed
    }
}

/// The steps with which an optimizer is measured: the first half fills its velocity.
const STEPS: u32 = 80;

/// The budget of logits `y`; none if they do not come out of a linear layer whose weight is trained. The caller restores the
/// network, which the optimizer moves; the optimizer has its state again.
pub(super) fn measure(
    optimizer: &mut dyn Optimizer,
    y: &[Var<'_>],
    classes: usize,
    (learning_rates, steps): (f64, u64),
    net: &dyn Layer,
) -> Result<Option<Budget>> {
    let [logits] = y else { return Ok(None) };
    let tape = logits.tape();
    let Some((features, weight)) = last_layer(tape, logits.index(), net) else { return Ok(None) };
    let Some((row, squared_norm)) = largest_row(&features) else { return Ok(None) };
    // The gradient of the first logit of that observation.
    let mut upstream = vec![0.0; logits.numel()];
    upstream[row * classes] = 1.0;
    let gradients = logits.vjp(&Tensor::from_vec(upstream, logits.shape())?.cast(tape.dtype()))?;
    let direction = gradients.wrt(&weight)?.to_vec();
    let position = || weight.value().to_vec().iter().zip(&direction).map(|(w, g)| w * g).sum::<f64>();

    let (state, mut middle) = (optimizer.state(), position());
    let mut moved = Ok(());
    for step in 0..STEPS {
        if step == STEPS / 2 {
            middle = position();
        }
        moved = moved.and_then(|()| optimizer.step(&gradients));
    }
    let per_step = (position() - middle).abs() / f64::from(STEPS / 2);
    optimizer.load_state(&state).expect("an optimizer accepts its own state");
    if moved.is_err() {
        return Ok(None); // A parameter that is not used; the trial steps name it.
    }
    let rate = optimizer.learning_rate();
    let reach = if rate > 0.0 { per_step * learning_rates / rate } else { 0.0 };
    let needed = (9.0 * (classes as f64 - 1.0)).ln();
    Ok(Some(Budget { weight: weight.name().to_owned(), learning_rates, steps, squared_norm, reach, needed }))
}

/// The features that enter the last linear layer, and its weight, if it is trained.
fn last_layer(tape: &Tape, logits: usize, net: &dyn Layer) -> Option<(Tensor, Param)> {
    let nodes: Vec<NodeView> = tape.nodes().collect();
    let inner = |&&index: &&usize| !matches!(&*nodes[index].op, "leaf" | "constant");
    let mut node = &nodes[logits];
    while matches!(&*node.op, "add" | "sub" | "reshape" | "identity") {
        let mut computed = node.inputs.iter().filter(inner);
        let (Some(&input), None) = (computed.next(), computed.next()) else { return None };
        node = &nodes[input];
    }
    let (true, &[features, weight, ..]) = (matches!(&*node.op, "linear" | "matmul"), &node.inputs[..]) else {
        return None;
    };
    let param = net.params().into_iter().find(|param| param.trainable() && tape.watch(param).index() == weight)?;
    Some((nodes[features].value.clone()?, param))
}

/// The row of a matrix with the largest sum of squares, and that sum.
fn largest_row(matrix: &Tensor) -> Option<(usize, f64)> {
    let &[rows, columns] = matrix.shape().dims() else { return None };
    let numbers = matrix.to_vec();
    let square = |row: usize| numbers[row * columns..][..columns].iter().map(|x| x * x).sum::<f64>();
    (0..rows).map(|row| (row, square(row))).max_by(|a, b| a.1.total_cmp(&b.1))
}

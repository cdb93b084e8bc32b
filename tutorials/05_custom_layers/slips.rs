//! The cosine head with a slip in its rule, one at a time.

use wengert::{Backward, Function, Param, Var, nn::Layer};

use crate::head::Cosines;

/// A slip.
#[derive(Clone, Copy, PartialEq)]
pub enum Slip {
    /// The lengths are treated as constants.
    Lengths,
    /// The part along the row is added, not subtracted.
    Plus,
    /// x instead of x/‖x‖.
    Raw,
    /// The gradient with respect to the class vectors is a mean over the batch.
    Mean,
    /// z instead of dz · z.
    Upstream,
    /// Both sums are replaced by the mean of everything.
    Axes,
    /// One gradient, for the features alone.
    Count,
}

/// All slips, with what each looks like in the rule.
pub const SLIPS: [(Slip, &str); 7] = [
    (Slip::Lengths, "dz.matmul(b) / x_length"),
    (Slip::Plus, "dz.matmul(b) + a * ..."),
    (Slip::Raw, "dz.matmul(b) - x * ..."),
    (Slip::Mean, "dw / n"),
    (Slip::Upstream, "let along = z"),
    (Slip::Axes, "along.mean() for both sums"),
    (Slip::Count, "vec![Some(dx)]"),
];

/// [`Cosines`] with a slip.
pub struct Broken(pub Slip);

impl Function for Broken {
    fn name(&self) -> &str {
        "cosines, broken"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        Cosines.forward(x)
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        Cosines.forward_and_save(x)
    }

    fn backward<'t>(&self, Backward { x, z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let &[a, b, x_length, w_length] = saved else { unreachable!("forward keeps four values") };
        let (dz, z, slip) = (dz[0], z[0], self.0);
        let along = if slip == Slip::Upstream { z } else { dz * z };
        let (by_row, by_class) = match slip {
            Slip::Axes => (along.mean(), along.mean()),
            _ => (along.sum_axes(&[1], true), along.transpose(0, 1).sum_axes(&[1], true)),
        };
        let dx = match slip {
            Slip::Lengths => dz.matmul(b),
            Slip::Plus => dz.matmul(b) + a * by_row,
            Slip::Raw => dz.matmul(b) - x[0] * by_row,
            _ => dz.matmul(b) - a * by_row,
        };
        let dw = match slip {
            Slip::Lengths => dz.transpose(0, 1).matmul(a),
            Slip::Mean => (dz.transpose(0, 1).matmul(a) - b * by_class) / z.shape()[0] as f64,
            _ => dz.transpose(0, 1).matmul(a) - b * by_class,
        };
        let mut gradients = vec![Some(dx / x_length), Some(dw / w_length)];
        gradients.truncate(if slip == Slip::Count { 1 } else { 2 });
        gradients
    }
}

/// The layer of a broken rule.
pub struct BrokenHead {
    /// A vector for each class, `[classes, d]`.
    pub weight: Param,
    /// The slip in its rule.
    pub slip: Slip,
}

impl Layer for BrokenHead {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let weight = x.tape().watch(&self.weight);
        x.tape().apply(Broken(self.slip), &[x, weight]).expect("features and class vectors are all that it uses")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

//! A cosine head: a layer whose outputs are cosines of angles, with its derivative by hand.
//!
//! For features x, `[n, d]`, and class vectors w, `[k, d]`, let a = x/‖x‖ and b = w/‖w‖ by rows. Then z_ij = a_i · b_j.
//! A row x_i enters only through a_i, and dividing by the length removes the part along a_i:
//!
//! - da_i = Σ_j dz_ij b_j, and dx_i = (da_i − a_i (a_i · da_i)) / ‖x_i‖, where a_i · da_i = Σ_j dz_ij z_ij;
//! - the same for w with the two exchanged: db_j = Σ_i dz_ij a_i, dw_j = (db_j − b_j Σ_i dz_ij z_ij) / ‖w_j‖.

use wengert::{
    Backward, Function, Param, Var,
    nn::{Init, Layer},
};

/// The length of each row, `[n, 1]`; the small number avoids a division by 0 for a row of zeros.
pub fn lengths(rows: Var<'_>) -> Var<'_> {
    let squares = rows.square().sum_axes(&[1], true);
    (squares + 1e-24).sqrt()
}

/// The cosines between each row of x and each row of w.
pub struct Cosines;

impl Function for Cosines {
    fn name(&self) -> &str {
        "cosines"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (x, w) = (x[0], x[1]);
        let (x_length, w_length) = (lengths(x), lengths(w));
        let (a, b) = (x / x_length, w / w_length);
        (vec![a.linear(b, None)], vec![a, b, x_length, w_length])
    }

    fn backward<'t>(&self, Backward { z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let &[a, b, x_length, w_length] = saved else { unreachable!("forward keeps four values") };
        let (dz, along) = (dz[0], dz[0] * z[0]);
        let dx = (dz.matmul(b) - a * along.sum_axes(&[1], true)) / x_length;
        let dw = (dz.transpose(0, 1).matmul(a) - b * along.transpose(0, 1).sum_axes(&[1], true)) / w_length;
        vec![Some(dx), Some(dw)]
    }
}

/// The layer: features `[n, d]` to cosines `[n, classes]`, in training and in inference alike. It knows no labels.
pub struct CosineHead {
    /// A vector for each class, `[classes, d]`.
    pub weight: Param,
}

impl CosineHead {
    /// Class vectors in random directions.
    pub fn new(features: usize, classes: usize, seed: u64) -> Self {
        CosineHead { weight: Param::new("weight", Init::Uniform(-1.0, 1.0).draw([classes, features], seed)) }
    }
}

impl Layer for CosineHead {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let weight = x.tape().watch(&self.weight);
        x.tape().apply(Cosines, &[x, weight]).expect("features and class vectors are all that the function uses")[0]
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

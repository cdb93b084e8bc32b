//! Mistakes that do not show with one observation: sums over the batch that do not belong, and sums that are missing.

use wengert::{
    Backward, Function, Param, Result, Tape, Tensor, Var,
    check::{self, Report},
    nn::Layer,
};

use crate::entry::{Entry, numbers};

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "bilinear pooling by FᵀF over the batch",
            source: "a Keras program for improved bilinear pooling (Stack Overflow)",
            expected: "coupled observations",
            lesson: "the product sums over the images, so all get the same descriptor and the same prediction",
            wrong: || pooled(outer_over_batch, "FᵀF over the batch"),
            mended: || pooled(|x| x.transpose(1, 2).matmul(x), "FᵀF of each image"),
        },
        Entry {
            name: "l2_normalize over all axes",
            source: "the same program: K.l2_normalize(axis=None)",
            expected: "coupled observations",
            lesson: "dividing by the norm of the whole batch leaves each image 1/N of the length that it should have",
            wrong: || pooled(|x| x / (x * x).sum().sqrt(), "norm of the whole batch"),
            mended: || pooled(|x| x / (x * x).sum_axes(&[1, 2], true).sqrt(), "norm of each image"),
        },
        Entry {
            name: "ELU's alpha summed over rows and columns only",
            source: "a learnable ELU for MATLAB, whose alphas need the sum over the images too",
            expected: "missing reduction",
            lesson: "with one image the sums agree: only several images tell",
            wrong: || elu(false),
            mended: || elu(true),
        },
        Entry {
            name: "arcfaceLayer with observations as rows",
            source: "MATLAB Answers: checkLayer(layer, [10 512], 'ObservationDimension', 2)",
            expected: "failed",
            lesson: "the layer multiplies rows, the check lays observations along columns: 10 features meet 512",
            wrong: || check::layer(&Head::new(), &[[512]]).valid_size(&[10, 512], 1).run(),
            mended: || check::layer(&Head::new(), &[[512]]).run(),
        },
    ]
}

/// Feature maps `[images, places, channels]`.
fn features() -> Tensor {
    numbers([3, 4, 2], -1.0, 1.0)
}

fn pooled(f: impl for<'t> Fn(Var<'t>) -> Var<'t>, name: &str) -> Result<Report> {
    check::closure(move |x| f(x[0]), &[features()]).named(name).observation_axis(0).run()
}

/// Σ over places p of FₚᵀFₚ, where Fₚ is `[images, channels]`: one matrix over all images, for each of them.
fn outer_over_batch(x: Var<'_>) -> Var<'_> {
    let (images, places) = (x.shape()[0], x.shape()[1]);
    let at = |p: usize| x.narrow(1, p, 1).reshape([images, x.shape()[2]]);
    let sum = (0..places).map(|p| at(p).transpose(0, 1).matmul(at(p))).reduce(|a, b| a + b).expect("there is a place");
    sum.unsqueeze(0).repeat(&[images, 1, 1])
}

fn elu(mended: bool) -> Result<Report> {
    check::function(Elu { mended }, &[numbers([3, 2, 2, 3], -2.0, 2.0), Tensor::from([0.6, 1.7])]).run()
}

/// x above 0, αᶜ (eˣ − 1) below, with one α per channel of `[n, c, h, w]`.
struct Elu {
    mended: bool,
}

impl Function for Elu {
    fn name(&self) -> &str {
        "elu"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].relu() + x[1].per_channel(x[0]) * x[0].min(0.0).exp_m1()]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let alpha = x[1].per_channel(x[0]);
        let dx = dz[0] * x[0].gt(0.0).select(1.0, z[0] + alpha);
        let by_alpha = dz[0] * x[0].min(0.0).exp_m1();
        let axes: &[isize] = if self.mended { &[0, 2, 3] } else { &[2, 3] };
        vec![Some(dx), Some(by_alpha.sum_axes(axes, false))]
    }
}

/// Cosines between each row and four class centers, the columns of a 512 by 4 matrix.
struct Head {
    kernel: Param,
}

impl Head {
    fn new() -> Self {
        Head { kernel: Param::new("kernel", numbers([512, 4], -1.0, 1.0)) }
    }
}

impl Layer for Head {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let tape: &Tape = x.tape();
        x.l2_normalize(1, 1e-12).matmul(tape.watch(&self.kernel).l2_normalize(0, 1e-12))
    }

    fn params(&self) -> Vec<Param> {
        vec![self.kernel.clone()]
    }
}

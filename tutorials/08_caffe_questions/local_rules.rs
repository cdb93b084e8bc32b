//! Convolutions that know where they are, with their derivatives by hand.
//!
//! The columns x̂ `[n, k, p]` are the windows of the images at each position p, k over channels and taps; *folding*
//! adds columns back to the pixels that they came from. G is the upstream gradient, o counts output channels.
//!
//! - Kernels W(p) = s(p) W: y = s · u with u = W ∗ x. Therefore ds(p) = Σ_o G(o, p) u(o, p), and for W and x the
//!   gradients of the convolution with G s in place of G: dW = Σ_p s(p) G(·, p) x̂(·, p)ᵀ, dx̂(·, p) = Wᵀ s(p) G(·, p).
//! - Kernels W(p), learned or computed by a network: dW(p) = G(·, p) x̂(·, p)ᵀ, with no sum over p, and
//!   dx̂(·, p) = W(p)ᵀ G(·, p).

use wengert::{Backward, Function, Shape, Var, ops::ConvSpec};

/// Images x `[n, c, h, w]`, kernels w `[o, c, kh, kw]` and a map s `[n, 1, oh, ow]` to s · (w ∗ x).
pub struct ScaleMap(pub ConvSpec);

impl Function for ScaleMap {
    fn name(&self) -> &str {
        "scale map"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let u = x[0].conv2d(x[1], None, self.0);
        (vec![u * x[2]], vec![u])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (image, w, s) = (x[0], x[1], x[2]);
        let ds = (dz[0] * saved[0]).sum_axes(&[1], true);
        let g = positions(dz[0] * s);
        let (columns, kernel) = windows(image, w.shape(), self.0);
        let dw = Var::einsum("nop,nkp->ok", &[g, columns]).reshape(w.shape());
        let dcolumns = Var::einsum("ok,nop->nkp", &[w.flatten(1), g]);
        vec![Some(folded(dcolumns, image, kernel, self.0)), Some(dw), Some(ds)]
    }
}

/// Images `[n, c, h, w]`, kernels `[oh, ow, o, c, kh, kw]` or, other ones for each image, `[n, oh, ow, o, c, kh, kw]`, and
/// a bias `[o, oh, ow]`.
pub struct LocalConv(pub ConvSpec);

impl Function for LocalConv {
    fn name(&self) -> &str {
        "local convolution"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].local_conv2d(x[1], Some(x[2]), self.0)]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (image, w, g) = (x[0], x[1], positions(dz[0]));
        let (columns, kernel) = windows(image, w.shape(), self.0);
        let (n, o, k, p) = (g.shape()[0], g.shape()[1], columns.shape()[1], g.shape()[2]);
        let (dw, dcolumns) = if w.rank() == 6 {
            let w = w.reshape([p, o, k]);
            (Var::einsum("nop,nkp->pok", &[g, columns]), Var::einsum("pok,nop->nkp", &[w, g]))
        } else {
            let w = w.reshape([n, p, o, k]);
            (Var::einsum("nop,nkp->npok", &[g, columns]), Var::einsum("npok,nop->nkp", &[w, g]))
        };
        let dx = folded(dcolumns, image, kernel, self.0);
        vec![Some(dx), Some(dw.reshape(w.shape())), Some(dz[0].sum_axes(&[0], false))]
    }
}

/// `[n, o, oh, ow]` to `[n, o, p]`.
fn positions(g: Var<'_>) -> Var<'_> {
    g.flatten(2)
}

/// The columns of the images under kernels `[.., kh, kw]`, and kh and kw.
fn windows(image: Var<'_>, kernels: Shape, spec: ConvSpec) -> (Var<'_>, [usize; 2]) {
    let kernel = [kernels[kernels.rank() - 2], kernels[kernels.rank() - 1]];
    (image.unfold(kernel, spec), kernel)
}

/// Columns added back to the pixels of the images that they came from.
fn folded<'t>(columns: Var<'t>, image: Var<'t>, kernel: [usize; 2], spec: ConvSpec) -> Var<'t> {
    let shape = image.shape();
    columns.fold([shape[0], shape[1], shape[2], shape[3]], kernel, spec)
}

//! A layer whose input is added to its output.

use std::ops::ControlFlow;

use super::{Layer, Sequential, Visit};
use crate::{Error, Var};

/// x + body(x) (He et al., arXiv 1512.03385). The body is any layer whose output has the shape of its input; its
/// parameters are named `body.weight` and so on.
///
/// ```
/// use wengert::nn::{Layer, Linear, Residual, Sequential, Tanh};
/// let block = Residual::new(Sequential::new().named("fc", Linear::new(4, 4, 0)).then(Tanh));
/// assert_eq!(block.params()[0].name(), "body.fc.weight");
/// ```
pub struct Residual {
    /// One layer, named `body`: a sequence knows the user's lines.
    body: Sequential,
}

impl Residual {
    /// A layer around `body`.
    #[track_caller]
    pub fn new(body: impl Layer + Send + Sync + 'static) -> Self {
        Residual { body: Sequential::new().named("body", body) }
    }
}

/// x + y, without broadcasting.
#[track_caller]
fn sum<'t>(x: Var<'t>, y: Var<'t>) -> Var<'t> {
    if x.shape() != y.shape() {
        let need = "the output of the body must have the shape of its input";
        panic!("{}", x.tape().locate(Error::shape("residual", &[&y.shape(), &x.shape()], need)));
    }
    x + y
}

impl Layer for Residual {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        sum(x, self.body.forward(x))
    }

    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        match *x {
            [x] => match self.body.trace(&[x], visit)?[..] {
                [y] => ControlFlow::Continue(vec![sum(x, y)]),
                ref y => panic!("residual: the body must return one value, but it returned {}", y.len()),
            },
            _ => ControlFlow::Continue(self.forward_all(x)),
        }
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.body.children()
    }
}

//! Formulas that round away what another formula keeps.
//!
//! ln(1 + x) loses the digits of a small x in the sum 1 + x; `ln_1p` does not. Such a pair of formulas is equal in exact
//! arithmetic, so the loss need not be estimated: the better one is computed in double precision from the recorded x, and
//! compared with the recorded value.

use crate::{
    inspect::NodeView,
    tape::{Tape, Var},
    tensor::{DType, Tensor},
};

/// An operation with its number, if it has one.
type Link = (&'static str, Option<f64>);

/// A chain of operations, the last first, and what computes the same with all its digits.
pub(super) struct Formula {
    chain: &'static [Link],
    pub instead: &'static str,
    stable: for<'t> fn(Var<'t>) -> Var<'t>,
}

const ONE: Option<f64> = Some(1.0);

/// The longer chains stand before those that they end with.
const FORMULAS: &[Formula] = &[
    Formula {
        chain: &[("ln", None), ("add", ONE), ("exp", None)],
        instead: "`x.softplus()`",
        stable: |x| x.softplus(),
    },
    Formula { chain: &[("ln", None), ("add", ONE)], instead: "`x.ln_1p()`", stable: |x| x.ln_1p() },
    Formula { chain: &[("ln", None), ("sub", ONE)], instead: "`(-x).ln_1p()`", stable: |x| (-x).ln_1p() },
    Formula { chain: &[("ln", None), ("sigmoid", None)], instead: "`x.log_sigmoid()`", stable: |x| x.log_sigmoid() },
    Formula { chain: &[("add", Some(-1.0)), ("exp", None)], instead: "`x.exp_m1()`", stable: |x| x.exp_m1() },
    Formula { chain: &[("sub", ONE), ("exp", None)], instead: "`-x.exp_m1()`", stable: |x| -x.exp_m1() },
    Formula {
        chain: &[("sub", ONE), ("cos", None)],
        instead: "2 sin²(x/2): `(x * 0.5).sin().square() * 2.0`",
        stable: |x| (x * 0.5).sin().square() * 2.0,
    },
    Formula { chain: &[("sub", ONE), ("sigmoid", None)], instead: "`(-x).sigmoid()`", stable: |x| (-x).sigmoid() },
    Formula { chain: &[("sub", ONE), ("erf", None)], instead: "`x.erfc()`", stable: |x| x.erfc() },
    Formula {
        chain: &[("sub", ONE), ("square", None), ("tanh", None)],
        instead: "1/cosh²: `x.cosh().square().recip()`",
        stable: |x| x.cosh().square().recip(),
    },
    Formula {
        chain: &[("sub", ONE), ("square", None)],
        instead: "`(1.0 - x) * (1.0 + x)`",
        stable: |x| (1.0 - x) * (x + 1.0),
    },
];

/// A place of the recording where a better formula is known.
pub(super) struct Match {
    pub node: usize,
    /// What the formula is computed from.
    pub x: usize,
    pub formula: &'static Formula,
}

impl Formula {
    /// The formula that ends at a node.
    pub fn at(nodes: &[NodeView], node: usize) -> Option<Match> {
        FORMULAS.iter().find_map(|formula| {
            let x = formula.chain.iter().try_fold(node, |node, link| follow(&nodes[node], link))?;
            Some(Match { node, x, formula })
        })
    }

    /// What the better formula makes of x, in double precision.
    pub fn exact(&self, x: &Tensor) -> Tensor {
        let tape = Tape::with_dtype(DType::F64);
        (self.stable)(tape.constant(x)).value()
    }
}

/// The input of an operation, if it is the one of the link; x · x is a square, too.
fn follow(node: &NodeView, (op, number): &Link) -> Option<usize> {
    match node.inputs[..] {
        [x] if node.op == *op && node.number == *number => Some(x),
        [a, b] if a == b && node.op == "mul" && *op == "square" => Some(a),
        _ => None,
    }
}

//! Random expressions over leaves that broadcast: recorded on a tape, and evaluated naively.

use proptest::prelude::*;
use wengert::{DType, Tensor, Var};

/// An expression over a list of leaves.
#[derive(Clone, Debug)]
pub enum Expr {
    Leaf(usize),
    Unary(u8, Box<Expr>),
    Binary(u8, Box<Expr>, Box<Expr>),
    Select(Box<Expr>, Box<Expr>, Box<Expr>),
}

fn unary(kind: u8, x: f64) -> f64 {
    match kind {
        0 => x.tanh(),
        1 => x * 0.5 + 0.25,
        2 => (x * 0.1).exp(),
        3 => x.max(0.0),
        4 => -x,
        5 => 1.0 / (1.0 + (-x).exp()),
        6 => x * x * 0.1,
        _ => x.abs(),
    }
}

fn binary(kind: u8, a: f64, b: f64) -> f64 {
    match kind {
        0 => a + b,
        1 => a - b,
        2 => a * b * 0.5,
        3 => a.max(b),
        _ => a / (b * b + 1.0),
    }
}

impl Expr {
    pub fn record<'t>(&self, leaves: &[Var<'t>]) -> Var<'t> {
        match self {
            Expr::Leaf(k) => leaves[k % leaves.len()],
            Expr::Unary(kind, x) => {
                let x = x.record(leaves);
                match kind {
                    0 => x.tanh(),
                    1 => x * 0.5 + 0.25,
                    2 => (x * 0.1).exp(),
                    3 => x.relu(),
                    4 => -x,
                    5 => x.sigmoid(),
                    6 => x.square() * 0.1,
                    _ => x.abs(),
                }
            }
            Expr::Binary(kind, a, b) => {
                let (a, b) = (a.record(leaves), b.record(leaves));
                match kind {
                    0 => a + b,
                    1 => a - b,
                    2 => a * b * 0.5,
                    3 => a.max(b),
                    _ => a / (b * b + 1.0),
                }
            }
            Expr::Select(mask, a, b) => mask.record(leaves).gt(0.0).select(a.record(leaves), b.record(leaves)),
        }
    }

    /// The value at one index, where `at(k)` is leaf k broadcast to that index.
    pub fn naive(&self, at: &dyn Fn(usize) -> f64) -> f64 {
        match self {
            Expr::Leaf(k) => at(*k),
            Expr::Unary(kind, x) => unary(*kind, x.naive(at)),
            Expr::Binary(kind, a, b) => binary(*kind, a.naive(at), b.naive(at)),
            Expr::Select(mask, a, b) => {
                if mask.naive(at) > 0.0 {
                    a.naive(at)
                } else {
                    b.naive(at)
                }
            }
        }
    }
}

pub fn expression() -> impl Strategy<Value = Expr> {
    let leaf = (0usize..4).prop_map(Expr::Leaf);
    leaf.prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            3 => (0u8..8, inner.clone()).prop_map(|(k, x)| Expr::Unary(k, Box::new(x))),
            4 => (0u8..5, inner.clone(), inner.clone()).prop_map(|(k, a, b)| Expr::Binary(k, Box::new(a), Box::new(b))),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(m, a, b)| Expr::Select(Box::new(m), Box::new(a), Box::new(b))),
        ]
    })
}

/// Sizes around those at which work is split.
pub fn shape() -> impl Strategy<Value = Vec<usize>> {
    let size = prop::sample::select(vec![1usize, 2, 3, 5, 7, 16, 31, 32, 33, 64, 95, 96, 97]);
    prop_oneof![
        prop::sample::select(vec![1usize, 1023, 1024, 1025, 4095, 4096, 4097, 33_001]).prop_map(|n| vec![n]),
        (size.clone(), prop::sample::select(vec![1usize, 95, 96, 97, 128, 1023, 1024, 1025]))
            .prop_map(|(a, b)| vec![a, b]),
        (size.clone(), size.clone(), size).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

/// Leaves of shapes that broadcast to `full`: for each, which axes stay.
pub fn leaves(full: &[usize], keep: &[u8; 4]) -> Vec<Tensor> {
    (0..4)
        .map(|k| {
            // The first leaf is of full shape, so that the result is.
            let kept = |axis: usize| k == 0 || keep[k] >> axis & 1 == 1;
            let dims: Vec<usize> = full.iter().enumerate().map(|(i, &n)| if kept(i) { n } else { 1 }).collect();
            // Leading axes of size 1 may be missing.
            let missing = if k > 0 && keep[k] & 8 != 0 { dims.iter().take_while(|&&n| n == 1).count() } else { 0 };
            let phase = k as f64 * 1.7;
            Tensor::from_fn(&dims[missing..], DType::F64, |i| (i as f64 * 0.731 + phase).sin() * 2.0)
        })
        .collect()
}

/// The element of `x` that broadcasting puts at the flat index `flat` of `full`.
pub fn broadcast(x: &Tensor, values: &[f64], full: &[usize], mut flat: usize) -> f64 {
    let missing = full.len() - x.shape().rank();
    let (mut at, mut stride) = (0, 1);
    for axis in (0..full.len()).rev() {
        let here = flat % full[axis];
        flat /= full[axis];
        if axis >= missing {
            let n = x.shape()[axis - missing];
            at += if n == 1 { 0 } else { here * stride };
            stride *= n;
        }
    }
    values[at]
}

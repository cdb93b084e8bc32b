//! Joining values along an axis, old or new, and repeating them.

use proptest::prelude::*;
use wengert::Var;

use crate::{
    array::{Array, axis},
    check::{Bound, agree},
    draw::{below, numbers, pick_axis, shape, size},
    each_case,
};

const EXACT: Bound = Bound::Terms(1);

#[test]
fn concatenating_and_stacking() {
    each_case(300, (shape(1..=4), prop::collection::vec(size(), 1..=4), any::<u64>()), |(dims, sizes, seed)| {
        let rank = dims.len();
        let along = pick_axis(rank, seed);
        let at = axis(along, rank);
        let part = |k: usize, n: usize| {
            let mut part = dims.clone();
            part[at] = n;
            numbers(&part, seed ^ k as u64, (-2.0, 2.0))
        };
        let x: Vec<Array> = sizes.iter().enumerate().map(|(k, &n)| part(k, n)).collect();
        agree(
            "concat",
            &x,
            EXACT,
            |x| Var::concat(x, along),
            |x| {
                let mut joined = dims.clone();
                joined[at] = sizes.iter().sum();
                Array::from_fn(&joined, |index| {
                    let (mut k, mut from) = (0, index.to_vec());
                    while from[at] >= sizes[k] {
                        from[at] -= sizes[k];
                        k += 1;
                    }
                    x[k].at(&from)
                })
            },
        )?;
        let x: Vec<Array> = (0..sizes.len()).map(|k| numbers(&dims, seed ^ k as u64, (-2.0, 2.0))).collect();
        let new = below(seed, 1, rank + 1);
        agree(
            "stack",
            &x,
            EXACT,
            |x| Var::stack(x, new as isize),
            |x| {
                let mut wide = dims.clone();
                wide.insert(new, x.len());
                Array::from_fn(&wide, |index| {
                    let mut from = index.to_vec();
                    let k = from.remove(new);
                    x[k].at(&from)
                })
            },
        )?;
        Ok(())
    });
}

#[test]
fn a_value_joined_with_itself() {
    each_case(300, (shape(1..=3), any::<u64>()), |(dims, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        agree(
            "concat of x with x",
            &x,
            EXACT,
            |x| Var::concat(&[x[0], x[0]], 0),
            |x| {
                let double: Vec<f64> = x[0].data.iter().chain(&x[0].data).copied().collect();
                let mut sizes = dims.clone();
                sizes[0] *= 2;
                Array { dims: sizes, data: double }
            },
        )?;
        Ok(())
    });
}

#[test]
fn repeating() {
    each_case(300, (shape(0..=3), 0usize..=2, any::<u64>()), |(dims, more, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let times: Vec<usize> = (0..(dims.len() + more) as u64).map(|i| below(seed, i, 4)).collect();
        agree(
            "repeat",
            &x,
            EXACT,
            |x| x[0].repeat(&times),
            |x| {
                let size = |i: usize| if i < more { 1 } else { dims[i - more] };
                let joined: Vec<usize> = times.iter().enumerate().map(|(i, t)| t * size(i)).collect();
                Array::from_fn(&joined, |index| {
                    let from: Vec<usize> = (more..joined.len()).map(|i| index[i] % dims[i - more]).collect();
                    x[0].at(&from)
                })
            },
        )?;
        Ok(())
    });
}

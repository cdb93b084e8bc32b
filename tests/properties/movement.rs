//! Movements: every number arrives where the indices say, and its gradient comes back.

use proptest::prelude::*;

use crate::{
    array::{Array, axis},
    check::{Bound, agree},
    draw::{below, keep, mix, numbers, pick_axes, pick_axis, shape},
    each_case,
};

const EXACT: Bound = Bound::Terms(1);

/// Any order of `rank` axes, each counted from either end.
fn order(rank: usize, seed: u64) -> Vec<isize> {
    let mut order: Vec<isize> = Vec::new();
    for i in 0..rank {
        let from_end = mix(seed, 50 + i as u64) & 1 == 1;
        order.insert(below(seed, i as u64, i + 1), i as isize - if from_end { rank as isize } else { 0 });
    }
    order
}

#[test]
fn reshaping() {
    each_case(300, (shape(0..=4), any::<u64>(), 0usize..=4), |(dims, seed, from)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        // The same sizes in another order, with a 1 somewhere.
        let mut other: Vec<usize> = order(dims.len(), seed).iter().map(|&i| dims[axis(i, dims.len())]).collect();
        other.insert(below(seed, 0, other.len() + 1), 1);
        agree("reshape", &x, EXACT, |x| x[0].reshape(&other[..]), |x| x[0].reshaped(&other))?;
        let from = from.min(dims.len());
        let flat: Vec<usize> = dims[..from].iter().copied().chain([dims[from..].iter().product()]).collect();
        agree("flatten", &x, EXACT, |x| x[0].flatten(from), |x| x[0].reshaped(&flat))?;
        let mut wider = dims.clone();
        wider.insert(from, 1);
        agree("unsqueeze", &x, EXACT, |x| x[0].unsqueeze(from as isize), |x| x[0].reshaped(&wider))?;
        let back = from as isize - dims.len() as isize - 1;
        agree("unsqueeze, from the end", &x, EXACT, |x| x[0].unsqueeze(back), |x| x[0].reshaped(&wider))?;
        Ok(())
    });
}

#[test]
fn permuting() {
    each_case(300, (shape(0..=5), any::<u64>()), |(dims, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let rank = dims.len();
        let permuted = |x: &Array, order: &[usize]| {
            let sizes: Vec<usize> = order.iter().map(|&i| x.dims[i]).collect();
            Array::from_fn(&sizes, |index| {
                let mut from = vec![0; rank];
                order.iter().zip(index).for_each(|(&i, &at)| from[i] = at);
                x.at(&from)
            })
        };
        let axes = order(rank, seed);
        let places: Vec<usize> = axes.iter().map(|&i| axis(i, rank)).collect();
        agree("permute", &x, EXACT, |x| x[0].permute(&axes), |x| permuted(&x[0], &places))?;
        if rank > 0 {
            let (a, b) = (pick_axis(rank, seed), pick_axis(rank, seed ^ 1));
            let mut places: Vec<usize> = (0..rank).collect();
            places.swap(axis(a, rank), axis(b, rank));
            agree("transpose", &x, EXACT, |x| x[0].transpose(a, b), |x| permuted(&x[0], &places))?;
        }
        Ok(())
    });
}

#[test]
fn slicing_and_flipping() {
    each_case(300, (shape(1..=4), any::<u64>(), 1usize..=3), |(dims, seed, step)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let rank = dims.len();
        let along = pick_axis(rank, seed);
        let at = axis(along, rank);
        let ends = [below(seed, 1, dims[at] + 1), below(seed, 2, dims[at] + 1)];
        let (start, stop) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let taken = |x: &Array, len: usize, f: &dyn Fn(usize) -> usize| {
            let mut sizes = x.dims.clone();
            sizes[at] = len;
            Array::from_fn(&sizes, |index| {
                let mut from = index.to_vec();
                from[at] = f(index[at]);
                x.at(&from)
            })
        };
        let len = (start..stop).step_by(step).count();
        agree(
            "slice",
            &x,
            EXACT,
            |x| x[0].slice(along, start, stop, step),
            |x| taken(&x[0], len, &|i| start + i * step),
        )?;
        agree(
            "narrow",
            &x,
            EXACT,
            |x| x[0].narrow(along, start, stop - start),
            |x| taken(&x[0], stop - start, &|i| start + i),
        )?;
        let axes = pick_axes(rank, seed);
        agree(
            "flip",
            &x,
            EXACT,
            |x| x[0].flip(&axes),
            |x| {
                Array::from_fn(&dims, |index| {
                    let mut from = index.to_vec();
                    for &i in &axes {
                        let i = axis(i, rank);
                        from[i] = dims[i] - 1 - index[i];
                    }
                    x[0].at(&from)
                })
            },
        )?;
        Ok(())
    });
}

#[test]
fn padding() {
    each_case(300, (shape(0..=4), any::<u64>(), prop_oneof![Just(0.0), Just(0.5)]), |(dims, seed, value)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let amounts: Vec<(usize, usize)> =
            (0..dims.len() as u64).map(|i| (below(seed, i, 3), below(seed, 10 + i, 3))).collect();
        agree(
            "pad",
            &x,
            EXACT,
            |x| x[0].pad(&amounts, value),
            |x| {
                let sizes: Vec<usize> =
                    dims.iter().zip(&amounts).map(|(n, (before, after))| n + before + after).collect();
                Array::from_fn(&sizes, |index| {
                    let inside = index.iter().zip(&amounts).zip(&dims).all(|((&i, a), &n)| i >= a.0 && i < a.0 + n);
                    let from: Vec<usize> = index.iter().zip(&amounts).map(|(&i, a)| i.saturating_sub(a.0)).collect();
                    if inside { x[0].at(&from) } else { value }
                })
            },
        )?;
        Ok(())
    });
}

#[test]
fn diagonals_and_triangles() {
    each_case(300, (shape(2..=4), any::<u64>()), |(dims, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        let (batch, [n, m]) = dims.split_last_chunk::<2>().unwrap();
        let least = (*n).min(*m);
        let with = |last: &[usize]| [batch, last].concat();
        let diagonal = |x: &Array| Array::from_fn(&with(&[least]), |i| x.at(&[i, &i[i.len() - 1..]].concat()));
        agree("diagonal", &x, EXACT, |x| x[0].diagonal(), |x| diagonal(&x[0]))?;
        agree("trace", &x, Bound::Terms(least + 1), |x| x[0].trace(), |x| diagonal(&x[0]).sum(&[-1], false))?;
        let keeping = |x: &Array, inside: fn(usize, usize) -> bool| {
            Array::from_fn(&dims, |i| if inside(i[i.len() - 2], i[i.len() - 1]) { x.at(i) } else { 0.0 })
        };
        agree("tril", &x, EXACT, |x| x[0].tril(), |x| keeping(&x[0], |row, column| column <= row))?;
        agree("triu", &x, EXACT, |x| x[0].triu(), |x| keeping(&x[0], |row, column| column >= row))?;
        agree(
            "diag_embed",
            &x,
            EXACT,
            |x| x[0].diag_embed(),
            |x| {
                Array::from_fn(&[&dims[..], &[*m]].concat(), |i| {
                    if i[i.len() - 2] == i[i.len() - 1] { x[0].at(&i[..i.len() - 1]) } else { 0.0 }
                })
            },
        )?;
        Ok(())
    });
}

#[test]
fn one_number_for_each_channel() {
    each_case(300, (shape(2..=4), any::<u64>()), |(dims, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0)), numbers(&dims[1..2], seed ^ 1, (-2.0, 2.0))];
        agree(
            "per_channel",
            &x,
            EXACT,
            |x| x[0] * x[1].per_channel(x[0]),
            |x| Array::from_fn(&dims, |i| x[0].at(i) * x[1].at(&i[1..2])),
        )?;
        Ok(())
    });
}

#[test]
fn movements_of_broadcast_values() {
    each_case(300, (shape(1..=4), keep(), any::<u64>()), |(full, keep, seed)| {
        // A broadcast value, moved before it is computed.
        let x = [numbers(&keep.of(&full), seed, (-2.0, 2.0)), numbers(&full, seed ^ 1, (-2.0, 2.0))];
        let rank = full.len();
        agree(
            "movements of a chain",
            &x,
            Bound::Size(8.0),
            |x| (x[0] * x[1]).flip(&[-1]).transpose(0, -1).sin(),
            |x| {
                let mut sizes = full.clone();
                sizes.swap(0, rank - 1);
                Array::from_fn(&sizes, |index| {
                    let mut from = index.to_vec();
                    from.swap(0, rank - 1);
                    from[rank - 1] = full[rank - 1] - 1 - from[rank - 1];
                    (x[0].at(&from) * x[1].at(&from)).sin()
                })
            },
        )?;
        Ok(())
    });
}

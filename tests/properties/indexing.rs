//! Picking and adding by index, with repeated indices, and running sums.

use proptest::prelude::*;

use crate::{
    array::{Array, axis, each_index},
    check::{Bound, agree},
    draw::{below, numbers, pick_axis, shape, size},
    each_case,
};

/// Sizes no larger than `dims`, except along the axis `at`.
fn index_shape(dims: &[usize], at: usize, along: usize, seed: u64) -> Vec<usize> {
    (0..dims.len()).map(|i| if i == at { along } else { below(seed, 300 + i as u64, dims[i] + 1) }).collect()
}

fn indices(count: usize, limit: usize, seed: u64) -> Vec<usize> {
    (0..count).map(|i| below(seed, 400 + i as u64, limit)).collect()
}

/// `index` with another place along an axis.
fn with(index: &[usize], at: usize, place: usize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[at] = place;
    index
}

#[test]
fn picking_slices() {
    each_case(300, (shape(1..=4), size(), any::<u64>()), |(dims, count, seed)| {
        let along = pick_axis(dims.len(), seed);
        let at = axis(along, dims.len());
        let picked = indices(if dims[at] == 0 { 0 } else { count }, dims[at].max(1), seed);
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        agree(
            "index_select",
            &x,
            Bound::Terms(1),
            |x| x[0].index_select(along, &picked),
            |x| Array::from_fn(&with(&dims, at, picked.len()), |i| x[0].at(&with(i, at, picked[i[at]]))),
        )?;
        Ok(())
    });
}

#[test]
fn gathering_and_scattering() {
    each_case(300, (shape(1..=4), size(), any::<u64>()), |(dims, count, seed)| {
        let along = pick_axis(dims.len(), seed);
        let at = axis(along, dims.len());
        let sizes = index_shape(&dims, at, if dims[at] == 0 { 0 } else { count }, seed);
        let picked = indices(sizes.iter().product(), dims[at].max(1), seed);
        let places = Array { dims: sizes.clone(), data: picked.iter().map(|&i| i as f64).collect() };
        let x = [numbers(&dims, seed, (-2.0, 2.0)), numbers(&sizes, seed ^ 1, (-2.0, 2.0))];
        agree(
            "gather",
            &x[..1],
            Bound::Terms(1),
            |x| x[0].gather(along, &picked, &sizes[..]),
            |x| Array::from_fn(&sizes, |i| x[0].at(&with(i, at, places.at(i) as usize))),
        )?;
        agree(
            "scatter_add",
            &x,
            Bound::Terms(picked.len() + 1),
            |x| x[0].scatter_add(along, &picked, x[1]),
            |x| {
                let mut sum = x[0].clone();
                each_index(&sizes, |i| *sum.entry(&with(i, at, places.at(i) as usize)) += x[1].at(i));
                sum
            },
        )?;
        Ok(())
    });
}

#[test]
fn running_sums() {
    each_case(300, (shape(1..=4), any::<u64>()), |(dims, seed)| {
        let along = pick_axis(dims.len(), seed);
        let at = axis(along, dims.len());
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        agree(
            "cumsum",
            &x,
            Bound::Terms(dims[at] + 1),
            |x| x[0].cumsum(along),
            |x| Array::from_fn(&dims, |i| (0..=i[at]).map(|k| x[0].at(&with(i, at, k))).sum()),
        )?;
        Ok(())
    });
}

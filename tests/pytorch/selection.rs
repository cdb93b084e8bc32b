//! Masks and lists as indices.

use wengert::{DType, Tape, Tensor, Var};

use crate::{close, fails, panics};

fn counted<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.leaf(Tensor::from_fn(shape, DType::F64, |i| i as f64))
}

#[test]
fn masks_fill_and_pick() {
    let tape = Tape::f64();
    let x = counted(&tape, &[2, 3]);
    close(x.masked_fill(x.gt(2.5), -1.0), &[0.0, 1.0, 2.0, -1.0, -1.0, -1.0]);
    let filled = x.masked_fill(tape.constant([0.0, 1.0, 0.0]), 9.0);
    assert_eq!(filled.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
    close(x.masked_select(x.ge(2.0)), &[2.0, 3.0, 4.0, 5.0]);
    let rows = x.masked_select(tape.constant([0.0, -2.0]));
    assert_eq!((rows.shape().dims(), rows.value().to_vec()), (&[1, 3][..], vec![3.0, 4.0, 5.0]));
    assert_eq!(x.masked_select(x.lt(0.0)).numel(), 0);
    let need =
        "masked_select: the mask must have the sizes of the value's leading axes, at least one, but got [2, 3] and [3]";
    fails(need, x.try_masked_select(tape.constant([1.0, 1.0, 0.0])));
    panics(need, || x.masked_select(tape.constant([1.0, 1.0, 0.0])));
    fails(
        "masked_fill: aligned at the last axis, sizes must be equal or 1, but got [2] and [] and [2, 3]",
        x.try_masked_fill(tape.constant([1.0, 0.0]), 0.0),
    );
}

#[test]
fn lists_pick_what_a_loop_over_them_picks() {
    let tape = Tape::f64();
    let x = counted(&tape, &[3, 4, 2]);
    let (i, j, k) = ([2, 0, 2], [3, 1, 3], [0, 1, 1]);
    let each = |n: usize| x.value().at(&[i[n], j[n], k[n]]);
    close(x.index_get(&[&i, &j, &k]), &[each(0), each(1), each(2)]);
    let pairs = x.index_get(&[&i, &j]);
    assert_eq!(pairs.shape().dims(), [3, 2]);
    let want: Vec<f64> = (0..3).flat_map(|n| [0, 1].map(|k| x.value().at(&[i[n], j[n], k]))).collect();
    close(pairs, &want);
    assert_eq!(x.index_get(&[&i]).value(), x.index_select(0, &i).value());
    assert_eq!(x.index_get(&[&[], &[]]).shape().dims(), [0, 2]);
    fails(
        "index_get: a list of indices of equal length for each leading axis is needed (lengths [3, 1]), but got [3, 4, 2]",
        x.try_index_get(&[&i, &[0]]),
    );
    let none =
        "index_get: a list of indices of equal length for each leading axis is needed (lengths []), but got [3, 4, 2]";
    fails(none, x.try_index_get(&[]));
    let range = "index_get: index 4 must be less than the size 4 of axis 1, but got [3, 4, 2]";
    fails(range, x.try_index_get(&[&[0], &[4]]));
    panics(range, || x.index_get(&[&[0], &[4]]));
}

#[test]
fn the_last_of_several_writers_counts_and_gets_the_gradient() {
    let tape = Tape::f64();
    let (x, source) = (counted(&tape, &[2, 3]), tape.leaf([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]]));
    let y = x.scatter(1, &[2, 2, 0, 1, 1, 1], source);
    close(y, &[30.0, 1.0, 20.0, 3.0, 60.0, 5.0]);
    let weights = tape.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let gradients = (y * weights).sum().backward().unwrap();
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), [0.0, 2.0, 0.0, 4.0, 0.0, 6.0]);
    assert_eq!(gradients.wrt(source).unwrap().to_vec(), [0.0, 3.0, 1.0, 0.0, 0.0, 5.0]);
    // A smaller source along the other axis, and one that is not finite but overwritten.
    close(x.scatter(0, &[1], tape.leaf([[f64::NAN]])).narrow(0, 0, 1), &[0.0, 1.0, 2.0]);
    close(x.scatter(1, &[0, 0], tape.leaf([[f64::NAN, 7.0]])), &[7.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let need = "scatter: the indices need the shape of the source, which must fit into the value along every other axis, but got [2, 3] and [2, 3]";
    fails(need, x.try_scatter(1, &[0], source));
    panics(need, || x.scatter(1, &[0], source));
    fails(
        "scatter: index 3 must be less than the size 3 of axis 1, but got [2, 3]",
        x.try_scatter(1, &[0, 1, 2, 3, 0, 1], source),
    );
    fails("scatter: axis 2 is out of range for shape [2, 3], which has 2 axes", x.try_scatter(2, &[0; 6], source));
}

#[test]
fn values_are_put_or_added_where_lists_say() {
    let tape = Tape::f64();
    let x = counted(&tape, &[3, 2]);
    let values = tape.leaf([10.0, 20.0, 30.0]);
    let (i, j) = ([2, 0, 2], [1, 0, 1]);
    close(x.index_put(&[&i, &j], values, false), &[20.0, 1.0, 2.0, 3.0, 4.0, 30.0]);
    close(x.index_put(&[&i, &j], values, true), &[20.0, 1.0, 2.0, 3.0, 4.0, 45.0]);
    // A row, broadcast to both slices; the number of slices is that of the lists.
    let row = tape.leaf([7.0, 8.0]);
    let y = x.index_put(&[&[0, 2]], row, false);
    close(y, &[7.0, 8.0, 2.0, 3.0, 7.0, 8.0]);
    assert_eq!(y.sum().backward().unwrap().wrt(row).unwrap().to_vec(), [2.0, 2.0]);
    let need = "index_put: the values must broadcast to what the lists pick, but got [3] and [2, 2]";
    fails(need, x.try_index_put(&[&[0, 2]], values, true));
    panics(need, || x.index_put(&[&[0, 2]], values, true));
    fails(
        "index_put: index 3 must be less than the size 3 of axis 0, but got [3, 2]",
        x.try_index_put(&[&[3]], row, true),
    );
}

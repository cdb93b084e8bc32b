//! Order along an axis.

use wengert::{DType, Tape, Tensor};

use crate::{close, fails, panics};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Values and indices of PyTorch 2.15 (a stable sort).
#[test]
fn equal_numbers_keep_their_order_and_nan_is_found_first() {
    let tape = Tape::f64();
    let x = tape.leaf([[3.0, NAN, 1.0, 3.0], [-0.0, 0.0, -1.0, INF]]);
    let (sorted, indices) = x.sort(1, false);
    close(sorted, &[1.0, 3.0, 3.0, NAN, -1.0, -0.0, 0.0, INF]);
    assert_eq!(indices, [2, 0, 3, 1, 2, 0, 1, 3]);
    let (sorted, indices) = x.sort(-1, true);
    close(sorted, &[NAN, 3.0, 3.0, 1.0, INF, -0.0, 0.0, -1.0]);
    assert_eq!(indices, [1, 0, 3, 2, 3, 0, 1, 2]);
    let (largest, indices) = x.topk(2, 1);
    close(largest, &[NAN, 3.0, INF, -0.0]);
    assert_eq!(indices, [1, 0, 3, 0]);
    let (largest, indices) = x.max_index(1, false);
    close(largest, &[NAN, INF]);
    assert_eq!((indices, x.argmax(1)), (vec![1, 3], vec![1, 3]));
    assert_eq!((x.min_index(1, true).1, x.argmin(1)), (vec![1, 2], vec![1, 2]));
    close(x.min_index(1, true).0, &[NAN, -1.0]);
}

#[test]
fn any_axis_is_put_in_order() {
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::from_fn([3, 4, 2], DType::F64, |i| ((i * 7) % 24) as f64));
    for axis in 0..3 {
        for descending in [false, true] {
            let (sorted, indices) = x.sort(axis, descending);
            assert_eq!(indices, x.argsort(axis, descending));
            // Each line by itself, moved to the last axis.
            let lines = |y: wengert::Var<'_>| {
                let y = y.transpose(axis, 2);
                let len = y.shape()[2];
                y.value().to_vec().chunks(len).map(<[f64]>::to_vec).collect::<Vec<_>>()
            };
            let mut want = lines(x);
            for line in &mut want {
                line.sort_by(|a, b| if descending { b.total_cmp(a) } else { a.total_cmp(b) });
            }
            assert_eq!(lines(sorted), want, "axis {axis}");
            assert_eq!(lines(x.gather(axis, &indices, x.shape())), want, "axis {axis}");
        }
        let (best, _) = x.topk(2, axis);
        assert_eq!(best.value(), x.sort(axis, true).0.narrow(axis, 0, 2).value());
        assert_eq!(x.max_index(axis, true).0.value(), x.amax_axes(&[axis], true).value());
        assert_eq!(x.min_index(axis, false).0.value(), x.amin_axes(&[axis], false).value());
    }
    assert_eq!(x.narrow(0, 0, 0).sort(1, false).0.numel(), 0);
}

#[test]
fn a_tie_gives_the_gradient_to_the_first() {
    let tape = Tape::f64();
    let x = tape.leaf([2.0, 5.0, 5.0]);
    let of = |y: wengert::Var<'_>| y.sum().backward().unwrap().wrt(x).unwrap().to_vec();
    assert_eq!(of(x.max_index(0, false).0), [0.0, 1.0, 0.0]);
    assert_eq!(of(x.amax_axes(&[0], false)), [0.0, 0.5, 0.5]);
    assert_eq!(of(x.topk(2, 0).0), [0.0, 1.0, 1.0]);
}

#[test]
fn an_order_of_nothing_is_refused() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 2.0, 3.0]]);
    let axis = |op| format!("{op}: axis 2 is out of range for shape [1, 3], which has 2 axes");
    fails(&axis("sort"), x.try_sort(2, false));
    fails(&axis("argsort"), x.try_argsort(2, false));
    fails(&axis("topk"), x.try_topk(1, 2));
    fails(&axis("max_index"), x.try_max_index(2, false));
    fails(&axis("min_index"), x.try_min_index(2, false));
    fails(&axis("argmax"), x.try_argmax(2));
    fails(&axis("argmin"), x.try_argmin(2));
    let few = "topk: at least 4 numbers along axis 1 are needed, but got [1, 3]";
    fails(few, x.try_topk(4, 1));
    panics(few, || x.topk(4, 1));
    let none = x.narrow(0, 0, 0);
    fails(
        "max_index: an extreme needs at least one number along the axis, but got [0, 3]",
        none.try_max_index(0, true),
    );
    fails("argmin: an extreme needs at least one number along the axis, but got [0, 3]", none.try_argmin(0));
    assert!(none.argmax(1).is_empty());
}

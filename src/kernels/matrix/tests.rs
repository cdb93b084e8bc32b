//! Views of parts, and what is outside of them.

use super::*;

#[test]
fn views_are_parts_of_a_matrix_and_of_its_transpose() {
    let numbers: Vec<usize> = (0..35).collect();
    let a = MatRef::from_row_major_slice(&numbers, 5, 7);
    let part = a.submatrix(1, 2, 3, 4);
    let (top, bottom) = part.split_at_row(1);
    let (left, right) = part.transpose().split_at_col(2);
    assert_eq!([top.nrows(), bottom.nrows(), left.ncols(), right.ncols(), left.nrows()], [1, 2, 2, 1, 4]);
    for (i, j) in (0..3).flat_map(|i| (0..4).map(move |j| (i, j))) {
        let number = (i + 1) * 7 + j + 2;
        assert_eq!((part[(i, j)], part.transpose()[(j, i)]), (number, number));
        assert_eq!(if i < 1 { top[(i, j)] } else { bottom[(i - 1, j)] }, number);
        assert_eq!(if i < 2 { left[(j, i)] } else { right[(j, i - 2)] }, number);
    }
    assert_eq!(part.try_as_row_major().map(|rows| rows.row(2)), Some(&numbers[23..27]));
    assert!(part.transpose().try_as_row_major().is_none());
    assert_eq!(MatRef::from_column_major_slice(&numbers, 7, 5)[(3, 2)], 17);
}

#[test]
fn parts_that_do_not_overlap_are_written_by_two_threads() {
    let mut numbers = vec![0; 30];
    let a = MatMut::from_row_major_slice_mut(&mut numbers, 5, 6);
    let (left, right) = a.split_at_col_mut(2);
    let (top, mut bottom) = right.split_at_row_mut(3);
    let fill =
        |mut part: MatMut<'_, i32>, with: i32| (0..part.nrows()).for_each(|i| part.row_mut(i).fill(with + i as i32));
    std::thread::scope(|scope| {
        scope.spawn(move || fill(left, 10));
        scope.spawn(move || fill(top, 20));
        fill(bottom.as_mut().subrows_mut(1, 1), 30);
    });
    assert_eq!((bottom.row(0), bottom.row(1)), (&[0; 4][..], &[30; 4][..]));
    let line = |a: i32, b: i32| [a, a, b, b, b, b];
    assert_eq!(numbers, [line(10, 20), line(11, 21), line(12, 22), line(13, 0), line(14, 30)].concat());
}

#[test]
fn nothing_is_left_behind_the_last_line() {
    let mut numbers = [0; 6];
    let a = MatRef::from_row_major_slice(&numbers, 2, 3).subcols(2, 1);
    assert_eq!((a.subrows(2, 0).nrows(), a.subcols(1, 0).ncols()), (0, 0));
    let a = MatMut::from_row_major_slice_mut(&mut numbers, 2, 3).subcols_mut(2, 1);
    let (all, nothing) = a.split_at_row_mut(2);
    assert_eq!((all.nrows(), nothing.nrows(), nothing.subcols_mut(1, 0).ncols()), (2, 0, 0));
}

#[test]
fn what_is_outside_a_matrix_is_refused() {
    type Ask = fn(MatMut<'_, u8>);
    let asked: [(Ask, &str); 5] = [
        (|mut a| a.row_mut(2)[0] = 1, "row 2 of 2"),
        (|a| assert!(a.row(3).is_empty()), "row 3 of 2"),
        (|a| assert_eq!(a.subrows_mut(1, 2).nrows(), 0), "2 lines from 1 on, of 2"),
        (|a| assert_eq!(a.split_at_col_mut(4).0.nrows(), 0), "4 lines from 0 on, of 3"),
        (|a| assert_eq!(a.subcols_mut(usize::MAX, 2).nrows(), 0), "2 lines from 18446744073709551615 on, of 3"),
    ];
    for (ask, message) in asked {
        let cause = std::panic::catch_unwind(|| ask(MatMut::from_row_major_slice_mut(&mut [0; 6], 2, 3)));
        assert_eq!(cause.expect_err(message).downcast_ref::<String>().map(String::as_str), Some(message));
    }
}

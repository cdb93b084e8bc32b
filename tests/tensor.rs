//! Tensors: creation, precision, sharing, printing and comparison.

use approx::{AbsDiffEq, RelativeEq, assert_abs_diff_eq, assert_relative_eq};
use proptest::prelude::*;
use wengert::{DType, Error, Shape, Tensor, dispatch};

#[test]
fn tensors_are_made_row_by_row_from_numbers_of_either_precision() {
    let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]).unwrap();
    assert_eq!((x.dtype(), x.shape().dims(), x.numel()), (DType::F32, &[2, 3][..], 6));
    assert_eq!((x.at(&[0, 2]), x.at(&[1, 0])), (3.0, 4.0));
    assert_eq!(Tensor::from_slice(&[1.0, 2.0], [2, 1]).unwrap().at(&[1, 0]), 2.0);
    assert_eq!(Tensor::from(2.5).shape(), &Shape::scalar());
    assert_eq!(Tensor::from(2.5).item(), 2.5);
    assert_eq!(Tensor::from([[1.0, 2.0], [3.0, 4.0]]).to_vec(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(Tensor::from(vec![1.0f32; 3]).dtype(), DType::F32);
    assert_eq!(Tensor::zeros([2, 2], DType::F32).to_vec(), [0.0; 4]);
    assert_eq!(Tensor::ones([3], DType::F64).to_vec(), [1.0; 3]);
    assert_eq!(Tensor::full((), 7.0, DType::F64).to_vec(), [7.0]);
    assert_eq!(Tensor::from_fn([2, 2], DType::F64, |i| i as f64).at(&[1, 0]), 2.0);
    assert_eq!(Tensor::eye(3, DType::F32).to_vec(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(Tensor::eye(0, DType::F32).shape().dims(), [0, 0]);
}

#[test]
fn arrays_of_up_to_four_axes_keep_shape_order_and_precision() {
    let numbers: [[[[f32; 2]; 3]; 1]; 2] =
        [[[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]], [[[6.0, 7.0], [8.0, 9.0], [10.0, 11.0]]]];
    let made = [Tensor::from(numbers), numbers[0].into(), numbers[0][0].into(), numbers[0][0][1].into(), 2.5f32.into()];
    let shapes: [&[usize]; 5] = [&[2, 1, 3, 2], &[1, 3, 2], &[3, 2], &[2], &[]];
    for (x, shape) in made.iter().zip(shapes) {
        assert_eq!((x.shape().dims(), x.dtype()), (shape, DType::F32));
    }
    assert_eq!(made[0].to_vec(), (0..12).map(f64::from).collect::<Vec<_>>());
    assert_eq!((made[0].at(&[1, 0, 2, 0]), made[3].to_vec(), made[4].item()), (10.0, vec![2.0, 3.0], 2.5));
    // Numbers without a suffix are in double precision, whatever the rank.
    assert_eq!(Tensor::from([[[[0.1]]]]), Tensor::full([1, 1, 1, 1], 0.1, DType::F64));
    assert_eq!(Tensor::from([[[0.1], [0.2]]]).to_vec(), [0.1, 0.2]);
    assert_eq!((Tensor::from([0.1]).item(), Tensor::from(0.1).item()), (0.1, 0.1));
    assert_eq!(Tensor::from([[[0.0f32; 0]; 3]; 2]).shape().dims(), [2, 3, 0]);
}

#[test]
fn one_hot_rows_have_their_1_at_the_label() {
    for dtype in [DType::F32, DType::F64] {
        let t = Tensor::one_hot(&[2, 0, 2], 3, dtype).unwrap();
        assert_eq!(t, Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).cast(dtype));
    }
    assert_eq!(Tensor::one_hot(&[], 3, DType::F32).unwrap().shape().dims(), [0, 3]);
    let message = |labels: &[usize], classes| Tensor::one_hot(labels, classes, DType::F32).unwrap_err().to_string();
    assert_eq!(
        message(&[0, 3, 4], 3),
        "one_hot: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 4 classes"
    );
    assert_eq!(message(&[0], 0), "one_hot: classes = 0, but it must be at least 1");
    let many = usize::MAX / 2;
    assert_eq!(message(&[0], many), format!("one_hot: a tensor of shape [1, {many}] does not fit into memory"));
    let many = isize::MAX as usize / 16;
    assert_eq!(message(&[0], many), format!("one_hot: a tensor of shape [1, {many}] does not fit into memory"));
}

#[test]
fn linspace_ends_where_it_should() {
    let x = Tensor::linspace(-10.0, 3.0, 27, DType::F64).to_vec();
    assert_eq!((x[0], x[26], x.len()), (-10.0, 3.0, 27));
    assert_eq!(Tensor::linspace(2.0, 9.0, 1, DType::F64).to_vec(), [2.0]);
    assert_eq!(Tensor::linspace(2.0, 9.0, 0, DType::F64).to_vec(), [0.0; 0]);
    assert_eq!(Tensor::linspace(1.0, 0.0, 3, DType::F32).to_vec(), [1.0, 0.5, 0.0]);
}

#[test]
fn casting_rounds_to_nearest_and_shares_where_nothing_changes() {
    let x = Tensor::from([0.1, 1e40, -0.0, f64::NAN]);
    let single = x.cast(DType::F32);
    let numbers = single.as_slice::<f32>().unwrap();
    assert_eq!((numbers[0], numbers[1], numbers[2].to_bits()), (0.1f32, f32::INFINITY, (-0.0f32).to_bits()));
    assert!(numbers[3].is_nan());
    assert_eq!(single.cast(DType::F64).to_vec()[0], f64::from(0.1f32));
    let same = x.cast(DType::F64);
    assert_eq!(same.as_slice::<f64>().unwrap().as_ptr(), x.as_slice::<f64>().unwrap().as_ptr());
}

#[test]
fn reshaped_and_cloned_tensors_share_until_one_is_written() {
    let x = Tensor::from([1.0, 2.0, 3.0, 4.0]);
    let place = |x: &Tensor| x.as_slice::<f64>().unwrap().as_ptr();
    let mut square = x.reshape([2, 2]).unwrap();
    assert_eq!((place(&square), square.at(&[1, 0])), (place(&x), 3.0));
    square.as_mut_slice::<f64>().unwrap()[0] = 9.0;
    assert_eq!((square.to_vec()[0], x.to_vec()[0]), (9.0, 1.0));
    assert_ne!(place(&square), place(&x));
    // If not shared, it is written in place.
    let before = place(&square);
    square.as_mut_slice::<f64>().unwrap()[1] = 8.0;
    assert_eq!((place(&square), square.to_vec()), (before, vec![9.0, 8.0, 3.0, 4.0]));
    assert!(matches!(x.reshape([3]), Err(Error::Length { len: 4, .. })));
}

#[test]
fn a_tensor_is_sent_to_another_thread_and_back() {
    let x = Tensor::from([1.0, 2.0]);
    let y = x.clone();
    let doubled = std::thread::spawn(move || Tensor::from_fn([2], DType::F64, |i| 2.0 * y.to_vec()[i])).join().unwrap();
    assert_eq!((doubled.to_vec(), x.to_vec()), (vec![2.0, 4.0], vec![1.0, 2.0]));
}

#[test]
fn non_finite_numbers_are_found_with_their_place() {
    assert_eq!(Tensor::from([1.0, -2.0]).first_non_finite(), None);
    assert_eq!(Tensor::from([1.0, f64::INFINITY, f64::NAN]).first_non_finite(), Some((1, f64::INFINITY)));
    let (index, value) = Tensor::from(vec![0.0f32, f32::NAN]).first_non_finite().unwrap();
    assert!(index == 1 && value.is_nan());
    assert_eq!(Tensor::zeros([0], DType::F32).first_non_finite(), None);
}

#[test]
fn tensors_print_in_rows_with_one_precision() {
    let x = Tensor::from([[1.0, -2.5], [0.0, 1e-9]]);
    assert_eq!(x.to_string(), "[[1.0000, -2.5000],\n [0.0000, 1.0000e-9]]");
    assert_eq!(format!("{x:.1}"), "[[1.0, -2.5],\n [0.0, 1.0e-9]]");
    assert_eq!(format!("{:?}", Tensor::from(vec![1.5f32])), "[1.5000] f32[1]");
    assert_eq!(Tensor::from([123456.0, f64::NAN, f64::NEG_INFINITY]).to_string(), "[1.2346e5, NaN, -inf]");
    assert_eq!(
        Tensor::from_fn([2, 1, 2], DType::F64, |i| i as f64).to_string(),
        "[[[0.0000, 1.0000]],\n [[2.0000, 3.0000]]]"
    );
    // An axis of 7 is written out, one of 8 is cut.
    assert_eq!(format!("{:.0}", Tensor::linspace(0.0, 6.0, 7, DType::F64)), "[0, 1, 2, 3, 4, 5, 6]");
    assert_eq!(format!("{:.0}", Tensor::linspace(0.0, 7.0, 8, DType::F64)), "[0, 1, 2, ..., 5, 6, 7]");
    let rows = Tensor::from_fn([100, 1], DType::F64, |i| i as f64);
    assert_eq!(format!("{rows:.0}"), "[[0],\n [1],\n [2],\n ...,\n [97],\n [98],\n [99]]");
    assert_eq!(Tensor::zeros([2, 0], DType::F64).to_string(), "[[],\n []]");
    assert_eq!((Shape::from([2, 3]).to_string(), format!("{:?}", Shape::scalar())), ("[2, 3]".into(), "[]".into()));
}

#[test]
fn comparisons_ask_for_shape_precision_and_numbers() {
    let x = Tensor::from([1.0, 2.0]);
    assert_eq!(x, Tensor::from([1.0, 2.0]));
    assert_ne!(x, Tensor::from([1.0, 2.5]));
    assert_ne!(x, Tensor::from([[1.0, 2.0]]), "another shape");
    assert_ne!(x, x.cast(DType::F32), "another precision");
    assert_ne!(Tensor::from(f64::NAN), Tensor::from(f64::NAN), "NaN differs from itself");
    // Within a tolerance the precision may differ, the shape may not.
    assert_abs_diff_eq!(x, Tensor::from([1.0 + 1e-7, 2.0]).cast(DType::F32), epsilon = 1e-6);
    assert!(!x.abs_diff_eq(&Tensor::from([1.0 + 1e-5, 2.0]), 1e-6));
    assert!(!x.abs_diff_eq(&Tensor::from([[1.0, 2.0]]), 1.0));
    assert_relative_eq!(Tensor::from([1e9, 1.0]), Tensor::from([1e9 + 1.0, 1.0]), max_relative = 1e-8);
    assert!(!Tensor::from([1e9, 1.0]).relative_eq(&Tensor::from([1e9, 1.0 + 1e-7]), 0.0, 1e-8));
    assert!(!Tensor::from(f64::NAN).abs_diff_eq(&Tensor::from(f64::NAN), 1.0));
}

#[test]
fn dispatch_runs_a_block_in_the_precision_at_hand() {
    let bytes = |dtype: DType| dispatch!(dtype, T => size_of::<T>());
    assert_eq!((bytes(DType::F32), bytes(DType::F64)), (DType::F32.size(), DType::F64.size()));
    assert_eq!((DType::F32.epsilon(), DType::F64.epsilon()), (f64::from(f32::EPSILON), f64::EPSILON));
    for dtype in [DType::F32, DType::F64] {
        assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
        let mut x = Tensor::full([3], 0.1, dtype);
        dispatch!(dtype, T => x.as_mut_slice::<T>().unwrap().iter_mut().for_each(|x| *x *= 10.0));
        assert!((x.to_vec()[0] - 1.0).abs() <= dtype.epsilon());
    }
}

#[test]
fn axes_count_from_either_end() {
    let shape = Shape::from([4, 5, 6]);
    assert_eq!((shape.axis("x", 0).unwrap(), shape.axis("x", -1).unwrap(), shape.axis("x", -3).unwrap()), (0, 2, 0));
    assert!(matches!(shape.axis("x", 3), Err(Error::Axis { axis: 3, .. })));
    assert!(Shape::scalar().axis("x", 0).is_err() && Shape::scalar().axis("x", -1).is_err());
}

proptest! {
    #[test]
    fn two_shapes_broadcast_as_numpy_has_it(a in prop::collection::vec(0usize..4, 0..5), b in prop::collection::vec(0usize..4, 0..5)) {
        let rank = a.len().max(b.len());
        let widened = |dims: &[usize]| [vec![1; rank - dims.len()], dims.to_vec()].concat();
        let pairs: Vec<_> = widened(&a).into_iter().zip(widened(&b)).collect();
        let fits = pairs.iter().all(|&(a, b)| a == b || a == 1 || b == 1);
        let want = fits.then(|| pairs.iter().map(|&(a, b)| if a == 1 { b } else { a }).collect::<Shape>());
        let (a, b) = (Shape::from(a), Shape::from(b));
        prop_assert_eq!(a.broadcast(&b), want.clone());
        prop_assert_eq!(b.broadcast(&a), want);
    }
}

#[test]
fn tensors_print_nested_and_cut() {
    assert_eq!(Tensor::from([[1.0, -2.5], [1e-9, 0.0]]).to_string(), "[[1.0000, -2.5000],\n [1.0000e-9, 0.0000]]");
    assert_eq!(
        format!("{:.1}", Tensor::from_fn([20], DType::F32, |i| i as f64)),
        "[0.0, 1.0, 2.0, ..., 17.0, 18.0, 19.0]"
    );
    assert_eq!(format!("{:?}", Tensor::scalar(3.0, DType::F32)), "3.0000 f32[]");
    assert_eq!(Tensor::zeros([0, 2], DType::F64).to_string(), "[]");
}

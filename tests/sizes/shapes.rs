//! Shapes with more elements than there are addresses, or than there is memory, wherever a shape enters.

use wengert::{
    DType, Shape, Tape, Tensor, Var,
    ops::{ConvSpec, Window},
};

use crate::{fails, ones, panics, refused};

const LARGE: usize = 1 << 32;
const HUGE: usize = 1 << 63;

fn too_large(op: &str, shape: &[usize], from: &str) -> String {
    let from = if from.is_empty() { String::new() } else { format!(" (made of {from})") };
    format!("{op}: a tensor of shape {shape:?} does not fit into memory{from}")
}

#[test]
fn the_number_of_elements_never_wraps() {
    assert_eq!(Shape::from([LARGE, LARGE]).numel(), usize::MAX);
    assert_eq!(Shape::from([HUGE, 2]).numel(), usize::MAX);
    assert_eq!((Shape::from([HUGE, 2, 0]).numel(), Shape::from([0, HUGE, 2]).numel()), (0, 0));
}

#[test]
fn a_tensor_that_no_memory_can_hold_is_not_made() {
    for dtype in [DType::F32, DType::F64] {
        // The second has fewer bytes than there are addresses, but more than there is memory; the last has no elements.
        for shape in [[LARGE, LARGE], [1 << 20, 1 << 20], [HUGE, 0]] {
            panics(&too_large("zeros", &shape, ""), || Tensor::zeros(shape, dtype));
            panics(&too_large("ones", &shape, ""), || Tensor::ones(shape, dtype));
            panics(&too_large("full", &shape, ""), || Tensor::full(shape, 2.0, dtype));
            panics(&too_large("from_fn", &shape, ""), || Tensor::from_fn(shape, dtype, |i| i as f64));
        }
        panics(&too_large("eye", &[LARGE, LARGE], ""), || Tensor::eye(LARGE, dtype));
        panics(&too_large("linspace", &[HUGE], ""), || Tensor::linspace(0.0, 1.0, HUGE, dtype));
        let two = Tensor::ones([2], dtype);
        fails(&too_large("reshape", &[HUGE + 1, 2], "[2]"), two.reshape([HUGE + 1, 2]));
    }
    for shape in [[HUGE, 2], [0, HUGE]] {
        fails(&too_large("from_vec", &shape, ""), Tensor::from_vec(Vec::<f32>::new(), shape));
        fails(&too_large("from_slice", &shape, ""), Tensor::from_slice::<f64>(&[], shape));
    }
    // The largest that can be counted, and one more: the bound is the same in both precisions.
    let most = isize::MAX as usize / 8;
    assert!(Tensor::from_vec(Vec::<f32>::new(), [0, most]).is_ok());
    assert!(Tensor::from_vec(Vec::<f32>::new(), [0, most + 1]).is_err());
    assert!(Tensor::from_vec(Vec::<f64>::new(), [0, most + 1]).is_err());
}

#[test]
fn an_operation_whose_result_no_memory_can_hold_is_refused() {
    for tape in [Tape::new(), Tape::f64()] {
        let (x, none) = (ones(&tape, &[2, 3]), ones(&tape, &[0]));
        refused!(
            too_large("broadcast_to", &[LARGE, LARGE, 2, 3], "[2, 3]"),
            x.try_broadcast_to([LARGE, LARGE, 2, 3]),
            x.broadcast_to([LARGE, LARGE, 2, 3])
        );
        refused!(too_large("repeat", &[HUGE, 2, 1, 3], "[2, 3]"), x.try_repeat(&[HUGE, 1]), x.repeat(&[HUGE, 1]));
        refused!(
            too_large("pad", &[usize::MAX, 3], "[2, 3]"),
            x.try_pad(&[(HUGE, HUGE), (0, 0)], 1.0),
            x.pad(&[(HUGE, HUGE), (0, 0)], 1.0)
        );
        refused!(
            too_large("scatter", &[2, LARGE], "[2, 3]"),
            x.try_pad(&[(0, 0), (LARGE - 3, 0)], 0.0),
            x.pad(&[(0, 0), (LARGE - 3, 0)], 0.0)
        );
        refused!(
            too_large("reshape", &[HUGE + 3, 2], "[2, 3]"),
            x.try_reshape([HUGE + 3, 2]),
            x.reshape([HUGE + 3, 2])
        );
        refused!(too_large("reshape", &[0, HUGE], "[0]"), none.try_reshape([0, HUGE]), none.reshape([0, HUGE]));
        refused!(
            too_large("gather", &[HUGE, 2], "[2, 3]"),
            x.try_gather(0, &[], [HUGE, 2]),
            x.gather(0, &[], [HUGE, 2])
        );
        // Pending values need no memory until their numbers are needed.
        let (row, column) = (ones(&tape, &[1]).broadcast_to([LARGE]), ones(&tape, &[1, 1]).broadcast_to([LARGE, 1]));
        let (of_row, of_both) = ("[4294967296]", "[4294967296, 1] and [4294967296]");
        refused!(too_large("add", &[LARGE, LARGE], of_both), column.try_add(row), column + row);
        refused!(too_large("diag_embed", &[LARGE, LARGE], of_row), row.try_diag_embed(), row.diag_embed());
        refused!(too_large("cumsum", &[LARGE], of_row), row.try_cumsum(0), row.cumsum(0));
        refused!(
            too_large("matmul", &[LARGE, LARGE], "[4294967296, 1] and [1, 4294967296]"),
            column.try_matmul(ones(&tape, &[1, 1]).broadcast_to([1, LARGE])),
            column.matmul(ones(&tape, &[1, 1]).broadcast_to([1, LARGE]))
        );
        assert!(Var::try_einsum("i,j->ij", &[row, row]).is_err());
        let wide = ones(&tape, &[1]).broadcast_to([1 << 59]);
        let parts = ["[576460752303423488]"; 32].join(" and ");
        fails(&too_large("concat", &[usize::MAX], &parts), Var::try_concat(&[wide; 32], 0));
        assert!(Var::try_stack(&[wide; 32], 0).is_err());
        let pixels = ones(&tape, &[1, 1, 1, 1]).broadcast_to([1, 1, 1 << 16, 1 << 16]);
        let need = "max_pool2d: images of at most 2^32 - 1 pixels are needed, but got [1, 1, 65536, 65536]";
        refused!(need, pixels.try_max_pool2d(Window::square(2)), pixels.max_pool2d(Window::square(2)));
    }
}

#[test]
fn a_pending_value_is_reduced_without_the_memory_that_it_would_need() {
    let tape = Tape::f64();
    let (column, row) = (ones(&tape, &[1 << 14, 1]), ones(&tape, &[1 << 14]));
    let outer = column * row;
    assert_eq!(outer.sum().item(), (1u64 << 28) as f64);
    let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outer.value())).unwrap_err();
    let need = "a tensor of 268435456 numbers in f64 does not fit into memory";
    assert_eq!(text.downcast_ref::<String>().map(String::as_str), Some(need));
    assert!(outer.try_cumsum(0).is_err());
}

#[test]
fn an_axis_or_a_place_too_large_for_its_type_is_out_of_range() {
    let tape = Tape::f64();
    let x = ones(&tape, &[2, 3]);
    let axis = |op| format!("{op}: axis {} is out of range for shape [2, 3], which has 2 axes", isize::MAX);
    refused!(axis("unsqueeze"), x.try_unsqueeze(isize::MAX), x.unsqueeze(isize::MAX));
    refused!(axis("flatten"), x.try_flatten(usize::MAX), x.flatten(usize::MAX));
    refused!(axis("stack"), Var::try_stack(&[x, x], isize::MAX), Var::stack(&[x, x], isize::MAX));
    let need = format!("slice: 1..{} by 1 must lie within axis 0, of size 2, but got [2, 3]", usize::MAX);
    refused!(need, x.try_narrow(0, 1, usize::MAX), x.narrow(0, 1, usize::MAX));
    for step in [4, HUGE, usize::MAX] {
        let first = x.slice(1, 1, 3, step);
        assert_eq!((first.shape().dims(), first.value().to_vec()), (&[2, 1][..], vec![1.0; 2]));
        assert_eq!(first.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    }
}

#[test]
fn windows_say_which_size_cannot_be() {
    let tape = Tape::f64();
    let (x, w) = (ones(&tape, &[1, 1, 2, 3]), ones(&tape, &[1, 1, 1, 2]));
    let spec = ConvSpec::default();
    let far = ConvSpec { stride: [1, HUGE], ..spec };
    let need = format!(
        "conv_transpose2d: stride [1, {HUGE}], dilation [1, 1], output padding [0, 0] and groups 1 must give an image that \
         is small enough to be counted, but got [1, 1, 2, 3] and [1, 1, 1, 2]"
    );
    refused!(need, x.try_conv_transpose2d(w, None, far, [0, 0]), x.conv_transpose2d(w, None, far, [0, 0]));
    let far = ConvSpec { stride: [1, 1 << 61], ..spec };
    refused!(
        too_large("conv_transpose2d", &[1, 1, 2, (1 << 62) + 2], "[1, 1, 2, 3] and [1, 1, 1, 2]"),
        x.try_conv_transpose2d(w, None, far, [0, 0]),
        x.conv_transpose2d(w, None, far, [0, 0])
    );
    let wide = spec.padding(LARGE);
    let size = 2 * LARGE + 2;
    refused!(
        too_large("unfold", &[1, 1, 1, 2, size, size], "[1, 1, 2, 3]"),
        x.try_unfold([1, 2], wide),
        x.unfold([1, 2], wide)
    );
    let need = format!("the image 2x3 padded by [{HUGE}, {HUGE}] must be small enough to be counted");
    let wide = spec.padding(HUGE);
    refused!(format!("unfold: {need}, but got [1, 1, 2, 3]"), x.try_unfold([1, 2], wide), x.unfold([1, 2], wide));
    let image = [1, 1, 2, 1 << 62];
    refused!(
        too_large("fold", &[1, 1, 1, 1, 2, 1 << 62], "[1, 1, 2, 4611686018427387904]"),
        x.try_fold(image, [1, 1], spec),
        x.fold(image, [1, 1], spec)
    );
    let window = Window::square(2).padding(HUGE);
    let need = format!(
        "the window [2, 2] with stride [2, 2] must fit into the padded image, and the padding [{HUGE}, {HUGE}] must be at \
         most half of it, but got [1, 1, 2, 3]"
    );
    refused!(format!("max_pool2d: {need}"), x.try_max_pool2d(window), x.max_pool2d(window));
    refused!(format!("avg_pool2d: {need}"), x.try_avg_pool2d(window, true), x.avg_pool2d(window, true));
}

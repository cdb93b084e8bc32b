//! The tape itself: how gradients flow, and what is kept.

use wengert::{
    DType, Error, Mode, NoGradient, Param, Result, Saved, Shape, Tape, Tensor, Var,
    ops::{Grads, Op, Vjp},
};

fn numbers(shape: impl Into<Shape>, seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.7 + seed).sin())
}

#[test]
fn fan_out_adds_every_contribution_once() {
    // c = b + b with b = a + a: walked in the order of the tape, b's gradient is complete before it is passed on.
    let tape = Tape::f64();
    let a = tape.leaf(3.0);
    let b = a + a;
    let c = b + b;
    assert_eq!(c.backward().unwrap().wrt(a).unwrap().item(), 4.0);
    // A value used early and late.
    let d = a * 2.0;
    let e = d.exp() * d + d;
    let x: f64 = 6.0;
    let want = 2.0 * (x.exp() * x + x.exp() + 1.0);
    assert!((e.backward().unwrap().wrt(a).unwrap().item() - want).abs() < 1e-9 * want);
}

#[test]
fn one_value_on_both_sides_of_an_operation_counts_twice() {
    let tape = Tape::f64();
    let x = tape.leaf([0.5, -2.0, 3.0]);
    let slope = |y: Var<'_>| y.sum().backward().unwrap().wrt(x).unwrap().to_vec();
    assert_eq!(slope(x * x), [1.0, -4.0, 6.0]);
    assert_eq!(slope(x + x), [2.0; 3]);
    assert_eq!(slope(x - x), [0.0; 3]);
    assert_eq!(slope(x / x), [0.0; 3]);
    assert_eq!(slope(x.max(x)), [1.0; 3]);
    let square = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    // d/dA sum(A A) = 1 Aᵀ + Aᵀ 1.
    let slope = square.matmul(square).sum().backward().unwrap().wrt(square).unwrap().to_vec();
    assert_eq!(slope, [7.0, 11.0, 9.0, 13.0]);
}

#[test]
fn gradients_are_summed_over_every_pattern_of_broadcast_axes() {
    let full = [2usize, 3, 4];
    for pattern in 0u8..8 {
        for missing in 0..=3 {
            let dims: Vec<usize> = (0..3).map(|i| if pattern >> i & 1 == 1 { full[i] } else { 1 }).collect();
            if dims[..missing].iter().any(|&n| n != 1) {
                continue;
            }
            let dims = &dims[missing..];
            for lazy_from in [0, usize::MAX] {
                let tape = Tape::f64();
                tape.set_lazy_from(lazy_from);
                let a = tape.leaf(numbers(full, 0.0));
                let b = tape.leaf(numbers(dims, 1.0));
                let weights = numbers(full, 2.0);
                let loss = (a * b * tape.constant(&weights)).sum();
                let gradients = loss.backward().unwrap();
                let mut want = vec![0.0; b.numel()];
                for (i, (x, w)) in a.value().to_vec().iter().zip(weights.to_vec()).enumerate() {
                    let index = [i / 12, i / 4 % 3, i % 4];
                    let at =
                        dims.iter().zip(&index[missing..]).fold(0, |at, (&n, &i)| at * n + if n == 1 { 0 } else { i });
                    want[at] += x * w;
                }
                let got = gradients.wrt(b).unwrap();
                assert_eq!(got.shape().dims(), dims);
                for (got, want) in got.to_vec().iter().zip(&want) {
                    assert!((got - want).abs() < 1e-12, "shape {dims:?}: {got} and naively {want}");
                }
                assert_eq!(gradients.wrt(a).unwrap().shape().dims(), full);
            }
        }
    }
}

#[test]
fn single_numbers_of_any_rank_are_differentiated() {
    for shape in [Shape::scalar(), Shape::from([1]), Shape::from([1, 1, 1])] {
        let tape = Tape::f64();
        let x = tape.leaf(Tensor::full(&shape, 3.0, DType::F64));
        let gradients = (x * x).backward().unwrap();
        assert_eq!(gradients.wrt(x).unwrap(), &Tensor::full(&shape, 6.0, DType::F64));
        assert_eq!(x.backward().unwrap().wrt(x).unwrap(), &Tensor::ones(shape, DType::F64), "dx/dx = 1");
    }
}

#[test]
fn empty_tensors_pass_through_and_give_gradients_of_zero() {
    // The pool has buffers of these lengths with other numbers, which a kernel that forgets an empty sum would return.
    for len in 0..40 {
        drop((0..8).map(|_| Tensor::full([len], 777.0, DType::F64)).collect::<Vec<_>>());
    }
    let tape = Tape::f64();
    let gradient = |loss: Var<'_>, of: Var<'_>| loss.backward().unwrap().wrt(of).unwrap().clone();
    let (none, row) = (tape.leaf(Tensor::zeros([0, 3], DType::F64)), tape.leaf([1.0, 2.0, 3.0]));
    assert_eq!((none * row).shape().dims(), [0, 3]);
    assert_eq!((none * row).sum().item(), 0.0);
    assert_eq!(gradient((none * row).sum(), row).to_vec(), [0.0; 3]);
    assert_eq!(gradient((none * row).sum(), none).shape().dims(), [0, 3]);
    assert_eq!(none.sum_axes(&[0], false).value().to_vec(), [0.0; 3]);
    // Products over an axis of size 0.
    let (a, b) = (tape.leaf(Tensor::zeros([2, 0], DType::F64)), tape.leaf(Tensor::zeros([0, 3], DType::F64)));
    assert_eq!(a.matmul(b).value(), Tensor::zeros([2, 3], DType::F64));
    let weight = tape.leaf(numbers([4, 3], 0.0));
    let bias = tape.leaf(numbers([4], 0.0));
    let y = none.linear(weight, Some(bias));
    assert_eq!(y.shape().dims(), [0, 4]);
    assert_eq!(gradient(y.sum(), weight), Tensor::zeros([4, 3], DType::F64));
    assert_eq!(gradient(y.sum(), bias), Tensor::zeros([4], DType::F64));
    // A batch of no images.
    let images = tape.leaf(Tensor::zeros([0, 2, 5, 5], DType::F64));
    let kernels = tape.leaf(numbers([3, 2, 2, 2], 0.0));
    let y = images.conv2d(kernels, None, wengert::ops::ConvSpec::default());
    assert_eq!(y.shape().dims(), [0, 3, 4, 4]);
    assert_eq!(gradient(y.sum(), kernels), Tensor::zeros([3, 2, 2, 2], DType::F64));
    let y = images.max_pool2d(wengert::ops::Window::square(2));
    assert_eq!(y.shape().dims(), [0, 2, 2, 2]);
    assert_eq!(gradient(y.sum(), images).shape().dims(), [0, 2, 5, 5]);
    // Nothing picked, nothing kept, nothing joined.
    let x = tape.leaf(numbers([3, 4], 0.0));
    assert_eq!(gradient(x.index_select(0, &[]).sum(), x), Tensor::zeros([3, 4], DType::F64));
    assert_eq!(gradient(x.narrow(1, 2, 0).sum(), x), Tensor::zeros([3, 4], DType::F64));
    assert_eq!(Var::concat(&[x, x.narrow(0, 0, 0)], 0).value(), x.value());
    assert_eq!(none.softmax(0).shape().dims(), [0, 3]);
    assert_eq!(none.permute(&[1, 0]).cumsum(1).shape().dims(), [3, 0]);
}

#[test]
fn detached_values_and_values_without_gradient_count_as_numbers() {
    let tape = Tape::f64();
    let x = tape.leaf(3.0);
    let y = x * x.detach();
    assert_eq!(y.backward().unwrap().wrt(x).unwrap().item(), 3.0);
    let square = tape.no_grad(|| x * x);
    assert!(!square.needs_grad() && x.needs_grad());
    assert_eq!((square * x).backward().unwrap().wrt(x).unwrap().item(), 9.0);
    // Nested, and ended by a panic: gradients flow again afterward.
    tape.no_grad(|| tape.no_grad(|| assert!(!(x * 2.0).needs_grad())));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tape.no_grad(|| std::panic::resume_unwind(Box::new(())))
    }));
    assert!(caught.is_err() && (x * 2.0).needs_grad());
}

#[test]
fn a_parameter_first_seen_without_gradients_still_gets_its_gradient() {
    let weight = Param::new("weight", Tensor::from([2.0]));
    let tape = Tape::f64();
    let looked_at = tape.no_grad(|| tape.watch(&weight) * 5.0);
    assert!(!looked_at.needs_grad());
    let loss = (tape.watch(&weight) * 3.0).sum();
    assert_eq!(loss.backward().unwrap().wrt(&weight).unwrap().to_vec(), [3.0]);
}

#[test]
fn retained_values_have_their_gradient_and_others_say_why_not() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, 2.0]);
    let kept = (x * x).retain();
    let not_kept = kept + 1.0;
    let unused = x * 5.0;
    let constant = tape.constant(1.0);
    let other = tape.leaf(1.0);
    let gradients = (not_kept * 3.0).sum().backward().unwrap();
    assert_eq!(gradients.wrt(kept).unwrap().to_vec(), [3.0, 3.0]);
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), [6.0, 12.0]);
    let why = |v: Var<'_>| match gradients.wrt(v) {
        Err(Error::NoGradient { why, .. }) => why,
        other => panic!("expected no gradient, found {other:?}"),
    };
    assert_eq!(why(not_kept), NoGradient::NotRetained);
    assert_eq!(why(unused), NoGradient::NotRetained);
    assert_eq!(why(constant), NoGradient::Constant);
    assert_eq!(why(other), NoGradient::NotOnPath);
    assert_eq!(gradients.wrt(other).ok(), None);
}

#[test]
fn tied_weights_are_one_leaf_with_one_gradient() {
    let weight = Param::new("weight", Tensor::from([2.0]));
    let shared = weight.under("decoder");
    let tape = Tape::f64();
    let (first, second) = (tape.watch(&weight), tape.watch(&shared));
    assert_eq!((first.index(), tape.len()), (second.index(), 1));
    let gradients = (first * second * 5.0).sum().backward().unwrap();
    assert_eq!(gradients.wrt(&weight).unwrap().to_vec(), [20.0]);
    assert_eq!(gradients.wrt(&shared).unwrap().to_vec(), [20.0]);
}

#[test]
fn the_tape_decides_the_precision() {
    let weight = Param::new("weight", Tensor::full([2], 0.1, DType::F32));
    for dtype in [DType::F32, DType::F64] {
        let tape = Tape::with_dtype(dtype);
        let w = tape.watch(&weight);
        let x = tape.constant([1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!((w.dtype(), x.dtype(), (w * x).value().dtype()), (dtype, dtype, dtype));
        let gradients = (w * x).sum().backward().unwrap();
        let got = gradients.wrt(&weight).unwrap();
        assert_eq!(got, &Tensor::from([1.0 / 3.0, 2.0 / 3.0]).cast(dtype), "in the precision of the tape");
        // The input is converted as it is: the f32 number nearest to 0.1, exactly.
        assert_eq!(w.value().to_vec(), [f64::from(0.1f32); 2]);
    }
    assert_eq!(weight.dtype(), DType::F32, "the parameter keeps its own");
}

#[test]
fn a_parameter_that_is_not_trained_is_a_constant() {
    let weight = Param::new("weight", Tensor::from([2.0]));
    weight.set_trainable(false);
    let tape = Tape::f64();
    let x = tape.leaf([1.0]);
    let gradients = (tape.watch(&weight) * x).sum().backward().unwrap();
    assert_eq!(gradients.wrt(x).unwrap().to_vec(), [2.0]);
    assert!(matches!(gradients.wrt(&weight), Err(Error::NoGradient { why: NoGradient::Constant, .. })));
}

#[test]
fn a_reset_tape_records_anew_and_old_gradients_are_refused() {
    let mut tape = Tape::f64();
    tape.set_mode(Mode::Eval);
    let old = {
        let x = tape.leaf(2.0);
        (x * x).named("square").backward().unwrap()
    };
    tape.reset();
    assert!(tape.is_empty());
    assert_eq!(tape.mode(), Mode::Eval, "settings stay");
    let x = tape.leaf(5.0);
    assert_eq!((x * x).backward().unwrap().wrt(x).unwrap().item(), 10.0);
    assert_eq!(old.wrt(x).ok(), None, "same position, another recording");
    assert!(matches!(old.wrt(x), Err(Error::NoGradient { why: NoGradient::OtherRecording, .. })));
}

#[test]
fn backward_can_be_repeated_and_leaves_the_tape_as_it_was() {
    for lazy_from in [0, usize::MAX] {
        let tape = Tape::f64();
        tape.set_lazy_from(lazy_from);
        let x = tape.leaf(numbers([3, 4], 0.0));
        let loss = (x.tanh() * x).log_softmax(1).square().sum();
        let before = tape.len();
        let first = loss.backward().unwrap();
        assert_eq!(tape.len(), before);
        let second = loss.backward().unwrap();
        assert_eq!(first.wrt(x).unwrap(), second.wrt(x).unwrap());
        // The recorded gradient stays on the tape, and has the same numbers.
        let recorded = tape.grad(loss, &[x]).unwrap()[0];
        assert!(tape.len() > before);
        assert_eq!(first.wrt(x).unwrap(), &recorded.value());
    }
}

#[test]
fn a_vector_jacobian_product_weighs_the_outputs() {
    let tape = Tape::new();
    let x = tape.leaf([1.0, 2.0]);
    let y = x * x;
    let upstream = Tensor::from([1.0, 10.0]);
    assert_eq!(y.vjp(&upstream).unwrap().wrt(x).unwrap().to_vec(), [2.0, 40.0]);
    let recorded = tape.grad_with(y, &[x], tape.leaf(&upstream)).unwrap()[0];
    assert_eq!(recorded.value().to_vec(), [2.0, 40.0]);
}

#[test]
fn gradients_by_inner_values_are_recorded_too() {
    let tape = Tape::f64();
    let x = tape.leaf(2.0);
    let y = x * x;
    let z = y * y * x;
    let by = tape.grad(z, &[y, x, z]).unwrap();
    // ∂z/∂y = 2xy holds x fixed; dz/dx = 5x⁴ goes through y; dz/dz = 1.
    assert_eq!((by[0].item(), by[1].item(), by[2].item()), (16.0, 80.0, 1.0));
    // A value after z, or beside it, has no part in it.
    let later = z + x;
    assert_eq!(tape.grad(z, &[later]).unwrap()[0].item(), 0.0);
}

#[test]
fn the_value_bound_last_stands_for_a_parameter() {
    let w = Param::new("w", Tensor::from(2.0));
    let tape = Tape::f64();
    let watched = tape.watch(&w);
    let (first, second) = (tape.leaf(3.0), tape.leaf(5.0));
    tape.bind(&w, first).unwrap();
    tape.bind(&w, second).unwrap();
    let gradients = (tape.watch(&w) * 7.0 + first * 11.0 + watched * 13.0).backward().unwrap();
    assert_eq!(gradients.wrt(&w).unwrap().item(), 7.0);
    assert_eq!(gradients.wrt(&w).unwrap(), gradients.wrt(second).unwrap());
}

/// `numel` ones from nowhere, in double precision.
struct Ones(usize);

impl Op for Ones {
    fn name(&self) -> &str {
        "ones"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(Shape::from([self.0]))
    }
    fn forward(&self, _: &[&Tensor], shape: Shape, _: &mut Option<Saved>) -> Result<Tensor> {
        Ok(Tensor::ones(shape, DType::F64))
    }
    fn vjp<'t>(&self, _: Vjp<'_, 't>) -> Result<Grads<'t>> {
        Ok(Grads::new())
    }
}

#[test]
fn an_operation_without_inputs_has_the_precision_of_its_tape_and_fits_into_memory() {
    assert_eq!(Tape::f64().record(Ones(3), &[]).unwrap().value().to_vec(), [1.0; 3]);
    let single = Tape::new();
    let error = single.record(Ones(3), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ones: expected f32, but got f64; convert with `.cast(DType::F32)`, or use one precision throughout"
    );
    assert!(single.is_empty());
    let error = single.record(Ones(isize::MAX as usize / 8), &[]).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { op, .. } if op == "ones"), "{error}");
}

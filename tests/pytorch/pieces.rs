//! Taking apart and moving about, norms, attention.

use wengert::{DType, Tape, Tensor, Var, functional::Attention};

use crate::{close, fails, panics};

fn counted<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.leaf(Tensor::from_fn(shape, DType::F64, |i| i as f64))
}

#[test]
fn pieces_along_an_axis() {
    let tape = Tape::f64();
    let x = counted(&tape, &[2, 5]);
    let [a, b] = x.split(&[1, 4], -1)[..] else { panic!("two pieces") };
    close(a, &[0.0, 5.0]);
    close(b, &[1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0]);
    let sizes = |count| x.chunk(count, 1).iter().map(|piece| piece.shape()[1]).collect::<Vec<_>>();
    // As torch.chunk: of 5 columns in 4 pieces become three.
    assert_eq!([sizes(1), sizes(2), sizes(4), sizes(9)], [vec![5], vec![3, 2], vec![2, 2, 1], vec![1; 5]]);
    assert_eq!(Var::concat(&x.chunk(4, 1), 1).value(), x.value());
    assert_eq!(Var::stack(&x.unbind(1), 1).value(), x.value());
    assert_eq!(x.unbind(0)[1].shape().dims(), [5]);
    let sum = "split: the sizes [1, 3] must add up to 5, the size of axis 1, but got [2, 5]";
    fails(sum, x.try_split(&[1, 3], 1));
    panics(sum, || x.split(&[1, 3], 1));
    fails(
        &format!("split: the sizes [{}, 2] must add up to 5, the size of axis 1, but got [2, 5]", usize::MAX),
        x.try_split(&[usize::MAX, 2], 1),
    );
    fails("chunk: count = 0, but it must be at least 1", x.try_chunk(0, 1));
    for op in ["split", "chunk", "unbind", "roll"] {
        let result = match op {
            "split" => x.try_split(&[5], 2).map(drop),
            "chunk" => x.try_chunk(1, 2).map(drop),
            "unbind" => x.try_unbind(2).map(drop),
            _ => x.try_roll(1, 2).map(drop),
        };
        fails(&format!("{op}: axis 2 is out of range for shape [2, 5], which has 2 axes"), result);
    }
}

#[test]
fn entries_roll_and_axes_move() {
    let tape = Tape::f64();
    let x = counted(&tape, &[2, 3]);
    for shift in [-7isize, -1, 0, 2, 3, 4] {
        let want: Vec<f64> = (0..6).map(|i| (i / 3 * 3 + (i % 3 - shift).rem_euclid(3)) as f64).collect();
        close(x.roll(shift, 1), &want);
    }
    assert_eq!(x.narrow(1, 0, 0).roll(1, 1).numel(), 0);
    assert_eq!(x.roll(isize::MIN, 0).shape(), x.shape());
    let y = counted(&tape, &[2, 3, 4]);
    assert_eq!(y.movedim(0, 2).value(), y.permute(&[1, 2, 0]).value());
    assert_eq!(y.movedim(-1, 0).value(), y.permute(&[2, 0, 1]).value());
    fails("movedim: axis 3 is out of range for shape [2, 3, 4], which has 3 axes", y.try_movedim(0, 3));
    let z = counted(&tape, &[1, 2, 1, 3]);
    assert_eq!(z.squeeze(&[]).shape().dims(), [2, 3]);
    assert_eq!(z.squeeze(&[-2]).shape().dims(), [1, 2, 3]);
    let size = "squeeze: axis 1 must have size 1, but got [1, 2, 1, 3]";
    fails(size, z.try_squeeze(&[0, 1]));
    panics(size, || z.squeeze(&[0, 1]));
    fails("squeeze: axis 4 is out of range for shape [1, 2, 1, 3], which has 4 axes", z.try_squeeze(&[4]));
}

#[test]
fn diagonals_beside_the_main_one() {
    let tape = Tape::f64();
    let x = counted(&tape, &[2, 3, 4]);
    for offset in -3..=4isize {
        let places = (0..3isize).map(|i| (i, i + offset)).filter(|&(_, j)| (0..4).contains(&j));
        let places: Vec<isize> = places.map(|(i, j)| i * 4 + j).collect();
        let want: Vec<f64> = [0, 12].iter().flat_map(|b| places.iter().map(move |p| (b + p) as f64)).collect();
        close(x.diagonal_at(offset), &want);
    }
    for offset in [isize::MIN, -3, -1, 0, 2, 4, isize::MAX] {
        let keep = |i: usize, below: bool| {
            let (row, column) = ((i / 4 % 3) as i128, (i % 4) as i128);
            if below { column - row <= offset as i128 } else { column - row >= offset as i128 }
        };
        let want = |below| (0..24).map(|i| if keep(i, below) { i as f64 } else { 0.0 }).collect::<Vec<_>>();
        close(x.tril_at(offset), &want(true));
        close(x.triu_at(offset), &want(false));
    }
    fails("tril_at: matrices [.., n, m] are needed, but got []", x.sum().try_tril_at(0));
    fails("triu_at: matrices [.., n, m] are needed, but got []", x.sum().try_triu_at(0));
    let far = "diagonal_at: matrices [.., n, m] with a diagonal 5 from the main one are needed, but got [2, 3, 4]";
    fails(far, x.try_diagonal_at(5));
    panics(far, || x.diagonal_at(5));
    fails("diagonal_at: matrices [.., n, m] are needed, but got []", x.sum().try_diagonal_at(0));
}

#[test]
fn padding_may_be_infinite_or_nan() {
    let tape = Tape::f64();
    let x = tape.leaf([1.0, -2.0]);
    for value in [f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
        let padded = x.pad(&[(1, 1)], value);
        close(padded, &[value, 1.0, -2.0, value]);
        assert_eq!(padded.sum().backward().unwrap().wrt(x).unwrap().to_vec(), [1.0, 1.0]);
    }
}

/// Values of PyTorch 2.15.
#[test]
fn norms_deviations_and_logarithms_are_those_of_pytorch() {
    const INF: f64 = f64::INFINITY;
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, -2.0, 3.0], [0.0, 4.0, -5.0]]);
    let norms = [
        (0.0, [3.0, 2.0]),
        (0.5, [17.191_508_225_450_303, 17.944_271_909_999_16]),
        (1.0, [6.0, 9.0]),
        (2.0, [14f64.sqrt(), 41f64.sqrt()]),
        (3.0, [3.301_927_248_894_626, 5.738_793_548_317_167]),
        (INF, [3.0, 5.0]),
        (-INF, [1.0, 0.0]),
        (-1.0, [6.0 / 11.0, 0.0]),
    ];
    norms.iter().for_each(|(p, want)| close(x.p_norm_axes(&[1], *p, false), want));
    let zero = tape.leaf([0.0, 0.0]);
    let norm = zero.p_norm(3.0);
    assert_eq!((norm.item(), norm.backward().unwrap().wrt(zero).unwrap().to_vec()), (0.0, vec![0.0, 0.0]));
    fails("p_norm: p = NaN, but it must be a number or infinite", x.try_p_norm_axes(&[], f64::NAN, false));
    fails("p_norm: axis 2 is out of range for shape [2, 3], which has 2 axes", x.try_p_norm_axes(&[2], 3.0, false));
    close(x.std_axes(&[1], 1, false), &[2.516_611_478_423_583, 4.509_249_752_822_894]);
    close(x.std_axes(&[0], 0, true), &[0.5, 3.0, 4.0]);
    let equal = tape.leaf([2.0, 2.0]);
    assert_eq!(equal.std(1).backward().unwrap().wrt(equal).unwrap().to_vec(), [0.0, 0.0]);
    close(x.std(1), &[3.311_595_788_538_611]);
    fails("std: axis 2 is out of range for shape [2, 3], which has 2 axes", x.try_std_axes(&[2], 1, false));
    close(x.prelu(tape.leaf([0.1, 0.2, 0.3])), &[1.0, -0.4, 3.0, 0.0, 4.0, -1.5]);
    close(x.prelu(tape.leaf([0.5])), &[1.0, -1.0, 3.0, 0.0, 4.0, -2.5]);
    fails(
        "prelu: one number for each channel (axis 1) is needed, but got [2] and [2, 3]",
        x.try_prelu(tape.leaf([0.1, 0.2])),
    );
    let (a, b) = (tape.leaf([1.0, -1000.0, INF, -INF, 800.0, -INF]), tape.leaf([2.0, -1000.0, INF, -INF, -800.0, 3.0]));
    close(a.logaddexp(b), &[2.313_261_687_518_223, -1000.0 + 2f64.ln(), INF, -INF, 800.0, 3.0]);
    let da = a.logaddexp(b).narrow(0, 0, 2).sum().backward().unwrap().wrt(a).unwrap().to_vec();
    assert!((da[0] - 1.0 / (1.0 + 1f64.exp())).abs() < 1e-15 && da[1] == 0.5, "{da:?}");
    close(tape.leaf([0.0, 0.0, 2.0]).xlogy(tape.leaf([0.0, -1.0, 3.0])), &[0.0, 0.0, 2.0 * 3f64.ln()]);
    let apart = "xlogy: aligned at the last axis, sizes must be equal or 1, but got [2] and [3]";
    fails(apart, zero.try_xlogy(tape.leaf([1.0, 2.0, 3.0])));
    fails(&apart.replace("xlogy", "logaddexp"), zero.try_logaddexp(tape.leaf([1.0, 2.0, 3.0])));
}

/// Values of PyTorch 2.15, where a query that may read nothing reads 0.
#[test]
fn attention_is_that_of_pytorch() {
    let tape = Tape::f64();
    let q = tape.leaf(Tensor::from_fn([1, 3, 4], DType::F64, |i| (i as f64).sin()));
    let k = tape.leaf(Tensor::from_fn([1, 5, 4], DType::F64, |i| (i as f64).cos()));
    let v = counted(&tape, &[1, 5, 2]);
    let every_second = |x: Var<'_>, want: [f64; 3]| {
        // The second component of each value is the first plus 1.
        close(x.narrow(2, 0, 1), &want);
        assert_eq!(x.shape().dims(), [1, 3, 2]);
    };
    let plain = q.attention(k, v, &Attention::default());
    every_second(plain, [4.092_748_714_307_286, 4.821_736_212_180_076, 2.959_636_533_855_016]);
    let causal = q.attention(k, v, &Attention::default().causal().scale(0.3));
    every_second(causal, [0.0, 1.326_414_313_387_125, 1.398_941_976_754_765]);
    let mask = [[1.0, 0.0, 1.0, 1.0, 0.0], [0.0; 5], [0.0, 1.0, 0.0, 0.0, 0.0]];
    let masked = q.attention(k, v, &Attention::default().mask(mask));
    every_second(masked, [3.684_031_236_409_046, 0.0, 2.0]);
    let need = "attention: queries [.., queries, d], keys [.., keys, d] and values [.., keys, e] are needed, but got [1, 3, 4] and [1, 5, 2] and [1, 5, 2]";
    fails(need, q.try_attention(v, v, &Attention::default()));
    panics(need, || q.attention(v, v, &Attention::default()));
    fails(
        "attention: the mask must broadcast to [.., queries, keys], but got [2] and [1, 3, 5]",
        q.try_attention(k, v, &Attention::default().mask([1.0, 0.0])),
    );
    let scale = "attention: scale = inf, but it must be finite";
    fails(scale, q.try_attention(k, v, &Attention::default().scale(f64::INFINITY)));
}

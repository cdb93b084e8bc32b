//! Pools with all options, interpolation, sequences.

use wengert::{
    DType, Tape, Tensor, Var,
    functional::{Interpolate, Pool},
    ops::{ConvSpec, Window},
};

use crate::{close, fails, panics};

fn image(tape: &Tape) -> Var<'_> {
    tape.leaf(Tensor::from_fn([1, 1, 5, 7], DType::F64, |i| (i as f64 * 0.7).sin()))
}

/// The pool of a window at each place, by loops: `reduce` sees the pixels, and how many places of the padded image.
fn naive(x: Var<'_>, pool: Pool, [height, width]: [usize; 2], reduce: impl Fn(&[f64], usize) -> f64) -> Vec<f64> {
    let (value, sizes) = (x.value(), [5isize, 7]);
    let mut all = Vec::new();
    for oy in 0..height {
        for ox in 0..width {
            let (mut seen, mut places) = (Vec::new(), 0);
            for ky in 0..pool.kernel[0] {
                for kx in 0..pool.kernel[1] {
                    let at = |axis: usize, o: usize, k: usize| {
                        (o * pool.stride[axis] + k * pool.dilation[axis]) as isize - pool.padding[axis] as isize
                    };
                    let at = [at(0, oy, ky), at(1, ox, kx)];
                    let within = |by: isize| (0..2).all(|i| at[i] >= -by && at[i] < sizes[i] + by);
                    places += usize::from(within(pool.padding[0] as isize));
                    if within(0) {
                        seen.push(value.at(&[0, 0, at[0] as usize, at[1] as usize]));
                    }
                }
            }
            all.push(reduce(&seen, places));
        }
    }
    all
}

#[test]
fn pools_are_those_of_a_loop_over_their_windows() {
    let tape = Tape::f64();
    let x = image(&tape);
    let largest = |seen: &[f64], _: usize| seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = |seen: &[f64]| seen.iter().sum::<f64>();
    // Output sizes of PyTorch 2.15.
    let cases = [
        (Pool::square(2).ceil_mode(), [3, 4]),
        (Pool::square(2).stride(2).padding(1).dilation(3), [2, 3]),
        (Pool::square(3).stride(2).padding(1).ceil_mode(), [3, 4]),
        (Pool::square(2).stride(3).padding(1).ceil_mode(), [2, 3]),
        (Pool::square(8).ceil_mode(), [1, 1]),
        (Pool { kernel: [1, 3], stride: [2, 1], padding: [0, 1], ..Pool::square(1) }, [3, 7]),
    ];
    for (pool, size) in cases {
        close(x.max_pool2d_with(&pool), &naive(x, pool, size, largest));
        if pool.dilation == [1, 1] && pool.padding[0] == pool.padding[1] {
            close(x.avg_pool2d_with(&pool), &naive(x, pool, size, |seen, places| sum(seen) / places as f64));
            let real = pool.count_padding(false);
            close(x.avg_pool2d_with(&real), &naive(x, pool, size, |seen, _| sum(seen) / seen.len() as f64));
            close(x.avg_pool2d_with(&pool.divisor(3.0)), &naive(x, pool, size, |seen, _| sum(seen) / 3.0));
        }
    }
    for window in [Window::square(2), Window::square(3).stride(1).padding(1), Window::square(5).stride(2).padding(2)] {
        assert_eq!(x.max_pool2d_with(&window.into()).value(), x.max_pool2d(window).value());
        close(x.avg_pool2d_with(&window.into()), &x.avg_pool2d(window, true).value().to_vec());
    }
}

/// Where the outputs divide the sizes, another kernel computes the same windows.
#[test]
fn adaptive_pools_with_equal_windows_are_those_with_any_windows() {
    for tape in [Tape::new(), Tape::f64()] {
        // Small whole numbers, so that there are ties, and a NaN; sums of them are exact.
        let number = |i: usize| if i == 50 { f64::NAN } else { ((i * 7 + i / 5) % 4) as f64 };
        let x = tape.leaf(Tensor::from_fn([2, 1, 6, 8], tape.dtype(), number));
        let upstream = tape.constant(Tensor::from_fn([2, 1, 3, 2], tape.dtype(), |i| i as f64 + 1.0));
        // Of windows that are given one by one.
        let window = Pool { kernel: [2, 4], stride: [2, 4], ..Pool::square(1) };
        let pairs = [
            (x.adaptive_max_pool2d([3, 2]), x.max_pool2d_with(&window)),
            (x.adaptive_avg_pool2d([3, 2]), x.avg_pool2d_with(&window)),
        ];
        for (got, want) in pairs {
            let text = |y: Var<'_>| format!("{:?}", y.value().to_vec());
            let slope = |y: Var<'_>| format!("{:?}", (y * upstream).sum().backward().unwrap().wrt(x).unwrap().to_vec());
            assert_eq!(text(got), text(want));
            assert_eq!(slope(got), slope(want));
        }
    }
}

/// The windows over five pixels that give three outputs are of two, three and two: none sees more than its own, and neither
/// does a pixel that is taken as it is.
#[test]
fn an_infinite_pixel_is_in_its_own_windows_alone() {
    let tape = Tape::f64();
    let x = tape.leaf([[4.0, f64::INFINITY, 2.0, 3.0, 5.0]]).reshape([1, 1, 1, 5]);
    assert_eq!(x.adaptive_avg_pool2d([1, 3]).value().to_vec(), [f64::INFINITY, f64::INFINITY, 4.0]);
    let same = Interpolate::size([1, 5]);
    for options in [same, same.bilinear(), same.bicubic(), same.bilinear().align_corners()] {
        assert_eq!(x.interpolate(&options).value(), x.value(), "{options:?}");
    }
}

/// Values of PyTorch 2.15.
#[test]
fn pools_are_those_of_pytorch() {
    let tape = Tape::f64();
    let x = image(&tape);
    let dilated = x.max_pool2d_with(&Pool::square(2).stride(2).padding(1).dilation(3));
    close(dilated.reshape([6]).narrow(0, 0, 3), &[-0.979_177_729_151_317, 0.033_623_047_221_137, 0.990_607_355_694_87]);
    let mean = x.avg_pool2d_with(&Pool::square(3).stride(2).padding(1).ceil_mode());
    close(
        mean.narrow(2, 0, 1),
        &[-0.107_722_395_917_663, 0.281_712_293_911_76, 0.371_907_558_866_581, -0.005_406_858_851_73],
    );
    let adaptive = x.adaptive_max_pool2d([2, 3]);
    close(
        adaptive,
        &[
            0.985_449_729_988_46,
            0.988_168_233_877,
            0.990_607_355_694_87,
            0.992_766_405_835_907,
            0.836_655_638_536_056,
            0.990_607_355_694_87,
        ],
    );
    let mean = x.adaptive_avg_pool2d([3, 4]);
    close(
        mean.narrow(2, 2, 1),
        &[0.705_898_803_448_169, 0.191_659_100_279_981, -0.578_952_710_178_222, -0.605_348_987_040_754],
    );
    assert_eq!(x.adaptive_avg_pool2d([5, 7]).value(), x.value());
    close(x.adaptive_avg_pool2d([1, 1]), &[x.mean().item()]);
    // More outputs than inputs: pixels are repeated.
    close(x.narrow(2, 0, 1).narrow(3, 0, 2).adaptive_avg_pool2d([1, 4]), &[0.0, 0.0, 0.7f64.sin(), 0.7f64.sin()]);
}

/// Values of PyTorch 2.15.
#[test]
fn interpolations_are_those_of_pytorch() {
    let tape = Tape::f64();
    let x = image(&tape);
    let small = x.narrow(2, 0, 2).narrow(3, 0, 3);
    let [a, b, c, d, e, f] = small.value().to_vec()[..] else { panic!("six pixels") };
    let nearest = [a, a, b, b, c, a, a, b, b, c, d, d, e, e, f];
    close(small.interpolate(&Interpolate::size([3, 5])), &nearest);
    close(small.interpolate(&Interpolate::scale(1.7)), &nearest);
    let middle = |options: Interpolate, want: [f64; 5]| close(small.interpolate(&options).narrow(2, 1, 1), &want);
    middle(
        Interpolate::size([3, 5]).bilinear(),
        [
            -0.491_226_306_312_166,
            -0.292_145_573_914_226,
            0.006_475_524_682_685,
            0.303_269_299_014_917,
            0.501_131_815_236_405,
        ],
    );
    middle(
        Interpolate::size([3, 5]).bilinear().align_corners(),
        [
            -0.491_226_306_312_166,
            -0.242_375_390_814_741,
            0.006_475_524_682_685,
            0.253_803_669_959_545,
            0.501_131_815_236_405,
        ],
    );
    middle(
        Interpolate::scale(1.7).bilinear(),
        [
            -0.375_643_646_003_421,
            -0.172_164_529_784_581,
            0.140_880_264_398_251,
            0.412_784_647_733_391,
            0.615_088_971_648_653,
        ],
    );
    middle(
        Interpolate::size([3, 5]).bicubic(),
        [
            -0.539_005_682_087_672,
            -0.333_733_248_806_032,
            0.006_475_524_682_685,
            0.345_039_706_333_19,
            0.548_618_819_129_562,
        ],
    );
    let aligned = x.narrow(2, 0, 3).narrow(3, 0, 3).interpolate(&Interpolate::size([2, 4]).bicubic().align_corners());
    close(
        aligned.narrow(2, 1, 1),
        &[-0.366_479_129_251_927, -0.707_074_009_280_679, -0.968_038_227_756_346, -0.979_177_729_151_317],
    );
    close(
        x.interpolate(&Interpolate::size([2, 3]).bilinear()).narrow(2, 0, 1),
        &[-0.453_876_857_552_629, 0.708_542_290_701_31, 0.375_978_858_982_076],
    );
}

/// Values of PyTorch 2.15.
#[test]
fn sequences_are_convolved_and_pooled_as_in_pytorch() {
    let tape = Tape::f64();
    let x = image(&tape).squeeze(&[0]);
    let w = tape.leaf(Tensor::from_fn([2, 5, 3], DType::F64, |i| (i as f64 * 0.3).cos()));
    let spec = ConvSpec::default().stride(2).padding(1).dilation(2);
    close(
        x.reshape([1, 5, 7]).conv1d(w, Some(tape.leaf([0.5, -0.5])), spec),
        &[
            2.260_490_246_900_166,
            2.145_796_878_467_654,
            3.342_198_802_782_309,
            -2.026_861_401_626_488,
            -0.521_882_369_179_034,
            0.081_214_203_553_419,
        ],
    );
    let (x, window) = (x.reshape([1, 5, 7]).narrow(1, 0, 2), Window::square(3).stride(2).padding(1));
    let first = |y: Var<'_>, want: [f64; 4]| close(y.narrow(1, 0, 1), &want);
    first(
        x.max_pool1d(window),
        [0.644_217_687_237_691, 0.985_449_729_988_46, 0.863_209_366_648_874, -0.350_783_227_689_62],
    );
    first(
        x.avg_pool1d(window, true),
        [0.214_739_229_079_23, 0.830_958_927_958_342, 0.282_471_429_705_053, -0.407_453_000_034_403],
    );
}

#[test]
fn images_and_windows_that_do_not_fit_are_refused() {
    let tape = Tape::f64();
    let x = image(&tape);
    let window = "max_pool2d: the window [3, 3] with stride [3, 3] and dilation [3, 3] must fit into the padded image and see a pixel everywhere, and the padding [0, 0] must be at most half of it, but got [1, 1, 5, 7]";
    fails(window, x.try_max_pool2d_with(&Pool::square(3).dilation(3)));
    panics(window, || x.max_pool2d_with(&Pool::square(3).dilation(3)));
    for pool in [
        Pool::square(0),
        Pool::square(2).stride(0),
        Pool::square(2).dilation(0),
        Pool::square(2).padding(2),
        Pool::square(2).dilation(usize::MAX),
        Pool::square(usize::MAX).padding(usize::MAX / 2),
    ] {
        assert!(x.try_max_pool2d_with(&pool).is_err(), "{pool:?}");
    }
    assert_eq!(x.max_pool2d_with(&Pool::square(2).stride(usize::MAX).ceil_mode()).numel(), 1);
    fails("avg_pool2d: dilation = [2, 2], but it must be [1, 1]", x.try_avg_pool2d_with(&Pool::square(2).dilation(2)));
    fails(
        "avg_pool2d: divisor = 0, but it must be finite and not 0",
        x.try_avg_pool2d_with(&Pool::square(2).divisor(0.0)),
    );
    let images = |op| format!("{op}: images [n, c, h, w] of at least one pixel are needed, but got [5, 7]");
    let flat = x.squeeze(&[]);
    fails(&images("max_pool2d"), flat.try_max_pool2d_with(&Pool::square(1)));
    fails(&images("adaptive_avg_pool2d"), flat.try_adaptive_avg_pool2d([1, 1]));
    fails(&images("adaptive_max_pool2d"), flat.try_adaptive_max_pool2d([1, 1]));
    fails(&images("interpolate"), flat.try_interpolate(&Interpolate::size([1, 1])));
    let large = format!(
        "adaptive_avg_pool2d: a tensor of shape [1, 1, {0}, {0}] does not fit into memory (made of [1, 1, 5, 7])",
        1usize << 40
    );
    fails(&large, x.try_adaptive_avg_pool2d([1 << 40, 1 << 40]));
    assert_eq!(x.adaptive_avg_pool2d([0, 2]).numel(), 0);
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let must = format!("interpolate: scale = {factor}, but it must be positive and finite");
        fails(&must, x.try_interpolate(&Interpolate::scale(factor)));
    }
    let none = "interpolate: images of a height and width that become [0, 1] have no pixel left; at least 1 by 1 is needed, but got [1, 1, 5, 7]";
    fails(none, x.try_interpolate(&Interpolate::scale(0.15)));
    assert!(x.try_interpolate(&Interpolate::scale(1e300)).is_err());
    let sequences = |op| {
        format!(
            "{op}: sequences [n, c, l] are needed, but got [5, 7]; insert a missing channel axis with `.unsqueeze(1)`, a missing batch axis with `.unsqueeze(0)`"
        )
    };
    let w = tape.leaf([[[1.0]]]);
    fails(&sequences("conv1d"), flat.try_conv1d(w, None, ConvSpec::default()));
    fails(&sequences("max_pool1d"), flat.try_max_pool1d(Window::square(2)));
    fails(&sequences("avg_pool1d"), flat.try_avg_pool1d(Window::square(2), true));
    fails(
        "conv1d: kernels [c_out, c_in/groups, k] are needed, but got [5, 7]",
        x.squeeze(&[0]).try_conv1d(flat, None, ConvSpec::default()),
    );
}

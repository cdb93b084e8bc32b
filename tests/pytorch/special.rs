//! Special functions in both precisions against values that mpmath computed with 40 digits, and running products.

use wengert::{DType, Tape, Tensor, Var};

use crate::{close, fails, panics};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

type Function = for<'t> fn(Var<'t>) -> Var<'t>;

/// A function, and what it is at some arguments.
type Row = (&'static str, Function, &'static [(f64, f64)]);

/// The values are exact to the last digit of a double.
const VALUES: &[Row] = &[
    (
        "asinh",
        |x| x.asinh(),
        &[
            (1e-9, 1.0e-9),
            (-0.3, -0.295_673_047_563_422_44),
            (2.0, 1.443_635_475_178_810_3),
            (1e10, 23.718_998_110_500_4),
        ],
    ),
    (
        "acosh",
        |x| x.acosh(),
        &[
            (1.000_000_1, 0.000_447_213_591_903_734_75),
            (1.5, 0.962_423_650_119_206_9),
            (30.0, 4.094_066_668_632_085_5),
            (1e10, 23.718_998_110_500_4),
        ],
    ),
    ("atanh", |x| x.atanh(), &[(1e-9, 1.0e-9), (-0.3, -0.309_519_604_203_111_7), (0.999_999, 7.254_328_619_247_669)]),
    (
        "log2",
        |x| x.log2(),
        &[(0.3, -1.736_965_594_166_206), (1.000_000_1, 1.442_694_969_596_558_3e-7), (1e30, 99.657_842_846_620_87)],
    ),
    (
        "log10",
        |x| x.log10(),
        &[(0.3, -0.522_878_745_280_337_6), (1.000_000_1, 4.342_944_604_420_994_6e-8), (1e30, 30.0)],
    ),
    (
        "exp2",
        |x| x.exp2(),
        &[(0.3, 1.231_144_413_344_916_3), (-20.7, 5.870_554_033_970_437e-7), (100.5, 1.792_728_671_193_156_6e30)],
    ),
    (
        "normal_cdf",
        |x| x.normal_cdf(),
        &[
            (-12.0, 1.776_482_112_077_679e-33),
            (-5.0, 2.866_515_718_791_939e-7),
            (-0.7, 0.241_963_652_223_073),
            (0.0, 0.5),
            (1.3, 0.903_199_515_414_389_7),
        ],
    ),
    (
        "erfc",
        |x| x.erfc(),
        &[
            (-1.0, 1.842_700_792_949_715),
            (1e-9, 0.999_999_998_871_620_8),
            (0.4, 0.571_607_644_953_331_5),
            (3.0, 2.209_049_699_858_544e-5),
            (9.0, 4.137_031_746_513_81e-37),
        ],
    ),
    (
        "erfinv",
        |x| x.erfinv(),
        &[
            (1e-12, 8.862_269_254_527_58e-13),
            (0.001, 0.000_886_227_157_466_552_1),
            (-0.3, -0.272_462_714_726_754_4),
            (0.5, 0.476_936_276_204_469_9),
            (0.75, 0.813_419_847_597_618_5),
            (0.999, 2.326_753_765_513_524_6),
            (-0.999_999_9, -3.766_562_581_638_470_7),
        ],
    ),
    (
        "lgamma",
        |x| x.lgamma(),
        &[
            (1e-6, 13.815_509_980_749_432),
            (0.4, 0.796_677_817_701_783_7),
            (3.7, 1.428_072_326_665_388),
            (25.0, 54.784_729_398_112_32),
            (1e8, 1_742_068_066.103_834_6),
            (-0.5, 1.265_512_123_484_645_4),
            (-2.3, 0.369_566_663_455_008_05),
        ],
    ),
    (
        "digamma",
        |x| x.digamma(),
        &[
            (1e-6, -1_000_000.577_214_02),
            (0.4, -2.561_384_544_585_116),
            (3.7, 1.167_153_539_361_511_3),
            (25.0, 3.198_742_512_851_974),
            (1e8, 18.420_680_738_952_363),
            (-0.5, 0.036_489_973_978_576_52),
            (-2.3, 3.317_323_157_561_822_7),
        ],
    ),
    (
        "trigamma",
        |x| x.polygamma(1),
        &[
            (1e-4, 100_000_001.644_693_67),
            (0.4, 7.275_356_590_529_596),
            (3.7, 0.310_037_857_670_038_3),
            (25.0, 0.040_810_663_257_225_58),
            (1e8, 1.000_000_005e-8),
            (-0.5, 8.934_802_200_544_679),
            (-2.3, 14.725_912_160_961_292),
        ],
    ),
    (
        "polygamma 2",
        |x| x.polygamma(2),
        &[
            (0.4, -32.239_128_623_578_35),
            (3.7, -0.095_395_308_728_554_03),
            (25.0, -0.001_665_279_318_422_468_3),
            (-0.3, 67.639_081_199_883_17),
            (-2.3, 68.713_792_529_270_31),
        ],
    ),
    (
        "polygamma 5",
        |x| x.polygamma(5),
        &[
            (0.4, 29_313.542_469_258_76),
            (3.7, 0.063_939_753_902_039_79),
            (25.0, 2.713_175_770_003_832e-6),
            (-2.3, 165_660.053_611_652_75),
        ],
    ),
];

/// The distance in units in the last place of the wanted number.
fn units(got: f64, want: f64, digits: i32) -> f64 {
    (got - want).abs() / 2f64.powi(want.abs().log2().floor() as i32 - digits)
}

#[test]
fn values_are_exact_to_a_few_units_in_double_precision() {
    let tape = Tape::f64();
    for (name, run, values) in VALUES {
        for &(x, want) in *values {
            let got = run(tape.leaf(x)).item();
            // Near a zero of the function there is a bound on the error alone.
            let error = units(got, want, 52).min((got - want).abs() / f64::EPSILON);
            assert!(error <= 8.0, "{name} of {x} is {got:e}, not {want:e}: {error} units");
        }
    }
}

#[test]
fn single_precision_is_the_rounded_result() {
    let (single, double) = (Tape::new(), Tape::f64());
    // Φ has a way of its own in single precision, within a few units.
    for (name, run, values) in VALUES.iter().filter(|(name, ..)| *name != "normal_cdf") {
        for &(x, _) in *values {
            let x = f64::from(x as f32);
            let (got, want) = (run(single.leaf(x)).item(), run(double.leaf(x)).item());
            assert_eq!(got as f32, want as f32, "{name} of {x}");
        }
    }
}

#[test]
fn poles_and_ends_are_those_of_pytorch() {
    let tape = Tape::f64();
    let of = |run: Function, x: &[f64], want: &[f64]| close(run(tape.leaf(Tensor::from(x.to_vec()))), want);
    of(|x| x.erfinv(), &[1.0, -1.0, 1.5, 0.0, NAN], &[INF, -INF, NAN, 0.0, NAN]);
    of(|x| x.erfc(), &[INF, -INF], &[0.0, 2.0]);
    of(|x| x.normal_cdf(), &[INF, -INF, NAN], &[1.0, 0.0, NAN]);
    of(|x| x.acosh(), &[1.0, 0.5, -1e9, INF], &[0.0, NAN, NAN, INF]);
    of(|x| x.atanh(), &[1.0, -1.0, 2.0], &[INF, -INF, NAN]);
    of(|x| x.asinh(), &[INF, -INF], &[INF, -INF]);
    of(|x| x.log2(), &[0.0, 8.0, -1.0], &[-INF, 3.0, NAN]);
    of(|x| x.lgamma(), &[0.0, -3.0, 1.0, 2.0, INF], &[INF, INF, 0.0, 0.0, INF]);
    of(|x| x.digamma(), &[0.0, -0.0, -2.0, INF], &[-INF, INF, NAN, INF]);
    of(|x| x.polygamma(1), &[0.0, -2.0, INF], &[INF, INF, 0.0]);
    of(|x| x.polygamma(171), &[1.0], &[NAN]);
}

#[test]
fn running_products_and_sums_are_those_of_a_loop() {
    let tape = Tape::f64();
    for len in 0..=9 {
        let x = tape.leaf(Tensor::from_fn([2, len, 3], DType::F64, |i| (i as f64 * 0.9).sin() * 2.0));
        let along = |run: &dyn Fn(f64, f64) -> f64| {
            let mut all = x.value().to_vec();
            for i in 0..all.len() {
                if i / 3 % len > 0 {
                    all[i] = run(all[i - 3], all[i]);
                }
            }
            all
        };
        close(x.cumprod(1), &along(&|a, b| a * b));
        close(x.logcumsumexp(-2), &along(&|a: f64, b: f64| (a.exp() + b.exp()).ln()));
    }
    let far = tape.leaf([1e4, 1e4, -1e4, -INF]);
    close(far.logcumsumexp(0), &[1e4, 1e4 + 2f64.ln(), 1e4 + 2f64.ln(), 1e4 + 2f64.ln()]);
    close(tape.leaf([-INF, -INF, 1.0]).logcumsumexp(0), &[-INF, -INF, 1.0]);
    let axis = |op| format!("{op}: axis 1 is out of range for shape [4], which has 1 axes");
    fails(&axis("cumprod"), far.try_cumprod(1));
    fails(&axis("logcumsumexp"), far.try_logcumsumexp(1));
    panics(&axis("cumprod"), || far.cumprod(1));
}

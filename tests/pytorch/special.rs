//! Special functions in both precisions against values that mpmath computed with 40 digits, and running products.

use wengert::{DType, Tape, Tensor, Var};

use crate::{close, fails, panics};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

type Function = for<'t> fn(Var<'t>) -> Var<'t>;

/// Arguments and values, rounded to 17 digits.
const VALUES: &[(&str, Function, &[(f64, f64)])] = &[
    (
        "asinh",
        |x| x.asinh(),
        &[
            (1e-9, 1.0000000000000001e-9),
            (-0.3, -0.29567304756342243),
            (2.0, 1.4436354751788103),
            (1e10, 23.718998110500402),
        ],
    ),
    (
        "acosh",
        |x| x.acosh(),
        &[
            (1.0000001, 0.00044721359190373473),
            (1.5, 0.96242365011920689),
            (30.0, 4.0940666686320851),
            (1e10, 23.718998110500402),
        ],
    ),
    (
        "atanh",
        |x| x.atanh(),
        &[(1e-9, 1.0000000000000001e-9), (-0.3, -0.3095196042031117), (0.999999, 7.2543286192476694)],
    ),
    (
        "log2",
        |x| x.log2(),
        &[(0.3, -1.7369655941662062), (1.0000001, 1.4426949695965584e-7), (1e30, 99.65784284662087)],
    ),
    ("log10", |x| x.log10(), &[(0.3, -0.52287874528033758), (1.0000001, 4.3429446044209945e-8), (1e30, 30.0)]),
    (
        "exp2",
        |x| x.exp2(),
        &[(0.3, 1.2311444133449163), (-20.7, 5.8705540339704365e-7), (100.5, 1.7927286711931565e30)],
    ),
    (
        "erfc",
        |x| x.erfc(),
        &[
            (-1.0, 1.8427007929497149),
            (1e-9, 0.99999999887162083),
            (0.4, 0.57160764495333152),
            (3.0, 2.2090496998585441e-5),
            (9.0, 4.1370317465138102e-37),
        ],
    ),
    (
        "erfinv",
        |x| x.erfinv(),
        &[
            (1e-12, 8.86226925452758e-13),
            (0.001, 0.00088622715746655212),
            (-0.3, -0.27246271472675435),
            (0.5, 0.47693627620446987),
            (0.75, 0.81341984759761854),
            (0.999, 2.3267537655135245),
            (-0.9999999, -3.7665625816384709),
        ],
    ),
    (
        "lgamma",
        |x| x.lgamma(),
        &[
            (1e-6, 13.815509980749432),
            (0.4, 0.79667781770178371),
            (3.7, 1.4280723266653881),
            (25.0, 54.784729398112319),
            (1e8, 1742068066.1038347),
            (-0.5, 1.2655121234846454),
            (-2.3, 0.36956666345500804),
        ],
    ),
    (
        "digamma",
        |x| x.digamma(),
        &[
            (1e-6, -1000000.57721402),
            (0.4, -2.561384544585116),
            (3.7, 1.1671535393615114),
            (25.0, 3.198742512851974),
            (1e8, 18.420680738952365),
            (-0.5, 0.036489973978576521),
            (-2.3, 3.3173231575618227),
        ],
    ),
    (
        "trigamma",
        |x| x.polygamma(1),
        &[
            (1e-4, 100000001.64469368),
            (0.4, 7.2753565905295967),
            (3.7, 0.3100378576700383),
            (25.0, 0.040810663257225579),
            (1e8, 1.000000005e-8),
            (-0.5, 8.9348022005446793),
            (-2.3, 14.725912160961291),
        ],
    ),
    (
        "polygamma 2",
        |x| x.polygamma(2),
        &[
            (0.4, -32.239128623578352),
            (3.7, -0.095395308728554033),
            (25.0, -0.0016652793184224682),
            (-0.3, 67.63908119988316),
            (-2.3, 68.713792529270302),
        ],
    ),
    (
        "polygamma 5",
        |x| x.polygamma(5),
        &[
            (0.4, 29313.54246925876),
            (3.7, 0.063939753902039787),
            (25.0, 2.7131757700038323e-6),
            (-2.3, 165660.05361165274),
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
    for (name, run, values) in VALUES {
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

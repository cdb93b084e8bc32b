//! Losses with their options.

use wengert::{
    DType, Tape, Tensor, Var,
    functional::{BinaryCrossEntropy, CrossEntropy, Reduction},
};

use crate::{close, fails, panics};

fn logits(tape: &Tape) -> Var<'_> {
    tape.leaf([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [-1.0, 0.5, 3.0], [2.0, -2.0, 0.25]])
}

fn targets(tape: &Tape) -> Var<'_> {
    tape.constant([[0.0, 1.0, 0.25], [1.0, 0.5, 0.0], [0.2, 0.0, 1.0], [1.0, 0.0, 0.0]])
}

const LABELS: [usize; 4] = [0, 2, 1, 2];
const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::None];

/// Values of PyTorch 2.15: the mean, and the losses of the observations, whose sum is known.
#[test]
fn cross_entropies_with_options_are_those_of_pytorch() {
    let tape = Tape::f64();
    let x = logits(&tape);
    let weighted = CrossEntropy::default().weights([0.5, 1.0, 2.0]).smoothing(0.1);
    let cases = [
        (
            CrossEntropy::default(),
            1.697_745_704_176_36,
            [1.407_605_964_444_38, 0.861_994_804_058_251, 2.595_674_329_414_382, 1.925_707_718_788_425],
        ),
        (
            weighted.clone(),
            1.587_971_293_978_042,
            [0.830_976_713_185_149, 1.668_823_374_444_981, 2.497_268_901_571_288, 3.736_773_127_677_815],
        ),
        (
            weighted.ignore(1),
            1.385_905_158_957_321,
            [0.830_976_713_185_149, 1.668_823_374_444_981, 0.0, 3.736_773_127_677_815],
        ),
    ];
    for (options, mean, each) in cases {
        let run = |reduction| x.cross_entropy_with(&LABELS, &options.clone().reduction(reduction));
        let wants = [vec![mean], vec![each.iter().sum()], each.to_vec()];
        REDUCTIONS.iter().zip(wants).for_each(|(&reduction, want)| close(run(reduction), &want));
    }
    let options = CrossEntropy::default().weights([0.5, 1.0, 2.0]).ignore(1);
    let wants = [vec![-2.0 / 3.0], vec![-3.0], vec![-0.5, -2.0, 0.0, -0.5]];
    for (&reduction, want) in REDUCTIONS.iter().zip(wants) {
        close(x.nll_loss_with(&LABELS, &options.clone().reduction(reduction)), &want);
    }
    close(x.cross_entropy_with(&LABELS, &CrossEntropy::default()), &[x.cross_entropy(&LABELS).item()]);
    let y = targets(&tape);
    close(x.soft_cross_entropy(y / y.sum_axes(&[1], true)), &[0.818_579_037_509_693]);
}

#[test]
fn every_pixel_has_a_label_of_its_own() {
    let tape = Tape::f64();
    let x = tape.leaf(Tensor::from_fn([2, 3, 2, 2], DType::F64, |i| (i as f64).sin()));
    let labels = [0, 1, 2, 2, 1, 1, 0, 2];
    let options = CrossEntropy::default().weights([0.5, 1.0, 2.0]).ignore(1).smoothing(0.2);
    close(x.cross_entropy_with(&labels, &options), &[1.774_732_877_822_331]);
    let each = x.cross_entropy_with(&labels, &CrossEntropy::default().ignore(2).reduction(Reduction::None));
    assert_eq!(each.shape().dims(), [2, 2, 2]);
    let want = [1.425_195_817_422_806, 2.397_121_844_614_421, 0.0, 0.0];
    let rest = [1.629_784_127_157_958, 2.399_621_635_398_446, 0.433_935_538_024_435, 0.0];
    close(each, &[want, rest].concat());
}

#[test]
fn an_ignored_observation_gives_no_gradient_even_if_it_is_not_finite() {
    let tape = Tape::f64();
    let x = tape.leaf([[1.0, 0.0], [f64::NAN, f64::INFINITY]]);
    let loss = x.cross_entropy_with(&[0, 255], &CrossEntropy::default().ignore(255));
    let p = 1.0 / (1.0 + (-1.0f64).exp());
    close(loss, &[-p.ln()]);
    let dx = loss.backward().unwrap().wrt(x).unwrap().to_vec();
    assert!((dx[0] - (p - 1.0)).abs() < 1e-15 && (dx[1] - (1.0 - p)).abs() < 1e-15, "{dx:?}");
    assert_eq!(dx[2..], [0.0, 0.0]);
}

#[test]
fn binary_cross_entropies_with_weights_are_those_of_pytorch() {
    let tape = Tape::f64();
    let (x, y) = (logits(&tape), targets(&tape));
    let options = BinaryCrossEntropy::default().pos_weight([1.0, 2.0, 0.5]);
    let weighted = options.clone().weight([[1.0], [2.0], [0.0], [0.5]]);
    let each = [
        [1.313_261_687_518_223, 0.253_856_022_085_945, 0.606_503_782_989_952],
        [std::f64::consts::LN_2, 0.969_892_531_277_334, 1.313_261_687_518_223],
        [0.513_261_687_518_223, 0.974_076_984_180_107, 0.024_293_675_786_871],
        [0.126_928_011_042_972, 0.126_928_011_042_973, 0.825_939_419_878_844],
    ]
    .concat();
    let wants = [vec![0.645_112_556_783_301], vec![7.741_350_681_399_612], each];
    for (&reduction, want) in REDUCTIONS.iter().zip(wants) {
        close(x.bce_with_logits_with(y, &options.clone().reduction(reduction)), &want);
    }
    close(x.bce_with_logits_with(y, &weighted), &[0.722_176_834_357_293]);
    close(x.bce_with_logits_with(y, &weighted.reduction(Reduction::Sum)), &[8.666_122_012_287_518]);
    close(x.sigmoid().bce_loss(y, &options), &[0.645_112_556_783_301]);
    close(x.bce_with_logits_with(y, &BinaryCrossEntropy::default()), &[x.bce_with_logits(y).item()]);
    // At the ends, logarithms of 0 count as −100, and have no slope.
    let p = tape.leaf([0.0, 1.0, 1.0]);
    let each = p.bce_loss(tape.constant([1.0, 1.0, 0.0]), &BinaryCrossEntropy::default().reduction(Reduction::None));
    close(each, &[100.0, 0.0, 100.0]);
    assert_eq!(each.sum().backward().unwrap().wrt(p).unwrap().to_vec(), [0.0, -1.0, 0.0]);
}

#[test]
fn distances_are_reduced_as_in_pytorch() {
    let tape = Tape::f64();
    let (x, y) = (logits(&tape), targets(&tape));
    type Loss = for<'t> fn(Var<'t>, Var<'t>, Reduction) -> Var<'t>;
    let cases: [(Loss, f64); 5] = [
        (|x, y, r| x.mse_loss_with(y, r), 15.065),
        (|x, y, r| x.l1_loss_with(y, r), 11.7),
        (|x, y, r| x.smooth_l1_loss_with(y, 0.5, r), 8.825),
        (|x, y, r| x.huber_loss_with(y, 0.5, r), 4.4125),
        (|x, y, r| x.kl_div_with(y, r), -8.315_034_763_046_766),
    ];
    for (loss, sum) in cases {
        close(loss(x, y, Reduction::Sum), &[sum]);
        close(loss(x, y, Reduction::Mean), &[sum / 12.0]);
        let each = loss(x, y, Reduction::None);
        assert_eq!(each.shape(), x.shape());
        close(each.sum(), &[sum]);
    }
    close(x.smooth_l1_loss_with(y, 0.5, Reduction::None).narrow(0, 2, 1), &[0.95, 0.25, 1.75]);
    close(x.huber_loss_with(y, 0.5, Reduction::None).narrow(0, 2, 1), &[0.475, 0.125, 0.875]);
    close(x.kl_div_with(y, Reduction::None).narrow(0, 1, 1), &[0.0, -0.846_573_590_279_973, 0.0]);
}

#[test]
fn options_that_cannot_be_used_are_named() {
    let tape = Tape::f64();
    let x = logits(&tape);
    let of = CrossEntropy::default;
    let try_with = |labels: &[usize], options: CrossEntropy| x.try_cross_entropy_with(labels, &options);
    let counts = "cross_entropy: one label for each of the 4 observations is needed (2 were given), but got [4, 3]";
    fails(counts, try_with(&[0, 1], of()));
    panics(counts, || x.cross_entropy_with(&[0, 1], &of()));
    fails(
        "nll_loss: one score for each class, [n, classes, ..], is needed, but got [4]",
        x.sum_axes(&[1], false).try_nll_loss_with(&LABELS, &of()),
    );
    fails(
        "cross_entropy: one weight for each of the 3 classes is needed (2 were given), but got [4, 3]",
        try_with(&LABELS, of().weights([1.0, 1.0])),
    );
    fails(
        "cross_entropy: weights = -1, but it must be finite and not negative",
        try_with(&LABELS, of().weights([1.0, -1.0, 1.0])),
    );
    fails(
        "cross_entropy: smoothing = 1.5, but it must be at least 0 and at most 1",
        try_with(&LABELS, of().smoothing(1.5)),
    );
    fails(
        "nll_loss: label 255 of observation 2 is out of range for 3 classes (0 to 2); labels count from 0, so subtract 1 if these count from 1, or provide 256 classes",
        x.try_nll_loss_with(&[0, 1, 255, 1], &of().ignore(9)),
    );
    let empty = "the batch of labels that count is empty: a mean loss needs at least one label that is not ignored and has a weight; leave out such batches";
    fails(empty, try_with(&[7; 4], of().ignore(7)));
    fails(empty, try_with(&LABELS, of().weights([0.0; 3])));
    close(x.cross_entropy_with(&[7; 4], &of().ignore(7).reduction(Reduction::Sum)), &[0.0]);
    let y = targets(&tape);
    let p = x.tape().constant([0.5, 1.0, -0.25, f64::NAN]);
    let logits = "bce_loss: a probability = -0.25 (at index 2), but it must be at least 0 and at most 1; for logits there is `bce_with_logits`";
    fails(logits, p.try_bce_loss(p, &BinaryCrossEntropy::default()));
    let wide = "bce_with_logits: aligned at the last axis, each size of a weight must be 1 or that of the target, but got [2] and [4, 3]";
    fails(wide, x.try_bce_with_logits_with(y, &BinaryCrossEntropy::default().pos_weight([1.0, 2.0])));
    let apart = |op| format!("{op}: the prediction and the target must have the same shape, but got [4, 3] and [1, 3]");
    let row = y.narrow(0, 0, 1);
    fails(&apart("bce_with_logits"), x.try_bce_with_logits_with(row, &BinaryCrossEntropy::default()));
    fails(&apart("bce_loss"), x.try_bce_loss(row, &BinaryCrossEntropy::default()));
    fails(&apart("mse_loss"), x.try_mse_loss_with(row, Reduction::Sum));
    fails(&apart("l1_loss"), x.try_l1_loss_with(row, Reduction::Sum));
    fails(&apart("huber_loss"), x.try_huber_loss_with(row, 1.0, Reduction::Sum));
    fails(&apart("smooth_l1_loss"), x.try_smooth_l1_loss_with(row, 1.0, Reduction::Sum));
    fails(&apart("kl_div"), x.try_kl_div_with(row, Reduction::Sum));
    fails(&apart("soft_cross_entropy"), x.try_soft_cross_entropy(row));
    let must = "huber_loss: delta = 0, but it must be positive and finite";
    fails(must, x.try_huber_loss_with(y, 0.0, Reduction::Sum));
    panics(must, || x.huber_loss_with(y, 0.0, Reduction::Sum));
    let scores = "soft_cross_entropy: one score for each class, [n, classes, ..], is needed, but got []";
    fails(scores, x.sum().try_soft_cross_entropy(y.sum()));
}

//! The cosine head and the losses with an angular margin: values by the definition, gradients, limits and mistakes.

use std::f64::consts::{FRAC_PI_2, PI};

use approx::AbsDiffEq;
use wengert::{
    DType, Mode, Result, Rule, Tape, Tensor, check,
    nn::{CosineHead, Fallback, Layer, Linear, MarginLoss},
    optim::Adam,
    train::{Trainer, share_correct},
};

fn numbers(shape: [usize; 2], seed: f64) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 1.0) * 0.731 + seed).sin())
}

/// A head with these centers.
pub fn head(centers: &Tensor) -> CosineHead {
    let head = CosineHead::new(centers.shape()[1], centers.shape()[0], 0);
    head.weight.cast(DType::F64);
    head.weight.set(centers).unwrap();
    head
}

/// The cosine of the angle between two rows, naively.
fn cosine(x: &Tensor, i: usize, w: &Tensor, j: usize) -> f64 {
    let d = x.shape()[1];
    let dot = |a: &Tensor, i: usize, b: &Tensor, j: usize| (0..d).map(|k| a.at(&[i, k]) * b.at(&[j, k])).sum::<f64>();
    dot(x, i, w, j) / (dot(x, i, x, i) * dot(w, j, w, j)).sqrt()
}

#[track_caller]
fn says<T>(result: Result<T>, message: &str) {
    assert_eq!(result.err().expect("an error was expected").to_string(), message);
}

#[test]
fn a_head_computes_cosines_and_the_largest_of_its_sub_centers() {
    let x = numbers([5, 4], 0.0);
    for k in [1, 3] {
        let head = CosineHead::with_sub_centers(4, 2, k, 7);
        assert_eq!((head.classes(), head.weight.name(), head.weight.shape().dims()), (2, "weight", &[2 * k, 4][..]));
        let tape = Tape::f64();
        let y = head.forward(tape.constant(&x)).value();
        assert_eq!(y.shape().dims(), [5, 2]);
        for (i, j) in (0..10).map(|i| (i / 2, i % 2)) {
            let all = (0..k).map(|c| cosine(&x, i, &head.weight.value().cast(DType::F64), j * k + c));
            assert!((y.at(&[i, j]) - all.fold(-1.0, f64::max)).abs() < 1e-12, "{k} centers, {i}, {j}");
        }
    }
}

#[test]
fn heads_of_512_features_pass_the_check() {
    for head in [CosineHead::new(512, 10, 1), CosineHead::with_sub_centers(512, 5, 3, 2)] {
        let report = check::layer(&head, &[[512]]).run().unwrap();
        assert!(report.passed(), "{report}");
    }
}

/// The formula of the module's documentation, for one angle.
fn by_definition(angle: f64, [m1, m2, m3]: [f64; 3], fallback: Fallback) -> f64 {
    let phase = m1 * angle + m2;
    let value = match fallback {
        Fallback::Easy if angle >= FRAC_PI_2 => angle.cos(),
        Fallback::Shifted if phase > PI => angle.cos() - m2 * m2.sin(),
        Fallback::Linear if phase > PI => angle.cos() - ((PI - m2) / m1).cos() - 1.0,
        Fallback::Monotone => {
            let k = (phase / PI).floor();
            (-1f64).powf(k) * phase.cos() - 2.0 * k
        }
        _ => phase.cos(),
    };
    value - m3
}

/// Losses of each kind and with each fallback, with their margins.
pub fn losses() -> Vec<(MarginLoss, [f64; 3], Fallback)> {
    let arcface = |fallback| (MarginLoss::arcface(0.5).unwrap().fallback(fallback), [1.0, 0.5, 0.0], fallback);
    let fallbacks = [Fallback::None, Fallback::Easy, Fallback::Shifted, Fallback::Linear, Fallback::Monotone];
    let mut all: Vec<_> = fallbacks.map(arcface).into();
    let combined = MarginLoss::combined(1.2, 0.3, 0.1).unwrap();
    all.push((MarginLoss::cosface(0.35).unwrap(), [1.0, 0.0, 0.35], Fallback::None));
    all.push((MarginLoss::sphereface(4.0).unwrap(), [4.0, 0.0, 0.0], Fallback::Monotone));
    all.push((combined.fallback(Fallback::Linear), [1.2, 0.3, 0.1], Fallback::Linear));
    all
}

#[test]
fn the_own_class_has_the_margin_in_training_and_none_in_evaluation() {
    let angles = [0.2, 0.9, 1.4, 1.7, 2.3, 2.5, 2.7, 3.1];
    let x = Tensor::from_fn([8, 2], DType::F64, |i| {
        3.0 * if i % 2 == 0 { f64::cos(angles[i / 2]) } else { f64::sin(angles[i / 2]) }
    });
    let centers = Tensor::from([[0.0, -1.0], [2.0, 0.0], [1.0, 1.0]]);
    let (labels, head) = ([1; 8], head(&centers));
    for (loss, margins, fallback) in losses() {
        let loss = loss.scale(8.0).unwrap();
        for mode in [Mode::Train, Mode::Eval] {
            let tape = Tape::f64();
            tape.set_mode(mode);
            let x = tape.constant(&x);
            let forms = [
                (loss.logits(head.forward(x), &labels), loss.loss(head.forward(x), &labels)),
                (loss.stable_logits(&head, x, &labels), loss.stable_loss(&head, x, &labels)),
            ];
            for (form, (logits, mean)) in forms.into_iter().enumerate() {
                let (logits, mut sum) = (logits.unwrap().value(), 0.0);
                for (i, angle) in angles.into_iter().enumerate() {
                    let mut want = [0, 1, 2].map(|j| 8.0 * cosine(&x.value(), i, &centers, j));
                    if mode == Mode::Train {
                        want[1] = 8.0 * by_definition(angle, margins, fallback);
                    }
                    for (j, want) in want.into_iter().enumerate() {
                        let got = logits.at(&[i, j]);
                        assert!((got - want).abs() < 1e-12, "{loss:?}, form {form}, {mode:?}, {i}, {j}: {got}, {want}");
                    }
                    sum += want.iter().map(|z| z.exp()).sum::<f64>().ln() - want[1];
                }
                assert!((mean.unwrap().item() - sum / 8.0).abs() < 1e-12, "{loss:?}, form {form}, {mode:?}");
            }
        }
    }
}

#[test]
fn the_rule_by_hand_and_the_tape_agree_with_differences() {
    let (x, w) = (numbers([4, 5], 0.3), numbers([6, 5], 1.1));
    for (loss, ..) in losses() {
        let loss = loss.scale(4.0).unwrap();
        for sub_centers in [1, 2] {
            let classes = 6 / sub_centers;
            let labels = [0, 2, 1, classes - 1];
            let head = CosineHead::with_sub_centers(5, classes, sub_centers, 0);
            let report = check::closure(
                |v| {
                    v[0].tape().bind(&head.weight, v[1]).unwrap();
                    loss.stable_loss(&head, v[0], &labels).unwrap()
                },
                &[x.clone(), w.clone()],
            );
            let report = report.run().unwrap();
            assert!(report.passed(), "{loss:?}, {sub_centers} centers: {report}");
            let tape = Tape::f64();
            let [x, w] = [&x, &w].map(|v| tape.leaf(v));
            tape.bind(&head.weight, w).unwrap();
            let loss = loss.stable_loss(&head, x, &labels).unwrap();
            let hand = loss.backward().unwrap();
            tape.set_rule(Rule::Tape);
            let by_tape = loss.backward().unwrap();
            for v in [x, w] {
                assert!(hand.wrt(v).unwrap().abs_diff_eq(by_tape.wrt(v).unwrap(), 1e-12), "{loss:?}");
            }
        }
    }
    let cosines = numbers([4, 6], 0.0);
    let loss = MarginLoss::default().scale(4.0).unwrap();
    let report = check::gradcheck(|v| loss.loss(v[0], &[0, 2, 1, 5]).unwrap(), &[cosines]).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn what_cannot_be_used_is_said_in_whole_sentences() {
    says(MarginLoss::arcface(3.2), "margin loss: m2 = 3.2, but it must be an angle from 0 to π, in radians");
    says(MarginLoss::arcface(f64::NAN), "margin loss: m2 = NaN, but it must be an angle from 0 to π, in radians");
    says(MarginLoss::cosface(-0.1), "margin loss: m3 = -0.1, but it must be a difference of cosines, from 0 to 2");
    says(MarginLoss::sphereface(0.5), "margin loss: m1 = 0.5, but it must be at least 1 and finite");
    says(MarginLoss::default().scale(0.0), "margin loss: scale = 0, but it must be positive and finite");
    says(MarginLoss::default().scale(f64::NAN), "margin loss: scale = NaN, but it must be positive and finite");
    says(MarginLoss::default().scale(f64::INFINITY), "margin loss: scale = inf, but it must be positive and finite");
    says(MarginLoss::cosface(2.1), "margin loss: m3 = 2.1, but it must be a difference of cosines, from 0 to 2");
    says(MarginLoss::sphereface(f64::INFINITY), "margin loss: m1 = inf, but it must be at least 1 and finite");
    says(
        MarginLoss::combined(1.0, -0.1, 0.0),
        "margin loss: m2 = -0.1, but it must be an angle from 0 to π, in radians",
    );
    let (tape, loss) = (Tape::f64(), MarginLoss::default());
    let (x, head) = (tape.constant(numbers([2, 4], 0.0)), CosineHead::new(4, 3, 0));
    let both = |labels: &[usize], message: &str| {
        says(loss.loss(head.forward(x), labels), message);
        says(loss.stable_loss(&head, x, labels), message);
    };
    both(
        &[0, 3],
        "margin loss: label 3 of observation 1 is out of range for 3 classes (0 to 2); labels count from 0, so subtract \
         1 if these count from 1, or provide 4 classes",
    );
    both(&[0], "margin loss: cosines [1, classes] are needed for 1 labels, of at least two classes, but got [2, 3]");
    both(&[], "the batch of labels is empty: a mean loss needs at least one observation; leave out empty batches");
    let one = CosineHead::new(4, 1, 0);
    let message = "margin loss: cosines [2, classes] are needed for 2 labels, of at least two classes, but got [2, 1]";
    says(loss.loss(one.forward(x), &[0, 0]), message);
    says(loss.stable_loss(&one, x, &[0, 0]), message);
    let message = "cosine head: embeddings [n, 5] are needed for centers of 5 numbers, but got [2, 4] and [3, 5]";
    says(loss.stable_loss(&CosineHead::new(5, 3, 0), x, &[0, 0]), message);
    let logits = tape.constant([[0.5, 0.2], [0.0, -7.5]]);
    let message = "margin loss: cosine = -7.5 for observation 1, but it must be from -1 to 1, as the output of a \
                   `CosineHead` is";
    says(loss.loss(logits, &[0, 1]), message);
}

#[test]
fn a_warning_names_the_limit_that_a_setting_passes() {
    let arcface = |m: f64| MarginLoss::arcface(m).unwrap();
    // Ten classes on a circle are 36 degrees apart; the bound for CosFace is 1 − cos 36°.
    assert!(arcface(0.62).scale(64.0).unwrap().warning(10, 2).unwrap().contains("leaves 0.004 rad around each center"));
    assert!(arcface(0.63).warning(10, 2).unwrap().contains("another class is ahead"));
    let cosface = |m: f64| MarginLoss::cosface(m).unwrap().warning(10, 2).unwrap();
    assert!(cosface(0.190).contains("leaves") && cosface(0.192).contains("another class is ahead"));
    assert_eq!(arcface(0.3).scale(32.0).unwrap().warning(10, 2), None);
    // Without a margin: (C − 1)/C · ln((C − 1) P/(1 − P)) = 3.955 for ten classes and P = 0.9.
    let plain = |s: f64| arcface(0.0).scale(s).unwrap().warning(10, 512);
    assert_eq!(plain(3.96), None);
    let message = "the scale of 3.95 is too small: in the loss, the own class of 10 has a probability of at most 0.90 \
                   on average; choose a scale of at least 4.0";
    assert_eq!(plain(3.95).unwrap(), message);
    // Three directions in three dimensions are 120° apart at most, four 109.47°, more than that 90°; two in one, 180°.
    let apart = |classes: usize, dim: usize| {
        let text = arcface(3.1).warning(classes, dim).unwrap();
        text.split(" at most ").nth(1).unwrap()[..5].to_owned()
    };
    assert_eq!([apart(3, 3), apart(4, 3), apart(6, 3), apart(3, 1)], ["2.094", "1.911", "1.571", "0.000"]);
    // Caps on the sphere cover (1 − cos(δ/2))/2 each: for 50 of them, δ = 2 arccos(1 − 2/50).
    assert_eq!(apart(50, 3), format!("{:.3}", 2.0 * (1.0 - 2.0 / 50.0f64).acos()));
    assert_eq!(MarginLoss::default().warning(85_742, 512), None);
    assert_eq!(
        MarginLoss::default().warning(1, 2).unwrap(),
        "there is nothing to tell apart with classes = 1 and dim = 2"
    );
}

#[test]
fn a_network_with_sub_centers_is_trained_from_its_cosines() {
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let x = Tensor::from_fn([60, 2], DType::F32, |i| {
        let angle = 2.1 * labels[i / 2] as f64 + 0.4 * (i as f64 * 13.0).sin();
        if i % 2 == 0 { angle.cos() } else { angle.sin() }
    });
    let head = CosineHead::with_sub_centers(4, 3, 2, 1);
    let net = wengert::nn::Sequential::new().named("body", Linear::new(2, 4, 0)).named("head", head);
    let margin = MarginLoss::arcface(0.3).unwrap().scale(8.0).unwrap().fallback(Fallback::Linear);
    let mut adam = Adam::new(&net.params(), 0.05).unwrap();
    let history = Trainer::new(&net, &mut adam)
        .loss(|y, batch| margin.loss(y[0], &batch.labels))
        .metric("accuracy", share_correct)
        .epochs(100)
        .fit(&mut (1, |_| std::iter::once((x.clone(), labels.clone()))))
        .unwrap();
    assert!(history.losses[99] < 0.2 * history.losses[0], "{} to {}", history.losses[0], history.losses[99]);
    assert_eq!(history.metric("accuracy")[99], 1.0);
}

//! Metrics of embeddings against naive computations: pairs, ROC, AUC, EER, TAR at FAR, folds, angles.

use wengert::{
    DType, Error, Result, Tensor,
    train::{ClassAngles, Verification, draw_pairs, pairs},
};

#[track_caller]
fn says<T>(result: Result<T>, message: &str) {
    assert_eq!(result.err().expect("an error was expected").to_string(), message);
}

/// Scores with many ties, genuine ones higher on average.
fn scores(n: usize, seed: f64) -> (Vec<f64>, Vec<bool>) {
    let same: Vec<bool> = (0..n).map(|i| (i * i + i) % 5 < 2).collect();
    let score = |i: usize| ((i as f64 * 1.7 + seed).sin() * 4.0 + if same[i] { 2.0 } else { 0.0 }).round() / 10.0;
    ((0..n).map(score).collect(), same)
}

/// How many pairs of a kind have at least this score, and how many there are.
fn accepted(scores: &[f64], same: &[bool], kind: bool, threshold: f64) -> (usize, usize) {
    let of_kind: Vec<f64> = scores.iter().zip(same).filter(|(_, same)| **same == kind).map(|(s, _)| *s).collect();
    (of_kind.iter().filter(|score| **score >= threshold).count(), of_kind.len())
}

#[test]
fn rates_and_areas_are_those_of_counting() {
    for (scores, same) in [scores(60, 0.0), scores(61, 2.0), (vec![0.5; 4], vec![true, false, true, true])] {
        let verification = Verification::from_scores(&scores, &same).unwrap();
        let mut thresholds = scores.clone();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        thresholds.insert(0, f64::INFINITY);
        let mut curve = Vec::new();
        assert_eq!(verification.roc().len(), thresholds.len());
        for (point, &threshold) in verification.roc().iter().zip(&thresholds) {
            let (genuine, of_genuine) = accepted(&scores, &same, true, threshold);
            let (impostors, of_impostors) = accepted(&scores, &same, false, threshold);
            assert_eq!((point.threshold, point.genuine, point.impostors), (threshold, genuine, impostors));
            assert_eq!(point.tar, genuine as f64 / of_genuine as f64);
            assert_eq!(point.far, impostors as f64 / of_impostors as f64);
            assert_eq!((verification.genuine(), verification.impostors()), (of_genuine, of_impostors));
            curve.push((point.far, point.tar));
        }
        // Every genuine pair against every impostor pair.
        let duels = (0..scores.len()).flat_map(|i| (0..scores.len()).map(move |j| (i, j)));
        let won: f64 = duels
            .filter(|&(i, j)| same[i] && !same[j])
            .map(|(i, j)| if scores[i] > scores[j] { 1.0 } else { f64::from(scores[i] == scores[j]) / 2.0 })
            .sum();
        let duels = verification.genuine() * verification.impostors();
        assert_eq!(verification.auc(), won / duels as f64);
        // The point of the polygon where FAR = 1 − TAR, by bisection along each of its lines.
        let equal = curve.windows(2).find_map(|w| {
            let at = |t: f64| (w[0].0 + t * (w[1].0 - w[0].0), w[0].1 + t * (w[1].1 - w[0].1));
            let excess = |t: f64| at(t).0 - 1.0 + at(t).1;
            let (mut low, mut high) = (0.0, 1.0);
            (excess(low) < 0.0 && excess(high) >= 0.0).then(|| {
                for _ in 0..60 {
                    let middle = (low + high) / 2.0;
                    if excess(middle) < 0.0 { low = middle } else { high = middle }
                }
                at(high).0
            })
        });
        assert!((verification.eer() - equal.unwrap()).abs() < 1e-12);
        for far in [0.0, 0.01, 0.1, 0.35, 1.0] {
            let best = curve.iter().filter(|(f, _)| *f <= far).map(|(_, tar)| *tar).fold(0.0, f64::max);
            let point = verification.tar_at_far(far).unwrap();
            assert_eq!(point.tar, best, "at {far}");
            assert!(point.far <= far);
        }
    }
}

#[test]
fn separated_and_reversed_scores_have_the_rates_that_they_must() {
    let same = [true, true, false, false];
    let good = Verification::from_scores(&[0.9, 0.8, 0.2, 0.1], &same).unwrap();
    assert_eq!((good.auc(), good.eer(), good.tar_at_far(0.0).unwrap().tar), (1.0, 0.0, 1.0));
    let bad = Verification::from_scores(&[0.1, 0.2, 0.8, 0.9], &same).unwrap();
    assert_eq!((bad.auc(), bad.eer(), bad.tar_at_far(0.0).unwrap().tar), (0.0, 1.0, 0.0));
    assert_eq!(bad.tar_at_far(0.4).unwrap().genuine, 0);
}

#[test]
fn fold_accuracies_use_the_best_threshold_of_the_other_folds() {
    for (scores, same) in [scores(53, 0.0), scores(40, 1.0)] {
        let n = scores.len();
        let mut sorted = scores.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let right = |threshold: f64, kept: &dyn Fn(usize) -> bool| {
            (0..n).filter(|&i| kept(i) && (scores[i] >= threshold) == same[i]).count()
        };
        let mut want = Vec::new();
        for k in 0..10 {
            let (from, to) = (k * n / 10, (k + 1) * n / 10);
            let inside = |i: usize| (from..to).contains(&i);
            let mut others: Vec<f64> = (0..n).filter(|&i| !inside(i)).map(|i| scores[i]).collect();
            others.sort_by(f64::total_cmp);
            others.dedup();
            let between = others.windows(2).map(|w| (w[1] + w[0]) / 2.0);
            let candidates: Vec<f64> = [f64::NEG_INFINITY].into_iter().chain(between).chain([f64::INFINITY]).collect();
            let best = candidates.iter().map(|&t| right(t, &|i| !inside(i))).max().unwrap();
            let threshold = *candidates.iter().rfind(|t| right(**t, &|i| !inside(i)) == best).unwrap();
            want.push(right(threshold, &inside) as f64 / (to - from) as f64);
        }
        let got = Verification::from_scores(&scores, &same).unwrap().fold_accuracies(10).unwrap();
        assert_eq!(got, want);
        assert!(want.iter().sum::<f64>() / 10.0 > 0.5);
    }
}

#[test]
fn scores_of_embeddings_are_their_cosines() {
    let embeddings = Tensor::from([[2.0f32, 0.0], [0.0, 5.0], [3.0, 3.0], [0.0, 0.0]]);
    let labels = [4, 4, 9, 9];
    let all = pairs(&labels);
    assert_eq!(all, [(0, 1, true), (0, 2, false), (0, 3, false), (1, 2, false), (1, 3, false), (2, 3, true)]);
    let verification = Verification::new(&embeddings, &all).unwrap();
    let thresholds: Vec<f64> = verification.roc().iter().map(|point| point.threshold).collect();
    assert_eq!(thresholds.len(), 3);
    assert!((thresholds[1] - 0.5f64.sqrt()).abs() < 1e-15 && thresholds[2] == 0.0, "{thresholds:?}");
}

#[test]
fn drawn_pairs_are_different_pairs_of_both_kinds_in_turn() {
    let labels: Vec<usize> = (0..30).map(|i| i % 4).collect();
    let drawn = draw_pairs(&labels, 40, 3).unwrap();
    assert_eq!(drawn, draw_pairs(&labels, 40, 3).unwrap());
    assert_ne!(drawn, draw_pairs(&labels, 40, 4).unwrap());
    assert_eq!(drawn.len(), 80);
    for (i, &(a, b, same)) in drawn.iter().enumerate() {
        assert!(a < b && (labels[a] == labels[b]) == same && same == (i % 2 == 0));
    }
    let mut sorted = drawn.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 80);
    assert_ne!(sorted, drawn);
    says(
        draw_pairs(&[0, 0, 1], 2, 0),
        "draw_pairs: count = 2 of 1 genuine pairs, but it must be at most the number of pairs of each kind",
    );
}

#[test]
fn angles_within_and_between_classes_by_the_definition() {
    let n = 12;
    let embeddings = Tensor::from_fn([n, 3], DType::F64, |i| ((i as f64 + 1.0) * 0.9).sin() + f64::from(i % 3 == 0));
    let labels: Vec<usize> = (0..n).map(|i| [7, 2, 5][(i * i) % 3]).collect();
    let unit = |v: Vec<f64>| -> Vec<f64> {
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter().map(|v| v / length).collect()
    };
    let angle = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().acos();
    let row = |i: usize| unit((0..3).map(|k| embeddings.at(&[i, k])).collect());
    let angles = ClassAngles::new(&embeddings, &labels).unwrap();
    assert_eq!(angles.classes, [2, 7]);
    let members = |label: usize| -> Vec<usize> { (0..n).filter(|&i| labels[i] == label).collect() };
    let center = |label| unit((0..3).map(|k| members(label).iter().map(|&i| row(i)[k]).sum()).collect());
    let (mut sum, between) = (0.0, angle(&center(2), &center(7)));
    for (k, label) in [2, 7].into_iter().enumerate() {
        let all: Vec<f64> = members(label).into_iter().map(|i| angle(&row(i), &center(label))).collect();
        assert_eq!(angles.counts[k], all.len());
        assert!((angles.within[k] - all.iter().sum::<f64>() / all.len() as f64).abs() < 1e-12);
        assert!((angles.between[k] - between).abs() < 1e-12);
        sum += all.iter().sum::<f64>();
    }
    assert!((angles.mean_within() - sum / n as f64).abs() < 1e-12);
    assert!((angles.mean_between() - between).abs() < 1e-12);
}

#[test]
fn the_nearest_of_several_classes_counts() {
    let at = |degrees: f64| [degrees.to_radians().cos(), degrees.to_radians().sin()];
    let embeddings = Tensor::from([at(0.0), at(30.0), at(100.0)]);
    let angles = ClassAngles::new(&embeddings, &[0, 1, 2]).unwrap();
    for (got, want) in angles.between.iter().zip([30.0f64, 30.0, 70.0]) {
        assert!((got - want.to_radians()).abs() < 1e-12);
    }
    assert_eq!(angles.within, [0.0; 3]);
}

#[test]
fn lists_that_cannot_be_measured_are_errors() {
    let genuine = "at least one pair of the same class is needed; is there one observation of each class?";
    let impostor = "at least one pair of different classes is needed; is there one class only?";
    says(Verification::from_scores(&[], &[]), &format!("the list of genuine pairs is empty: {genuine}"));
    let embeddings = Tensor::from([[1.0, 0.0], [0.5, 1.0], [1.0, 1.0]]);
    let one_class = Verification::new(&embeddings, &pairs(&[3, 3, 3]));
    says(one_class, &format!("the list of impostor pairs is empty: {impostor}"));
    let all_apart = Verification::new(&embeddings, &pairs(&[0, 1, 2]));
    assert!(matches!(all_apart, Err(Error::Empty { .. })));
    says(
        Verification::from_scores(&[0.5, 1.0], &[true]),
        "verification: scores = 2 of them for 1 pairs, but it must be one for each pair",
    );
    says(
        Verification::from_scores(&[0.5, f64::NAN], &[true, false]),
        "the list of scores holds NaN at index 1; every number must be finite",
    );
    says(
        Verification::new(&embeddings, &[(0, 3, true)]),
        "verification: pair = (0, 3) of 3 observations, but it must be a pair of indices that count from 0",
    );
    says(
        Verification::new(&Tensor::from([1.0, 2.0]), &[]),
        "verification: embeddings [n, dim] are needed, but got [2]",
    );
    says(
        Verification::new(&Tensor::from([[1.0, f64::INFINITY]]), &[]),
        "the tensor of embeddings holds inf at index 1; every number must be finite",
    );
    let fine = Verification::from_scores(&[0.5, 0.1], &[true, false]).unwrap();
    says(fine.tar_at_far(f64::NAN), "tar_at_far: far = NaN, but it must be a rate from 0 to 1");
    says(
        fine.fold_accuracies(3),
        "fold_accuracies: folds = 3 for 2 pairs, but it must be at least 2 and at most the number of pairs",
    );
    says(
        ClassAngles::new(&embeddings, &[1, 1, 1]),
        "class angles: labels = those of 1 classes, but it must be of at least two classes",
    );
    says(
        ClassAngles::new(&embeddings, &[1, 2]),
        "class angles: labels = 2 of them for 3 embeddings, but it must be one for each embedding",
    );
    let empty = ClassAngles::new(&Tensor::zeros([0, 2], DType::F64), &[]);
    says(empty, "class angles: labels = those of 0 classes, but it must be of at least two classes");
}

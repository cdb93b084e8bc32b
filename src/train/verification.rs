//! Verification: do two embeddings belong to the same class? Metrics for classes that training has not seen.
//!
//! A pair is *genuine* if its two observations belong to one class, otherwise an *impostor* pair. It is accepted if its
//! score, the cosine of its embeddings, is at least the threshold. With the threshold fall
//!
//! - FAR, the false accept rate: the fraction of the impostor pairs that are accepted;
//! - TAR, the true accept rate: the fraction of the genuine pairs that are. FRR, the false reject rate, is 1 − TAR.
//!
//! TAR against FAR is the ROC curve. A rate is no finer than one pair: whoever reads TAR at FAR = 10⁻³ off 200 impostor
//! pairs has it at FAR = 0. So each [`RocPoint`] has the counts.

use rand::{
    SeedableRng,
    rngs::StdRng,
    seq::{IteratorRandom, SliceRandom},
};

use crate::{Error, Result, Tape, Tensor};

/// Two observations, and whether they belong to the same class.
pub type Pair = (usize, usize, bool);

/// All n(n − 1)/2 pairs of the observations with these labels.
///
/// ```
/// assert_eq!(wengert::train::pairs(&[4, 7, 4]), [(0, 1, false), (0, 2, true), (1, 2, false)]);
/// ```
pub fn pairs(labels: &[usize]) -> Vec<Pair> {
    all(labels).collect()
}

fn all(labels: &[usize]) -> impl Iterator<Item = Pair> {
    (0..labels.len()).flat_map(move |a| (a + 1..labels.len()).map(move |b| (a, b, labels[a] == labels[b])))
}

/// `count` genuine and `count` impostor pairs in turn, drawn without repetition. The protocol of LFW has 3000 of each.
///
/// All pairs are visited; 10 000 observations have 5·10⁷ of them.
///
/// # Errors
/// [`Error::Setting`] when there are not so many pairs of a kind.
pub fn draw_pairs(labels: &[usize], count: usize, seed: u64) -> Result<Vec<Pair>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut draw = |same: bool| {
        let mut drawn = all(labels).filter(|pair| pair.2 == same).sample(&mut rng, count);
        if drawn.len() < count {
            let (kind, there) = (if same { "genuine" } else { "impostor" }, drawn.len());
            let value = format!("{count} of {there} {kind} pairs");
            return Err(Error::setting("draw_pairs", "count", value, "at most the number of pairs of each kind"));
        }
        drawn.shuffle(&mut rng);
        Ok(drawn)
    };
    let (genuine, impostors) = (draw(true)?, draw(false)?);
    Ok(genuine.into_iter().zip(impostors).flat_map(|(genuine, impostor)| [genuine, impostor]).collect())
}

/// What a threshold does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Pairs with at least this score are accepted.
    pub threshold: f64,
    /// The number of accepted genuine pairs.
    pub genuine: usize,
    /// The number of accepted impostor pairs.
    pub impostors: usize,
    /// The true accept rate.
    pub tar: f64,
    /// The false accept rate.
    pub far: f64,
}

/// Scores of pairs, and the metrics of their verification.
///
/// ```
/// use wengert::train::Verification;
/// let pairs = Verification::from_scores(&[0.9, 0.8, 0.7, 0.3, 0.2], &[true, true, false, true, false])?;
/// assert_eq!((pairs.genuine(), pairs.impostors()), (3, 2));
/// assert_eq!(pairs.auc(), 5.0 / 6.0);                   // five of the six genuine-impostor duels are won
/// let point = pairs.tar_at_far(0.1)?;
/// assert_eq!((point.threshold, point.genuine, point.impostors), (0.8, 2, 0));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verification {
    /// The score of each pair, and whether it is genuine, in the order given.
    pairs: Vec<(f64, bool)>,
    /// From "nothing is accepted" to "everything is".
    roc: Vec<RocPoint>,
}

impl Verification {
    /// The cosines of pairs of `embeddings` `[n, dim]`. An embedding of zeros is perpendicular to all others.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, [`Error::Setting`] for a pair of an observation that does not exist,
    /// [`Error::NonFinite`] for an embedding that is not finite; and as [`from_scores`](Verification::from_scores).
    pub fn new(embeddings: &Tensor, pairs: &[Pair]) -> Result<Self> {
        let rows = directions("verification", embeddings)?;
        if let Some(pair) = pairs.iter().find(|pair| pair.0.max(pair.1) >= rows.len()) {
            let value = format!("({}, {}) of {} observations", pair.0, pair.1, rows.len());
            return Err(Error::setting("verification", "pair", value, "a pair of indices that count from 0"));
        }
        let cosine = |&(a, b, _): &Pair| rows[a].iter().zip(&rows[b]).map(|(a, b)| a * b).sum();
        let scores: Vec<f64> = pairs.iter().map(cosine).collect();
        Verification::from_scores(&scores, &pairs.iter().map(|pair| pair.2).collect::<Vec<_>>())
    }

    /// Pairs with these scores, larger for more alike, of which those marked `same` are genuine.
    ///
    /// # Errors
    /// [`Error::Setting`] when the lists differ in length, [`Error::Empty`] without a genuine or without an impostor
    /// pair, [`Error::NonFinite`] for a score that is not finite.
    pub fn from_scores(scores: &[f64], same: &[bool]) -> Result<Self> {
        if scores.len() != same.len() {
            let value = format!("{} of them for {} pairs", scores.len(), same.len());
            return Err(Error::setting("verification", "scores", value, "one for each pair"));
        }
        if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::non_finite("the list of scores", index, scores[index]));
        }
        let pairs: Vec<(f64, bool)> = scores.iter().copied().zip(same.iter().copied()).collect();
        for (kind, what, need) in [
            (true, "genuine", "at least one pair of the same class is needed; is there one observation of each class?"),
            (false, "impostor", "at least one pair of different classes is needed; is there one class only?"),
        ] {
            if !same.contains(&kind) {
                return Err(Error::Empty { what: format!("the list of {what} pairs"), need });
            }
        }
        Ok(Verification { roc: curve(&pairs), pairs })
    }

    /// The number of genuine pairs.
    pub fn genuine(&self) -> usize {
        self.roc[self.roc.len() - 1].genuine
    }

    /// The number of impostor pairs.
    pub fn impostors(&self) -> usize {
        self.roc[self.roc.len() - 1].impostors
    }

    /// The ROC curve: a point for each score as the threshold, from the highest on, after one where nothing is
    /// accepted, whose threshold is infinite. Pairs of equal score are accepted together.
    pub fn roc(&self) -> &[RocPoint] {
        &self.roc
    }

    /// The area under the ROC curve: the probability that a genuine pair has a higher score than an impostor pair,
    /// where equal scores count half.
    pub fn auc(&self) -> f64 {
        // The areas of the trapezoids in pairs, times 2: a whole number, so there is no rounding.
        let twice = |w: &[RocPoint]| (w[1].impostors - w[0].impostors) as u128 * (w[0].genuine + w[1].genuine) as u128;
        let area: u128 = self.roc.windows(2).map(twice).sum();
        area as f64 / 2.0 / (self.genuine() as f64 * self.impostors() as f64)
    }

    /// The equal error rate: where FAR = FRR on the ROC curve, whose points are joined by lines.
    pub fn eer(&self) -> f64 {
        let excess = |point: &RocPoint| point.far - (1.0 - point.tar);
        let after = self.roc.iter().position(|point| excess(point) >= 0.0).unwrap_or(self.roc.len() - 1);
        let (from, to) = (&self.roc[after - 1], &self.roc[after]);
        from.far + (to.far - from.far) * excess(from) / (excess(from) - excess(to))
    }

    /// The point with the largest TAR whose FAR is at most `far`, not interpolated: its threshold can be used.
    ///
    /// # Errors
    /// [`Error::Setting`] unless 0 ≤ `far` ≤ 1.
    pub fn tar_at_far(&self, far: f64) -> Result<RocPoint> {
        if !(0.0..=1.0).contains(&far) {
            return Err(Error::setting("tar_at_far", "far", far, "a rate from 0 to 1"));
        }
        Ok(self.roc[self.roc.partition_point(|point| point.far <= far) - 1])
    }

    /// The accuracy on each of `folds` folds of the pairs, in the order given, with the threshold that is best on the
    /// others. LFW has 10; the mean of the list is what papers report.
    ///
    /// Thresholds lie halfway between neighboring scores, the highest of equally good ones is taken, and the folds are
    /// as equal in size as possible: give the pairs in an order such that each fold has both kinds, such as that of
    /// [`draw_pairs`].
    ///
    /// # Errors
    /// [`Error::Setting`] unless there are 2 folds or more, and a pair for each.
    pub fn fold_accuracies(&self, folds: usize) -> Result<Vec<f64>> {
        let n = self.pairs.len();
        if !(2..=n).contains(&folds) {
            let value = format!("{folds} for {n} pairs");
            return Err(Error::setting(
                "fold_accuracies",
                "folds",
                value,
                "at least 2 and at most the number of pairs",
            ));
        }
        let one = |k: usize| {
            let (from, to) = (k * n / folds, (k + 1) * n / folds);
            let others: Vec<(f64, bool)> = [&self.pairs[..from], &self.pairs[to..]].concat();
            let threshold = best_threshold(&curve(&others));
            let right = self.pairs[from..to].iter().filter(|(score, same)| (*score >= threshold) == *same).count();
            right as f64 / (to - from) as f64
        };
        Ok((0..folds).map(one).collect())
    }
}

/// The ROC curve of some pairs.
fn curve(pairs: &[(f64, bool)]) -> Vec<RocPoint> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = sorted.iter().filter(|pair| pair.1).count();
    let (of_genuine, of_impostors) = (all as f64, (sorted.len() - all) as f64);
    let mut roc = vec![RocPoint { threshold: f64::INFINITY, genuine: 0, impostors: 0, tar: 0.0, far: 0.0 }];
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let (last, same) = (roc[roc.len() - 1], equal.iter().filter(|pair| pair.1).count());
        let (genuine, impostors) = (last.genuine + same, last.impostors + equal.len() - same);
        let (tar, far) = (genuine as f64 / of_genuine, impostors as f64 / of_impostors);
        roc.push(RocPoint { threshold: equal[0].0, genuine, impostors, tar, far });
    }
    roc
}

/// The threshold that gets most pairs right, halfway to the next score.
fn best_threshold(roc: &[RocPoint]) -> f64 {
    let gain = |point: &RocPoint| point.genuine as i64 - point.impostors as i64;
    let best = (1..roc.len()).fold(0, |best, i| if gain(&roc[i]) > gain(&roc[best]) { i } else { best });
    match roc.get(best + 1) {
        Some(next) if best > 0 => (roc[best].threshold + next.threshold) / 2.0,
        Some(_) => f64::INFINITY,
        None => f64::NEG_INFINITY,
    }
}

/// The rows of `embeddings` `[n, dim]`, divided by their lengths.
pub(super) fn directions(of: &str, embeddings: &Tensor) -> Result<Vec<Vec<f64>>> {
    let &[_, dim] = embeddings.shape().dims() else {
        return Err(Error::shape(of, &[embeddings.shape()], "embeddings [n, dim] are needed"));
    };
    if let Some((index, value)) = embeddings.first_non_finite() {
        return Err(Error::non_finite("the tensor of embeddings", index, value));
    }
    let tape = Tape::f64();
    let rows = tape.constant(embeddings).try_l2_normalize(1, 1e-150)?.value().to_vec();
    Ok(rows.chunks(dim.max(1)).map(<[f64]>::to_vec).collect())
}

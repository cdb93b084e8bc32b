//! When a scale and a margin cannot work.
//!
//! **The margin.** C directions in d dimensions cannot all be far apart: the smallest angle δ between two of them is at
//! most
//!
//! - arccos(−1/(C − 1)), for the length of their sum is not negative, and π/2 if C > d + 1 (Rankin, 1955);
//! - the angle for which C caps of radius δ/2, which do not overlap, cover the sphere: ∫₀^{δ/2} sin^{d−2} = (1/C) ∫₀^π
//!   sin^{d−2}. For d = 2 this is 2π/C.
//!
//! At its own center the margin lowers an observation's cosine to cos m₂ − m₃ = cos μ. If μ ≥ δ, another class is ahead
//! even there. Otherwise, for ArcFace, (δ − μ)/2 is how far an observation may be from its center, toward its neighbor.
//!
//! **The scale.** The cosines of a center with the C − 1 others have a mean of at least −1/(C − 1), averaged over
//! classes. By convexity the mean loss is therefore no less than that of the probability P = 1/(1 + (C − 1) e^{−s g}),
//! with g = cos m₂ − m₃ + 1/(C − 1), and P is reached only from s = ln((C − 1) P/(1 − P))/g on. Without a margin this
//! is the bound of CosFace (arXiv 1801.09414): s ≥ (C − 1)/C · ln((C − 1) P/(1 − P)).

use std::f64::consts::{FRAC_PI_2, PI};

use super::MarginLoss;

/// The probability of the own class that must be within reach.
const WANTED: f64 = 0.9;

impl MarginLoss {
    /// Why these settings cannot work, or hardly, for so many classes and dimensions of the embedding; `None` when
    /// nothing speaks against them. Not every bad choice is found: a scale of 64 is often too large for a small set,
    /// too.
    ///
    /// ```
    /// use wengert::nn::MarginLoss;
    /// assert_eq!(MarginLoss::default().warning(10, 512), None);
    /// let reason = MarginLoss::arcface(0.7)?.warning(10, 2).unwrap();
    /// assert_eq!(reason, "the margin of 0.700 rad is too large: 10 classes in 2 dimensions are at most 0.628 rad \
    ///                     apart, so another class is ahead even at the own center; choose a smaller margin or more \
    ///                     dimensions");
    /// let reason = MarginLoss::arcface(0.1)?.scale(1.0)?.warning(10, 512).unwrap();
    /// assert_eq!(reason, "the scale of 1 is too small: in the loss, the own class of 10 has a \
    ///                     probability of at most 0.25 on average; choose a scale of at least 4.0");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn warning(&self, classes: usize, dim: usize) -> Option<String> {
        if classes < 2 || dim == 0 {
            return Some(format!("there is nothing to tell apart with classes = {classes} and dim = {dim}"));
        }
        let [_, m2, m3] = self.margins;
        let (own, apart, others) = (m2.cos() - m3, widest(classes, dim), classes as f64 - 1.0);
        let margin = own.max(-1.0).acos();
        let what = format!("{classes} classes in {dim} dimensions are at most {apart:.3} rad apart");
        if margin >= apart {
            return Some(format!(
                "the margin of {margin:.3} rad is too large: {what}, so another class is ahead even at the own center; \
                 choose a smaller margin or more dimensions"
            ));
        }
        if margin > 0.75 * apart {
            return Some(format!(
                "the margin of {margin:.3} rad is large: {what}, which leaves {:.3} rad around each center; choose a \
                 smaller margin or more dimensions",
                (apart - margin) / 2.0
            ));
        }
        let gap = own + 1.0 / others;
        let reached = 1.0 / (1.0 + others * (-self.scale * gap).exp());
        (reached < WANTED).then(|| {
            let least = (others * WANTED / (1.0 - WANTED)).ln() / gap;
            format!(
                "the scale of {} is too small: in the loss, the own class of {classes} has a probability of at most \
                 {reached:.2} on average; choose a scale of at least {:.1}",
                self.scale,
                (10.0 * least).ceil() / 10.0
            )
        })
    }
}

/// A bound on the smallest angle between any two of C ≥ 2 directions in d dimensions.
fn widest(classes: usize, dim: usize) -> f64 {
    let simplex = (-1.0 / (classes as f64 - 1.0)).acos();
    match dim {
        _ if classes <= dim + 1 => simplex,
        1 => 0.0,
        _ => FRAC_PI_2.min(2.0 * cap(1.0 / classes as f64, dim)),
    }
}

/// The radius of the cap that covers this share of the sphere: the integral of sin^{d−2}, by the midpoint rule.
fn cap(share: f64, dim: usize) -> f64 {
    const STEPS: usize = 100_000;
    let step = PI / STEPS as f64;
    let weight = |i: usize| ((i as f64 + 0.5) * step).sin().powf(dim as f64 - 2.0);
    let mut rest = share * (0..STEPS).map(weight).sum::<f64>();
    let whole = (0..STEPS).take_while(|&i| {
        rest -= weight(i);
        rest >= 0.0
    });
    let whole = whole.count();
    // `rest` is what lacks of the next step, less its weight.
    (whole as f64 + 1.0 + rest / weight(whole)) * step
}

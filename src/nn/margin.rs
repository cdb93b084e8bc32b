//! Angular margins: in training, the logit of an observation's own class is lower than its angle deserves.
//!
//! For the angle θ between an embedding and the center of its own class, the logit s cos θ becomes
//!
//! ```text
//! s (cos(m₁ θ + m₂) − m₃)
//! ```
//!
//! so that the loss is small only when θ is smaller than necessary by a margin. Logits of other classes stay s cos θ.
//! ArcFace has m₂ (Deng et al., arXiv 1801.07698, which also has the general form), CosFace m₃ (Wang et al., arXiv
//! 1801.09414), SphereFace m₁ (Liu et al., arXiv 1704.08063).
//!
//! Where φ = m₁ θ + m₂ passes π, cos φ rises again, and the loss would push an observation further away. A [`Fallback`]
//! says what stands there instead.

use std::f64::consts::{FRAC_PI_2, PI};

use super::{CosineHead, margin_target::MarginTarget};
use crate::{Error, Mode, Result, Tensor, Var};

/// What stands for cos φ, φ = m₁ θ + m₂, where θ is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing else: cos φ, as in the ArcFace paper and [`Var::arcface_loss`].
    None,
    /// From θ = π/2 on, cos θ: the "easy margin" of the reference implementations. The value jumps there, by sin m₂ for
    /// ArcFace.
    Easy,
    /// From φ = π on, cos θ − m₂ sin m₂: the threshold cos(π − m₂) of the reference implementations. The value jumps
    /// there, from −1 to −cos m₂ − m₂ sin m₂ for ArcFace: by 0.117 for m₂ = 0.5.
    Shifted,
    /// From φ = π on, cos θ less a constant, such that the value does not jump: linear in cos θ.
    Linear,
    /// (−1)ᵏ cos φ − 2k with k = ⌊φ/π⌋, which falls everywhere: SphereFace.
    Monotone,
}

/// The cross-entropy with an angular margin: a scale s, margins m₁, m₂, m₃ and a [`Fallback`].
///
/// The margin is on the own class of each observation alone, and in training alone: on a tape in [`Mode::Eval`] the
/// logits are s cos θ.
///
/// There are two forms. [`loss`](MarginLoss::loss) takes cosines; it needs sin θ = √(1 − cos² θ), which has few digits
/// near θ = 0 and π, where its slope is infinite. [`stable_loss`](MarginLoss::stable_loss) takes embeddings and the
/// head that holds the centers, and has neither problem.
///
/// The tutorial `tutorials/06_arcface` shows what goes wrong in published heads, and what a margin does to embeddings of
/// classes that training has not seen. The slopes where a value jumps or has a kink are in
/// [`guide::kinks`](crate::guide::kinks).
///
/// ```
/// use wengert::{Tensor, Var, nn::{CosineHead, Layer, Linear, MarginLoss}, optim::Adam};
/// use wengert::train::{Trainer, accuracy};
///
/// struct Net { body: Linear, head: CosineHead }
/// impl Layer for Net {
///     fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
///         let embedding = self.body.forward(x[0]);
///         vec![self.head.forward(embedding), embedding] // cosines to predict from, and what the loss needs
///     }
///     fn children(&self) -> Vec<(&str, &dyn Layer)> { vec![("body", &self.body), ("head", &self.head)] }
/// }
///
/// let net = Net { body: Linear::new(2, 3, 0), head: CosineHead::new(3, 2, 1) };
/// let margin = MarginLoss::arcface(0.3)?.scale(8.0)?;
/// assert_eq!(margin.warning(2, 3), None);
/// let (x, labels) = (Tensor::from([[0.0f32, 1.0], [0.2, 0.9], [1.0, 0.1], [0.8, 0.0]]), vec![0, 0, 1, 1]);
/// let mut adam = Adam::new(&net.params(), 0.05)?;
/// Trainer::new(&net, &mut adam)
///     .loss(|y, batch| margin.stable_loss(&net.head, y[1], &batch.labels))
///     .epochs(50)
///     .fit(&mut (1, |_| std::iter::once((x.clone(), labels.clone()))))?;
/// assert_eq!(accuracy(&net, &x, &labels, 4)?, 1.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[doc(alias = "ArcFace", alias = "CosFace", alias = "SphereFace")]
pub struct MarginLoss {
    pub(super) scale: f64,
    /// m₁, m₂, m₃.
    pub(super) margins: [f64; 3],
    fallback: Fallback,
}

/// ArcFace with s = 64 and m = 0.5, the values of the paper.
impl Default for MarginLoss {
    fn default() -> Self {
        MarginLoss { scale: 64.0, margins: [1.0, 0.5, 0.0], fallback: Fallback::None }
    }
}

impl MarginLoss {
    /// ArcFace: cos(θ + m), with m in radians. The paper has m = 0.5.
    ///
    /// # Errors
    /// As [`combined`](MarginLoss::combined), here and in the next two.
    pub fn arcface(m: f64) -> Result<Self> {
        MarginLoss::combined(1.0, m, 0.0)
    }

    /// CosFace: cos θ − m. The paper has m = 0.35.
    pub fn cosface(m: f64) -> Result<Self> {
        MarginLoss::combined(1.0, 0.0, m)
    }

    /// SphereFace: cos(m θ), continued by [`Fallback::Monotone`]. The paper has m = 4, and no fixed scale: embeddings
    /// keep their length there.
    pub fn sphereface(m: f64) -> Result<Self> {
        Ok(MarginLoss::combined(m, 0.0, 0.0)?.fallback(Fallback::Monotone))
    }

    /// cos(m₁ θ + m₂) − m₃, with s = 64 and no fallback.
    ///
    /// # Errors
    /// [`Error::Setting`] unless m₁ ≥ 1, 0 ≤ m₂ ≤ π and 0 ≤ m₃ ≤ 2, all of them finite.
    pub fn combined(m1: f64, m2: f64, m3: f64) -> Result<Self> {
        let wrong = |name, value: f64, must| Err(Error::setting("margin loss", name, value, must));
        match () {
            _ if !(1.0..f64::INFINITY).contains(&m1) => wrong("m1", m1, "at least 1 and finite"),
            _ if !(0.0..=PI).contains(&m2) => wrong("m2", m2, "an angle from 0 to π, in radians"),
            _ if !(0.0..=2.0).contains(&m3) => wrong("m3", m3, "a difference of cosines, from 0 to 2"),
            _ => Ok(MarginLoss { margins: [m1, m2, m3], ..MarginLoss::default() }),
        }
    }

    /// Sets the scale s.
    ///
    /// # Errors
    /// [`Error::Setting`] unless it is positive and finite.
    pub fn scale(self, scale: f64) -> Result<Self> {
        match scale > 0.0 && scale.is_finite() {
            true => Ok(MarginLoss { scale, ..self }),
            false => Err(Error::setting("margin loss", "scale", scale, "positive and finite")),
        }
    }

    /// Sets what stands for the margin's cosine where θ is large.
    pub fn fallback(self, fallback: Fallback) -> Self {
        MarginLoss { fallback, ..self }
    }

    /// The logits for `cosines` `[n, classes]` and the labels of the n observations, with
    /// sin θ = √max(1 − cos² θ, 10⁻⁹).
    ///
    /// Below the bound, at an angle of 3·10⁻⁵ or less, θ counts as constant, so the gradient is finite everywhere. In
    /// single precision it is wrong by several percent at θ = 10⁻³. A NaN stays one.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are cosines of at least two classes for each label, [`Error::Empty`] for an empty
    /// batch, [`Error::Label`] for a label out of range, [`Error::Setting`] for numbers that are no cosines.
    #[track_caller]
    pub fn logits<'t>(&self, cosines: Var<'t>, labels: &[usize]) -> Result<Var<'t>> {
        check(cosines, labels)?;
        let own = cosines.try_gather(1, labels, [labels.len(), 1])?;
        if let Some((i, c)) = own.value().to_vec().into_iter().enumerate().find(|(_, c)| c.abs() > 1.001) {
            let value = format!("{c} for observation {i}");
            let must = "from -1 to 1, as the output of a `CosineHead` is";
            return Err(cosines.tape().locate(Error::setting("margin loss", "cosine", value, must)));
        }
        let angle = (1.0 - own.square()).max(1e-9).sqrt().atan2(own);
        self.join(cosines, labels, self.value(angle))
    }

    /// The mean cross-entropy of [`logits`](MarginLoss::logits), one number.
    ///
    /// # Errors
    /// As `logits`.
    #[track_caller]
    pub fn loss<'t>(&self, cosines: Var<'t>, labels: &[usize]) -> Result<Var<'t>> {
        self.logits(cosines, labels)?.try_cross_entropy(labels)
    }

    /// The logits for embeddings `x` `[n, dim]` and the labels of the n observations, with the angle from the
    /// directions and the derivative by hand: accurate at every angle, in single precision too.
    ///
    /// The gradient of the own logit with respect to x is s sin(θ + m) u/‖x‖ for ArcFace, where the unit vector u points
    /// along the sphere from the embedding to the center. At θ = 0 and π there is no such direction, and the gradient
    /// is 0. An embedding of length 0 counts as perpendicular to all centers, and its gradient is 0. A NaN stays one.
    ///
    /// # Errors
    /// As [`logits`](MarginLoss::logits), and [`Error::Shape`] when the embeddings do not fit the head.
    #[track_caller]
    pub fn stable_logits<'t>(&self, head: &CosineHead, x: Var<'t>, labels: &[usize]) -> Result<Var<'t>> {
        let all = head.with_all_centers(x)?;
        let cosines = head.of_classes(all);
        check(cosines, labels)?;
        let own = x.tape().watch(&head.weight).try_index_select(0, &head.nearest_own(all, labels))?;
        let target = x.tape().apply(MarginTarget(*self), &[x, own])?[0];
        self.join(cosines, labels, target)
    }

    /// The mean cross-entropy of [`stable_logits`](MarginLoss::stable_logits), one number.
    ///
    /// # Errors
    /// As `stable_logits`.
    #[track_caller]
    pub fn stable_loss<'t>(&self, head: &CosineHead, x: Var<'t>, labels: &[usize]) -> Result<Var<'t>> {
        self.stable_logits(head, x, labels)?.try_cross_entropy(labels)
    }

    /// `target` `[n, 1]` in the place of each observation's own cosine, in training; times s.
    fn join<'t>(&self, cosines: Var<'t>, labels: &[usize], target: Var<'t>) -> Result<Var<'t>> {
        if cosines.tape().mode() == Mode::Eval {
            return Ok(cosines * self.scale);
        }
        let is_own = Tensor::one_hot(labels, cosines.shape()[1], cosines.dtype())?;
        Ok(cosines.tape().constant(is_own).try_select(target, cosines)? * self.scale)
    }

    /// What stands for the cosine of the own class at the angle θ.
    pub(super) fn value<'t>(&self, angle: Var<'t>) -> Var<'t> {
        let (phase, folds) = self.phase(angle);
        let value =
            self.beyond().map_or(phase.cos(), |(limit, less)| angle.lt(limit).select(phase.cos(), angle.cos() - less));
        value - folds * 2.0 - self.margins[2]
    }

    /// How fast [`value`](MarginLoss::value) falls with θ.
    pub(super) fn fall<'t>(&self, angle: Var<'t>) -> Var<'t> {
        let fall = self.phase(angle).0.sin() * self.margins[0];
        self.beyond().map_or(fall, |(limit, _)| angle.lt(limit).select(fall, angle.sin()))
    }

    /// φ = m₁ θ + m₂ and 0; for the monotone continuation, φ − kπ and k = ⌊φ/π⌋, since cos(φ − kπ) = (−1)ᵏ cos φ.
    fn phase<'t>(&self, angle: Var<'t>) -> (Var<'t>, Var<'t>) {
        let phase = angle * self.margins[0] + self.margins[1];
        let folds = (phase.detach() / PI).floor() * f64::from(self.fallback == Fallback::Monotone);
        (phase - folds * PI, folds)
    }

    /// The angle from which on the value is cos θ less a constant, and the constant.
    fn beyond(&self) -> Option<(f64, f64)> {
        let [m1, m2, _] = self.margins;
        let limit = (PI - m2) / m1;
        match self.fallback {
            Fallback::None | Fallback::Monotone => None,
            Fallback::Easy => Some((FRAC_PI_2, 0.0)),
            Fallback::Shifted => Some((limit, m2 * m2.sin())),
            Fallback::Linear => Some((limit, 1.0 + limit.cos())),
        }
    }
}

/// Checks that there are cosines of at least two classes for each label.
#[track_caller]
fn check(cosines: Var<'_>, labels: &[usize]) -> Result<()> {
    let (shape, n) = (cosines.shape(), labels.len());
    let error = match *shape.dims() {
        _ if n == 0 => Error::Empty {
            what: "the batch of labels".into(),
            need: "a mean loss needs at least one observation; leave out empty batches",
        },
        [rows, classes] if rows == n && classes > 1 => match labels.iter().position(|&label| label >= classes) {
            None => return Ok(()),
            Some(index) => Error::Label { op: "margin loss".into(), label: labels[index], index, classes },
        },
        _ => {
            let need = format!("cosines [{n}, classes] are needed for {n} labels, of at least two classes");
            Error::shape("margin loss", &[&shape], need)
        }
    };
    Err(cosines.tape().locate(error))
}

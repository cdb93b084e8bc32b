//! Attention: each query reads a mean of the values, weighted by how well their keys agree with it.
//!
//! softmax(scale · Q Kᵀ) V (Vaswani et al., arXiv 1706.03762), with scale 1/√d for vectors of length d. What a mask
//! rules out has weight 0, and a query that may read nothing reads 0.

use super::composition::composition;
use crate::{
    error::{Error, Result},
    ops::sample::{Sample, numbers},
    tape::Var,
    tensor::{Shape, Tensor},
};

/// The options of [`attention`](Var::attention).
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// What each query may read: `[.., queries, keys]`, or what broadcasts to it; 0 rules out.
    pub mask: Option<Tensor>,
    /// Query i reads the keys 0 to i alone.
    pub causal: bool,
    /// The factor of the scores; `None` means 1/√d.
    pub scale: Option<f64>,
}

impl Attention {
    /// Queries read only where this mask, which broadcasts to `[.., queries, keys]`, is not 0.
    pub fn mask(self, mask: impl Into<Tensor>) -> Self {
        Attention { mask: Some(mask.into()), ..self }
    }

    /// Query i reads the keys 0 to i alone: those of the past.
    pub fn causal(self) -> Self {
        Attention { causal: true, ..self }
    }

    /// Another factor of the scores than 1/√d.
    pub fn scale(self, scale: f64) -> Self {
        Attention { scale: Some(scale), ..self }
    }

    /// Where queries may read, as 0 and 1, if it is not everywhere.
    #[track_caller]
    fn allowed<'t>(&self, scores: Var<'t>) -> Result<Option<Var<'t>>> {
        let (tape, shape) = (scores.tape(), scores.shape());
        let &[.., queries, keys] = shape.dims() else { unreachable!("a product of matrices has two axes") };
        let past = Tensor::from_fn([queries, keys], tape.dtype(), |i| f64::from(i % keys <= i / keys));
        let causal = self.causal.then(|| tape.constant(past));
        let Some(mask) = &self.mask else { return Ok(causal) };
        if mask.shape().broadcast(&shape).as_ref() != Some(&shape) {
            let need = "the mask must broadcast to [.., queries, keys]";
            return Err(scores.shape_error("attention", &[mask.shape(), &shape], need));
        }
        let mask = tape.constant(mask).ne(0.0);
        Ok(Some(causal.map_or(mask, |causal| mask * causal)))
    }
}

composition!(
    /// Scaled dot-product attention of these queries `[.., queries, d]`, keys `[.., keys, d]` and values `[.., keys,
    /// e]`: `[.., queries, e]`. The axes before the last two (observations, heads) broadcast.
    ///
    /// ```
    /// use wengert::{Tape, functional::Attention};
    /// let tape = Tape::f64();
    /// let (q, k) = (tape.leaf([[0.0], [0.0]]), tape.leaf([[1.0], [1.0]]));
    /// let v = tape.leaf([[10.0], [30.0]]);
    /// assert_eq!(q.attention(k, v, &Attention::default()).value().to_vec(), [20.0, 20.0]);
    /// assert_eq!(q.attention(k, v, &Attention::default().causal()).value().to_vec(), [10.0, 20.0]);
    /// ```
    #[or_panic(attention)]
    /// [`Error::Shape`] when the shapes do not match, [`Error::Setting`] for a scale that is not finite.
    pub fn try_attention(self, keys: Var<'t>, values: Var<'t>, options: &Attention) -> Result<Var<'t>> {
        let (q, k, v) = (self.shape(), keys.shape(), values.shape());
        let sizes = |s: &Shape| s.rank().checked_sub(2).map(|i| (s[i], s[i + 1]));
        match (sizes(&q), sizes(&k), sizes(&v)) {
            (Some((_, d)), Some((n, e)), Some((m, _))) if d == e && n == m => {}
            _ => {
                let need = "queries [.., queries, d], keys [.., keys, d] and values [.., keys, e] are needed";
                return Err(self.shape_error("attention", &[&q, &k, &v], need));
            }
        }
        let scale = options.scale.unwrap_or(1.0 / (q[q.rank() - 1] as f64).sqrt());
        if options.scale.is_some_and(|scale| !scale.is_finite()) {
            return Err(Error::setting("attention", "scale", scale, "finite"));
        }
        let called = |error: Error| error.called("attention");
        let scores = (self * scale).product(false, keys, true).map_err(called)?;
        let weights = match options.allowed(scores)? {
            None => scores.try_softmax(-1)?,
            Some(allowed) => allowed.try_select(allowed.try_select(scores, LOW)?.try_softmax(-1)?, 0.0)?,
        };
        weights.try_matmul(values).map_err(called)
    },
    [
        Sample::new("attention", vectors([2, 3, 4], [2, 5, 4], [2, 5, 2]), |x| {
            x[0].attention(x[1], x[2], &Attention::default())
        }),
        Sample::new("attention, causal and masked", vectors([2, 3, 4], [1, 3, 4], [1, 3, 2]), |x| {
            x[0].attention(x[1], x[2], &Attention::default().causal().mask([[1.0, 0.0, 1.0]]))
        }),
    ]
);

/// So low that its exponential is 0 beside any score; a whole row of them is finite, and not used.
const LOW: f64 = -1e30;

/// Queries, keys and values.
fn vectors(q: [usize; 3], k: [usize; 3], v: [usize; 3]) -> Vec<Tensor> {
    vec![numbers(q, -1.0, 1.0, 1), numbers(k, -1.0, 1.0, 2), numbers(v, -1.0, 1.0, 3)]
}

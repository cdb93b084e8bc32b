//! The mathematics of an operation, to be read: what it computes, and what its rule adds to the gradient of each input.

/// What an [`Op`](super::Op) computes and what its rule adds to each gradient, in LaTeX.
///
/// The inputs are written `x` if there is one, else `x_1`, `x_2`, ...; the output is `z` and its gradient `\bar z`.
/// [`inspect`](crate::inspect) puts the names and the numbers of a recording in their places.
///
/// ```
/// use wengert::ops::Formula;
/// let product = Formula::new("x_1 x_2", [r"\bar z x_2^\top", r"x_1^\top \bar z"]);
/// assert_eq!(product.gradients[1], r"x_1^\top \bar z");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Formula {
    /// The value.
    pub value: String,
    /// By input, what is added to its gradient; shorter than the inputs where the rest have none.
    pub gradients: Vec<String>,
}

impl Formula {
    /// The formula of a value, and those of its gradients.
    pub fn new<G: Into<String>>(value: impl Into<String>, gradients: impl IntoIterator<Item = G>) -> Self {
        Formula { value: value.into(), gradients: gradients.into_iter().map(Into::into).collect() }
    }
}

//! What to write in place of an operation whose numbers left its range.

/// For each operation: what keeps its value, or its slope, finite.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["ln", "log2", "log10"],
        "`log_softmax`, `log_sigmoid` or `logsumexp` of what the argument is computed from, or a floor under it: \
         `x.max(1e-12).ln()`",
    ),
    (
        &["exp", "exp2", "exp_m1", "sinh", "cosh"],
        "`softmax`, `logsumexp` or `softplus`, which subtract the largest argument first, or a clamp before it",
    ),
    (&["sqrt"], "an ε inside, `(x + 1e-8).sqrt()`, or `signed_sqrt`, whose gradient at 0 is 0"),
    (&["signed_sqrt"], "an ε inside: `x * (x.abs() + 1e-8).rsqrt()`"),
    (
        &["div", "recip", "rsqrt"],
        "a divisor that is kept from 0: `y / (x.abs() + 1e-8)`, `(x.square() + 1e-8).rsqrt()`",
    ),
    (
        &["acos", "asin"],
        "for the angle of unit vectors u and v, 2 atan2(|u − v|, |u + v|); for a margin, the cosine itself (`nn::AddedMargin`), \
         or a clamp to ±(1 − 1e-6)",
    ),
    (&["acosh"], "2 arsinh(√((x − 1)/2)), with x − 1 computed directly"),
    (&["atanh", "erfinv"], "a clamp to ±(1 − 1e-6)"),
    (&["pow"], "an ε in the base, `(x + 1e-8).pow(c)`, or `(c * x.ln()).exp()` for x > 0"),
    (&["mul", "square"], "logarithms, or factors that are scaled first: the product leaves the range of the precision"),
    (&["add", "sub"], "a selection made before the infinities meet: `mask.select(x, 0.0)`"),
    (
        &["eigh", "svd"],
        "a function without vectors: `symmetric_sqrt`, whose gradient divides by no difference, or `eigvalsh`",
    ),
    (&["leaf", "constant"], "data that is checked before it enters the tape"),
];

/// What to write in place of an operation, if that is known.
pub(super) fn instead(op: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(ops, _)| ops.contains(&op)).map(|(_, advice)| *advice)
}

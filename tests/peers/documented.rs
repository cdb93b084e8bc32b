//! The differences from PyTorch that are meant. `src/guide/kinks.md` has each of them under "PyTorch's own samples".

/// Why this part (`value`, `first`, `second`) of this operator differs; none if it should not.
pub fn reason(op: &str, part: &str) -> Option<&'static str> {
    DOCUMENTED.iter().find(|(names, of, _)| names.contains(&op) && *of == part).map(|(_, _, reason)| *reason)
}

/// Operators, the part that differs, and the reason.
type Row = (&'static [&'static str], &'static str, &'static str);

const DOCUMENTED: &[Row] = &[
    (
        &[
            "as_strided_scatter",
            "nn.functional.max_unpool1d",
            "nn.functional.max_unpool2d",
            "nn.functional.max_unpool3d",
        ],
        "first",
        "a number that is written over has no part in the result: slope 0",
    ),
    (&["nn.functional.hardsigmoid"], "first", "PyTorch's constant 1/6 is in single precision"),
    (
        &["nn.functional.linear_cross_entropy.chunked", "nn.functional.linear_cross_entropy.chunked_none"],
        "second",
        "PyTorch computes the gradient during the forward pass, so its second derivative is 0",
    ),
    (
        &["linalg.pinv.hermitian"],
        "first",
        "PyTorch reads one triangle, and its rule the whole matrix, which need not be symmetric",
    ),
    (&["linalg.norm.subgradients_at_zero"], "second", "NaN in PyTorch where the length is 0"),
    (&["masked.logaddexp"], "second", "NaN in PyTorch where both operands are ruled out"),
];

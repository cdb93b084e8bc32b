//! Every operation against reference values from another system, in double precision: value, first and second order.
//!
//! The folder named by `WENGERT_SHARED` holds `golden/ops.json` (cases: operation, attributes, inputs) and
//! `golden/ops.safetensors` (tensors `CASE/x0 …`, value `y`, upstream gradient `g`, gradients `dx0 …`, directions
//! `v0 …` and `h0 …`, where h_i is the derivative with respect to x_i of the sum over the inputs of ⟨v, dx⟩).
#![cfg(all(feature = "io", feature = "nn"))]

mod operations;
mod reference;

use std::{collections::HashMap, fmt::Write, panic::AssertUnwindSafe};

use serde_json::Value;

use reference::{Reference, compare, with_reference};

/// The largest difference allowed, relative to the largest reference number of the tensor.
const TOLERANCE: f64 = 1e-9;
/// The same for second derivatives of eigenvalues and singular values, which divide by differences of them.
const SPECTRAL: f64 = 1e-7;

/// Both forms of the margin loss have the golden values and gradients of `arcface_loss`, in first and second order.
#[test]
fn golden_arcface_by_both_forms_of_the_margin_loss() {
    with_reference(|reference, cases| {
        let of_arcface: Vec<&Value> = cases.iter().filter(|case| case["op"] == "arcface_loss").collect();
        assert!(!of_arcface.is_empty(), "the reference has no case of arcface_loss");
        for (case, form) in of_arcface.into_iter().flat_map(|case| [(case, "loss"), (case, "stable_loss")]) {
            let mut case = case.clone();
            case["op"] = format!("MarginLoss::{form}").into();
            let differences = compare(reference, &case).unwrap();
            assert!(differences.iter().all(|d| *d <= TOLERANCE), "{} by {form}: {differences:?}", case["name"]);
        }
    });
}

/// The layer of square roots has the golden values and gradients of `matrix_sqrt_sym` by each of its ways, in first and
/// second order, and the layer of bilinear pooling those of `bilinear_pool`.
#[test]
fn golden_square_roots_by_every_way_and_bilinear_pooling_as_a_layer() {
    with_reference(|reference, cases| {
        let ways = ["eigh", "lyapunov", "newton:40", "newton-trace:40"];
        for (op, ways) in [("matrix_sqrt_sym", &ways[..]), ("bilinear_pool", &["BilinearPooling"])] {
            let of_op: Vec<&Value> = cases.iter().filter(|case| case["op"] == op).collect();
            assert!(!of_op.is_empty(), "the reference has no case of {op}");
            for (case, way) in of_op.into_iter().flat_map(|case| ways.iter().map(move |way| (case, way))) {
                let mut case = case.clone();
                case["op"] = (*way).into();
                let differences = compare(reference, &case).unwrap();
                let limits = if *way == "eigh" { [TOLERANCE, SPECTRAL, SPECTRAL] } else { [TOLERANCE; 3] };
                let good = differences.iter().zip(limits).all(|(d, limit)| *d <= limit);
                assert!(good, "{} by {way}: {differences:?}", case["name"]);
            }
        }
    });
}

#[test]
fn golden_values_and_gradients_of_every_operation() {
    with_reference(every_operation);
}

fn every_operation(reference: &Reference<'_>, cases: &[Value]) {
    let (mut table, mut failures) = (String::new(), String::new());
    let mut operations = HashMap::<String, usize>::new();
    for case in cases {
        let (name, op) = (case["name"].as_str().expect("a name"), case["op"].as_str().expect("an operation"));
        *operations.entry(op.to_owned()).or_default() += 1;
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| compare(reference, case)));
        let limits = match op {
            "eigvalsh" | "singular_values" => [TOLERANCE, TOLERANCE, SPECTRAL],
            _ => [TOLERANCE; 3],
        };
        let (line, passed) = match outcome {
            Ok(Ok(d)) => (
                format!("{:8.1e} {:8.1e} {:8.1e}", d[0], d[1], d[2]),
                d.iter().zip(limits).all(|(d, limit)| *d <= limit),
            ),
            Ok(Err(why)) => (why, false),
            Err(panic) => (panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()), false),
        };
        let target = if passed { &mut table } else { &mut failures };
        writeln!(target, "{name:24} {line}").expect("a string takes every line");
    }
    println!("case                        value    first   second\n{table}");
    let failed = failures.lines().count();
    println!("{} cases of {} operations, {failed} failed", cases.len(), operations.len());
    assert!(failed == 0, "{failed} of {} cases:\n{failures}", cases.len());
}

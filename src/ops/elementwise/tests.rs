//! What the rows claim about themselves, checked against numbers.

use super::*;
use crate::Tape;

const CORNERS: [f64; 6] = [0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// Whether the rule maps an upstream 0 to 0, for every operand that can need a gradient.
fn answers_zero(row: &'static Elementwise, number: f64, x: &[f64]) -> bool {
    let tape = Tape::f64();
    let x: Vec<Var<'_>> = x.iter().map(|&x| tape.leaf(x)).collect();
    let z = tape.elementwise(row, number, &x, None).unwrap();
    // The mask of a selection is a constant.
    let needs: Vec<bool> = (0..x.len()).map(|k| !(row.selects() && k == 0)).collect();
    let gradients =
        row.vjp(number, Vjp { x: &x, z, dz: tape.constant(0.0), needs: &needs, recorded: false, masked: false });
    assert_eq!(gradients.iter().map(Option::is_some).collect::<Vec<_>>(), needs, "{}: where a gradient is", row.name);
    gradients.into_iter().flatten().all(|dx| dx.item() == 0.0)
}

/// Every combination of one number per operand: the corner cases, and both ends of its range in tests.
fn choices(domain: &[(f64, f64)]) -> Vec<Vec<f64>> {
    domain.iter().fold(vec![Vec::new()], |before, &(low, high)| {
        let values = CORNERS.into_iter().chain([low, high]);
        values.flat_map(|x| before.iter().map(move |b| b.iter().copied().chain([x]).collect())).collect()
    })
}

#[test]
fn a_rule_keeps_zeros_exactly_if_its_row_says_so() {
    for row in all().into_iter().filter(|row| row.differentiable()) {
        let numbers = match row.parameter {
            Some(number) => CORNERS.into_iter().chain([number, 2.0]).collect(),
            None => vec![0.0],
        };
        for number in numbers {
            let kept = choices(row.domain).iter().all(|x| answers_zero(row, number, x));
            assert_eq!(row.keeps_zeros(number), kept, "{} with the number {number}", row.name);
        }
    }
}

#[test]
fn a_number_stands_where_its_row_says() {
    // A row whose number comes first has a twin of the same name with the operands swapped.
    for first in WITH_NUMBER.iter().filter(|row| row.number_first()) {
        let binary = BINARY.iter().find(|row| row.name == first.name).unwrap();
        let tape = Tape::f64();
        let (x, c) = (tape.leaf(3.0), tape.leaf(5.0));
        let exchanged = tape.elementwise(binary, 0.0, &[c, x], None).unwrap();
        assert_eq!(x.unary(first, 5.0).item(), exchanged.item(), "{}", first.name);
    }
    for second in WITH_NUMBER.iter().filter(|row| !row.number_first()) {
        let Some(binary) = BINARY.iter().find(|row| row.name == second.name) else { continue };
        let tape = Tape::f64();
        let (x, c) = (tape.leaf(3.0), tape.leaf(5.0));
        let same = tape.elementwise(binary, 0.0, &[x, c], None).unwrap();
        assert_eq!(x.unary(second, 5.0).item(), same.item(), "{}", second.name);
    }
}

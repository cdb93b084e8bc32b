//! Formulas are read and computed, and the numbers compared with those of the operations: a formula that is wrong, or
//! wrongly put together, gives another number.

mod reader;

use super::{tex::Tex, *};
use crate::{
    Tape,
    ops::{Elementwise, Vjp, elementwise_rows},
    tape::Var,
};
use reader::computed;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

/// Both formulas of a row at some inputs, single numbers and tensors, in letters and with the numbers put in.
fn check(row: &'static Elementwise, parameter: f64, x: &[f64]) {
    let tape = Tape::f64();
    let vars: Vec<Var<'_>> = x.iter().map(|&x| tape.leaf(x)).collect();
    let z = tape.elementwise(row, parameter, &vars, None).unwrap();
    let upstream = 0.7;
    let needs: Vec<bool> = (0..x.len()).map(|k| !(row.selects() && k == 0)).collect();
    let dz = tape.leaf(upstream);
    let gradients: Vec<Option<f64>> = match row.differentiable() {
        false => vec![None; x.len()],
        true => row
            .vjp(parameter, Vjp { x: &vars, z, dz, needs: &needs, recorded: false, masked: false })
            .into_iter()
            .map(|dx| dx.map(|dx| dx.item()))
            .collect(),
    };
    let names: Vec<&str> = match x.len() {
        1 => vec!["x"],
        2 => vec!["a", "b"],
        _ => vec!["p", "q", "r"],
    };
    let mut letters: Vec<(&str, f64)> = names.iter().copied().zip(x.iter().copied()).collect();
    letters.extend([("z", z.item()), (r"\bar z", upstream)]);
    let with_letters = Names {
        inputs: names.iter().map(|&name| Tex::atom(name)).collect(),
        output: "z".into(),
        upstream: r"\bar z".into(),
    };
    let number = |x: f64| written(x, &x.to_string(), &format!("{x:e}"));
    let with_numbers =
        Names { inputs: x.iter().map(|&x| number(x)).collect(), output: number(z.item()), upstream: number(upstream) };
    for (names, pointwise) in [(&with_letters, false), (&with_letters, true), (&with_numbers, false)] {
        let formulas = traced::formulas(row, parameter, names, pointwise);
        let value = computed(&formulas.value, &letters);
        assert!(near(value, z.item()), "{}: {} = {value}, not {}", row.name, formulas.value, z.item());
        assert_eq!(formulas.gradients.len(), x.len());
        for (formula, want) in formulas.gradients.iter().zip(&gradients) {
            match (formula, want) {
                (Some(formula), Some(want)) => {
                    let value = computed(formula, &letters);
                    assert!(near(value, *want), "derivative of {}: {formula} = {value}, not {want}", row.name);
                }
                (None, None) => {}
                other => panic!("{}: {other:?}", row.name),
            }
        }
    }
}

#[test]
fn every_row_computes_what_its_formulas_say() {
    let rows = elementwise_rows();
    assert!(rows.len() > 70, "{} rows", rows.len());
    for row in rows {
        // Inside of the domain, and on the other side of 0 where the function is defined there.
        for t in [0.1, 0.35, 0.8] {
            let x: Vec<f64> = row
                .domain
                .iter()
                .enumerate()
                .map(|(k, (low, high))| low + (high - low) * (t + 0.13 * k as f64).fract())
                .collect();
            check(row, row.parameter.unwrap_or(0.0), &x);
            let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
            if ["relu", "leaky_relu", "elu", "celu", "abs", "max", "min", "signed_sqrt", "select", "gt", "le"]
                .contains(&row.name)
            {
                check(row, row.parameter.unwrap_or(0.0), &mirrored);
            }
        }
    }
}

#[test]
fn every_operation_of_the_table_has_formulas() {
    let tape = Tape::f64();
    for sample in crate::ops::table() {
        let first = tape.len();
        let x = sample.leaves(&tape);
        let _ = sample.run(&x);
        for id in first..tape.len() {
            let list = tape.list();
            let node = &list.nodes[id];
            if let Kind::Op(op) = &node.kind {
                let formula = op.formula(node.inputs.len());
                let formula = formula.unwrap_or_else(|| panic!("{} of `{}` has no formula", op.name(), sample.name));
                assert_eq!(formula.gradients.len(), node.inputs.len(), "{} of `{}`", op.name(), sample.name);
            }
        }
    }
}

#[test]
fn names_take_the_places_of_letters_and_no_other() {
    let names = Names {
        inputs: vec!["v_{3}".into(), r"\mathit{max}".into()],
        output: "v_{7}".into(),
        upstream: r"\bar v_{7}".into(),
    };
    let formula = r"\operatorname{axz}(x_1^\top, x_2) z + \max \bar z_2 \hat x \exp";
    let want = r"\operatorname{axz}({v_{3}}^\top, \mathit{max}) v_{7} + \max {\bar v_{7}}_2 \hat x \exp";
    assert_eq!(tex::substituted(formula, &names), want);
}

#[cfg(feature = "view")]
#[test]
fn mathml_has_its_elements_and_nothing_of_a_name_is_markup() {
    let pairs = [
        (
            r"\frac{\bar z}{x^{2}}",
            r#"<mfrac><mrow><mover accent="true"><mi>z</mi><mo stretchy="false">¯</mo></mover></mrow><mrow><msup><mi>x</mi><mrow><mn>2</mn></mrow></msup></mrow></mfrac>"#,
        ),
        (r"a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\left(a\right)^2", "<msup><mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow><mn>2</mn></msup>"),
        ("-1 - 2", r#"<mo form="prefix">−</mo><mn>1</mn><mo>−</mo><mn>2</mn>"#),
        (
            r"\operatorname{a\_<b>}_{1}'(x)",
            r#"<msubsup><mi mathvariant="normal">a_&lt;b&gt;</mi><mrow><mn>1</mn></mrow><mo>′</mo></msubsup><mo>(</mo><mi>x</mi><mo>)</mo>"#,
        ),
        (
            r"\begin{cases} 1 & x > 0 \\ z & \text{else} \end{cases}",
            r#"<mrow><mo stretchy="true">{</mo><mtable columnalign="left"><mtr><mtd><mn>1</mn></mtd><mtd><mi>x</mi><mo>&gt;</mo><mn>0</mn></mtd></mtr><mtr><mtd><mi>z</mi></mtd><mtd><mtext>else</mtext></mtd></mtr></mtable></mrow>"#,
        ),
    ];
    for (latex, want) in pairs {
        assert_eq!(mathml(latex), format!("<math>{want}</math>"), "{latex}");
    }
    // Whatever is written, it ends.
    for broken in ["}", "{", r"\frac", r"\begin{cases}", r"x^", r"\\", "_{", r"\begin{cases} } & \end{cases}", r"\bar"]
    {
        assert!(mathml(broken).ends_with("</math>"), "{broken}");
    }
}

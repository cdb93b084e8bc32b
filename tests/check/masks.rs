//! Rules that compare wrongly: what mends a mask of few bits by coincidence is told from what mends it.

use wengert::{
    Backward, DType, Function, Tensor, Var,
    check::{self, Fault, Verdict},
};

/// Σ relu(|a − p|² − |a − n|² + margin) over rows, whose rule may forget the margin.
struct Triplet {
    margin: f64,
    in_rule: f64,
}

fn apart<'t>(a: Var<'t>, b: Var<'t>) -> Var<'t> {
    (a - b).square().sum_axes(&[1], true)
}

impl Function for Triplet {
    fn name(&self) -> &str {
        "triplet"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![(apart(x[0], x[1]) - apart(x[0], x[2]) + self.margin).relu().sum()]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (a, p, n) = (x[0], x[1], x[2]);
        let active = (apart(a, p) - apart(a, n)).gt(-self.in_rule); // the mask
        let g = dz[0] * active * 2.0;
        vec![Some(g * (n - p)), Some(g * (p - a)), Some(g * (a - n))]
    }
}

fn wave(rows: usize, step: f64, from: f64) -> Tensor {
    Tensor::from_fn([rows, 3], DType::F64, |i| (step * i as f64 + from).sin() * 1.6)
}

#[test]
fn a_margin_that_a_mask_forgets_is_found_whatever_the_number_of_rows() {
    for rows in [4, 6, 8, 16] {
        for from in [0.0, 0.8, 1.11, 2.7] {
            let inputs = [wave(rows, 1.7, from), wave(rows, 0.9, 1.0 + from), wave(rows, 2.3, 0.1 - from)];
            let right = check::function(Triplet { margin: 2.0, in_rule: 2.0 }, &inputs).run().unwrap();
            assert!(right.passed(), "{right}");
            let report = check::function(Triplet { margin: 2.0, in_rule: 0.0 }, &inputs).run().unwrap();
            assert!(!report.passed(), "{rows} rows from {from}");
            let verdict = report.verdict().unwrap();
            let is_mask = |v: &Verdict| match &v.fault {
                Fault::MixedUp { used, wanted } => used.contains("`gt`") && wanted.contains("the slope of `relu`"),
                Fault::WrongConstant { how } => how == "it has 0 where −2 belongs" || how.contains("2"),
                _ => false,
            };
            assert!(is_mask(verdict), "{rows} rows from {from}:\n{report}");
            assert!(verdict.mends.iter().any(|mend| mend.reads.ends_with(".gt(-2.0)")), "{rows} from {from}: {report}");
            // Nothing is put into the distances.
            assert!(report.verdicts.iter().flat_map(|v| &v.mends).all(|m| !m.stands.contains("square")), "{report}");
        }
    }
}

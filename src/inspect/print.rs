//! Printing a tape: a row for each node, in columns.
//!
//! The columns are: the node and its operation; precision and shape; the numbers if they are few, else their range and
//! mean; the name; the layer; the line of source. A column that is empty in every row is left out.

use std::fmt;

use super::NodeView;
use crate::{Tape, Tensor};

/// Of values with more numbers than this, statistics are printed.
const FEW: usize = 4;

/// One row for each node, as `%3 = mul %1 %2  f64[]  6.0000  loss  layer  src/main.rs:14`; `{:.2}` sets the digits.
///
/// Of a value with more than four numbers, or with more than one axis, the smallest number, the largest and the mean
/// are shown, and how many numbers are not finite, which the others leave out. Pending values are computed for it, and
/// are pending again afterward.
impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        let index_width = self.len().saturating_sub(1).to_string().len();
        let mut numbers = Vec::with_capacity(self.len());
        self.look(|_, value| numbers.push(value.map_or("no memory".to_owned(), |value| in_short(value, digits))));
        let rows: Vec<[String; 6]> =
            self.nodes().zip(numbers).map(|(node, numbers)| columns(&node, numbers, index_width)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for (i, row) in rows.iter().enumerate() {
            let mut line = String::from(if i == 0 { "" } else { "\n" });
            for (text, &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                line += &format!("{text:width$}  ");
            }
            f.write_str(line.trim_end_matches(' '))?;
        }
        Ok(())
    }
}

fn columns(node: &NodeView, numbers: String, index_width: usize) -> [String; 6] {
    let mut what = format!("{:<width$} = {}", format!("%{}", node.index), node.op, width = index_width + 1);
    for part in [node.arguments(), node.attributes.clone()] {
        if !part.is_empty() {
            what = what + " " + &part;
        }
    }
    if !node.rule_inputs.is_empty() {
        let from: Vec<String> = node.rule_inputs.iter().map(|i| format!("%{i}")).collect();
        what += &format!(" (rule by hand, of {})", from.join(" "));
    }
    [what, node.type_name(), numbers, node.name.clone().unwrap_or_default(), node.layer.clone(), place(node)]
}

/// The numbers of a tensor if they are few, or what they have in common, in one line.
pub(super) fn in_short(value: &Tensor, digits: usize) -> String {
    if value.numel() <= FEW && value.shape().rank() <= 1 {
        return format!("{value:.digits$}");
    }
    let (mut count, mut sum, mut min, mut max) = (0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for x in value.to_vec().into_iter().filter(|x| x.is_finite()) {
        (count, sum, min, max) = (count + 1, sum + x, x.min(min), x.max(max));
    }
    let mut parts = Vec::new();
    if count > 0 {
        let [min, max, mean] = [min, max, sum / count as f64].map(|x| number(x, digits));
        parts.push(format!("{min} to {max}, mean {mean}"));
    }
    if count < value.numel() {
        parts.push(format!("{} not finite", value.numel() - count));
    }
    parts.join(", ")
}

fn number(x: f64, digits: usize) -> String {
    match x == 0.0 || (1e-3..1e6).contains(&x.abs()) {
        true => format!("{x:.digits$}"),
        false => format!("{x:.digits$e}"),
    }
}

/// The file with the folder that it is in, and the line.
fn place(node: &NodeView) -> String {
    let file = node.line.file();
    let short = file.rmatch_indices(['/', '\\']).nth(1).map_or(file, |(slash, _)| &file[slash + 1..]);
    format!("{short}:{}", node.line.line())
}

#[cfg(test)]
mod tests {
    use crate::{Backward, Function, Param, Tape, Tensor, Var};

    /// The printed tape with the lines of this file counted from the first that recorded something.
    fn printed(tape: &Tape, text: String) -> String {
        let first = tape.nodes().map(|node| node.line.line()).min().unwrap();
        let mut text = text + "\n";
        for node in tape.nodes() {
            let (line, relative) = (node.line.line(), node.line.line() - first);
            text = text.replace(&format!("inspect/print.rs:{line}\n"), &format!("inspect/print.rs:+{relative}\n"));
        }
        text
    }

    #[test]
    fn a_tape_prints_in_columns() {
        let tape = Tape::f64();
        let x = tape.leaf(3.0).named("x");
        let y = tape.constant([1.0, 2.0]);
        let mut z = x * y + 0.5;
        {
            let _layer = tape.scope("head");
            z = 1.0 / z - 2.0;
        }
        let _ = (5.0 - z).sum().named("loss");
        let want = "\
%0 = leaf             f64[]   3.0000              x           inspect/print.rs:+0
%1 = constant         f64[2]  [1.0000, 2.0000]                inspect/print.rs:+1
%2 = mul %0 %1        f64[2]  [3.0000, 6.0000]                inspect/print.rs:+2
%3 = add %2 0.5       f64[2]  [3.5000, 6.5000]                inspect/print.rs:+2
%4 = div 1 %3         f64[2]  [0.2857, 0.1538]          head  inspect/print.rs:+5
%5 = add %4 -2        f64[2]  [-1.7143, -1.8462]        head  inspect/print.rs:+5
%6 = sub 5 %5         f64[2]  [6.7143, 6.8462]                inspect/print.rs:+7
%7 = sum %6 axes [0]  f64[]   13.5604             loss        inspect/print.rs:+7
";
        assert_eq!(printed(&tape, tape.to_string()), want);
    }

    #[test]
    fn digits_detached_values_and_pending_ones() {
        let tape = Tape::new();
        let x = tape.leaf(2.0);
        let _ = x.detach() * x;
        tape.set_lazy_from(1);
        let _ = tape.constant(Tensor::from([[-1.0, 2.0]])).relu();
        let want = "\
%0 = leaf       f32[]      2.0                    inspect/print.rs:+0
%1 = detach %0  f32[]      2.0                    inspect/print.rs:+1
%2 = mul %1 %0  f32[]      4.0                    inspect/print.rs:+1
%3 = constant   f32[1, 2]  -1.0 to 2.0, mean 0.5  inspect/print.rs:+3
%4 = relu %3    f32[1, 2]  0.0 to 2.0, mean 1.0   inspect/print.rs:+3
";
        assert_eq!(printed(&tape, format!("{tape:.1}")), want);
        assert_eq!(Tape::new().to_string(), "");
    }

    #[test]
    fn statistics_leave_out_numbers_that_are_not_finite_and_count_them() {
        let tape = Tape::f64();
        tape.set_lazy_from(1);
        let x = tape.leaf([[0.0, -1.0, 1e8], [f64::NAN, 4.0, 0.0]]);
        let _ = x.ln();
        let _ = x * f64::NAN;
        let want = "\
%0 = leaf        f64[2, 3]  -1.0000 to 1.0000e8, mean 2.0000e7, 1 not finite  inspect/print.rs:+0
%1 = ln %0       f64[2, 3]  1.3863 to 18.4207, mean 9.9035, 4 not finite      inspect/print.rs:+1
%2 = mul %0 NaN  f64[2, 3]  6 not finite                                      inspect/print.rs:+2
";
        assert_eq!(printed(&tape, tape.to_string()), want);
    }

    #[test]
    fn parameters_show_their_names() {
        let weight = Param::new("weight", Tensor::from([1.0, 2.0])).under("0");
        let tape = Tape::f64();
        let _ = tape.watch(&weight).sum().named("loss");
        let want = "\
%0 = leaf             f64[2]  [1.0000, 2.0000]  0.weight  inspect/print.rs:+0
%1 = sum %0 axes [0]  f64[]   3.0000            loss      inspect/print.rs:+0
";
        assert_eq!(printed(&tape, tape.to_string()), want);
    }

    #[test]
    fn indices_align_and_a_hand_written_rule_shows_its_inputs() {
        struct Swap;
        impl Function for Swap {
            fn name(&self) -> &str {
                "swap"
            }
            fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
                vec![x[1] * 1.0, x[0] * 1.0]
            }
            fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
                vec![Some(at.dz[1]), Some(at.dz[0])]
            }
        }
        let tape = Tape::f64();
        let (a, b) = (tape.leaf(1.0), tape.leaf(2.0));
        let z = tape.apply(Swap, &[a, b]).unwrap();
        assert_eq!(z[0].backward().unwrap().wrt(b).unwrap().item(), 1.0);
        for _ in 0..5 {
            let _ = a.exp();
        }
        let rows: Vec<String> = tape.to_string().lines().map(str::to_owned).collect();
        assert!(rows[4].starts_with("%4  = swap %2 output 0 (rule by hand, of %0 %1)  f64[]  2.0000  "), "{}", rows[4]);
        assert!(rows[5].starts_with("%5  = swap %3 output 1 (rule by hand, of %0 %1)  f64[]  1.0000  "), "{}", rows[5]);
        assert!(rows[10].starts_with("%10 = exp %0    "), "{}", rows[10]);
    }
}

//! Operations as operators and as methods of [`Var`](crate::Var), with their attributes for arguments.

use super::expression::Expression;
use crate::check::script::{Script, Source, Step};

/// x times a number, as a person writes it.
pub(super) fn times(x: &Expression, c: f64) -> Expression {
    let inverse = c.recip();
    match c {
        1.0 => x.clone(),
        -1.0 => x.negated(),
        _ if c.abs() < 1.0 && (inverse - inverse.round()).abs() < 1e-7 * inverse.abs() && inverse.abs() > 2.5 => {
            Expression::binary('/', x, &Expression::number(inverse.round()))
        }
        c => Expression::binary('*', x, &Expression::number(c)),
    }
}

pub(super) fn elementwise(
    name: &str,
    c: Option<f64>,
    first: bool,
    x: &[Expression],
    step: &Step,
) -> Option<Expression> {
    let operator =
        |name: &str| Some(['+', '-', '*', '/'][["add", "sub", "mul", "div"].iter().position(|o| *o == name)?]);
    let number = c.map(Expression::number);
    Some(match (name, x, number) {
        ("identity", [x], None) => x.call("broadcast_to", &format!("{:?}", step.shape.dims())),
        ("negate", [x], None) => x.negated(),
        ("select", [mask, a, b], None) => mask.call("select", &format!("{}, {}", a.text, b.text)),
        (name, [x], Some(c)) => match operator(name) {
            Some(operator) if first => Expression::binary(operator, &c, x),
            Some(operator) => Expression::binary(operator, x, &c),
            None => x.call(name, &c.text),
        },
        (name, [a, b], None) => match operator(name) {
            Some(operator) => Expression::binary(operator, a, b),
            None => a.call(name, &b.text),
        },
        (name, [x], None) => x.call(name, ""),
        _ => return None,
    })
}

/// The integers in brackets of an operation's attributes.
fn list_in(attributes: &str) -> &str {
    let start = attributes.find('[').unwrap_or(0);
    let end = attributes.find(']').map_or(attributes.len(), |end| end + 1);
    &attributes[start..end]
}

pub(super) fn axes_and_keep(attributes: &str) -> String {
    format!("&{}, {}", list_in(attributes), attributes.ends_with("keepdim"))
}

pub(super) fn operation(
    name: &str,
    attributes: &str,
    x: &[Expression],
    script: &Script,
    step: &Step,
) -> Option<Expression> {
    let dims = format!("{:?}", step.shape.dims());
    let texts: Vec<&str> = x.iter().map(|x| x.text.as_str()).collect();
    let axis = || attributes.strip_prefix("axis ");
    Some(match (name, x) {
        ("sum" | "amax" | "amin", [x]) => {
            let rank = match step.inputs[0] {
                Source::Step(s) => script.steps[s].shape.rank(),
                _ => usize::MAX,
            };
            let all = list_in(attributes).split(',').count() >= rank && !attributes.ends_with("keepdim");
            match all && rank > 0 {
                true => x.call(name, ""),
                false => x.call(&format!("{name}_axes"), &axes_and_keep(attributes)),
            }
        }
        ("matmul", [a, b]) => {
            let turned = |x: &Expression, is: bool| if is { x.call("transpose", "-2, -1") } else { x.clone() };
            let both = attributes.contains("both");
            let a = turned(a, both || attributes.contains("left"));
            let b = turned(b, both || attributes.contains("right"));
            let product = a.call("matmul", &b.text);
            let scale = attributes.strip_prefix("times ").and_then(|rest| rest.split(',').next()?.parse().ok());
            scale.map_or(product.clone(), |c| times(&product, c))
        }
        ("permute", [x]) => {
            let order: Vec<usize> = list_in(attributes)
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|digits| digits.parse().ok())
                .collect();
            let moved: Vec<usize> = (0..order.len()).filter(|&i| order[i] != i).collect();
            match moved[..] {
                [a, b] => x.call("transpose", &format!("{a}, {b}")),
                _ => x.call("permute", &format!("&{order:?}")),
            }
        }
        ("reshape", [x]) => x.call("reshape", &dims),
        ("concat", _) => Expression::atom(format!("Var::concat(&[{}], {})", texts.join(", "), axis()?)),
        ("softmax" | "cumsum", [x]) if axis().is_some_and(|axis| axis.parse::<usize>().is_ok()) => {
            x.call(name, axis()?)
        }
        (_, [x, rest @ ..]) => {
            let mut arguments: Vec<&str> = rest.iter().map(|x| x.text.as_str()).collect();
            // Its attributes are words, and no arguments of Rust.
            arguments.extend((!attributes.is_empty()).then_some("…"));
            x.call(name, &arguments.join(", "))
        }
        _ => return None,
    })
}

//! Clauses of the messages of [`Error`](super::Error).

use crate::tensor::shape::Shape;

pub(super) fn list(shapes: &[Shape]) -> String {
    shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and ")
}

/// A count of what has a plural with an s: "1 group", "2 groups".
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

pub(super) fn names(known: &[String]) -> String {
    if known.is_empty() { "nothing here has a name".into() } else { format!("the names are {}", known.join(", ")) }
}

pub(super) fn classes_in_all(classes: usize) -> String {
    if classes == 1 { "1 class".to_owned() } else { format!("{classes} classes") }
}

pub(super) fn allowed(label: usize, classes: usize) -> String {
    let range = match classes {
        0 => return "; there must be at least one".to_owned(),
        1 => "only 0".to_owned(),
        _ => format!("0 to {}", classes - 1),
    };
    let needed = classes_in_all(label.saturating_add(1));
    format!(" ({range}); labels count from 0, so subtract 1 if these count from 1, or provide {needed}")
}

pub(super) fn made_of(shapes: &[Shape]) -> String {
    if shapes.is_empty() { String::new() } else { format!(" (made of {})", list(shapes)) }
}

pub(super) fn within(scope: &str) -> String {
    if scope.is_empty() { String::new() } else { format!(" (in layer {scope})") }
}

pub(super) fn then(help: &str) -> String {
    if help.is_empty() { String::new() } else { format!("; {help}") }
}

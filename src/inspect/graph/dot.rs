//! A graph in the language of Graphviz.

use super::scene::{Kind, Scene, Shown};

pub(super) fn written(scene: &Scene) -> String {
    let mut text = "digraph tape {\n    node [fontname=\"sans-serif\" shape=box]\n".to_owned();
    boxes(&scene.items, 1, &mut 0, &mut text);
    for arrow in &scene.arrows {
        let style = if arrow.dotted { " [style=dotted]" } else { "" };
        text += &format!("    {} -> {}{style}\n", arrow.from, arrow.to);
    }
    text + "}\n"
}

fn boxes(items: &[Shown], depth: usize, frames: &mut usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    for item in items {
        match item {
            Shown::Box(node) => {
                let style = match node.kind {
                    Kind::Leaf => " shape=ellipse",
                    Kind::Constant => " color=gray fontcolor=gray",
                    Kind::Operation => "",
                    Kind::Folded => " shape=box3d",
                };
                *text += &format!(
                    "{indent}{} [label=\"{}\"{style}]\n",
                    node.key,
                    node.lines.iter().map(|l| quoted(l)).collect::<Vec<_>>().join("\\n")
                );
            }
            Shown::Frame { name, items } => {
                *text += &format!("{indent}subgraph cluster{frames} {{\n{indent}    label=\"{}\"\n", quoted(name));
                *frames += 1;
                boxes(items, depth + 1, frames, text);
                *text += &format!("{indent}}}\n");
            }
        }
    }
}

fn quoted(line: &str) -> String {
    line.replace('\\', "\\\\").replace('"', "\\\"")
}

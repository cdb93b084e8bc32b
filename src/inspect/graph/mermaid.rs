//! A graph as a Mermaid flow chart.

use super::scene::{Kind, Scene, Shown};

pub(super) fn written(scene: &Scene) -> String {
    let mut text = "flowchart TD\n    classDef constant fill:#eee,stroke:#999,color:#666\n".to_owned();
    boxes(&scene.items, 1, &mut 0, &mut text);
    for arrow in &scene.arrows {
        let line = if arrow.dotted { "-.->" } else { "-->" };
        text += &format!("    {} {line} {}\n", arrow.from, arrow.to);
    }
    text
}

fn boxes(items: &[Shown], depth: usize, frames: &mut usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    for item in items {
        match item {
            Shown::Box(node) => {
                let (open, close, class) = match node.kind {
                    Kind::Leaf => ("([", "])", ""),
                    Kind::Constant => ("[", "]", ":::constant"),
                    Kind::Operation => ("[", "]", ""),
                    Kind::Folded => ("[[", "]]", ""),
                };
                let label: Vec<String> = node.lines.iter().map(|line| quoted(line)).collect();
                *text += &format!("{indent}{}{open}\"{}\"{close}{class}\n", node.key, label.join("<br>"));
            }
            Shown::Frame { name, items } => {
                *text += &format!("{indent}subgraph layer{frames}[\"{}\"]\n", quoted(name));
                *frames += 1;
                boxes(items, depth + 1, frames, text);
                *text += &format!("{indent}end\n");
            }
        }
    }
}

fn quoted(line: &str) -> String {
    line.replace('"', "#quot;").replace('<', "#lt;")
}

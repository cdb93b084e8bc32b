//! What a graph shows: boxes, some of them inside of others, and the arrows between them.

use super::Graph;
use crate::inspect::{
    NodeView,
    groups::{Item, blocks, layers},
};

pub(super) struct Scene {
    pub items: Vec<Shown>,
    pub arrows: Vec<Arrow>,
}

/// A box with text, or one around others.
pub(super) enum Shown {
    Box(Text),
    Frame { name: String, items: Vec<Shown> },
}

pub(super) struct Text {
    pub key: String,
    pub lines: Vec<String>,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Leaf,
    Constant,
    Operation,
    /// Several nodes.
    Folded,
}

#[derive(PartialEq, Eq)]
pub(super) struct Arrow {
    pub from: String,
    pub to: String,
    pub dotted: bool,
}

impl Scene {
    pub fn new(graph: &Graph<'_>) -> Scene {
        let views: Vec<NodeView> = graph.tape.nodes().collect();
        let items = match graph.most {
            None => (0..views.len()).map(Item::Node).collect(),
            Some(_) => {
                let paths: Vec<String> = views.iter().map(|view| view.layer.clone()).collect();
                let items = layers(&paths);
                // Blocks are there to be folded.
                if graph.most < Some(views.len()) { blocks(items) } else { items }
            }
        };
        let depth = graph.most.map_or(usize::MAX, |most| deepest(&items, most));
        let mut keys = vec![String::new(); views.len()];
        let mut groups = 0;
        let items = shown(items, depth, &views, graph, &mut keys, &mut groups);
        let mut arrows: Vec<Arrow> = Vec::new();
        let mut add = |from: usize, to: usize, dotted| {
            let arrow = Arrow { from: keys[from].clone(), to: keys[to].clone(), dotted };
            let known = arrows.iter().any(|other| other.from == arrow.from && other.to == arrow.to);
            if arrow.from != arrow.to && !(known && graph.most.is_some()) {
                arrows.push(arrow);
            }
        };
        for view in &views {
            view.inputs.iter().for_each(|&input| add(input, view.index, false));
            view.rule_inputs.iter().for_each(|&input| add(input, view.index, true));
        }
        Scene { items, arrows }
    }
}

/// How deep boxes may be unfolded so that no more than `most` are seen; one at least is.
fn deepest(items: &[Item], most: usize) -> usize {
    let mut level: Vec<&Item> = items.iter().collect();
    let (mut seen, mut depth) = (level.len(), 0);
    loop {
        level = level
            .iter()
            .filter_map(|item| if let Item::Group(group) = item { Some(group) } else { None })
            .flat_map(|group| &group.items)
            .collect();
        seen += level.len();
        if level.is_empty() || seen > most {
            return if level.is_empty() { usize::MAX } else { depth };
        }
        depth += 1;
    }
}

fn shown(
    items: Vec<Item>,
    depth: usize,
    views: &[NodeView],
    graph: &Graph<'_>,
    keys: &mut [String],
    groups: &mut usize,
) -> Vec<Shown> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        all.push(match item {
            Item::Node(node) => {
                keys[node] = format!("n{node}");
                Shown::Box(text(&views[node], graph))
            }
            Item::Group(group) if depth > 0 => {
                Shown::Frame { name: group.name, items: shown(group.items, depth - 1, views, graph, keys, groups) }
            }
            Item::Group(group) => {
                let key = format!("g{groups}");
                *groups += 1;
                group.nodes.clone().for_each(|node| keys[node].clone_from(&key));
                Shown::Box(Text {
                    key,
                    lines: vec![group.name, format!("{} nodes", group.nodes.len())],
                    kind: Kind::Folded,
                })
            }
        });
    }
    all
}

/// The text in the box of a node.
fn text(view: &NodeView, graph: &Graph<'_>) -> Text {
    let number = view.number.map(|number| number.to_string()).unwrap_or_default();
    let words = [format!("%{}", view.index), view.op.clone(), number, view.attributes.clone()];
    let what = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    // A layer that is a box need not be written into each of its nodes.
    let layer = if graph.most.is_some() { String::new() } else { view.layer.clone() };
    let value = graph.values.get(view.index).cloned().unwrap_or_default();
    let gradient = graph.gradients.get(view.index).filter(|dx| !dx.is_empty()).map(|dx| format!("gradient {dx}"));
    let lines =
        [what, view.type_name(), view.name.clone().unwrap_or_default(), layer, value, gradient.unwrap_or_default()];
    let kind = match (view.needs_grad, &*view.op) {
        (true, "leaf") => Kind::Leaf,
        (true, _) => Kind::Operation,
        (false, _) => Kind::Constant,
    };
    Text { key: format!("n{}", view.index), lines: lines.into_iter().filter(|line| !line.is_empty()).collect(), kind }
}

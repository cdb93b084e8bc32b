//! The layers of a tape as boxes: a tree of the stretches that belong together.
//!
//! A layer that ran twice has two boxes, and so has one that was left and entered again: each box is a stretch of the tape
//! without a gap. Since inputs come before outputs, arrows between boxes then never form a circle, whichever of them are
//! folded. What is recorded outside of every layer and too long to be seen at once is cut into blocks.

use std::ops::Range;

/// A node, or a box with what it contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Node(usize),
    Group(Group),
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// What is written on it: the name of the layer, without those around it, or the nodes of a block.
    pub name: String,
    /// Whether it is a layer, not a block of a long list.
    pub layer: bool,
    /// The nodes.
    pub nodes: Range<usize>,
    pub items: Vec<Item>,
}

/// Layers deeper than this are not told apart.
const DEEPEST: usize = 24;
/// Of more items than this, blocks are made of so many each.
const LONGEST: usize = 120;
const BLOCK: usize = 60;

impl Item {
    pub fn nodes(&self) -> Range<usize> {
        match self {
            Item::Node(node) => *node..node + 1,
            Item::Group(group) => group.nodes.clone(),
        }
    }
}

/// The tree of the layers of nodes, by the path of each.
pub(super) fn layers(paths: &[String]) -> Vec<Item> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|path| path.split('.').take(DEEPEST).collect()).collect();
    items(&parts, 0..paths.len(), 0)
}

fn items(parts: &[Vec<&str>], nodes: Range<usize>, depth: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = nodes.start;
    while at < nodes.end {
        match parts[at].get(depth) {
            Some(name) if !name.is_empty() => {
                let same = (at..nodes.end).take_while(|&i| parts[i].get(depth) == Some(name)).count();
                items.push(Item::Group(group(name, parts, at..at + same, depth)));
                at += same;
            }
            _ => {
                items.push(Item::Node(at));
                at += 1;
            }
        }
    }
    items
}

/// A layer; one that only contains another is named together with it.
fn group(name: &str, parts: &[Vec<&str>], nodes: Range<usize>, depth: usize) -> Group {
    let mut inside = items(parts, nodes.clone(), depth + 1);
    if let [Item::Group(only)] = &mut inside[..] {
        return Group {
            name: format!("{name}.{}", only.name),
            items: std::mem::take(&mut only.items),
            layer: true,
            nodes,
        };
    }
    Group { name: name.to_owned(), layer: true, nodes, items: inside }
}

/// The same with long lists cut into blocks.
pub(super) fn blocks(mut items: Vec<Item>) -> Vec<Item> {
    for item in &mut items {
        if let Item::Group(group) = item {
            group.items = blocks(std::mem::take(&mut group.items));
        }
    }
    while items.len() > LONGEST {
        let mut rest = items.into_iter().peekable();
        items = Vec::new();
        while rest.peek().is_some() {
            let part: Vec<Item> = rest.by_ref().take(BLOCK).collect();
            let nodes = part[0].nodes().start..part[part.len() - 1].nodes().end;
            let name = format!("%{} to %{}", nodes.start, nodes.end - 1);
            items.push(Item::Group(Group { name, layer: false, nodes, items: part }));
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in one line: `a(0 1) 2`.
    fn shown(items: &[Item]) -> String {
        let one = |item: &Item| match item {
            Item::Node(node) => node.to_string(),
            Item::Group(group) => format!("{}({})", group.name, shown(&group.items)),
        };
        items.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn of(paths: &[&str]) -> Vec<Item> {
        layers(&paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn layers_nest_and_one_that_ran_twice_has_two_boxes() {
        let tree = of(&["", "net.conv", "net.conv", "net", "net.norm", "", "net.conv", "head.a"]);
        assert_eq!(shown(&tree), "0 net(conv(1 2) 3 norm(4)) 5 net.conv(6) head.a(7)");
        assert_eq!(shown(&of(&[])), "");
    }

    #[test]
    fn every_node_is_in_one_box_and_no_list_is_long() {
        let paths: Vec<String> =
            (0..5000).map(|i| if i % 7 == 0 { format!("step.{i}") } else { String::new() }).collect();
        fn walk(items: &[Item], seen: &mut Vec<usize>) {
            assert!(items.len() <= LONGEST);
            for item in items {
                match item {
                    Item::Node(node) => seen.push(*node),
                    Item::Group(group) => {
                        let first = seen.len();
                        walk(&group.items, seen);
                        assert_eq!(seen[first..], group.nodes.clone().collect::<Vec<_>>()[..]);
                    }
                }
            }
        }
        let mut seen = Vec::new();
        walk(&blocks(layers(&paths)), &mut seen);
        assert_eq!(seen, (0..5000).collect::<Vec<_>>());
    }
}

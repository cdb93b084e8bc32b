//! A graph as a picture. Where the boxes stand is found by the crate `rust_sugiyama` (layers of a graph: Sugiyama, Tagawa
//! and Toda, 1981), for each frame by itself, from the inside out.

use std::{collections::HashMap, fmt::Write};

use rust_sugiyama::{configure::Config, from_vertices_and_edges};

use super::scene::{Kind, Scene, Shown};
use crate::{caught::caught, page::escape};

const LINE: f64 = 17.0;
const LETTER: f64 = 7.2;
const GAP: f64 = 34.0;
/// The border inside a frame, and the height of its name.
const BORDER: f64 = 16.0;
const NAME: f64 = 20.0;

const STYLE: &str = "text{font:12px 'DejaVu Sans',sans-serif;fill:#1d2226}.name{fill:#62696f;font-weight:600}.note{fill:#62696f}\
.gradient{fill:#c25100}.box{fill:#fff;stroke:#62696f}.leaf{stroke:#0a5796;stroke-width:1.5}.constant{stroke-dasharray:4 3}\
.folded,.frame{fill:#f0f0ea;stroke:#d0d0c8}.folded{stroke:#62696f}.arrow{fill:none;stroke:#62696f;marker-end:url(#head)}\
.dotted{stroke-dasharray:2 4}";

/// A box with its place: the upper left corner and the size.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// What stands in a frame, relative to it.
struct Inside<'a> {
    size: (f64, f64),
    parts: Vec<(Place, Part<'a>)>,
}

enum Part<'a> {
    Box(&'a super::scene::Text),
    Frame(&'a str, Inside<'a>),
}

pub(super) fn written(scene: &Scene) -> String {
    let whole = inside(&scene.items, scene);
    let mut places = HashMap::new();
    // Arrows go over frames and behind boxes.
    let (mut frames, mut boxes) = (String::new(), String::new());
    draw(&whole, (BORDER, BORDER), &mut places, &mut frames, &mut boxes);
    let mut arrows = String::new();
    for arrow in &scene.arrows {
        let (from, to) = (places[arrow.from.as_str()], places[arrow.to.as_str()]);
        let (a, b): ((f64, f64), (f64, f64)) =
            ((from.x + from.w / 2.0, from.y + from.h), (to.x + to.w / 2.0, to.y - 3.0));
        let half = (a.1 + b.1) / 2.0;
        let class = if arrow.dotted { "arrow dotted" } else { "arrow" };
        let _ = writeln!(
            arrows,
            r#"<path class="{class}" d="M{:.0} {:.0}C{:.0} {half:.0} {:.0} {half:.0} {:.0} {:.0}"/>"#,
            a.0, a.1, a.0, b.0, b.0, b.1
        );
    }
    let (w, h) = (whole.size.0 + 2.0 * BORDER, whole.size.1 + 2.0 * BORDER);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\">\n\
         <title>A tape as a graph</title>\n<style>{STYLE}</style>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"6\" \
         refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#62696f\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{frames}{arrows}{boxes}</svg>\n"
    )
}

/// Lays out the items of a frame.
fn inside<'a>(items: &'a [Shown], scene: &Scene) -> Inside<'a> {
    let parts: Vec<(Place, Part<'a>)> = items
        .iter()
        .map(|item| match item {
            Shown::Box(text) => {
                let longest = text.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
                let (w, h) = (longest * LETTER + 22.0, text.lines.len() as f64 * LINE + 12.0);
                (Place { w, h, ..Place::default() }, Part::Box(text))
            }
            Shown::Frame { name, items } => {
                let content = inside(items, scene);
                let w = (content.size.0 + 2.0 * BORDER).max(name.chars().count() as f64 * LETTER + 24.0);
                let h = content.size.1 + NAME + 2.0 * BORDER;
                (Place { w, h, ..Place::default() }, Part::Frame(name, content))
            }
        })
        .collect();
    let mut keys = HashMap::new();
    items.iter().enumerate().for_each(|(k, item)| contained(item, k as u32, &mut keys));
    let end = |key: &str| keys.get(key).copied();
    let mut edges: Vec<(u32, u32)> = scene.arrows.iter().filter_map(|a| Some((end(&a.from)?, end(&a.to)?))).collect();
    edges.retain(|(from, to)| from != to);
    edges.sort_unstable();
    edges.dedup();
    arranged(parts, &edges)
}

fn contained<'a>(item: &'a Shown, number: u32, keys: &mut HashMap<&'a str, u32>) {
    match item {
        Shown::Box(text) => {
            keys.insert(&text.key, number);
        }
        Shown::Frame { items, .. } => items.iter().for_each(|item| contained(item, number, keys)),
    }
}

/// Puts the parts side by side, each connected graph laid out by the crate; one below the other where that fails.
fn arranged<'a>(mut parts: Vec<(Place, Part<'a>)>, edges: &[(u32, u32)]) -> Inside<'a> {
    let joined = |k: u32| edges.iter().any(|&(from, to)| from == k || to == k);
    let vertices: Vec<(u32, (f64, f64))> =
        parts.iter().enumerate().map(|(k, part)| (k as u32, (part.0.w, part.0.h))).filter(|v| joined(v.0)).collect();
    let config = Config { vertex_spacing: GAP, dummy_size: 0.6, ..Config::default() };
    let graphs = match vertices.len() {
        0 => Vec::new(),
        // A fault in the crate must not reach who wants to see a tape.
        _ => caught(|| from_vertices_and_edges(&vertices, edges, &config))
            .unwrap_or_else(|_| vec![column(&parts, &vertices)]),
    };
    let alone = (0..parts.len()).filter(|&k| !joined(k as u32)).map(|k| (vec![(k, (0.0, 0.0))], 0.0, 0.0));
    let (mut x, mut h) = (0.0, 0.0f64);
    let mut all: Vec<_> = graphs.into_iter().chain(alone).collect();
    all.sort_by_key(|graph| graph.0.iter().map(|vertex| vertex.0).min());
    for (centers, ..) in all {
        for &(k, (cx, cy)) in &centers {
            let place = &mut parts[k].0;
            (place.x, place.y) = (cx - place.w / 2.0, cy - place.h / 2.0);
        }
        let own = || centers.iter().map(|&(k, _)| k);
        let left = own().map(|k| parts[k].0.x).fold(f64::INFINITY, f64::min);
        let top = own().map(|k| parts[k].0.y).fold(f64::INFINITY, f64::min);
        let mut right: f64 = x;
        for k in own().collect::<Vec<_>>() {
            let place = &mut parts[k].0;
            (place.x, place.y) = (place.x - left + x, place.y - top);
            (right, h) = (right.max(place.x + place.w), h.max(place.y + place.h));
        }
        x = right + GAP;
    }
    Inside { size: ((x - GAP).max(0.0), h), parts }
}

type Centers = (Vec<(usize, (f64, f64))>, f64, f64);

/// The parts one below the other.
fn column(parts: &[(Place, Part<'_>)], vertices: &[(u32, (f64, f64))]) -> Centers {
    let mut y = 0.0;
    let center = |&(k, _): &(u32, (f64, f64))| {
        let h = parts[k as usize].0.h;
        y += h + GAP;
        (k as usize, (0.0, y - GAP - h / 2.0))
    };
    (vertices.iter().map(center).collect(), 0.0, 0.0)
}

fn draw<'a>(
    inside: &Inside<'a>,
    at: (f64, f64),
    places: &mut HashMap<&'a str, Place>,
    frames: &mut String,
    boxes: &mut String,
) {
    for (place, part) in &inside.parts {
        let place = Place { x: place.x + at.0, y: place.y + at.1, ..*place };
        let Place { x, y, w, h } = place;
        match part {
            Part::Frame(name, content) => {
                let _ = writeln!(
                    frames,
                    r#"<rect class="frame" x="{x:.0}" y="{y:.0}" width="{w:.0}" height="{h:.0}" rx="9"/>"#
                );
                let _ = writeln!(
                    frames,
                    r#"<text class="name" x="{:.0}" y="{:.0}">{}</text>"#,
                    x + 10.0,
                    y + 17.0,
                    escape(name)
                );
                let middle = (w - content.size.0) / 2.0;
                draw(content, (x + middle, y + NAME + BORDER), places, frames, boxes);
            }
            Part::Box(text) => {
                let (class, round) = match text.kind {
                    Kind::Leaf => ("box leaf", h / 2.0),
                    Kind::Constant => ("box constant", 6.0),
                    Kind::Operation => ("box", 6.0),
                    Kind::Folded => ("box folded", 6.0),
                };
                let _ = writeln!(
                    boxes,
                    r#"<rect class="{class}" x="{x:.0}" y="{y:.0}" width="{w:.0}" height="{h:.0}" rx="{round:.0}"/>"#
                );
                for (k, line) in text.lines.iter().enumerate() {
                    let class = match line {
                        _ if k == 0 => "what",
                        line if line.starts_with("gradient ") => "gradient",
                        _ => "note",
                    };
                    let (middle, down) = (x + w / 2.0, y + 6.0 + LINE * (k as f64 + 0.75));
                    let _ = writeln!(
                        boxes,
                        r#"<text class="{class}" x="{middle:.0}" y="{down:.0}" text-anchor="middle">{}</text>"#,
                        escape(line)
                    );
                }
                places.insert(&text.key, place);
            }
        }
    }
}

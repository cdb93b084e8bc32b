//! A tensor as heat maps in SVG.
//!
//! A cell lets one of two colors show through to the paper below it, blue for negative and orange for positive numbers,
//! and the more the larger they are; so a page can have light or dark paper, and zero is the paper itself. A cell that
//! stands for several elements shows the one of the largest magnitude.

use std::{collections::HashMap, fmt::Write};

use super::{
    layout::{CAPTION, GAP, Layout, RIGHT, digits},
    text::{brief, exact},
};
use crate::{
    Tensor,
    check::{Special, SpecialKind},
    page::escape,
};

/// The numbers of a tensor with their colors and marks.
struct Shown<'a> {
    numbers: Vec<f64>,
    scale: f64,
    special: HashMap<usize, &'a Special>,
}

impl Layout {
    /// The map of a tensor; numbers of size `scale` have the full color, and elements in `special` a mark.
    pub fn draw(&self, name: &str, tensor: &Tensor, scale: f64, special: &[Special]) -> String {
        let special = special.iter().map(|s| (s.index, s)).collect();
        let shown = Shown { numbers: tensor.to_vec(), scale, special };
        let (cells_down, cells_across) = (self.rows.div_ceil(self.block.0), self.columns.div_ceil(self.block.1));
        let (wide, high) = (cells_across as f64 * self.cell.0, cells_down as f64 * self.cell.1);
        let named = self.shape.rank() >= 2;
        let left = self.left();
        let caption = if self.of_maps > 1 { CAPTION } else { 2.0 };
        let down = self.maps.len().div_ceil(self.across);
        let width = left + self.across as f64 * (wide + GAP) - GAP + RIGHT;
        let foot = if self.shape.rank() > 0 { 32.0 } else { 2.0 };
        let height = down as f64 * (caption + high + GAP) - GAP + foot;
        let mut svg = format!(
            "<svg class=\"map\" role=\"img\" aria-label=\"{}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.1} {height:.1}\">\n",
            escape(name)
        );
        for (k, &map) in self.maps.iter().enumerate() {
            let x = left + (k % self.across) as f64 * (wide + GAP);
            let y = caption + (k / self.across) as f64 * (caption + high + GAP);
            if self.of_maps > 1 {
                text(&mut svg, x, y - 4.0, "start", &self.leading(map));
            }
            for cell in 0..cells_down * cells_across {
                let (r, c) = (cell / cells_across, cell % cells_across);
                let place = (x + c as f64 * self.cell.0, y + r as f64 * self.cell.1);
                self.cell(&mut svg, place, (map, r * self.block.0, c * self.block.1), &shown);
            }
            let _ = writeln!(
                svg,
                "<rect class=\"frame\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"/>"
            );
            if named && k % self.across == 0 {
                self.ticks(&mut svg, self.rows, self.cell.1 / self.block.0 as f64, 11.0, |svg, at, label| {
                    text(svg, x - 4.0, y + at + 3.5, "end", label);
                });
            }
            if self.shape.rank() > 0 && k + self.across >= self.maps.len() {
                self.ticks(
                    &mut svg,
                    self.columns,
                    self.cell.0 / self.block.1 as f64,
                    digits(self.columns) + 4.0,
                    |svg, at, label| {
                        text(svg, x + at, y + high + 12.0, "middle", label);
                    },
                );
            }
        }
        self.names(&mut svg, left, width - RIGHT, height, height - foot);
        svg + "</svg>"
    }

    /// One cell, whose first element is at this place in the tensor.
    fn cell(&self, svg: &mut String, (x, y): (f64, f64), (map, row, column): (usize, usize, usize), all: &Shown<'_>) {
        let rows = row..(row + self.block.0).min(self.rows);
        let columns = column..(column + self.block.1).min(self.columns);
        let flat = |r: usize, c: usize| (map * self.rows + r) * self.columns + c;
        let elements = || rows.clone().flat_map(|r| columns.clone().map(move |c| flat(r, c)));
        let magnitude = |i: &usize| if all.numbers[*i].is_nan() { f64::INFINITY } else { all.numbers[*i].abs() };
        let largest = |a: usize, b: usize| if magnitude(&b) > magnitude(&a) { b } else { a };
        let shown = elements().reduce(largest).expect("a cell holds an element");
        let odd = elements().find_map(|i| all.special.get(&i));

        let v = all.numbers[shown];
        let strength = (v.abs() / all.scale).min(1.0);
        let class = match v {
            _ if !v.is_finite() => "x",
            _ if v < 0.0 => "n",
            _ => "p",
        };
        let opacity = if v.is_finite() { format!(" fill-opacity=\"{strength:.3}\"") } else { String::new() };
        let mut title = format!("{} {}", self.index(shown), exact(v));
        if rows.len() * columns.len() > 1 {
            let corner = flat(rows.end - 1, columns.end - 1);
            title = format!("largest from {} to {}: {title}", self.index(flat(row, column)), self.index(corner));
        }
        if let Some(Special { index, kind, left, right }) = odd {
            let _ = write!(title, "; {kind} at {}", self.index(*index));
            if *kind == SpecialKind::Kink {
                let _ = write!(title, ": slope {} from the left, {} from the right", exact(*left), exact(*right));
            }
        }
        // Large cells are separated by a seam of paper.
        let seam = if self.cell.0.min(self.cell.1) >= 10.0 { 1.0 } else { 0.0 };
        let (wide, high) = (self.cell.0 - seam, self.cell.1 - seam);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"{opacity}>\
             <title>{}</title></rect>",
            escape(&title)
        );
        if self.numbered {
            let class = if strength > 0.55 && v.is_finite() { "on" } else { "v" };
            let (x, y) = (x + self.cell.0 / 2.0, y + self.cell.1 / 2.0 + 3.5);
            let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", brief(v));
        }
        if odd.is_some() {
            let side = (0.5 * wide.min(high)).min(7.0);
            let _ = writeln!(svg, "<path class=\"k\" d=\"M{:.1} {y:.1}h{side:.1}v{side:.1}z\"/>", x + wide - side);
        }
    }

    /// Labels at the multiples of 1, 2, 5, 10, ... that leave them `room`; an index takes `pixels`.
    fn ticks(&self, svg: &mut String, n: usize, pixels: f64, room: f64, mut label: impl FnMut(&mut String, f64, &str)) {
        let mut strides = (0..).flat_map(|e| [1, 2, 5].map(|m| m * 10usize.pow(e)));
        let stride = strides.find(|s| *s as f64 * pixels >= room || *s >= n).expect("the strides grow");
        for i in (0..n).step_by(stride) {
            label(svg, (i as f64 + 0.5) * pixels, &i.to_string());
        }
    }

    /// The names of the axes of a map, below and to the left; both below if the maps are too low.
    fn names(&self, svg: &mut String, left: f64, right: f64, bottom: f64, foot: f64) {
        let rank = self.shape.rank();
        let name = |axis: usize| format!("axis {axis}, of {}", self.shape[axis]);
        let low = rank > 1 && foot < 40.0;
        let below = match rank {
            0 => return,
            _ if low => format!("{}, down; {}, across", name(rank - 2), name(rank - 1)),
            _ => name(rank - 1),
        };
        let middle = (left + right) / 2.0;
        if low {
            text(svg, left, bottom - 5.0, "start", &below)
        } else {
            text(svg, middle, bottom - 5.0, "middle", &below)
        }
        if rank > 1 && !low {
            let name = if foot < 70.0 { format!("axis {}", rank - 2) } else { name(rank - 2) };
            let y = foot / 2.0;
            let _ = writeln!(
                svg,
                "<text class=\"t\" text-anchor=\"middle\" transform=\"translate(10 {y:.1}) rotate(-90)\">{name}</text>"
            );
        }
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text class=\"t\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

//! Where the elements of a tensor appear in its heat maps.
//!
//! The last two axes make a map, a vector makes one row, and the axes before them number the maps, which are arranged
//! in a grid. Cells are as large as a panel allows, and show their number if it fits. What is too large to draw is
//! thinned: a cell then stands for a block of elements. If there are very many maps, some are left out, and a note says
//! so.

use crate::{Shape, check::numbers::count};

/// The width in pixels of a map in a row of three, and of one that takes the whole width.
const WIDTHS: [f64; 2] = [340.0, 1080.0];
/// The largest height in pixels.
const HEIGHT: f64 = 430.0;
/// The smallest side of a cell (1.5 times that if there is only one map), and the largest.
const CELL: (f64, f64) = (4.0, 22.0);
/// The size of a cell that shows its number.
const NUMBERED: (f64, f64) = (46.0, 26.0);
/// The most cells that one panel draws without thinning.
const CELLS: usize = 6000;
/// The most maps in a grid, and the most side by side if the shape does not say how many.
const MAPS: usize = 64;
const ACROSS: usize = 8;
/// Pixels between maps, above each for its index, and to the right of them all for a label that sticks out.
pub(super) const GAP: f64 = 9.0;
pub(super) const CAPTION: f64 = 14.0;
pub(super) const RIGHT: f64 = 12.0;

/// How the elements of a shape are laid out: the same for all tensors that are compared.
pub(super) struct Layout {
    pub shape: Shape,
    /// Of one map, in elements.
    pub rows: usize,
    pub columns: usize,
    /// The flat indices of the maps that are drawn, and how many there are.
    pub maps: Vec<usize>,
    pub of_maps: usize,
    /// Whether the maps drawn are those with the largest weight, not merely the first.
    sorted: bool,
    pub across: usize,
    /// The elements of a cell, down and across.
    pub block: (usize, usize),
    /// The pixels of a cell, across and down.
    pub cell: (f64, f64),
    pub numbered: bool,
    /// Whether it takes the whole width.
    pub wide: bool,
}

impl Layout {
    /// A layout for this shape. If there are too many maps, those with the largest `weight` are drawn.
    pub fn new(shape: &Shape, weight: impl Fn(usize) -> f64) -> Layout {
        let rank = shape.rank();
        let columns = shape.last().copied().unwrap_or(1);
        let rows = if rank < 2 { 1 } else { shape[rank - 2] };
        let of_maps = shape[..rank.saturating_sub(2)].iter().product();
        let mut maps: Vec<usize> = (0..of_maps).collect();
        let mut sorted = false;
        if of_maps > MAPS {
            let size = rows * columns;
            let weights: Vec<f64> =
                maps.iter().map(|m| (m * size..(m + 1) * size).map(&weight).fold(0.0, f64::max)).collect();
            sorted = weights.iter().any(|w| *w > 0.0);
            maps.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
            maps.truncate(MAPS);
            maps.sort_unstable();
        }
        // The last of the leading axes runs across, if the maps can follow it.
        let across = match rank {
            0..=2 => 1,
            3 => maps.len().min(ACROSS),
            _ if of_maps <= MAPS && (2..=ACROSS).contains(&shape[rank - 3]) => shape[rank - 3],
            _ => ACROSS.min(maps.len()),
        };
        let (block, cell) = ((1, 1), CELL);
        let bare = Layout {
            shape: shape.clone(),
            rows,
            columns,
            maps,
            of_maps,
            sorted,
            across,
            block,
            cell,
            numbered: false,
            wide: false,
        };
        let strip = of_maps == 1 && columns > 48 && columns >= 2 * rows;
        let narrow = bare.fitted(false);
        let whole = bare.maps.len() * rows * columns <= CELLS;
        if strip || (narrow.block != (1, 1) && whole) { bare.fitted(true) } else { narrow }
    }

    /// With the cells as large as a panel allows.
    fn fitted(&self, wide: bool) -> Layout {
        let Layout { rows, columns, of_maps, across, .. } = *self;
        let room = (WIDTHS[usize::from(wide)] - self.left() - RIGHT - GAP * (across - 1) as f64) / across as f64;
        let down = self.maps.len().div_ceil(across) as f64;
        let least = if of_maps > 1 { CELL.0 } else { 1.5 * CELL.0 };
        let height = (HEIGHT / down - GAP - CAPTION).max(6.0 * least);
        let block = (rows.div_ceil((height / least) as usize), columns.div_ceil((room / least) as usize));
        let (high, broad) = (rows.div_ceil(block.0) as f64, columns.div_ceil(block.1) as f64);
        let numbered = of_maps == 1 && room / columns as f64 >= NUMBERED.0 && rows <= 16;
        let side = (room / broad).min(height / high).clamp(least, CELL.1);
        let cell = match (numbered, rows) {
            (true, _) => ((room / broad).min(1.2 * NUMBERED.0), NUMBERED.1),
            (_, 1) => ((room / broad).min(CELL.1), CELL.1),
            _ if wide => ((room / broad).min(CELL.1), (height / high).min(14.0).max(side)),
            _ => (side, side),
        };
        Layout { shape: self.shape.clone(), maps: self.maps.clone(), block, cell, numbered, wide, ..*self }
    }

    /// Pixels to the left of the maps, for the indices and the name of their vertical axis.
    pub fn left(&self) -> f64 {
        if self.shape.rank() < 2 { 2.0 } else { 22.0 + digits(self.rows) }
    }

    /// What a reader must know about the maps, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let rank = self.shape.rank();
        if rank > 2 {
            let (leading, which) = match rank {
                3 => ("axis 0".to_owned(), "its index"),
                4 => ("axes 0 and 1".to_owned(), "its indices"),
                _ => (format!("axes 0 to {}", rank - 3), "its indices"),
            };
            notes.push(format!("One map for each place along {leading}; above it stands {which}."));
        }
        if self.of_maps > self.maps.len() {
            let which = if self.sorted { "those with the largest differences" } else { "the first" };
            let hidden = self.of_maps - self.maps.len();
            notes.push(format!("… {hidden} of {} maps are left out; these are {which}.", self.of_maps));
        }
        if self.block != (1, 1) {
            notes.push(format!(
                "Thinned: a cell stands for {} by {}, and shows the number of the largest magnitude among them.",
                count(self.block.0, "row"),
                count(self.block.1, "column")
            ));
        }
        notes
    }

    /// The index of an element in the whole tensor.
    pub fn index(&self, flat: usize) -> String {
        let mut rest = flat;
        let mut index: Vec<String> = Vec::new();
        for n in self.shape.iter().rev() {
            index.insert(0, (rest % n).to_string());
            rest /= n;
        }
        format!("[{}]", index.join(", "))
    }

    /// The indices along the leading axes of a map.
    pub fn leading(&self, map: usize) -> String {
        let index = self.index(map * self.rows * self.columns);
        let parts: Vec<&str> = index.trim_matches(['[', ']']).split(", ").collect();
        parts[..parts.len() - 2].join(",")
    }
}

/// The width in pixels of the largest index of an axis.
pub(super) fn digits(n: usize) -> f64 {
    6.5 * (n - 1).to_string().len() as f64
}

//! The figure: panels in a grid, laid out once and written as SVG and PNG.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    Legend, Panel,
    font::{self, TITLE},
    png,
    scene::{Anchor, Rect, Scene, Text},
    setters::setters,
    svg,
};
use crate::{Error, Result, atomic};

/// Pixels around the figure and between its panels.
const MARGIN: f64 = 14.0;
/// The least width and height of a panel.
const SMALLEST: (f64, f64) = (140.0, 90.0);

/// A figure of one or several panels.
///
/// ```
/// use wengert::plot::{Figure, LineChart, Series};
/// # fn main() -> Result<(), wengert::Error> {
/// let x: Vec<f64> = (0..=100).map(|i| f64::from(i) / 10.0 - 5.0).collect();
/// let y: Vec<f64> = x.iter().map(|x| x.tanh()).collect();
/// let chart = LineChart::new().title("tanh").axes_through_origin().series(Series::new("tanh", x, y));
/// # let folder = tempfile::tempdir().unwrap();
/// let [svg, png] = Figure::new(480, 320).panel(chart).save(folder.path().join("tanh"))?;
/// assert!(svg.exists() && png.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Figure {
    width: u32,
    height: u32,
    title: String,
    columns: usize,
    panels: Vec<Panel>,
}

setters!(Figure, "figure": title = title);

impl Figure {
    /// An empty figure of this size in pixels, from 100 to 4000 each way.
    pub fn new(width: u32, height: u32) -> Figure {
        Figure { width, height, title: String::new(), columns: 1, panels: Vec::new() }
    }

    /// Sets the number of columns of panels (1 by default).
    pub fn columns(mut self, columns: usize) -> Figure {
        self.columns = columns;
        self
    }

    /// Adds a panel; they fill the grid row by row.
    pub fn panel(mut self, panel: impl Into<Panel>) -> Figure {
        self.panels.push(panel.into());
        self
    }

    /// Sets the place of the legend in each line chart that the figure holds so far.
    ///
    /// ```
    /// use wengert::plot::{Legend, function};
    /// let figure = function("softplus", -3.0, 3.0, |x| x.softplus())?.legend(Legend::Right);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn legend(mut self, place: Legend) -> Figure {
        for panel in &mut self.panels {
            if let Panel::Line(chart) = panel {
                *chart = std::mem::take(chart).legend(place);
            }
        }
        self
    }

    /// The figure as the text of an SVG file.
    ///
    /// # Errors
    /// As [`save`](Figure::save), except for those of files.
    pub fn svg(&self) -> Result<String> {
        let in_memory = |source| Error::File { action: "write", path: PathBuf::from("the SVG in memory"), source };
        svg::write(&self.layout()?).map_err(in_memory)
    }

    /// Writes `path.svg` and `path.png` (twice as many pixels each way as the figure) and returns the two paths.
    ///
    /// A missing folder is created. Each file is written whole or not at all, and the same figure gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Empty`] for a figure without panels or a chart without finite data, [`Error::Shape`] for data whose
    /// lengths do not fit, [`Error::Setting`] for a size or limits that cannot be used, [`Error::File`] when a file or
    /// its folder cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<[PathBuf; 2]> {
        let scene = self.layout()?;
        let [svg_path, png_path] = ["svg", "png"].map(|extension| with_suffix(path.as_ref(), extension));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { action: "write", path, source }
        };
        let svg = svg::write(&scene).map_err(failed(&svg_path))?;
        let png = png::write(&scene).map_err(failed(&png_path))?;
        atomic::write(&svg_path, |file| file.write_all(svg.as_bytes()))?;
        atomic::write(&png_path, |file| file.write_all(&png))?;
        Ok([svg_path, png_path])
    }

    /// The boxes of the panels and, below the title, all marks.
    fn layout(&self) -> Result<Scene> {
        let of = self.name();
        if self.panels.is_empty() {
            return Err(Error::Empty { what: of, need: "a figure takes at least one panel" });
        }
        let size = format!("{} x {}", self.width, self.height);
        if ![self.width, self.height].iter().all(|side| (100..=4000).contains(side)) {
            return Err(Error::setting(&of, "size", size, "from 100 to 4000 pixels each way"));
        }
        if self.columns == 0 {
            return Err(Error::setting(&of, "columns", 0, "at least 1"));
        }
        let areas = self.areas();
        if areas.iter().any(|a| a.width() < SMALLEST.0 || a.height() < SMALLEST.1) {
            return Err(Error::setting(&of, "size", size, "large enough to give each panel 140 x 90 pixels"));
        }
        self.panels.iter().try_for_each(Panel::check)?;

        let mut scene = Scene::new(self.width, self.height);
        let title = font::fit(&self.title, TITLE, true, f64::from(self.width) - 2.0 * MARGIN);
        let place = (f64::from(self.width) / 2.0, MARGIN + TITLE * 0.9);
        scene.text(Text::new(title, place, Anchor::Middle, TITLE).bold());
        // The plots of a column start and end at the same place.
        let mut margins = vec![(0.0f64, 0.0f64); self.columns];
        let panels =
            || self.panels.iter().zip(&areas).enumerate().map(|(i, (panel, &area))| (i % self.columns, panel, area));
        for (column, panel, area) in panels() {
            margins[column].0 = margins[column].0.max(panel.left_margin(area)?);
        }
        for (column, panel, area) in panels() {
            let (left, right) = margins[column];
            margins[column].1 = right.max(panel.right_margin(area, left)?);
        }
        for (column, panel, area) in panels() {
            let (left, right) = margins[column];
            panel.draw(&mut scene, area, left, right)?;
        }
        Ok(scene)
    }

    fn areas(&self) -> Vec<Rect> {
        let rows = self.panels.len().div_ceil(self.columns);
        let top = if self.title.is_empty() { MARGIN } else { 2.0 * MARGIN + TITLE };
        let wide = (f64::from(self.width) - MARGIN) / self.columns as f64;
        let high = (f64::from(self.height) - top) / rows as f64;
        let area = |i: usize| {
            let (x, y) = (MARGIN + (i % self.columns) as f64 * wide, top + (i / self.columns) as f64 * high);
            Rect::new(x, y, x + wide - MARGIN, y + high - MARGIN)
        };
        (0..self.panels.len()).map(area).collect()
    }
}

/// The path with `.extension` appended; a dot in its name stays.
fn with_suffix(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{extension}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Curve, LineChart, Series, curves};

    fn chart() -> LineChart {
        LineChart::new()
            .title("Loss")
            .x_label("iteration")
            .y_label("loss")
            .series(Series::counted("ELU", [2.5, 0.4, 0.1]))
    }

    #[test]
    fn both_files_are_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let [svg, png] = Figure::new(400, 300).panel(chart()).save(folder.path().join("new/loss.v1")).unwrap();
        assert_eq!(
            (svg.file_name().unwrap(), png.file_name().unwrap()),
            ("loss.v1.svg".as_ref(), "loss.v1.png".as_ref())
        );
        let text = std::fs::read_to_string(&svg).unwrap();
        for label in ["Loss", "iteration", "loss", "ELU", "2.5"] {
            assert!(text.contains(&format!(">\n{label}\n<")), "{label}");
        }
        let bytes = std::fs::read(&png).unwrap();
        let reader = ::png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (800, 600));
        assert!(bytes.len() > 5_000);
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 2);
    }

    #[test]
    fn the_same_figure_gives_the_same_bytes() {
        let scene = || Figure::new(400, 300).title("T").panel(chart()).layout().unwrap();
        assert_eq!(svg::write(&scene()).unwrap(), svg::write(&scene()).unwrap());
        assert_eq!(png::write(&scene()).unwrap(), png::write(&scene()).unwrap());
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let message = |figure: Figure| figure.svg().unwrap_err().to_string();
        assert_eq!(message(Figure::new(400, 300)), "figure is empty: a figure takes at least one panel");
        assert_eq!(
            message(Figure::new(0, 300).title("a").panel(chart())),
            "figure `a`: size = 0 x 300, but it must be from 100 to 4000 pixels each way"
        );
        assert_eq!(
            message(Figure::new(400, 300).columns(0).panel(chart())),
            "figure: columns = 0, but it must be at least 1"
        );
        assert_eq!(
            message(Figure::new(200, 300).columns(2).panel(chart()).panel(chart())),
            "figure: size = 200 x 300, but it must be large enough to give each panel 140 x 90 pixels"
        );
    }

    #[test]
    fn every_panel_is_checked_before_a_file_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let broken = LineChart::new().series(Series::counted("loss", [f64::NAN]));
        let result = Figure::new(400, 600).panel(chart()).panel(broken).save(folder.path().join("loss"));
        assert!(matches!(result, Err(Error::Empty { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn plots_of_a_column_line_up() {
        let wide = LineChart::new().series(Series::counted("", [0.0, 123_456.0])).title("wide");
        let narrow = LineChart::new().series(Series::counted("", [0.0, 1.0])).title("narrow");
        let scene = Figure::new(400, 500).panel(wide).panel(narrow).layout().unwrap();
        let titles: Vec<f64> = scene.texts().iter().filter(|t| t.bold).map(|t| t.at.0).collect();
        assert_eq!(titles.len(), 2);
        assert_eq!(titles[0], titles[1]);
    }

    #[test]
    fn a_legend_beside_one_plot_narrows_all_of_its_column() {
        let wave = |k: u32| Curve::sample(format!("wave {k}"), -6.0, 6.0, |x| (x + f64::from(k)).sin()).unwrap();
        let waves: Vec<Curve> = (0..6).map(|k| wave(k).manual(f64::cos)).collect();
        let flat = LineChart::new().x_label("x").axes_through_origin().series(Series::counted("flat", [1.0, 2.0]));
        let texts = |figure: &Figure, text: &str| -> Vec<Rect> {
            figure.layout().unwrap().texts().iter().filter(|t| t.text.starts_with(text)).map(|t| t.bounds()).collect()
        };
        // Above, the waves leave no corner; the legend of the other chart follows. The name of an axis ends its plot.
        let figure = curves("Waves", &waves).panel(flat);
        let (names, ends) = (texts(&figure, "wave "), texts(&figure, "x"));
        assert_eq!((names.len(), ends.len()), (12, 3));
        assert!(ends.iter().all(|end| end.right == ends[0].right && end.right < names[0].left - 40.0), "{ends:?}");
        assert!(
            names.iter().chain(&texts(&figure, "flat")).all(|name| name.left == names[0].left && name.right < 640.0)
        );
        let figure = figure.legend(Legend::TopLeft);
        assert!(texts(&figure, "wave ").iter().all(|name| name.left < 100.0));
        assert!(texts(&figure, "x")[0].left > 580.0);
    }

    #[test]
    fn the_extension_follows_the_whole_name() {
        assert_eq!(with_suffix(Path::new("out/run.1"), "svg"), Path::new("out/run.1.svg"));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(300));
        let message = Figure::new(400, 300).panel(chart()).save(&path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write {}.svg: ", path.display())), "{message}");
        // A folder of the kernel refuses files even from the superuser.
        let locked = std::path::Path::new("/proc/self/task");
        if locked.is_dir() {
            let message = Figure::new(400, 300).panel(chart()).save(locked.join("loss")).unwrap_err().to_string();
            assert!(message.starts_with("cannot write /proc/self/task/loss.svg: "), "{message}");
        }
    }
}

//! Where the time of a program goes, as a flame chart: layers, and in them functions and operations.

use super::{Figure, FlameChart};
use crate::inspect::Profile;

/// The time of a step by pass, layer, hand-written function and operation, in milliseconds.
///
/// All boxes together are the whole step: what is outside of the tape has a box, too.
///
/// ```
/// use wengert::{Tape, plot};
/// let tape = Tape::f64();
/// tape.set_profiling(true);
/// let _layer = tape.scope("square");
/// tape.leaf([1.0, 2.0]).square().sum().backward()?;
/// # let folder = tempfile::tempdir().unwrap();
/// plot::profile("One step", &tape.profile()).save(folder.path().join("profile"))?;
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn profile(title: &str, profile: &Profile) -> Figure {
    let milliseconds = 1e3 / profile.steps.max(1) as f64;
    let mut chart = FlameChart::new("ms");
    for spent in &profile.spent {
        let mut path = vec!["step", if spent.backward { "backward" } else { "forward" }];
        path.extend(Some(spent.layer.as_str()).filter(|layer| !layer.is_empty()));
        let rule = spent.rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
        let functions: Vec<String> = spent.functions.iter().map(|(name, _)| format!("{name}{rule}")).collect();
        path.extend(functions.iter().map(String::as_str));
        // The function's own time is that of its box.
        let function = spent.functions.last().map(|function| &function.0);
        path.extend(Some(spent.operation.as_str()).filter(|_| function != Some(&spent.operation)));
        path.extend(Some(spent.kernel.as_str()).filter(|kernel| !kernel.is_empty()));
        chart = chart.add(&path, spent.seconds * milliseconds);
    }
    chart = chart.add(&["step", "outside the tape"], profile.outside * milliseconds);
    chart = chart.add(&["step", "measuring"], profile.measuring * milliseconds);
    // As high as its rows, with the title and the margins.
    let height = 60 + 34 * chart.depth() as u32;
    Figure::new(1200, height.clamp(130, 4000)).panel(chart.title(title))
}

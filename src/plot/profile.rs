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
        let own = spent.counts && !functions.is_empty();
        path.extend([&spent.operation, &spent.kernel].into_iter().map(String::as_str).filter(|name| !own && !name.is_empty()));
        chart = chart.add(&path, spent.seconds * milliseconds);
    }
    chart = chart.add(&["step", "outside the tape"], profile.outside * milliseconds);
    chart = chart.add(&["step", "measuring"], profile.measuring * milliseconds);
    Figure::new(1200, 330).panel(chart.title(title))
}

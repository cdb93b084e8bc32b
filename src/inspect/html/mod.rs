//! The tape viewer: a recording as one page that needs no other file and no network.
//!
//! The page shows the graph in boxes of layers, steps through the tape forward and backward, and tells of each node its
//! value, its gradient, its local derivative, its formula and its line of source. All that it shows is in it as data
//! ([`data`]); `page.html`, `style.css` and the scripts are files beside this one, put together here.

mod data;
mod local;
mod source;
mod summary;

use std::path::Path;

use crate::{
    Gradients, Result, Tape, atomic,
    page::{COLORS, escape},
};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// The scripts, in the order in which they build on one another.
const SCRIPTS: [&str; 7] = [
    include_str!("model.js"),
    include_str!("layout.js"),
    include_str!("graph.js"),
    include_str!("details.js"),
    include_str!("source.js"),
    include_str!("state.js"),
    include_str!("main.js"),
];

/// Writes the recording of a tape as a page to look at: the tape viewer. The file is written whole or not at all, and its
/// folder is made if it is missing.
///
/// The page steps through the tape with the arrow keys, first forward, where values appear in the order of recording, then
/// backward, where the gradients flow; it shows the layers as boxes that fold, the lines of source, and for each node value,
/// gradient, local derivative, histogram and formula. Of large tensors it keeps range, mean, histogram and the first numbers
/// alone, so that it stays small. `?` on the page lists its keys. Source files are shown where they can be read.
///
/// `gradients` are those of a number of this recording. The gradients of inner nodes are needed too, so it is
/// differentiated once more, and then each node once, which runs [hooks](crate::Var::hook) again and takes the memory of
/// the values twice. Nothing is kept: the recording is as it was.
///
/// ```
/// use wengert::{Tape, inspect};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("tape.html");
/// let tape = Tape::f64();
/// let x = tape.leaf([1.0, 2.0]).named("x");
/// let loss = (x.exp() * x).sum().named("loss");
/// inspect::html(&tape, &loss.backward()?, &path)?;
/// # assert!(std::fs::read_to_string(&path).unwrap().contains("</html>"));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoGradient`](crate::Error::NoGradient) when the gradients are those of another recording; the errors of
/// [`backward`](crate::Var::backward); [`Error::File`](crate::Error::File) when the file or its folder cannot be written.
pub fn html(tape: &Tape, gradients: &Gradients, path: impl AsRef<Path>) -> Result<()> {
    let page = page(tape, gradients)?;
    atomic::write(path.as_ref(), |file| file.write_all(page.as_bytes()))
}

/// The text of the page.
fn page(tape: &Tape, gradients: &Gradients) -> Result<String> {
    let data = data::Data::new(tape, gradients)?;
    let title = escape(&data.title);
    let json = serde_json::to_string(&data).expect("numbers, lists and texts are written without errors");
    let style = [COLORS, STYLE].concat();
    let parts = [
        ("<!--title-->", &*title),
        ("<!--style-->", &style),
        ("<!--data-->", &embedded(&json)),
        ("<!--script-->", &SCRIPTS.join("\n")),
        ("<!--version-->", env!("CARGO_PKG_VERSION")),
    ];
    // One pass, so that a mark inside of what was put in stays what it is.
    let mut page = String::new();
    let mut rest = PAGE;
    while let Some((at, mark, text)) =
        parts.iter().filter_map(|&(mark, text)| Some((rest.find(mark)?, mark, text))).min()
    {
        page.push_str(&rest[..at]);
        page.push_str(text);
        rest = &rest[at + mark.len()..];
    }
    page.push_str(rest);
    Ok(page)
}

/// JSON as the text of a `script` element: nothing in it ends the element or begins a comment.
fn embedded(json: &str) -> String {
    json.replace('<', r"\u003c").replace('\u{2028}', r"\u2028").replace('\u{2029}', r"\u2029")
}

//! What the pages that the crate writes have in common: their colors, escaped text, and lines of source.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The colors of light and of dark paper, as custom properties.
#[cfg(any(all(feature = "check", feature = "plot"), feature = "view"))]
pub(crate) const COLORS: &str = include_str!("colors.css");

/// Text with the five characters replaced that have a meaning in HTML.
#[cfg(any(all(feature = "check", feature = "plot"), feature = "view"))]
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters have no glyph, and a page that contains NUL is not valid.
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text of a source file as the compiler names it, if it can be read. Such names are relative to the folder of the
/// workspace, and a program may run elsewhere.
pub(crate) fn source(file: &str) -> Option<String> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let folders = package.iter().flat_map(|p| p.ancestors()).map(|folder| folder.join(file));
    std::iter::once(Path::new(file).to_owned()).chain(folders).find_map(|path| fs::read_to_string(path).ok())
}

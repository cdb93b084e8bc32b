//! From images to features.

use super::Layer;
use crate::Var;

/// `[n, c, h, w]` to `[n, c·h·w]`, and so for any other axes after the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

impl Layer for Flatten {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.flatten(1)
    }
}

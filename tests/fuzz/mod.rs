//! Cases at random, each from a seed of its own: how many there are, and how to see one of them again.

use std::ops::Range;

/// The seeds of the cases: `default` many from 0 on, or as the variables `WENGERT_FUZZ_SEED` and `WENGERT_FUZZ_CASES` say.
pub fn seeds(default: u64) -> Range<u64> {
    let setting = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let first = setting("WENGERT_FUZZ_SEED", 0);
    first..first + setting("WENGERT_FUZZ_CASES", default)
}

/// What is tried, and its seed: says on a panic how to see the case again.
pub struct Case<'a>(pub &'a str, pub u64);

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}; to see this case alone: WENGERT_FUZZ_SEED={} WENGERT_FUZZ_CASES=1", self.0, self.1);
        }
    }
}

//! Correct rules broken on purpose, for exercises and to measure the checker.
//!
//! A *mutation* takes a hand-written rule that is correct and makes one known mistake in it, or two: flips a sign, forgets
//! a sum, ignores the upstream gradient, leaves out a term or a factor, writes another number; in a loop, each time the
//! line runs. The mutant is a [`Function`] like any other, so everything that checks a function can be tried on it.
//!
//! ```
//! use std::sync::Arc;
//! use wengert::{Backward, Function, Tensor, Var, check::{self, mutate}};
//!
//! /// z = x₀ · x₁.
//! struct Product;
//! impl Function for Product {
//!     fn name(&self) -> &str { "product" }
//!     fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> { vec![x[0] * x[1]] }
//!     fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
//!         vec![Some(dz[0] * x[1]), Some(dz[0] * x[0])]
//!     }
//! }
//!
//! let inputs = [Tensor::from([[0.3, -0.7, 1.2]]), Tensor::from([[1.5, 0.4, -0.9]])];
//! let mutant = mutate::mutate(Arc::new(Product), &inputs, 3)?.expect("a product can be broken");
//! let report = check::function(mutant.function.clone(), &inputs).run()?;
//! assert!(!report.passed());
//! assert!(mutant.is_named_by(report.verdict().unwrap()), "{}", mutant.what);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! Two mistakes can have the same effect: in x · x, forgetting one of the two factors is the same as halving the
//! result. No check can tell them apart, so a mutant lists all names that describe it exactly ([`Mutant::names`]).

mod broken;
mod change;
mod edits;
mod examined;

use std::{collections::HashSet, panic::Location, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use broken::Broken;
use change::{Change, Slip};
use edits::Slipped;
use examined::Examined;

use super::{Fault, Verdict, kind::Kind, verdict::Spot};
use crate::{DType, Error, Function, Result, RuleFault, Tensor};

/// A correct function with one mistake made in its rule.
pub struct Mutant {
    /// The function with the wrong rule.
    pub function: Arc<dyn Function>,
    /// The mistake, as a sentence.
    pub what: String,
    /// The names of the faults that describe it, starting with that of the mistake itself; see
    /// [`Fault::name`](super::Fault::name).
    pub names: Vec<&'static str>,
    kinds: Vec<Kind>,
    /// The kinds of each of two mistakes, and where it is.
    parts: Vec<(Vec<Kind>, Spot)>,
}

impl Mutant {
    /// Whether a verdict names the mistake; of two mistakes, whether it names each.
    pub fn is_named_by(&self, verdict: &Verdict) -> bool {
        match (&verdict.fault, &self.parts[..]) {
            (Fault::Several { faults }, [a, b]) => {
                let named = |of: &[Kind], fault: &Fault| of.contains(&fault.kind());
                let [one, two] = &faults[..] else { return false };
                let both = |a: &[Kind], b: &[Kind]| named(a, one) && named(b, two);
                both(&a.0, &b.0) || both(&b.0, &a.0)
            }
            (Fault::Several { .. }, _) => false,
            (fault, _) => self.kinds.contains(&fault.kind()),
        }
    }

    /// Whether a verdict describes two mistakes exactly, if by other names: with its edits the rule gives the true
    /// gradient, also at a point that the search has not seen, and each edit is of the operation where one of the mistakes
    /// was made, or of one next to it on the same line. A single edit may mend both, if it is next to both.
    pub fn is_mended_by(&self, verdict: &Verdict) -> bool {
        let [(_, a), (_, b)] = &self.parts[..] else { return false };
        match &verdict.spots[..] {
            [one] => one.meets(a) && one.meets(b),
            [one, two] => (one.meets(a) && two.meets(b)) || (one.meets(b) && two.meets(a)),
            _ => false,
        }
    }
}

/// Breaks the rule of `function` in a random but known way that changes its gradient at `inputs`. The same seed makes
/// the same mistake. `None` if nothing can be broken: every gradient is 0.
///
/// # Errors
/// [`Error::Rule`] when the function fails at these inputs, or its rule is wrong to begin with.
pub fn mutate(function: Arc<dyn Function>, inputs: &[Tensor], seed: u64) -> Result<Option<Mutant>> {
    let all = mutants(function, inputs)?;
    let mut rng = StdRng::seed_from_u64(seed);
    // All kinds of mistake are equally likely, however many ways there are to make them.
    let mut kinds: Vec<Kind> = all.iter().map(|mutant| mutant.kinds[0]).collect();
    kinds.sort_unstable_by_key(|kind| kind.name());
    kinds.dedup();
    if kinds.is_empty() {
        return Ok(None);
    }
    let kind = kinds[rng.random_range(0..kinds.len())];
    let mut of_kind: Vec<Mutant> = all.into_iter().filter(|mutant| mutant.kinds[0] == kind).collect();
    let chosen = rng.random_range(0..of_kind.len());
    Ok(Some(of_kind.swap_remove(chosen)))
}

/// All known mistakes that change the gradient of `function` at `inputs`.
///
/// # Errors
/// As [`mutate`].
pub fn mutants(function: Arc<dyn Function>, inputs: &[Tensor]) -> Result<Vec<Mutant>> {
    let inputs: Vec<Tensor> = inputs.iter().map(|x| x.cast(DType::F64)).collect();
    let sound = Examined::new(&function, &inputs).map_err(|why| broken(&function, why))?;
    if sound.is_wrong() {
        return Err(broken(&function, "its rule is not right to begin with".to_owned()));
    }
    let examine = |change: Change| {
        let function: Arc<dyn Function> = Arc::new(Broken::new(function.clone(), change.clone()));
        let examined = Examined::new(&function, &inputs).ok()?;
        let wrong = match change.slip {
            Slip::Stale => examined.is_wrong_after_another_call(),
            _ => examined.is_wrong(),
        };
        wrong.then_some((change, function, examined))
    };
    let all: Vec<Tried> = Change::all(&sound).into_iter().filter_map(examine).collect();
    let mutant = |(change, function, examined): &(Change, Arc<dyn Function>, Examined)| {
        let kinds = self::kinds(&sound, &all, change, examined);
        let names = kinds.iter().map(|kind| kind.name()).collect();
        // Each of two mistakes may have several names, too.
        let part = |one: &Slipped| -> Vec<Kind> {
            let same = |other: &&Tried| {
                matches!(&other.0.slip, Slip::Line(line) if line.how == one.how) && other.0.k == change.k
            };
            let alone = all.iter().find(same);
            alone.map_or(vec![one.kind], |(change, _, examined)| self::kinds(&sound, &all, change, examined))
        };
        let parts = match &change.slip {
            Slip::Two(one, two) => [one, two].map(|one| (part(one), one.spot.clone())).to_vec(),
            _ => Vec::new(),
        };
        Mutant { function: function.clone(), what: change.to_string(), names, kinds, parts }
    };
    Ok(all.iter().map(mutant).collect())
}

/// A mistake, the function with it, and its gradients.
type Tried = (Change, Arc<dyn Function>, Examined);

/// The kinds of fault that describe a wrong gradient exactly: its own, those of mistakes with the same effect, and
/// relations that it has with the true one.
fn kinds(sound: &Examined, all: &[Tried], own: &Change, examined: &Examined) -> Vec<Kind> {
    let alike = all.iter().filter(|(_, _, other)| examined.agrees_with(other)).map(|(change, ..)| change.kind());
    let related = examined.relation().filter(|_| own.kind() != Kind::Stale);
    let read = match own.slip {
        Slip::DroppedTerm(step, kept) => sound.reads_a_side(own.k, step, kept).then_some(Kind::MixedUp),
        _ => None,
    };
    let mut seen = HashSet::new();
    [own.kind()].into_iter().chain(alike).chain(related).chain(read).filter(|&kind| seen.insert(kind)).collect()
}

fn broken(function: &Arc<dyn Function>, why: String) -> Error {
    let (rule, at) = (function.name().to_owned(), Location::caller());
    Error::Rule { rule, fault: RuleFault::Failed(why), at }
}

//! Checking gradients, and naming what is wrong with them.
//!
//! A hand-written derivative can be compared with the one that the tape finds, and both with differences of the
//! function itself. When they disagree, two columns of numbers help little. So a check does not stop there: it looks
//! for the mistake that explains the numbers exactly, and names it, with the line to fix.
//!
//! ```
//! use wengert::{Backward, Function, Tensor, Var, check};
//!
//! /// z = tanh x, with a slip in its derivative: 1 − x² where 1 − z² belongs.
//! struct Tanh;
//! impl Function for Tanh {
//!     fn name(&self) -> &str { "tanh by hand" }
//!     fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> { vec![x[0].tanh()] }
//!     fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
//!         vec![Some(dz[0] * (1.0 - x[0] * x[0]))]
//!     }
//! }
//!
//! let report = check::function(Tanh, &[Tensor::from([0.3, -0.7, 1.2])]).run()?;
//! assert!(!report.passed());
//! let verdict = report.verdict().unwrap();
//! assert_eq!(verdict.fault.to_string(), "values mixed up: it uses input 0 where output 0 belongs");
//! let mend = "`dz[0] * (1.0 - x[0] * x[0])` should read `dz[0] * (1.0 - z[0] * z[0])`";
//! assert_eq!(verdict.mends[0].to_string(), mend);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! A verdict ends with the [mend](Mend) where an edit of the rule is known that makes it right: what the line computes, and
//! what it should. The rule of an [`Op`](crate::ops::Op) works on plain numbers and is not a program that could be edited. It
//! is asked for one number of the output after another, and its matrix is compared with the true ∂z/∂x. So a gradient that is
//! overwritten where it should be added up is named, and so is a term of a sum or of a statistic that is missing, counts twice,
//! or has the wrong sign.
//!
//! - [`closure`] checks a function of tensors, [`function`] one with a hand-written rule, [`layer`] a layer with its
//!   parameters, on batches of one, two and three observations ([`layer_with_inputs`] one with several inputs). Each returns a
//!   [`Check`] that takes settings, and [`run`](Check::run) carries it out. [`gradcheck`] and [`check_layer`] are shorter,
//!   without settings.
//! - A [`Report`] holds named tests, each [passed, failed or not applicable](Outcome), the gradients side by side, and
//!   the [verdicts](Verdict). It prints as a table, serializes with serde, and writes a page with pictures
//!   ([`Report::save_html`], with the feature `plot`). [`assert_layer_ok!`](crate::assert_layer_ok) is for tests.
//! - [`mutate`] breaks a correct rule in a known way.
//!
//! Everything is computed in double precision, whatever the layer trains in. A test that had nothing to test never
//! counts as passed.
//!
//! A mask, a maximum or a `relu` in a rule or in its `forward` has two branches, and a rule may be wrong in the one that no
//! input takes. So the inputs are moved there, and to both sides of every border. What cannot be moved, or must not, such as
//! a mask that is data, is named in a remark ([`Fault::Unreached`]): check the rule again with inputs that take that branch.
//! An `if` of Rust leaves nothing on the tape, and no remark.
//!
//! # Reading guide
//!
//! No file knows about one that comes later in this list.
//!
//! 1. Results: `fault` with its `kind`, `verdict`; `report`, which `table` prints.
//! 2. Runs: `numbers` measures and compares tensors; `caught` turns panics into failures; `constraint` moves inputs
//!    along a surface; `arguments` are what functions are differentiated with respect to; `runner` runs and
//!    differentiates any subject; `subject` gives everything that can be checked one form.
//! 3. Three gradients: `slope` differentiates by differences; `measure` compares.
//! 4. Rules: `applications` finds them in a recording, `branches` what they choose between; `given` is what a rule receives; `script` is a recording as a
//!    program, `edit` changes one, `running` runs it with steps changed, `replay` has the numbers, `rerun` those that
//!    depend on a change; `case` is a rule at two points, with its answer and the truth, which `compared` compares;
//!    `ready` runs it with one change after another.
//! 5. `mend` searches the edits of a rule that make it right; `diagnose` names the fault by experiments on a case;
//!    `mutate` breaks a case on purpose.
//! 6. `settings` is a check before it runs; `suite` holds the tests and runs them; `html` shows the report.

mod applications;
mod arguments;
mod branches;
mod case;
mod caught;
mod compared;
mod constraint;
mod diagnose;
mod edit;
mod fault;
mod given;
#[cfg(feature = "plot")]
mod html;
mod kind;
mod measure;
mod mend;
pub mod mutate;
mod numbers;
mod ready;
mod replay;
mod report;
mod rerun;
mod runner;
mod running;
mod script;
mod settings;
mod slope;
mod source;
mod subject;
mod suite;
mod table;
mod verdict;

pub use constraint::Constraint;
pub use fault::Fault;
pub use report::{Comparison, Outcome, Report, Special, SpecialKind, StepCurve, Test};
pub use settings::Check;
pub use verdict::{Line, Mend, Verdict};

use std::{panic::Location, sync::Arc};

use settings::Inputs;
use subject::{Closure, Layered, Ruled};

use crate::{DType, Function, Result, Shape, Tensor, Var, nn::Layer};

/// Checks a function of tensors in tape algebra at `inputs`: [`closure`] without settings.
///
/// ```
/// use wengert::{Tensor, check};
/// let report = check::gradcheck(|x| (x[0] * x[1]).sin(), &[Tensor::from([0.3, 1.0]), Tensor::from([2.0, 0.5])])?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`Check::run`].
pub fn gradcheck(f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>, inputs: &[Tensor]) -> Result<Report> {
    closure(f, inputs).run()
}

/// Checks a layer on observations of the given shapes, without the axis that counts them: `[512]` for features,
/// `[3, 32, 32]` for images. This is [`layer`] without settings.
///
/// ```
/// use wengert::{check, nn::Linear};
/// let report = check::check_layer(&Linear::new(4, 3, 0), &[[4]])?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`Check::run`].
pub fn check_layer<S: Into<Shape> + Clone>(checked: &dyn Layer, observations: &[S]) -> Result<Report> {
    layer(checked, observations).run()
}

/// A check of a function of tensors in tape algebra, at `inputs`.
pub fn closure<'a>(f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + 'a, inputs: &[Tensor]) -> Check<'a> {
    Check::new("function", Box::new(Closure(f)), Inputs::Given(inputs.to_vec()))
}

/// A check of a function with a hand-written rule, owned or shared, at `inputs`.
#[track_caller]
pub fn function<'a>(rule: impl Function + 'static, inputs: &[Tensor]) -> Check<'a> {
    let name = format!("function `{}`", rule.name());
    Check::new(&name, Box::new(Ruled(Arc::new(rule), Location::caller())), Inputs::Given(inputs.to_vec()))
}

/// A check of a layer of one input on observations of the given shapes, each of which is tried, without the axis that
/// counts them.
pub fn layer<'a, S: Into<Shape> + Clone>(checked: &'a dyn Layer, observations: &[S]) -> Check<'a> {
    of_layer(checked, observations.iter().map(|shape| vec![shape.clone().into()]).collect())
}

/// A check of a layer of several inputs, given the shape of an observation for each, without the axis that counts them.
///
/// ```
/// use wengert::{Param, Tensor, Var, check, nn::Layer};
/// /// Σⱼ aⱼ wⱼ bⱼ: how much alike two vectors are, with learned weights.
/// struct Alike { w: Param }
/// impl Layer for Alike {
///     fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
///         vec![(x[0] * x[1] * x[0].tape().watch(&self.w)).sum_axes(&[1], false)]
///     }
///     fn params(&self) -> Vec<Param> { vec![self.w.clone()] }
/// }
/// let layer = Alike { w: Param::new("w", Tensor::from([0.5, -1.0, 2.0])) };
/// let report = check::layer_with_inputs(&layer, &[[3], [3]]).run()?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn layer_with_inputs<'a, S: Into<Shape> + Clone>(checked: &'a dyn Layer, inputs: &[S]) -> Check<'a> {
    of_layer(checked, vec![inputs.iter().map(|shape| shape.clone().into()).collect()])
}

fn of_layer(checked: &dyn Layer, shapes: Vec<Vec<Shape>>) -> Check<'_> {
    let layered = Layered::new(checked);
    let params = layered.params.iter().map(|p| (p.name().to_owned(), p.value().cast(DType::F64))).collect();
    let mut check = Check::new("layer", Box::new(layered), Inputs::Drawn { shapes, params });
    check.layer = Some(checked);
    check
}

/// Checks a layer and panics with the printed report if a test fails. For use in tests.
///
/// ```
/// use wengert::{assert_layer_ok, nn::Linear};
/// assert_layer_ok!(Linear::new(4, 3, 0), [4]);
/// ```
#[macro_export]
macro_rules! assert_layer_ok {
    ($layer:expr, $($shape:expr),+ $(,)?) => {
        match $crate::check::check_layer(&$layer, &[$($crate::Shape::from($shape)),+]) {
            Ok(report) if report.passed() => {}
            Ok(report) => panic!("{report}"),
            Err(error) => panic!("{error}"),
        }
    };
}

//! Reverse-mode automatic differentiation on a tape, for education and research: write a layer as a formula, write its
//! derivative by hand as well if you like, and compare the two.
//!
//! The crate is named after R. E. Wengert, who in 1964 described the list of elementary operations that a program
//! performs. That list is the tape, and this crate makes it visible.
//!
//! # Values
//!
//! A [`Tensor`] is a plain n-dimensional array of `f32` or `f64`, chosen at run time. It has no gradient.
//!
//! ```
//! use wengert::{DType, Tensor};
//! let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
//! assert_eq!(x.shape().dims(), [2, 3]);
//! assert_eq!(x.dtype(), DType::F64);
//! assert_eq!(x.reshape([3, 2])?.at(&[2, 0]), 5.0);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # The tape and its gradients
//!
//! You compute with [`Var`], a handle to an entry of a [`Tape`]. Each operation appends one entry;
//! [`backward`](Var::backward) walks the entries from last to first and applies the chain rule at each. It returns the
//! [`Gradients`] as a separate value.
//!
//! ```
//! use wengert::Tape;
//! let tape = Tape::f64();                               // double precision; Tape::new() is single
//! let x = tape.leaf([1.0, 2.0, 3.0]);                   // a value whose gradient is wanted
//! let a = tape.constant([0.5, 0.5, 0.5]);               // a value whose gradient is not
//! let loss = (x * x * a).sum();
//! assert_eq!(loss.item(), 7.0);
//! assert_eq!(loss.backward()?.wrt(x)?.to_vec(), [1.0, 2.0, 3.0]);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! [`Tape::grad`] leaves the gradient on the tape, where it can be differentiated again, as often as you like:
//!
//! ```
//! # let tape = wengert::Tape::f64();
//! let x = tape.leaf(2.0);
//! let first = tape.grad(x * x * x * x, &[x])?[0];       // 4x³
//! let second = tape.grad(first, &[x])?[0];              // 12x²
//! let third = second.backward()?;                       // 24x
//! assert_eq!((first.item(), second.item(), third.wrt(x)?.item()), (32.0, 48.0, 48.0));
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # A derivative by hand, and the tape's own
//!
//! A [`Function`] defines its value in tape algebra and, beside it, its derivative. [`Tape::set_rule`] selects the
//! derivative that `backward` uses, the tape's or yours, so one recording gives both:
//!
//! ```
//! use wengert::{Backward, Function, Rule, Tape, Var};
//!
//! /// z = 1 / (1 + e⁻ˣ).
//! struct Logistic;
//! impl Function for Logistic {
//!     fn name(&self) -> &str { "logistic" }
//!     fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> { vec![1.0 / (1.0 + (-x[0]).exp())] }
//!     fn backward<'t>(&self, Backward { z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
//!         vec![Some(dz[0] * z[0] * (1.0 - z[0]))]
//!     }
//! }
//!
//! let tape = Tape::f64();
//! let x = tape.leaf([-1.0, 0.0, 2.0]);
//! let loss = tape.apply(Logistic, &[x])?[0].sum();
//! tape.set_rule(Rule::Manual);
//! let by_hand = loss.backward()?.wrt(x)?.to_vec();
//! tape.set_rule(Rule::Tape);
//! let by_tape = loss.backward()?.wrt(x)?.to_vec();
//! for (hand, tape) in by_hand.iter().zip(by_tape) {
//!     assert!((hand - tape).abs() < 1e-15);
//! }
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # A layer
//!
//! A [`Layer`](nn::Layer) is a function with [parameters](Param). It does not fix the precision. The tape does, so the
//! same layer trains in `f32` and is checked in `f64`.
//!
#![cfg_attr(feature = "nn", doc = "```")]
#![cfg_attr(not(feature = "nn"), doc = "```ignore")]
//! use wengert::{Param, Tape, Tensor, Var, nn::Layer};
//!
//! /// aₖ tanh x, with one learned aₖ for each feature.
//! struct Scaled { a: Param }
//! impl Layer for Scaled {
//!     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> { x.tape().watch(&self.a) * x.tanh() }
//!     fn params(&self) -> Vec<Param> { vec![self.a.clone()] }
//! }
//!
//! let layer = Scaled { a: Param::new("a", Tensor::from(vec![1.0f32, 2.0])) };
//! for tape in [Tape::new(), Tape::f64()] {
//!     let y = layer.forward(tape.constant([[0.5, -0.5], [1.0, 0.0]]));
//!     assert_eq!(y.dtype(), tape.dtype());
//!     let da = y.sum().backward()?.wrt(&layer.a)?.clone();
//!     assert!((da.at(&[1]) + 0.5f64.tanh()).abs() < 1e-6);
//! }
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # Training
//!
//! One tape serves all steps. `reset` takes `&mut self`, so using a handle from an earlier step does not compile.
//!
#![cfg_attr(feature = "nn", doc = "```")]
#![cfg_attr(not(feature = "nn"), doc = "```ignore")]
//! use wengert::{Tape, nn::{Layer, Linear, Sequential, Tanh}, optim::{Adam, Optimizer}};
//! let net = Sequential::new().then(Linear::new(2, 8, 0)).then(Tanh).then(Linear::new(8, 2, 1));
//! let mut adam = Adam::new(&net.params(), 0.05)?;
//! let (points, labels) = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]);
//!
//! let mut tape = Tape::new();
//! let mut losses = Vec::new();
//! for _ in 0..200 {
//!     tape.reset();
//!     let loss = net.forward(tape.constant(points)).cross_entropy(&labels);
//!     losses.push(loss.item());
//!     adam.step(&loss.backward()?)?;
//! }
//! assert!(losses[0] > 0.5 && losses[199] < 0.05, "from {} to {}", losses[0], losses[199]);
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # What can go wrong
//!
//! Operators and methods of [`Var`] panic at *your* line, with a sentence that names the operation, the shapes and the
//! layer. Operations whose shapes may come from data have a `try_` twin that returns the same sentence as an [`Error`].
//! Anything that reads files, runs checks or takes settings returns a [`Result`].
//!
//! ```
//! # use wengert::Tape;
//! let tape = Tape::f64();
//! let (a, b) = (tape.leaf([[1.0, 2.0, 3.0]]), tape.leaf([[1.0, 2.0]]));
//! let error = a.try_matmul(b).err().unwrap();
//! assert_eq!(error.to_string(), "matmul: the columns of the left and the rows of the right must agree \
//!                                (3 and 1 differ), but got [1, 3] and [1, 2]");
//! # Ok::<(), wengert::Error>(())
//! ```
//!
//! # For users of PyTorch, JAX and MATLAB
//!
//! | PyTorch | here |
//! |---|---|
//! | `torch.tensor(a, requires_grad=True)` | [`tape.leaf(a)`](Tape::leaf) |
//! | `nn.Parameter(w)` | [`Param::new("weight", w)`](Param::new), and [`tape.watch(&p)`](Tape::watch) to use it |
//! | `loss.backward()`, `w.grad` | [`loss.backward()?`](Var::backward) returns [`Gradients`]: `.wrt(x)`, `.wrt(&p)`. Nothing accumulates between calls |
//! | `torch.autograd.grad(y, x, create_graph=True)` | [`tape.grad(y, &[x])?`](Tape::grad) |
//! | `torch.autograd.Function` | [`Function`], with `forward` in tape algebra |
//!
//! The [`guide`] has more than a hundred others, for JAX and MATLAB too, each with a line that runs. Another page lists
//! the subgradients used [where a function has no derivative](guide::kinks), and the [cookbook](guide::cookbook) has
//! short programs for common tasks. Layouts and names are PyTorch's: batch first, images `[n, c, h, w]`, `Linear`
//! weights `[outputs, inputs]`.
//!
//! # The modules
//!
//! - The root: [`Tensor`], [`Tape`], [`Var`], [`Param`], [`Gradients`], [`Function`], [`Error`]. [`ops`]: the table of
//!   operations, and [`Op`](ops::Op) for operations on plain numbers. [`inspect`]: the tape printed, drawn, and as a
//!   page to step through; the chain rule written out; why a gradient is what it is, and where numbers stop being finite
//!   or lose their digits.
//! - `nn`: layers. `optim`: optimizers, schedules, clipping. `data`: data sets and batches. `plot`: figures as SVG and
//!   PNG. `io`: weights and checkpoints. `train`: the training loop. Each uses only the public interface of the core.
//! - `check`: gradient checks that name the fault.
//!
//! Outside the root, each is a cargo feature of the same name (`optim` comes with `nn`); folders of images are the
//! feature `images`, the pages and pictures of [`inspect`] the feature `view`; all are on by default.
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(any(feature = "io", feature = "plot", feature = "data", feature = "view"))]
mod atomic;
mod caught;
mod error;
mod function;
pub mod functional;
pub mod guide;
mod higher;
pub mod inspect;
mod kernels;
pub mod ops;
#[cfg(any(feature = "check", feature = "view"))]
mod page;
mod param;
#[cfg(any(feature = "io", feature = "plot", feature = "data", feature = "view"))]
mod regular;
mod tape;
mod tensor;

pub use error::{Error, FormatProblem, GraphFault, HookFault, NameFault, NetworkFault, NoGradient, Result, RuleFault};
pub use function::{Backward, Function};
pub use kernels::threads;
pub use param::{Param, Unmatched};
pub use tape::{AtLine, Gradients, Mode, Rule, Saved, Scope, Tape, Var, Wrt};
pub use tensor::{DType, Element, Shape, Tensor};

#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "data")]
pub mod data;
#[cfg(feature = "io")]
pub mod io;
#[cfg(feature = "nn")]
pub mod nn;
#[cfg(feature = "nn")]
pub mod optim;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "train")]
pub mod train;

/// The Markdown pages, so that every code block on them is compiled and run.
#[cfg(all(doctest, feature = "train", feature = "plot"))]
mod pages {
    #[doc = include_str!("../tutorials/02_activations/README.md")]
    mod activations {}
    #[cfg(feature = "check")]
    #[doc = include_str!("../tutorials/06_arcface/README.md")]
    mod arcface {}
    #[cfg(feature = "check")]
    #[doc = include_str!("../tutorials/07_bilinear_pooling/README.md")]
    mod bilinear_pooling {}
    #[cfg(feature = "check")]
    #[doc = include_str!("../tutorials/08_caffe_questions/README.md")]
    mod caffe_questions {}
    #[cfg(feature = "check")]
    #[doc = include_str!("../tutorials/05_custom_layers/README.md")]
    mod custom_layers {}
    #[doc = include_str!("../tutorials/03_elu_digits/README.md")]
    mod elu_digits {}
    #[doc = include_str!("../tutorials/01_first_tape/README.md")]
    mod first_tape {}
    #[doc = include_str!("../tutorials/04_higher_order/README.md")]
    mod higher_order {}
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../tutorials/09_see_the_tape/README.md")]
    mod see_the_tape {}
}

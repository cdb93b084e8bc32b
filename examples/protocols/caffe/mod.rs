//! Caffe's Python layer: `setup`, `reshape`, `forward`, `backward` with `propagate_down`, `param_str`, learned blobs.
//!
//! In Caffe a layer receives two *lists* of blobs, inputs (`bottom`) and outputs (`top`); a blob has `data` and `diff`,
//! and the batch is the first axis inside a blob. What `forward` must save for `backward` goes into an attribute of the
//! layer, by convention `self.diff`. What is learned, and what is kept between passes, are blobs of the layer
//! (`self.blobs.add_blob`); the net's description gives each of them a factor of the learning rate and of the decay, and
//! one with the factor 0 is state. `self.phase` is [`Tape::mode`](wengert::Tape::mode).
//!
//! Here the same four methods take values and return values: outputs, what to save, and a gradient for each input.
//! [`PythonLayer`] has them, and [`Ported`] makes a [`Layer`] of any such layer, to stand in a
//! [`Graph`](wengert::nn::Graph) between its bottoms and tops.
//!
//! In both, `setup` runs once and `reshape` before *every* forward pass: it announces the shapes of the outputs before
//! anything is computed, and must be cheap.

mod layers;

pub use layers::{Center, Elu, EuclideanLoss, Polar};

use std::sync::Arc;

use wengert::{Backward, Function, Param, Shape, Var, nn::Layer, optim::Group};

/// A layer as it is written for `type: "Python"`.
pub trait PythonLayer: Send + Sync + 'static {
    /// The name in errors.
    fn name(&self) -> &str;

    /// Once: checks the number of bottoms and tops, reads `param_str`, and returns the blobs of the layer
    /// (`self.blobs.add_blob`), in their order.
    fn setup(&mut self, param_str: &str, bottom: &[Shape], tops: usize) -> Result<Vec<Param>, String>;

    /// The shapes of the tops for those of the bottoms, or what is wrong with the latter.
    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String>;

    /// The tops, and what `backward` needs again (`self.diff`).
    fn forward<'t>(&self, bottom: &[Var<'t>], blobs: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>);

    /// What goes to `bottom[i].diff`, for each i, and after them what is added to `blobs[j].diff`; `None` where
    /// `propagate_down` is false.
    ///
    /// The engine adds up what several layers send to one blob; a rule never adds to a `diff` itself.
    fn backward<'t>(&self, top_diff: &[Var<'t>], propagate_down: &[bool], at: Saved<'_, 't>) -> Vec<Option<Var<'t>>>;

    /// Whether an observation's tops depend on the others of its batch. Caffe has no such declaration; the check asks.
    fn couples_observations(&self) -> bool {
        false
    }
}

/// What `backward` can read.
pub struct Saved<'a, 't> {
    pub bottom: &'a [Var<'t>],
    pub blobs: &'a [Var<'t>],
    /// What `forward` saved: `self.diff`.
    pub diff: &'a [Var<'t>],
}

/// What the description of the net says of the layer.
#[derive(Clone, Copy, Default)]
pub struct Definition<'a> {
    /// `python_param { param_str: ".." }`.
    pub param_str: &'a str,
    /// The number of tops.
    pub tops: usize,
    /// `param { lr_mult: .. decay_mult: .. }`, one for each blob; 1 and 1 for those left out.
    pub param: &'a [Group],
}

/// A Python layer as a layer: a function of its bottoms and its blobs.
pub struct Ported<L> {
    rule: Arc<Rule<L>>,
    blobs: Vec<Param>,
    factors: Vec<Group>,
    tops: usize,
}

/// The layer after `setup`.
pub struct Rule<L> {
    layer: L,
    bottoms: usize,
}

impl<L: PythonLayer> Ported<L> {
    /// Sets the layer up for bottoms of these shapes.
    ///
    /// # Errors
    /// What `setup` refuses, and more factors than blobs.
    pub fn new(mut layer: L, definition: Definition<'_>, bottom: &[Shape]) -> Result<Self, String> {
        let Definition { param_str, tops, param } = definition;
        let blobs = layer.setup(param_str, bottom, tops);
        let within = |why| format!("layer `{}`: {why}", layer.name());
        let blobs = blobs.map_err(within)?;
        if param.len() > blobs.len() {
            return Err(within(format!("{} blobs have no use for {} factors", blobs.len(), param.len())));
        }
        let factors = param.iter().copied().chain(std::iter::repeat(Group::default())).take(blobs.len()).collect();
        Ok(Ported { rule: Arc::new(Rule { layer, bottoms: bottom.len() }), blobs, factors, tops })
    }

    /// The function of bottoms and blobs, with its rule by hand.
    pub fn rule(&self) -> Arc<Rule<L>> {
        self.rule.clone()
    }

    /// The learned blobs with their factors, for [`Sgd::group`](wengert::optim::Sgd::group).
    pub fn groups(&self) -> impl Iterator<Item = (&Param, Group)> {
        self.blobs.iter().zip(self.factors.iter().copied()).filter(|(blob, _)| blob.trainable())
    }

    /// Reshapes and runs the layer.
    ///
    /// # Errors
    /// When the number of bottoms is not that of `setup`, when `reshape` refuses their shapes, or when the outputs do
    /// not have the shapes that `reshape` announced.
    pub fn try_forward<'t>(&self, bottom: &[Var<'t>]) -> Result<Vec<Var<'t>>, String> {
        let (layer, name, bottoms) = (&self.rule.layer, self.rule.layer.name(), self.rule.bottoms);
        if bottom.len() != bottoms {
            return Err(format!("layer `{name}` takes {bottoms} bottoms, but got {}", bottom.len()));
        }
        let shapes: Vec<Shape> = bottom.iter().map(|blob| blob.shape()).collect();
        let announced = layer.reshape(&shapes).map_err(|why| format!("layer `{name}`: {why}"))?;
        let tape = bottom[0].tape();
        let inputs: Vec<Var<'t>> = bottom.iter().copied().chain(self.blobs.iter().map(|b| tape.watch(b))).collect();
        let top = tape.apply(self.rule.clone(), &inputs).map_err(|error| error.to_string())?;
        let computed: Vec<Shape> = top.iter().map(|top| top.shape()).collect();
        match computed == announced && self.tops == computed.len() {
            true => Ok(top),
            false => Err(format!("layer `{name}` announced tops {announced:?}, but computed {computed:?}")),
        }
    }
}

impl<L: PythonLayer> Layer for Ported<L> {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.try_forward(x).unwrap_or_else(|why| panic!("{why}"))
    }

    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward_all(&[x])[0]
    }

    fn params(&self) -> Vec<Param> {
        self.blobs.iter().filter(|blob| blob.trainable()).cloned().collect()
    }

    fn state(&self) -> Vec<Param> {
        self.blobs.iter().filter(|blob| !blob.trainable()).cloned().collect()
    }

    fn couples_observations(&self) -> bool {
        self.rule.layer.couples_observations()
    }
}

impl<L: PythonLayer> Function for Rule<L> {
    fn name(&self) -> &str {
        self.layer.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        self.layer.forward(&x[..self.bottoms], &x[self.bottoms..])
    }

    fn backward<'t>(&self, Backward { x, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (bottom, blobs) = x.split_at(self.bottoms);
        self.layer.backward(dz, needs, Saved { bottom, blobs, diff: saved })
    }
}

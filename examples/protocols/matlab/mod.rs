//! MATLAB's layer template: learnable properties with their factors, state, `predict`, `forward` with memory, `backward`.
//!
//! In MATLAB a layer is a class; `predict` is the inference pass, `forward` the training pass if it differs, and
//! `backward` gets inputs, outputs, upstream gradients and what `forward` saved. A layer may have several inputs and
//! outputs (`NumInputs`, `NumOutputs`). `properties (State)` are kept from pass to pass: both passes return their new
//! values, and `resetState` begins anew. [`Template`] has these methods under these names, and [`Ported`] makes a
//! [`Layer`] of any such class, because [`Function`] has a place for each of them.
//!
//! Two things differ. The learnables arrive as arguments, because a hand-written rule can only differentiate with
//! respect to its inputs. And the observations come first: images are `[n, c, h, w]` here and h × w × c × n in MATLAB, so
//! the sum of dα over dimensions 1, 2 and 4 becomes one over axes 2, 3 and 0.

mod layers;

pub use layers::{EluLayer, IntegratorLayer, RandomLeakyLayer, RotationLayer};

use std::sync::Arc;

use wengert::{Backward, Function, Mode, Param, Var, nn::Layer, optim::Group};

/// A class derived from `nnet.layer.Layer`.
pub trait Template: Send + Sync + 'static {
    /// `layer.Name`.
    fn name(&self) -> &str;

    /// `layer.NumInputs`.
    fn num_inputs(&self) -> usize {
        1
    }

    /// `layer.NumOutputs`.
    fn num_outputs(&self) -> usize {
        1
    }

    /// `properties (Learnable)`, each with its factors: `setLearnRateFactor` and `setL2Factor`.
    fn learnables(&self) -> Vec<(Param, Group)> {
        Vec::new()
    }

    /// `properties (State)`.
    fn state(&self) -> Vec<Param> {
        Vec::new()
    }

    /// `layer = resetState(layer)`.
    fn reset_state(&self) {}

    /// `[Z1, .., Zm, state] = predict(layer, X1, .., Xn)`.
    fn predict<'t>(&self, at: Inputs<'_, 't>) -> Outputs<'t>;

    /// `[Z1, .., Zm, state, memory] = forward(layer, X1, .., Xn)`; `predict` if not written.
    fn forward<'t>(&self, at: Inputs<'_, 't>) -> Outputs<'t> {
        self.predict(at)
    }

    /// `[dLdX, dLdW, dLdSin] = backward(layer, X, Z, dLdZ, dLdSout, memory)`: a gradient for each input, each learnable
    /// and each state, in this order.
    fn backward<'t>(&self, at: Inputs<'_, 't>, from: Upstream<'_, 't>) -> Vec<Var<'t>>;
}

/// What a pass is computed from.
#[derive(Clone, Copy)]
pub struct Inputs<'a, 't> {
    /// X1 to Xn.
    pub x: &'a [Var<'t>],
    /// The learnables.
    pub w: &'a [Var<'t>],
    /// The state before the pass.
    pub state: &'a [Var<'t>],
}

/// What a pass returns.
#[derive(Default)]
pub struct Outputs<'t> {
    /// Z1 to Zm.
    pub z: Vec<Var<'t>>,
    /// The state after the pass.
    pub state: Vec<Var<'t>>,
    /// For `backward`.
    pub memory: Vec<Var<'t>>,
}

/// What comes back.
pub struct Upstream<'a, 't> {
    pub z: &'a [Var<'t>],
    pub dldz: &'a [Var<'t>],
    /// With respect to the state after the pass.
    pub dlds: &'a [Var<'t>],
    pub memory: &'a [Var<'t>],
}

/// A class of the template as a layer: `forward` and `backward` in training, `predict` in inference, which leaves the
/// state alone.
pub struct Ported<T>(pub Arc<T>);

impl<T: Template> Ported<T> {
    /// The layer of a class.
    pub fn new(class: T) -> Self {
        Ported(Arc::new(class))
    }

    /// The learnables with their factors, for [`Sgd::group`](wengert::optim::Sgd::group).
    pub fn groups(&self) -> Vec<(Param, Group)> {
        self.0.learnables()
    }

    /// `net = resetState(net)`.
    pub fn reset_state(&self) {
        self.0.reset_state();
    }

    /// `[net, Z] = predictAndUpdateState(net, X)`.
    pub fn predict_and_update_state<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let outputs = self.0.predict(Training(self.0.clone()).split(&self.inputs(x)));
        self.update_state(&outputs.state);
        outputs.z
    }

    fn inputs<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (given, name, takes) = (x.len(), self.0.name(), self.0.num_inputs());
        assert!(given == takes, "layer `{name}` takes {takes} inputs, but got {given}");
        let tape = x[0].tape();
        x.iter().copied().chain(self.tensors().iter().map(|param| tape.watch(param))).collect()
    }

    fn update_state(&self, new: &[Var<'_>]) {
        for (state, new) in self.0.state().iter().zip(new) {
            let new = new.value();
            state.update(|held| *held = new.cast(held.dtype()));
        }
    }
}

impl<T: Template> Layer for Ported<T> {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.forward_all(&[x])[0]
    }

    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let (inputs, class) = (self.inputs(x), Arc::new(Training(self.0.clone())));
        if x[0].tape().mode() == Mode::Eval {
            return self.0.predict(class.split(&inputs)).z;
        }
        let applied = x[0].tape().apply(class, &inputs);
        let mut z = applied.expect("inputs, learnables and state are all that a class of the template uses");
        self.update_state(&z.split_off(self.0.num_outputs()));
        z
    }

    fn params(&self) -> Vec<Param> {
        self.0.learnables().into_iter().map(|(param, _)| param).collect()
    }

    fn state(&self) -> Vec<Param> {
        self.0.state()
    }
}

/// The training pass as a function of inputs, learnables and state.
struct Training<T>(Arc<T>);

impl<T: Template> Training<T> {
    fn split<'a, 't>(&self, all: &'a [Var<'t>]) -> Inputs<'a, 't> {
        let (x, rest) = all.split_at(self.0.num_inputs());
        let (w, state) = rest.split_at(self.0.learnables().len());
        Inputs { x, w, state }
    }
}

impl<T: Template> Function for Training<T> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let Outputs { z, state, memory } = self.0.forward(self.split(x));
        ([z, state].concat(), memory)
    }

    fn backward<'t>(&self, Backward { x, z, dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let (z, _) = z.split_at(self.0.num_outputs());
        let (dldz, dlds) = dz.split_at(self.0.num_outputs());
        let from = Upstream { z, dldz, dlds, memory: saved };
        self.0.backward(self.split(x), from).into_iter().map(Some).collect()
    }
}

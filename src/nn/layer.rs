//! What a layer is.

use std::{any::type_name, ops::ControlFlow};

use super::inside::{copy, features, not_one, of_children};
use crate::{Error, Mode, Param, Result, Tape, Tensor, Unmatched, Var};

/// What [`Layer::trace`] calls with the path of a layer and what it returned; it breaks off when it has seen enough.
pub type Visit<'a, 't> = &'a mut dyn FnMut(&str, &[Var<'t>]) -> ControlFlow<()>;

/// A function of a tape with parameters and, perhaps, state.
///
/// ```
/// use wengert::{DType, Param, Tape, Tensor, Var, nn::Layer};
///
/// /// y = s · x, with one learned number s.
/// struct Scale { s: Param }
/// impl Layer for Scale {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> { x * x.tape().watch(&self.s) }
///     fn params(&self) -> Vec<Param> { vec![self.s.clone()] }
/// }
///
/// let layer = Scale { s: Param::new("s", Tensor::scalar(3.0, DType::F32)) };
/// let tape = Tape::f64();
/// let loss = layer.forward(tape.constant([1.0, 2.0])).sum();
/// assert_eq!(loss.backward()?.wrt(&layer.s)?.item(), 3.0);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// A layer that takes or returns several values has [`forward_all`](Layer::forward_all) in place of `forward`. A layer
/// made of others names them in [`children`](Layer::children), and has their parameters and state:
///
/// ```
/// use wengert::{Tape, Var, nn::{Layer, Linear}};
///
/// /// The distance of two inputs in a learned space.
/// struct Siamese { embed: Linear }
/// impl Layer for Siamese {
///     fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
///         let difference = self.embed.forward(x[0]) - self.embed.forward(x[1]);
///         vec![difference.norm_axes(&[1], false)]
///     }
///     fn children(&self) -> Vec<(&str, &dyn Layer)> { vec![("embed", &self.embed)] }
/// }
///
/// let net = Siamese { embed: Linear::new(2, 3, 0) };
/// let tape = Tape::new();
/// let pair = [tape.constant([[1.0, 2.0]]), tape.constant([[0.5, 2.5]])];
/// assert_eq!(net.forward_all(&pair)[0].shape().dims(), [1]);
/// assert_eq!(net.params()[0].name(), "embed.weight");
/// ```
pub trait Layer {
    /// The output for the input `x`, recorded on the tape of `x`.
    ///
    /// # Panics
    /// When the layer takes or returns several values, and has [`forward_all`](Layer::forward_all) instead; or when it has
    /// neither.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let _ = x;
        let name = self.type_name();
        panic!(
            "layer `{name}` has no `forward`; if it has a `forward_all`, call that instead, and if not, write one of them"
        )
    }

    /// The outputs for several inputs, recorded on their tape; [`forward`](Layer::forward) for a layer of one input and
    /// one output.
    ///
    /// # Panics
    /// When the layer does not take as many inputs.
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        match x {
            [x] => vec![self.forward(*x)],
            _ => panic!("{}", not_one(self.type_name(), x)),
        }
    }

    /// The name of the layer's type, without its path: `Linear`.
    fn type_name(&self) -> &'static str {
        let path = type_name::<Self>().split('<').next().unwrap_or_default();
        path.rsplit("::").next().unwrap_or_default()
    }

    /// The layers that this one is made of, with their names.
    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        Vec::new()
    }

    /// The trainable parameters, by the names that PyTorch gives them: those of the [`children`](Layer::children).
    fn params(&self) -> Vec<Param> {
        of_children(self.children(), |layer| layer.params())
    }

    /// What the layer keeps besides its parameters, such as running statistics: PyTorch's buffers.
    fn state(&self) -> Vec<Param> {
        of_children(self.children(), |layer| layer.state())
    }

    /// Whether the output for an observation depends on the other observations of its batch, as in
    /// [`BatchNorm`](super::BatchNorm) in training. A check reports it unless it is declared here.
    fn couples_observations(&self) -> bool {
        self.children().iter().any(|(_, layer)| layer.couples_observations())
    }

    /// Starts to collect the layer's statistics over many batches; see [`BatchNorm`](super::BatchNorm). Does nothing for
    /// most layers.
    fn start_statistics(&self) {
        self.children().iter().for_each(|(_, layer)| layer.start_statistics());
    }

    /// Makes the statistics collected since [`start_statistics`](Layer::start_statistics) those of evaluation.
    fn finish_statistics(&self) {
        self.children().iter().for_each(|(_, layer)| layer.finish_statistics());
    }

    /// [`forward_all`](Layer::forward_all), which also shows what the layers inside this one return: `visit` is called
    /// with their paths, and may break off. A layer that runs others in its own way shows nothing unless it overrides
    /// this.
    fn trace<'t>(&self, x: &[Var<'t>], visit: Visit<'_, 't>) -> ControlFlow<(), Vec<Var<'t>>> {
        let _ = visit;
        ControlFlow::Continue(self.forward_all(x))
    }

    /// Parameters and state, for saving and loading.
    fn tensors(&self) -> Vec<Param> {
        self.params().into_iter().chain(self.state()).collect()
    }

    /// The number of numbers in all [`params`](Layer::params).
    fn param_count(&self) -> usize {
        self.params().iter().map(|p| p.shape().numel()).sum()
    }

    /// The parameter or state of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, with the names that there are.
    fn param(&self, name: &str) -> Result<Param> {
        let all = self.tensors();
        let known = || all.iter().map(|param| param.name().to_owned()).collect();
        let found = all.iter().find(|param| param.name() == name).cloned();
        found.ok_or_else(|| Error::NotFound { what: "parameter", name: name.to_owned(), known: known() })
    }

    /// The parameters of the layer `name`, or the one parameter of this name; "" is the whole network.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no parameter belongs to this name.
    fn params_of(&self, name: &str) -> Result<Vec<Param>> {
        let all = self.params();
        let belongs = |param: &&Param| {
            let rest = param.name().strip_prefix(name);
            name.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let chosen: Vec<Param> = all.iter().filter(belongs).cloned().collect();
        if chosen.is_empty() {
            let known = all.iter().map(|param| param.name().to_owned()).collect();
            return Err(Error::NotFound { what: "layer or parameter", name: name.to_owned(), known });
        }
        Ok(chosen)
    }

    /// Freezes the parameters of the layer `name` (or the one parameter of this name): no gradient is computed for them
    /// and no optimizer changes them, until [`unfreeze`](Layer::unfreeze). A frozen [`BatchNorm`](super::BatchNorm) uses its
    /// running statistics, in training too, and keeps them.
    ///
    /// ```
    /// use wengert::nn::{Layer, Linear, Sequential, Tanh};
    /// let net = Sequential::new().named("body", Linear::new(4, 8, 0)).then(Tanh).named("head", Linear::new(8, 2, 1));
    /// net.freeze("body")?;
    /// net.unfreeze("body.bias")?;
    /// let trained = net.params().into_iter().filter(|p| p.trainable()).map(|p| p.name().to_owned());
    /// assert_eq!(trained.collect::<Vec<_>>(), ["body.bias", "head.weight", "head.bias"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`params_of`](Layer::params_of).
    fn freeze(&self, name: &str) -> Result<()> {
        self.params_of(name)?.iter().for_each(|param| param.set_trainable(false));
        Ok(())
    }

    /// Trains the parameters of the layer `name` (or the one parameter of this name) again.
    ///
    /// # Errors
    /// As [`params_of`](Layer::params_of).
    fn unfreeze(&self, name: &str) -> Result<()> {
        self.params_of(name)?.iter().for_each(|param| param.set_trainable(true));
        Ok(())
    }

    /// What the layers of these paths return for the input `x`, in the order of `names`. No layer after the last of
    /// them runs.
    ///
    /// ```
    /// use wengert::{Tape, nn::{Layer, Linear, Sequential, Tanh}};
    /// let block = Sequential::new().named("fc", Linear::new(4, 8, 0)).named("tanh", Tanh);
    /// let net = Sequential::new().named("block", block).named("head", Linear::new(8, 2, 1));
    /// let tape = Tape::new();
    /// let features = net.features(tape.constant([[1.0, 2.0, 3.0, 4.0]]), &["block.fc", "block"])?;
    /// assert_eq!(features[0].tanh().value(), features[1].value());
    ///
    /// let error = net.features(tape.constant([[0.0; 4]]), &["fc"]).err().unwrap();
    /// assert_eq!(error.to_string(), "there is no layer `fc`: the names are block, block.fc, block.tanh, head");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that no layer inside this one has.
    fn features<'t>(&self, x: Var<'t>, names: &[&str]) -> Result<Vec<Var<'t>>> {
        features(self, x, names)
    }

    /// What the layer of the path `name` returns for `x`, in evaluation mode and without gradients: MATLAB's
    /// `activations`. No layer after it runs. The tensor is a copy that no later pass changes; for several at once, or
    /// with gradients, there is [`features`](Layer::features).
    ///
    /// ```
    /// use wengert::{Tensor, nn::{Layer, Linear, Sequential, Tanh}};
    /// let net = Sequential::new().named("fc7", Linear::new(4, 8, 0)).named("tanh", Tanh).named("fc8", Linear::new(8, 2, 1));
    /// let fc7 = net.activations(&Tensor::from([[1.0, 2.0, 3.0, 4.0]]), "fc7")?;
    /// assert_eq!(fc7.shape().dims(), [1, 8]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`features`](Layer::features).
    fn activations(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let tape = Tape::with_dtype(x.dtype());
        tape.set_mode(Mode::Eval);
        let found = tape.no_grad(|| self.features(tape.constant(x), &[name]))?;
        Ok(found[0].value())
    }

    /// Gives the [`tensors`](Layer::tensors) of this network the values of those of the same names in another one, and
    /// tells what did not match: Caffe's `net.copy_from`. A layer that shall start afresh needs a name of its own.
    ///
    /// ```
    /// use wengert::nn::{Layer, Linear, Sequential};
    /// let trained = Sequential::new().named("body", Linear::new(4, 8, 0)).named("head", Linear::new(8, 10, 1));
    /// let net = Sequential::new().named("body", Linear::new(4, 8, 2)).named("new_head", Linear::new(8, 2, 3));
    /// let unmatched = net.copy_from(&trained)?;
    /// assert_eq!(unmatched.missing, ["new_head.weight", "new_head.bias"]);
    /// assert_eq!(unmatched.unknown, ["head.weight", "head.bias"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] when two of one name differ in shape. Then nothing is copied.
    fn copy_from(&self, other: &dyn Layer) -> Result<Unmatched> {
        copy(&self.tensors(), &other.tensors())
    }
}

//! A check with its settings and inputs.
//!
//! A function is checked at the given inputs. A layer is checked on batches of one, two and three observations, drawn
//! for each declared shape, with its parameters as they are.

use rand::{SeedableRng, rngs::StdRng};

use super::{
    Constraint,
    arguments::{Argument, Name},
    runner::Subject,
    subject::WithConstants,
};
use crate::{DType, Error, Result, Shape, Tensor, nn::Layer};

/// Where the inputs come from.
pub(super) enum Inputs {
    /// As given.
    Given(Vec<Tensor>),
    /// Batches of observations, and parameters. Each entry of `shapes` is tried; it has a shape for each input.
    Drawn { shapes: Vec<Vec<Shape>>, params: Vec<(String, Tensor)> },
}

/// Inputs for the subject, and the number of observations they hold.
pub(super) struct Batch {
    pub arguments: Vec<Argument>,
    pub observations: Option<usize>,
}

/// A check with its settings; [`run`](Check::run) carries it out.
///
/// ```
/// use wengert::{Tensor, check::{self, Constraint}};
/// // ln det of a positive definite matrix: its input is moved among symmetric matrices.
/// let a = Tensor::from([[2.0, 0.3], [0.3, 1.0]]);
/// let report = check::closure(|x| x[0].slogdet().1, &[a]).named("log det").constraint(Constraint::PositiveDefinite).run()?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), wengert::Error>(())
/// ```
pub struct Check<'a> {
    pub(super) name: String,
    pub(super) subject: Box<dyn Subject + 'a>,
    pub(super) layer: Option<&'a dyn Layer>,
    pub(super) inputs: Inputs,
    pub(super) constraint: Constraint,
    pub(super) range: (f64, f64),
    pub(super) axis: Option<usize>,
    /// The sizes of a valid input including its axis of observations, if it was declared that way.
    pub(super) valid: Option<Vec<usize>>,
    pub(super) coupled: bool,
    pub(super) constants: Vec<usize>,
    pub(super) extent: Extent,
    pub(super) seed: u64,
}

/// Whether gradients are compared element by element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// In full for small inputs, projected for large ones, and in full again where that fails.
    Automatic,
    Projected,
    Full,
}

impl<'a> Check<'a> {
    pub(super) fn new(name: &str, subject: Box<dyn Subject + 'a>, inputs: Inputs) -> Self {
        Check {
            name: name.to_owned(),
            subject,
            layer: None,
            inputs,
            constraint: Constraint::Free,
            range: (-2.0, 2.0),
            axis: None,
            valid: None,
            coupled: false,
            constants: Vec::new(),
            extent: Extent::Automatic,
            seed: 0,
        }
    }

    /// The name in the report.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// What the values of the inputs (not of parameters) must satisfy; inputs are moved accordingly.
    pub fn constraint(mut self, constraint: Constraint) -> Self {
        self.constraint = constraint;
        self
    }

    /// The range from which a layer's inputs are drawn; −2 to 2 by default.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = (low, high);
        self
    }

    /// The axis that counts the observations; by default 0 for layers, none for functions. For a layer the observations
    /// are then laid along this axis of its input.
    pub fn observation_axis(mut self, axis: usize) -> Self {
        self.axis = Some(axis);
        self
    }

    /// Declares a layer's input by the sizes of a valid one and the axis that counts its observations, as MATLAB's
    /// `checkLayer` does: the size of that axis is replaced by 1, 2 and 3.
    pub fn valid_size(mut self, sizes: &[usize], observation_axis: usize) -> Self {
        self.valid = Some(sizes.to_vec());
        self.axis = Some(observation_axis);
        self
    }

    /// Declares that the observations of a batch influence each other, as in batch norm. Layers that say so themselves
    /// ([`Layer::couples_observations`]) do not need this.
    pub fn coupled(mut self) -> Self {
        self.coupled = true;
        self
    }

    /// Declares that input `k` of a function is data, such as a target or a mask, with respect to which no gradient is
    /// taken. Its rule may return `None` for it.
    ///
    /// ```
    /// use wengert::{Tensor, check};
    /// let (logits, targets) = (Tensor::from([0.3, -1.2, 2.0]), Tensor::from([1.0, 0.0, 1.0]));
    /// let report = check::closure(|x| (x[0] - x[1].detach()).square().sum(), &[logits, targets]).constant(1).run()?;
    /// assert!(report.passed(), "{report}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn constant(mut self, k: usize) -> Self {
        self.constants.push(k);
        self
    }

    /// Compares along random directions only, unless that fails: the cost is linear in the number of elements.
    pub fn projected(mut self) -> Self {
        self.extent = Extent::Projected;
        self
    }

    /// Compares element by element, however many elements there are.
    pub fn full(mut self) -> Self {
        self.extent = Extent::Full;
        self
    }

    /// The seed of everything random; 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Passes the inputs that were declared as data to the subject.
    pub(super) fn with_constants_aside(self) -> Result<Self> {
        let mut places = self.constants.clone();
        places.sort_unstable();
        places.dedup();
        let Some(&last) = places.last() else { return Ok(self) };
        let Inputs::Given(inputs) = &self.inputs else {
            let must = "an input of a function: a layer has one input alone";
            return Err(Error::setting("check", "constant", last, must));
        };
        if last >= inputs.len() {
            return Err(Error::setting("check", "constant", last, "the position of an input"));
        }
        let constants = places.iter().map(|&k| (k, inputs[k].clone())).collect();
        let subject = Box::new(WithConstants { subject: self.subject, constants });
        Ok(Check { subject, constants: places, ..self })
    }

    pub(super) fn batches(&self) -> Result<Vec<Batch>> {
        let (low, high) = self.range;
        if low >= high || !low.is_finite() || !high.is_finite() {
            return Err(Error::setting("check", "range", format!("{low}..{high}"), "from a number to a larger one"));
        }
        let batches = match &self.inputs {
            Inputs::Given(inputs) => vec![self.given(inputs)?],
            Inputs::Drawn { shapes, params } => match &self.valid {
                Some(valid) => self.drawn(&[vec![self.without_axis(valid)?]], params)?,
                None => self.drawn(shapes, params)?,
            },
        };
        for argument in batches.iter().flat_map(|batch| &batch.arguments) {
            let what = || format!("{} of the {}", argument.name, self.name);
            if argument.value.numel() == 0 {
                let need = "a gradient is checked at numbers, so give it at least one";
                return Err(Error::Empty { what: what(), need });
            }
            if let Some((index, value)) = argument.value.first_non_finite() {
                return Err(Error::non_finite(what(), index, value));
            }
        }
        Ok(batches)
    }

    fn given(&self, inputs: &[Tensor]) -> Result<Batch> {
        if inputs.is_empty() {
            let need = "give at least one tensor to differentiate by";
            return Err(Error::Empty { what: format!("the list of inputs of the {}", self.name), need });
        }
        let argument = |(k, value): (usize, &Tensor)| Argument {
            name: Name::Input(k),
            value: value.cast(DType::F64),
            constraint: self.constraint,
        };
        let count = |axis: usize| {
            let must = "an axis of the first input";
            inputs[0].shape().get(axis).copied().ok_or_else(|| Error::setting("check", "observation_axis", axis, must))
        };
        let observations = self.axis.map(count).transpose()?;
        let differentiated = inputs.iter().enumerate().filter(|(k, _)| !self.constants.contains(k));
        let arguments: Vec<Argument> = differentiated.map(argument).collect();
        match arguments.is_empty() {
            true => Err(Error::setting("check", "constant", format!("{:?}", self.constants), "fewer than all inputs")),
            false => Ok(Batch { arguments, observations }),
        }
    }

    /// The sizes of one observation of a valid input.
    fn without_axis(&self, valid: &[usize]) -> Result<Shape> {
        let axis = self.axis.unwrap_or(0);
        if axis >= valid.len() {
            return Err(Error::setting("check", "observation_axis", axis, "an axis of the valid size"));
        }
        Ok(valid.iter().enumerate().filter(|(k, _)| *k != axis).map(|(_, &n)| n).collect())
    }

    fn drawn(&self, shapes: &[Vec<Shape>], params: &[(String, Tensor)]) -> Result<Vec<Batch>> {
        if shapes.iter().all(Vec::is_empty) {
            let need = "give at least one shape of an observation: [512] for features, [3, 32, 32] for images";
            return Err(Error::Empty { what: format!("the list of shapes of the {}", self.name), need });
        }
        let mut rng = StdRng::seed_from_u64(self.seed);
        let axis = self.axis.unwrap_or(0);
        let mut batches = Vec::new();
        for inputs in shapes {
            if inputs.iter().any(|shape| axis > shape.rank()) {
                let must = "at most the number of axes of an observation";
                return Err(Error::setting("check", "observation_axis", axis, must));
            }
            for n in 1..=3 {
                let input = |(k, shape): (usize, &Shape)| {
                    let mut dims = shape.dims().to_vec();
                    dims.insert(axis, n);
                    let value = self.constraint.draw(&Shape::from(dims), self.range, &mut rng);
                    Argument { name: Name::Input(k), value, constraint: self.constraint }
                };
                let mut arguments: Vec<Argument> = inputs.iter().enumerate().map(input).collect();
                arguments.extend(params.iter().map(|(name, value)| Argument {
                    name: Name::Parameter(name.clone()),
                    value: value.clone(),
                    constraint: Constraint::Free,
                }));
                batches.push(Batch { arguments, observations: Some(n) });
            }
        }
        Ok(batches)
    }
}

//! The side network of a layer: what computes numbers for each position from the layer's input.

use std::ops::ControlFlow;

use crate::{
    DType, Error, Param, Shape, Tensor, Var,
    nn::{Layer, Sequential, Visit},
};

/// One layer, named `side`: a sequence knows the user's lines.
pub(super) struct Side(Sequential);

impl Side {
    #[track_caller]
    pub fn new(layer: impl Layer + Send + Sync + 'static) -> Self {
        Side(Sequential::new().named("side", layer))
    }

    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(x)
    }

    /// The maps, shown to `visit` on the way.
    pub fn trace<'t>(&self, x: Var<'t>, visit: Visit<'_, 't>) -> ControlFlow<(), Var<'t>> {
        match self.0.trace(&[x], visit)?[..] {
            [maps] => ControlFlow::Continue(maps),
            ref maps => panic!("the side network must return one value, but it returned {}", maps.len()),
        }
    }

    pub fn children(&self) -> Vec<(&str, &dyn Layer)> {
        self.0.children()
    }

    /// The parameters of the layer itself, and those of the side network behind them.
    pub fn with_params(&self, own: &[&Param]) -> Vec<Param> {
        own.iter().map(|&param| param.clone()).chain(self.0.params()).collect()
    }
}

/// Asserts that the maps of layer `op` have one of these numbers of channels, and the size of its output.
#[track_caller]
pub(super) fn assert_maps(op: &str, maps: Var<'_>, n: usize, channels: &[usize], [height, width]: [usize; 2]) {
    let shape = maps.shape();
    let fits = match *shape.dims() {
        [m, c, h, w] => (m == n || m == 1) && channels.contains(&c) && [h, w] == [height, width],
        _ => false,
    };
    if !fits {
        let all: Vec<String> = channels.iter().map(|c| format!("[{n} or 1, {c}, {height}, {width}]")).collect();
        let need = format!("the side network must return maps {}", all.join(" or "));
        panic!("{}", maps.tape().locate(Error::shape(op, &[&shape], need)));
    }
}

/// Learned maps `[1, c, h, w]`, the same for every input: a side network that knows the position and nothing else.
///
/// ```
/// use wengert::{DType, Tape, Tensor, nn::{LearnedMap, Layer}};
/// let map = LearnedMap::new([1, 2, 3], 1.0);
/// let tape = Tape::new();
/// let images = tape.constant(Tensor::zeros([5, 4, 2, 3], DType::F32));
/// assert_eq!(map.forward(images).value(), Tensor::ones([1, 1, 2, 3], DType::F32));
/// assert_eq!(map.param_count(), 6);
/// ```
#[derive(Debug)]
pub struct LearnedMap {
    /// `[c, h, w]`.
    pub weight: Param,
}

impl LearnedMap {
    /// Maps of `shape`, channels, rows and columns, that start at `value` everywhere.
    pub fn new(shape: [usize; 3], value: f64) -> Self {
        LearnedMap::from_tensor(&Tensor::full(shape, value, DType::F32))
    }

    /// Maps that start from these, `[c, h, w]`.
    ///
    /// # Panics
    /// When the tensor has another number of axes.
    #[track_caller]
    pub fn from_tensor(maps: &Tensor) -> Self {
        assert!(maps.shape().rank() == 3, "learned map: maps [c, h, w] are needed, but got {}", maps.shape());
        LearnedMap { weight: Param::new("weight", maps.clone()) }
    }
}

impl Layer for LearnedMap {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shape: Shape = std::iter::once(1).chain(self.weight.shape().iter().copied()).collect();
        x.tape().watch(&self.weight).reshape(shape)
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

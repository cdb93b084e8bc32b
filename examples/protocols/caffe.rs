//! Caffe's Python layer: `setup`, `reshape`, `forward`, `backward` with `propagate_down`.
//!
//! In Caffe a layer receives two *lists* of blobs, inputs (`bottom`) and outputs (`top`); a blob has `data` and `diff`,
//! and the batch is the first axis inside a blob. What `forward` must save for `backward` goes into an attribute of the
//! layer, by convention `self.diff`. Here the same four methods take values and return values: outputs, what to save,
//! and a gradient for each input. [`PythonLayer`] has them, and [`Ported`] makes a [`Function`] of any such layer.
//!
//! In both, `setup` runs once and `reshape` before *every* forward pass: it announces the shapes of the outputs before
//! anything is computed, and must be cheap.

use std::sync::Arc;

use wengert::{Backward, Function, Shape, Tape, Var};

/// A layer as it is written for `type: "Python"`.
pub trait PythonLayer: Send + Sync + 'static {
    /// The name in errors.
    fn name(&self) -> &str;

    /// How many bottoms and tops the layer has. In Python this is the check that opens `setup`.
    fn setup(&self) -> (usize, usize);

    /// The shapes of the tops for those of the bottoms, or what is wrong with the latter.
    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String>;

    /// The tops, and what `backward` needs again (`self.diff`).
    fn forward<'t>(&self, bottom: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>);

    /// What goes to `bottom[i].diff`, for each i; `None` where `propagate_down[i]` is false.
    ///
    /// The engine adds up what several layers send to one blob; a rule never adds to a `diff` itself.
    fn backward<'t>(
        &self,
        top_diff: &[Var<'t>],
        propagate_down: &[bool],
        bottom: &[Var<'t>],
        saved: &[Var<'t>],
    ) -> Vec<Option<Var<'t>>>;
}

/// A Python layer as a function of its bottoms.
pub struct Ported<L>(pub L);

impl<L: PythonLayer> Function for Ported<L> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        self.0.forward(x)
    }

    fn backward<'t>(&self, Backward { x, dz, saved, needs, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        self.0.backward(dz, needs, x, saved)
    }
}

/// A layer in a net: set up once, applied repeatedly.
pub struct Net<L> {
    layer: Arc<Ported<L>>,
}

impl<L: PythonLayer> Net<L> {
    /// The net of one layer.
    pub fn new(layer: L) -> Self {
        Net { layer: Arc::new(Ported(layer)) }
    }

    /// Reshapes and runs the layer; `blobs` become its bottoms.
    ///
    /// # Errors
    /// When the number of bottoms is not that of `setup`, when `reshape` refuses their shapes, or when the outputs do
    /// not have the shapes that `reshape` announced.
    pub fn forward<'t>(&self, tape: &'t Tape, blobs: &[Var<'t>]) -> Result<Vec<Var<'t>>, String> {
        let (layer, name) = (&self.layer.0, self.layer.name());
        let (bottoms, tops) = layer.setup();
        if blobs.len() != bottoms {
            return Err(format!("layer `{name}` takes {bottoms} bottoms, but got {}", blobs.len()));
        }
        let shapes: Vec<Shape> = blobs.iter().map(|blob| blob.shape()).collect();
        let announced = layer.reshape(&shapes).map_err(|why| format!("layer `{name}`: {why}"))?;
        let top = tape.apply(self.layer.clone(), blobs).map_err(|error| error.to_string())?;
        let computed: Vec<Shape> = top.iter().map(|top| top.shape()).collect();
        match computed == announced && tops == computed.len() {
            true => Ok(top),
            false => Err(format!("layer `{name}` announced tops {announced:?}, but computed {computed:?}")),
        }
    }
}

/// L = Σ (a − b)² / (2 n), for a prediction and a target of n observations.
pub struct EuclideanLoss;

impl PythonLayer for EuclideanLoss {
    fn name(&self) -> &str {
        "EuclideanLoss"
    }

    fn setup(&self) -> (usize, usize) {
        (2, 1)
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        match bottom[0] == bottom[1] {
            true => Ok(vec![Shape::from([])]),
            false => Err(format!("prediction {} and target {} must have the same shape", bottom[0], bottom[1])),
        }
    }

    fn forward<'t>(&self, bottom: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let diff = bottom[0] - bottom[1];
        let loss = diff.square().sum() / (2.0 * bottom[0].shape()[0] as f64);
        (vec![loss], vec![diff])
    }

    fn backward<'t>(
        &self,
        top_diff: &[Var<'t>],
        propagate_down: &[bool],
        bottom: &[Var<'t>],
        saved: &[Var<'t>],
    ) -> Vec<Option<Var<'t>>> {
        // `top_diff` is the loss weight, or any other upstream gradient: without it every weight would count as 1.
        let scaled = top_diff[0] * saved[0] / bottom[0].shape()[0] as f64;
        [scaled, -scaled].into_iter().zip(propagate_down).map(|(diff, &wanted)| wanted.then_some(diff)).collect()
    }
}

/// Two bottoms, x and y, and two tops, the length r = √(x² + y²) and the angle θ = atan2(y, x) of the vectors (x, y).
pub struct Polar;

impl PythonLayer for Polar {
    fn name(&self) -> &str {
        "Polar"
    }

    fn setup(&self) -> (usize, usize) {
        (2, 2)
    }

    fn reshape(&self, bottom: &[Shape]) -> Result<Vec<Shape>, String> {
        match bottom[0] == bottom[1] {
            true => Ok(bottom.to_vec()),
            false => Err(format!("x {} and y {} must have the same shape", bottom[0], bottom[1])),
        }
    }

    fn forward<'t>(&self, bottom: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (x, y) = (bottom[0], bottom[1]);
        let square = x.square() + y.square();
        (vec![square.sqrt(), y.atan2(x)], vec![square])
    }

    fn backward<'t>(
        &self,
        top_diff: &[Var<'t>],
        propagate_down: &[bool],
        bottom: &[Var<'t>],
        saved: &[Var<'t>],
    ) -> Vec<Option<Var<'t>>> {
        let (x, y, square) = (bottom[0], bottom[1], saved[0]);
        // From r along (x, y) / r, from θ along (−y, x) / r²; a bottom used by two tops gets both terms.
        let (along, across) = (top_diff[0] / square.sqrt(), top_diff[1] / square);
        vec![propagate_down[0].then(|| along * x - across * y), propagate_down[1].then(|| along * y + across * x)]
    }
}

//! The trait of operations that are not elementwise, and what their backward rules receive.

use std::{panic::Location, sync::Arc};

use smallvec::SmallVec;

use super::{affine::Affine, formula::Formula, piecewise::Piecewise, placing::Placing, sample::Listed};
pub use crate::kernels::elementwise::Total;
use crate::{
    error::{Error, Result, RuleFault},
    tape::{Saved, Tape, Var},
    tensor::{DType, Shape, Tensor},
};

/// The gradients that a rule returns: one for each input, `None` where there is none.
pub type Grads<'t> = SmallVec<[Option<Var<'t>>; 4]>;

/// An operation: how built-in operations and your own enter the tape, through [`Tape::record`].
///
/// Most users want [`Function`](crate::Function), whose `forward` is tape algebra. An `Op` computes with plain numbers,
/// where speed matters.
pub trait Op: Send + Sync {
    /// The name in errors and on the printed tape.
    fn name(&self) -> &str;

    /// The attributes, as printed next to the name: "stride 2".
    fn attributes(&self) -> String {
        String::new()
    }

    /// The value and the rule as formulas, for an operation of so many inputs; they are shown by
    /// [`inspect`](crate::inspect), and computed by nobody. `None`, the default, where none was written.
    fn formula(&self, _inputs: usize) -> Option<Formula> {
        None
    }

    /// The shape of the output, before anything is computed.
    ///
    /// # Errors
    /// [`Error::Shape`], which says in a clause what is needed, when the operation does not accept these shapes.
    fn shape(&self, x: &[&Shape]) -> Result<Shape>;

    /// The output, of the shape that [`shape`](Op::shape) found. Whatever the backward rule can reuse may be left in
    /// `saved`; it must depend on the inputs alone.
    ///
    /// # Errors
    /// When the operation cannot use these numbers (a label out of range).
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor>;

    /// The gradient with respect to each input.
    ///
    /// # Errors
    /// [`Error::Rule`] when there is no derivative.
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>>;

    /// For a reduction of its single input, of shape `x`: which one, and `x` with the reduced sizes set to 1. `None`,
    /// the default, for everything else.
    ///
    /// The engine then computes the value, without writing out an input that is a chain of elementwise operations, and
    /// never calls [`forward`](Op::forward).
    fn folds(&self, _x: &Shape) -> Option<(Total, Shape)> {
        None
    }

    /// For an operation whose value is, once all numbers of its inputs have been seen, the distance of its first input from a
    /// center, times a factor plus a term: how to find them. `None`, the default, for everything else.
    ///
    /// A large value is then left pending, and is part of the chain of elementwise operations that reads it.
    fn affine(&self) -> Option<&dyn Affine> {
        None
    }

    /// For an operation that reads its first input in pieces, a few times while each is in the cache: how it does, for inputs
    /// of these shapes. `None`, the default, for everything else.
    ///
    /// A short chain of elementwise operations before it is then not written out.
    #[doc(hidden)]
    fn piecewise(&self, _x: &[&Shape]) -> Option<&dyn Piecewise> {
        None
    }

    /// For an operation that writes the numbers of its single input into zeros, each at a place of its own: how it adds them
    /// to a sum instead. `None`, the default, for everything else.
    ///
    /// A gradient that comes in pieces is then added up in place.
    #[doc(hidden)]
    fn placing(&self) -> Option<&dyn Placing> {
        None
    }

    /// How many floating-point operations the value takes, from the shapes: an addition, a product, a comparison and an
    /// elementary function count as one each, whatever they cost. `None`, the default, where nobody knows, as in an
    /// iteration until convergence. [`Tape::profile`] shows it; nothing is decided by it.
    fn flops(&self, _x: &[&Shape], _z: &Shape) -> Option<u64> {
        None
    }

    /// The same for a rule that computes with numbers, with what is [needed](Vjp::needs) of it. What it records counts for
    /// itself.
    fn rule_flops(&self, _x: &[&Shape], _z: &Shape, _needs: &[bool]) -> Option<u64> {
        None
    }

    /// Which numbers it mixes: how far a [`select`](Var::select) behind it can keep a NaN of the unused branch out of
    /// the gradient. The default, [`Mixes::All`], is always correct.
    fn mixes(&self) -> Mixes {
        Mixes::All
    }
}

/// Which numbers an operation mixes, so that a 0 in its upstream gradient concerns more than one of them.
///
/// ```
/// use wengert::{Error, Saved, Shape, Tape, Tensor, ops::{Grads, Mixes, Op, Total, Vjp}};
///
/// /// The sum of each row.
/// struct RowSum;
///
/// impl Op for RowSum {
///     fn name(&self) -> &str {
///         "row_sum"
///     }
///     fn shape(&self, x: &[&Shape]) -> Result<Shape, Error> {
///         Ok(Shape::from([x[0][0]]))
///     }
///     fn forward(&self, _: &[&Tensor], _: Shape, _: &mut Option<Saved>) -> Result<Tensor, Error> {
///         unreachable!("the engine computes what folds")
///     }
///     fn folds(&self, x: &Shape) -> Option<(Total, Shape)> {
///         Some((Total::Sum, Shape::from([x[0], 1])))
///     }
///     fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>, Error> {
///         let shape = at.x[0].shape();
///         Ok(Grads::from_iter([Some(at.dz.reshape([shape[0], 1]).broadcast_to(shape))]))
///     }
///     fn mixes(&self) -> Mixes {
///         Mixes::Nothing
///     }
/// }
///
/// let tape = Tape::f64();
/// let x = tape.leaf([[0.0, 4.0], [1.0, 9.0]]);
/// // The square root has an infinite slope at 0, in a row that is not used.
/// let y = tape.record(RowSum, &[x.sqrt()])?;
/// let second = tape.constant([0.0, 1.0]);
/// assert_eq!(y.value().to_vec(), [2.0, 4.0]);
/// assert_eq!(second.select(y, 0.0).sum().backward()?.wrt(x)?.to_vec(), [0.0, 0.0, 0.5, 1.0 / 6.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mixes {
    /// It only moves and adds numbers: its rule maps zeros to zeros, whatever the values are.
    Nothing,
    /// Those along these axes of its single input: a softmax, a maximum.
    Along(Vec<usize>),
    /// All of them: a matrix product, a loss. Nothing counts as unused unless the whole upstream gradient is 0.
    All,
}

/// An operation that several tapes share.
impl<O: Op + ?Sized> Op for Arc<O> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn attributes(&self) -> String {
        (**self).attributes()
    }
    fn formula(&self, inputs: usize) -> Option<Formula> {
        (**self).formula(inputs)
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        (**self).shape(x)
    }
    fn forward(&self, x: &[&Tensor], shape: Shape, saved: &mut Option<Saved>) -> Result<Tensor> {
        (**self).forward(x, shape, saved)
    }
    fn vjp<'t>(&self, at: Vjp<'_, 't>) -> Result<Grads<'t>> {
        (**self).vjp(at)
    }
    fn folds(&self, x: &Shape) -> Option<(Total, Shape)> {
        (**self).folds(x)
    }
    fn affine(&self) -> Option<&dyn Affine> {
        (**self).affine()
    }
    fn piecewise(&self, x: &[&Shape]) -> Option<&dyn Piecewise> {
        (**self).piecewise(x)
    }
    fn placing(&self) -> Option<&dyn Placing> {
        (**self).placing()
    }
    fn flops(&self, x: &[&Shape], z: &Shape) -> Option<u64> {
        (**self).flops(x, z)
    }
    fn rule_flops(&self, x: &[&Shape], z: &Shape, needs: &[bool]) -> Option<u64> {
        (**self).rule_flops(x, z, needs)
    }
    fn mixes(&self) -> Mixes {
        (**self).mixes()
    }
}

/// What the backward rule of an [`Op`] receives.
#[derive(Clone, Copy)]
pub struct Vjp<'a, 't> {
    /// The inputs.
    pub x: &'a [Var<'t>],
    /// The output.
    pub z: Var<'t>,
    /// The upstream gradient, of the shape of the output.
    pub dz: Var<'t>,
    /// Which inputs need a gradient.
    pub needs: &'a [bool],
    pub(crate) recorded: bool,
    /// Whether `dz` came through a selection, so that its zeros mean "not used".
    pub(crate) masked: bool,
}

impl<'t> Vjp<'_, 't> {
    /// The tape.
    pub fn tape(&self) -> &'t Tape {
        self.z.tape()
    }

    /// What `forward` saved for the rule.
    pub fn saved(&self) -> Option<Saved> {
        self.tape().saved(self.z.id())
    }

    /// The gradient with respect to input `k`, computed only if it is needed.
    #[inline]
    pub fn by(&self, k: usize, dx: impl FnOnce() -> Result<Var<'t>>) -> Result<Option<Var<'t>>> {
        if self.needs[k] { dx().map(Some) } else { Ok(None) }
    }

    /// The result of a rule that works on plain numbers and so has no derivative of its own.
    ///
    /// # Errors
    /// [`Error::Rule`] when the gradient is being recorded in order to be differentiated again.
    #[track_caller]
    pub fn once(
        &self,
        name: &str,
        rule: impl FnOnce(&[Tensor], &Tensor, &Tensor) -> Result<Vec<Option<Tensor>>>,
    ) -> Result<Grads<'t>> {
        if self.recorded {
            let at = self.tape().list().node(self.z.id()).at;
            return Err(Error::Rule { rule: name.to_owned(), fault: RuleFault::OnceDifferentiable, at });
        }
        let x: Vec<Tensor> = self.x.iter().map(|x| x.value()).collect();
        let gradients = rule(&x, &self.z.value(), &self.dz.value())?;
        // The answers belong to the line of the rule.
        let _line = self.tape().at_line(Some(Location::caller()));
        Ok(gradients.into_iter().map(|g| g.map(|g| self.tape().constant(g))).collect())
    }
}

impl Tape {
    /// Records a built-in operation; the compiler checks that the table lists it.
    #[track_caller]
    pub(crate) fn builtin<'t>(&'t self, op: impl Op + Listed + 'static, inputs: &[Var<'t>]) -> Result<Var<'t>> {
        self.record(op, inputs)
    }
}

impl Var<'_> {
    /// [`Error::Shape`] in the layer at work, for shapes that do not suit a method.
    pub(crate) fn shape_error(self, op: &str, shapes: &[&Shape], need: impl Into<String>) -> Error {
        self.tape().locate(Error::shape(op, shapes, need))
    }

    /// The numbers of the value, or [`Error::TooLarge`] where there is no memory for them.
    pub(crate) fn numbers(self, op: &str) -> Result<Vec<f64>> {
        let shape = self.shape();
        shape.allocatable(op, DType::F64, &[&shape]).map_err(|error| self.tape().locate(error))?;
        Ok(self.value().to_vec())
    }

    /// [`Error::Setting`] for an ε that does not keep a divisor away from 0.
    pub(crate) fn epsilon(self, op: &str, epsilon: f64) -> Result<()> {
        match epsilon.is_finite() && epsilon >= 0.0 {
            true => Ok(()),
            false => Err(Error::setting(op, "epsilon", epsilon, "finite and not negative")),
        }
    }
}

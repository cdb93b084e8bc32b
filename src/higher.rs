//! Derivatives beyond one gradient: Jacobians, Hessians, and their products with vectors, all recorded on the tape.
//!
//! One backward walk gives the product uᵀJ of a vector with the Jacobian J = ∂y/∂x. Everything here is made of such walks:
//!
//! - the Jacobian: a walk for each number of y, with u = 1 there and 0 elsewhere;
//! - J v, forward mode, by walking twice: uᵀJ is linear in u, and the gradient of ⟨uᵀJ, v⟩ by u is J v (J. Townsend,
//!   2017);
//! - H v, the product with the Hessian of a single number y: the gradient of ⟨∂y/∂x, v⟩ (Pearlmutter, 1994). It costs a
//!   few gradients, whatever the size of x, while H itself costs a walk for each of its rows.

use crate::{
    error::{Error, Result},
    tape::{Tape, Var},
    tensor::{Shape, Tensor},
};

/// Σ ⟨aₖ, vₖ⟩, once the shapes are known to agree.
fn inner<'t>(op: &str, tape: &'t Tape, a: &[Var<'t>], v: &[Var<'t>]) -> Result<Var<'t>> {
    if a.len() != v.len() {
        let shapes: Vec<Shape> = a.iter().map(|a| a.shape()).collect();
        let need = format!("one direction for each input is needed ({} were given)", v.len());
        return Err(Error::shape(op, &shapes.iter().collect::<Vec<_>>(), need));
    }
    let zero = tape.constant(Tensor::zeros(Shape::scalar(), tape.dtype()));
    a.iter().zip(v).try_fold(zero, |sum, (&a, &v)| {
        let (shape, direction) = (a.shape(), v.shape());
        match shape == direction {
            true => Ok(sum + a.try_mul(v)?.sum()),
            false => Err(Error::shape(op, &[&shape, &direction], "a direction must have the shape of its input")),
        }
    })
}

impl Tape {
    /// The Jacobian of `y` by `x`, of shape `[y.., x..]`, recorded: entry (i, j) is the derivative of yᵢ by xⱼ. It takes a
    /// backward walk for each number of `y`.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let y = x * x.sum();
    /// assert_eq!(tape.jacobian(y, x)?.value().to_vec(), [4.0, 1.0, 2.0, 5.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`grad`](Tape::grad).
    pub fn jacobian<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
        let shape: Shape = y.shape().iter().chain(x.shape().iter()).copied().collect();
        if shape.numel() == 0 {
            return Ok(self.constant(Tensor::zeros(shape, self.dtype())));
        }
        let rows = (0..y.numel()).map(|i| {
            let one = Tensor::from_fn(y.shape(), self.dtype(), |j| f64::from(i == j));
            Ok(self.grad_with(y, &[x], self.constant(one))?[0])
        });
        Var::stack(&rows.collect::<Result<Vec<_>>>()?, 0).try_reshape(&shape)
    }

    /// The Hessian of the single number `y` by `x`, of shape `[x.., x..]`, recorded: so third derivatives can be taken of it.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let y = (x * x * x).sum();
    /// assert_eq!(tape.hessian(y, x)?.value().to_vec(), [6.0, 0.0, 0.0, 12.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`grad`](Tape::grad).
    pub fn hessian<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
        self.jacobian(self.grad(y, &[x])?[0], x)
    }

    /// The product of the Hessian of the single number `y` by all of `x` with the directions `v`, of the shapes of `x`,
    /// recorded: for each input k, Σⱼ ∂²y/∂xₖ∂xⱼ vⱼ.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let (a, b) = (tape.leaf(3.0), tape.leaf(5.0));
    /// let v = [tape.constant(1.0), tape.constant(10.0)];
    /// let hv = tape.hvp(a * a * b, &[a, b], &v)?;              // H = [[2b, 2a], [2a, 0]]
    /// assert_eq!((hv[0].item(), hv[1].item()), (70.0, 6.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`grad`](Tape::grad); [`Error::Shape`] when the directions do not have the shapes of the inputs.
    pub fn hvp<'t>(&'t self, y: Var<'t>, x: &[Var<'t>], v: &[Var<'t>]) -> Result<Vec<Var<'t>>> {
        let gradient = self.grad(y, x)?;
        self.grad(inner("hvp", self, &gradient, v)?, x)
    }

    /// The change of `y` when `x` moves in the directions `v`, of the shapes of `x`: Σₖ ∂y/∂xₖ vₖ, of the shape of `y`,
    /// recorded.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([1.0, 2.0]);
    /// let dy = tape.jvp(x * x, &[x], &[tape.constant([1.0, 10.0])])?;
    /// assert_eq!(dy.value().to_vec(), [2.0, 40.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`grad`](Tape::grad); [`Error::Shape`] when the directions do not have the shapes of the inputs.
    pub fn jvp<'t>(&'t self, y: Var<'t>, x: &[Var<'t>], v: &[Var<'t>]) -> Result<Var<'t>> {
        // The walk is linear in u, so its value at u = 0 does not matter: only its slope is used.
        let u = self.leaf(Tensor::zeros(y.shape(), self.dtype()));
        let back = self.grad_with(y, x, u)?;
        Ok(self.grad(inner("jvp", self, &back, v)?, &[u])?[0])
    }
}

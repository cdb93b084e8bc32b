//! Derivatives beyond one gradient: Jacobians, Hessians, and their products with vectors, all recorded on the tape.
//!
//! One backward pass gives the product uᵀJ of a vector with the Jacobian J = ∂y/∂x. Everything here is made of backward
//! passes:
//!
//! - the Jacobian: one pass for each number of y, with u = 1 there and 0 elsewhere;
//! - the Jacobians of n observations that do not depend on each other: as many passes as for one of them, since each
//!   pass carries the gradients of all n side by side;
//! - J v, forward mode, by two passes: uᵀJ is linear in u, and the gradient of ⟨uᵀJ, v⟩ with respect to u is J v
//!   (J. Townsend, 2017);
//! - H v, the product with the Hessian of a single number y: the gradient of ⟨∂y/∂x, v⟩ with respect to x (Pearlmutter,
//!   1994). It costs a few gradients, whatever the size of x, while H itself costs one pass for each of its rows.

use crate::{
    error::{Error, Result},
    tape::{Tape, Var},
    tensor::{Shape, Tensor, sequence::golden},
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

/// Up to this many roundings of the largest number, a difference is taken for rounding.
const ROUNDINGS: f64 = 64.0;

/// The number of observations in `y` and `x`, and the number of elements in one observation of `y`.
fn observations(op: &str, y: Var<'_>, x: Var<'_>) -> Result<(usize, usize)> {
    let (of, by) = (y.shape(), x.shape());
    match (of.first(), by.first()) {
        (Some(&n), Some(&m)) if n == m => Ok((n, of[1..].iter().product())),
        _ => Err(Error::shape(op, &[&of, &by], "y and x need the same number of observations along axis 0")),
    }
}

impl Tape {
    /// The Jacobian of `y` with respect to `x`, of shape `[y.., x..]`, recorded: entry (i, j) is ∂yᵢ/∂xⱼ. It takes one
    /// backward pass for each element of `y`.
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
        self.rows(y, x, y.numel(), 0)?.try_reshape(&shape)
    }

    /// One backward pass for each of the `per` elements of an observation of `y`, stacked along `axis`.
    fn rows<'t>(&'t self, y: Var<'t>, x: Var<'t>, per: usize, axis: isize) -> Result<Var<'t>> {
        let rows = (0..per).map(|k| {
            let one = Tensor::from_fn(y.shape(), self.dtype(), |i| f64::from(i % per == k));
            Ok(self.grad_with(y, &[x], self.constant(one))?[0])
        });
        Var::try_stack(&rows.collect::<Result<Vec<_>>>()?, axis)
    }

    /// The Jacobians of n observations, for y `[n, a..]` and x `[n, b..]`, of shape `[n, a.., b..]`, recorded: entry
    /// (i, k, j) is ∂yᵢₖ/∂xᵢⱼ. It takes one backward pass for each element of *one observation* of y, and one more.
    ///
    /// This is the whole Jacobian when observation i of y depends on observation i of x alone, as in a network applied
    /// to a batch. Where observations are coupled (batch norm in training, a sum over the batch), the blocks would hold
    /// sums over observations; the last pass detects that, and the error names two of them. A coupling is not detected
    /// when it changes the result by rounding alone, or when a derivative is infinite or NaN.
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// let y = x.prod_axes(&[1], false);                                         // one number for each of 3 observations
    /// let jacobians = tape.jacobian_per_observation(y, x)?;
    /// assert_eq!(jacobians.shape().dims(), [3, 2]);
    /// assert_eq!(jacobians.value().to_vec(), [2.0, 1.0, 4.0, 3.0, 6.0, 5.0]);
    ///
    /// let centered = x - x.mean_axes(&[0], true);                           // each observation moves all others
    /// let error = tape.jacobian_per_observation(centered, x).unwrap_err();
    /// assert!(error.to_string().contains("of y depends on observation"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`grad`](Tape::grad); [`Error::Shape`] when y and x do not have the same number of observations along axis 0;
    /// [`Error::Coupled`] when an observation of y depends on another one of x.
    pub fn jacobian_per_observation<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
        self.blocks("jacobian_per_observation", y, x)
    }

    /// The Hessians of n observations, for y `[n]`, one number for each, and x `[n, b..]`, of shape `[n, b.., b..]`,
    /// recorded: entry (i, j, k) is ∂²yᵢ/∂xᵢⱼ∂xᵢₖ. It takes one backward pass for each element of one observation of x,
    /// and three more: one for the gradient, and two to detect coupled observations, as in
    /// [`jacobian_per_observation`](Tape::jacobian_per_observation).
    ///
    /// ```
    /// let tape = wengert::Tape::f64();
    /// let x = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// let y = x.prod_axes(&[1], false).square();                                // (a b)² of each observation (a, b)
    /// let hessians = tape.hessian_per_observation(y, x)?;
    /// assert_eq!(hessians.value().to_vec(), [8.0, 8.0, 8.0, 2.0, 32.0, 48.0, 48.0, 18.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`jacobian_per_observation`](Tape::jacobian_per_observation); [`Error::Shape`] when y does not hold one
    /// number for each observation.
    pub fn hessian_per_observation<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
        const OP: &str = "hessian_per_observation";
        let (n, per) = observations(OP, y, x)?;
        if per != 1 && n != 0 {
            let need = "y must hold one number for each observation";
            return Err(Error::shape(OP, &[&y.shape(), &x.shape()], need));
        }
        let gradient = self.blocks(OP, y.try_reshape([n])?, x)?;
        self.blocks(OP, gradient, x)
    }

    /// The Jacobian of each observation of `y` with respect to the same observation of `x`, or an error if they are
    /// coupled.
    fn blocks<'t>(&'t self, op: &str, y: Var<'t>, x: Var<'t>) -> Result<Var<'t>> {
        let (n, per) = observations(op, y, x)?;
        let shape: Shape = y.shape().iter().chain(&x.shape()[1..]).copied().collect();
        if shape.numel() == 0 {
            return Ok(self.constant(Tensor::zeros(shape, self.dtype())));
        }
        let blocks = self.rows(y, x, per, 1)?;
        if n > 1 {
            self.check_uncoupled(op, y, x, blocks)?;
        }
        blocks.try_reshape(&shape)
    }

    /// An error unless each of the sums over observations `blocks`, `[n, a, b..]`, has only one term that is not 0.
    ///
    /// Block i holds Σₘ Jₘᵢ with Jₘᵢ = ∂yₘ/∂xᵢ. A backward pass from uₘₖ = wₘ vₖ, with a different weight wₘ for each
    /// observation, gives Σₘ wₘ vᵀJₘᵢ. If Jₘᵢ = 0 for all m ≠ i, this is wᵢ vᵀ times block i, and otherwise it is not.
    /// Where the two differ by more than rounding, a forward-mode pass from xᵢ alone tells which yₘ depend on it, if
    /// any: it gives exactly 0 for all others.
    fn check_uncoupled<'t>(&'t self, op: &str, y: Var<'t>, x: Var<'t>, blocks: Var<'t>) -> Result<()> {
        let mark = self.len();
        let (n, per, size) = (y.shape()[0], y.numel() / y.shape()[0], x.numel() / x.shape()[0]);
        let upstream = Tensor::from_fn(y.shape(), self.dtype(), |i| {
            (1.0 + golden(i / per + 1, 0.0)) * (0.5 + golden(n + i % per + 1, 0.0))
        });
        let upstream = self.constant(upstream);
        let walked = self.grad_with(y, &[x], upstream)?[0].try_reshape([n, size])?;
        let blocks = blocks.try_reshape([n, per, size])?;
        let promised = (blocks * upstream.try_reshape([n, per, 1])?).try_sum_axes(&[1], false)?;
        let apart = (walked - promised).abs();

        let rounding = ROUNDINGS * self.dtype().epsilon() * per as f64 * blocks.abs().try_amax_axes(&[], false)?.item();
        let mut coupled = None;
        if apart.try_amax_axes(&[], false)?.item() > rounding {
            // At the largest difference: a smaller one might still be rounding.
            let apart = apart.value().to_vec();
            let worst = (0..apart.len()).max_by(|&a, &b| apart[a].total_cmp(&apart[b]));
            let on = worst.expect("a largest number has been found") / size;
            let direction = |i: usize| if i / size == on { 0.5 + golden(i + 1, 0.0) } else { 0.0 };
            let direction = self.constant(Tensor::from_fn(x.shape(), self.dtype(), direction));
            let reached = self.jvp(y, &[x], &[direction])?.value().to_vec();
            coupled = (0..n)
                .find(|&of| of != on && reached[of * per..][..per].iter().any(|dy| dy.abs() > 0.0))
                .map(|of| (of, on));
        }
        // What was recorded here was only for the test.
        self.list_mut().truncate(mark);
        match coupled {
            None => Ok(()),
            Some((of, on)) => Err(Error::Coupled { op: op.to_owned(), of, on }),
        }
    }

    /// The Hessian of the single number `y` with respect to `x`, of shape `[x.., x..]`, recorded, so that it can be
    /// differentiated again.
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

    /// The Hessian of the single number `y` with respect to all of `x`, times the directions `v`, which have the shapes
    /// of `x`; recorded. For each input k it is Σⱼ ∂²y/∂xₖ∂xⱼ vⱼ.
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

    /// The directional derivative of `y` when `x` moves in the directions `v`, which have the shapes of `x`:
    /// Σₖ ∂y/∂xₖ vₖ, of the shape of `y`, recorded.
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
        // uᵀJ is linear in u, so its derivative with respect to u is the same everywhere, and u = 0 will do.
        let u = self.leaf(Tensor::zeros(y.shape(), self.dtype()));
        let back = self.grad_with(y, x, u)?;
        Ok(self.grad(inner("jvp", self, &back, v)?, &[u])?[0])
    }
}

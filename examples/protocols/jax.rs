//! JAX's `jax.custom_vjp`: `fwd` returns output and residuals, `bwd(residuals, g)` one cotangent per argument.
//!
//! [`custom_vjp`] takes the same two functions. The arguments that JAX names in `nondiff_argnums` are captured by the
//! two closures here: they are known when the function is made, and have no cotangent.
//!
//! The two examples show the two reasons to write a rule by hand. [`log1pexp`] has a derivative, and the rule computes
//! it in one step that cannot overflow: the check must pass. [`clip_gradient`] is the identity with a backward pass
//! that is *not* its derivative: the check must say so.

use wengert::{Backward, Function, Var};

/// Output and residuals.
type Forward<'t> = (Var<'t>, Vec<Var<'t>>);

/// A function with a custom rule.
pub struct CustomVjp<F, B> {
    name: &'static str,
    fwd: F,
    bwd: B,
}

/// The function with the values of `fwd` and the gradients of `bwd`.
///
/// `fwd` takes the arguments and returns the output with the residuals; `bwd` takes the residuals and the cotangent of
/// the output, and returns one cotangent for each argument.
pub fn custom_vjp<F, B>(name: &'static str, fwd: F, bwd: B) -> CustomVjp<F, B>
where
    F: for<'t> Fn(&[Var<'t>]) -> Forward<'t> + Send + Sync,
    B: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync,
{
    CustomVjp { name, fwd, bwd }
}

impl<F, B> Function for CustomVjp<F, B>
where
    F: for<'t> Fn(&[Var<'t>]) -> Forward<'t> + Send + Sync,
    B: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync,
{
    fn name(&self) -> &str {
        self.name
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![(self.fwd)(x).0]
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (z, residuals) = (self.fwd)(x);
        (vec![z], residuals)
    }

    fn backward<'t>(&self, Backward { dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        (self.bwd)(saved, dz[0]).into_iter().map(Some).collect()
    }
}

/// The exponential linear unit of x and α.
pub fn elu() -> impl Function {
    custom_vjp(
        "elu",
        |x| {
            let (x, alpha) = (x[0], x[1]);
            let z = x.relu() + alpha * x.min(0.0).exp_m1();
            (z, vec![x, alpha, z])
        },
        |residuals, g| {
            let &[x, alpha, z] = residuals else { unreachable!("three residuals were returned") };
            let dx = g * x.gt(0.0).select(1.0, alpha + z);
            vec![dx, (g * x.min(0.0).exp_m1()).sum_to(&alpha.shape())]
        },
    )
}

/// ln(1 + eˣ), and x itself from 30 on, where they agree to all digits. The value is right everywhere; the tape's
/// gradient goes through an exponential that overflows. The rule, 1 / (1 + e⁻ˣ), does not.
pub fn log1pexp() -> impl Function {
    custom_vjp(
        "log1pexp",
        |x| (x[0].gt(30.0).select(x[0], x[0].exp().ln_1p()), vec![x[0]]),
        |residuals, g| vec![g * residuals[0].sigmoid()],
    )
}

/// The identity, whose gradient is clipped to −`limit` .. `limit`: `limit` is the argument without a cotangent.
pub fn clip_gradient(limit: f64) -> impl Function {
    custom_vjp("clip_gradient", |x| (x[0] * 1.0, Vec::new()), move |_, g| vec![g.clamp(-limit, limit)])
}

//! What all optimizers have in common for their users: the shared settings, and the trait.

/// For a struct with a field `state` (an `OptimizerState`) and a method `formula`.
macro_rules! optimizer {
    ($Name:ident) => {
        impl $Name {
            /// Sets weight decay.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) when it is negative or not finite.
            pub fn decay(mut self, decay: $crate::optim::Decay) -> $crate::Result<Self> {
                self.state.set_decay(decay)?;
                Ok(self)
            }

            /// Multiplies the learning rate and the decay of some of the parameters; the last call for a parameter holds.
            ///
            /// # Errors
            /// [`Error::NotFound`](crate::Error::NotFound) for a parameter that the optimizer does not have,
            /// [`Error::Setting`](crate::Error::Setting) for a factor that is negative or not finite.
            pub fn group(mut self, params: &[$crate::Param], group: $crate::optim::Group) -> $crate::Result<Self> {
                self.state.set_group(params, group)?;
                Ok(self)
            }

            /// Whether a trainable parameter without a gradient is skipped instead of being an error. Default: no.
            pub fn allow_unused(mut self, allow: bool) -> Self {
                self.state.allow_unused = allow;
                self
            }

            /// Whether a step first looks for NaN and infinities in the gradients. Default: yes, since it costs little.
            pub fn check_finite(mut self, check: bool) -> Self {
                self.state.check_finite = check;
                self
            }
        }

        impl $crate::optim::Optimizer for $Name {
            fn step(&mut self, gradients: &$crate::Gradients) -> $crate::Result<()> {
                let formula = self.formula();
                self.state.step(gradients, formula)
            }
            fn learning_rate(&self) -> f64 {
                self.state.learning_rate
            }
            fn set_learning_rate(&mut self, learning_rate: f64) -> $crate::Result<()> {
                self.state.set_learning_rate(learning_rate)
            }
            fn params(&self) -> &[$crate::Param] {
                &self.state.params
            }
            fn steps(&self) -> u64 {
                self.state.steps
            }
            fn state(&self) -> Vec<(String, $crate::Tensor)> {
                self.state.entries()
            }
            fn load_state(&mut self, state: &[(String, $crate::Tensor)]) -> Result<(), $crate::FormatProblem> {
                self.state.load_entries(state)
            }
        }
    };
}
pub(super) use optimizer;

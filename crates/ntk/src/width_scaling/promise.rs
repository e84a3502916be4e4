//! The exponents that theory gives to what one step changes.

use super::{Role, Rule, Scaling, WidthScaling};

/// An exponent in the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Promise {
    /// This one.
    Exactly(f64),
    /// This one or less: the layer need not move as fast.
    AtMost(f64),
}

impl Promise {
    /// Whether a measured exponent keeps it; one that was not measured, because nothing moved, keeps a bound only.
    pub fn is_kept(&self, measured: Option<f64>, tolerance: f64) -> bool {
        match (self, measured) {
            (Self::Exactly(promised), Some(measured)) => (measured - promised).abs() <= tolerance,
            (Self::AtMost(promised), Some(measured)) => measured <= promised + tolerance,
            (Self::Exactly(_), None) => false,
            (Self::AtMost(_), None) => true,
        }
    }
}

impl WidthScaling {
    /// Of the output of a weight matrix after a step.
    ///
    /// By the gradient of order `n^(-1/2)` (`1/n` in muP) of each hidden unit: an input matrix moves its units by rate times gradient, a hidden one
    /// by `n` times that, since the change `x g^T` meets the activations that it was made of, and so does an output matrix. Adam's steps have the
    /// size of the rate instead of the gradient.
    pub(super) fn change(&self, role: Role) -> f64 {
        match (self.scaling, self.rule, role) {
            (Scaling::MaximalUpdate, ..) => 0.0,
            (Scaling::Ntk, Rule::Sgd, Role::Input | Role::Hidden) => -0.5,
            (Scaling::Ntk, Rule::Sgd, Role::Output) | (_, Rule::Adam, Role::Input) => 0.0,
            (Scaling::Standard, Rule::Sgd, Role::Input) => -0.5,
            (Scaling::Standard, Rule::Sgd, Role::Hidden)
            | (Scaling::Ntk, Rule::Adam, Role::Hidden | Role::Output) => 0.5,
            (Scaling::Standard, _, Role::Output) | (Scaling::Standard, Rule::Adam, Role::Hidden) => 1.0,
        }
    }

    /// Of the output of the network after a step: what the output matrix adds, or the hidden units' changes, summed over `n` of them with the gradient
    /// that made them.
    pub(super) fn output_change(&self, has_hidden: bool) -> f64 {
        match (self.scaling, self.rule) {
            (Scaling::Ntk, Rule::Adam) if has_hidden => 1.0,
            (Scaling::Standard, Rule::Adam) if has_hidden => 1.5,
            _ => self.change(Role::Output),
        }
    }

    /// Of the output of a matrix, or of the network, at the start.
    pub(super) fn size(&self, role: Role) -> f64 {
        if (self.scaling, role) == (Scaling::MaximalUpdate, Role::Output) { -0.5 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Promise;

    #[test]
    fn promises_are_kept_or_not() {
        let (exactly, at_most) = (Promise::Exactly(0.0), Promise::AtMost(0.0));
        assert!(
            exactly.is_kept(Some(0.04), 0.05)
                && !exactly.is_kept(Some(-0.5), 0.05)
                && !exactly.is_kept(None, 0.05)
        );
        assert!(
            at_most.is_kept(Some(-0.5), 0.05)
                && !at_most.is_kept(Some(0.1), 0.05)
                && at_most.is_kept(None, 0.05)
        );
    }
}

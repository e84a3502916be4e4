//! How the kernel is computed, which entries of it, and in which form each layer contributes.

use crate::finite::plan::AffineMap;

/// How the kernel is computed; all agree up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The cheapest by `Costs`.
    #[default]
    Auto,
    /// Contraction of per-example Jacobians.
    Jacobian,
    /// A product with the kernel for each column.
    Products,
    /// Layer by layer from inputs and cotangents.
    Structured,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// Every pair of outputs: `k` rows per example.
    Full,
    /// The mean over outputs: one row per example, in which the outputs stand one below the other.
    Trace,
}

impl Reduction {
    /// Rows of the result that an example takes, and outputs stacked in each.
    pub(super) fn rows(self, k: usize) -> (usize, usize) {
        match self {
            Self::Full => (k, 1),
            Self::Trace => (1, k),
        }
    }
}

/// How one affine map contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By Gram matrices of inputs and cotangents.
    Gram,
    /// By its Jacobian.
    Flat,
}

/// Multiplications of a forward pass of one example through an affine map.
pub(super) fn multiplications(map: &AffineMap) -> f64 {
    (map.output.pixels() * map.fan_in() * map.output.channels) as f64
}

//! Variances of one side of many pairs.

use num_traits::Float;
use overparam_tensor::linalg::Real;

/// Variances of one side at one point of the network, one per pixel (or vector).
#[derive(Debug, Clone, Default)]
pub(crate) struct Variances<T> {
    pub(crate) q: Vec<T>,
    /// Square roots of `q`.
    pub(crate) s: Vec<T>,
    /// `1/s`, infinite for a vanishing variance.
    pub(crate) reciprocal: Vec<T>,
    /// What the step that led here needs of its side: Hermite expansions, or attention weights.
    pub(crate) extra: Vec<f64>,
}

impl<T: Real> Variances<T> {
    pub(crate) fn new(q: Vec<T>) -> Self {
        let s: Vec<T> = q.iter().map(|&q| Float::sqrt(q)).collect();
        let reciprocal = s.iter().map(|&s| T::ONE / s).collect();
        Self { q, s, reciprocal, extra: Vec::new() }
    }

    /// The part that belongs to inputs `from..to` of a batch of vectors.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        let each = self.extra.len() / self.q.len().max(1);
        Self {
            q: self.q[from..to].to_vec(),
            s: self.s[from..to].to_vec(),
            reciprocal: self.reciprocal[from..to].to_vec(),
            extra: self.extra[from * each..to * each].to_vec(),
        }
    }
}

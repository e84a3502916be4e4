//! Variances of one side of many pairs.

use num_traits::Float;
use overparam_tensor::linalg::Real;

use crate::dual::expansion::{Expansions, Half};

/// Variances of one side at one point of the network, one per pixel (or vector).
#[derive(Debug, Clone, Default)]
pub(crate) struct Variances<T> {
    pub(crate) q: Vec<T>,
    /// Square roots of `q`.
    pub(crate) s: Vec<T>,
    /// `1/s`, infinite for a vanishing variance.
    pub(crate) reciprocal: Vec<T>,
    /// Of the side that the step led here: Hermite expansions.
    pub(crate) expansions: Expansions,
    /// Likewise, the weights of attention.
    pub(crate) weights: Vec<f64>,
    /// The first pixel (or vector) at which quadrature does not resolve the function that led here.
    pub(crate) unresolved: Option<usize>,
}

impl<T: Real> Variances<T> {
    pub(crate) fn new(q: Vec<T>) -> Self {
        let s: Vec<T> = q.iter().map(|&q| Float::sqrt(q)).collect();
        let reciprocal = s.iter().map(|&s| T::ONE / s).collect();
        Self { q, s, reciprocal, expansions: Expansions::default(), weights: Vec::new(), unresolved: None }
    }

    /// `q`, but where it is zero though what it was made of is not, the least positive number, which is refused later.
    pub(crate) fn or_least(q: T, zero: bool) -> T {
        if q == T::ZERO && !zero {
            T::of(T::choose(f64::from(f32::from_bits(1)), f64::from_bits(1)))
        } else {
            q
        }
    }

    /// The least variance whose products with rounding errors are normal numbers.
    pub(crate) fn least() -> T {
        let of = |least: f64, epsilon: f64| least / epsilon;
        T::of(T::choose(
            of(f64::from(f32::MIN_POSITIVE), f64::from(f32::EPSILON)),
            of(f64::MIN_POSITIVE, f64::EPSILON),
        ))
    }

    /// The part that belongs to inputs `from..to` of a batch of vectors, to which there is no attention, for one side of pairs.
    pub(crate) fn slice(&self, from: usize, to: usize, side: Half) -> Self {
        Self {
            q: self.q[from..to].to_vec(),
            s: self.s[from..to].to_vec(),
            reciprocal: self.reciprocal[from..to].to_vec(),
            expansions: self.expansions.slice(from, to, side),
            weights: Vec::new(),
            unresolved: self.unresolved.filter(|at| (from..to).contains(at)).map(|at| at - from),
        }
    }
}

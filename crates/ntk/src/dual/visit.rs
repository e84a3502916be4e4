//! The three ways in which a dual map is evaluated, and a visitor with a method for each.
//!
//! What is done with a map (its moments at one pair, the variances after it, a sweep over many pairs) is a `Visit`. A map
//! calls the method of its own kind, so that the compiler sees the map inside the visitor's loops: the choice among maps is made
//! once per sweep, not once per entry.

use overparam_tensor::linalg::Real;

use super::expansion::Expansion;
use super::piecewise_linear::{PiecewiseLinear, Slopes};
use crate::pair::{self, Moments, Pair, PairMap};

/// What is done with a dual map.
pub(crate) trait Visit<T: Real> {
    /// What comes of it.
    type Output;

    /// For a closed form that runs in vectors.
    fn in_vectors(self, map: impl PairMap<T>) -> Self::Output;

    /// For a closed form that runs one pair at a time, in f64.
    fn one_by_one(self, map: &impl OneByOne) -> Self::Output;

    /// For an expansion of both sides.
    fn expanded(self, map: &impl Expansion) -> Self::Output;
}

/// The dual map of an activation, constants ready.
pub(crate) trait DualMap: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Calls the visitor's method for maps of this kind.
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output;

    /// The slopes of a piecewise linear function, which a convolution takes into its own pass.
    fn slopes(&self) -> Option<Slopes> {
        None
    }

    /// Whether quadrature resolves the function at the standard deviation `s`.
    fn resolves(&self, _: f64) -> bool {
        true
    }

    /// The map at one pair.
    fn moments(&self, pair: &Pair) -> Moments {
        self.visit(AtPair(pair))
    }
}

/// A closed form evaluated in f64.
pub(crate) trait OneByOne {
    /// The map at one pair.
    fn moments(&self, pair: &Pair) -> Moments;

    /// `sqrt(kappa_xx kappa_yy) - kappa` of nearly parallel inputs.
    fn margin(&self, pair: &Pair) -> f64;
}

/// Evaluation at one pair.
struct AtPair<'a>(&'a Pair);

impl Visit<f64> for AtPair<'_> {
    type Output = Moments;

    fn in_vectors(self, map: impl PairMap<f64>) -> Moments {
        pair::dual(map, self.0)
    }

    fn one_by_one(self, map: &impl OneByOne) -> Moments {
        map.moments(self.0)
    }

    fn expanded(self, map: &impl Expansion) -> Moments {
        map.at(self.0)
    }
}

impl DualMap for Slopes {
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
        visitor.in_vectors(PiecewiseLinear::new(*self))
    }

    fn slopes(&self) -> Option<Slopes> {
        Some(*self)
    }
}

/// Makes a map that runs in vectors of every precision a [`DualMap`].
macro_rules! in_vectors {
    ($map:ty) => {
        impl $crate::dual::visit::DualMap for $map {
            fn visit<T: overparam_tensor::linalg::Real, V: $crate::dual::visit::Visit<T>>(
                &self,
                visitor: V,
            ) -> V::Output {
                visitor.in_vectors(*self)
            }
        }
    };
}
pub(crate) use in_vectors;

//! What a network is compiled to: steps that each take the moments of many pairs through one layer.

use std::fmt;
use std::sync::Arc;

use overparam_tensor::linalg::Real;

use super::affine::Affine;
use super::convolution::{Around, Convolution};
use super::lines::Sides;
use super::moments::Field;
use super::scratch::Scratch;
use super::variances::Variances;
use crate::dual::piecewise_linear::PiecewiseLinear;
use crate::shape::Combine;

/// What a layer does to the moments of many pairs: its infinite half.
///
/// Calls are dynamic, one per sweep over a field; inside, loops are compiled for the map at hand.
pub(crate) trait FieldMap<T: Real>: fmt::Debug + Send + Sync {
    /// Variances after the layer from those before. Maps for which they do not suffice override [`Self::own`].
    fn advance(&self, before: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T>;

    /// Takes every pair of a field through the layer, given the variances of both sides before and after it.
    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, scratch: &mut Scratch<T>);

    /// Takes the pairs of pixels of one input with itself through the layer; the variances after it.
    fn own(&self, own: &mut Field<T>, before: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        let after = self.advance(before, scratch);
        self.apply(own, Sides { before: (before, before), after: (&after, &after) }, scratch);
        own.fresh = false;
        after
    }

    /// Whether pairs of rows at one distance never meet pairs at another.
    fn keeps_distance(&self) -> bool {
        false
    }

    /// The factor, if the map is a multiple of the sum over all pairs of pixels.
    fn total(&self) -> Option<f64> {
        None
    }

    /// Whether one pixel is left.
    fn leaves_one_pixel(&self) -> bool {
        false
    }

    /// The map as a convolution, which may take the next step into its own pass.
    fn convolution(&self) -> Option<&Convolution<T>> {
        None
    }

    /// The map as a piecewise linear one, which a convolution takes into its own pass.
    fn piecewise_linear(&self) -> Option<PiecewiseLinear<T>> {
        None
    }
}

/// One step of the recursion.
#[derive(Debug, Clone)]
pub(crate) enum Step<T: Real> {
    /// A layer.
    Map(Arc<dyn FieldMap<T>>),
    /// Branches on the same input.
    Branches(Branches<T>),
    /// Steps that run slab by slab.
    Slabs(Slabs<T>),
    /// Forgets covariances between different pixels.
    Diagonal {
        /// Number of pixels.
        pixels: usize,
    },
}

impl<T: Real> Step<T> {
    /// The step of a layer.
    pub(crate) fn of(map: impl FieldMap<T> + 'static) -> Self {
        Self::Map(Arc::new(map))
    }
}

/// Branches that come together.
#[derive(Debug, Clone)]
pub(crate) struct Branches<T: Real> {
    pub(crate) steps: Vec<Vec<Step<T>>>,
    pub(crate) combine: Combine,
    /// Shares of a concatenation.
    pub(crate) weights: Vec<f64>,
}

/// Steps that run slab by slab, and the factor of the sum over all pixels if that is what follows.
#[derive(Debug, Clone)]
pub(crate) struct Slabs<T: Real> {
    pub(crate) steps: Vec<Step<T>>,
    pub(crate) global: Option<f64>,
}

impl<T: Real> FieldMap<T> for Affine<T> {
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        Self::advance(self, before)
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, _: &mut Scratch<T>) {
        Self::apply(self, field, sides);
    }

    fn keeps_distance(&self) -> bool {
        true
    }
}

impl<T: Real> FieldMap<T> for Convolution<T> {
    fn advance(&self, before: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        Self::advance(self, before, scratch)
    }

    fn apply(&self, field: &mut Field<T>, Sides { before, after }: Sides<'_, T>, scratch: &mut Scratch<T>) {
        Self::apply(self, field, Around { before, after, then: None }, scratch);
    }

    fn keeps_distance(&self) -> bool {
        self.slabs.is_some()
    }

    fn convolution(&self) -> Option<&Convolution<T>> {
        Some(self)
    }
}

//! What average and sum over all pixels have in common.

use overparam_tensor::linalg::Real;

use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::pixels::{one, sum};
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::shape::Shape;

/// One pixel is left.
pub(super) fn shape(shape: Shape) -> Shape {
    Shape { height: 1, width: 1, ..shape }
}

/// Sums over all pairs of pixels, times a factor.
pub(super) fn step<T: Real>(factor: f64) -> Step<T> {
    Step::of(Total { factor })
}

#[derive(Debug, Clone)]
struct Total {
    factor: f64,
}

impl Total {
    /// Covariance and NTK; margins are left to the caller.
    fn sum<T: Real>(&self, field: &mut Field<T>, scratch: &mut Scratch<T>) {
        let (k, ntk) = (self.factor * sum(&field.k), self.factor * sum(&field.ntk));
        let next = one(k, ntk, field.same, scratch);
        field.replace(next, scratch);
    }
}

impl<T: Real> FieldMap<T> for Total {
    /// Not known before the pairs are.
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        before.clone()
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, scratch: &mut Scratch<T>) {
        self.sum(field, scratch);
        lines::measure_margins(field, sides.after);
    }

    fn own(&self, own: &mut Field<T>, _: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        self.sum(own, scratch);
        lines::measure_own(own)
    }

    fn total(&self) -> Option<f64> {
        Some(self.factor)
    }

    fn leaves_one_pixel(&self) -> bool {
        true
    }
}

//! Sums over the pixels of both images.

use overparam_tensor::linalg::Real;

use super::geometry::Geometry;
use super::moments::Field;
use super::scratch::Scratch;

/// One pair of images of one pixel; its margin is left to the caller.
pub(crate) fn one<T: Real>(k: f64, ntk: f64, same: Option<isize>, scratch: &mut Scratch<T>) -> Field<T> {
    let mut next = Field::take(Geometry::Diagonal { height: 1, width: 1 }, same, scratch);
    (next.k[0], next.ntk[0]) = (T::of(k), T::of(ntk));
    next
}

/// Sum in f64 over eight fixed lanes.
pub(crate) fn sum<T: Real>(values: &[T]) -> f64 {
    pulp::Arch::new().dispatch(Sum(values))
}

/// A struct of its own, because closures are not compiled for the processor's vectors.
struct Sum<'a, T>(&'a [T]);

impl<T: Real> pulp::WithSimd for Sum<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0; 8];
        let (chunks, rest) = self.0.as_chunks::<8>();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x.f64();
            }
        }
        lanes.iter().sum::<f64>() + rest.iter().map(|x| x.f64()).sum::<f64>()
    }
}

//! An inner product of which the bits depend on the two vectors alone.

use overparam_tensor::linalg::Real;

/// Inner product in f64 over eight fixed lanes.
pub(super) fn dot<T: Real>(x: &[T], y: &[T]) -> f64 {
    let mut lanes = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x.f64() * y.f64();
        }
    }
    lanes.iter().sum()
}

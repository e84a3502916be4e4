//! What the theory says about a kernel or an architecture without training anything.
//!
//! | module | quantity |
//! |---|---|
//! | [`sphere`] | spectrum of a dot-product kernel on the sphere |
//! | [`phase`] | order or chaos of `w_std`, `b_std` at initialisation |
//! | here | complexity of targets, largest stable learning rate |

pub mod phase;
pub mod sphere;

use nalgebra::DMatrix;
use overparam_tensor::linalg::Cholesky;

use crate::NtkError;

/// `sqrt(2 y^T H^-1 y / n)`, the generalisation bound of a wide two-layer network up to `O(sqrt(log(n)/n))` (Arora, Du, Hu, Li,
/// Wang 2019, theorem 5.1); for several outputs `y^T H^-1 y` is summed over them.
///
/// # Errors
/// [`NtkError::Input`] if shapes differ, [`NtkError::Linalg`] if `kernel` is not positive definite.
pub fn complexity(kernel: &DMatrix<f64>, targets: &DMatrix<f64>) -> Result<f64, NtkError> {
    if !kernel.is_square() || kernel.nrows() != targets.nrows() || targets.is_empty() {
        return Err(NtkError::input(
            "targets",
            format!("a kernel of {:?} does not fit targets of {:?}", kernel.shape(), targets.shape()),
        ));
    }
    let solved = Cholesky::factor(kernel)?.solve(targets);
    Ok((2.0 * targets.dot(&solved) / targets.nrows() as f64).sqrt())
}

/// Largest stable learning rate of descent on `||f - y||^2 / (2 size)`, `size = n c`, from the largest eigenvalue of the
/// training kernel: `2 (1 + momentum) size / lambda_max` (heavy ball: Polyak 1964).
pub fn max_learning_rate(lambda_max: f64, size: usize, momentum: f64) -> f64 {
    2.0 * (1.0 + momentum) * size as f64 / lambda_max
}

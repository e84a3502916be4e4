//! How far apart two subspaces are.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, singular_values, transposed};

use crate::DeepLinearError;

/// The principal angles between the column spans of two `d x k` matrices with orthonormal columns, in radians, largest
/// first; in `[0, pi / 2]`.
///
/// Sines are the singular values of `(I - A A^T) B`, cosines those of `A^T B`; taking both keeps angles near 0 and near
/// `pi / 2` accurate to rounding (Bjorck, Golub 1973).
///
/// # Errors
/// [`DeepLinearError::Shape`] if the shapes differ; [`DeepLinearError::Linalg`].
pub fn principal_angles(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<Vec<f64>, DeepLinearError> {
    if a.shape() != b.shape() {
        return Err(DeepLinearError::Shape {
            what: "the second subspace's basis",
            given: b.shape(),
            expected: a.shape(),
        });
    }
    let overlap = matmul(transposed(a), b);
    let residual = b - matmul(a, &overlap);
    let (sines, cosines) = (singular_values(&residual)?, singular_values(&overlap)?);
    // Largest sine beside smallest cosine.
    Ok(sines.iter().zip(cosines.iter().rev()).map(|(s, c)| s.atan2(*c)).collect())
}

/// The mean of `sin^2` over the principal angles: the share of a random target's energy that the second subspace misses.
///
/// # Errors
/// As [`principal_angles`].
pub fn mean_squared_sine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<f64, DeepLinearError> {
    let angles = principal_angles(a, b)?;
    Ok(angles.iter().map(|angle| angle.sin().powi(2)).sum::<f64>() / angles.len().max(1) as f64)
}

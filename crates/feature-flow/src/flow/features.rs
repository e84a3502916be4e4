//! How far features have moved, and whether they still span all functions of the examples.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::gemm;
use overparam_tensor::linalg::{LinalgError, Real, symmetric_eigen, transposed};

/// Root mean squares over units and examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Displacement {
    /// Of each layer's displacement.
    pub layers: Vec<f64>,
    /// Of all layers together.
    pub all: f64,
}

/// How far the features of every layer are from where they were.
///
/// # Panics
/// If numbers or shapes of layers differ.
pub fn displacement<T: Real>(before: &[DMatrix<T>], after: &[DMatrix<T>]) -> Displacement {
    assert_eq!(before.len(), after.len(), "displacement of {} layers against {}", before.len(), after.len());
    let mean_square = |(a, b): (&DMatrix<T>, &DMatrix<T>)| {
        assert_eq!(a.shape(), b.shape(), "displacement: layers of different shapes");
        let squares: f64 = a.iter().zip(b.iter()).map(|(a, b)| (a.f64() - b.f64()).powi(2)).sum();
        squares / a.len() as f64
    };
    let squares: Vec<f64> = before.iter().zip(after).map(mean_square).collect();
    let all = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    Displacement { layers: squares.iter().map(|s| s.sqrt()).collect(), all }
}

/// Eigenvalues, ascending, of `H^T H / m` (`N x N`) of a layer's values `H` (`m x N`, as in [`Flow::values`]): all positive
/// if the layer can express every function of the examples.
///
/// [`Flow::values`]: super::Flow::values
///
/// # Errors
/// [`LinalgError::NotFinite`], [`LinalgError::NoConvergence`].
pub fn feature_spectrum<T: Real>(values: &DMatrix<T>) -> Result<DVector<T>, LinalgError> {
    let (m, n) = values.shape();
    let mut gram = DMatrix::zeros(n, n);
    gemm(T::of((m as f64).recip()), transposed(values), values, T::ZERO, &mut gram);
    Ok(symmetric_eigen(&gram)?.values)
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::{displacement, feature_spectrum};

    #[test]
    fn known_values() {
        let a = DMatrix::from_element(2, 2, 1.0);
        let d = displacement(&[a.clone(), a.clone()], &[a.add_scalar(3.0), a.clone()]);
        assert_eq!(d.layers, [3.0, 0.0]);
        assert!((d.all - 4.5f64.sqrt()).abs() < 1e-15);
        let values = DMatrix::<f64>::from_row_slice(3, 2, &[2.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
        let spectrum = feature_spectrum(&values).unwrap();
        assert_eq!(spectrum.len(), 2);
        assert!((spectrum[0] - 4.0 / 3.0).abs() < 1e-14 && (spectrum[1] - 16.0 / 3.0).abs() < 1e-14);
    }
}

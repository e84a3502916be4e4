//! Matrix sensing: squared error of inner products with measurement matrices.

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;

use super::{Convention, Objective, check_shapes};
use crate::DeepLinearError;
use crate::error::require_finite;

/// `L(W) = c sum_{i=1}^m (<A_i, W> - y_i)^2`, with `<A, W> = tr(A^T W)` and `c` given by a [`Convention`].
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::objective::{Convention, MatrixSensing, Objective};
///
/// let truth = DMatrix::<f64>::identity(2, 2);
/// let measurements = [DMatrix::from_element(2, 2, 1.0)];
/// let objective = MatrixSensing::from_truth(&measurements, &truth, Convention::HalfSum)?;
/// assert_eq!(objective.loss(&DMatrix::zeros(2, 2)), 2.0); // y_1 = 2
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MatrixSensing<T: Real> {
    shape: (usize, usize),
    /// Column-major measurement matrices, one after the other.
    measurements: Vec<T>,
    /// `y_i`.
    responses: Vec<T>,
    factor: f64,
}

impl<T: Real> MatrixSensing<T> {
    /// Sensing with measurement matrices `A_i`, all of one shape, and responses `y_i`.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::EmptyMatrix`]; [`DeepLinearError::Shape`] if the shapes differ or
    /// the counts do; [`DeepLinearError::NotFinite`].
    pub fn new(
        measurements: &[DMatrix<T>],
        responses: &[T],
        convention: Convention,
    ) -> Result<Self, DeepLinearError> {
        let Some(first) = measurements.first() else {
            return Err(DeepLinearError::NoData { what: "measurement matrices" });
        };
        let shape = first.shape();
        if first.is_empty() {
            return Err(DeepLinearError::EmptyMatrix {
                what: "a measurement matrix",
                rows: shape.0,
                columns: shape.1,
            });
        }
        if let Some(odd) = measurements.iter().find(|a| a.shape() != shape) {
            let what = "a measurement matrix";
            return Err(DeepLinearError::Shape { what, given: odd.shape(), expected: shape });
        }
        if responses.len() != measurements.len() {
            let (given, expected) = ((responses.len(), 1), (measurements.len(), 1));
            return Err(DeepLinearError::Shape { what: "the vector of responses", given, expected });
        }
        require_finite("measurement matrices", measurements.iter().flatten().map(|x| x.f64()))?;
        require_finite("responses", responses.iter().map(|x| x.f64()))?;
        Ok(Self {
            shape,
            measurements: measurements.iter().flatten().copied().collect(),
            responses: responses.to_vec(),
            factor: convention.factor(responses.len()),
        })
    }

    /// Sensing with noiseless responses `y_i = <A_i, truth>`.
    ///
    /// # Errors
    /// Those of [`MatrixSensing::new`]; [`DeepLinearError::Shape`] if `truth` does not have the measurements' shape.
    pub fn from_truth(
        measurements: &[DMatrix<T>],
        truth: &DMatrix<T>,
        convention: Convention,
    ) -> Result<Self, DeepLinearError> {
        if let Some(odd) = measurements.iter().find(|a| a.shape() != truth.shape()) {
            let what = "a measurement matrix";
            return Err(DeepLinearError::Shape { what, given: odd.shape(), expected: truth.shape() });
        }
        let responses: Vec<T> = measurements.iter().map(|a| inner(a.as_slice(), truth.as_slice())).collect();
        Self::new(measurements, &responses, convention)
    }
}

fn inner<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).map(|(&a, &b)| a * b).sum()
}

impl<T: Real> Objective<T> for MatrixSensing<T> {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn loss_and_gradient(&self, end: &DMatrix<T>, gradient: &mut DMatrix<T>) -> f64 {
        check_shapes(self.shape, end, gradient);
        let gradient = gradient.as_mut_slice();
        gradient.fill(T::of(0.0));
        let slope = T::of(2.0 * self.factor);
        let mut sum = 0.0;
        for (a, &y) in self.measurements.chunks_exact(gradient.len()).zip(&self.responses) {
            let error = inner(a, end.as_slice()) - y;
            let coefficient = slope * error;
            gradient.iter_mut().zip(a).for_each(|(g, &a)| *g += coefficient * a);
            sum += error.f64() * error.f64();
        }
        self.factor * sum
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::{Convention, MatrixSensing};
    use crate::DeepLinearError;

    #[test]
    fn bad_measurements_are_errors() {
        let a = DMatrix::<f64>::identity(2, 2);
        let new = |a: &[DMatrix<f64>], y: &[f64]| MatrixSensing::new(a, y, Convention::Mean).unwrap_err();
        assert!(matches!(new(&[], &[]), DeepLinearError::NoData { .. }));
        assert!(matches!(
            new(&[a.clone(), DMatrix::zeros(1, 2)], &[1.0, 1.0]),
            DeepLinearError::Shape { given: (1, 2), expected: (2, 2), .. }
        ));
        assert!(matches!(new(std::slice::from_ref(&a), &[]), DeepLinearError::Shape { .. }));
        assert!(matches!(new(&[a], &[f64::INFINITY]), DeepLinearError::NotFinite { index: 0, .. }));
    }
}

//! Inputs with their targets: one container for kernels, networks and losses.

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;

use crate::NtkError;
use crate::inputs::Inputs;

/// Examples: inputs and targets, one row per example.
///
/// ```
/// use overparam_ntk::Data;
///
/// let data = Data::from_rows(&[[1.0, 0.0], [0.0, 1.0]], &[[1.0], [-1.0]])?;
/// assert_eq!((data.count(), data.outputs()), (2, 1));
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Data<T: Real> {
    inputs: Inputs<T>,
    targets: DMatrix<T>,
}

impl<T: Real> Data<T> {
    /// Inputs (a matrix with one row per example, or images) and targets `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if there are not as many targets as inputs, none at all, or an entry that is not finite.
    pub fn new(inputs: impl Into<Inputs<T>>, targets: DMatrix<T>) -> Result<Self, NtkError> {
        let inputs = inputs.into();
        inputs.check("inputs", inputs.shape())?;
        let (n, c) = targets.shape();
        if n != inputs.count() || c == 0 {
            let reason = format!("expected {} x c with c >= 1, got {n} x {c}", inputs.count());
            return Err(NtkError::input("targets", reason));
        }
        if !targets.iter().all(|y| y.f64().is_finite()) {
            return Err(NtkError::input("targets", "there is an entry that is not finite"));
        }
        Ok(Self { inputs, targets })
    }

    /// Vectors and targets, row by row.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_rows<const D: usize, const C: usize>(
        inputs: &[[T; D]],
        targets: &[[T; C]],
    ) -> Result<Self, NtkError> {
        Self::new(Inputs::from_rows(inputs), rows(targets))
    }

    /// The inputs.
    pub fn inputs(&self) -> &Inputs<T> {
        &self.inputs
    }

    /// The targets, `n x c`.
    pub fn targets(&self) -> &DMatrix<T> {
        &self.targets
    }

    /// Number of examples.
    pub fn count(&self) -> usize {
        self.targets.nrows()
    }

    /// Numbers in one target.
    pub fn outputs(&self) -> usize {
        self.targets.ncols()
    }

    /// `||f - y||^2 / (2 n c)` of outputs `f`, `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if the shapes differ.
    pub fn loss(&self, outputs: &DMatrix<T>) -> Result<f64, NtkError> {
        let (n, c) = self.targets.shape();
        if outputs.shape() != (n, c) {
            let reason = format!("expected {n} x {c}, got {} x {}", outputs.nrows(), outputs.ncols());
            return Err(NtkError::input("outputs", reason));
        }
        let squares: f64 = outputs.iter().zip(&self.targets).map(|(f, y)| (f.f64() - y.f64()).powi(2)).sum();
        Ok(squares / (2 * n * c) as f64)
    }
}

impl<T: Real> Inputs<T> {
    /// Vectors, row by row.
    pub fn from_rows<const D: usize>(vectors: &[[T; D]]) -> Self {
        rows(vectors).into()
    }
}

fn rows<T: Real, const N: usize>(rows: &[[T; N]]) -> DMatrix<T> {
    DMatrix::from_fn(rows.len(), N, |i, j| rows[i][j])
}

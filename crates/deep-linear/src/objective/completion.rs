//! Matrix completion: squared error over observed entries.

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;

use super::{Convention, Objective, check_shapes};
use crate::DeepLinearError;
use crate::error::require_finite;

/// One observed entry `M_{row, column} = value`; indices start at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Row, below the number of rows.
    pub row: usize,
    /// Column, below the number of columns.
    pub column: usize,
    /// The observed value, finite.
    pub value: f64,
}

/// `L(W) = c sum_{(i,j) observed} (W_ij - M_ij)^2`, with `c` given by a [`Convention`].
///
/// The gradient `2 c (W_ij - M_ij)` is computed on the observed entries only; each step costs one pass over them.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::objective::{Convention, Entry, MatrixCompletion, Objective};
///
/// let observed = [Entry { row: 0, column: 1, value: 2.0 }, Entry { row: 1, column: 0, value: 4.0 }];
/// let objective = MatrixCompletion::<f64>::new(2, 2, &observed, Convention::Mean)?;
/// assert_eq!(objective.loss(&DMatrix::zeros(2, 2)), (4.0 + 16.0) / 2.0);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MatrixCompletion<T: Real> {
    shape: (usize, usize),
    /// Column-major positions of the observed entries, ascending.
    positions: Vec<usize>,
    /// Their values, in the same order.
    values: Vec<T>,
    factor: f64,
}

impl<T: Real> MatrixCompletion<T> {
    /// Completion of a `rows x columns` matrix from observed entries, in any order.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::EntryOutside`], [`DeepLinearError::EntryTwice`],
    /// [`DeepLinearError::NotFinite`].
    pub fn new(
        rows: usize,
        columns: usize,
        observed: &[Entry],
        convention: Convention,
    ) -> Result<Self, DeepLinearError> {
        let sorted = sorted_entries(rows, columns, observed)?;
        Ok(Self {
            shape: (rows, columns),
            positions: sorted.iter().map(|e| e.0).collect(),
            values: sorted.iter().map(|e| T::of(e.1)).collect(),
            factor: convention.factor(sorted.len()),
        })
    }

    /// Number of observed entries.
    pub fn observations(&self) -> usize {
        self.positions.len()
    }
}

/// Column-major positions, ascending, with values; checked.
pub(crate) fn sorted_entries(
    rows: usize,
    columns: usize,
    observed: &[Entry],
) -> Result<Vec<(usize, f64)>, DeepLinearError> {
    if observed.is_empty() {
        return Err(DeepLinearError::NoData { what: "observed entries" });
    }
    if let Some(&Entry { row, column, .. }) = observed.iter().find(|e| e.row >= rows || e.column >= columns) {
        return Err(DeepLinearError::EntryOutside { row, column, rows, columns });
    }
    require_finite("observed entries", observed.iter().map(|e| e.value))?;
    let mut sorted: Vec<(usize, f64)> = observed.iter().map(|e| (e.column * rows + e.row, e.value)).collect();
    sorted.sort_unstable_by_key(|e| e.0);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(DeepLinearError::EntryTwice { row: pair[0].0 % rows, column: pair[0].0 / rows });
    }
    Ok(sorted)
}

impl<T: Real> Objective<T> for MatrixCompletion<T> {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn loss_and_gradient(&self, end: &DMatrix<T>, gradient: &mut DMatrix<T>) -> f64 {
        check_shapes(self.shape, end, gradient);
        let (end, gradient) = (end.as_slice(), gradient.as_mut_slice());
        gradient.fill(T::of(0.0));
        let slope = T::of(2.0 * self.factor);
        let mut sum = 0.0;
        for (&position, &value) in self.positions.iter().zip(&self.values) {
            let error = end[position] - value;
            gradient[position] = slope * error;
            sum += error.f64() * error.f64();
        }
        self.factor * sum
    }
}

#[cfg(test)]
mod tests {
    use super::{Convention, Entry, MatrixCompletion};

    #[test]
    fn bad_entries_are_named() {
        let entry = |row, column, value| Entry { row, column, value };
        let message = |entries: &[Entry]| {
            MatrixCompletion::<f64>::new(2, 3, entries, Convention::Mean).unwrap_err().to_string()
        };
        assert_eq!(message(&[]), "observed entries: at least one is needed, got none");
        assert_eq!(
            message(&[entry(2, 0, 1.0)]),
            "observed entry (2, 0) lies outside a 2 x 3 matrix (indices start at 0)"
        );
        assert_eq!(
            message(&[entry(1, 2, 1.0), entry(0, 0, 1.0), entry(1, 2, 3.0)]),
            "entry (1, 2) is observed more than once"
        );
        assert_eq!(
            message(&[entry(0, 0, 1.0), entry(1, 1, f64::NAN)]),
            "observed entries: value number 1 (from 0) is NaN, expected a finite number"
        );
    }
}

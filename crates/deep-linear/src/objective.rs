//! Losses of the end matrix: squared errors of linear measurements.

mod completion;
mod regression;
mod sensing;

pub(crate) use completion::sorted_entries;
pub use completion::{Entry, MatrixCompletion};
pub use regression::LinearRegression;
pub use sensing::MatrixSensing;

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;
use serde::{Deserialize, Serialize};

/// A differentiable loss `L(W)` of the end matrix.
///
/// Losses are accumulated and returned in `f64` whatever `T` is: sums of many small squares lose digits, and squares
/// below `1e-38` vanish, in `f32`.
pub trait Objective<T: Real> {
    /// Shape of the end matrix `W`.
    fn shape(&self) -> (usize, usize);

    /// Writes `grad L(W)`, of the shape of `W`, over `gradient` (whatever it held) and returns `L(W)`.
    ///
    /// # Panics
    /// If `end` or `gradient` does not have shape [`Objective::shape`].
    fn loss_and_gradient(&self, end: &DMatrix<T>, gradient: &mut DMatrix<T>) -> f64;

    /// `L(W)` alone.
    ///
    /// # Panics
    /// If `end` does not have shape [`Objective::shape`].
    fn loss(&self, end: &DMatrix<T>) -> f64 {
        let (rows, columns) = self.shape();
        self.loss_and_gradient(end, &mut DMatrix::zeros(rows, columns))
    }
}

/// What a sum of squared errors over `m` observations is multiplied by.
///
/// The two differ by a constant factor, hence by a factor in time along gradient flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// `L = (1/m) sum_i error_i^2`: the experiments of Arora, Cohen, Hu, Luo 2019.
    #[default]
    Mean,
    /// `L = (1/2) sum_i error_i^2`: the theorems of the same paper and of Razin, Cohen 2020.
    HalfSum,
}

impl Convention {
    /// The factor `c` in `L = c sum_i error_i^2` over `count >= 1` observations.
    pub fn factor(self, count: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / count as f64,
            Self::HalfSum => 0.5,
        }
    }
}

pub(crate) fn check_shapes<T: Real>(expected: (usize, usize), end: &DMatrix<T>, gradient: &DMatrix<T>) {
    assert!(
        end.shape() == expected && gradient.shape() == expected,
        "objective of a {} x {} end matrix: got W {} x {}, gradient {} x {}",
        expected.0,
        expected.1,
        end.nrows(),
        end.ncols(),
        gradient.nrows(),
        gradient.ncols()
    );
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{Convention, Entry, LinearRegression, MatrixCompletion, MatrixSensing, Objective};

    /// One objective of every kind on `rows x columns` end matrices.
    fn all(rows: usize, columns: usize, convention: Convention, s: &Stream) -> Vec<Box<dyn Objective<f64>>> {
        let truth: DMatrix<f64> = s.named("truth").normal_matrix(rows, columns, 1.0);
        let count = (rows * columns).div_ceil(2);
        let entries: Vec<Entry> = s
            .named("observed")
            .sample_indices(rows * columns, count)
            .into_iter()
            .map(|k| Entry { row: k % rows, column: k / rows, value: truth[(k % rows, k / rows)] })
            .collect();
        let measurements =
            (0..5).map(|i| s.named("a").indexed(i).normal_matrix(rows, columns, 1.0)).collect::<Vec<_>>();
        let x = s.named("x").normal_matrix(7, columns, 1.0);
        let y = s.named("y").normal_matrix(7, rows, 1.0);
        vec![
            Box::new(MatrixCompletion::<f64>::new(rows, columns, &entries, convention).unwrap()),
            Box::new(MatrixSensing::from_truth(&measurements, &truth, convention).unwrap()),
            Box::new(LinearRegression::new(&x, &y, convention).unwrap()),
        ]
    }

    proptest! {
        /// Central differences are exact up to rounding on quadratics.
        #[test]
        fn gradients_agree_with_finite_differences(
            seed in any::<u64>(), rows in 1usize..5, columns in 1usize..5, mean in any::<bool>(),
        ) {
            let s = Stream::root(seed);
            let convention = if mean { Convention::Mean } else { Convention::HalfSum };
            for objective in all(rows, columns, convention, &s) {
                let w: DMatrix<f64> = s.named("w").normal_matrix(rows, columns, 1.0);
                let mut gradient = DMatrix::from_element(rows, columns, f64::NAN);
                let loss = objective.loss_and_gradient(&w, &mut gradient);
                prop_assert!((loss - objective.loss(&w)).abs() <= 1e-12 * (1.0 + loss));
                for k in 0..w.len() {
                    let (mut up, mut down) = (w.clone(), w.clone());
                    up[k] += 1e-3;
                    down[k] -= 1e-3;
                    let difference = (objective.loss(&up) - objective.loss(&down)) / 2e-3;
                    prop_assert!((difference - gradient[k]).abs() < 1e-9 * (1.0 + loss), "{difference} {}", gradient[k]);
                }
            }
        }

        /// Completion is sensing with matrices `e_i e_j^T`, and regression on `m` examples is too.
        #[test]
        fn the_three_agree_where_they_coincide(seed in any::<u64>(), rows in 1usize..5, columns in 1usize..5) {
            let s = Stream::root(seed);
            let truth: DMatrix<f64> = s.named("truth").normal_matrix(rows, columns, 1.0);
            let w: DMatrix<f64> = s.named("w").normal_matrix(rows, columns, 1.0);
            let entries: Vec<Entry> = (0..truth.len())
                .map(|k| Entry { row: k % rows, column: k / rows, value: truth[k] })
                .collect();
            let units: Vec<DMatrix<f64>> = entries
                .iter()
                .map(|e| DMatrix::from_fn(rows, columns, |i, j| f64::from(u8::from((i, j) == (e.row, e.column)))))
                .collect();
            let completion = MatrixCompletion::<f64>::new(rows, columns, &entries, Convention::HalfSum).unwrap();
            let sensing = MatrixSensing::from_truth(&units, &truth, Convention::HalfSum).unwrap();
            let x = DMatrix::identity(columns, columns);
            let regression = LinearRegression::new(&x, &truth.transpose(), Convention::HalfSum).unwrap();
            let expected = 0.5 * (&w - &truth).norm_squared();
            for loss in [completion.loss(&w), sensing.loss(&w), regression.loss(&w)] {
                prop_assert!((loss - expected).abs() < 1e-12 * (1.0 + expected));
            }
        }
    }
}

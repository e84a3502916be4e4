//! Linear regression with several outputs.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, least_squares, matmul, transposed};

use super::{Convention, Objective, check_shapes};
use crate::DeepLinearError;
use crate::error::require_finite;

/// `L(W) = c ||X W^T - Y||_F^2` over `n` examples, `X: n x d`, `Y: n x k`, `W: k x d`, with `c` given by a
/// [`Convention`] over the `n` examples.
///
/// Kept as sufficient statistics, so a step costs one `k x d x d` product however many examples there are: with the
/// least-squares solution `W_*` (of minimum norm) and `G = grad L(W) = 2 c (W X^T X - Y^T X)`,
/// `L(W) = L(W_*) + <G, W - W_*> / 2` exactly, a form that does not cancel near the minimum.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::objective::{Convention, LinearRegression, Objective};
///
/// let x = DMatrix::from_row_slice(3, 2, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let y = DMatrix::from_row_slice(3, 1, &[1.0, 2.0, 3.0]);
/// let objective = LinearRegression::new(&x, &y, Convention::Mean)?;
/// assert!(objective.loss(&DMatrix::from_row_slice(1, 2, &[1.0, 2.0])) < 1e-14);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LinearRegression<T: Real> {
    /// `2 c X^T X`, `d x d`.
    curvature: DMatrix<T>,
    /// `2 c Y^T X`, `k x d`.
    moment: DMatrix<T>,
    /// `W_*`, `k x d`.
    solution: DMatrix<T>,
    /// `L(W_*)`.
    minimum: f64,
}

impl<T: Real> LinearRegression<T> {
    /// Regression of `y` (`n x k`) on `x` (`n x d`); rows are examples.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::EmptyMatrix`]; [`DeepLinearError::Shape`] if the numbers of
    /// examples differ; [`DeepLinearError::NotFinite`].
    pub fn new(x: &DMatrix<f64>, y: &DMatrix<f64>, convention: Convention) -> Result<Self, DeepLinearError> {
        let ((n, d), k) = (x.shape(), y.ncols());
        if n == 0 {
            return Err(DeepLinearError::NoData { what: "examples" });
        }
        if d == 0 || k == 0 {
            return Err(DeepLinearError::EmptyMatrix { what: "the end matrix", rows: k, columns: d });
        }
        if y.nrows() != n {
            return Err(DeepLinearError::Shape { what: "Y", given: y.shape(), expected: (n, k) });
        }
        require_finite("X", x.iter().copied())?;
        require_finite("Y", y.iter().copied())?;
        let c = convention.factor(n);
        let solution = least_squares(x, y)?;
        let residual = matmul(x, &solution) - y;
        Ok(Self {
            curvature: (matmul(transposed(x), x) * (2.0 * c)).map(T::of),
            moment: (matmul(transposed(y), x) * (2.0 * c)).map(T::of),
            solution: solution.transpose().map(T::of),
            minimum: c * residual.norm_squared(),
        })
    }

    /// The minimum-norm minimiser `W_* = (X^+ Y)^T`, `k x d`.
    pub fn solution(&self) -> &DMatrix<T> {
        &self.solution
    }

    /// The least loss `L(W_*)`.
    pub fn minimum(&self) -> f64 {
        self.minimum
    }
}

impl<T: Real> Objective<T> for LinearRegression<T> {
    fn shape(&self) -> (usize, usize) {
        self.moment.shape()
    }

    fn loss_and_gradient(&self, end: &DMatrix<T>, gradient: &mut DMatrix<T>) -> f64 {
        check_shapes(self.shape(), end, gradient);
        gradient.copy_from(&self.moment);
        gemm(T::of(1.0), end, &self.curvature, T::of(-1.0), gradient);
        let excess: f64 = gradient
            .iter()
            .zip(end.iter().zip(self.solution.iter()))
            .map(|(g, (&w, &best))| g.f64() * (w - best).f64())
            .sum();
        self.minimum + 0.5 * excess
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{Convention, LinearRegression, Objective};

    proptest! {
        /// Against the definition, with more and with fewer examples than inputs.
        #[test]
        fn loss_is_the_squared_error(seed in any::<u64>(), n in 1usize..9, d in 1usize..6, k in 1usize..4) {
            let s = Stream::root(seed);
            let x: DMatrix<f64> = s.named("x").normal_matrix(n, d, 1.0);
            let y: DMatrix<f64> = s.named("y").normal_matrix(n, k, 1.0);
            let w: DMatrix<f64> = s.named("w").normal_matrix(k, d, 1.0);
            let objective = LinearRegression::<f64>::new(&x, &y, Convention::Mean).unwrap();
            let expected = (&x * w.transpose() - &y).norm_squared() / n as f64;
            // The minimum-norm solution of a nearly singular X is large, and carries its rounding.
            let scale = (1.0 + expected) * (1.0 + objective.solution().norm());
            prop_assert!((objective.loss(&w) - expected).abs() < 1e-9 * scale);
            prop_assert!((objective.loss(objective.solution()) - objective.minimum()).abs() < 1e-9 * scale);
        }
    }
}

//! The Riccati equation's solution, by restarts.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Svd, SymmetricEigen, matmul, svd, symmetric_eigen, transposed};

use crate::DeepLinearError;
use crate::error::{require, require_finite};

/// How far, relative to the weights, a start may be from lambda-balanced.
const BALANCE: f64 = 1e-8;
/// One restart goes as far as the fastest mode needs to grow by `e^4`: its inverse loses less than two digits.
const STRIDE: f64 = 4.0;
/// More restarts than this are refused.
const RESTARTS: f64 = 1e6;
/// Eigenvalues of `F`, relative to the largest, that count as equal, and components of a start that count as none.
const EQUAL: f64 = 1e-11;

/// The gradient flow of two linear layers from a lambda-balanced start, at any time. See [the module](super) for its equations.
#[derive(Debug, Clone)]
pub struct BalancedFlow {
    imbalance: f64,
    inputs: usize,
    /// `Q_0 = [W1^T; W2]`, `(d + c) x h`; of more than `d + c` hidden units, as many columns with the same `Q_0 Q_0^T`.
    start: DMatrix<f64>,
    /// Of `F`, ascending.
    eigen: SymmetricEigen<f64>,
    sigma: DMatrix<f64>,
}

/// What the function, the loss and the tangent kernel need of the two layers at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct BalancedState {
    /// `W2 W1`, `c x d`.
    pub product: DMatrix<f64>,
    /// `W1^T W1`, `d x d`.
    pub input_gram: DMatrix<f64>,
    /// `W2 W2^T`, `c x c`.
    pub output_gram: DMatrix<f64>,
}

impl BalancedFlow {
    /// The flow from `w1` (`h x d`) and `w2` (`c x h`) towards `sigma` (`c x d`).
    ///
    /// # Errors
    /// [`DeepLinearError::Shape`], [`DeepLinearError::EmptyMatrix`], [`DeepLinearError::NotFinite`];
    /// [`DeepLinearError::Configuration`] unless `W2^T W2 - W1 W1^T` is a multiple of the identity to 1e-8 of
    /// `||W1||_F^2 + ||W2||_F^2`; [`DeepLinearError::Linalg`].
    pub fn new(w1: &DMatrix<f64>, w2: &DMatrix<f64>, sigma: &DMatrix<f64>) -> Result<Self, DeepLinearError> {
        let ((h, d), (c, _)) = (w1.shape(), w2.shape());
        for (what, matrix) in [("W1", w1), ("W2", w2), ("Sigma", sigma)] {
            let (rows, columns) = matrix.shape();
            if rows * columns == 0 {
                return Err(DeepLinearError::EmptyMatrix { what, rows, columns });
            }
            require_finite(what, matrix.iter().copied())?;
        }
        for (what, given, expected) in [("W2", w2.shape(), (c, h)), ("Sigma", sigma.shape(), (c, d))] {
            if given != expected {
                return Err(DeepLinearError::Shape { what, given, expected });
            }
        }
        let mut start = DMatrix::zeros(d + c, h);
        start.view_mut((0, 0), (d, h)).copy_from(&w1.transpose());
        start.view_mut((d, 0), (c, h)).copy_from(w2);
        // No more than d + c combinations of hidden units have weights. Nothing below sees a rotation of the hidden layer, so a wide one
        // is turned until all others are zero: their matrices and singular values would cost as much as the width cubed.
        if h > d + c {
            let Svd { u, singular_values, .. } = svd(&start)?;
            start = u * DMatrix::from_diagonal(&singular_values);
        }
        let columns = start.ncols();
        let (first, second) = (start.rows(0, d).transpose(), start.rows(d, c).into_owned());
        let conserved = matmul(transposed(&second), &second) - matmul(&first, transposed(&first));
        let imbalance = conserved.trace() / h as f64;
        let size = w1.norm_squared() + w2.norm_squared();
        let seen = (conserved - DMatrix::identity(columns, columns) * imbalance).norm();
        let away = seen.hypot(imbalance * ((h - columns) as f64).sqrt());
        let relative = if size > 0.0 { away / size } else { 0.0 };
        require(
            relative <= BALANCE,
            "the relative distance of W2^T W2 - W1 W1^T from the nearest multiple of the identity",
            "at most 1e-8: the closed form holds from lambda-balanced starts only",
            relative,
        )?;
        let mut drift = DMatrix::zeros(d + c, d + c);
        for i in 0..d + c {
            drift[(i, i)] = if i < d { -0.5 * imbalance } else { 0.5 * imbalance };
        }
        drift.view_mut((d, 0), (c, d)).copy_from(sigma);
        drift.view_mut((0, d), (d, c)).copy_from(&sigma.transpose());
        let eigen = symmetric_eigen(&drift)?;
        Ok(Self { imbalance, inputs: d, start, eigen, sigma: sigma.clone() })
    }

    /// `lambda`.
    pub fn imbalance(&self) -> f64 {
        self.imbalance
    }

    /// The state at time `t >= 0`: a few restarts for each unit of `max_k sqrt(lambda^2/4 + sigma_k^2)`, none overflows.
    ///
    /// Absolute errors are near 1e-12 of the largest entry; in directions that `Sigma` does not see, which forget nothing, they add up over
    /// the restarts, to 1e-9 after a hundred thousand.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a time that is negative or not finite, or so large that it would take more than a
    /// million restarts before the state has reached [`BalancedFlow::limit`]; [`DeepLinearError::Linalg`].
    pub fn at(&self, time: f64) -> Result<BalancedState, DeepLinearError> {
        let mut states = self.trajectory(&[time])?;
        Ok(states.swap_remove(0))
    }

    /// The states at ascending times, each from the one before.
    ///
    /// # Errors
    /// As [`BalancedFlow::at`]; [`DeepLinearError::TimeNotIncreasing`] for a time before the one in front of it.
    pub fn trajectory(&self, times: &[f64]) -> Result<Vec<BalancedState>, DeepLinearError> {
        let (mut now, mut q) = (0.0, self.start.clone());
        let limit = self.limit_gram()?;
        let mut states = Vec::with_capacity(times.len());
        for &time in times {
            require(time.is_finite() && time >= 0.0, "the time of a flow", "finite and at least 0", time)?;
            if time < now {
                return Err(DeepLinearError::TimeNotIncreasing { time, previous: now });
            }
            self.advance(&mut q, time - now, &limit)?;
            now = time;
            states.push(self.state(&matmul(&q, transposed(&q))));
        }
        Ok(states)
    }

    /// The state at `t -> infinity`: the best approximation of `Sigma` of rank `min(h, rank Sigma)` unless the start lacks one of
    /// its directions, in which case the best without them.
    ///
    /// From the leading eigenvectors of `F` on, each takes the directions of the start's columns that it can get: a group of equal
    /// eigenvalues `phi > 0` that the rest of the columns meets in a subspace with projector `Pi` contributes `2 phi Pi` to `Q Q^T`.
    /// A component below 1e-11 of the start counts as none.
    ///
    /// # Errors
    /// [`DeepLinearError::Linalg`].
    pub fn limit(&self) -> Result<BalancedState, DeepLinearError> {
        Ok(self.state(&self.limit_gram()?))
    }

    /// The loss `1/2 ||Sigma - W2 W1||_F^2` of a state.
    pub fn loss(&self, state: &BalancedState) -> f64 {
        0.5 * (&self.sigma - &state.product).norm_squared()
    }

    fn limit_gram(&self) -> Result<DMatrix<f64>, DeepLinearError> {
        let SymmetricEigen { values, vectors } = &self.eigen;
        let (n, h) = self.start.shape();
        let (scale, size) = (values.amax(), self.start.norm());
        let mut gram = DMatrix::zeros(n, n);
        // Orthonormal columns: what of the hidden layer is not taken yet.
        let mut free = DMatrix::<f64>::identity(h, h);
        let mut end = n;
        while end > 0 && free.ncols() > 0 && values[end - 1] > EQUAL * scale {
            let mut first = end - 1;
            while first > 0 && values[end - 1] - values[first - 1] <= EQUAL * scale {
                first -= 1;
            }
            let group = vectors.columns(first, end - first).into_owned();
            let seen = matmul(&matmul(transposed(&group), &self.start), &free);
            // Square, so that the directions which are not seen are among the vectors.
            let mut padded = DMatrix::zeros(seen.nrows().max(free.ncols()), free.ncols());
            padded.view_mut((0, 0), seen.shape()).copy_from(&seen);
            let Svd { u, singular_values, v } = svd(&padded)?;
            let rank = singular_values.iter().filter(|s| **s > EQUAL * size).count();
            let taken = matmul(&group, &u.view((0, 0), (seen.nrows(), rank)).into_owned());
            let phi = values.rows(first, end - first).mean();
            gram += matmul(&taken, transposed(&taken)) * (2.0 * phi);
            free = matmul(&free, &v.columns(rank, v.ncols() - rank).into_owned());
            end = first;
        }
        Ok(gram)
    }

    /// Moves `Q`, up to an orthogonal factor from the right.
    fn advance(&self, q: &mut DMatrix<f64>, time: f64, limit: &DMatrix<f64>) -> Result<(), DeepLinearError> {
        let SymmetricEigen { values, vectors } = &self.eigen;
        let fastest = values.amax();
        let restarts = (time * fastest / STRIDE).ceil().max(1.0);
        let step = time / restarts;
        let growth = values.map(|phi| (phi * step).exp());
        // The root of M, int_0^step e^(2 phi s) ds.
        let root = values.map(|phi| {
            let twice = 2.0 * phi * step;
            let integral = if twice == 0.0 { step } else { step * twice.exp_m1() / twice };
            integral.sqrt()
        });
        let mut done = 0.0;
        while done < restarts {
            let y = matmul(transposed(vectors), &*q);
            let mut tall = y.clone();
            scale_rows(&mut tall, &root);
            // P = I + Y^T M Y = I + V s^2 V^T, and P^(-1/2) = I + V ((1 + s^2)^(-1/2) - 1) V^T.
            let Svd { singular_values, v, .. } = svd(&tall)?;
            let mut z = y;
            scale_rows(&mut z, &growth);
            let mut shrunk = matmul(&z, &v);
            for (mut column, s) in shrunk.column_iter_mut().zip(singular_values.iter()) {
                let root = s.hypot(1.0);
                // (1 + s^2)^(-1/2) - 1 without cancellation.
                column *= -s * s / (root * (root + 1.0));
            }
            z += matmul(&shrunk, transposed(&v));
            *q = matmul(vectors, &z);
            done += 1.0;
            if done % 256.0 == 0.0 {
                let away = (matmul(&*q, transposed(&*q)) - limit).norm();
                if away <= 1e-13 * limit.norm() {
                    return Ok(());
                }
                require(
                    done < RESTARTS,
                    "the time of a flow that has not reached its limit",
                    "at most 4 million over the largest of sqrt(lambda^2/4 + sigma^2)",
                    time,
                )?;
            }
        }
        Ok(())
    }

    fn state(&self, gram: &DMatrix<f64>) -> BalancedState {
        let (d, n) = (self.inputs, gram.nrows());
        BalancedState {
            product: gram.view((d, 0), (n - d, d)).into_owned(),
            input_gram: gram.view((0, 0), (d, d)).into_owned(),
            output_gram: gram.view((d, d), (n - d, n - d)).into_owned(),
        }
    }
}

impl BalancedState {
    /// The tangent kernel between two inputs of length `d`, summed over all weights at learning rate 1, `c x c`:
    /// `(x . x') W2 W2^T + (x^T W1^T W1 x') I`.
    ///
    /// # Errors
    /// [`DeepLinearError::Shape`] unless both have length `d`.
    pub fn tangent_kernel(
        &self,
        x: &DVector<f64>,
        other: &DVector<f64>,
    ) -> Result<DMatrix<f64>, DeepLinearError> {
        let d = self.input_gram.nrows();
        for given in [x, other] {
            if given.len() != d {
                let (given, expected) = ((given.len(), 1), (d, 1));
                return Err(DeepLinearError::Shape {
                    what: "an input of the tangent kernel",
                    given,
                    expected,
                });
            }
        }
        let c = self.output_gram.nrows();
        let inner = x.dot(&(&self.input_gram * other));
        Ok(&self.output_gram * x.dot(other) + DMatrix::identity(c, c) * inner)
    }

    /// The tangent kernel between all pairs of unit inputs, `(d c) x (d c)`, entry `(i c + k, j c + l)` for outputs `k`, `l` at the
    /// `i`-th and `j`-th unit vectors: `I (x) W2 W2^T + W1^T W1 (x) I`. It moves the error `E = Sigma - W2 W1`, stacked column by
    /// column, by `dE/dt = -Theta E`.
    pub fn kernel_operator(&self) -> DMatrix<f64> {
        let (d, c) = (self.input_gram.nrows(), self.output_gram.nrows());
        let unit = DMatrix::identity;
        unit(d, d).kronecker(&self.output_gram) + self.input_gram.kronecker(&unit(c, c))
    }
}

fn scale_rows(matrix: &mut DMatrix<f64>, factors: &DVector<f64>) {
    for (mut row, factor) in matrix.row_iter_mut().zip(factors.iter()) {
        row *= *factor;
    }
}

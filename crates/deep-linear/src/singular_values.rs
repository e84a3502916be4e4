//! The equation of motion of the end matrix's singular values.
//!
//! Along gradient flow of a balanced network of depth `N`, with `W = sum_r s_r u_r v_r^T`,
//!
#![doc = overparam_formula::formula!("ds_r/dt = -N (s_r^2)^(1 - 1/N) <grad L(W), u_r v_r^T>")]
//!
//! (Arora, Cohen, Hu, Luo 2019, theorem 3): depth multiplies the speed of a singular value by `N |s_r|^(2 - 2/N)`, so large
//! ones run away from small ones, the more the deeper the network.
//!
//! # Solving it along a trajectory
//!
//! Given times, end matrices and gradients from a run, the *alignments* `g_r(t) = <grad L(W), u_r v_r^T>` are known, and
//! the equation separates: with `I_r = integral g_r dt` and `s_r > 0`,
//!
#![doc = overparam_formula::formula!(
    "s_r(t)                = s_r(0) - I_r                          if N = 1"
    "s_r(t)                = s_r(0) exp(-2 I_r)                    if N = 2"
    "s_r(t)^(-(1 - 2/N)) = s_r(0)^(-(1 - 2/N)) + (N - 2) I_r    if N >= 3"
)]
//!
//! [`SingularValueTrajectory`] carries the predicted values with these closed forms and the trapezoidal rule for `I_r`,
//! from the measured values at the first snapshot and never corrected afterwards. With every step of descent at step
//! size `h` recorded, the quadrature error is `O(h^2)` and what remains is descent's own distance from the flow, `O(h)`.
//!
//! # Signs, crossings and repeated values
//!
//! As in the theorem, singular values are followed along smooth paths, on which they may cross each other and, at depth
//! 1, zero: a path continues in the pair `u_r, v_r` that overlaps most with its last one, and its value is negative when
//! the overlap is. (At depth `N >= 2` a value that is not zero never becomes zero.) Vectors turn far within one step only
//! where two values differ by no more than the step's change, so a wrong turn there costs no more than that.
//!
//! Where a singular value is repeated, `u_r` and `v_r` are not determined by `W`, but the rates are: first-order
//! perturbation theory gives the eigenvalues of the symmetric part of `U_c^T grad L(W) V_c` over the cluster's vectors,
//! and its eigenvectors turn these into the `u_r, v_r` of an instant later. An identity initialisation starts in this case.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Real, matmul, svd, symmetric_eigen, transposed};

use crate::DeepLinearError;
use crate::error::require;

/// Singular values closer than this fraction of the largest count as one repeated value: far above the rounding of a
/// decomposition, far below what a step of descent separates.
const REPEATED: f64 = 1e-11;

/// Singular values at one moment, and what moves them.
#[derive(Debug, Clone, PartialEq)]
pub struct SingularValueRates {
    /// `s_r`, descending, non-negative.
    pub values: DVector<f64>,
    /// `u_r`, the columns of an `m x r` matrix.
    pub left: DMatrix<f64>,
    /// `v_r`, the columns of an `n x r` matrix.
    pub right: DMatrix<f64>,
    /// Alignments `g_r = <grad L(W), u_r v_r^T>`.
    pub alignments: DVector<f64>,
    /// `ds_r/dt = -N (s_r^2)^(1 - 1/N) g_r`.
    pub rates: DVector<f64>,
}

/// The right-hand side of the singular-value equation at the end matrix `end` with gradient `gradient` of `L` there.
///
/// # Errors
/// [`DeepLinearError::Configuration`] for depth 0; [`DeepLinearError::Linalg`] if a matrix has an entry that is not
/// finite.
///
/// # Panics
/// If the shapes differ.
pub fn singular_value_rates<T: Real>(
    end: &DMatrix<T>,
    gradient: &DMatrix<T>,
    depth: usize,
) -> Result<SingularValueRates, DeepLinearError> {
    require(depth >= 1, "the depth of the singular-value equation", "at least 1", depth as f64)?;
    let ((m, n), (a, b)) = (end.shape(), gradient.shape());
    assert!((m, n) == (a, b), "end matrix {m} x {n} with gradient {a} x {b}");
    let gradient = gradient.map(Real::f64);
    let svd = svd(&end.map(Real::f64))?;
    let (values, mut left, mut right) = (svd.singular_values, svd.u, svd.v);
    let gap = REPEATED * values.iter().copied().next().unwrap_or(0.0);
    let mut start = 0;
    while start < values.len() {
        let mut stop = start + 1;
        while stop < values.len() && values[stop - 1] - values[stop] <= gap {
            stop += 1;
        }
        let width = stop - start;
        if values[start] <= gap {
            let (u, v) = directions_at_zero(&gradient, &left, &right, start, width)?;
            left.columns_mut(start, width).copy_from(&u);
            right.columns_mut(start, width).copy_from(&v);
        } else if width > 1 {
            let (u, v) = (left.columns(start, width).into_owned(), right.columns(start, width).into_owned());
            let block = matmul(transposed(&u), &matmul(&gradient, &v));
            // Ascending alignments are descending rates: the order the values take an instant later.
            let turn = symmetric_eigen(&((&block + block.transpose()) * 0.5))?.vectors;
            left.columns_mut(start, width).copy_from(&matmul(&u, &turn));
            right.columns_mut(start, width).copy_from(&matmul(&v, &turn));
        }
        start = stop;
    }
    let pulled = matmul(&gradient, &right);
    let alignments = DVector::from_fn(values.len(), |r, _| left.column(r).dot(&pulled.column(r)));
    let exponent = 2.0 - 2.0 / depth as f64;
    let rates = values.zip_map(&alignments, |s, g| -(depth as f64) * s.powf(exponent) * g);
    Ok(SingularValueRates { values, left, right, alignments, rates })
}

/// The directions in which singular values grow out of zero: at depth 1, `-g_r` are the singular values of the gradient
/// between the null spaces of `W`. (Deeper, a zero stays zero whatever its directions.)
fn directions_at_zero(
    gradient: &DMatrix<f64>,
    left: &DMatrix<f64>,
    right: &DMatrix<f64>,
    rank: usize,
    width: usize,
) -> Result<(DMatrix<f64>, DMatrix<f64>), DeepLinearError> {
    let (u, v) = (left.columns(0, rank).into_owned(), right.columns(0, rank).into_owned());
    let rows = gradient - matmul(&u, &matmul(transposed(&u), gradient));
    let between = svd(&(&rows - matmul(&matmul(&rows, &v), transposed(&v))))?;
    Ok((-between.u.columns(0, width), between.v.columns(0, width).into_owned()))
}

/// Carries one singular value, of either sign, through `integral = integral of g dt` at depth `depth >= 1`; infinite
/// where the equation blows up.
///
/// ```
/// use overparam_deep_linear::singular_values::propagate;
///
/// assert_eq!(propagate(2.0, 1, 0.5), 1.5);
/// assert_eq!(propagate(2.0, 2, 0.5), 2.0 * (-1.0_f64).exp());
/// assert_eq!(propagate(1.0, 4, -1.0), f64::INFINITY);
/// ```
pub fn propagate(value: f64, depth: usize, integral: f64) -> f64 {
    if value < 0.0 {
        return -propagate(-value, depth, -integral);
    }
    match depth {
        0 | 1 => value - integral,
        2 => value * (-2.0 * integral).exp(),
        _ if value == 0.0 => 0.0,
        _ => {
            let exponent = 1.0 - 2.0 / depth as f64;
            let base = value.powf(-exponent) + (depth as f64 - 2.0) * integral;
            if base > 0.0 { base.powf(-1.0 / exponent) } else { f64::INFINITY }
        }
    }
}

/// Measured singular values of a run, beside those the equation predicts from the first of them.
///
/// ```
/// use std::ops::ControlFlow;
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::singular_values::SingularValueTrajectory;
/// use overparam_deep_linear::{Convention, DeepLinearError, DeepLinearNetwork, Entry, Initialization};
/// use overparam_deep_linear::{MatrixCompletion, Optimizer, Training};
/// use overparam_tensor::random::Stream;
///
/// let observed = [0, 1, 2].map(|i| Entry { row: i, column: i, value: (i + 1) as f64 });
/// let objective = MatrixCompletion::<f64>::new(3, 3, &observed, Convention::HalfSum)?;
/// let start = Initialization::Identity { scale: 0.01 };
/// let mut network = DeepLinearNetwork::initialize(&[3, 3, 3], &start, &Stream::root(0))?;
/// let rate = 1e-3;
/// let optimizer = Optimizer::GradientDescent { learning_rate: rate };
/// let training = Training { optimizer, loss_target: 1e-6, max_steps: 20_000, observe_every: 1 };
/// let mut trajectory = SingularValueTrajectory::new(network.depth())?;
/// training.run_observed(&mut network, &objective, |seen| {
///     trajectory.record(seen.step as f64 * rate, seen.end_matrix, seen.end_gradient)?;
///     Ok::<_, DeepLinearError>(ControlFlow::Continue(()))
/// })?;
/// assert!(trajectory.relative_error() < 0.01);
/// # Ok::<(), DeepLinearError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SingularValueTrajectory {
    depth: usize,
    times: Vec<f64>,
    measured: Vec<DVector<f64>>,
    predicted: Vec<DVector<f64>>,
    /// The last snapshot, in the order and with the signs of the paths.
    last: Option<Paths>,
}

/// Directions and alignments of the paths at one snapshot: `W = sum_r values_r left_r right_r^T`, values of either sign.
#[derive(Debug, Clone)]
struct Paths {
    values: DVector<f64>,
    left: DMatrix<f64>,
    right: DMatrix<f64>,
    alignments: DVector<f64>,
}

impl Paths {
    /// The paths starting at a snapshot.
    fn start(now: SingularValueRates) -> Self {
        let SingularValueRates { values, left, right, alignments, .. } = now;
        Self { values, left, right, alignments }
    }

    /// The paths continued to the next snapshot: each, largest first, takes the directions it overlaps most with.
    fn follow(&self, now: &SingularValueRates) -> Self {
        let rights = matmul(transposed(&self.right), &now.right);
        let overlaps = matmul(transposed(&self.left), &now.left).component_mul(&rights);
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[b].abs().total_cmp(&self.values[a].abs()));
        let mut free = order.clone();
        let mut next = self.clone();
        for r in order {
            let best = free
                .iter()
                .enumerate()
                .max_by(|(_, a), (_, b)| overlaps[(r, **a)].abs().total_cmp(&overlaps[(r, **b)].abs()));
            let Some(place) = best.map(|(place, _)| place) else { break };
            let j = free.swap_remove(place);
            let sign = if overlaps[(r, j)] < 0.0 { -1.0 } else { 1.0 };
            next.values[r] = sign * now.values[j];
            next.alignments[r] = sign * now.alignments[j];
            next.left.set_column(r, &(now.left.column(j) * sign));
            next.right.set_column(r, &now.right.column(j));
        }
        next
    }
}

impl SingularValueTrajectory {
    /// A trajectory of a network of depth `depth`, before its first snapshot.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for depth 0.
    pub fn new(depth: usize) -> Result<Self, DeepLinearError> {
        require(depth >= 1, "the depth of the singular-value equation", "at least 1", depth as f64)?;
        Ok(Self { depth, times: vec![], measured: vec![], predicted: vec![], last: None })
    }

    /// Adds the snapshot at `time`: the end matrix and the gradient of the loss with respect to it.
    ///
    /// # Errors
    /// [`DeepLinearError::TimeNotIncreasing`]; [`DeepLinearError::SingularValueBlowUp`] where the prediction reaches
    /// infinity; those of [`singular_value_rates`]. The trajectory is then unchanged.
    ///
    /// # Panics
    /// If the shapes differ, or are not those of the snapshots before.
    pub fn record<T: Real>(
        &mut self,
        time: f64,
        end: &DMatrix<T>,
        gradient: &DMatrix<T>,
    ) -> Result<(), DeepLinearError> {
        let now = singular_value_rates(end, gradient, self.depth)?;
        let (paths, predicted) = match (self.times.last(), self.predicted.last(), &self.last) {
            (Some(&previous), Some(before), Some(last)) => {
                if time.is_nan() || time <= previous {
                    return Err(DeepLinearError::TimeNotIncreasing { time, previous });
                }
                let paths = last.follow(&now);
                let half = 0.5 * (time - previous);
                let next = before.zip_zip_map(&last.alignments, &paths.alignments, |s, a, b| {
                    propagate(s, self.depth, half * (a + b))
                });
                if let Some(index) = next.iter().position(|s| !s.is_finite()) {
                    return Err(DeepLinearError::SingularValueBlowUp { index, start: previous, end: time });
                }
                (paths, next)
            }
            _ => {
                let paths = Paths::start(now);
                let values = paths.values.clone();
                (paths, values)
            }
        };
        self.times.push(time);
        self.measured.push(paths.values.clone());
        self.predicted.push(predicted);
        self.last = Some(paths);
        Ok(())
    }

    /// Times of the snapshots.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Measured singular values at each snapshot, one entry per path: in descending order at the first snapshot.
    pub fn measured(&self) -> &[DVector<f64>] {
        &self.measured
    }

    /// Predicted singular values at each snapshot, in the order of [`SingularValueTrajectory::measured`]; the first are
    /// the measured ones.
    pub fn predicted(&self) -> &[DVector<f64>] {
        &self.predicted
    }

    /// Indices of the paths in the order of their last measured sizes, largest first: the order in which to show them.
    pub fn final_order(&self) -> Vec<usize> {
        let last = self.measured.last();
        let mut order: Vec<usize> = (0..last.map_or(0, DVector::len)).collect();
        if let Some(values) = last {
            order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
        }
        order
    }

    /// Relative trajectory error `max_t ||s_predicted(t) - s_measured(t)||_2 / ||s_measured(t)||_2`.
    pub fn relative_error(&self) -> f64 {
        self.predicted
            .iter()
            .zip(&self.measured)
            .map(|(p, m)| (p - m).norm() / m.norm().max(f64::MIN_POSITIVE))
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod properties;

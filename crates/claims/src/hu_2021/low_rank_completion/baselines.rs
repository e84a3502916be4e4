//! What descent is compared with: the certified minimum of the nuclear norm, soft-impute, row and column biases.

use nalgebra::DMatrix;
use overparam_deep_linear::measures::Spectrum;
use overparam_deep_linear::{Entry, NuclearNorm};
use overparam_eval::claim::CellError;
use overparam_tensor::linalg::svd;

use super::descent::outcome;
use super::problem::{Real, Synthetic, mse};
use super::{Certificate, Outcome};

/// The completion of minimum nuclear norm, exact on the observed entries, with its duality gap.
pub(super) fn minimum_nuclear_norm(task: &Synthetic) -> Result<Outcome, CellError> {
    let size = task.truth.nrows();
    let solution = NuclearNorm::default().complete(size, size, &task.observed).map_err(CellError::new)?;
    let spectrum = Spectrum::of(&solution.matrix).map_err(CellError::new)?;
    let truth = Spectrum::of(&task.truth).map_err(CellError::new)?;
    Ok(Outcome {
        test_mse: task.test_mse(&solution.matrix),
        train_mse: mse(&task.observed, |i, j| solution.matrix[(i, j)]),
        effective_rank: spectrum.effective_rank(),
        nuclear_norm: spectrum.nuclear_norm(),
        steps: solution.iterations as u64,
        converged: true,
        truth_effective_rank: Some(truth.effective_rank()),
        certificate: Some(Certificate {
            feasibility: solution.feasibility_residual,
            gap: solution.relative_gap,
        }),
    })
}

/// Soft-impute (Mazumder, Hastie, Tibshirani 2010, algorithm 1): `W <- shrink(P_train(M) + P_hidden(W), lambda)` along a
/// falling path of ten `lambda`, each started from the last; the one with the best validation error is returned.
pub(super) fn soft_impute(task: &Real) -> Result<Outcome, CellError> {
    let fill = |w: &DMatrix<f64>| {
        let mut filled = w.clone();
        task.train.iter().for_each(|e| filled[(e.row, e.column)] = e.value);
        filled
    };
    let mut w = DMatrix::zeros(task.rows, task.columns);
    let largest = svd(&fill(&w)).map_err(CellError::new)?.singular_values.max();
    let mut best = (f64::INFINITY, w.clone());
    let mut steps = 0;
    for k in 1..=10 {
        let lambda = largest * 0.6f64.powi(k);
        // Each fixed point is approached to a relative change of 1e-3, far below the split's noise.
        for _ in 0..100 {
            let next = svd(&fill(&w)).map_err(CellError::new)?.map_singular_values(|s| (s - lambda).max(0.0));
            let change = (&next - &w).norm();
            w = next;
            steps += 1;
            if change <= 1e-3 * w.norm() {
                break;
            }
        }
        let validation = mse(&task.validation, |i, j| w[(i, j)]);
        if validation < best.0 {
            best = (validation, w.clone());
        }
    }
    outcome(task, &best.1, steps)
}

/// `b_i + c_j` by alternating ridge regressions; the ridge with the best validation error is returned.
pub(super) fn biases(task: &Real) -> Result<Outcome, CellError> {
    const SWEEPS: u64 = 30;
    let mut best = (f64::INFINITY, DMatrix::zeros(task.rows, task.columns));
    for ridge in [0.1, 1.0, 3.0, 10.0, 30.0] {
        let (mut rows, mut columns) = (vec![0.0; task.rows], vec![0.0; task.columns]);
        for _ in 0..SWEEPS {
            rows = effects(&task.train, task.rows, ridge, |e| (e.row, e.value - columns[e.column]));
            columns = effects(&task.train, task.columns, ridge, |e| (e.column, e.value - rows[e.row]));
        }
        let validation = mse(&task.validation, |i, j| rows[i] + columns[j]);
        if validation < best.0 {
            best = (validation, DMatrix::from_fn(task.rows, task.columns, |i, j| rows[i] + columns[j]));
        }
    }
    outcome(task, &best.1, SWEEPS)
}

/// `sum of residuals / (count + ridge)` for each index.
fn effects(train: &[Entry], n: usize, ridge: f64, residual: impl Fn(&Entry) -> (usize, f64)) -> Vec<f64> {
    let mut sums = vec![(0.0, ridge); n];
    for (i, r) in train.iter().map(residual) {
        sums[i].0 += r;
        sums[i].1 += 1.0;
    }
    sums.into_iter().map(|(sum, count)| sum / count).collect()
}

//! Completion by gradient descent on a deep linear network, in single precision as in the source.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_deep_linear::measures::Spectrum;
use overparam_deep_linear::{
    Convention, DeepLinearError, DeepLinearNetwork, Initialization, MatrixCompletion, Optimizer, Training,
};
use overparam_eval::claim::CellError;
use overparam_tensor::random::Stream;

use super::Outcome;
use super::problem::{Real, Synthetic, mse};

/// The source's rule of descent, until the training error falls to `target`.
pub(super) fn training(learning_rate: f64, target: f64) -> Training {
    let optimizer = Optimizer::rms_normalized(learning_rate);
    Training { optimizer, loss_target: target, max_steps: 300_000, observe_every: 0 }
}

/// Descends until the observed entries are fitted.
pub(super) fn to_convergence(
    task: &Synthetic,
    depth: usize,
    scale: f64,
    training: Training,
    stream: &Stream,
) -> Result<Outcome, CellError> {
    let size = task.truth.nrows();
    let objective =
        MatrixCompletion::<f32>::new(size, size, &task.observed, Convention::Mean).map_err(CellError::new)?;
    let mut network = start(&vec![size; depth + 1], scale, stream)?;
    let target = training.loss_target;
    let summary = training.run(&mut network, &objective).map_err(CellError::new)?;
    let end = network.end_matrix().map(f64::from);
    let spectrum = Spectrum::of(&end).map_err(CellError::new)?;
    let truth = Spectrum::of(&task.truth).map_err(CellError::new)?;
    Ok(Outcome {
        test_mse: task.test_mse(&end),
        train_mse: summary.loss,
        effective_rank: spectrum.effective_rank(),
        nuclear_norm: spectrum.nuclear_norm(),
        steps: summary.steps,
        converged: summary.loss <= target,
        truth_effective_rank: Some(truth.effective_rank()),
        certificate: None,
    })
}

/// Descends while the validation error falls, and returns the best point met.
///
/// Validation every 50 updates; stops when 2,000 updates brought nothing better, or after 60,000.
pub(super) fn early_stopped(
    task: &Real,
    depth: usize,
    scale: f64,
    training: Training,
    stream: &Stream,
) -> Result<Outcome, CellError> {
    const EVERY: u64 = 50;
    const PATIENCE: u64 = 2_000;
    let objective = MatrixCompletion::<f32>::new(task.rows, task.columns, &task.train, Convention::Mean)
        .map_err(CellError::new)?;
    let mut widths = vec![task.width; depth + 1];
    (widths[0], widths[depth]) = (task.columns, task.rows);
    let mut network = start(&widths, scale, stream)?;
    let training = Training { max_steps: 60_000, observe_every: EVERY, ..training };
    let mut best = (f64::INFINITY, 0, DMatrix::zeros(0, 0));
    let mut observer = |snapshot: &overparam_deep_linear::Snapshot<'_, f32>| -> Result<_, DeepLinearError> {
        let validation = mse(&task.validation, |i, j| f64::from(snapshot.end_matrix[(i, j)]));
        if validation < best.0 {
            best = (validation, snapshot.step, snapshot.end_matrix.clone());
        }
        let hopeless = snapshot.step > best.1 + PATIENCE;
        Ok(if hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    training.run_observed(&mut network, &objective, &mut observer).map_err(CellError::new)?;
    let (_, steps, end) = best;
    outcome(task, &end.map(f64::from), steps)
}

/// What a completed real matrix measures, in the data's units.
pub(super) fn outcome(task: &Real, end: &DMatrix<f64>, steps: u64) -> Result<Outcome, CellError> {
    let spectrum = Spectrum::of(end).map_err(CellError::new)?;
    let at = |i, j| end[(i, j)];
    Ok(Outcome {
        test_mse: mse(&task.test, at) * task.unit.powi(2),
        train_mse: mse(&task.train, at) * task.unit.powi(2),
        effective_rank: spectrum.effective_rank(),
        nuclear_norm: spectrum.nuclear_norm() * task.unit,
        steps,
        converged: true,
        truth_effective_rank: None,
        certificate: None,
    })
}

fn start(widths: &[usize], scale: f64, stream: &Stream) -> Result<DeepLinearNetwork<f32>, CellError> {
    DeepLinearNetwork::initialize(widths, &Initialization::Gaussian { scale }, stream).map_err(CellError::new)
}

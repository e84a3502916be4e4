//! One training run beside its prediction.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::{SymmetricEigen, symmetric_eigen};

use super::{Cell, Labels, Outcome};
use crate::hu_2021::images::{Task, choose, coins, unit_rows};
use crate::hu_2021::two_layer::{Descent, TwoLayer, first_layer_kernel};

const TASK: Task = Task::ZeroOrOne;
/// Share of the loss to which steps are counted.
const TENTH: f64 = 0.1;
/// Points of a curve that are kept.
const POINTS: usize = 40;

/// `-(I - eta H)^k y`, from the kernel alone.
struct Prediction {
    eigen: SymmetricEigen<f64>,
    rate: f64,
}

impl Prediction {
    fn new(kernel: &DMatrix<f64>, rate: f64) -> Result<Self, CellError> {
        Ok(Self { eigen: symmetric_eigen(kernel).map_err(CellError::new)?, rate })
    }

    /// `V^T y`.
    fn modes(&self, y: &DVector<f64>) -> DVector<f64> {
        self.eigen.vectors.tr_mul(y)
    }

    /// Residual modes after `k` steps.
    fn after(&self, modes: &DVector<f64>, k: usize) -> DVector<f64> {
        modes.zip_map(&self.eigen.values, |mode, value| -(1.0 - self.rate * value).powf(k as f64) * mode)
    }

    /// Steps until the loss is a tenth; `None` within `most` steps.
    fn steps(&self, modes: &DVector<f64>, most: usize) -> Option<usize> {
        (0..=most).find(|&k| self.after(modes, k).norm_squared() <= TENTH * modes.norm_squared())
    }
}

/// A guard: with eigenvalues from 0.02 on, the loss is a tenth long before.
const MOST_STEPS: usize = 50_000;

pub(super) fn run(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    let parts = cell.data.parts(context)?;
    let images = choose(&TASK.members(&parts.train), cell.examples, &context.shared("images", cell.seed))?;
    let x = unit_rows(&parts.train, &images);
    let random = coins(cell.examples, &context.shared("coins", cell.seed));
    let y = if cell.labels == Labels::True { TASK.signs(&parts.train, &images) } else { random.clone() };
    let rate = 3.5 / cell.examples as f64;

    let seen = if cell.other_kernel {
        let order = context.shared("order", cell.seed).permutation(cell.examples);
        x.select_rows(&order)
    } else {
        x.clone()
    };
    let prediction = Prediction::new(&first_layer_kernel(&seen, None)?, rate)?;
    let horizon = prediction
        .steps(&prediction.modes(&random), MOST_STEPS)
        .ok_or_else(|| CellError(format!("theory wants more than {MOST_STEPS} steps")))?;
    let modes = prediction.modes(&y);

    let stream = context.shared("start", cell.seed).indexed(cell.width as u64);
    let mut net = TwoLayer::start(x.ncols(), cell.width, cell.kappa, &stream);
    let norm = y.norm();
    let (mut deviation, mut curve_error, mut steps, mut curve) = (0.0_f64, 0.0_f64, None, Vec::new());
    let every = horizon.div_ceil(POINTS).max(1);
    net.descend((&x, &y), Descent { rate, momentum: 0.0 }, |k, residuals| {
        let share = (residuals.norm() / norm).powi(2);
        if share <= TENTH && steps.is_none() {
            steps = Some(k);
        }
        if k <= horizon {
            let predicted = prediction.after(&modes, k);
            deviation = deviation.max((residuals - &prediction.eigen.vectors * &predicted).norm() / norm);
            curve_error = curve_error.max((residuals.norm() - predicted.norm()).abs() / norm);
            if k % every == 0 {
                curve.push((k, share, (predicted.norm() / norm).powi(2)));
            }
        }
        // Past the horizon only to see the loss reach a tenth.
        k < horizon || (steps.is_none() && k < 4 * horizon)
    })?;
    let predicted_steps = prediction.steps(&modes, MOST_STEPS);
    Ok(Outcome { deviation, curve_error, steps, predicted_steps, curve })
}

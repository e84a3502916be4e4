//! What theory says of a run of which it knows the product of the layers before training, the data and the imbalance `lambda`.
//!
//! It knows neither the layers nor the steps.

use nalgebra::DMatrix;
use overparam_deep_linear::DeepLinearError;
use overparam_deep_linear::balanced::{AlignedMode, BalancedFlow, BalancedState};
use overparam_eval::theory::Theory;
use overparam_tensor::linalg::{Svd, matmul, svd, transposed};

use super::{Cell, FRACTIONS, Mode, State};

/// The imbalance that the prediction works with.
pub(super) fn imbalance(cell: &Cell, theory: &Theory) -> f64 {
    let exponent = theory.constant("exponent of lambda", 1.0);
    let factor = theory.constant("lambda (of its value)", 1.0);
    factor * cell.imbalance.signum() * cell.imbalance.abs().powf(exponent)
}

/// By how much the predicted clock is faster.
fn clock(theory: &Theory) -> f64 {
    theory.constant("speed (of its value)", 1.0)
}

/// A start and what is to be learned.
pub(super) struct Known {
    sigma: DMatrix<f64>,
    product: DMatrix<f64>,
    hidden: usize,
}

impl Known {
    pub(super) fn of(cell: &Cell, state: &State) -> Self {
        let matrix = |entries: &[f64]| DMatrix::from_column_slice(cell.outputs, cell.inputs, entries);
        Self { sigma: matrix(&state.sigma), product: matrix(&state.product), hidden: cell.hidden }
    }

    /// The states at these times. The layers in it are *some* lambda-balanced layers of the same product `U diag(p) V^T`: their Gram
    /// matrices are `V diag(a^2) V^T` and `U diag(b^2) U^T` with `a b = p`, `b^2 - a^2 = lambda`, whatever the frame of the hidden layer.
    pub(super) fn path(
        &self,
        lambda: f64,
        times: &[f64],
        theory: &Theory,
    ) -> Result<Vec<BalancedState>, DeepLinearError> {
        let Svd { u, singular_values: p, v } = svd(&self.product)?;
        let units = self.hidden.min(p.len());
        let squares: Vec<[f64; 2]> = p.iter().take(units).map(|p| squares(*p, lambda)).collect();
        let layer = |frame: &DMatrix<f64>, which: usize| {
            let mut layer = frame.columns(0, units).into_owned();
            for (mut column, squares) in layer.column_iter_mut().zip(&squares) {
                column *= squares[which].sqrt();
            }
            layer
        };
        let flow = BalancedFlow::new(&layer(&v, 0).transpose(), &layer(&u, 1), &self.sigma)?;
        let clock = clock(theory);
        flow.trajectory(&times.iter().map(|t| clock * t).collect::<Vec<_>>())
    }

    /// How far the tangent kernel is from its start when all is learned, relative to the start: by the singular values alone.
    pub(super) fn movement(&self, lambda: f64) -> Result<f64, DeepLinearError> {
        let grams = |of: &DMatrix<f64>| -> Result<[DMatrix<f64>; 2], DeepLinearError> {
            let Svd { u, singular_values, v } = svd(of)?;
            let units = self.hidden.min(singular_values.len());
            let gram = |frame: &DMatrix<f64>, which: usize| {
                let frame = frame.columns(0, units).into_owned();
                let mut scaled = frame.clone();
                for (mut column, s) in scaled.column_iter_mut().zip(singular_values.iter()) {
                    column *= squares(*s, lambda)[which];
                }
                matmul(&scaled, transposed(&frame))
            };
            Ok([gram(&v, 0), gram(&u, 1)])
        };
        let ([inputs, outputs], [first, second]) = (grams(&self.sigma)?, grams(&self.product)?);
        Ok(kernel_norm(&(inputs - &first), &(outputs - &second)) / kernel_norm(&first, &second))
    }

    /// The largest distance from the linearised net at these times, relative to what is learned, to leading order in `1/lambda`.
    pub(super) fn gap(&self, lambda: f64, times: &[f64]) -> f64 {
        let (sigma, p) = (&self.sigma, &self.product);
        let error = sigma - p;
        // a b^T c.
        let triple =
            |a: &DMatrix<f64>, b: &DMatrix<f64>, c: &DMatrix<f64>| matmul(&matmul(a, transposed(b)), c);
        let constant = triple(sigma, sigma, &error) - triple(p, p, &error) + triple(&error, sigma, sigma)
            - triple(&error, p, p);
        let linear = triple(sigma, &error, &error)
            + triple(&error, sigma, &error) * 2.0
            + triple(&error, &error, sigma);
        let square = triple(&error, &error, &error) * 2.0;
        let at = |time: &f64| {
            let tau = lambda.abs() * time;
            let left = (-tau).exp();
            let sum = &constant * tau - &linear * (1.0 - left) + &square * (0.5 * (1.0 - left * left));
            left * sum.norm()
        };
        times.iter().map(at).fold(0.0, f64::max) / (lambda * lambda * sigma.norm())
    }
}

/// `a^2` and `b^2` with `a b = s`, `b^2 - a^2 = lambda`.
fn squares(s: f64, lambda: f64) -> [f64; 2] {
    let large = s.hypot(0.5 * lambda) + 0.5 * lambda.abs();
    let small = if large > 0.0 { s * s / large } else { 0.0 };
    if lambda < 0.0 { [large, small] } else { [small, large] }
}

/// The norm of the tangent kernel on all unit inputs, `I (x) W2 W2^T + W1^T W1 (x) I`, from `W1^T W1` and `W2 W2^T`.
pub(super) fn kernel_norm(inputs: &DMatrix<f64>, outputs: &DMatrix<f64>) -> f64 {
    let (d, c) = (inputs.nrows() as f64, outputs.nrows() as f64);
    let square =
        d * outputs.norm_squared() + c * inputs.norm_squared() + 2.0 * inputs.trace() * outputs.trace();
    square.max(0.0).sqrt()
}

/// When an aligned mode has come to each of the fractions.
pub(super) fn crossings(mode: &Mode, lambda: f64, theory: &Theory) -> Result<[f64; 3], DeepLinearError> {
    let aligned = AlignedMode::new(mode.start, mode.sigma, lambda)?;
    let mut times = [0.0; 3];
    for (time, fraction) in times.iter_mut().zip(FRACTIONS) {
        *time = aligned.time_to(fraction * mode.sigma)? / clock(theory);
    }
    Ok(times)
}

/// The shape of a learning curve: the time from a tenth to half, over the time from half to nine tenths. An exponential has
/// `ln(9/5) / ln 5 = 0.365`, a sigmoid 1.
pub(super) fn shape([early, half, late]: [f64; 3]) -> f64 {
    (half - early) / (late - half)
}

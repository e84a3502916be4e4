//! Preconditioned conjugate gradients for many right-hand sides: every column has its own coefficients, and all columns share
//! one pass over the kernel per iteration.

use nalgebra::DMatrix;

use crate::SolveError;
use crate::precondition::Precondition;
use crate::progress::Progress;
use crate::system::{System, relative};

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Criteria {
    pub(crate) tolerance: f64,
    /// Iterations in all, those before an interruption included.
    pub(crate) max_iterations: usize,
}

/// All that the next iteration depends on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) x: DMatrix<f64>,
    /// The residual as the recursion has it.
    pub(crate) r: DMatrix<f64>,
    /// Search directions.
    pub(crate) p: DMatrix<f64>,
    /// Products of residuals and preconditioned residuals; 0 in a column that has come to its end.
    pub(crate) rz: Vec<f64>,
    /// True relative residuals when the recursion was last begun.
    pub(crate) last: Vec<f64>,
    pub(crate) iterations: usize,
    /// Whether directions are still to be made from the residuals.
    pub(crate) fresh: bool,
}

impl State {
    /// From `x` with the true residual `r`.
    pub(crate) fn begin(x: DMatrix<f64>, r: DMatrix<f64>) -> Self {
        let (rows, columns) = x.shape();
        let (rz, last) = (vec![0.0; columns], vec![f64::INFINITY; columns]);
        Self { x, r, p: DMatrix::zeros(rows, columns), rz, last, iterations: 0, fresh: true }
    }
}

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) iterations: usize,
    pub(crate) passes: usize,
    pub(crate) residuals: Vec<f64>,
    pub(crate) certified: bool,
}

/// The recursion ends below this part of the tolerance, so that the true residual is likely to be below the whole.
const MARGIN: f64 = 0.5;

/// A true residual that has not shrunk by this since the recursion was begun is at the floor of f64.
const PROGRESS: f64 = 0.5;

/// Iterates from `state`, which is left as it was after the last whole iteration if this ends early. `save` sees it after
/// each.
///
/// The recursion's residual drifts from the true one, which is recomputed whenever the recursion is at its end; if it is too
/// large, the recursion begins again from it. Coefficients are Polak and Ribiere's: they allow for the rounding errors
/// of a preconditioner in f32.
pub(crate) fn run(
    system: &System<'_>,
    b: &DMatrix<f64>,
    precondition: &dyn Precondition,
    state: &mut State,
    criteria: Criteria,
    save: &mut dyn FnMut(&State) -> Result<(), SolveError>,
    progress: &Progress,
) -> Result<Outcome, SolveError> {
    let (begun, mut passes) = (state.iterations, 0);
    loop {
        while state.iterations < criteria.max_iterations
            && step(system, b, precondition, state, criteria, progress)?
        {
            passes += 1;
            save(state)?;
        }
        let r = system.residual(b, &state.x, progress)?;
        passes += 1;
        let residuals = relative(&r, b);
        let good = |residual: f64| residual <= criteria.tolerance;
        let certified = residuals.iter().all(|&residual| good(residual));
        let shrunk = |(&now, &last): (&f64, &f64)| !good(now) && now < PROGRESS * last;
        let stuck = !residuals.iter().zip(&state.last).any(shrunk);
        if certified || stuck || state.iterations >= criteria.max_iterations {
            return Ok(Outcome { iterations: state.iterations - begun, passes, residuals, certified });
        }
        (state.r, state.last, state.fresh) = (r, residuals, true);
    }
}

/// One iteration; `false` if no column needs one.
fn step(
    system: &System<'_>,
    b: &DMatrix<f64>,
    precondition: &dyn Precondition,
    state: &mut State,
    criteria: Criteria,
    progress: &Progress,
) -> Result<bool, SolveError> {
    progress.check()?;
    let columns = b.ncols();
    if state.fresh {
        let z = precondition.apply(&state.r, progress)?;
        state.rz = (0..columns).map(|c| z.column(c).dot(&state.r.column(c))).collect();
        (state.p, state.fresh) = (z, false);
    }
    let ratios = relative(&state.r, b);
    progress.digits(ratios.iter().copied().fold(0.0, f64::max), criteria.tolerance);
    let goes_on = |c: usize| ratios[c] > MARGIN * criteria.tolerance && state.rz[c] > 0.0;
    let active: Vec<usize> = (0..columns).filter(|&c| goes_on(c)).collect();
    if active.is_empty() {
        return Ok(false);
    }
    let p = state.p.select_columns(&active);
    let q = system.times(&p, progress)?;
    let mut r = state.r.select_columns(&active);
    let mut lengths = Vec::with_capacity(active.len());
    for (a, &c) in active.iter().enumerate() {
        let (p, q) = (p.column(a), q.column(a));
        let curvature = p.dot(&q);
        let length = state.rz[c] / curvature;
        if curvature < -1e-10 * p.norm() * q.norm() {
            let evidence = format!(
                "conjugate gradients met the curvature {:.3e} in column {c}",
                curvature / p.norm_squared()
            );
            return Err(SolveError::NotPositiveDefinite { evidence });
        }
        // Curvature below the rounding errors: this direction is at its end.
        lengths.push(if curvature > 0.0 && length.is_finite() { length } else { 0.0 });
        r.column_mut(a).axpy(-lengths[a], &q, 1.0);
    }
    let z = precondition.apply(&r, progress)?;
    // Nothing below can fail: the state is that of one iteration or of the next.
    for (a, &c) in active.iter().enumerate() {
        state.x.column_mut(c).axpy(lengths[a], &p.column(a), 1.0);
        let change = r.column(a) - state.r.column(c);
        let beta = z.column(a).dot(&change) / state.rz[c];
        state.p.set_column(c, &(z.column(a) + p.column(a) * beta));
        state.r.set_column(c, &r.column(a));
        state.rz[c] = if lengths[a] > 0.0 { z.column(a).dot(&r.column(a)) } else { 0.0 };
    }
    state.iterations += 1;
    Ok(true)
}

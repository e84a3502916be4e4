//! Nets trained on coins and on true labels, beside their prediction.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::{matmul, symmetric_eigen, transposed};
use overparam_tensor::random::Stream;

use super::theory::{Prediction, crossing, fitted};
use super::{Cell, Moment, Outcome};
use crate::hu_2021::images::{Task, choose, coins, unit_rows};
use crate::hu_2021::two_layer::{Descent, TwoLayer, first_layer_kernel};

const TASK: Task = Task::ZeroOrOne;
/// Moments that are kept, geometrically spaced.
const MOMENTS: usize = 12;

pub(super) fn run(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    let parts = cell.data.parts(context)?;
    let images = choose(&TASK.members(&parts.train), cell.examples, &context.shared("images", cell.seed))?;
    let x = in_their_span(&unit_rows(&parts.train, &images))?;
    let random = coins(cell.examples, &context.shared("coins", cell.seed));
    let labels = TASK.signs(&parts.train, &images);
    let rate = 3.5 / cell.examples as f64;
    let kernel = first_layer_kernel(&x, None)?;
    let [on_coins, on_labels] = [&random, &labels].map(|y| Prediction::new(&kernel, rate, y));
    let (on_coins, on_labels) = (on_coins?, on_labels?);
    let nngp = Prediction::new(&nngp_of_equal_trace(&x), rate, &random)?;

    let steps = moments(cell.steps);
    let [mut losses, mut deviations, mut from_nngp] = [(); 3].map(|()| vec![0.0; steps.len()]);
    let share = 1.0 / (random.norm_squared() * cell.nets as f64);
    let expected: Vec<_> = steps.iter().map(|&k| (on_coins.after(k), nngp.after(k))).collect();
    let stream = |net: u64| context.shared("start", cell.seed).indexed(net);
    let predicted_steps = [on_coins.steps(), on_labels.steps()];
    let most = predicted_steps.map(|steps| steps.map_or(0, |steps| (4.0 * steps + 20.0) as usize));
    let (mut finished, mut crossings) = (true, [Vec::new(), Vec::new()]);
    for net in 0..cell.nets {
        let mut watch = Watch::new(&random);
        let end = descend(cell, &x, &random, &stream(net), |k, residuals| {
            if let Some(i) = steps.iter().position(|&step| step == k) {
                losses[i] += share * residuals.norm_squared();
                deviations[i] += share * (residuals - &expected[i].0).norm_squared();
                from_nngp[i] += share * (residuals - &expected[i].1).norm_squared();
            }
            watch.see(k, residuals);
            k < cell.steps || (watch.reached.is_none() && k < most[0])
        });
        finished &= end.is_some();
        crossings[0].push(watch.reached);
        let mut watch = Watch::new(&labels);
        descend(cell, &x, &labels, &stream(net), |k, residuals| {
            watch.see(k, residuals);
            watch.reached.is_none() && k < most[1]
        });
        crossings[1].push(watch.reached);
    }
    let predicted = on_coins.deviations(&x, &steps, &context.shared("neurons", cell.seed));
    let norm = random.norm_squared();
    let moment = |i: usize| Moment {
        step: steps[i],
        loss: losses[i],
        predicted_loss: expected[i].0.norm_squared() / norm,
        deviation: deviations[i],
        predicted_deviation: predicted[i] / norm,
        from_nngp: from_nngp[i],
    };
    let moments = if finished { (0..steps.len()).map(moment).collect() } else { Vec::new() };
    let steps = crossings.map(|crossings| geometric_mean(&crossings));
    Ok(Outcome { moments, steps, predicted_steps })
}

/// Rows in coordinates of the space that they span. `X w` of a Gaussian `w` keeps its distribution, and descent its course: gradients
/// lie in that space.
fn in_their_span(x: &DMatrix<f64>) -> Result<DMatrix<f64>, CellError> {
    if x.ncols() <= x.nrows() {
        return Ok(x.clone());
    }
    let mut gram = matmul(x, transposed(x));
    gram = 0.5 * (&gram + gram.transpose());
    let eigen = symmetric_eigen(&gram).map_err(CellError::new)?;
    let mut rows = eigen.vectors;
    for (mut column, value) in rows.column_iter_mut().zip(eigen.values.iter()) {
        column *= value.max(0.0).sqrt();
    }
    // Unit to the last place, as the kernel wants it.
    for mut row in rows.row_iter_mut() {
        let norm = row.norm();
        row /= if norm > 0.0 { norm } else { 1.0 };
    }
    Ok(rows)
}

/// `E relu(w.x) relu(w.x')`: half on the diagonal, like the tangent kernel of the first layer.
fn nngp_of_equal_trace(x: &DMatrix<f64>) -> DMatrix<f64> {
    matmul(x, transposed(x)).map(|t| {
        let t = t.clamp(-1.0, 1.0);
        ((1.0 - t * t).sqrt() + t * (std::f64::consts::PI - t.acos())) / (2.0 * std::f64::consts::PI)
    })
}

/// Twelve steps from 1 to the last, geometrically spaced.
fn moments(last: usize) -> Vec<usize> {
    let at = |i: usize| (last as f64).powf(i as f64 / (MOMENTS - 1) as f64).round() as usize;
    let mut steps: Vec<usize> = (0..MOMENTS).map(at).collect();
    steps.dedup();
    steps
}

/// `None` if descent diverged.
fn descend(
    cell: &Cell,
    x: &DMatrix<f64>,
    y: &DVector<f64>,
    stream: &Stream,
    observe: impl FnMut(usize, &DVector<f64>) -> bool,
) -> Option<usize> {
    let mut net = TwoLayer::start(x.ncols(), cell.width, cell.start.scale(cell.width), stream);
    let descent = Descent { rate: 3.5 / cell.examples as f64, momentum: 0.0 };
    net.descend((x, y), descent, observe)
}

/// Waits for the loss to fall to a tenth.
struct Watch {
    start: f64,
    before: f64,
    reached: Option<f64>,
}

impl Watch {
    fn new(y: &DVector<f64>) -> Self {
        Self { start: y.norm_squared(), before: 1.0, reached: None }
    }

    fn see(&mut self, k: usize, residuals: &DVector<f64>) {
        let now = residuals.norm_squared() / self.start;
        if self.reached.is_none() && fitted(now) {
            self.reached = Some(crossing(k, self.before, now));
        }
        self.before = now;
    }
}

/// `None` if a net did not get there.
fn geometric_mean(values: &[Option<f64>]) -> Option<f64> {
    let logs: Vec<f64> = values.iter().map(|value| value.map(f64::ln)).collect::<Option<_>>()?;
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_their_span_have_the_same_products() {
        let mut x: DMatrix<f64> = Stream::root(1).normal_matrix(4, 9, 1.0);
        x.row_iter_mut().for_each(|mut row| row /= row.norm());
        let seen = in_their_span(&x).unwrap();
        assert_eq!(seen.shape(), (4, 4));
        assert!((matmul(&seen, transposed(&seen)) - matmul(&x, transposed(&x))).amax() < 1e-14);
    }

    #[test]
    fn moments_grow_to_the_last_step() {
        let steps = moments(200);
        assert_eq!((steps.first(), steps.last()), (Some(&1), Some(&200)));
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

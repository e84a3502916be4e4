//! One net trained, and its loss curve against the kernel's.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::optim::Minibatches;
use overparam_tensor::{Tensor, loss};

use super::{COMPARED, Cell, Curve, DRAWN, Loss, Task, Trained};
use crate::wide::{LinearDynamics, Net, coins};

/// One net; nothing if it diverged.
pub(super) fn train(
    cell: &Cell,
    x: &DMatrix<f64>,
    number: u64,
    context: &Context<'_>,
) -> Result<Option<Trained>, CellError> {
    let n = cell.examples;
    let net = Net::new(cell.form, x, &context.own("weights").indexed(number))?;
    let kernel = net.kernel(&net.start)?;
    let eigen = symmetric_eigen(&kernel).map_err(CellError::new)?;
    let rate = n as f64 / eigen.values.max();
    let y = match cell.task {
        Task::Eigenvector => {
            eigen.vectors.column(n / 2).iter().map(|v| (n as f64).sqrt() / 4.0 * v).collect()
        }
        Task::Coins | Task::Stochastic => coins(n, &context.shared("labels", cell.seed).indexed(number)),
    };
    let linear = LinearDynamics::new(&kernel, &y, rate)?;
    let steps = linear.steps_to(cell.left)?;
    let mut losses = Vec::new();
    let mut look = |_: usize, loss: f64, _: &_| {
        losses.push(loss);
        ControlFlow::Continue(())
    };
    let trained = match (cell.task, cell.loss) {
        (Task::Stochastic, _) => {
            let batches = Minibatches::new(n, n / 2, context.own("batches"));
            let goal = net.goal(&y);
            let objective = |step: usize, p: &_| {
                let chosen = batches.at(step);
                loss::squared(&net.network.apply(p, &net.x.gather(0, &chosen)), &goal.gather(0, &chosen))
            };
            net.descend(objective, rate / 2.0, 4 * steps, &mut look)
        }
        (_, Loss::Squared) => net.train(&y, rate, steps, &mut look),
        (_, Loss::Logistic) => {
            let signs = Tensor::from_vec(&[n, 1], y.clone());
            let origin = net.goal(&vec![0.0; n]);
            let objective =
                |_: usize, p: &_| loss::logistic(&(net.network.apply(p, &net.x) - &origin), &signs);
            // The logistic loss is four times as smooth.
            net.descend(objective, 4.0 * rate, steps, &mut look)
        }
    };
    // A net may diverge at a rate that is its kernel's at the start.
    let Ok(end) = trained else { return Ok(None) };
    let fitted = net.change(&net.x)(&end);
    let curve = match cell.task {
        Task::Stochastic => None,
        _ => Some(compare(&linear, &losses)?),
    };
    Ok(Some(Trained { errors: errors(&fitted, &y), moved: net.movement(&end), curve }))
}

/// Means over nets; of the curves the first is kept.
pub(super) fn mean(runs: Vec<Trained>) -> Option<Trained> {
    let over = |f: &dyn Fn(&Trained) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
    let (errors, moved) = (runs.iter().map(|run| run.errors).fold(0.0, f64::max), over(&|run| run.moved));
    let of_curve = |f: fn(&Curve) -> f64| over(&|run| run.curve.as_ref().map_or(f64::NAN, f));
    let (decay, bend) = (of_curve(|c| c.decay), of_curve(|c| c.bend));
    let first = runs.into_iter().next()?;
    let curve = first.curve.map(|curve| Curve { decay, bend, ..curve });
    Some(Trained { errors, moved, curve })
}

fn errors(fitted: &DMatrix<f64>, y: &[f64]) -> f64 {
    fitted.iter().zip(y).filter(|(f, y)| **f * **y <= 0.0).count() as f64 / y.len() as f64
}

/// Compares a loss curve with the prediction for the squared error.
fn compare(linear: &LinearDynamics, losses: &[f64]) -> Result<Curve, CellError> {
    let predicted: Result<Vec<f64>, CellError> = (0..losses.len()).map(|step| linear.left(step)).collect();
    let predicted = predicted?;
    let measured: Vec<f64> = losses.iter().map(|loss| loss / losses[0]).collect();
    let last = losses.len() - 1;
    let at = predicted.iter().position(|left| *left <= COMPARED).unwrap_or(last);
    let fall = |from: usize, to: usize| (measured[from] / measured[to]).ln() / (to - from).max(1) as f64;
    let (half, three) = (last / 2, 3 * last / 4);
    let spacing = last as f64 / (DRAWN - 1) as f64;
    let thin = |values: &[f64]| (0..DRAWN).map(|i| values[(i as f64 * spacing).round() as usize]).collect();
    Ok(Curve {
        decay: measured[at].ln() / predicted[at].ln(),
        bend: fall(half, three) / fall(three, last),
        measured: thin(&measured),
        predicted: thin(&predicted),
        spacing,
    })
}

//! One search for the least width, one pass of descent.

use std::ops::ControlFlow;

use overparam_eval::claim::CellError;
use overparam_tensor::random::Stream;
use overparam_tensor::{Tensor, loss};

use super::features::Start;
use super::separation::separable;
use super::{Cell, DIMENSION, RATE, TEST};
use crate::wide::{Form, Net, Scaling};

/// The least number of neurons that separates: doubling, then bisection. Neurons are nested, so this is exact.
pub(super) fn least_width(cell: &Cell, stream: &Stream) -> usize {
    let (x, y) = cell.labels.draw(cell.examples, DIMENSION, stream);
    let most = (2 * cell.examples / DIMENSION).max(1);
    let enough = |width: usize| {
        let start = Start::draw(2, width, DIMENSION, &stream.named("weights"));
        separable(&start.features(&x), &y)
    };
    let (mut low, mut high) = (0, 1);
    while high < most && !enough(high) {
        (low, high) = (high, (2 * high).min(most));
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle) { high = middle } else { low = middle }
    }
    high
}

/// Mistakes at powers of two from 64 to `n`, and the test error.
pub(super) fn online(
    cell: &Cell,
    width: usize,
    stream: &Stream,
) -> Result<(Vec<(usize, f64)>, f64), CellError> {
    let n = cell.examples;
    let (x, y) = cell.labels.draw(n + TEST, DIMENSION, stream);
    let rows = x.transpose();
    let net = Net::new(Form { depth: 2, width, scaling: Scaling::Ntk }, &rows, &stream.named("weights"))?;
    let signs = Tensor::from_vec(&[n + TEST, 1], y.clone());
    let origin = net.goal(&vec![0.0; n + TEST]);
    let objective = |step: usize, p: &_| {
        let chosen = [step];
        let change = net.network.apply(p, &net.x.gather(0, &chosen)) - origin.gather(0, &chosen);
        loss::logistic(&change, &signs.gather(0, &chosen))
    };
    let (mut made, mut mistakes) = (0.0, Vec::new());
    let end = net.descend(objective, RATE, n, |step, loss, _| {
        // Before the step: example number `step`, counted from 0. The last look is at a test example.
        if step >= 64 && step.is_power_of_two() {
            mistakes.push((step, made));
        }
        if step < n && loss >= std::f64::consts::LN_2 {
            made += 1.0;
        }
        ControlFlow::Continue(())
    })?;
    let outputs = net.change(&net.x)(&end);
    let wrong = (n..n + TEST).filter(|&i| outputs[(i, 0)] * y[i] <= 0.0).count();
    Ok((mistakes, wrong as f64 / TEST as f64))
}

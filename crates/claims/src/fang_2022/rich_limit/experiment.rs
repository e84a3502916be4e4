//! Real nets: weights, a loss, its gradient. Nothing here knows of a limit.

use overparam_eval::claim::CellError;
use overparam_tensor::ode::{Integrator, OdeError, Tolerance};
use overparam_tensor::random::Stream;

use super::{Cell, EXAMPLES, Moment, Outcome, Richness, SEEN, TARGETS, TIMES, WIDE, entries};

/// `x/sqrt d` of the two examples in `d = 2` dimensions: their products are `K`.
pub(super) const INPUTS: [[f64; 2]; EXAMPLES] = [[1.0, 0.0], [0.3, 0.842_614_977_317_635_9]];

/// Errors of a step, far below what 32 draws resolve.
const TOLERANCE: Tolerance = Tolerance { relative: 1e-4, absolute: 1e-6, max_steps: 100_000 };

/// `h = w.x/sqrt d`.
fn hidden(w: &[f64], example: usize) -> f64 {
    w[0] * INPUTS[example][0] + w[1] * INPUTS[example][1]
}

/// `tanh` from an exponential, to 2e-16 absolutely: four times as fast as `f64::tanh`, which also keeps small relative errors.
pub(super) fn tanh(x: f64) -> f64 {
    1.0 - 2.0 / ((2.0 * x).exp() + 1.0)
}

/// Read-out weights, then the hidden ones, unit by unit.
fn split(state: &[f64]) -> (&[f64], &[f64]) {
    state.split_at(state.len() / 3)
}

/// `f = 1/(gamma m) sum_i a_i tanh(h_i)` on both examples.
pub(super) fn outputs(state: &[f64], gamma: f64) -> [f64; EXAMPLES] {
    let (a, w) = split(state);
    let scale = 1.0 / (gamma * a.len() as f64);
    std::array::from_fn(|example| {
        scale * a.iter().zip(w.chunks_exact(2)).map(|(a, w)| a * tanh(hidden(w, example))).sum::<f64>()
    })
}

/// `dL/d theta` of the loss `L = 1/2 sum_mu (f_mu - y_mu)^2`.
pub(super) fn gradient(state: &[f64], gamma: f64, gradient: &mut [f64]) {
    let (a, w) = split(state);
    let scale = 1.0 / (gamma * a.len() as f64);
    // Of each unit, so that no tanh is computed twice.
    let features: Vec<[f64; EXAMPLES]> =
        w.chunks_exact(2).map(|w| std::array::from_fn(|example| tanh(hidden(w, example)))).collect();
    let mut errors = TARGETS.map(|y| -y);
    for (a, phi) in a.iter().zip(&features) {
        errors.iter_mut().zip(phi).for_each(|(error, phi)| *error += scale * a * phi);
    }
    let (of_a, of_w) = gradient.split_at_mut(a.len());
    for (((a, phi), of_a), of_w) in a.iter().zip(&features).zip(of_a).zip(of_w.chunks_exact_mut(2)) {
        let mut sums = [0.0; 3];
        for ((error, phi), x) in errors.iter().zip(phi).zip(&INPUTS) {
            let back = error * a * (1.0 - phi * phi);
            sums[0] += error * phi;
            sums[1] += back * x[0];
            sums[2] += back * x[1];
        }
        *of_a = scale * sums[0];
        of_w[0] = scale * sums[1];
        of_w[1] = scale * sums[2];
    }
}

/// The richness that the nets of a cell really have.
pub(super) fn richness(cell: &Cell) -> f64 {
    match cell.richness {
        Richness::Fixed => cell.gamma,
        Richness::Ntk => (cell.width as f64).sqrt().recip(),
    }
}

/// The nets of a cell under the flow `theta' = -gamma^2 m dL/d theta`, and what was seen of them at every time.
pub(super) fn train(cell: &Cell, starts: &Stream) -> Result<Outcome, CellError> {
    let gamma = richness(cell);
    let rate = gamma * gamma * cell.width as f64;
    let seen = SEEN[usize::from(cell.width < WIDE)];
    let times: Vec<f64> = seen.iter().map(|&place| TIMES[place]).collect();
    let mut sums = vec![Sums::default(); times.len()];
    for net in 0..cell.nets {
        let start = starts.indexed(cell.width as u64).indexed(net as u64);
        let state = start.normal_vector::<f64>(3 * cell.width, 1.0).as_slice().to_vec();
        let descend = |_: f64, state: &[f64], speed: &mut [f64]| {
            gradient(state, gamma, speed);
            speed.iter_mut().for_each(|v| *v *= -rate);
        };
        let place = |error: OdeError| CellError::new(format!("net {net} of {}: {error}", cell.nets));
        let mut flow = Integrator::new(0.0, state, descend, TOLERANCE).map_err(place)?;
        for (time, sums) in times.iter().zip(&mut sums) {
            flow.advance_to(*time).map_err(place)?;
            sums.add(flow.state(), gamma);
        }
    }
    Ok(Outcome {
        moments: times.iter().zip(&sums).map(|(time, sums)| sums.moment(*time, cell.nets)).collect(),
    })
}

/// Sums over nets.
#[derive(Clone, Default)]
struct Sums {
    outputs: [f64; EXAMPLES],
    squares: [f64; 3],
    features: [f64; 3],
    gradients: [f64; 3],
}

impl Sums {
    fn add(&mut self, state: &[f64], gamma: f64) {
        let (a, w) = split(state);
        let f = outputs(state, gamma);
        let weight = 1.0 / a.len() as f64;
        self.outputs.iter_mut().zip(f).for_each(|(sum, f)| *sum += f);
        self.squares.iter_mut().zip(entries(|i, j| f[i] * f[j])).for_each(|(sum, x)| *sum += x);
        for (a, w) in a.iter().zip(w.chunks_exact(2)) {
            let phi: [f64; EXAMPLES] = std::array::from_fn(|example| tanh(hidden(w, example)));
            let g = phi.map(|phi| a * (1.0 - phi * phi));
            let (of_phi, of_g) =
                (entries(|i, j| weight * phi[i] * phi[j]), entries(|i, j| weight * g[i] * g[j]));
            self.features.iter_mut().zip(of_phi).for_each(|(sum, x)| *sum += x);
            self.gradients.iter_mut().zip(of_g).for_each(|(sum, x)| *sum += x);
        }
    }

    fn moment(&self, time: f64, nets: usize) -> Moment {
        let count = nets as f64;
        let mean = self.outputs.map(|sum| sum / count);
        let products = entries(|i, j| mean[i] * mean[j]);
        let covariance = [0, 1, 2].map(|k| (self.squares[k] - count * products[k]) / (count - 1.0));
        Moment {
            time,
            outputs: mean,
            covariance,
            features: self.features.map(|sum| sum / count),
            gradients: self.gradients.map(|sum| sum / count),
        }
    }
}

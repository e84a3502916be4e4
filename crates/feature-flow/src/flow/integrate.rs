//! The continuous-time flow, by steps of adaptive size.

use overparam_tensor::linalg::Real;

use super::Flow;
use crate::error::{Error, positive};

impl<T: Real> Flow<T> {
    /// Follows gradient flow for `duration` and returns the number of steps: descent with learning rate `eta` is Euler's method
    /// with step `eta`.
    ///
    /// A step is made whole and in two halves; the halves are kept if the outputs of both agree within
    /// `tolerance step / duration`, so that the outputs' error at the end is of order `tolerance`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless both arguments are positive; [`Error::Diverged`] if no step is small enough.
    pub fn advance(&mut self, duration: f64, tolerance: f64) -> Result<usize, Error> {
        positive("the duration", duration)?;
        positive("the tolerance", tolerance)?;
        let (mut time, mut size, mut steps) = (0.0, duration / 100.0, 0);
        let smallest = duration * 1e-9;
        while time < duration * (1.0 - 1e-12) {
            size = size.min(duration - time);
            let (mut whole, mut halves) = (self.clone(), self.clone());
            whole.step(size)?;
            halves.step(0.5 * size)?;
            halves.step(0.5 * size)?;
            let outputs = whole.outputs().iter().zip(halves.outputs().iter());
            let error = outputs.map(|(a, b)| (a.f64() - b.f64()).abs()).fold(0.0, f64::max);
            let allowed = tolerance * size / duration;
            if error <= allowed {
                *self = halves;
                time += size;
                steps += 1;
            } else if size <= smallest || error.is_nan() {
                return Err(Error::Diverged { step: steps, loss: halves.loss(), learning_rate: size });
            }
            // Euler's local error is of second order, the allowance of first.
            size *= (0.9 * allowed / error.max(1e-3 * allowed)).clamp(0.2, 3.0);
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use crate::activation::Activation;
    use crate::flow::{Architecture, Flow, Network, Scaling, Start};

    /// Against very small equal steps, and against the tolerance.
    #[test]
    fn the_flow_is_the_limit_of_small_steps() {
        let stream = Stream::root(4);
        let inputs: DMatrix<f64> = stream.named("x").normal_matrix(5, 3, 1.0);
        let targets = stream.named("y").normal_matrix(5, 1, 1.0);
        let kind = (Architecture::ResNet, Scaling::MeanField, Activation::Tanh);
        let network = Network::new(kind, (3, 20), Start::Zero, &inputs, &stream).unwrap();
        let start = Flow::new(network, inputs, targets).unwrap();
        let mut exact = start.clone();
        for _ in 0..20_000 {
            exact.step(1e-4).unwrap();
        }
        for tolerance in [1e-2, 1e-3] {
            let mut flow = start.clone();
            let steps = flow.advance(2.0, tolerance).unwrap();
            let error = (flow.outputs() - exact.outputs()).amax();
            assert!(error < tolerance && steps < 5_000, "{error} in {steps} steps");
        }
    }
}

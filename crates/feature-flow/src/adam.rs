//! Adam as published (Kingma and Ba 2015) for one matrix of parameters.

use nalgebra::DMatrix;
use overparam_tensor::optim::rule;

/// First and second moments of one matrix of parameters: `beta` 0.9 and 0.999, `epsilon` 1e-8.
#[derive(Debug, Clone)]
pub(crate) struct Adam {
    first: DMatrix<f64>,
    second: DMatrix<f64>,
    steps: u64,
}

impl Adam {
    /// For parameters of this shape.
    pub(crate) fn new((rows, columns): (usize, usize)) -> Self {
        Self { first: DMatrix::zeros(rows, columns), second: DMatrix::zeros(rows, columns), steps: 0 }
    }

    /// One step along minus the gradient.
    pub(crate) fn step(&mut self, parameters: &mut DMatrix<f64>, gradient: &DMatrix<f64>, rate: f64) {
        self.steps = self.steps.saturating_add(1);
        rule::Adam::default().step(
            self.steps,
            rate,
            parameters.as_mut_slice(),
            gradient.as_slice(),
            self.first.as_mut_slice(),
            self.second.as_mut_slice(),
        );
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::Adam;

    /// While the gradient stays the same, every weight moves by the rate against its sign.
    #[test]
    fn steps_of_one_gradient_are_the_rate() {
        let gradient = DMatrix::from_row_slice(2, 2, &[1.0, -3.0, 1e-3, 50.0]);
        let (mut w, mut adam) = (DMatrix::zeros(2, 2), Adam::new((2, 2)));
        for step in 1..=5 {
            adam.step(&mut w, &gradient, 0.01);
            let expected = gradient.map(|g: f64| -0.01 * f64::from(step) * g.signum());
            assert!((&w - expected).amax() < 1e-6);
        }
    }
}

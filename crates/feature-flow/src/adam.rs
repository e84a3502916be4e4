//! Adam as published (Kingma and Ba 2015), on matrices, in place.

use nalgebra::DMatrix;

/// First and second moments of one matrix of parameters: `beta` 0.9 and 0.999, `epsilon` 1e-8.
#[derive(Debug, Clone)]
pub(crate) struct Adam {
    first: DMatrix<f64>,
    second: DMatrix<f64>,
    steps: i32,
}

impl Adam {
    /// For parameters of this shape.
    pub(crate) fn new((rows, columns): (usize, usize)) -> Self {
        Self { first: DMatrix::zeros(rows, columns), second: DMatrix::zeros(rows, columns), steps: 0 }
    }

    /// One step along minus the gradient.
    pub(crate) fn step(&mut self, parameters: &mut DMatrix<f64>, gradient: &DMatrix<f64>, rate: f64) {
        const BETA: (f64, f64) = (0.9, 0.999);
        self.steps = self.steps.saturating_add(1);
        let unbiased = ((1.0 - BETA.0.powi(self.steps)).recip(), (1.0 - BETA.1.powi(self.steps)).recip());
        let state = self.first.as_mut_slice().iter_mut().zip(self.second.as_mut_slice());
        let all = parameters.as_mut_slice().iter_mut().zip(gradient.as_slice()).zip(state);
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((w, g), (m, v)) in all {
                    *m = BETA.0 * *m + (1.0 - BETA.0) * g;
                    *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
                    *w -= rate * unbiased.0 * *m / ((unbiased.1 * *v).sqrt() + 1e-8);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::Tensor;
    use overparam_tensor::optim::{Method, Optimizer};
    use overparam_tensor::random::Stream;

    use super::Adam;

    /// The independent implementation is overparam-tensor's.
    #[test]
    fn adam_is_adam() {
        let stream = Stream::root(2);
        let start: DMatrix<f64> = stream.named("w").normal_matrix(3, 2, 1.0);
        let (mut ours, mut theirs) = (start.clone(), Tensor::from_fn(&[6], |i| start[i[0]]));
        let mut adam = Adam::new((3, 2));
        let mut optimizer = Optimizer::new(Method::ADAM, 0.01);
        for step in 0..5 {
            let g: DMatrix<f64> = stream.indexed(step).normal_matrix(3, 2, 1.0);
            adam.step(&mut ours, &g, 0.01);
            optimizer.step(&mut theirs, &Tensor::from_fn(&[6], |i| g[i[0]]));
        }
        let difference = theirs - Tensor::from_fn(&[6], |i| ours[i[0]]);
        assert!(difference.square().sum().item() < 1e-28);
    }
}

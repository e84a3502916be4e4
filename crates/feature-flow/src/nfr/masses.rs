//! The convex problem in the masses.

use nalgebra::DVector;

use super::{Problem, Represented, row_costs};

/// No unit's mass falls below this, so that the net's own weights `w_0 / p` exist.
const SMALLEST: f64 = 1e-6;

impl Represented {
    /// Minimises the regulariser over the masses, weights and top layer fixed, by exponentiated gradient with backtracking
    /// (masses stay positive and of mean 1), until at most `tolerance` of it is left to gain by the Frank-Wolfe gap, or for
    /// `steps`. Features and function do not change. Returns that gap, a bound on the distance to the minimum.
    pub fn solve_masses(&mut self, problem: &Problem, tolerance: f64, steps: usize) -> f64 {
        let mut value = problem.regulariser(self);
        let mut rate = 1.0 / value.max(f64::MIN_POSITIVE);
        let mut gap = 0.0;
        for _ in 0..steps {
            let slopes = self.mass_slopes(problem);
            gap = self.masses.iter().zip(&slopes).map(|(p, g)| p.dot(g) - p.len() as f64 * g.min()).sum();
            if gap <= tolerance * value {
                break;
            }
            let before = self.masses.clone();
            loop {
                for ((p, before), g) in self.masses.iter_mut().zip(&before).zip(&slopes) {
                    // Slopes of a mean are of order 1 / m.
                    let scale = rate * g.len() as f64;
                    let mean = before.dot(g) / g.len() as f64;
                    *p = before
                        .zip_map(g, |p, g| (p * (-scale * (g - mean)).clamp(-3.0, 3.0).exp()).max(SMALLEST));
                    let sum = p.sum();
                    *p *= p.len() as f64 / sum;
                }
                let next = problem.regulariser(self);
                if next <= value {
                    value = next;
                    rate *= 1.5;
                    break;
                }
                rate *= 0.5;
                if rate < 1e-12 {
                    self.masses = before;
                    return gap;
                }
            }
        }
        gap
    }

    /// Derivatives of the regulariser by the masses.
    fn mass_slopes(&self, problem: &Problem) -> Vec<DVector<f64>> {
        let mut slopes: Vec<DVector<f64>> = self.masses.iter().map(|p| DVector::zeros(p.len())).collect();
        for (l, (w, p)) in self.weights.iter().zip(&self.masses).enumerate() {
            let (rows, m) = (row_costs(w, p), w.ncols() as f64);
            let scale = problem.ridge_features / rows.len() as f64;
            for (k, s) in rows.iter().enumerate() {
                let below = if l == 0 { 1.0 } else { self.masses[l - 1][k] };
                for (slope, w) in slopes[l].iter_mut().zip(w.row(k).iter()) {
                    *slope += scale * 2.0 * s / below * w.abs() / m;
                }
                if l > 0 {
                    slopes[l - 1][k] -= scale * (s / below).powi(2);
                }
            }
        }
        if let (Some(slope), Some(p)) = (slopes.last_mut(), self.masses.last()) {
            for (z, u) in self.top.row_iter().enumerate() {
                slope[z] -= problem.ridge_top * u.norm_squared() / (p.len() as f64 * p[z] * p[z]);
            }
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::super::{Problem, Represented};
    use crate::activation::Activation;

    fn problem(ridge_features: f64) -> Problem {
        Problem {
            inputs: Stream::root(1).normal_matrix(7, 3, 1.0),
            targets: Stream::root(2).normal_matrix(7, 2, 1.0),
            activation: Activation::Tanh,
            ridge_top: 0.3,
            ridge_features,
        }
    }

    fn net() -> Represented {
        let stream = Stream::root(3);
        let weights: Vec<DMatrix<f64>> =
            vec![stream.named("a").normal_matrix(3, 8, 1.0), stream.named("b").normal_matrix(8, 9, 1.0)];
        Represented::uniform(weights, stream.named("top").normal_matrix(9, 2, 1.0))
    }

    #[test]
    fn slopes_agree_with_finite_differences() {
        let (net, problem) = (net(), problem(0.2));
        let slopes = net.mass_slopes(&problem);
        for (l, slopes) in slopes.iter().enumerate() {
            for z in 0..slopes.len() {
                let at = |shift: f64| {
                    let mut moved = net.clone();
                    moved.masses[l][z] += shift;
                    problem.regulariser(&moved)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - slopes[z]).abs() < 1e-8, "layer {l}, unit {z}: {slope} {}", slopes[z]);
            }
        }
    }

    /// Without feature costs the minimiser is known: masses in proportion to `|u~|`, value `(mean |u~|)^2`.
    #[test]
    fn the_top_layers_masses_are_exact() {
        let (mut net, problem) = (net(), problem(0.0));
        net.solve_masses(&problem, 1e-10, 2000);
        let norms: Vec<f64> = net.top.row_iter().map(|u| u.norm()).collect();
        let mean = norms.iter().sum::<f64>() / norms.len() as f64;
        assert!((net.top_cost() - mean * mean).abs() < 1e-8 * mean * mean);
        for (p, norm) in net.masses[1].iter().zip(&norms) {
            assert!((p - norm / mean).abs() < 1e-4);
        }
    }

    #[test]
    fn the_gap_closes_and_bounds_what_is_left() {
        let (mut rough, problem) = (net(), problem(0.2));
        let mut fine = rough.clone();
        let gap = rough.solve_masses(&problem, 1e-2, 500);
        let closed = fine.solve_masses(&problem, 1e-8, 20_000);
        let (rough, fine) = (problem.regulariser(&rough), problem.regulariser(&fine));
        assert!(closed <= 1e-8 * fine, "{closed:e}");
        assert!(fine <= rough && rough - fine <= gap);
    }
}

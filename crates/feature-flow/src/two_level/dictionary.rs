//! The convex problem itself: a dictionary of features with masses, solved in the dual, with a duality gap.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, gemm, matmul, transposed};
use overparam_tensor::quadrature::Rule;

use super::TwoLevel;
use crate::error::{Error, same};

/// Many features with the masses that the reference population `N(0, s^2 I)` gives them.
#[derive(Debug, Clone)]
pub struct Dictionary<'a> {
    problem: &'a TwoLevel,
    features: DMatrix<f64>,
    /// `N x G`.
    responses: DMatrix<f64>,
    /// Normalised masses of the reference population.
    reference: Vec<f64>,
}

/// What a residual `z` proves: `D(z) <= F* <= F(rho_z)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// `D(z)`.
    pub dual: f64,
    /// `F(rho_z)`.
    pub primal: f64,
}

/// The minimiser of `F` over the dictionary's populations.
#[derive(Debug, Clone)]
pub struct Optimum {
    /// `z = (f - y) / N`.
    pub residual: DVector<f64>,
    /// The population: one mass per feature, summing to 1.
    pub masses: DVector<f64>,
    /// `F(rho)`, within [`Optimum::gap`] of the minimum.
    pub value: f64,
    /// Loss and ridge: `F` without its entropic term.
    pub energy: f64,
    /// `F(rho) - D(z)`, a bound on what is left to gain.
    pub gap: f64,
    /// `m (E F(rho_z) - F*)` of the residual of `m` particles at stationarity, to leading order: see the module's page.
    pub finite_width_gap: f64,
}

/// `rho_z` and what follows from it.
struct Gibbs {
    masses: DVector<f64>,
    /// `int h h^T d rho_z`.
    kernel: DMatrix<f64>,
    /// `int (z . h) h d rho_z`.
    mean: DVector<f64>,
    dual: f64,
    entropy: f64,
}

impl<'a> Dictionary<'a> {
    /// A grid of `points` values per axis, from `-reach` to `reach` standard deviations of the reference population: for the
    /// trapezoidal rule, whose error for these integrands vanishes faster than any power of the spacing.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `points` is at least 2 and the grid has at most `10^6` features.
    pub fn grid(problem: &'a TwoLevel, points: usize, reach: f64) -> Result<Self, Error> {
        let d = problem.inputs.ncols();
        let size = (points as f64).powi(i32::try_from(d).unwrap_or(i32::MAX));
        if points < 2 || size > 1e6 {
            let expected = "a grid of at least 2 points per axis and at most 10^6 in all";
            return Err(Error::Parameter {
                name: "the number of features in the dictionary",
                value: size,
                expected,
            });
        }
        let count = points.pow(u32::try_from(d).unwrap_or(u32::MAX));
        // Weights at the ends do not matter: the density there is nothing.
        let places = Rule::trapezoidal(points);
        let features = DMatrix::from_fn(count, d, |k, axis| {
            let index = (0..axis).fold(k, |k, _| k / points) % points;
            reach * problem.spread * places.nodes()[index]
        });
        Ok(Self::new(problem, features))
    }

    /// Any features, a `G x d` matrix, weighted by the density of `N(0, s^2 I)`.
    pub fn new(problem: &'a TwoLevel, features: DMatrix<f64>) -> Self {
        let log_density = |k: usize| -0.5 * features.row(k).norm_squared() / problem.spread.powi(2);
        let (reference, _) = normalised(&(0..features.nrows()).map(log_density).collect::<Vec<_>>());
        let responses = problem.responses(&features);
        Self { problem, features, responses, reference }
    }

    /// The features, one per row.
    pub fn features(&self) -> &DMatrix<f64> {
        &self.features
    }

    /// What the residual of any network proves about this dictionary's minimum.
    ///
    /// # Errors
    /// [`Error::Count`] for a residual of another length; [`Error::Linalg`] if it is not finite.
    pub fn certificate(&self, residual: &DVector<f64>) -> Result<Certificate, Error> {
        same("entries of the residual", residual.len(), self.problem.targets.len())?;
        let gibbs = self.gibbs(residual);
        Ok(Certificate { dual: gibbs.dual, primal: self.primal(&gibbs)? })
    }

    /// Maximises `D` by damped Newton steps until the duality gap is at most `tolerance`.
    ///
    /// `grad D = -N z - y - int (z.h) h d rho_z / lambda`, `-Hess D = N I + K_z / lambda + Cov_z((z.h) h) / (lambda^2 tau)`.
    ///
    /// # Errors
    /// [`Error::NoConvergence`] after 200 steps, [`Error::Linalg`].
    pub fn solve(&self, tolerance: f64) -> Result<Optimum, Error> {
        const STEPS: usize = 200;
        let (n, lambda) = (self.problem.targets.len() as f64, self.problem.ridge);
        let mut z = -&self.problem.targets / n;
        let mut gibbs = self.gibbs(&z);
        for _ in 0..STEPS {
            let value = self.primal(&gibbs)?;
            let gap = value - gibbs.dual;
            let curvature = self.problem.curvature(&gibbs.kernel);
            let spread = self.spread(&z, &gibbs);
            if gap <= tolerance {
                let finite_width_gap = finite_width_gap(&curvature, &spread, self.problem.temperature)?;
                let energy = value - self.problem.temperature * gibbs.entropy;
                return Ok(Optimum {
                    residual: z,
                    masses: gibbs.masses,
                    value,
                    energy,
                    gap,
                    finite_width_gap,
                });
            }
            let gradient = -&z * n - &self.problem.targets - &gibbs.mean / lambda;
            let step = Cholesky::factor(&(curvature + spread))?.solve_vector(&gradient);
            let rise = gradient.dot(&step);
            let mut length = 1.0;
            loop {
                let next = &z + &step * length;
                let there = self.gibbs(&next);
                if there.dual >= gibbs.dual + 0.1 * length * rise || length < 1e-9 {
                    (z, gibbs) = (next, there);
                    break;
                }
                length *= 0.5;
            }
        }
        let gap = self.primal(&gibbs)? - gibbs.dual;
        Err(Error::NoConvergence { what: "Newton's method on the dual", iterations: STEPS, gap, tolerance })
    }

    fn gibbs(&self, z: &DVector<f64>) -> Gibbs {
        let TwoLevel { ridge, temperature, ref targets, .. } = *self.problem;
        let products = self.responses.tr_mul(z);
        let exponents: Vec<f64> = products
            .iter()
            .zip(&self.reference)
            .map(|(g, p)| g * g / (2.0 * ridge * temperature) + p.ln())
            .collect();
        let (masses, log_sum) = normalised(&exponents);
        let entropy =
            masses.iter().zip(&self.reference).map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 });
        let entropy = entropy.sum();
        let mut weighted = self.responses.clone();
        for (mut column, p) in weighted.column_iter_mut().zip(&masses) {
            column *= *p;
        }
        let kernel = matmul(&weighted, transposed(&self.responses));
        let mean = weighted * &products;
        let n = targets.len() as f64;
        let dual = -0.5 * n * z.norm_squared() - z.dot(targets) - temperature * log_sum;
        Gibbs { masses: DVector::from_vec(masses), kernel, mean, dual, entropy }
    }

    fn primal(&self, gibbs: &Gibbs) -> Result<f64, Error> {
        Ok(self.problem.top_layer(&gibbs.kernel)?.value + self.problem.temperature * gibbs.entropy)
    }

    /// `B = Cov_z((z.h) h) / (lambda^2 tau)`.
    fn spread(&self, z: &DVector<f64>, gibbs: &Gibbs) -> DMatrix<f64> {
        let products = self.responses.tr_mul(z);
        let mut scaled = self.responses.clone();
        for (k, mut column) in scaled.column_iter_mut().enumerate() {
            column *= products[k] * gibbs.masses[k].sqrt();
        }
        let mut covariance = &gibbs.mean * gibbs.mean.transpose();
        gemm(1.0, &scaled, transposed(&scaled), -1.0, &mut covariance);
        covariance / (self.problem.ridge.powi(2) * self.problem.temperature)
    }
}

/// `exp(e_k) / sum`, and the logarithm of the sum.
fn normalised(exponents: &[f64]) -> (Vec<f64>, f64) {
    let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut masses: Vec<f64> = exponents.iter().map(|e| (e - top).exp()).collect();
    let sum: f64 = masses.iter().sum();
    masses.iter_mut().for_each(|p| *p /= sum);
    (masses, top + sum.ln())
}

/// `tau / 2 tr[B M^-1 (M + B) M^-1 B (M + B)^-1]`.
fn finite_width_gap(m: &DMatrix<f64>, b: &DMatrix<f64>, temperature: f64) -> Result<f64, Error> {
    let both = m + b;
    let (by_m, by_both) = (Cholesky::factor(m)?, Cholesky::factor(&both)?);
    let left = matmul(b, &by_m.solve(&both));
    let right = by_m.solve(&matmul(b, &by_both.solve(&DMatrix::identity(m.nrows(), m.nrows()))));
    Ok(0.5 * temperature * matmul(&left, &right).trace())
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::Dictionary;
    use crate::activation::Activation;
    use crate::two_level::{NoisyDescent, Particles, TwoLevel};

    fn sine(activation: Activation) -> TwoLevel {
        let n = 10;
        let x = |i: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
        TwoLevel {
            inputs: DMatrix::from_fn(n, 2, |i, j| if j == 0 { x(i) } else { 0.5 }),
            targets: DVector::from_fn(n, |i, _| (3.0 * x(i)).sin()),
            activation,
            ridge: 0.02,
            temperature: 0.01,
            spread: 2.0,
        }
        .checked()
        .unwrap()
    }

    /// The gap closes, the optimum does not depend on the grid, and no other population is better.
    #[test]
    fn the_optimum_is_certified_and_independent_of_the_grid() {
        for activation in [Activation::Tanh, Activation::Relu] {
            let problem = sine(activation);
            let coarse = Dictionary::grid(&problem, 91, 8.0).unwrap().solve(1e-12).unwrap();
            let dictionary = Dictionary::grid(&problem, 121, 8.0).unwrap();
            let fine = dictionary.solve(1e-12).unwrap();
            // ReLU has a kink, so the trapezoidal rule converges at second order only.
            let tolerance = if activation == Activation::Tanh { 1e-8 } else { 1e-3 };
            assert!((coarse.value - fine.value).abs() < tolerance, "{} {}", coarse.value, fine.value);
            for seed in 0..20 {
                let z = &fine.residual + Stream::root(seed).normal_vector::<f64>(10, 0.01);
                let other = dictionary.certificate(&z).unwrap();
                assert!(other.primal >= fine.value - 1e-12 && other.dual <= fine.value + 1e-12);
            }
        }
    }

    /// The m = infinity fixed point: many particles end at the grid's optimum, and their excess is the predicted one.
    #[test]
    fn particles_reach_the_optimum() {
        let problem = sine(Activation::Tanh);
        let dictionary = Dictionary::grid(&problem, 61, 6.0).unwrap();
        let optimum = dictionary.solve(1e-12).unwrap();
        let m = 400;
        let mut net = Particles::random(&problem, m, &Stream::root(1));
        let descent = NoisyDescent { learning_rate: 1.0, noise: 1.0 };
        let (mut gaps, mut energies) = (Vec::new(), Vec::new());
        net.descend(&problem, descent, 6000, &Stream::root(2), |step, _, top| {
            if step >= 1000 && step % 20 == 0 {
                gaps.push(dictionary.certificate(&top.residual)?.primal - optimum.value);
                energies.push(top.value);
            }
            Ok(())
        })
        .unwrap();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let scaled = m as f64 * mean(&gaps);
        assert!(
            (mean(&energies) / optimum.energy - 1.0).abs() < 0.03,
            "{} {}",
            mean(&energies),
            optimum.energy
        );
        assert!(
            (scaled / optimum.finite_width_gap - 1.0).abs() < 0.3,
            "{scaled} {}",
            optimum.finite_width_gap
        );
    }
}

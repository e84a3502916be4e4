//! Targets with a chosen energy in each degree of spherical harmonics.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;
use overparam_tensor::sphere::{Gegenbauer, multiplicity};

use crate::Error;
use crate::error::{non_negative, require};

/// `f = sum_k f_k` on `S^{d-1}(sqrt d)`, `f_k(x) = sum_m a_{k,m} Q_k(<u_m, x> / sqrt d)` a harmonic of degree `k` with
/// `E f_k(x)^2` prescribed exactly.
///
/// With one centre `u` this is a single-index function; with many random centres and coefficients, an isotropic random
/// harmonic.
#[derive(Debug, Clone)]
pub struct Target {
    /// `M x d`, unit rows.
    centres: DMatrix<f64>,
    /// `M x (K + 1)`: `a_{k,m}` in column `k`.
    coefficients: DMatrix<f64>,
    energies: Vec<f64>,
}

impl Target {
    /// A random function, isotropic in law, with `energies[k] = E f_k^2`: `centres` random zonal harmonics a degree.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative energy, a dimension below 2 or no centre.
    pub fn isotropic(
        stream: Stream,
        dimension: usize,
        energies: &[f64],
        centres: usize,
    ) -> Result<Self, Error> {
        let coefficients = stream.named("coefficients").normal_matrix(centres, energies.len(), 1.0);
        Self::new(stream.named("centres"), dimension, energies, coefficients)
    }

    /// A function of one random direction, `f(x) = sum_k sqrt(energies[k] B(d, k)) Q_k(<u, x> / sqrt d)`.
    ///
    /// # Errors
    /// As [`Target::isotropic`].
    pub fn single_index(stream: Stream, dimension: usize, energies: &[f64]) -> Result<Self, Error> {
        let coefficients = DMatrix::from_element(1, energies.len(), 1.0);
        Self::new(stream.named("centres"), dimension, energies, coefficients)
    }

    fn new(
        stream: Stream,
        dimension: usize,
        energies: &[f64],
        mut coefficients: DMatrix<f64>,
    ) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        let count = coefficients.nrows();
        require(count > 0, "the number of centres", count as f64, "at least 1")?;
        for &energy in energies {
            non_negative("the energy of a degree", energy)?;
        }
        let mut centres: DMatrix<f64> = stream.normal_matrix(count, dimension, 1.0);
        for mut row in centres.row_iter_mut() {
            row /= row.norm();
        }
        // E Q_k(<u, x>) Q_k(<v, x>) = Q_k(<u, v>) / B(d, k): normalise the quadratic form exactly.
        let cosines = matmul(&centres, transposed(&centres));
        for (k, &energy) in energies.iter().enumerate() {
            let mut weights = vec![0.0; k + 1];
            weights[k] = 1.0;
            let polynomials = Gegenbauer::new(dimension, k);
            let gram = cosines.map(|t| polynomials.sum(t.clamp(-1.0, 1.0), &weights));
            let mut column = coefficients.column_mut(k);
            let energy_now = column.dot(&(&gram * &column)) / multiplicity(dimension, k);
            column *= (energy / energy_now).sqrt();
        }
        Ok(Self { centres, coefficients, energies: energies.to_vec() })
    }

    /// `d`.
    pub fn dimension(&self) -> usize {
        self.centres.ncols()
    }

    /// `E f_k^2`, degree by degree.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// `E f^2`.
    pub fn energy(&self) -> f64 {
        self.energies.iter().sum()
    }

    /// `f(x_i)` for the rows of `x` (`n x d`, norm `sqrt d`).
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn values(&self, x: &DMatrix<f64>) -> DVector<f64> {
        self.weighted(x, &vec![1.0; self.energies.len()])
    }

    /// `sum_k weights[k] f_k(x_i)`: with `weights = lambda_k` the Funk-Hecke formula for `E_x f(x) s(<w, x> / sqrt d)` at
    /// `w = x_i`. Missing weights count as zero.
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn weighted(&self, x: &DMatrix<f64>, weights: &[f64]) -> DVector<f64> {
        let (mut cosines, polynomials) = self.cosines(x);
        let mut values = DVector::zeros(x.nrows());
        for m in 0..self.centres.nrows() {
            let mut terms = cosines.column_mut(m);
            polynomials.sum_each(terms.as_mut_slice(), &self.mass(m, weights));
            values += terms;
        }
        values
    }

    /// The gradients of `sum_k weights[k] f_k` along the sphere at the rows of `x`: `n x d`, every row orthogonal to its `x_i`.
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn gradient(&self, x: &DMatrix<f64>, weights: &[f64]) -> DMatrix<f64> {
        let (cosines, polynomials) = self.cosines(x);
        let scale = (self.dimension() as f64).sqrt();
        let mut slopes = cosines;
        for m in 0..self.centres.nrows() {
            let mass = self.mass(m, weights);
            for t in slopes.column_mut(m).iter_mut() {
                *t = polynomials.slope(t.clamp(-1.0, 1.0), &mass) / scale;
            }
        }
        let mut gradient = matmul(&slopes, &self.centres);
        for (mut g, x) in gradient.row_iter_mut().zip(x.row_iter()) {
            let radial = g.dot(&x) / x.norm_squared();
            g -= x * radial;
        }
        gradient
    }

    fn cosines(&self, x: &DMatrix<f64>) -> (DMatrix<f64>, Gegenbauer) {
        let d = self.dimension();
        assert!(x.ncols() == d, "a target in dimension {d} was given inputs {} x {}", x.nrows(), x.ncols());
        let cosines = matmul(x, transposed(&self.centres)) / (d as f64).sqrt();
        (cosines, Gegenbauer::new(d, self.energies.len().saturating_sub(1)))
    }

    fn mass(&self, centre: usize, weights: &[f64]) -> Vec<f64> {
        let row = self.coefficients.row(centre);
        row.iter().zip(weights.iter().chain(std::iter::repeat(&0.0))).map(|(a, w)| a * w).collect()
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Target;
    use crate::data::sphere;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        /// The tangential gradient against a difference quotient along the sphere.
        #[test]
        fn gradients_are_slopes(seed in any::<u64>(), d in 3usize..12) {
            let s = Stream::root(seed);
            let target = Target::isotropic(s.named("f"), d, &[0.2, 0.5, 1.0, 0.7], 6).unwrap();
            let weights = [1.0, 0.5, 2.0, 1.0];
            let x = sphere(s.named("x"), 1, d);
            let mut v: DMatrix<f64> = s.named("v").normal_matrix(1, d, 1.0);
            v -= &x * (v.dot(&x) / x.norm_squared());
            let moved = |h: f64| {
                let mut y = &x + &v * h;
                y *= (d as f64).sqrt() / y.norm();
                target.weighted(&y, &weights)[0]
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let exact = target.gradient(&x, &weights).dot(&v);
            prop_assert!((slope - exact).abs() < 1e-6 * (1.0 + exact.abs()) * v.norm().max(1.0), "{slope} {exact}");
        }
    }

    /// Each degree carries its energy, isotropic or not: 5 standard errors over 40,000 inputs.
    #[test]
    fn energies_are_as_asked() {
        let energies = [0.3, 1.0, 0.5, 0.8];
        let x = sphere(Stream::root(1), 40_000, 12);
        for target in [
            Target::isotropic(Stream::root(2), 12, &energies, 50).unwrap(),
            Target::single_index(Stream::root(2), 12, &energies).unwrap(),
        ] {
            for k in 0..energies.len() {
                let mut weights = [0.0; 4];
                weights[k] = 1.0;
                let squares = target.weighted(&x, &weights).map(|f| f * f);
                let tolerance = 5.0 * (squares.variance() / squares.len() as f64).sqrt() + 1e-12;
                assert!((squares.mean() - energies[k]).abs() < tolerance, "{k}: {}", squares.mean());
            }
        }
    }
}

//! Random-features regressions, averaged exactly over isotropic targets and noise.

use nalgebra::DMatrix;
use overparam_eval::claim::Context;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, optimal_lambda_bar};
use overparam_linearized::data::sphere;
use overparam_linearized::hermite::Profile;
use overparam_linearized::models::RandomFeatures;
use overparam_tensor::linalg::{matmul, symmetric_eigen, transposed};
use overparam_tensor::sphere::gegenbauer;
use serde::{Deserialize, Serialize};

use super::{Cell, ENERGIES, LAMBDAS};

/// Test inputs, shared by all `N` of a seed.
pub(super) const TESTS: usize = 400;

/// The fits of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// One per ridge: [`LAMBDAS`], then the optimal one.
    pub fits: Vec<Fit>,
}

/// One ridge: what was measured, averaged over targets and noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The ridge, `lambda`.
    pub lambda: f64,
    /// Whether `lambda` is the optimal one; otherwise one of [`LAMBDAS`].
    pub optimal: bool,
    /// `B`: what the fit leaves of a linear target of energy 1.
    pub bias: f64,
    /// `V`: mean square of the fit to noise of variance 1.
    pub variance: f64,
    /// What the fit leaves of the harmonic of higher degree, of energy 1.
    pub nonlinear: f64,
    /// Mean squared error on the sample, of the whole labels.
    pub training_error: f64,
    /// `(N / d) ||a||^2`, of the whole labels.
    pub norm_squared: f64,
}

impl Fit {
    /// Test risk, noise of the test label not counted.
    pub fn risk(&self) -> f64 {
        let (linear, nonlinear, noise) = ENERGIES;
        linear * self.bias + nonlinear * self.nonlinear + noise * self.variance
    }
}

pub(super) fn regress(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let (d, n) = (cell.dimension, cell.samples);
    let activation: Standard = cell.activation.parse()?;
    let train = sphere(context.shared("training inputs", cell.seed).indexed(n as u64), n, d);
    let test = sphere(context.shared("test inputs", cell.seed).indexed(d as u64), TESTS, d);
    let random = RandomFeatures::on_sphere(context.own("weights"), cell.features, d);
    let basis = Basis::new(&random.map(&activation, &train), &random.map(&activation, &test))?;
    let target = Projected::new(cell, &basis, &train, &test);
    let fit =
        |lambda: f64, optimal: bool| target.fit(&basis, n as f64 * lambda / d as f64, (lambda, optimal));
    let mut fits: Vec<Fit> = LAMBDAS.iter().map(|lambda| fit(*lambda, false)).collect();
    fits.push(fit(optimal_ridge(cell)?, true));
    Ok(Outcome { fits })
}

/// The ridge that the formulas call optimal.
fn optimal_ridge(cell: &Cell) -> Result<f64, Error> {
    let formulas = Profile::of(&cell.formulas.parse::<Standard>()?)?;
    let ratio = |size: usize| size as f64 / cell.dimension as f64;
    let (linear, nonlinear, noise) = ENERGIES;
    let energies = Energies { linear, nonlinear, noise };
    let (best, _) = optimal_lambda_bar(ratio(cell.features), ratio(cell.samples), formulas.zeta(), energies)?;
    Ok((best * formulas.residual).max(LAMBDAS[0]))
}

/// `Z Z^T = U diag(k) U^T` of the sample's features; a fit is `x -> sum_i G_i(x) / (k_i + ridge) (U^T y)_i`.
struct Basis {
    /// Positive eigenvalues.
    values: Vec<f64>,
    /// `U`: `n x p`.
    vectors: DMatrix<f64>,
    /// `Z(test) Z^T U`.
    test: DMatrix<f64>,
}

impl Basis {
    fn new(train: &DMatrix<f64>, test: &DMatrix<f64>) -> Result<Self, Error> {
        let (n, features) = train.shape();
        if n <= features {
            let eigen = symmetric_eigen(&matmul(train, transposed(train)))?;
            let test = matmul(&matmul(test, transposed(train)), &eigen.vectors);
            return Ok(Self { values: eigen.values.as_slice().to_vec(), vectors: eigen.vectors, test });
        }
        let eigen = symmetric_eigen(&matmul(transposed(train), train))?;
        let (mut vectors, mut test) = (matmul(train, &eigen.vectors), matmul(test, &eigen.vectors));
        for (i, value) in eigen.values.iter().enumerate() {
            let root = value.max(f64::MIN_POSITIVE).sqrt();
            vectors.column_mut(i).unscale_mut(root);
            test.column_mut(i).scale_mut(root);
        }
        Ok(Self { values: eigen.values.as_slice().to_vec(), vectors, test })
    }
}

/// The parts of a target on the sample's basis and on the test inputs.
struct Projected<'a> {
    dimension: f64,
    samples: f64,
    test: &'a DMatrix<f64>,
    /// `U^T X`.
    inputs: DMatrix<f64>,
    /// Harmonics between test inputs and the basis, and within the basis.
    crossed: DMatrix<f64>,
    within: DMatrix<f64>,
    /// `E (U^T y)_i^2` of the whole labels, and `E ||y||^2`.
    labels: Vec<f64>,
    whole: f64,
}

impl<'a> Projected<'a> {
    fn new(cell: &Cell, basis: &Basis, train: &DMatrix<f64>, test: &'a DMatrix<f64>) -> Self {
        let d = cell.dimension as f64;
        let harmonic = |a: &DMatrix<f64>| {
            let mut cosines = matmul(a, transposed(train));
            cosines.unscale_mut(d);
            cosines.map(|t| match cell.degree {
                2 => (d * t * t - 1.0) / (d - 1.0),
                3 => ((d + 2.0) * t.powi(3) - 3.0 * t) / (d - 1.0),
                degree => gegenbauer(cell.dimension, degree, t.clamp(-1.0, 1.0))[degree],
            })
        };
        let inputs = matmul(transposed(&basis.vectors), train);
        let crossed = matmul(&harmonic(test), &basis.vectors);
        let within = matmul(&matmul(transposed(&basis.vectors), &harmonic(train)), &basis.vectors);
        let (linear, nonlinear, noise) = ENERGIES;
        let label = |i: usize| linear * inputs.row(i).norm_squared() / d + nonlinear * within[(i, i)] + noise;
        Self {
            dimension: d,
            samples: cell.samples as f64,
            test,
            labels: (0..basis.values.len()).map(label).collect(),
            whole: cell.samples as f64 * (linear + nonlinear + noise),
            inputs,
            crossed,
            within,
        }
    }

    fn fit(&self, basis: &Basis, ridge: f64, (lambda, optimal): (f64, bool)) -> Fit {
        let mut weights = basis.test.clone();
        for (mut column, value) in weights.column_iter_mut().zip(&basis.values) {
            column.unscale_mut(value + ridge);
        }
        let tests = self.test.nrows() as f64;
        let left = self.test - matmul(&weights, &self.inputs);
        let quadratic = matmul(&weights, &self.within).dot(&weights);
        let pairs = || basis.values.iter().zip(&self.labels);
        let kept: f64 = pairs().map(|(k, y)| y * (ridge / (k + ridge)).powi(2)).sum();
        let outside = if basis.values.len() < self.samples as usize {
            (self.whole - self.labels.iter().sum::<f64>()).max(0.0)
        } else {
            0.0
        };
        Fit {
            lambda,
            optimal,
            bias: left.norm_squared() / (tests * self.dimension),
            variance: weights.norm_squared() / tests,
            nonlinear: 1.0 - 2.0 * weights.dot(&self.crossed) / tests + quadratic / tests,
            training_error: (kept + outside) / self.samples,
            norm_squared: pairs().map(|(k, y)| y * k / (k + ridge).powi(2)).sum::<f64>() / self.dimension,
        }
    }
}

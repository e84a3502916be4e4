//! Two-level networks in the mean-field limit: convex in the distribution of their features.
//!
//! A unit has a feature `h(<w, x>)`, features are distributed by `rho`, and the top layer is a function `u(w)`. On `N` examples
//!
#![doc = overparam_formula::formula!(
    "f_i = int u(w) h(<w, x_i>) d rho(w)"
    "F(rho) = min_u { 1/(2N) sum_i (f_i - y_i)^2 + lambda/2 int u^2 d rho } + tau KL(rho || N(0, s^2 I))"
)]
//!
//! `F` is convex (Fang, Dong and Zhang 2019): the minimum over `u` is, by duality, a maximum over `z` of functions linear in
//! `rho`,
//!
#![doc = overparam_formula::formula!("max_z { -N/2 |z|^2 - <z, y> - 1/(2 lambda) int (z . h(w))^2 d rho(w) },    attained at z = (f - y) / N.")]
//!
//! Exchanging the maximum with the minimum over `rho` leaves a concave problem in `N` numbers,
//!
#![doc = overparam_formula::formula!("D(z) = -N/2 |z|^2 - <z, y> - tau log int exp((z . h(w))^2 / (2 lambda tau)) d N(0, s^2 I)(w),")]
//!
//! and `D(z) <= F* <= F(rho_z)` with the Gibbs population `rho_z` of the integrand: every `z`, that of a finite network too,
//! brings its own certificate. [`Dictionary::solve`] maximises `D` by Newton's method over a grid of features, without
//! particles. [`Particles`] descend with noise: `m` features, the Langevin dynamics of `F`.
//!
//! **The cost of finite `m`** ([`Optimum::finite_width_gap`]). At stationarity the particles' law is
//! `exp(-(m / tau) F_m)`. To leading order the residual's deviation is Gaussian; with `M = N I + K / lambda`,
//! `B = Cov((z . h) h) / (lambda^2 tau)` under the optimum, the expected excess of the population that the `m`-wide net's
//! residual stands for is
//!
#![doc = overparam_formula::formula!("E F(rho_z) - F* = tau / (2m) tr[B M^-1 (M + B) M^-1 B (M + B)^-1] + O(m^-2).")]

mod dictionary;
mod particles;

pub use dictionary::{Certificate, Dictionary, Optimum};
pub use particles::{NoisyDescent, Particles};

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Cholesky;

use crate::activation::Activation;
use crate::error::{Error, positive, same};

/// The data and the terms of the objective.
#[derive(Debug, Clone)]
pub struct TwoLevel {
    /// `N x d`, an example a row.
    pub inputs: DMatrix<f64>,
    /// `y`, `N` numbers.
    pub targets: DVector<f64>,
    /// `h`.
    pub activation: Activation,
    /// `lambda`, of the top layer's ridge.
    pub ridge: f64,
    /// `tau`, of the entropic term and of the noise.
    pub temperature: f64,
    /// `s`, standard deviation of the population that the entropic term is relative to.
    pub spread: f64,
}

/// The best top layer on given features.
#[derive(Debug, Clone)]
pub struct TopLayer {
    /// `z = (f - y) / N`.
    pub residual: DVector<f64>,
    /// Loss and ridge, `-<z, y> / 2`.
    pub value: f64,
}

impl TwoLevel {
    /// Checks shapes and ranges.
    ///
    /// # Errors
    /// [`Error::Count`] if there is not one target an example, [`Error::Parameter`] unless `ridge`, `temperature` and `spread`
    /// are positive.
    pub fn checked(self) -> Result<Self, Error> {
        same("targets", self.targets.len(), self.inputs.nrows())?;
        positive("the ridge", self.ridge)?;
        positive("the temperature", self.temperature)?;
        positive("the spread of the features", self.spread)?;
        Ok(self)
    }

    /// `h(<w_j, x_i>)`, `N x m`, of the features in the rows of an `m x d` matrix.
    pub fn responses(&self, features: &DMatrix<f64>) -> DMatrix<f64> {
        let products =
            overparam_tensor::linalg::matmul(&self.inputs, overparam_tensor::linalg::transposed(features));
        let mut responses = DMatrix::zeros(products.nrows(), products.ncols());
        self.activation.values(products.as_slice(), responses.as_mut_slice());
        responses
    }

    /// Solves for the top layer: `(N I + K / lambda) z = -y` with the features' kernel `K = int h h^T d rho`, `N x N`.
    ///
    /// # Errors
    /// [`Error::Linalg`] if the kernel has an entry that is not finite.
    pub fn top_layer(&self, kernel: &DMatrix<f64>) -> Result<TopLayer, Error> {
        let residual = -Cholesky::factor(&self.curvature(kernel))?.solve_vector(&self.targets);
        let value = -0.5 * residual.dot(&self.targets);
        Ok(TopLayer { residual, value })
    }

    /// `M = N I + K / lambda`.
    fn curvature(&self, kernel: &DMatrix<f64>) -> DMatrix<f64> {
        let n = self.targets.len();
        kernel / self.ridge + DMatrix::identity(n, n) * n as f64
    }
}

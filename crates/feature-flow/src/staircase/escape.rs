//! The linear stage of an escape from a plateau of leap 2.

use std::f64::consts::PI;

use crate::error::{Error, positive};

/// How the coefficient of `z_1 z_2` grows from the start in dimension `d` while it is small, for a target `c z_1 z_2`.
///
/// To first order `du_1/dt = a c kappa u_2`, `du_2/dt = a c kappa u_1` with `kappa = E_2` at `u = 0`, so that `E u_1 u_2 = s_0^2/d sinh(2 a c kappa t)`, and the
/// coefficient is `E a kappa u_1 u_2` over `a ~ U[-1, 1]`:
///
#[doc = overparam_formula::formula!("f_12(t) = kappa s_0^2/d [cosh(C)/C - sinh(C)/C^2],    C = 2 c kappa t,    kappa = b_0/v^2 sqrt(2/(pi v^2)) e^(-b_0^2/(2 v^2)),    v^2 = 1 + s_0^2.")]
///
/// An escape therefore takes `ln(d)/(2 c kappa)` plus a term of order `ln ln d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearStage {
    coefficient: f64,
    kappa: f64,
    size: f64,
}

impl LinearStage {
    /// For the target `coefficient z_1 z_2`, hidden weights of norm `start` (`s_0`), the bias `b_0` and the dimension `d`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the start and the dimension are positive, the coefficient and the bias finite and not 0: without
    /// a bias nothing of degree 2 is learned.
    pub fn new(coefficient: f64, start: f64, bias: f64, dimension: f64) -> Result<Self, Error> {
        positive("the start s_0", start)?;
        positive("the dimension", dimension)?;
        for (name, value) in [("the coefficient", coefficient), ("the bias b_0", bias)] {
            positive(name, value.abs())?;
        }
        let square = 1.0 + start * start;
        let kappa =
            bias.abs() / square * (2.0 / (PI * square)).sqrt() * (-bias * bias / (2.0 * square)).exp();
        Ok(Self { coefficient, kappa, size: start * start / dimension })
    }

    /// `kappa`.
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// `f_12(t)`, `t >= 0`.
    pub fn coefficient_at(&self, time: f64) -> f64 {
        let c = 2.0 * self.coefficient.abs() * self.kappa * time;
        let growth = if c < 1e-2 {
            // The series to 1e-12.
            c / 3.0 + c.powi(3) / 30.0 + c.powi(5) / 840.0
        } else {
            c.cosh() / c - c.sinh() / (c * c)
        };
        self.coefficient.signum() * self.kappa * self.size * growth
    }

    /// The time at which `|f_12|` reaches `level`, by bisection.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the level is positive.
    pub fn time_to(&self, level: f64) -> Result<f64, Error> {
        positive("the level", level)?;
        let (mut low, mut high) = (0.0, 1.0);
        while self.coefficient_at(high).abs() < level {
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if self.coefficient_at(middle).abs() < level { low = middle } else { high = middle }
        }
        Ok(0.5 * (low + high))
    }
}

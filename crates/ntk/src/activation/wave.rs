//! `phi(x) = a sin(b x + c)`; cosine is `c + pi/2`; the RBF feature is `a = sqrt 2`, `b = sqrt(2 gamma)`, `c = pi/4`.
//!
//! By `sin s sin t = (cos(s - t) - cos(s + t))/2` and `E cos(z + w) = cos w exp(-Var z / 2)`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = 1/2 a^2 (exp(-b^2 (q_x + q_y - 2k)/2) - cos(2c) exp(-b^2 (q_x + q_y + 2k)/2)),"
    "kappa' = 1/2 a^2 b^2 (exp(-b^2 (q_x + q_y - 2k)/2) + cos(2c) exp(-b^2 (q_x + q_y + 2k)/2))."
)]
//!
//! For the RBF feature `cos 2c = 0`: `kappa = exp(-gamma (q_x + q_y - 2k))` (Rahimi and Recht 2007). The exponents are
//! formed as `(s_x - s_y)^2 + 2 m`, without cancellation.

use super::pair::{Moments, Pair};

/// Constants of one wave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wave {
    /// `a^2 / 2`.
    power: f64,
    /// `b^2`.
    rate: f64,
    /// `cos 2c`.
    mirror: f64,
}

impl Wave {
    pub(crate) fn sine(a: f64, b: f64, c: f64) -> Self {
        Self { power: a * a / 2.0, rate: b * b, mirror: (2.0 * c).cos() }
    }

    pub(crate) fn cosine(a: f64, b: f64, c: f64) -> Self {
        Self { mirror: -(2.0 * c).cos(), ..Self::sine(a, b, c) }
    }

    pub(crate) fn rbf(gamma: f64) -> Self {
        Self { power: 1.0, rate: 2.0 * gamma, mirror: 0.0 }
    }

    pub(crate) fn moments(&self, p: &Pair) -> Moments {
        let near = (p.s[0] - p.s[1]).powi(2) + 2.0 * p.margin;
        let far = near + 4.0 * p.k.abs();
        let (minus, plus) = if p.k >= 0.0 { (near, far) } else { (far, near) };
        let (minus, plus) = ((-self.rate * minus / 2.0).exp(), self.mirror * (-self.rate * plus / 2.0).exp());
        Moments { kappa: self.power * (minus - plus), kappa_dot: self.power * self.rate * (minus + plus) }
    }
}

//! `phi(x) = a exp(b x)`: `kappa = a^2 exp(b^2 (q_x + q_y + 2k)/2)`, `kappa' = b^2 kappa`.

use super::pair::{Moments, Pair};

pub(crate) fn moments(a: f64, b: f64, p: &Pair) -> Moments {
    let kappa = a * a * (b * b * (p.q[0] + p.q[1] + 2.0 * p.k) / 2.0).exp();
    Moments { kappa, kappa_dot: b * b * kappa }
}

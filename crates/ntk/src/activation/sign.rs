//! `phi = sign`: `kappa = 1 - 2t/pi = (2/pi) asin c`; the derivative vanishes almost everywhere, so `kappa' = 0`.

use std::f64::consts::PI;

use super::kinked::single_arc;
use super::pair::{Moments, Pair};

/// The moments and the new margin `2 psi / pi`.
pub(crate) fn moments(p: &Pair) -> (Moments, f64) {
    if p.scale() == 0.0 {
        return (Moments { kappa: 0.0, kappa_dot: 0.0 }, 0.0);
    }
    let margin = 2.0 / PI * single_arc(p.versine()).0;
    (Moments { kappa: (1.0 - margin).copysign(p.k), kappa_dot: 0.0 }, margin)
}

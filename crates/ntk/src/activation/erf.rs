//! The error function (Williams 1997):
//!
#![doc = overparam_formula::formula!(
    "kappa  = (2/pi) asin(2k / sqrt((1 + 2 q_x)(1 + 2 q_y))),"
    "kappa' = (4/pi) / sqrt((1 + 2 q_x)(1 + 2 q_y) - 4 k^2)."
)]
//!
//! With `D = (1 + 2 q_x)(1 + 2 q_y) - 4 k^2 = 1 + 2 (q_x + q_y) + 4 (q_x q_y - k^2)` the arcsine is
//! `atan2(2k, sqrt D)`, accurate for variances of any size.

use std::f64::consts::PI;

use super::pair::{Moments, Pair};

pub(crate) fn moments(p: &Pair) -> Moments {
    let root = (1.0 + 2.0 * (p.q[0] + p.q[1])).sqrt().hypot(2.0 * p.root_determinant());
    Moments { kappa: 2.0 / PI * (2.0 * p.k).atan2(root), kappa_dot: 4.0 / PI / root }
}

//! One mode, any imbalance: from exponential to sigmoid.

use crate::DeepLinearError;
use crate::error::{require, require_finite};

/// The strength `s` of a mode whose two layers are aligned with one pair of singular vectors of `Sigma`, of singular value `sigma`:
///
#[doc = overparam_formula::formula!("ds/dt = sqrt(lambda^2 + 4 s^2) (sigma - s).")]
///
/// The layers' norms are `a` and `b` with `a b = s`, `b^2 - a^2 = lambda`, so that the tangent kernel of the mode is
/// `a^2 + b^2 = sqrt(lambda^2 + 4 s^2)`. With `l = |lambda|`, `kappa = sqrt(sigma^2 + l^2/4)`, `w = s + sqrt(s^2 + l^2/4)`, the fixed points
/// `w_+ = sigma + kappa` and `-w_- = l^2/(4 w_+)`, and `q = e^(-2 kappa t)`,
///
#[doc = overparam_formula::formula!("w(t) = (w_0 (w_+ + q w_-) + l^2/4 (1 - q)) / (w_0 (1 - q) + q w_+ + w_-),    s = w/2 - l^2/(8 w),")]
///
/// a sum of positive terms, written with `w_-` for its absolute value. `lambda = 0` is the sigmoid
/// `s = sigma / (1 + (sigma/s_0 - 1) e^(-2 sigma t))` (Saxe, McClelland, Ganguli 2014), `l -> infinity` is
/// `s = sigma + (s_0 - sigma) e^(-l t)`. Inputs of variance `rho` along the mode turn `sigma - s` into `sigma - rho s`: use
/// `s sqrt(rho)`, `sigma / sqrt(rho)` and the time `t sqrt(rho)`, with the same `lambda` times `sqrt(rho)`.
///
/// ```
/// use overparam_deep_linear::balanced::AlignedMode;
///
/// let mode = AlignedMode::new(0.01, 1.0, 0.0)?;
/// let half = mode.time_to(0.5)?;
/// assert!((half - 99f64.ln() / 2.0).abs() < 1e-14);
/// assert!((mode.at(half)? - 0.5).abs() < 1e-14);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignedMode {
    start: f64,
    sigma: f64,
    imbalance: f64,
}

impl AlignedMode {
    /// A mode that starts at `start` (`s_0`, of either sign) on its way to `sigma` with imbalance `lambda` (of either sign).
    ///
    /// # Errors
    /// [`DeepLinearError::NotFinite`].
    pub fn new(start: f64, sigma: f64, imbalance: f64) -> Result<Self, DeepLinearError> {
        require_finite("start, strength and imbalance of a mode", [start, sigma, imbalance].into_iter())?;
        Ok(Self { start, sigma, imbalance })
    }

    /// `s(t)`, `t >= 0`, to a few units in the last place of the larger of `|s_0|` and `|sigma|`.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a time that is negative or NaN.
    pub fn at(&self, time: f64) -> Result<f64, DeepLinearError> {
        require(time >= 0.0, "the time of a mode", "at least 0", time)?;
        // The equation is odd in (s, sigma) together.
        let flip = if self.sigma < 0.0 { -1.0 } else { 1.0 };
        let (s0, sigma, l) = (flip * self.start, flip * self.sigma, self.imbalance.abs());
        Ok(flip * forward(s0, sigma, l, time))
    }

    /// `sqrt(lambda^2 + 4 s^2)`, the tangent kernel of the mode at strength `s`.
    pub fn kernel(&self, s: f64) -> f64 {
        self.imbalance.hypot(2.0 * s)
    }

    /// The time at which the mode has strength `s`, between its start and `sigma`; infinite at `sigma`, and beyond 0 if
    /// `lambda = 0`, where the mode stops.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] if `s` does not lie between start and `sigma`.
    pub fn time_to(&self, s: f64) -> Result<f64, DeepLinearError> {
        let (low, high) = (self.start.min(self.sigma), self.start.max(self.sigma));
        require((low..=high).contains(&s), "the strength to reach", "between start and sigma", s)?;
        if s == self.start {
            return Ok(0.0);
        }
        let flip = if self.sigma < 0.0 { -1.0 } else { 1.0 };
        let (s0, sigma, s, l) = (flip * self.start, flip * self.sigma, flip * s, self.imbalance.abs());
        if s == sigma || (l == 0.0 && s0 <= 0.0 && s >= 0.0) {
            return Ok(f64::INFINITY);
        }
        let kappa = sigma.hypot(0.5 * l);
        if kappa == 0.0 {
            // ds/dt = -2 |s| s.
            return Ok(0.5 * (s.abs().recip() - s0.abs().recip()));
        }
        if l == 0.0 && s0 < 0.0 {
            return Ok(((sigma / s0 - 1.0) / (sigma / s - 1.0)).recip().ln() / (2.0 * sigma));
        }
        // (w - w_+) / (w - w_-) falls by e^(-2 kappa t); w - w_+ = (s - sigma) (1 + (s + sigma) / (root_s + kappa)).
        let minus = 0.25 * l * l / (sigma + kappa);
        let above = |s: f64| (s - sigma) * (1.0 + (s + sigma) / (s.hypot(0.5 * l) + kappa));
        let ratio = above(s0) / (positive_root(s0, l) + minus) * ((positive_root(s, l) + minus) / above(s));
        Ok(ratio.ln() / (2.0 * kappa))
    }
}

/// `w = s + sqrt(s^2 + l^2/4)` without cancellation.
fn positive_root(s: f64, l: f64) -> f64 {
    let root = s.hypot(0.5 * l);
    if s >= 0.0 { s + root } else { 0.25 * l * l / (root - s) }
}

/// `s(t)` for `sigma >= 0`, `l >= 0`.
fn forward(s0: f64, sigma: f64, l: f64, time: f64) -> f64 {
    let kappa = sigma.hypot(0.5 * l);
    if kappa == 0.0 {
        return s0 / (1.0 + 2.0 * s0.abs() * time);
    }
    let quarter = 0.25 * l * l;
    let (q, gone) = ((-2.0 * kappa * time).exp(), -(-2.0 * kappa * time).exp_m1());
    if quarter == 0.0 && s0 <= 0.0 {
        // ds/dt = -2 s (sigma - s) = -2 |s| (sigma + |s|) towards zero.
        return if s0 == 0.0 { 0.0 } else { s0 * sigma * q / (sigma - s0 * gone) };
    }
    if l > sigma.max(s0.abs()) {
        // w = l/2 + delta: of lazy modes only the small delta = s + s^2/(sqrt(s^2 + l^2/4) + l/2) moves.
        let small = |s: f64| s + s * s / (s.hypot(0.5 * l) + 0.5 * l);
        let (start, end) = (small(s0), small(sigma));
        let below = -quarter / (sigma + kappa);
        let c = (start - end) / (positive_root(s0, l) - below) * q;
        let delta = (end - c * (below - 0.5 * l)) / (1.0 - c);
        return delta * (delta + l) / (2.0 * delta + l);
    }
    let (w0, plus) = (positive_root(s0, l), sigma + kappa);
    let minus = quarter / plus;
    let w = (w0 * (plus + q * minus) + quarter * gone) / (w0 * gone + q * plus + minus);
    0.5 * (w - quarter / w)
}

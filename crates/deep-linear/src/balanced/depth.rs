//! One mode at any depth from a balanced start: a plateau, then a jump.

use std::f64::consts::TAU;

use crate::DeepLinearError;
use crate::error::{require, require_finite};

/// The strength `s = u^N` of an aligned mode of a network of depth `N` with equal layers `u`:
///
#[doc = overparam_formula::formula!("ds/dt = N s^(2 - 2/N) (sigma - s),    du/dt = u^(N-1) (sigma - u^N).")]
///
/// `dt = du u^(1-N)/(sigma - u^N)` integrates, with `1/(u^(N-1) (sigma - u^N)) = (u^(1-N) + u/(sigma - u^N))/sigma`, to
///
#[doc = overparam_formula::formula!("t(u) = 1/sigma [ (u_0^(2-N) - u^(2-N))/(N - 2) + g(u) - g(u_0) ],    g(u) = int_0^u v d v / (sigma - v^N),")]
///
/// the first term being `ln(u/u_0)` at `N = 2` (and `u - u_0` at `N = 1`). `g` is `sigma^(2/N - 1) G(rho)`, `rho = u sigma^(-1/N)`, with the series
/// `G = sum_k rho^(2 + k N)/(2 + k N)` for `rho^N <= 1/2` and, by partial fractions over the roots of unity, beyond
///
#[doc = overparam_formula::formula!("G(rho) = -1/N sum_(j=0)^(N-1) e^(-2 i theta_j) ln(1 - e^(i theta_j) rho),    theta_j = 2 pi j / N.")]
///
/// **Saddle to saddle.** As `s_0 -> 0` the mode waits for a time [`DepthMode::plateau`] that is inverse to `sigma`, and then jumps: modes
/// switch on one after another (Saxe, McClelland, Ganguli 2014).
///
/// ```
/// use overparam_deep_linear::balanced::DepthMode;
///
/// let mode = DepthMode::new(3, 1e-3, 1.0)?;
/// let half = mode.time_to_fraction(0.5)?;
/// assert!((mode.at(half)? - 0.5).abs() < 1e-10);
/// assert!((half / mode.plateau()? - 1.0).abs() < 0.1);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthMode {
    depth: usize,
    start: f64,
    sigma: f64,
}

impl DepthMode {
    /// A mode of depth `N >= 1` from `start` (`s_0`) to `sigma`, `0 < s_0 < sigma`.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`], [`DeepLinearError::NotFinite`].
    pub fn new(depth: usize, start: f64, sigma: f64) -> Result<Self, DeepLinearError> {
        require(depth >= 1, "the depth of a mode", "at least 1", depth as f64)?;
        require_finite("start and strength of a mode", [start, sigma].into_iter())?;
        require(0.0 < start, "the start of a mode", "above 0", start)?;
        require(start < sigma, "the start of a mode", "below its strength sigma", start)?;
        Ok(Self { depth, start, sigma })
    }

    /// The time at which `s = fraction sigma`.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] unless `s_0/sigma <= fraction < 1`.
    pub fn time_to_fraction(&self, fraction: f64) -> Result<f64, DeepLinearError> {
        let enough = fraction >= self.start / self.sigma;
        require(enough && fraction < 1.0, "the fraction of sigma", "from s_0/sigma to below 1", fraction)?;
        Ok(self.time(fraction, 1.0 - fraction))
    }

    /// `s(t)`, `t >= 0`: the inverse of [`DepthMode::time_to_fraction`] by bisection of the fraction's logit.
    ///
    /// After a long plateau `t` itself is the limit: its last digit, about `2e-16 t`, moves `s` by `ds/dt` times as much. From `s_0 = 1e-30` a
    /// mode of depth 4 and `sigma = 1` jumps at `t = 5e14`, where neighbouring numbers lie 0.06 apart, so that in the middle of the jump `s` is known to
    /// 0.04 only. At depth 2 the plateau grows as a logarithm, and nothing is lost.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a time that is negative or NaN.
    pub fn at(&self, time: f64) -> Result<f64, DeepLinearError> {
        require(time >= 0.0, "the time of a mode", "at least 0", time)?;
        let first = self.start / self.sigma;
        let mut low = (first / (1.0 - first)).ln();
        // 1 - fraction = e^-700: no time in double precision is later, unless sigma itself is tiny.
        let mut high = 700.0;
        let at = |y: f64| {
            let missing = 1.0 / (1.0 + y.exp());
            (1.0 / (1.0 + (-y).exp()), missing)
        };
        let (fraction, missing) = at(high);
        if self.time(fraction, missing) <= time {
            return Ok(self.sigma);
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            let (fraction, missing) = at(middle);
            if self.time(fraction, missing) <= time { low = middle } else { high = middle }
        }
        Ok((self.sigma * at(low).0).max(self.start))
    }

    /// The leading time to `sigma/2` as `s_0 -> 0`: `ln(sigma/s_0 - 1)/(2 sigma)` at depth 2 (exact), `s_0^(2/N - 1)/((N - 2) sigma)` beyond.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] at depth 1, which has no plateau.
    pub fn plateau(&self) -> Result<f64, DeepLinearError> {
        let n = self.depth as f64;
        require(self.depth >= 2, "the depth of a mode with a plateau", "at least 2", n)?;
        Ok(if self.depth == 2 {
            (self.sigma / self.start - 1.0).ln() / (2.0 * self.sigma)
        } else {
            self.start.powf(2.0 / n - 1.0) / ((n - 2.0) * self.sigma)
        })
    }

    /// `t` at a fraction of `sigma`, given with what it lacks to 1.
    fn time(&self, fraction: f64, missing: f64) -> f64 {
        let (n, sigma, first) = (self.depth as f64, self.sigma, self.start / self.sigma);
        if self.depth == 1 {
            return ((1.0 - first) / missing).ln();
        }
        let scale = sigma.powf(2.0 / n - 1.0);
        let algebraic = if self.depth == 2 {
            0.5 * (fraction / first).ln()
        } else {
            // s_0^(2/N - 1) - s^(2/N - 1), over N - 2.
            let power = 2.0 / n - 1.0;
            -scale * first.powf(power) * (power * (fraction / first).ln()).exp_m1() / (n - 2.0)
        };
        let integral = |fraction, missing| integral(self.depth, fraction, missing);
        (algebraic + scale * (integral(fraction, missing) - integral(first, 1.0 - first))) / sigma
    }
}

/// `G(rho) = int_0^rho v dv / (1 - v^N)` at `rho^N = fraction`, `N >= 2`.
fn integral(depth: usize, fraction: f64, missing: f64) -> f64 {
    let n = depth as f64;
    let rho = fraction.powf(n.recip());
    if fraction <= 0.5 {
        let (mut power, mut sum) = (rho * rho, 0.0);
        for k in 0..60 {
            sum += power / (2.0 + f64::from(k) * n);
            power *= fraction;
        }
        return sum;
    }
    // 1 - rho, from what the fraction lacks.
    let gap = -((-missing).ln_1p() / n).exp_m1();
    let mut sum = gap.ln();
    for j in 1..depth {
        let theta = TAU * j as f64 / n;
        let (re, im) = (1.0 - rho * theta.cos(), -rho * theta.sin());
        let twice = 2.0 * theta;
        sum += twice.cos() * re.hypot(im).ln() + twice.sin() * im.atan2(re);
    }
    -sum / n
}

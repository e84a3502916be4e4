//! Order or chaos at initialisation (Poole et al. 2016; Schoenholz et al. 2017).
//!
//! Through many layers `q <- w^2 kappa(q, q, q) + b^2` tends to a fixed point `q*`. There two nearly equal inputs separate or
//! merge by the factor
//!
#![doc = overparam_formula::formula!("chi = w^2 kappa'(q*, q*, q*)")]
//!
//! per layer: below one everything converges to perfect correlation (order), above one it does not (chaos). Covariances
//! approach their limit, and gradients vanish or explode, over `xi = 1/|ln chi|` layers.

use crate::NtkError;
use crate::activation::Activation;
use crate::dual::visit::DualMap;
use crate::pair::Pair;

/// Which side of the edge of chaos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `chi < 1`.
    Ordered,
    /// `chi = 1` within `1e-6`.
    Critical,
    /// `chi > 1`.
    Chaotic,
}

/// The fixed point of the depth recursion and what happens near it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthLimit {
    /// Variance of preactivations after many layers; infinite if it grows without bound.
    pub variance: f64,
    /// Separation of nearby inputs per layer.
    pub chi: f64,
    /// Correlation of different inputs after many layers.
    pub correlation: f64,
    /// `1/|ln chi|` layers; infinite at criticality.
    pub depth_scale: f64,
    /// The side.
    pub phase: Phase,
}

/// Most layers to iterate; convergence is slowest, like one over depth, at criticality.
const LAYERS: usize = 20_000;

/// The depth limit of dense layers with `w_std`, `b_std >= 0` and this activation, from unit variance.
///
/// # Errors
/// [`NtkError::Parameter`] if a standard deviation is negative or not finite.
///
/// ```
/// use overparam_ntk::activation::Activation;
/// use overparam_ntk::theory::phase::{Phase, depth_limit};
///
/// let he = depth_limit(&Activation::relu(), 2f64.sqrt(), 0.0)?;
/// assert!((he.variance - 1.0).abs() < 1e-9 && he.phase == Phase::Critical);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
pub fn depth_limit(activation: &Activation, w_std: f64, b_std: f64) -> Result<DepthLimit, NtkError> {
    for (name, std) in [("w_std", w_std), ("b_std", b_std)] {
        if !(std.is_finite() && std >= 0.0) {
            return Err(NtkError::parameter(name, &std, "a finite number >= 0"));
        }
    }
    let dual = activation.map()?;
    let (w2, b2) = (w_std * w_std, b_std * b_std);
    let moments = |q: f64, k: f64| dual.moments(&Pair::of_covariance(k, [q; 2]));
    let mut q = 1.0;
    for _ in 0..LAYERS {
        let next = w2 * moments(q, q).kappa + b2;
        let settled = (next - q).abs() <= 1e-15 * next;
        q = next;
        if settled || !(1e-280..1e280).contains(&q) {
            break;
        }
    }
    let chi = w2 * moments(q, q).kappa_dot;
    let mut c = 0.5;
    for _ in 0..LAYERS {
        let next = ((w2 * moments(q, c * q).kappa + b2) / q).clamp(-1.0, 1.0);
        let settled = (next - c).abs() <= 1e-15;
        c = next;
        if settled || c.is_nan() {
            break;
        }
    }
    let variance = match q {
        q if q < 1e-280 => 0.0,
        q if q.is_nan() || q > 1e280 => f64::INFINITY,
        q => q,
    };
    let phase = match chi {
        chi if (chi - 1.0).abs() < 1e-6 => Phase::Critical,
        chi if chi < 1.0 => Phase::Ordered,
        _ => Phase::Chaotic,
    };
    let depth_scale = if phase == Phase::Critical { f64::INFINITY } else { 1.0 / chi.ln().abs() };
    Ok(DepthLimit { variance, chi, correlation: c, depth_scale, phase })
}

#[cfg(test)]
mod properties {
    use super::{Phase, depth_limit};
    use crate::activation::{Activation, Erf};

    /// Erf without bias is critical at small variance for `w_std^2 = pi/4`, where its slope at zero is one.
    #[test]
    fn erf_passes_from_order_to_chaos() {
        let critical = (std::f64::consts::PI / 4.0).sqrt();
        let below = depth_limit(&Erf.into(), 0.8 * critical, 0.0).unwrap();
        let above = depth_limit(&Erf.into(), 2.0 * critical, 0.0).unwrap();
        assert_eq!((below.phase, above.phase), (Phase::Ordered, Phase::Chaotic));
        assert!(below.chi < 1.0 && above.chi > 1.0 && above.correlation < 1.0);
    }

    #[test]
    fn relu_is_critical_at_he_initialisation_only() {
        assert_eq!(depth_limit(&Activation::relu(), 1.2, 0.1).unwrap().phase, Phase::Ordered);
        assert_eq!(depth_limit(&Activation::relu(), 1.6, 0.1).unwrap().phase, Phase::Chaotic);
    }
}

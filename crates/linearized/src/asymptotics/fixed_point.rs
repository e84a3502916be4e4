//! The fixed point of the resolvent: one monotone concave scalar equation.

use crate::Error;
use crate::error::{non_negative, require};

/// The proportions and the two numbers of the activation that the fixed point depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// `psi1 = N / d > 0`; may be infinite.
    pub psi1: f64,
    /// `psi2 = n / d > 0`; may be infinite.
    pub psi2: f64,
    /// `zeta = |mu_1| / mu_* >= 0`.
    pub zeta: f64,
    /// `lambda / mu_*^2 >= 0`; zero is the ridgeless limit `lambda -> 0+`.
    pub lambda_bar: f64,
}

/// The solution of the fixed-point equations (Mei and Montanari 2022, definition 1) at `xi = i sqrt(psi1 psi2 lambda_bar)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedPoint {
    regime: Regime,
    /// `x = -chi = -nu1 nu2 > 0`.
    pub x: f64,
    /// `h = zeta^2 x / (1 + zeta^2 x)` in `[0, 1)`: the fraction of the linear signal that is learned.
    pub learned: f64,
    /// `r1 = 1 - c / psi1` in `[0, 1]`: the fraction of features left over.
    pub spare_features: f64,
    /// `r2 = 1 - c / psi2` in `[0, 1]`: the fraction of samples left over.
    pub spare_samples: f64,
}

impl FixedPoint {
    /// Solves the fixed point. Takes well under a microsecond and cannot fail on valid input: Newton's method on an
    /// increasing concave function, started below its root, climbs monotonically.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `psi1` or `psi2` is not positive, `zeta` or `lambda_bar` is negative or not finite, or both
    /// proportions are infinite without a ridge.
    pub fn solve(regime: Regime) -> Result<Self, Error> {
        let Regime { psi1, psi2, zeta, lambda_bar } = regime;
        require(psi1 > 0.0, "psi1 = N / d", psi1, "positive (infinity is allowed)")?;
        require(psi2 > 0.0, "psi2 = n / d", psi2, "positive (infinity is allowed)")?;
        non_negative("zeta", zeta)?;
        non_negative("lambda_bar", lambda_bar)?;
        let z2 = zeta * zeta;
        let (x, spare1, spare2) = match (psi1.is_finite(), psi2.is_finite()) {
            (true, true) => {
                let x = interior(psi1, psi2, z2, lambda_bar);
                let (small, large) = gaps(psi1, psi2, lambda_bar, x);
                let (gap1, gap2) = if psi1 <= psi2 { (small, large) } else { (large, small) };
                (x, gap1 / psi1, gap2 / psi2)
            }
            // One gap is infinite, the other is linear in x: c(x) + psi lambda_bar x = psi.
            (false, true) => {
                let x = quadratic_root(1.0 + psi2 * lambda_bar, z2, psi2);
                (x, 1.0, lambda_bar * x)
            }
            (true, false) => {
                let x = quadratic_root(1.0 + psi1 * lambda_bar, z2, psi1);
                (x, lambda_bar * x, 1.0)
            }
            (false, false) => {
                require(
                    lambda_bar > 0.0,
                    "lambda_bar",
                    lambda_bar,
                    "positive when psi1 and psi2 are infinite",
                )?;
                (1.0 / lambda_bar, 1.0, 1.0)
            }
        };
        let t = z2 * x;
        Ok(Self { regime, x, learned: t / (1.0 + t), spare_features: spare1, spare_samples: spare2 })
    }

    /// The regime this is the solution for.
    pub fn regime(&self) -> Regime {
        self.regime
    }

    /// `chi = nu1 nu2 < 0`.
    pub fn chi(&self) -> f64 {
        -self.x
    }

    /// `c = x + h`: degrees of freedom of the fit divided by `d`.
    pub fn degrees_of_freedom(&self) -> f64 {
        self.x + self.learned
    }

    /// `(Im nu1, Im nu2)`, both positive.
    ///
    /// `None` where they are not defined: an infinite proportion, or the ridgeless limit with `psi1 != psi2`, in which one
    /// tends to 0 and the other to infinity with their product fixed.
    pub fn im_nu(&self) -> Option<(f64, f64)> {
        let Regime { psi1, psi2, lambda_bar, .. } = self.regime;
        let u = (psi1 * psi2 * lambda_bar).sqrt();
        if u == 0.0 {
            return (psi1 == psi2).then(|| (self.x.sqrt(), self.x.sqrt()));
        }
        u.is_finite().then(|| (psi1 * self.spare_features / u, psi2 * self.spare_samples / u))
    }

    /// The largest relative violation of the equations this point should solve: of the pair
    /// `nu1 = psi1 / (-xi - nu2 - zeta^2 nu2 / (1 - zeta^2 nu1 nu2))` and its mirror image where [`Self::im_nu`] exists and
    /// `lambda_bar > 0`, of the limiting scalar equation otherwise.
    pub fn residual(&self) -> f64 {
        let Regime { psi1, psi2, zeta, lambda_bar } = self.regime;
        let c = self.degrees_of_freedom();
        match self.im_nu() {
            Some((m1, m2)) if lambda_bar > 0.0 => {
                let u = (psi1 * psi2 * lambda_bar).sqrt();
                let map = |psi: f64, m: f64| psi / (u + m + zeta * zeta * m / (1.0 + zeta * zeta * m1 * m2));
                ((map(psi1, m2) - m1) / m1).abs().max(((map(psi2, m1) - m2) / m2).abs())
            }
            _ => {
                let miss =
                    |psi: f64, spare: f64| if psi.is_finite() { (1.0 - c / psi - spare).abs() } else { 0.0 };
                miss(psi1, self.spare_features).max(miss(psi2, self.spare_samples))
            }
        }
    }
}

/// The positive root of `k x + z2 x / (1 + z2 x) = p` without cancellation.
fn quadratic_root(k: f64, z2: f64, p: f64) -> f64 {
    let b = k + z2 - p * z2;
    let root = (b * b + 4.0 * k * z2 * p).sqrt();
    if b >= 0.0 { 2.0 * p / (b + root) } else { (root - b) / (2.0 * k * z2) }
}

/// `(min(psi) - c, max(psi) - c)` as functions of `x`: the roots `s`, `s + q` of `s (s + q) = psi1 psi2 lambda_bar x` with
/// `q = |psi1 - psi2|`. Computed so rather than as differences, they keep every digit when `c` is close to `psi`.
fn gaps(psi1: f64, psi2: f64, lambda_bar: f64, x: f64) -> (f64, f64) {
    let q = (psi1 - psi2).abs();
    let product = psi1 * psi2 * lambda_bar * x;
    let large = 0.5 * (q + (q * q + 4.0 * product).sqrt());
    if product == 0.0 { (0.0, q) } else { (product / large, large) }
}

/// The root of `f(x) = c(x) + s(x) - min(psi1, psi2)`.
///
/// `c` and `s` are increasing and concave, so Newton's method from a point below the root stays below and converges
/// monotonically. The start is where the larger of the two would be half of the target: closed forms, within a small factor
/// of the root for every regime.
fn interior(psi1: f64, psi2: f64, z2: f64, lambda_bar: f64) -> f64 {
    let p = psi1.min(psi2);
    if lambda_bar == 0.0 {
        return quadratic_root(1.0, z2, p);
    }
    let q = (psi1 - psi2).abs();
    let u2 = psi1 * psi2 * lambda_bar;
    let half = 0.5 * p;
    let mut x = quadratic_root(1.0, z2, half).min(half * (half + q) / u2);
    // About six steps; the bound only keeps the loop finite where rounding makes the last step alternate.
    for _ in 0..60 {
        let root = (q * q + 4.0 * u2 * x).sqrt();
        let s = 2.0 * u2 * x / (q + root);
        let w = 1.0 / (1.0 + z2 * x);
        let value = x * (1.0 + z2 * w) + s - p;
        let slope = 1.0 + z2 * w * w + u2 / root;
        let step = value / slope;
        x -= step;
        if step.abs() <= 2.0 * f64::EPSILON * x {
            break;
        }
    }
    x
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{FixedPoint, Regime};

    fn power(range: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
        range.prop_map(|e| 10f64.powf(e))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The physical branch far beyond the sizes anyone simulates.
        #[test]
        fn solves_on_the_physical_branch(
            psi1 in power(-6.0..6.0), psi2 in power(-6.0..6.0), zeta in power(-3.0..1.5), lambda_bar in power(-15.0..6.0),
        ) {
            let point = FixedPoint::solve(Regime { psi1, psi2, zeta, lambda_bar }).unwrap();
            prop_assert!((0.0..1e-12).contains(&point.residual()), "{:e}", point.residual());
            let (m1, m2) = point.im_nu().unwrap();
            prop_assert!(m1 > 0.0 && m2 > 0.0);
            prop_assert!((m1 * m2 / point.x - 1.0).abs() < 1e-12);
        }

        /// Features and samples play the same part in the fixed point.
        #[test]
        fn exchanging_features_and_samples_keeps_chi(
            psi1 in power(-3.0..3.0), psi2 in power(-3.0..3.0), zeta in power(-1.0..1.0), lambda_bar in power(-9.0..3.0),
        ) {
            let a = FixedPoint::solve(Regime { psi1, psi2, zeta, lambda_bar }).unwrap();
            let b = FixedPoint::solve(Regime { psi1: psi2, psi2: psi1, zeta, lambda_bar }).unwrap();
            prop_assert!((a.x / b.x - 1.0).abs() < 1e-13);
        }

        /// A ridge shrinks the degrees of freedom.
        #[test]
        fn more_ridge_is_less_freedom(
            psi1 in power(-3.0..3.0), psi2 in power(-3.0..3.0), zeta in power(-1.0..1.0), lambda_bar in power(-6.0..3.0),
        ) {
            let at = |lambda_bar| FixedPoint::solve(Regime { psi1, psi2, zeta, lambda_bar }).unwrap().degrees_of_freedom();
            prop_assert!(at(lambda_bar) < at(0.0) && at(1.5 * lambda_bar) < at(lambda_bar));
            prop_assert!(at(0.0) <= psi1.min(psi2) * (1.0 + 1e-12));
        }
    }

    /// A point that is off by a hundredth violates the equations by about that.
    #[test]
    fn a_point_beside_the_solution_has_a_residual() {
        let finite = Regime { psi1: 2.0, psi2: 3.0, zeta: 1.0, lambda_bar: 0.1 };
        for regime in [
            finite,
            Regime { lambda_bar: 0.0, ..finite },
            Regime { psi1: f64::INFINITY, ..finite },
            Regime { psi2: f64::INFINITY, ..finite },
        ] {
            let point = FixedPoint::solve(regime).unwrap();
            let (x, spare_features) = (1.01 * point.x, 1.01 * point.spare_features);
            let off = FixedPoint { x, spare_features, ..point }.residual();
            assert!((1e-3..0.1).contains(&off), "{regime:?}: {off}");
        }
    }

    #[test]
    fn ranges_are_named() {
        let good = Regime { psi1: 1.0, psi2: 1.0, zeta: 1.0, lambda_bar: 1.0 };
        for (bad, name) in [
            (Regime { psi1: 0.0, ..good }, "psi1"),
            (Regime { psi2: f64::NAN, ..good }, "psi2"),
            (Regime { zeta: -1.0, ..good }, "zeta"),
            (Regime { lambda_bar: -1e-9, ..good }, "lambda_bar"),
            (Regime { psi1: f64::INFINITY, psi2: f64::INFINITY, lambda_bar: 0.0, ..good }, "lambda_bar"),
        ] {
            let message = FixedPoint::solve(bad).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}

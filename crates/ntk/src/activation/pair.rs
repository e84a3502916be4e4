//! A Gaussian pair, kept so that nearly equal and nearly opposite inputs lose no digits.

use super::Activation;
use crate::NtkError;
use crate::kernel::step::Dual;

/// Covariance of a centred Gaussian pair: variances `q_x = s_x^2`, `q_y = s_y^2`, covariance `k`, and the margin
/// `m = s_x s_y - |k| >= 0`, known to full relative accuracy where `k` alone would lose it to cancellation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) k: f64,
    pub(crate) margin: f64,
    pub(crate) q: [f64; 2],
    pub(crate) s: [f64; 2],
}

impl Pair {
    /// `s_x s_y`.
    pub(crate) fn scale(&self) -> f64 {
        self.s[0] * self.s[1]
    }

    /// `1 - |c|` with the correlation `c`; one where a variance vanishes.
    pub(crate) fn versine(&self) -> f64 {
        let g = self.scale();
        if g > 0.0 { (self.margin / g).min(1.0) } else { 1.0 }
    }

    /// The correlation `c` in `[-1, 1]`.
    pub(crate) fn correlation(&self) -> f64 {
        (1.0 - self.versine()).copysign(self.k)
    }
}

/// What a nonlinearity makes of a Gaussian pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// `E[phi(u) phi(v)]`.
    pub kappa: f64,
    /// `E[phi'(u) phi'(v)]`.
    pub kappa_dot: f64,
}

impl Activation {
    /// The dual map at one point: variances `q_x, q_y >= 0` and covariance `k`, `k^2 <= q_x q_y`.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if the 2 x 2 matrix is not a covariance.
    ///
    /// ```
    /// use overparam_ntk::activation::Activation;
    ///
    /// let moments = Activation::relu().dual(1.0, 1.0, 1.0)?;
    /// assert_eq!((moments.kappa, moments.kappa_dot), (0.5, 0.5));
    /// # Ok::<(), overparam_ntk::NtkError>(())
    /// ```
    pub fn dual(&self, q_x: f64, q_y: f64, k: f64) -> Result<Moments, NtkError> {
        for (name, q) in [("q_x", q_x), ("q_y", q_y)] {
            if !(q.is_finite() && q >= 0.0) {
                return Err(NtkError::parameter(name, &q, "a finite variance >= 0"));
            }
        }
        let scale = if q_x == q_y { q_x } else { q_x.sqrt() * q_y.sqrt() };
        if k.is_nan() || k.abs() > scale * (1.0 + 1e-12) {
            return Err(NtkError::parameter("k", &k, "a covariance with k^2 <= q_x q_y"));
        }
        let margin = (scale - k.abs()).max(0.0);
        let pair = Pair { k, margin, q: [q_x, q_y], s: [q_x.sqrt(), q_y.sqrt()] };
        Ok(Dual::new(self)?.moments(&pair))
    }
}

#[cfg(test)]
mod tests {
    use super::{Moments, Pair};
    use crate::activation::Activation;
    use crate::kernel::step::Dual;

    /// Activations of `tests/duals.csv`, with the largest errors allowed: of `kappa` and `kappa'` in units of their own last
    /// place, where nothing cancels, and in units of the last place of what they are for the inputs with themselves.
    fn of(name: &str) -> (Activation, [u64; 2], f64) {
        const CANCELS: u64 = u64::MAX;
        match name {
            "erf" => (Activation::Erf, [4, 4], 4.0),
            "gelu" => (Activation::Gelu, [CANCELS, CANCELS], 4.0),
            // An exponential has the error of its argument times the argument, here up to 16.
            "exp" => (Activation::Exp { a: 0.7, b: 0.9 }, [8, 8], 8.0),
            "sin" => (Activation::Sin { a: 1.3, b: 0.7, c: 0.2 }, [CANCELS, CANCELS], 4.0),
            "sin0" => (Activation::Sin { a: 1.0, b: 1.0, c: 0.0 }, [4, 4], 4.0),
            "rbf" => (Activation::Rbf { gamma: 0.3 }, [4, 4], 4.0),
            "sign" => (Activation::Sign, [4, 0], 4.0),
            _ => panic!("no activation {name}"),
        }
    }

    /// An input with itself, whatever the rounding of `q_x q_y`, and what is no covariance.
    #[test]
    fn a_covariance_is_at_most_the_product_of_deviations() {
        for q in [1.0, 2.0, 0.3] {
            let own = Activation::abs().dual(q, q, q).unwrap();
            assert!((own.kappa - q).abs() < 1e-15 && own.kappa_dot == 1.0, "{own:?}");
            assert!(Activation::abs().dual(q, q, q * (1.0 + 1e-9)).is_err());
            assert!(Activation::abs().dual(q, 4.0 * q, -2.0 * q * (1.0 + 1e-9)).is_err());
        }
    }

    /// Closed forms against mpmath's values, nearly equal and nearly opposite inputs and variances of 1e-8 to 1e8 included.
    #[test]
    fn closed_forms_are_those_of_sixty_digits() {
        let table = include_str!("../../tests/duals.csv");
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let (name, numbers) = row.split_once(',').expect("a name");
            let numbers: Vec<f64> = numbers.split(',').map(|x| x.parse().expect("a number")).collect();
            let &[x, y, k, margin, kappa, kappa_dot] = &numbers[..] else { panic!("six numbers: {row}") };
            let (activation, units, relative) = of(name);
            let dual = Dual::new(&activation).unwrap();
            let moments = |x: f64, y: f64, k, margin| {
                let pair = Pair { k, margin, q: [x, y], s: [x.sqrt(), y.sqrt()] };
                let Moments { kappa, kappa_dot } = dual.moments(&pair);
                [kappa, kappa_dot]
            };
            let (found, own) = (moments(x, y, k, margin), [x, y].map(|q| moments(q, q, q, 0.0)));
            for (i, expected) in [kappa, kappa_dot].into_iter().enumerate() {
                let apart =
                    if found[i] == expected { 0 } else { found[i].to_bits().abs_diff(expected.to_bits()) };
                let scale = (own[0][i] * own[1][i]).sqrt() * f64::EPSILON;
                assert!(apart <= units[i], "{apart} units, {} for {expected} of {row}", found[i]);
                assert!(
                    (found[i] - expected).abs() <= relative * scale,
                    "{} for {expected} of {row}",
                    found[i]
                );
            }
        }
    }
}

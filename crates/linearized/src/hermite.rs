//! Hermite coefficients: what a random-features model in high dimension sees of its activation.
//!
//! With `h_k = He_k / sqrt(k!)` orthonormal under the standard normal `G`, `s = sum_k c_k h_k`. In the limit `N, n ~ d` only
//! three numbers survive (Mei and Montanari 2022): `c_0`, `c_1`, and the mass of everything else.

use overparam_tensor::quadrature::Rule;

use crate::Error;
use crate::activation::Activation;

/// The Gaussian moments of an activation on which the asymptotics depend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// `mu_0 = E s(G)`.
    pub mean: f64,
    /// `mu_1 = E G s(G)`.
    pub linear: f64,
    /// `mu_2 = E (G^2 - 1) s(G)`.
    pub quadratic: f64,
    /// `E s(G)^2`.
    pub second_moment: f64,
    /// `mu_*^2 = E s(G)^2 - mu_0^2 - mu_1^2`: the mass above degree 1, which acts as noise and as ridge.
    pub residual: f64,
}

impl Profile {
    /// Integrates the activation against the standard normal.
    ///
    /// # Errors
    /// [`Error::LinearActivation`] if the mass above degree 1 is below `1e-13` of the whole.
    pub fn of(activation: &impl Activation) -> Result<Self, Error> {
        let rule = Rule::gaussian(&activation.kinks());
        let s = |x| activation.value(x);
        let mean = rule.integrate(s);
        let linear = rule.integrate(|x| x * s(x));
        let quadratic = rule.integrate(|x| (x * x - 1.0) * s(x));
        let second_moment = rule.integrate(|x| s(x).powi(2));
        // As the square of the remainder rather than the difference of moments: nearly linear activations keep their digits.
        let residual = rule.integrate(|x| (s(x) - mean - linear * x).powi(2));
        if residual.is_nan() || residual <= 1e-13 * second_moment {
            return Err(Error::LinearActivation { residual, second_moment });
        }
        Ok(Self { mean, linear, quadratic, second_moment, residual })
    }

    /// `zeta = |mu_1| / mu_*`: the signal-to-noise ratio of the features themselves.
    pub fn zeta(&self) -> f64 {
        self.linear.abs() / self.residual.sqrt()
    }

    /// `lambda / mu_*^2`, the ridge in the units of the asymptotics.
    pub fn lambda_bar(&self, lambda: f64) -> f64 {
        lambda / self.residual
    }
}

/// `c_k = E s(G) h_k(G)` for `k = 0..=degree`; `mu_k = E s(G) He_k(G) = sqrt(k!) c_k`.
pub fn coefficients(activation: &impl Activation, degree: usize) -> Vec<f64> {
    Basis::new(&activation.kinks(), degree).coefficients(|x| activation.value(x))
}

/// The polynomials `h_k` at the nodes of a quadrature, for many functions with the same kinks.
pub(crate) struct Basis {
    pub(crate) kinks: Vec<f64>,
    pub(crate) rule: Rule,
    degree: usize,
    /// `w_i h_k(x_i)`, node by node.
    weighted: Vec<f64>,
}

impl Basis {
    pub(crate) fn new(kinks: &[f64], degree: usize) -> Self {
        let rule = Rule::gaussian(kinks);
        let steps: Vec<(f64, f64)> = (0..=degree)
            .map(|k| k as f64)
            .map(|k| ((k + 1.0).sqrt().recip(), (k / (k + 1.0)).sqrt()))
            .collect();
        let mut weighted = Vec::with_capacity(rule.nodes().len() * (degree + 1));
        for (&x, &w) in rule.nodes().iter().zip(rule.weights()) {
            let (mut before, mut h) = (0.0, 1.0);
            for (rise, fall) in &steps {
                weighted.push(w * h);
                (before, h) = (h, rise * x * h - fall * before);
            }
        }
        Self { kinks: kinks.to_vec(), rule, degree, weighted }
    }

    /// `c_0..=c_degree` of `s`.
    pub(crate) fn coefficients(&self, s: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut c = vec![0.0; self.degree + 1];
        for (&x, row) in self.rule.nodes().iter().zip(self.weighted.chunks(self.degree + 1)) {
            let value = s(x);
            for (c, h) in c.iter_mut().zip(row) {
                *c += value * h;
            }
        }
        c
    }
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use super::{Profile, coefficients};
    use crate::Error;
    use crate::activation::{Activation, Standard};

    #[test]
    fn relu_has_its_closed_form() {
        let p = Profile::of(&Standard::Relu).unwrap();
        let exact = [1.0 / (2.0 * PI).sqrt(), 0.5, 1.0 / (2.0 * PI).sqrt(), 0.5, 0.25 - 0.5 / PI];
        for (a, b) in [p.mean, p.linear, p.quadratic, p.second_moment, p.residual].iter().zip(exact) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
        assert!((p.zeta() - 1.658_896_739_970_306).abs() < 1e-13);
    }

    /// Parseval: the squares of the coefficients sum to the second moment, at a rate set by smoothness.
    #[test]
    fn squares_sum_to_the_second_moment() {
        for (s, gap) in [(Standard::Quadratic, 1e-13), (Standard::Tanh, 2e-4), (Standard::Relu, 2e-3)] {
            let p = Profile::of(&s).unwrap();
            let c = coefficients(&s, 40);
            let sum: f64 = c.iter().map(|c| c * c).sum();
            assert!(
                sum <= p.second_moment + 1e-13 && p.second_moment - sum < gap,
                "{s}: {}",
                p.second_moment - sum
            );
            assert!((c[0] - p.mean).abs() < 1e-14 && (c[1] - p.linear).abs() < 1e-14);
            assert!((c[2] * 2f64.sqrt() - p.quadratic).abs() < 1e-14);
        }
    }

    #[test]
    fn a_linear_activation_is_refused() {
        struct Affine;
        impl Activation for Affine {
            fn value(&self, x: f64) -> f64 {
                3.0 * x + 1.0
            }
            fn derivative(&self, _: f64) -> f64 {
                3.0
            }
        }
        assert!(matches!(Profile::of(&Affine), Err(Error::LinearActivation { .. })));
    }
}

//! Spectrum of a dot-product kernel on the sphere.
//!
//! A kernel `h(<x, y>)` on the unit sphere of `R^d` with uniform measure is diagonal in spherical harmonics (Funk-Hecke). The
//! eigenvalue of degree `k` and its multiplicity are
//!
#![doc = overparam_formula::formula!(
    "lambda_k = E[h(t) Q_k(t)],    density of t proportional to (1 - t^2)^((d-3)/2),"
    "N(d, k)  = (2k + d - 2)/k binom(k + d - 3, k - 1),      N(d, 0) = 1,"
)]
//!
//! with Gegenbauer polynomials normalised to `Q_k(1) = 1`, `(k + d - 2) Q_(k+1) = (2k + d - 2) t Q_k - k Q_(k-1)`. Then
//! `h(t) = sum_k lambda_k N(d, k) Q_k(t)`. In the angle `t = cos phi` arc-cosine kernels are smooth up to both ends, so
//! the quadrature in `phi` of [`Rule::spherical`] converges exponentially.

use overparam_tensor::quadrature::Rule;
use overparam_tensor::sphere::{Gegenbauer, multiplicity};

use crate::NtkError;

/// One eigenspace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Harmonic {
    /// Degree `k`.
    pub degree: usize,
    /// Dimension of the space of harmonics of this degree (exact up to 2^53).
    pub multiplicity: f64,
    /// Eigenvalue.
    pub eigenvalue: f64,
}

/// Eigenspaces of degree `0..=max_degree` of `h` on the unit sphere of `R^d`.
///
/// # Errors
/// [`NtkError::Parameter`] if `d < 3` or `max_degree > 100`, beyond what the quadrature resolves.
///
/// ```
/// use std::f64::consts::PI;
/// use overparam_ntk::theory::sphere::spectrum;
///
/// // The NTK of a two-layer ReLU network whose first layer alone is trained has no odd degrees above one.
/// let h = |t: f64| t * (PI - t.acos()) / (2.0 * PI);
/// let spectrum = spectrum(h, 10, 5)?;
/// assert!(spectrum[2].eigenvalue > 1e-3 && spectrum[3].eigenvalue.abs() < 1e-12);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
pub fn spectrum(h: impl Fn(f64) -> f64, d: usize, max_degree: usize) -> Result<Vec<Harmonic>, NtkError> {
    if d < 3 {
        return Err(NtkError::parameter("d", &d, "a dimension >= 3"));
    }
    if max_degree > 100 {
        return Err(NtkError::parameter("max_degree", &max_degree, "a degree <= 100"));
    }
    let polynomials = Gegenbauer::new(d, max_degree);
    let (mut eigenvalues, mut values) = (vec![0.0; max_degree + 1], vec![0.0; max_degree + 1]);
    let rule = Rule::spherical(d, &[]);
    for (&t, &w) in rule.nodes().iter().zip(rule.weights()) {
        polynomials.fill(t, &mut values);
        let h = w * h(t);
        eigenvalues.iter_mut().zip(&values).for_each(|(sum, q)| *sum += h * q);
    }
    let harmonic =
        |(degree, eigenvalue)| Harmonic { degree, multiplicity: multiplicity(d, degree), eigenvalue };
    Ok(eigenvalues.into_iter().enumerate().map(harmonic).collect())
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use super::spectrum;

    fn two_layer(t: f64) -> f64 {
        let (k0, k1) = ((PI - t.acos()) / PI, (t * (PI - t.acos()) + (1.0 - t * t).sqrt()) / PI);
        t * k0 + k1
    }

    /// Exact eigenvalues of `t k0 + k1`.
    #[test]
    fn the_relu_tangent_kernel_has_its_spectrum() {
        let ten = spectrum(two_layer, 10, 5).unwrap();
        for (k, expected) in [(0, 0.36806), (1, 0.1), (2, 8.5725e-3), (4, 9.654e-5)] {
            assert!((ten[k].eigenvalue / expected - 1.0).abs() < 1e-4, "{k}: {}", ten[k].eigenvalue);
        }
        assert!(ten[3].eigenvalue.abs() < 1e-12 && ten[5].eigenvalue.abs() < 1e-12);
        let twenty = spectrum(two_layer, 20, 4).unwrap();
        for (k, expected) in [(1, 0.05), (2, 2.2572e-3), (4, 7.624e-6)] {
            assert!((twenty[k].eigenvalue / expected - 1.0).abs() < 1e-4);
        }
    }

    /// A polynomial kernel has finitely many eigenspaces, and its trace is its value at one.
    #[test]
    fn the_trace_adds_up() {
        for d in [3, 10, 1000] {
            let spectrum = spectrum(|t| 1.0 + t + t.powi(2) + t.powi(3), d, 6).unwrap();
            let trace: f64 = spectrum.iter().map(|h| h.multiplicity * h.eigenvalue).sum();
            assert!((trace - 4.0).abs() < 1e-6, "d = {d}: {trace}");
        }
        let multiplicities =
            |d| spectrum(|_| 1.0, d, 4).unwrap().iter().map(|h| h.multiplicity).collect::<Vec<_>>();
        assert_eq!((multiplicities(3)[4], multiplicities(10)[1], multiplicities(10)[2]), (9.0, 10.0, 54.0));
    }
}

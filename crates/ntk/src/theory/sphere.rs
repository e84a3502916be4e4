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
//! Gauss-Legendre quadrature in `phi` converges exponentially.

use nalgebra::DMatrix;
use overparam_tensor::linalg::symmetric_eigen;

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

const NODES: usize = 200;

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
    let (nodes, weights) = gauss_legendre(NODES)?;
    // sin^(d-2) is negligible further than this from the equator.
    let reach = (14.0 / (d as f64).sqrt()).min(std::f64::consts::FRAC_PI_2);
    let points: Vec<(f64, f64)> = nodes
        .iter()
        .zip(&weights)
        .map(|(z, w)| {
            let latitude = reach * z;
            (latitude.sin(), w * latitude.cos().powi(d as i32 - 2))
        })
        .collect();
    let mass: f64 = points.iter().map(|(_, w)| w).sum();
    let mut eigenvalues = vec![0.0; max_degree + 1];
    for (t, w) in points {
        let value = h(t) * w / mass;
        let (mut q, mut next) = (1.0, t);
        for (k, sum) in eigenvalues.iter_mut().enumerate() {
            *sum += value * q;
            let (k, d) = ((k + 1) as f64, d as f64);
            (q, next) = (next, ((2.0 * k + d - 2.0) * t * next - k * q) / (k + d - 2.0));
        }
    }
    let harmonic =
        |(degree, eigenvalue)| Harmonic { degree, multiplicity: multiplicity(d, degree), eigenvalue };
    Ok(eigenvalues.into_iter().enumerate().map(harmonic).collect())
}

/// Dimension of the harmonics of degree `k` in `d >= 3` dimensions.
pub fn multiplicity(d: usize, k: usize) -> f64 {
    if k == 0 {
        return 1.0;
    }
    let binomial: f64 = (1..k).map(|i| (d - 2 + i) as f64 / i as f64).product();
    ((2 * k + d - 2) as f64 / k as f64 * binomial).round()
}

/// Nodes and weights on `[-1, 1]` from the Jacobi matrix (Golub and Welsch 1969).
fn gauss_legendre(n: usize) -> Result<(Vec<f64>, Vec<f64>), NtkError> {
    let jacobi = DMatrix::from_fn(n, n, |i, j| {
        let k = i.max(j) as f64;
        if i.abs_diff(j) == 1 { k / (4.0 * k * k - 1.0).sqrt() } else { 0.0 }
    });
    let eigen = symmetric_eigen(&jacobi)?;
    let weights = eigen.vectors.row(0).iter().map(|v| 2.0 * v * v).collect();
    Ok((eigen.values.as_slice().to_vec(), weights))
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use super::{multiplicity, spectrum};

    fn two_layer(t: f64) -> f64 {
        let (k0, k1) = ((PI - t.acos()) / PI, (t * (PI - t.acos()) + (1.0 - t * t).sqrt()) / PI);
        t * k0 + k1
    }

    /// Exact eigenvalues of `t k0 + k1` (THEORY.md, section 5).
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
        assert_eq!((multiplicity(3, 4), multiplicity(10, 1), multiplicity(10, 2)), (9.0, 10.0, 54.0));
    }
}

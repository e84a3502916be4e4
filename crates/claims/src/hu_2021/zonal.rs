//! Kernels that depend on the angle alone, on the unit sphere of `R^d`: their eigenvalues degree by degree, and what regression with
//! them on `n` uniform points is equivalent to when `n` is large.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;

use crate::wide;

/// Degrees that are kept one by one; what is above is a ridge.
const DEGREES: usize = 40;
/// Intervals of Simpson's rule in the angle.
const INTERVALS: usize = 4_000;

/// Uniform points on the unit sphere, one row per point.
pub(super) fn points(count: usize, d: usize, stream: &Stream) -> DMatrix<f64> {
    wide::sphere(count, d, stream) / (d as f64).sqrt()
}

/// `P_0(t) .. P_most(t)`: the Gegenbauer polynomials of the sphere in `R^d`, 1 at `t = 1`.
fn polynomials(d: usize, most: usize, t: f64) -> Vec<f64> {
    let mut p = vec![1.0, t];
    for k in 1..most {
        let (k, d) = (k as f64, d as f64);
        let next = ((2.0 * k + d - 2.0) * t * p[p.len() - 1] - k * p[p.len() - 2]) / (k + d - 2.0);
        p.push(next);
    }
    p
}

/// How many independent harmonics of degree `k` there are on the sphere in `R^d`.
pub(super) fn multiplicity(k: usize, d: usize) -> f64 {
    if k == 0 {
        return 1.0;
    }
    let binomial = (1..k).map(|i| (d - 2 + i) as f64 / i as f64).product::<f64>();
    (2 * k + d - 2) as f64 / k as f64 * binomial
}

/// `sqrt(B_k) P_k(beta . x)` for the rows of `x` and a unit vector `beta`: a harmonic of degree `k` of mean square 1.
pub(super) fn harmonic(k: usize, x: &DMatrix<f64>, beta: &DVector<f64>) -> DVector<f64> {
    let d = x.ncols();
    let scale = multiplicity(k, d).sqrt();
    (x * beta).map(|t| scale * polynomials(d, k.max(1), t.clamp(-1.0, 1.0))[k])
}

/// The largest value of such a harmonic.
pub(super) fn peak(k: usize, d: usize) -> f64 {
    multiplicity(k, d).sqrt()
}

/// A kernel's spectrum: `kernel(t) = sum_k B_k e_k P_k(t)`.
pub(super) struct Spectrum {
    /// `(B_k, e_k)`.
    levels: Vec<(f64, f64)>,
    /// `sum B_k e_k` of the degrees above.
    tail: f64,
}

impl Spectrum {
    /// By the formula of Funk and Hecke, `e_k = E kernel(t) P_k(t)`, with `t` a coordinate of a uniform point.
    pub(super) fn of(kernel: impl Fn(f64) -> f64, d: usize) -> Self {
        let (mut sums, mut weights) = (vec![0.0; DEGREES + 1], 0.0);
        for i in 0..=INTERVALS {
            let angle = std::f64::consts::PI * i as f64 / INTERVALS as f64;
            let simpson = if i == 0 || i == INTERVALS { 1.0 } else { f64::from(2 + 2 * (i as u32 % 2)) };
            let weight = simpson * angle.sin().powi(d as i32 - 2);
            let value = kernel(angle.cos());
            weights += weight;
            for (sum, p) in sums.iter_mut().zip(polynomials(d, DEGREES, angle.cos())) {
                *sum += weight * value * p;
            }
        }
        let level = |(k, sum): (usize, f64)| (multiplicity(k, d), (sum / weights).max(0.0));
        let levels: Vec<(f64, f64)> = sums.into_iter().enumerate().map(level).collect();
        let trace: f64 = levels.iter().map(|(b, e)| b * e).sum();
        Self { tail: (kernel(1.0) - trace).max(0.0), levels }
    }

    /// `e_k`.
    pub(super) fn eigenvalue(&self, k: usize) -> f64 {
        self.levels[k].1
    }

    /// The `kappa` of `n = sum_k B_k e_k / (e_k + kappa) + (ridge + tail) / kappa`: regression with the kernel matrix of `n` points plus
    /// `ridge` shrinks degree `k` as `e_k / (e_k + kappa)`.
    pub(super) fn kappa(&self, n: f64, ridge: f64) -> f64 {
        let excess = |kappa: f64| {
            let sum: f64 = self.levels.iter().map(|(b, e)| b * e / (e + kappa)).sum();
            sum + (ridge + self.tail) / kappa - n
        };
        // Falling in kappa.
        let (mut low, mut high) = (1e-14f64, 1e6f64);
        for _ in 0..200 {
            let middle = (low * high).sqrt();
            if excess(middle) > 0.0 { low = middle } else { high = middle }
        }
        (low * high).sqrt()
    }

    /// `(1/n) sum_k B_k e_k^2 / (e_k + kappa)^2`.
    pub(super) fn variance(&self, n: f64, kappa: f64) -> f64 {
        self.levels.iter().map(|(b, e)| b * (e / (e + kappa)).powi(2)).sum::<f64>() / n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_layer(t: f64) -> f64 {
        t * (std::f64::consts::PI - t.clamp(-1.0, 1.0).acos()) / (2.0 * std::f64::consts::PI)
    }

    #[test]
    fn multiplicities_are_known() {
        assert_eq!([0, 1, 2, 3].map(|k| multiplicity(k, 3)), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!([1, 2].map(|k| multiplicity(k, 5)), [5.0, 14.0]);
    }

    /// The first degree is that of the linear part, `E t^2 / 4 = 1 / (4 d)`; odd degrees above are empty; all of it adds up.
    #[test]
    fn the_spectrum_of_the_first_layers_kernel() {
        let spectrum = Spectrum::of(first_layer, 5);
        assert!((spectrum.eigenvalue(1) - 1.0 / 20.0).abs() < 1e-9);
        assert!(spectrum.eigenvalue(3).abs() < 1e-9 && spectrum.eigenvalue(5).abs() < 1e-9);
        assert!(spectrum.eigenvalue(4) > 1e-5 && spectrum.tail > 0.0 && spectrum.tail < 0.01);
    }

    #[test]
    fn harmonics_have_mean_square_one_and_are_orthogonal() {
        let x = points(20_000, 5, &Stream::root(1));
        let beta = DVector::from_element(5, 5f64.sqrt().recip());
        for k in 1..=4 {
            let f = harmonic(k, &x, &beta);
            assert!((f.norm_squared() / 20_000.0 - 1.0).abs() < 0.06, "{k}");
            assert!((f.dot(&harmonic(k + 1, &x, &beta)) / 20_000.0).abs() < 0.05, "{k}");
        }
    }

    /// Against numbers of an independent program: `sqrt(2 q / n)` at `d = 5`, `n = 1000`.
    #[test]
    fn the_equivalent_of_a_kernel_matrix() {
        let spectrum = Spectrum::of(first_layer, 5);
        let kappa = spectrum.kappa(1000.0, 0.0);
        for (k, expected) in [(1, 0.200), (2, 0.431), (4, 2.055), (3, 8.016)] {
            let measure = (2.0 / (spectrum.eigenvalue(k) + kappa) / 1000.0).sqrt();
            assert!((measure / expected - 1.0).abs() < 5e-3, "{k}: {measure}");
        }
    }
}

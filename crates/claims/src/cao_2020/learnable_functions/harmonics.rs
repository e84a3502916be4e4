//! Zonal harmonics on the sphere, and what the tangent kernel of a ReLU net without biases does to them.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::{Mutex, PoisonError};

use nalgebra::DMatrix;
use overparam_ntk::theory::sphere::{Harmonic, spectrum};
use overparam_tensor::random::Stream;
use overparam_tensor::sphere::multiplicity;

/// Degrees that the formulas sum over; the rest of a kernel's trace acts like a ridge.
const DEGREES: usize = 60;

/// `sqrt(B_k) Q_k(z)` for `k` = 1 to 4 in `d` dimensions, orthonormal under the uniform measure; `z` is the first coordinate of a point
/// of norm `sqrt d`, in units of the norm.
pub(super) fn harmonics(dimension: usize, coordinate: f64) -> [f64; 4] {
    let d = dimension as f64;
    let z = coordinate / d.sqrt();
    let (mut before, mut now) = (1.0, z);
    std::array::from_fn(|i| {
        let k = (i + 1) as f64;
        let value = multiplicity(dimension, i + 1).sqrt() * now;
        (before, now) = (now, ((2.0 * k + d - 2.0) * z * now - k * before) / (k + d - 2.0));
        value
    })
}

/// A Fibonacci lattice on the sphere in three dimensions, turned by a random rotation: rows of norm `sqrt 3`. It integrates low
/// harmonics almost exactly, as the population of the theorem does.
pub(super) fn lattice(n: usize, stream: &Stream) -> DMatrix<f64> {
    let golden = PI * (3.0 - 5f64.sqrt());
    let points = DMatrix::from_fn(n, 3, |i, j| {
        let height = 1.0 - (2.0 * i as f64 + 1.0) / n as f64;
        let (radius, angle) = ((1.0 - height * height).sqrt(), golden * i as f64);
        3f64.sqrt() * [radius * angle.cos(), radius * angle.sin(), height][j]
    });
    points * stream.orthonormal_matrix::<f64>(3, 3)
}

/// The tangent kernel of a net with `depth` weight matrices, in the cosine: `S_1 = T_1 = t`, `S_(l+1) = k_1(S_l)`,
/// `T_(l+1) = S_(l+1) + T_l k_0(S_l)`, with the arc-cosine kernels of degree 0 and 1.
pub(super) fn tangent_kernel(depth: usize, t: f64) -> f64 {
    let (mut covariance, mut tangent) = (t, t);
    for _ in 1..depth {
        let cosine = covariance.clamp(-1.0, 1.0);
        let open = PI - cosine.acos();
        covariance = (cosine * open + (1.0 - cosine * cosine).sqrt()) / PI;
        tangent = covariance + tangent * open / PI;
    }
    tangent
}

/// Its eigenvalues on harmonics of degree 0 to [`DEGREES`]; empty below three dimensions. Computed once per depth and dimension.
pub(super) fn eigenspaces(depth: usize, dimension: usize) -> Vec<Harmonic> {
    static KNOWN: Mutex<BTreeMap<(usize, usize), Vec<Harmonic>>> = Mutex::new(BTreeMap::new());
    // A cache that another thread left in the middle of an insertion is a cache all the same.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let compute = || spectrum(|t| tangent_kernel(depth, t), dimension, DEGREES).unwrap_or_default();
    known.entry((depth, dimension)).or_insert_with(compute).clone()
}

/// The eigenvalue on harmonics of one degree.
pub(super) fn eigenvalue(depth: usize, dimension: usize, degree: usize) -> f64 {
    eigenspaces(depth, dimension).get(degree).map_or(f64::NAN, |h| h.eigenvalue)
}

/// The ridge that `n` random examples leave to a kernel with these eigenspaces: the solution of
/// `n = sum_k B_k mu_k / (mu_k + kappa) + tail / kappa`, where `tail` is what the sum of `B_k mu_k` lacks of the trace.
pub(super) fn effective_ridge(spaces: &[Harmonic], trace: f64, n: usize) -> f64 {
    let tail = (trace - spaces.iter().map(|h| h.multiplicity * h.eigenvalue).sum::<f64>()).max(0.0);
    let degrees = |ridge: f64| {
        let one = |h: &Harmonic| h.multiplicity * h.eigenvalue / (h.eigenvalue + ridge);
        spaces.iter().map(one).sum::<f64>() + tail / ridge
    };
    let (mut low, mut high) = (-60f64, 10f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if degrees(middle.exp()) > n as f64 { low = middle } else { high = middle }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{effective_ridge, eigenspaces, eigenvalue, harmonics, lattice, tangent_kernel};
    use crate::wide::{limit_kernel, sphere};

    /// The lattice integrates products of the four harmonics to the identity within a percent.
    #[test]
    fn the_harmonics_are_orthonormal() {
        let on_lattice = lattice(300, &Stream::root(1));
        let at_random = sphere(40_000, 10, &Stream::root(2));
        for (x, d, tolerance) in [(on_lattice, 3, 0.01), (at_random, 10, 0.15)] {
            for j in 0..4 {
                for k in 0..4 {
                    let product = |z: f64| harmonics(d, z)[j] * harmonics(d, z)[k];
                    let mean = x.column(0).iter().map(|z| product(*z)).sum::<f64>() / x.nrows() as f64;
                    assert!((mean - f64::from(u8::from(j == k))).abs() < tolerance, "{d} {j} {k}: {mean}");
                }
            }
        }
    }

    /// An independent quadrature (SciPy).
    #[test]
    fn the_eigenvalues_are_known() {
        let known = [
            ((2, 3), [0.5, 1.0 / 3.0, 0.078125, 0.0, 0.0052083]),
            ((3, 3), [0.93025, 0.37078, 0.10737, 0.018644, 0.0091431]),
            ((2, 10), [0.36806, 0.1, 0.0085725, 0.0, 9.654e-5]),
            ((3, 10), [0.75075, 0.101, 0.011329, 8.220e-4, 1.686e-4]),
        ];
        for ((depth, dimension), expected) in known {
            for (degree, expected) in expected.into_iter().enumerate() {
                let found = eigenvalue(depth, dimension, degree);
                assert!(
                    (found - expected).abs() < 1e-4 * expected + 1e-6,
                    "{depth} {dimension} {degree}: {found}"
                );
            }
        }
    }

    #[test]
    fn the_kernel_in_the_cosine_is_that_of_the_nets() {
        let x = sphere(5, 4, &Stream::root(3));
        for depth in [2, 3, 4] {
            let limit = limit_kernel(depth, &x, None).unwrap();
            let here = (&x * x.transpose() / 4.0).map(|t| tangent_kernel(depth, t));
            assert!((limit - here).amax() < 1e-6);
        }
    }

    /// With more examples than the kernel has directions of any weight the ridge is the tail's share; with few it is the trace's.
    #[test]
    fn the_ridge_falls_with_the_examples() {
        let spaces = eigenspaces(2, 5);
        let ridges = [1, 64, 1024].map(|n| effective_ridge(&spaces, 2.0, n));
        assert!(ridges[0] > ridges[1] && ridges[1] > 4.0 * ridges[2] && ridges[2] > 0.0, "{ridges:?}");
    }
}

//! Spectra of rotation-invariant kernels on the sphere.
//!
//! A kernel `h(<x, y> / d)` on `S^{d-1}(sqrt d)` has the harmonics of degree `k` as eigenfunctions, with one eigenvalue
//! `e_k = E h(t) Q_k(t)` of multiplicity `B(d, k)` each: `h(t) = sum_k e_k B(d, k) Q_k(t)`. An activation has
//! `s(<w, x> / sqrt d) = sum_k lambda_k B(d, k) Q_k(<w, x> / d)` for `||w|| = sqrt d` (Funk and Hecke), and the kernel of its
//! random features has `e_k = lambda_k^2`. (Ghorbani, Mei, Misiakiewicz and Montanari 2021, section 2.)

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::quadrature::Rule;
use overparam_tensor::sphere::{Gegenbauer, multiplicity};

use crate::Error;
use crate::activation::Activation;
use crate::error::{non_negative, require};

/// `lambda_k = E s(sqrt(d) t) Q_k(t)` for `k = 0..=degree`: the Gegenbauer coefficients of a function of `<w, x> / sqrt d`.
///
/// `lambda_k^2 B(d, k) -> c_k^2`, the squared [Hermite coefficient](crate::hermite::coefficients), as `d -> inf`.
///
/// # Panics
/// If `dimension < 2`.
pub fn funk_hecke(s: impl Fn(f64) -> f64, kinks: &[f64], dimension: usize, degree: usize) -> Vec<f64> {
    let scale = (dimension as f64).sqrt();
    let kinks: Vec<f64> = kinks.iter().map(|k| k / scale).collect();
    project(&Rule::spherical(dimension, &kinks), |t| s(scale * t), dimension, degree)
}

/// `E f(<w, x> / sqrt d)^2` for `||w|| = sqrt d`.
pub(crate) fn second_moment(f: impl Fn(f64) -> f64, kinks: &[f64], dimension: usize) -> f64 {
    let scale = (dimension as f64).sqrt();
    let kinks: Vec<f64> = kinks.iter().map(|k| k / scale).collect();
    Rule::spherical(dimension, &kinks).integrate(|t| f(scale * t).powi(2))
}

fn project(rule: &Rule, f: impl Fn(f64) -> f64, dimension: usize, degree: usize) -> Vec<f64> {
    let polynomials = Gegenbauer::new(dimension, degree);
    let (mut q, mut total) = (vec![0.0; degree + 1], vec![0.0; degree + 1]);
    for (&t, &w) in rule.nodes().iter().zip(rule.weights()) {
        polynomials.fill(t, &mut q);
        let value = w * f(t);
        for (total, q) in total.iter_mut().zip(&q) {
            *total += value * q;
        }
    }
    total
}

/// The eigenvalues of a rotation-invariant kernel on `S^{d-1}(sqrt d)`, degree by degree, and the trace beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    dimension: usize,
    eigenvalues: Vec<f64>,
    multiplicities: Vec<f64>,
    tail: f64,
}

impl Spectrum {
    /// From eigenvalues `e_0..=e_K` and the trace `sum_{k > K} e_k B(d, k)` beyond them.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a dimension below 2, a negative eigenvalue or tail, or a kernel that is zero.
    pub fn new(dimension: usize, eigenvalues: Vec<f64>, tail: f64) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        for &eigenvalue in &eigenvalues {
            non_negative("an eigenvalue of the kernel", eigenvalue)?;
        }
        let multiplicities: Vec<f64> = (0..eigenvalues.len()).map(|k| multiplicity(dimension, k)).collect();
        let seen: f64 = eigenvalues.iter().zip(&multiplicities).map(|(e, b)| e * b).sum();
        let trace = seen + tail;
        require(trace > 0.0 && trace.is_finite(), "the kernel's trace", trace, "positive and finite")?;
        // The tail often comes as a difference of traces: what rounding leaves of an empty one is cut.
        let tail = if tail.abs() < 1e-13 * trace { 0.0 } else { tail };
        require(tail >= 0.0, "the kernel's trace beyond the last degree", tail, "at least 0")?;
        Ok(Self { dimension, eigenvalues, multiplicities, tail })
    }

    /// Of the kernel `sum_j series[j] (<x, y> / d)^j`, to full relative precision at every degree: with
    /// `m_{j,k} = E t^j Q_k(t)`, `(2k + d - 2) m_{j+1,k} = (k + d - 2) m_{j,k+1} + k m_{j,k-1}` adds positive terms only.
    ///
    /// # Errors
    /// As [`Spectrum::new`].
    pub fn of_power_series(series: &[f64], dimension: usize, degree: usize) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        let d = dimension as f64;
        let mut moments = vec![0.0; series.len() + 2];
        moments[0] = 1.0;
        let mut eigenvalues = vec![0.0; series.len().max(degree + 1)];
        for coefficient in series {
            for (e, m) in eigenvalues.iter_mut().zip(&moments) {
                *e += coefficient * m;
            }
            let next = |k: usize| match k {
                0 => moments[1],
                _ => {
                    let j = k as f64;
                    ((j + d - 2.0) * moments[k + 1] + j * moments[k - 1]) / (2.0 * j + d - 2.0)
                }
            };
            let mut raised: Vec<f64> = (0..series.len() + 1).map(next).collect();
            raised.push(0.0);
            moments = raised;
        }
        let beyond = eigenvalues.split_off(degree + 1);
        let tail = beyond.iter().zip(degree + 1..).map(|(e, k)| e * multiplicity(dimension, k)).sum();
        Self::new(dimension, eigenvalues, tail)
    }

    /// Of the kernel `h(<x, y> / d)`, `h` on `[-1, 1]`, by quadrature.
    ///
    /// Rounding of `h` hides a degree whose mass `e_k B(d, k)` is below about `1e-16 sqrt(B(d, k)) h(1)`; such degrees are
    /// counted in the tail, where they belong until `n` nears `B(d, k)`, that is never. The other constructors see them all.
    ///
    /// # Errors
    /// As [`Spectrum::new`]: in particular if `h` is not a positive definite kernel in this dimension.
    pub fn of_kernel(h: impl Fn(f64) -> f64, dimension: usize, degree: usize) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        let trace = h(1.0);
        let mut eigenvalues = project(&Rule::spherical(dimension, &[]), &h, dimension, degree);
        for (k, e) in eigenvalues.iter_mut().enumerate() {
            if e.abs() * multiplicity(dimension, k).sqrt() < 1e-14 * trace {
                *e = 0.0;
            }
        }
        Self::from_trace(dimension, eigenvalues, trace)
    }

    /// Of the kernel `E_w s(<w, x> / sqrt d) s(<w, y> / sqrt d)`, `w` uniform on the sphere: the limit of random features.
    ///
    /// # Errors
    /// As [`Spectrum::new`].
    pub fn of_random_features(
        activation: &impl Activation,
        dimension: usize,
        degree: usize,
    ) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        let (eigenvalues, trace) =
            zonal_kernel(|x| activation.value(x), &activation.kinks(), dimension, degree);
        Self::from_trace(dimension, eigenvalues, trace)
    }

    /// Of the kernel `(<x, y> / d) E_w s'(<w, x> / sqrt d) s'(<w, y> / sqrt d)`: the limit of first-layer tangent features.
    ///
    /// # Errors
    /// As [`Spectrum::new`].
    pub fn of_tangent_features(
        activation: &impl Activation,
        dimension: usize,
        degree: usize,
    ) -> Result<Self, Error> {
        require(dimension >= 2, "the dimension", dimension as f64, "at least 2")?;
        let (inner, trace) =
            zonal_kernel(|x| activation.derivative(x), &activation.kinks(), dimension, degree + 1);
        // t Q_k = ((k + d - 2) Q_{k+1} + k Q_{k-1}) / (2k + d - 2), applied to sum_k e_k B_k Q_k.
        let d = dimension as f64;
        let mass: Vec<f64> = inner.iter().enumerate().map(|(k, e)| e * multiplicity(dimension, k)).collect();
        let eigenvalues = (0..=degree)
            .map(|k| {
                let from_above = mass[k + 1] * (k + 1) as f64 / (2.0 * (k + 1) as f64 + d - 2.0);
                let from_below = match k {
                    0 => 0.0,
                    1 => mass[0],
                    _ => mass[k - 1] * (k as f64 + d - 3.0) / (2.0 * k as f64 + d - 4.0),
                };
                (from_above + from_below) / multiplicity(dimension, k)
            })
            .collect();
        Self::from_trace(dimension, eigenvalues, trace)
    }

    fn from_trace(dimension: usize, eigenvalues: Vec<f64>, trace: f64) -> Result<Self, Error> {
        let seen: f64 = eigenvalues.iter().enumerate().map(|(k, e)| e * multiplicity(dimension, k)).sum();
        Self::new(dimension, eigenvalues, trace - seen)
    }

    /// The same eigenvalues on part of the eigenfunctions, for sums over levels: matrices of the result mean nothing.
    pub(crate) fn with_multiplicities(&self, multiplicities: Vec<f64>, tail: f64) -> Result<Self, Error> {
        let part = Self { multiplicities, tail, ..self.clone() };
        let trace = part.trace();
        require(trace > 0.0, "the trace of the kernel's invariant part", trace, "positive")?;
        Ok(part)
    }

    /// `d`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// `e_0..=e_K`.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// `B(d, 0)..=B(d, K)`.
    pub fn multiplicities(&self) -> &[f64] {
        &self.multiplicities
    }

    /// `sum_{k > K} e_k B(d, k)`: what acts as an additional ridge.
    pub fn tail(&self) -> f64 {
        self.tail
    }

    /// `h(1) = sum_k e_k B(d, k)`, tail included.
    pub fn trace(&self) -> f64 {
        self.eigenvalues.iter().zip(&self.multiplicities).map(|(e, b)| e * b).sum::<f64>() + self.tail
    }

    /// The kernel `h(<x_i, y_j> / d)` up to degree `K`, tail not included, between the rows of `x` (`n x d`) and `y`
    /// (`m x d`), all of norm `sqrt d`.
    ///
    /// # Panics
    /// If a row has not `d` entries.
    pub fn kernel_matrix(&self, x: &DMatrix<f64>, y: &DMatrix<f64>) -> DMatrix<f64> {
        let d = self.dimension;
        assert!(
            x.ncols() == d && y.ncols() == d,
            "kernel_matrix in dimension {d}: x is {} x {}, y is {} x {}",
            x.nrows(),
            x.ncols(),
            y.nrows(),
            y.ncols()
        );
        let (polynomials, mass) = self.zonal();
        let mut kernel = matmul(x, transposed(y));
        kernel.unscale_mut(d as f64);
        polynomials.sum_each(kernel.as_mut_slice(), &mass);
        kernel
    }

    /// [`Spectrum::kernel_matrix`] of the rows of `x` with themselves, tail included on the diagonal: the matrix of the whole
    /// kernel, but for the tail between different inputs. Half of the work, in blocks that stay in cache.
    ///
    /// # Panics
    /// If a row has not `d` entries.
    pub fn gram_matrix(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        const BLOCK: usize = 64;
        let (n, d) = (x.nrows(), self.dimension);
        assert!(x.ncols() == d, "gram_matrix in dimension {d}: x is {n} x {}", x.ncols());
        let (polynomials, mass) = self.zonal();
        let mut gram = DMatrix::zeros(n, n);
        for start in (0..n).step_by(BLOCK) {
            let below = x.rows(start, n - start).into_owned();
            let block = below.rows(0, BLOCK.min(n - start)).into_owned();
            let mut entries = matmul(&below, transposed(&block));
            entries.unscale_mut(d as f64);
            polynomials.sum_each(entries.as_mut_slice(), &mass);
            gram.view_mut((start, start), entries.shape()).copy_from(&entries);
        }
        gram.fill_upper_triangle_with_lower_triangle();
        gram.fill_diagonal(self.trace());
        gram
    }

    /// `sum_k e_k B(d, k) Q_k`.
    fn zonal(&self) -> (Gegenbauer, Vec<f64>) {
        let mass = self.eigenvalues.iter().zip(&self.multiplicities).map(|(e, b)| e * b).collect();
        (Gegenbauer::new(self.dimension, self.eigenvalues.len().saturating_sub(1)), mass)
    }
}

/// Squared Funk-Hecke coefficients and `E s^2`.
fn zonal_kernel(s: impl Fn(f64) -> f64, kinks: &[f64], dimension: usize, degree: usize) -> (Vec<f64>, f64) {
    let squares = funk_hecke(&s, kinks, dimension, degree).iter().map(|l| l * l).collect();
    (squares, second_moment(s, kinks, dimension))
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use overparam_tensor::random::Stream;
    use overparam_tensor::sphere::multiplicity;

    use super::{Spectrum, funk_hecke};
    use crate::activation::{Activation, Standard};
    use crate::data::sphere;
    use crate::hermite::coefficients;

    /// The ReLU's random features have the arc-cosine kernel of degree 1, tangent features `t` times that of degree 0.
    #[test]
    fn relu_kernels_are_arc_cosines() {
        for d in [5usize, 30, 300] {
            let first = |t: f64| (t * (PI - t.acos()) + (1.0 - t * t).max(0.0).sqrt()) / (2.0 * PI);
            let zeroth = |t: f64| t * (PI - t.acos()) / (2.0 * PI);
            let pairs = [
                (Spectrum::of_kernel(first, d, 8), Spectrum::of_random_features(&Standard::Relu, d, 8)),
                (Spectrum::of_kernel(zeroth, d, 8), Spectrum::of_tangent_features(&Standard::Relu, d, 8)),
            ];
            for (kernel, features) in pairs {
                let (kernel, features) = (kernel.unwrap(), features.unwrap());
                assert!((kernel.tail() - features.tail()).abs() < 1e-8);
                for k in 0..=8usize {
                    let gap = kernel.eigenvalues()[k] - features.eigenvalues()[k];
                    assert!((gap * multiplicity(d, k).sqrt()).abs() < 1e-14, "{d} {k} {gap}");
                }
            }
        }
    }

    /// In high dimension a coordinate of the sphere is Gaussian: the error is of order `1 / d`, at degree 30 too.
    #[test]
    fn coefficients_approach_hermite_ones() {
        let s = Standard::ShiftedRelu { shift: 0.5 };
        let hermite = coefficients(&s, 30);
        for (d, tolerance) in [(1_000, 0.05), (100_000, 5e-4)] {
            let sphere = funk_hecke(|x| s.value(x), &s.kinks(), d, 30);
            for (k, (l, c)) in sphere.iter().zip(&hermite).enumerate() {
                let gap = (l * multiplicity(d, k).sqrt() - c).abs();
                assert!(gap < tolerance, "d {d} degree {k}: {gap}");
            }
        }
    }

    /// `e^t` two ways, and its series alone at degree 30 in dimension 1,000, where `e_30 = 1 / (d (d + 2) ... (d + 58))` to
    /// leading order.
    #[test]
    fn power_series_agree_with_quadrature_and_go_further() {
        let mut series = vec![1.0f64];
        for j in 1..60 {
            series.push(series[j - 1] / j as f64);
        }
        let quadrature = Spectrum::of_kernel(f64::exp, 20, 6).unwrap();
        let exact = Spectrum::of_power_series(&series, 20, 6).unwrap();
        assert!((exact.tail() / quadrature.tail() - 1.0).abs() < 1e-7);
        for (a, b) in quadrature.eigenvalues().iter().zip(exact.eigenvalues()) {
            assert!((a / b - 1.0).abs() < 1e-8, "{a} {b}");
        }
        let far = Spectrum::of_power_series(&series, 1_000, 30).unwrap();
        let leading: f64 = (0..30).map(|i| 1.0 / (1_000.0 + 2.0 * f64::from(i))).product();
        assert!((far.eigenvalues()[30] / leading - 1.0).abs() < 1e-3);
        assert!((far.trace() / std::f64::consts::E - 1.0).abs() < 1e-14);
    }

    /// `h(1)`, however few degrees are seen. In dimension 3 `x = <w, x> / sqrt 3` is uniform on `[-sqrt 3, sqrt 3]`:
    /// `E (x - 1/2)_+^2 = (sqrt 3 - 1/2)^3 / (6 sqrt 3)`, and `P(x > 1/2) = (1 - 1 / (2 sqrt 3)) / 2`.
    #[test]
    fn the_trace_is_the_kernel_at_one() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
        for d in [2, 3, 10] {
            close(Spectrum::of_random_features(&Standard::Relu, d, 3).unwrap().trace(), 0.5);
            close(Spectrum::of_tangent_features(&Standard::Relu, d, 3).unwrap().trace(), 0.5);
        }
        let (shifted, root) = (Standard::ShiftedRelu { shift: 0.5 }, 3f64.sqrt());
        let expected = (root - 0.5).powi(3) / (6.0 * root);
        close(Spectrum::of_random_features(&shifted, 3, 4).unwrap().trace(), expected);
        close(Spectrum::of_tangent_features(&shifted, 3, 4).unwrap().trace(), 0.5 * (1.0 - 0.5 / root));
    }

    /// `1 + 2 t + 3 t^2 + 4 t^3`: 10 at 1, and of `t^3` the top degree has `3! / (d (d + 2) (d + 4))`.
    #[test]
    fn a_short_series_keeps_its_last_term() {
        let spectrum = Spectrum::of_power_series(&[1.0, 2.0, 3.0, 4.0], 6, 3).unwrap();
        assert!((spectrum.trace() - 10.0).abs() < 1e-13 && spectrum.tail().abs() < 1e-13);
        assert!((spectrum.eigenvalues()[3] - 24.0 / (6.0 * 8.0 * 10.0)).abs() < 1e-15);
        let few = Spectrum::of_power_series(&[1.0, 2.0, 3.0, 4.0], 6, 1).unwrap();
        assert!((few.trace() - 10.0).abs() < 1e-13 && few.tail() > 1.0);
    }

    /// On the circle Funk and Hecke's formula is Fourier's: `e_k = 1/pi int_0^pi h(cos u) cos(k u) du`, for the ReLU's tangent
    /// features with `h(cos u) = cos(u) (pi - u) / (2 pi)`.
    #[test]
    fn tangent_features_on_the_circle() {
        let spectrum = Spectrum::of_tangent_features(&Standard::Relu, 2, 4).unwrap();
        assert!((spectrum.eigenvalues()[0] - 1.0 / (PI * PI)).abs() < 1e-13);
        assert!((spectrum.eigenvalues()[1] - 0.125).abs() < 1e-13);
    }

    #[test]
    fn a_gram_matrix_is_the_kernel_matrix_with_its_whole_trace() {
        let kernel = Spectrum::of_random_features(&Standard::Relu, 12, 8).unwrap();
        for n in [1, 63, 64, 150] {
            let x = sphere(Stream::root(n as u64), n, 12);
            let mut expected = kernel.kernel_matrix(&x, &x);
            expected.fill_diagonal(kernel.trace());
            assert!((kernel.gram_matrix(&x) - expected).amax() < 1e-15);
        }
    }

    #[test]
    fn a_kernel_that_is_not_positive_is_refused() {
        assert!(Spectrum::of_kernel(|t| 1.0 - t, 10, 3).is_err());
    }
}

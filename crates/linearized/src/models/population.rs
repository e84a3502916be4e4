//! Exact population risks on the sphere: of a given finite set of features, of kernel regression on given inputs. No test set.
//!
//! The best fit to `f` in the span of `N` features with second moments `U = E z z^T` and correlations `V = E f z` has
//! `risk = E f^2 - V^T U^{-1} V`. On the sphere both are explicit (Funk and Hecke): with `lambda_k` the
//! [Gegenbauer coefficients](crate::spectrum::funk_hecke) of the activation,
//!
#![doc = overparam_formula::formula!("U(w, w') = sum_k lambda_k^2 B(d, k) Q_k(<w, w'> / d),    V(w) = sum_k lambda_k f_k(w).")]
//!
//! Tangent features `x s'(<w, x> / sqrt d)` have blocks `E x x^T s'_w s'_w' = alpha I + beta (w w^T + w' w'^T) / d + gamma
//! (w w'^T + w' w^T) / d`, whose three coefficients follow from the zonal kernels of `(s', s')`, `(z s', z s')`, `(z^2 s', s')`.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, LinalgError, matmul, symmetric_eigen, transposed};
use overparam_tensor::sphere::{Gegenbauer, multiplicity};

use super::gram::{Solver, shifted_inverse};
use crate::Error;
use crate::activation::Activation;
use crate::data::Target;
use crate::error::non_negative;
use crate::spectrum::{Spectrum, funk_hecke, second_moment};

/// Degree of the series of `U`. Off the diagonal `|<w, w'>| / d` is well below 1 and the series converges geometrically; the
/// diagonal is summed exactly.
const DEGREE: usize = 40;

/// The least risk of `x -> sum_a a_a s(<w_a, x> / sqrt d)` over `a`, for weights `w` (`N x d`, rows of norm `sqrt d`).
///
/// # Errors
/// [`Error::Linalg`].
///
/// # Panics
/// If the weights have not the target's dimension.
pub fn random_features(
    activation: &impl Activation,
    weights: &DMatrix<f64>,
    target: &Target,
) -> Result<f64, Error> {
    let d = target.dimension();
    let spectrum = Spectrum::of_random_features(activation, d, DEGREE)?;
    let u = spectrum.gram_matrix(weights);
    let lambda = funk_hecke(|x| activation.value(x), &activation.kinks(), d, target.energies().len());
    let v = target.weighted(weights, &lambda);
    Ok(target.energy() - explained(&u, &v)?)
}

/// The least risk of `x -> sum_a <a_a, x> s'(<w_a, x> / sqrt d)` over `a_1, ..., a_N` in `R^d`.
///
/// # Errors
/// [`Error::Linalg`].
///
/// # Panics
/// If the weights have not the target's dimension.
pub fn tangent_features(
    activation: &impl Activation,
    weights: &DMatrix<f64>,
    target: &Target,
) -> Result<f64, Error> {
    let u = tangent_moments(activation, weights);
    let v = tangent_correlations(activation, weights, target);
    Ok(target.energy() - explained(&u, &v)?)
}

/// The risk of kernel ridge regression on the rows of `inputs` (`n x d`, norm `sqrt d`) with labels `f(x_i)`, minimising
/// `(1/n) ||y - fit||^2 + ridge ||fit||_H^2`: exact for the drawn inputs, no test set.
///
/// `fit = sum_i alpha_i K(x_i, .)`, and with the kernel's eigenvalues `e_k`, `E f K(x_i, .) = sum_k e_k f_k(x_i)` and
/// `E K(x_i, .) K(x_j, .) = sum_k e_k^2 B(d, k) Q_k(<x_i, x_j> / d)`. The kernel's tail stands on the diagonal of its matrix only,
/// where all of it is for inputs in general position.
///
/// # Errors
/// [`Error::Parameter`] for a negative ridge; [`Error::Linalg`].
///
/// # Panics
/// If inputs, spectrum and target differ in dimension.
pub fn kernel_regression(
    spectrum: &Spectrum,
    inputs: &DMatrix<f64>,
    target: &Target,
    ridge: f64,
) -> Result<f64, Error> {
    non_negative("the ridge", ridge)?;
    let n = inputs.nrows();
    let kernel = spectrum.gram_matrix(inputs);
    let labels = DMatrix::from_columns(&[target.values(inputs)]);
    let solver = Solver::new(&kernel, 1)?;
    let alpha = solver.solve(ridge * n as f64, &labels)?;
    let squares = spectrum.eigenvalues().iter().map(|e| e * e).collect();
    let squared = Spectrum::new(spectrum.dimension(), squares, 0.0)?.gram_matrix(inputs);
    let correlations = target.weighted(inputs, spectrum.eigenvalues());
    let fit_energy = alpha.dot(&matmul(&squared, &alpha));
    Ok(target.energy() - 2.0 * alpha.column(0).dot(&correlations) + fit_energy)
}

/// `E z z^T` of the tangent features, `N d x N d`, feature `(a, j)` at index `a d + j`.
fn tangent_moments(activation: &impl Activation, weights: &DMatrix<f64>) -> DMatrix<f64> {
    let (neurons, dimension) = weights.shape();
    let d = dimension as f64;
    let kinks = activation.kinks();
    let powers: [Box<dyn Fn(f64) -> f64 + '_>; 3] = [
        Box::new(|z| activation.derivative(z)),
        Box::new(|z| z * activation.derivative(z)),
        Box::new(|z| z * z * activation.derivative(z)),
    ];
    let series = [0, 1, 2].map(|i| funk_hecke(&powers[i], &kinks, dimension, DEGREE));
    let mass = |i: usize, j: usize| -> Vec<f64> {
        (0..=DEGREE).map(|k| series[i][k] * series[j][k] * multiplicity(dimension, k)).collect()
    };
    let (zero, one, two) = (mass(0, 0), mass(1, 1), mass(2, 0));
    let polynomials = Gegenbauer::new(dimension, DEGREE);
    let cosines = matmul(weights, transposed(weights)) / d;
    let mut u = DMatrix::zeros(neurons * dimension, neurons * dimension);
    let diagonal = {
        let slope = |z: f64| activation.derivative(z);
        let (k00, k11) =
            (second_moment(slope, &kinks, dimension), second_moment(|z| z * slope(z), &kinks, dimension));
        let alpha = (d * k00 - k11) / (d - 1.0);
        // alpha I + (k11 - alpha) w w^T / d, written with the pair form's beta = that / 2.
        (alpha, 0.5 * (k11 - alpha), 0.0)
    };
    for a in 0..neurons {
        for b in 0..=a {
            let t = cosines[(a, b)].clamp(-1.0, 1.0);
            let (alpha, beta, gamma) = if a == b {
                diagonal
            } else {
                let (k00, k11, k20) =
                    (polynomials.sum(t, &zero), polynomials.sum(t, &one), polynomials.sum(t, &two));
                pair_coefficients(d, t, k00, k11, k20)
            };
            let (w, v) = (weights.row(a), weights.row(b));
            for j in 0..dimension {
                for i in 0..dimension {
                    let same = w[i] * w[j] + v[i] * v[j];
                    let crossed = w[i] * v[j] + v[i] * w[j];
                    let entry = f64::from(i == j) * alpha + (beta * same + gamma * crossed) / d;
                    u[(a * dimension + i, b * dimension + j)] = entry;
                }
            }
        }
    }
    u
}

/// Solves `w^T M w / d = k20`, `w^T M w' / d = k11`, `tr M = d k00` for `M = alpha I + beta (..) + gamma (..)` at cosine `t`.
fn pair_coefficients(d: f64, t: f64, k00: f64, k11: f64, k20: f64) -> (f64, f64, f64) {
    let s = 1.0 - t * t;
    // Subtracting t times each other leaves, with P = k20 - t k11 and Q = k11 - t k20,
    //   P = alpha s + beta s + gamma t s,   Q = beta t s + gamma s.
    let (p, q) = ((k20 - t * k11) / s, (k11 - t * k20) / s);
    // d alpha + 2 (beta + gamma t) = d k00, and beta + gamma t = p - alpha.
    let alpha = (d * k00 - 2.0 * p) / (d - 2.0);
    // beta + t gamma = p - alpha and t beta + gamma = q.
    let beta = (p - alpha - t * q) / s;
    (alpha, beta, q - t * beta)
}

/// `E f(x) x s'(<w, x> / sqrt d)`: the gradient of `w -> E f s(<w, x> / sqrt d)`, times `sqrt d`. Its tangential part is
/// that of `sum_k lambda_k f_k(w)`, its radial part `E f z s'(z)`.
fn tangent_correlations(
    activation: &impl Activation,
    weights: &DMatrix<f64>,
    target: &Target,
) -> DVector<f64> {
    let dimension = target.dimension();
    let scale = (dimension as f64).sqrt();
    let kinks = activation.kinks();
    let degree = target.energies().len();
    let along = funk_hecke(|x| activation.value(x), &kinks, dimension, degree);
    let out = funk_hecke(|x| x * activation.derivative(x), &kinks, dimension, degree);
    let mut v = target.gradient(weights, &along) * scale;
    let radial = target.weighted(weights, &out);
    for (a, mut row) in v.row_iter_mut().enumerate() {
        row += weights.row(a) * (radial[a] / scale);
    }
    DVector::from_column_slice(v.transpose().as_slice())
}

/// `V^T U^+ V`, reading the lower triangle of `U`.
fn explained(u: &DMatrix<f64>, v: &DVector<f64>) -> Result<f64, Error> {
    match Cholesky::factor(u) {
        Ok(cholesky) => Ok(v.dot(&cholesky.solve_vector(v))),
        // Features that are linearly dependent, such as more of a polynomial activation than it has dimensions.
        Err(LinalgError::NotPositiveDefinite { .. }) => {
            let column = DMatrix::from_column_slice(v.len(), 1, v.as_slice());
            Ok(column.dot(&shifted_inverse(&symmetric_eigen(u)?, 0.0, &column)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{
        kernel_regression, random_features, tangent_correlations, tangent_features, tangent_moments,
    };
    use crate::activation::Standard;
    use crate::data::{Target, sphere};
    use crate::models::{Data, KernelData, RandomFeatures, TangentFeatures, kernel_path, ridge_path};
    use crate::spectrum::Spectrum;

    /// ReLU tangent blocks are `(pi - theta) / (2 pi) I + sin(theta) / (2 pi)` times the reflection that swaps `w` and `w'`.
    #[test]
    fn relu_blocks_are_a_multiple_of_identity_plus_reflection() {
        let d = 30;
        let w = sphere(Stream::root(1), 2, d);
        let u = tangent_moments(&Standard::Relu, &w);
        let (a, b) = (w.row(0).transpose() / (d as f64).sqrt(), w.row(1).transpose() / (d as f64).sqrt());
        let angle = a.dot(&b).acos();
        // w <-> w' within their plane, zero outside it.
        let (plus, minus) = ((&a + &b).normalize(), (&a - &b).normalize());
        let swap = &plus * plus.transpose() - &minus * minus.transpose();
        let exact = DMatrix::identity(d, d) * ((PI - angle) / (2.0 * PI)) + swap * (angle.sin() / (2.0 * PI));
        let block = u.view((d, 0), (d, d)).into_owned();
        assert!((&block - &exact).amax() < 1e-9, "{}", (&block - &exact).amax());
        let own = u.view((0, 0), (d, d)).into_owned();
        assert!((own - DMatrix::identity(d, d) * 0.5).amax() < 1e-12);
    }

    /// Against averages over 200,000 inputs, within a few standard errors.
    #[test]
    fn correlations_are_averages() {
        let (d, s) = (6, Standard::ShiftedRelu { shift: 0.3 });
        let stream = Stream::root(2);
        let target = Target::isotropic(stream.named("f"), d, &[0.1, 0.5, 0.6, 0.4], 8).unwrap();
        let w = sphere(stream.named("w"), 3, d);
        let v = tangent_correlations(&s, &w, &target);
        let n = 200_000;
        let x = sphere(stream.named("x"), n, d);
        let features = TangentFeatures { weights: &w / (d as f64).sqrt() };
        let z = features.map(&s, &x) * ((3 * d) as f64).sqrt();
        let average = z.transpose() * target.values(&x) / n as f64;
        assert!((&average - &v).amax() < 6.0 * 2.0 / (n as f64).sqrt(), "{}", (&average - &v).amax());
    }

    /// Against the mean over 200,000 test inputs, within a few of its standard errors.
    #[test]
    fn kernel_regression_needs_no_test_set() {
        let d = 6;
        let stream = Stream::root(4);
        let target = Target::isotropic(stream.named("f"), d, &[0.1, 0.5, 0.6, 0.4], 8).unwrap();
        let spectrum = Spectrum::of_kernel(f64::exp, d, 30).unwrap();
        let (x, t) = (sphere(stream.named("x"), 60, d), sphere(stream.named("t"), 200_000, d));
        let column = |x| DMatrix::from_columns(&[target.values(x)]);
        for ridge in [0.0, 1e-3] {
            let (kernel, cross) = (spectrum.kernel_matrix(&x, &x), spectrum.kernel_matrix(&t, &x));
            let (labels, test_labels) = (column(&x), column(&t));
            let data =
                KernelData { kernel: &kernel, labels: &labels, cross: &cross, test_labels: &test_labels };
            let measured = kernel_path(data, &[ridge]).unwrap().remove(0).scores[0].test_error;
            let exact = kernel_regression(&spectrum, &x, &target, ridge).unwrap();
            assert!((measured / exact - 1.0).abs() < 0.02, "{ridge}: {measured} {exact}");
        }
    }

    /// Least squares on many samples tends to the population risk, from below by the degrees of freedom on the training set
    /// and from above on a test set.
    #[test]
    fn least_squares_brackets_the_population_risk() {
        let (d, neurons, n) = (6, 5, 20_000);
        let s = Standard::ShiftedRelu { shift: 0.3 };
        let stream = Stream::root(3);
        let target = Target::isotropic(stream.named("f"), d, &[0.0, 0.5, 0.6, 0.4], 8).unwrap();
        let w = sphere(stream.named("w"), neurons, d);
        let unit = &w / (d as f64).sqrt();
        let (x, t) = (sphere(stream.named("x"), n, d), sphere(stream.named("t"), n, d));
        let column = |x| DMatrix::from_column_slice(n, 1, target.values(x).as_slice());
        let random = RandomFeatures { weights: unit.clone() };
        let tangent = TangentFeatures { weights: unit };
        for (exact, z, q) in [
            (random_features(&s, &w, &target).unwrap(), random.map(&s, &x), random.map(&s, &t)),
            (tangent_features(&s, &w, &target).unwrap(), tangent.map(&s, &x), tangent.map(&s, &t)),
        ] {
            let (y, u) = (column(&x), column(&t));
            let data = Data { features: &z, labels: &y, test_features: &q, test_labels: &u };
            let score = ridge_path(data, &[0.0]).unwrap().remove(0).scores[0];
            assert!((score.training_error / exact - 1.0).abs() < 0.04, "{} {exact}", score.training_error);
            assert!((score.test_error / exact - 1.0).abs() < 0.04, "{} {exact}", score.test_error);
        }
    }
}

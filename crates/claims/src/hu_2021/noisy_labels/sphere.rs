//! Kernel ridge regression from noisy labels on the sphere, and its deterministic equivalent.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::{Cholesky, matmul, transposed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hu_2021::zonal::{Spectrum, harmonic, points};

/// Standard deviation of the noise; the truth has mean square 1.
pub(super) const NOISE: f64 = 0.5;
/// Targets that a draw averages over.
const TARGETS: usize = 8;
/// Test points.
const TESTS: usize = 300;
/// Dimension of the space.
pub(super) const DIMENSION: usize = 5;

/// How `lambda` grows with the number of examples: `factor n^power`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// The factor; 0 interpolates.
    pub factor: f64,
    /// The power.
    pub power: f64,
}

impl Rule {
    /// `lambda` at `n` examples.
    pub fn lambda(self, n: usize) -> f64 {
        self.factor * (n as f64).powf(self.power)
    }
}

/// The rules that are judged, far enough apart to be each other's rivals.
pub(super) const RULES: [Rule; 3] = [
    Rule { factor: 1.0, power: 0.25 },
    Rule { factor: 0.7, power: 0.375 },
    Rule { factor: 0.25, power: 0.5 },
];

/// What came out at one number of examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Training examples, `n`.
    pub examples: usize,
    /// Mean squared distance of the fit from the clean truth at test points, the mean over the noise taken exactly.
    pub clean_error: f64,
    /// The part of it that the noise makes.
    pub variance: f64,
    /// Mean absolute distance of the fit to one draw of noisy labels from the clean truth: what theorem 5.1 bounds.
    pub absolute_error: f64,
    /// The leading terms of theorem 5.1, `lambda/2 sqrt(y^T K^-1 y / n) + sigma sqrt(tr K / n) / (2 lambda)`.
    pub bound: Option<f64>,
}

/// The kernel of a two-layer ReLU net, both layers trained: `t k_0 + k_1`.
pub(super) fn kernel(t: f64) -> f64 {
    let t = t.clamp(-1.0, 1.0);
    let angle = t.acos();
    let [k0, k1] = [std::f64::consts::PI - angle, (1.0 - t * t).sqrt() + t * (std::f64::consts::PI - angle)];
    (t * k0 + k1) / std::f64::consts::PI
}

pub(super) fn run(
    sizes: &[usize],
    rule: Rule,
    seed: u64,
    context: &Context<'_>,
) -> Result<Vec<Regression>, CellError> {
    let stream = |purpose: &str| context.shared(purpose, seed);
    let most = sizes.iter().copied().max().unwrap_or(1);
    let x = points(most, DIMENSION, &stream("points"));
    let test_x = points(TESTS, DIMENSION, &stream("test points"));
    // One target per column: an average over targets costs nothing, and takes most of a draw's scatter away.
    let truth = |x: &DMatrix<f64>| {
        let of = |target: usize, k: usize| {
            let stream = stream("direction").indexed((target * 8 + k) as u64);
            let direction: DVector<f64> = stream.normal_vector(DIMENSION, 1.0);
            harmonic(k, x, &(&direction / direction.norm()))
        };
        let columns: Vec<DVector<f64>> =
            (0..TARGETS).map(|target| (of(target, 1) + of(target, 2)) / 2f64.sqrt()).collect();
        DMatrix::from_columns(&columns)
    };
    let (y, test_y) = (truth(&x), truth(&test_x));
    let noise: DMatrix<f64> = stream("noise").normal_matrix(most, TARGETS, NOISE);
    let all = matmul(&x, transposed(&x)).map(kernel);
    let cross = matmul(&test_x, transposed(&x)).map(kernel);
    let at = |&n: &usize| {
        let lambda = rule.lambda(n);
        let own = all.view((0, 0), (n, n)).into_owned();
        let ridged = &own + DMatrix::identity(n, n) * (lambda * lambda);
        let factor = Cholesky::factor(&ridged).map_err(CellError::new)?;
        // The map from labels to predictions, one row per example.
        let map = factor.solve(&cross.columns(0, n).transpose());
        let missed = map.tr_mul(&y.rows(0, n).into_owned()) - &test_y;
        let variance = NOISE * NOISE * map.norm_squared() / TESTS as f64;
        let clean_error = missed.norm_squared() / (TARGETS * TESTS) as f64 + variance;
        let noisy = missed + map.tr_mul(&noise.rows(0, n).into_owned());
        let absolute_error = noisy.iter().map(|e| e.abs()).sum::<f64>() / (TARGETS * TESTS) as f64;
        let bound = if lambda > 0.0 {
            let labels = y.rows(0, n).into_owned();
            let plain = Cholesky::factor(&own).map_err(CellError::new)?;
            let norm = labels.dot(&plain.solve(&labels)) / TARGETS as f64;
            let size = n as f64;
            Some(0.5 * lambda * (norm / size).sqrt() + NOISE * (own.trace() / size).sqrt() / (2.0 * lambda))
        } else {
            None
        };
        Ok(Regression { examples: n, clean_error, variance, absolute_error, bound })
    };
    sizes.iter().map(at).collect()
}

/// The clean error that regression with the kernel matrix of `n` points and ridge `lambda^2` is equivalent to:
/// `(bias + sigma^2 g) / (1 - g)`.
pub(super) fn predicted(spectrum: &Spectrum, n: usize, lambda: f64, noise: f64) -> f64 {
    let kappa = spectrum.kappa(n as f64, lambda * lambda);
    let g = spectrum.variance(n as f64, kappa);
    let bias = |k: usize| 0.5 * (kappa / (spectrum.eigenvalue(k) + kappa)).powi(2);
    (bias(1) + bias(2)) / (1.0 - g) + predicted_variance(spectrum, n, lambda, noise)
}

/// The part of it that the noise makes: `sigma^2 g / (1 - g)`.
pub(super) fn predicted_variance(spectrum: &Spectrum, n: usize, lambda: f64, noise: f64) -> f64 {
    let kappa = spectrum.kappa(n as f64, lambda * lambda);
    let g = spectrum.variance(n as f64, kappa);
    noise * g / (1.0 - g)
}

/// The leading terms of theorem 5.1 with `y^T K^-1 y` by its deterministic equivalent, `sum_k f_k^2 / (e_k + kappa)` at no ridge.
pub(super) fn predicted_bound(spectrum: &Spectrum, n: usize, lambda: f64) -> f64 {
    let kappa = spectrum.kappa(n as f64, 0.0);
    let norm: f64 = [1, 2].map(|k| 0.5 / (spectrum.eigenvalue(k) + kappa)).iter().sum();
    0.5 * lambda * (norm / n as f64).sqrt() + NOISE * kernel(1.0).sqrt() / (2.0 * lambda)
}

/// The mean of `|f|` for the truth `(h_1(s) + h_2(t)) / sqrt 2`, where `s` and `t` are coordinates of uniform points in two random
/// directions, of density `3 (1 - t^2) / 4` in five dimensions: the midpoint rule.
pub(super) fn mean_absolute_truth() -> f64 {
    let nodes = || (0..400).map(|i| (f64::from(i) + 0.5) / 200.0 - 1.0);
    let weight = |t: f64| 0.75 * (1.0 - t * t) / 200.0;
    let harmonics = |s: f64, t: f64| 5f64.sqrt() * s + (175.0 / 8.0f64).sqrt() * (t * t - 0.2);
    nodes().flat_map(|s| nodes().map(move |t| weight(s) * weight(t) * harmonics(s, t).abs())).sum::<f64>()
        / 2f64.sqrt()
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::*;
    use crate::summary::exponent;

    /// Against draws: the mean absolute truth, and the bound's first term from a kernel matrix.
    #[test]
    fn what_the_bound_is_made_of() {
        let stream = Stream::root(5);
        let x = points(400, DIMENSION, &stream);
        let truth = |target: usize| {
            let of = |k: usize| {
                let u: DVector<f64> =
                    stream.named("u").indexed((2 * target + k) as u64).normal_vector(DIMENSION, 1.0);
                harmonic(k, &x, &(&u / u.norm()))
            };
            (of(1) + of(2)) / 2f64.sqrt()
        };
        let targets: Vec<DVector<f64>> = (0..100).map(truth).collect();
        let mean =
            targets.iter().map(|f| f.iter().map(|v| v.abs()).sum::<f64>() / 400.0).sum::<f64>() / 100.0;
        assert!((mean - mean_absolute_truth()).abs() < 0.02, "{mean} {}", mean_absolute_truth());
        let factor = Cholesky::factor(&matmul(&x, transposed(&x)).map(kernel)).unwrap();
        let norm =
            factor.solve(&DMatrix::from_columns(&targets)).dot(&DMatrix::from_columns(&targets)) / 100.0;
        let lambda = 3.0;
        // The kernel of a point with itself is 2.
        let bound = 0.5 * lambda * (norm / 400.0).sqrt() + NOISE * 2f64.sqrt() / (2.0 * lambda);
        let predicted = predicted_bound(&Spectrum::of(kernel, DIMENSION), 400, lambda);
        assert!((bound / predicted - 1.0).abs() < 0.03, "{bound} {predicted}");
    }

    /// Against an independent program: exponents in n of the predicted clean error, n = 64 .. 1024.
    #[test]
    fn the_equivalents_exponents() {
        let spectrum = Spectrum::of(kernel, DIMENSION);
        let slope = |rule: Rule| {
            let sizes = [64, 128, 256, 512, 1024];
            let points = sizes.map(|n| (n as f64, predicted(&spectrum, n, rule.lambda(n), NOISE * NOISE)));
            exponent(&points).unwrap()
        };
        let expected = [-0.422, -0.170, -0.087];
        for (rule, expected) in RULES.into_iter().zip(expected) {
            assert!((slope(rule) - expected).abs() < 3e-3, "{rule:?}: {}", slope(rule));
        }
        assert!((slope(Rule { factor: 1.0, power: 0.0 }) + 1.022).abs() < 3e-3);
        assert!((slope(Rule { factor: 0.0, power: 0.0 }) + 0.229).abs() < 3e-3);
    }
}

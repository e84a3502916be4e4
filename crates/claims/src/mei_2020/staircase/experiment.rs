//! Fits on drawn inputs or weights; what they leave of each degree, averaged over isotropic targets exactly.
//!
//! For an isotropic target of degree `k` and unit energy `E f(x) f(y) = Q_k(t)`, `t` the cosine of `x` and `y`.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_linearized::data::sphere;
use overparam_linearized::spectrum::funk_hecke;
use overparam_tensor::linalg::{Cholesky, matmul, transposed};
use overparam_tensor::sphere::gegenbauer;

use super::{Cell, GAIN, Model, RIDGE, SLOPE};

/// Test inputs of the kernel's risk.
pub(super) const TESTS: usize = 800;

/// The shares left of degrees 1, 2 and the third.
pub(super) fn fit(cell: &Cell, context: &Context<'_>) -> Result<[f64; 3], CellError> {
    let degrees = [1, 2, cell.third];
    match cell.model {
        Model::Kernel => kernel(cell, degrees, context),
        Model::RandomFeatures => random_features(cell, degrees, context),
        Model::Tangent => tangent_features(cell, degrees, context),
    }
}

/// Unit rows.
fn directions(cell: &Cell, rows: usize, purpose: &str, context: &Context<'_>) -> DMatrix<f64> {
    let stream = context.shared(purpose, cell.seed).indexed(cell.dimension as u64).indexed(cell.size as u64);
    sphere(stream, rows, cell.dimension) / (cell.dimension as f64).sqrt()
}

fn harmonic(dimension: usize, degree: usize, cosines: &DMatrix<f64>) -> DMatrix<f64> {
    cosines.map(|t| match degree {
        1..=3 => polynomial(dimension, degree, t)[0],
        _ => gegenbauer(dimension, degree, t.clamp(-1.0, 1.0))[degree],
    })
}

/// `E (f(x) - P f(X))^2 = 1 - 2 P q(X, x) + P Q(X, X) P^T`, `P = k(x, X) (K + ridge)^(-1)`.
fn kernel(cell: &Cell, degrees: [usize; 3], context: &Context<'_>) -> Result<[f64; 3], CellError> {
    let x = directions(cell, cell.size, "inputs", context);
    let test = directions(cell, TESTS, "test inputs", context);
    let (within, across) = (matmul(&x, transposed(&x)), matmul(&x, transposed(&test)));
    let mut gram = within.map(|t| (GAIN * t).exp());
    for i in 0..cell.size {
        gram[(i, i)] = GAIN.exp() + RIDGE;
    }
    let solver = Cholesky::factor(&gram).map_err(CellError::new)?;
    let weights = solver.solve(&across.map(|t| (GAIN * t).exp()));
    let tests = TESTS as f64;
    Ok(degrees.map(|degree| {
        let crossed = harmonic(cell.dimension, degree, &across);
        let squared = matmul(&harmonic(cell.dimension, degree, &within), &weights);
        1.0 - 2.0 * weights.dot(&crossed) / tests + weights.dot(&squared) / tests
    }))
}

/// `0F1(b; z)`, `z >= 0`: positive terms only.
fn confluent(b: f64, z: f64) -> f64 {
    let (mut term, mut sum, mut j) = (1.0, 1.0, 0.0);
    while term > 1e-18 * sum {
        term *= z / ((j + 1.0) * (b + j));
        sum += term;
        j += 1.0;
    }
    sum
}

/// `E exp(<a, x>)` on the sphere of radius `sqrt d` is `0F1(d / 2; d |a|^2 / 4)`, with `a = SLOPE (v + w)` for two unit weights at
/// cosine `t`: this is its argument.
fn argument(dimension: usize, t: f64) -> f64 {
    dimension as f64 * SLOPE * SLOPE * (1.0 + t) / 2.0
}

/// `1 - lambda_k^2 tr(U^(-1) Q_k(W))`: the projection of `f` on the features has the correlations `lambda_k f(w)`.
fn random_features(cell: &Cell, degrees: [usize; 3], context: &Context<'_>) -> Result<[f64; 3], CellError> {
    let d = cell.dimension;
    let w = directions(cell, cell.size, "weights", context);
    let cosines = matmul(&w, transposed(&w));
    let moments = cosines.map(|t| confluent(d as f64 / 2.0, argument(d, t.min(1.0))));
    let solver = Cholesky::factor(&moments).map_err(CellError::new)?;
    let inverse = solver.solve(&DMatrix::identity(cell.size, cell.size));
    let coefficients = funk_hecke(|z| (SLOPE * z).exp(), &[], d, 3);
    Ok(degrees.map(|degree| 1.0 - coefficients[degree].powi(2) * inverse.dot(&harmonic(d, degree, &cosines))))
}

/// `1 - tr(U^(-1) C)`, `U` and `C` the second moments of features and of their correlations with the target, in blocks of `d`.
///
/// A block of a matrix, from two weights.
type Block<'a> = dyn Fn(&DVector<f64>, &DVector<f64>) -> DMatrix<f64> + 'a;

/// With `M(a) = E exp(<a, x>)`, `U = SLOPE^2 d^2 M / da da`. The correlations of weight `v` are `lambda sqrt d grad f(v) + rho f(v) v`: the
/// tangential and the radial part of the gradient of `v -> E f(x) s(<v, x>)`.
fn tangent_features(cell: &Cell, degrees: [usize; 3], context: &Context<'_>) -> Result<[f64; 3], CellError> {
    let (d, n) = (cell.dimension, cell.size);
    let w = directions(cell, n, "weights", context);
    let rows: Vec<DVector<f64>> = w.row_iter().map(|row| row.transpose()).collect();
    let blocks = |block: &Block<'_>| {
        let mut all = DMatrix::zeros(n * d, n * d);
        for (a, v) in rows.iter().enumerate() {
            for (b, w) in rows.iter().enumerate() {
                all.view_mut((a * d, b * d), (d, d)).copy_from(&block(v, w));
            }
        }
        all
    };
    let half = d as f64 / 2.0;
    let moments = blocks(&|v, w| {
        let z = argument(d, v.dot(w).min(1.0));
        let a = (v + w) * SLOPE;
        let outer = confluent(half + 2.0, z) * half / (half + 1.0);
        DMatrix::from_diagonal_element(d, d, confluent(half + 1.0, z)) + &a * a.transpose() * outer
    });
    let solver = Cholesky::factor(&(moments * (SLOPE * SLOPE))).map_err(CellError::new)?;
    let inverse = solver.solve(&DMatrix::identity(n * d, n * d));
    let along = funk_hecke(|z| (SLOPE * z).exp(), &[], d, 3);
    let out = funk_hecke(|z| SLOPE * z * (SLOPE * z).exp(), &[], d, 3);
    Ok(degrees.map(|degree| {
        let (lambda, rho) = (along[degree], out[degree]);
        let correlations = blocks(&|v, w| {
            let t = v.dot(w).clamp(-1.0, 1.0);
            let [q, slope, bend] = polynomial(d, degree, t);
            let (u, p) = (w - v * t, v - w * t);
            let tangential = &u * p.transpose() * bend
                + (DMatrix::identity(d, d) - w * w.transpose() - v * p.transpose()) * slope;
            let crossed = (&u * w.transpose() + v * p.transpose()) * slope;
            tangential * (lambda * lambda) + crossed * (lambda * rho) + v * w.transpose() * (rho * rho * q)
        });
        1.0 - inverse.dot(&correlations)
    }))
}

/// `Q_k`, `Q_k'`, `Q_k''` of degrees 1 to 3: `t`, `(d t^2 - 1) / (d - 1)`, `((d + 2) t^3 - 3 t) / (d - 1)`.
fn polynomial(dimension: usize, degree: usize, t: f64) -> [f64; 3] {
    let d = dimension as f64;
    match degree {
        1 => [t, 1.0, 0.0],
        2 => [(d * t * t - 1.0) / (d - 1.0), 2.0 * d * t / (d - 1.0), 2.0 * d / (d - 1.0)],
        _ => {
            let [a, b] = [(d + 2.0) / (d - 1.0), 3.0 / (d - 1.0)];
            [a * t.powi(3) - b * t, 3.0 * a * t * t - b, 6.0 * a * t]
        }
    }
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Context;
    use overparam_eval::inputs::Inputs;
    use overparam_linearized::activation::Activation;
    use overparam_linearized::data::Target;
    use overparam_linearized::models::population;

    use super::{Cell, Model, SLOPE, directions, fit};

    struct Exponential;

    impl Activation for Exponential {
        fn value(&self, x: f64) -> f64 {
            (SLOPE * x).exp()
        }

        fn derivative(&self, x: f64) -> f64 {
            SLOPE * (SLOPE * x).exp()
        }
    }

    /// The library's risks of drawn targets of one degree, averaged over many of them.
    #[test]
    fn shares_are_means_over_targets() {
        let inputs = Inputs::none();
        let context = Context::new(1, "test", "cell", &inputs);
        for (model, size) in [(Model::RandomFeatures, 25), (Model::Tangent, 3)] {
            let cell = Cell { model, dimension: 6, size, third: 3, seed: 0 };
            let left = fit(&cell, &context).unwrap();
            let w = directions(&cell, size, "weights", &context) * 6f64.sqrt();
            for degree in [1, 2, 3] {
                let mut energies = vec![0.0; degree + 1];
                energies[degree] = 1.0;
                let risk = |i: u64| {
                    let stream = context.shared("targets", i);
                    let target = Target::isotropic(stream, 6, &energies, 100).unwrap();
                    match model {
                        Model::RandomFeatures => population::random_features(&Exponential, &w, &target),
                        _ => population::tangent_features(&Exponential, &w, &target),
                    }
                };
                let mean = (0..400).map(|i| risk(i).unwrap()).sum::<f64>() / 400.0;
                assert!((mean - left[degree - 1]).abs() < 0.03, "{model:?} {degree}: {mean} {left:?}");
            }
        }
    }
}

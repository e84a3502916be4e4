//! Fits on drawn inputs, averaged over isotropic targets exactly.
//!
//! Everything is a mean over the shifts of a function of the cosine, computed as such: no harmonic is counted, and no
//! eigenvalue is known.

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::{Cholesky, matmul, transposed};
use overparam_tensor::random::Stream;
use overparam_tensor::sphere;

use super::{Cell, ENERGIES, GAIN, Kernel, Outcome, RIDGE};

/// Test inputs of each fit.
pub(super) const TESTS: usize = 800;

/// Coefficients of `Q_2`, `Q_3` and `Q_4` in powers of the cosine.
pub(super) fn harmonics(dimension: usize) -> [[f64; 5]; 3] {
    let d = dimension as f64;
    let [a, b] = [1.0 / (d - 1.0), 1.0 / (d * d - 1.0)];
    [
        [-a, 0.0, d * a, 0.0, 0.0],
        [0.0, -3.0 * a, 0.0, (d + 2.0) * a, 0.0],
        [3.0 * b, 0.0, -6.0 * (d + 2.0) * b, 0.0, (d + 2.0) * (d + 4.0) * b],
    ]
}

/// `sum_j c_j t^j`.
fn polynomial(c: &[f64; 5], t: f64) -> f64 {
    (((c[4] * t + c[3]) * t + c[2]) * t + c[1]) * t + c[0]
}

/// The covariance of a target with these energies per unit of `Q_2`, `Q_3`, `Q_4`, as a polynomial of the cosine.
fn covariance(dimension: usize, energies: [f64; 3]) -> [f64; 5] {
    let harmonics = harmonics(dimension);
    std::array::from_fn(|j| energies.iter().zip(&harmonics).map(|(energy, q)| energy * q[j]).sum())
}

/// The rows with their coordinates moved round by `places`.
fn shifted(x: &DMatrix<f64>, places: usize) -> DMatrix<f64> {
    let d = x.ncols();
    DMatrix::from_fn(x.nrows(), d, |i, c| x[(i, (c + places) % d)])
}

/// `(1/d) sum_j f(<x, g^j y>)` for the rows `x` and `y`.
fn mean_over_shifts(x: &DMatrix<f64>, y: &DMatrix<f64>, f: impl Fn(f64) -> f64) -> DMatrix<f64> {
    let d = x.ncols();
    let mut sum = DMatrix::zeros(x.nrows(), y.nrows());
    for places in 0..d {
        let cosines = matmul(x, transposed(&shifted(y, places)));
        sum.zip_apply(&cosines, |sum, t| *sum += f(t));
    }
    sum / d as f64
}

/// The same of each row with itself.
fn mean_with_itself(x: &DMatrix<f64>, f: impl Fn(f64) -> f64) -> Vec<f64> {
    let d = x.ncols();
    let cosine = |i: usize, j: usize| (0..d).map(|c| x[(i, c)] * x[(i, (c + j) % d)]).sum::<f64>();
    (0..x.nrows()).map(|i| (0..d).map(|j| f(cosine(i, j))).sum::<f64>() / d as f64).collect()
}

/// The mean over independent sets of inputs.
pub(super) fn fit(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    let mut sum = Outcome { invariant: 0.0, generic: 0.0 };
    for repeat in 0..cell.repeats {
        let stream = |purpose: &str| context.own(purpose).indexed(repeat as u64);
        let one = fit_once(cell, &stream("inputs"), &stream("test inputs"))?;
        sum.invariant += one.invariant / cell.repeats as f64;
        sum.generic += one.generic / cell.repeats as f64;
    }
    Ok(sum)
}

/// `E (f(x) - P f(X))^2 = C(x, x) - 2 P C(X, x) + P C(X, X) P^T`, `P = k(x, X) (K + ridge)^(-1)`, for the covariances `C` of both targets.
fn fit_once(cell: &Cell, inputs: &Stream, tests: &Stream) -> Result<Outcome, CellError> {
    let d = cell.dimension;
    let x = sphere::uniform(inputs, cell.size, d, 1.0);
    let test = sphere::uniform(tests, TESTS, d, 1.0);
    let exponential = |t: f64| (GAIN * t).exp();
    let (within, across) = (matmul(&x, transposed(&x)), matmul(&x, transposed(&test)));
    let (mut gram, crossed) = match cell.kernel {
        Kernel::Plain => (within.map(exponential), across.map(exponential)),
        Kernel::Averaged => (mean_over_shifts(&x, &x, exponential), mean_over_shifts(&x, &test, exponential)),
    };
    for i in 0..cell.size {
        gram[(i, i)] += RIDGE;
    }
    let weights = Cholesky::factor(&gram).map_err(CellError::new)?.solve(&crossed);
    let risk = |own: f64, across: &DMatrix<f64>, within: &DMatrix<f64>| {
        let squared = matmul(within, &weights);
        own + (weights.dot(&squared) - 2.0 * weights.dot(across)) / TESTS as f64
    };
    // The invariant part of a harmonic has less energy: as much less as the mean of its covariance says, on these test inputs.
    let harmonics = harmonics(d);
    let kept =
        harmonics.map(|q| mean_with_itself(&test, |t| polynomial(&q, t)).iter().sum::<f64>() / TESTS as f64);
    let [_, _, energies @ ..] = ENERGIES;
    let raised = std::array::from_fn(|k| energies[k] / kept[k]);
    let (invariant, generic) = (covariance(d, raised), covariance(d, energies));
    Ok(Outcome {
        invariant: risk(
            energies.iter().sum(),
            &mean_over_shifts(&x, &test, |t| polynomial(&invariant, t)),
            &mean_over_shifts(&x, &x, |t| polynomial(&invariant, t)),
        ),
        generic: risk(
            energies.iter().sum(),
            &across.map(|t| polynomial(&generic, t)),
            &within.map(|t| polynomial(&generic, t)),
        ),
    })
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Context;
    use overparam_eval::inputs::Inputs;
    use overparam_tensor::linalg::{Cholesky, matmul};
    use overparam_tensor::random::Stream;
    use overparam_tensor::sphere::{gegenbauer, uniform};

    use super::{
        Cell, ENERGIES, GAIN, Kernel, RIDGE, TESTS, fit, harmonics, mean_over_shifts, mean_with_itself,
        polynomial, shifted,
    };
    use crate::mei_2020::invariance::Target;

    #[test]
    fn harmonics_are_gegenbauers() {
        for d in [5, 23] {
            for t in [-1.0, -0.3, 0.0, 0.7, 1.0] {
                for (q, expected) in harmonics(d).iter().zip(&gegenbauer(d, 4, t)[2..]) {
                    assert!((polynomial(q, t) - expected).abs() < 1e-13, "{d} {t}");
                }
            }
        }
    }

    #[test]
    fn means_over_shifts_do_not_see_shifts() {
        let x = uniform(&Stream::root(1), 4, 7, 1.0);
        let f = |t: f64| (3.0 * t).exp();
        let mean = mean_over_shifts(&x, &x, f);
        assert!((mean_over_shifts(&shifted(&x, 2), &shifted(&x, 5), f) - &mean).amax() < 1e-12);
        assert!((&mean - mean.transpose()).amax() < 1e-12);
        for (i, own) in mean_with_itself(&x, f).iter().enumerate() {
            assert!((own - mean[(i, i)]).abs() < 1e-12);
        }
    }

    /// Drawn targets in place of covariances: `f(x) = sum_i a_i mean_j q(<x, g^j z_i>)` with many normal `a_i` and uniform `z_i`, whose
    /// energy is measured on the test inputs.
    #[test]
    fn risks_are_means_over_targets() {
        let inputs = Inputs::none();
        let context = Context::new(1, "test", "cell", &inputs);
        let (kernel, target) = (Kernel::Averaged, Target::Invariant);
        let cell = Cell { kernel, target, dimension: 7, size: 30, repeats: 1, seed: 0 };
        let found = fit(&cell, &context).unwrap().invariant;
        let x = uniform(&context.own("inputs").indexed(0), cell.size, 7, 1.0);
        let test = uniform(&context.own("test inputs").indexed(0), TESTS, 7, 1.0);
        let kernel = |t: f64| (GAIN * t).exp();
        let mut gram = mean_over_shifts(&x, &x, kernel);
        (0..cell.size).for_each(|i| gram[(i, i)] += RIDGE);
        let solver = Cholesky::factor(&gram).unwrap();
        let crossed = mean_over_shifts(&test, &x, kernel);
        let centres = uniform(&Stream::root(2), 4_000, 7, 1.0);
        let (draws, mut mean) = (200, 0.0);
        let weights = Stream::root(4).normal_matrix::<f64>(4_000, 3 * draws, 1.0);
        let mut labels = nalgebra::DMatrix::zeros(cell.size, draws);
        let mut values = nalgebra::DMatrix::zeros(TESTS, draws);
        for (k, (q, energy)) in harmonics(7).iter().zip(&ENERGIES[2..]).enumerate() {
            let of = |points| {
                matmul(
                    &mean_over_shifts(points, &centres, |t| polynomial(q, t)),
                    &weights.columns(k * draws, draws).into_owned(),
                )
            };
            let (on_sample, on_test) = (of(&x), of(&test));
            let scale = (energy / (on_test.norm_squared() / (TESTS * draws) as f64)).sqrt();
            labels += on_sample * scale;
            values += on_test * scale;
        }
        let gaps = values - matmul(&crossed, &solver.solve(&labels));
        for gap in gaps.iter() {
            mean += gap * gap / (TESTS * draws) as f64;
        }
        assert!((mean / found - 1.0).abs() < 0.1, "{mean} {found}");
    }
}

//! Tasks, the measure, and what training leads to.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_eval::data::LabelledImages;
use overparam_tensor::linalg::{Cholesky, matmul, transposed};

use super::{Cell, DEGREES, Outcome, Task};
use crate::hu_2021::images::{Data, Task as Classes, choose, coins, unit_rows};
use crate::hu_2021::two_layer::{Descent, TwoLayer, first_layer_kernel};
use crate::hu_2021::zonal::{harmonic, peak, points};

/// Test points on the sphere.
const TESTS: usize = 300;
/// Test images at most.
const TEST_IMAGES: usize = 500;

pub(super) fn sphere(cell: &Cell, dimension: usize, context: &Context<'_>) -> Result<Vec<Task>, CellError> {
    let n = cell.examples;
    let stream = |purpose: &str| context.shared(purpose, cell.seed);
    let x = points(n, dimension, &stream("points"));
    let test_x = points(TESTS, dimension, &stream("test points"));
    let kernel = first_layer_kernel(&x, None)?;
    let measuring = if cell.other_inputs {
        first_layer_kernel(&points(n, dimension, &stream("other points")), None)?
    } else {
        kernel.clone()
    };
    let [factor, measure] = [&kernel, &measuring].map(|k| Cholesky::factor(k).map_err(CellError::new));
    let (factor, measure) = (factor?, measure?);
    let cross = first_layer_kernel(&test_x, Some(&x))?;
    let gram = matmul(&x, transposed(&x));
    let ridge = Cholesky::factor(&(&gram + DMatrix::identity(n, n) * 0.1)).map_err(CellError::new)?;
    let nearest: Vec<usize> = (0..n)
        .map(|i| {
            let others = (0..n).filter(|&j| j != i);
            others.max_by(|&j, &k| gram[(i, j)].total_cmp(&gram[(i, k)])).unwrap_or(i)
        })
        .collect();
    let task = |y: &DVector<f64>, test_y: &DVector<f64>, scale: f64| {
        let outputs = &cross * factor.solve_vector(y);
        let half = |i: usize| 0.5 * (y[i] - y[nearest[i]]).powi(2);
        Task {
            complexity: y.dot(&measure.solve_vector(y)),
            test_error: (&outputs - test_y).norm_squared() / TESTS as f64,
            test_loss: outputs.zip_map(test_y, |f, y| ((f - y).abs() / scale).min(1.0)).mean(),
            nothing: test_y.map(|y| (y.abs() / scale).min(1.0)).mean(),
            neighbours: (0..n).map(half).sum::<f64>() / n as f64,
            linear: y.dot(&ridge.solve_vector(y)) / n as f64,
        }
    };
    let harmonics = DEGREES.iter().map(|&k| {
        let direction: DVector<f64> = stream("direction").indexed(k as u64).normal_vector(dimension, 1.0);
        let beta = &direction / direction.norm();
        task(&harmonic(k, &x, &beta), &harmonic(k, &test_x, &beta), peak(k, dimension))
    });
    let mut tasks: Vec<Task> = harmonics.collect();
    tasks.push(task(&coins(n, &stream("coins")), &coins(TESTS, &stream("test coins")), 1.0));
    Ok(tasks)
}

const CLASSES: Classes = Classes::ZeroOrOne;
const KAPPA: f64 = 10.0;
/// Training loss at the end, as a share of that at the start.
const TARGET: f64 = 1e-3;
/// Training ends after so many steps, wherever it is.
const MOST_STEPS: usize = 2_000;
/// Draws of coins.
const COINS: u64 = 200;
/// `z` below which standard normal numbers are with the probabilities of [`super::SHARES`].
const QUANTILES: [f64; 3] = [-0.841_621_233_572_914, 0.0, 0.841_621_233_572_914];

/// An image: where it stands.
type Place<'a> = (&'a LabelledImages, usize);

fn places(images: &LabelledImages) -> Vec<Place<'_>> {
    CLASSES.members(images).into_iter().map(|i| (images, i)).collect()
}

/// Images as rows of unit norm, and their labels.
fn labelled(places: &[Place<'_>]) -> (DMatrix<f64>, DVector<f64>) {
    let rows: Vec<_> =
        places.iter().map(|(images, i)| unit_rows(images, &[*i]).row(0).into_owned()).collect();
    let labels = places.iter().map(|(images, i)| CLASSES.signs(images, &[*i])[0]);
    (DMatrix::from_rows(&rows), DVector::from_iterator(places.len(), labels))
}

pub(super) fn images(
    cell: &Cell,
    (data, width): (&Data, usize),
    context: &Context<'_>,
) -> Result<Outcome, CellError> {
    let n = cell.examples;
    let shared = |purpose: &str| context.shared(purpose, cell.seed);
    let parts = data.parts(context)?;
    let mut pool = places(&parts.train);
    let mut tested = places(&parts.test);
    // The digits of the task are few: draws of the training images differ only if all are in the pool.
    let digits = *data == Data::Digits;
    if digits {
        pool.append(&mut tested);
    }
    let chosen = choose(&(0..pool.len()).collect::<Vec<_>>(), n, &shared("images"))?;
    let trained: Vec<Place> = chosen.iter().map(|&i| pool[i]).collect();
    if digits {
        let mut left = vec![true; pool.len()];
        chosen.iter().for_each(|&i| left[i] = false);
        tested = pool.iter().zip(left).filter(|(_, left)| *left).map(|(place, _)| *place).collect();
    }
    tested.truncate(TEST_IMAGES);
    let ((x, y), (test_x, test_y)) = (labelled(&trained), labelled(&tested));

    let mut kernel = first_layer_kernel(&x, None)?;
    if cell.other_inputs {
        let order = shared("order").permutation(n);
        kernel = DMatrix::from_fn(n, n, |i, j| kernel[(order[i], order[j])]);
    }
    let factor = Cholesky::factor(&kernel).map_err(CellError::new)?;
    let complexity = |y: &DVector<f64>| y.dot(&factor.solve_vector(y));
    let corrupted = QUANTILES.iter().map(|&quantile| {
        let draw = |draw: u64| {
            let replaced: DVector<f64> = shared("replaced").indexed(draw).normal_vector(n, 1.0);
            let coins = coins(n, &shared("coins").indexed(draw));
            complexity(&DVector::from_fn(n, |i, _| if replaced[i] < quantile { coins[i] } else { y[i] }))
        };
        (0..COINS).map(draw).sum::<f64>() / COINS as f64
    });

    let mut net = TwoLayer::start(x.ncols(), width, KAPPA, &shared("start"));
    let trained = net.descend((&x, &y), descent(n), |step, residuals| {
        residuals.norm_squared() > TARGET * n as f64 && step < MOST_STEPS
    });
    let loss =
        |x: &DMatrix<f64>, y: &DVector<f64>| net.outputs(x).zip_map(y, |f, y| (f - y).abs().min(1.0)).mean();
    Ok(Outcome::Images {
        complexity: complexity(&y),
        trace: factor.solve(&DMatrix::identity(n, n)).trace(),
        corrupted: corrupted.collect(),
        losses: trained.map(|_| [loss(&x, &y), loss(&test_x, &test_y)]),
    })
}

/// `lambda_max(H) <= tr H = n/2`, so that a rate of `3/n` is at most three quarters of the largest stable one for any inputs. The
/// momentum is Polyak's for eigenvalues down to 0.05.
fn descent(examples: usize) -> Descent {
    let rate = 3.0 / examples as f64;
    Descent { rate, momentum: (1.0 - (0.05 * rate).sqrt()).powi(2) }
}

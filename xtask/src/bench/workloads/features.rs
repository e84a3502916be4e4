//! Double descent of ridge regression on random features: a sweep over widths and ridges.

use std::sync::OnceLock;

use anyhow::Result;
use nalgebra::{DMatrix, DVector};
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::data::sphere;
use overparam_linearized::models::{RandomFeatures, Samples};
use overparam_tensor::random::Stream;
use rayon::prelude::*;

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::noise_matrix;

const D: usize = 100;
const SAMPLES: usize = 300;
const TESTS: usize = 1_000;
const WIDTHS: [usize; 12] = [30, 90, 150, 240, 285, 300, 315, 360, 600, 1200, 2000, 3000];
const RIDGES: [f64; 4] = [1e-8, 1e-4, 1e-2, 1.0];
const DRAWS: usize = 5;

/// Inputs and labels of one draw, shared by all widths.
struct Draw {
    stream: Stream,
    x: DMatrix<f64>,
    y: DMatrix<f64>,
    t: DMatrix<f64>,
    u: DMatrix<f64>,
}

impl Draw {
    fn new(seed: u64) -> Self {
        let stream = Stream::root(seed);
        let column = |v: &DVector<f64>| DMatrix::from_column_slice(v.len(), 1, v.as_slice());
        let (x, t) = (sphere(stream.named("x"), SAMPLES, D), sphere(stream.named("t"), TESTS, D));
        let b = stream.named("b").normal_vector::<f64>(D, 1.0).normalize();
        let y = column(&(&x * &b + stream.named("noise").normal_vector::<f64>(SAMPLES, 0.3)));
        let u = column(&(&t * &b));
        Self { stream, x, y, t, u }
    }

    /// The same from numbers that the peer has too.
    fn shared() -> Self {
        let (x, t) = (rows(1, SAMPLES, 10.0), rows(2, TESTS, 10.0));
        let b = rows(3, 1, 1.0).transpose();
        let y = &x * &b + noise_matrix::<f64>(4, SAMPLES, 1, 0.3);
        let u = &t * &b;
        Self { stream: Stream::root(0), x, y, t, u }
    }

    /// The test errors at every ridge.
    fn errors(&self, random: &RandomFeatures) -> Result<Vec<f64>, Error> {
        let samples =
            Samples { inputs: &self.x, labels: &self.y, test_inputs: &self.t, test_labels: &self.u };
        let path = random.ridge_path(&Standard::Relu, samples, &RIDGES.map(|lambda| lambda / D as f64))?;
        Ok(path.iter().map(|fit| fit.scores[0].test_error).collect())
    }

    fn errors_at(&self, width: usize) -> Result<Vec<f64>, Error> {
        self.errors(&RandomFeatures::on_sphere(self.stream.named("w").indexed(width as u64), width, D))
    }
}

/// Rows of noise, each of this length.
fn rows(seed: u32, count: usize, length: f64) -> DMatrix<f64> {
    let mut rows = noise_matrix::<f64>(seed, count, D, 1.0);
    rows.row_iter_mut().for_each(|mut row| row *= length / row.norm());
    rows
}

fn sweep() -> Result<(), Error> {
    let draws: Vec<OnceLock<Draw>> = (0..DRAWS).map(|_| OnceLock::new()).collect();
    // The widest first, so that no thread is left with one at the end.
    let cells: Vec<(usize, usize)> =
        WIDTHS.iter().rev().flat_map(|&width| (0..DRAWS).map(move |draw| (draw, width))).collect();
    let errors =
        |&(draw, width): &(usize, usize)| draws[draw].get_or_init(|| Draw::new(draw as u64)).errors_at(width);
    std::hint::black_box(cells.par_iter().with_max_len(1).map(errors).collect::<Result<Vec<_>, _>>()?);
    Ok(())
}

/// One width of one draw, for counting instructions.
pub(in crate::bench) fn one_width() -> impl FnMut() -> Result<()> {
    let (draw, random) = (Draw::shared(), RandomFeatures { weights: rows(5, 150, 1.0) });
    move || {
        std::hint::black_box(draw.errors(&random)?);
        Ok(())
    }
}

fn prepare() -> Result<Box<dyn Workload>> {
    let run = |(): &mut ()| Ok(sweep()?);
    // The timed draws are each side's own; on shared ones both must find the same errors.
    let summary = |(): &()| {
        let errors = |width| Draw::shared().errors(&RandomFeatures { weights: rows(5, width, 1.0) });
        Ok([errors(150)?, errors(1200)?].concat())
    };
    Ok(job((), run, summary))
}

/// 12 widths, 4 ridges, 5 draws.
pub(super) fn case() -> Case {
    let (d, n, t) = (D as f64, SAMPLES as f64, TESTS as f64);
    let products = |&width: &usize| {
        let width = width as f64;
        let (small, large) = (width.min(n), width.max(n));
        2.0 * (n + t) * d * width + small * small * large + 2.0 * RIDGES.len() as f64 * t * width
    };
    Case {
        name: "random-features-sweep".to_owned(),
        work:
            "Double descent of ReLU random features: d = 100, n = 300, 12 widths, 4 ridges, 5 draws (drawn anew), f64"
                .to_owned(),
        packages: &["numpy"],
        target: 3.0,
        precision: Precision::F64,
        threads: Threads::All,
        cost: Cost {
            flops: DRAWS as f64 * WIDTHS.iter().map(products).sum::<f64>(),
            bytes: 8.0 * DRAWS as f64 * (n + t) * d,
            counted: "products: features, half of the smaller Gram matrix, predictions; no factorisation, no draws",
        },
        tolerance: 1e-6,
        rounds: 7,
        prepare: Box::new(prepare),
    }
}

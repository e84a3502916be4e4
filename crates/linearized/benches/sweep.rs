//! A double-descent sweep: `cargo bench -p overparam-linearized --bench sweep`.
//!
//! ReLU random features, `d = 100`, `n = 300`, 12 widths from 30 to 3,000, 4 ridges, 5 draws; a draw at one width is a
//! cell, two threads take cells, the widest first. With `OVERPARAM_PEERS_PYTHON` set to a Python that has NumPy, the same sweep runs there in turn, on one and on two
//! threads, and the ratio to its better time is printed.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nalgebra::{DMatrix, DVector};
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::data::sphere;
use overparam_linearized::models::{RandomFeatures, Samples};
use overparam_tensor::random::Stream;

const D: usize = 100;
const SAMPLES: usize = 300;
const TESTS: usize = 1_000;
const WIDTHS: [usize; 12] = [30, 90, 150, 240, 285, 300, 315, 360, 600, 1200, 2000, 3000];

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

    /// The sum of the test errors at one width, over ridges.
    fn errors(&self, width: usize) -> Result<f64, Error> {
        let random = RandomFeatures::on_sphere(self.stream.named("w").indexed(width as u64), width, D);
        let samples =
            Samples { inputs: &self.x, labels: &self.y, test_inputs: &self.t, test_labels: &self.u };
        let ridges = [1e-8, 1e-4, 1e-2, 1.0].map(|lambda| lambda / D as f64);
        let path = random.ridge_path(&Standard::Relu, samples, &ridges)?;
        Ok(path.iter().map(|fit| fit.scores[0].test_error).sum())
    }
}

/// Runs `work` on every item, two at a time, and sums.
fn in_pairs<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<f64, Error> + Sync) -> Result<f64, Error> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<f64, Error> {
        let mut total = 0.0;
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            total += work(item)?;
        }
        Ok(total)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(worker);
        let mine = worker()?;
        Ok(mine + other.join().unwrap_or(Ok(f64::NAN))?)
    })
}

fn sweep() -> Result<f64, Error> {
    let draws: Vec<OnceLock<Draw>> = (0..DRAWS).map(|_| OnceLock::new()).collect();
    let cells: Vec<(usize, usize)> =
        WIDTHS.iter().rev().flat_map(|&width| (0..draws.len()).map(move |draw| (draw, width))).collect();
    in_pairs(&cells, |&(draw, width)| draws[draw].get_or_init(|| Draw::new(draw as u64)).errors(width))
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn numpy(python: &str, threads: &str) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/numpy_sweep.py");
    let output = Command::new(python)
        .arg(script)
        .envs([("OMP_NUM_THREADS", threads), ("OPENBLAS_NUM_THREADS", threads), ("MKL_NUM_THREADS", threads)])
        .output()
        .ok()?;
    let seconds: Vec<f64> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.parse().ok()).collect();
    (!seconds.is_empty()).then(|| median(seconds))
}

fn main() -> Result<(), Error> {
    let ours = || -> Result<f64, Error> {
        let mut seconds = Vec::new();
        for _ in 0..5 {
            let start = Instant::now();
            sweep()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok(median(seconds))
    };
    sweep()?;
    let before = ours()?;
    println!("sweep: {before:.3} s (median of 5)");
    let Ok(python) = std::env::var("OVERPARAM_PEERS_PYTHON") else {
        println!("set OVERPARAM_PEERS_PYTHON to a Python with NumPy for the comparison");
        return Ok(());
    };
    match (numpy(&python, "1"), numpy(&python, "2")) {
        (Some(one), Some(two)) => {
            // Run again afterwards: a busy machine shows as a difference between the two.
            let after = ours()?;
            println!("sweep again: {after:.3} s; NumPy on one thread {one:.3} s, on two {two:.3} s");
            println!("ratio {:.1}", one.min(two) / before.max(after));
        }
        _ => println!("{python} could not run the NumPy sweep"),
    }
    Ok(())
}

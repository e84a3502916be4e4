//! A double-descent sweep: `cargo bench -p overparam-linearized --bench sweep`.
//!
//! ReLU random features, `d = 100`, `n = 300`, 12 widths from 30 to 3,000, 4 ridges, 5 draws; a draw at one width is a
//! cell, two threads take cells, the widest first. With `OVERPARAM_PEERS_PYTHON` set to a Python that has NumPy, the same sweep runs there in turn, on one and on two
//! threads, and the ratio to its better time is printed.

use std::process::Command;
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

const DRAWS: u64 = 5;

/// The sum of the test errors of one draw at one width, over ridges.
fn cell(seed: u64, width: usize) -> Result<f64, Error> {
    let stream = Stream::root(seed);
    let column = |v: &DVector<f64>| DMatrix::from_column_slice(v.len(), 1, v.as_slice());
    let (x, t) = (sphere(stream.named("x"), SAMPLES, D), sphere(stream.named("t"), TESTS, D));
    let b = stream.named("b").normal_vector::<f64>(D, 1.0).normalize();
    let y = column(&(&x * &b + stream.named("noise").normal_vector::<f64>(SAMPLES, 0.3)));
    let u = column(&(&t * &b));
    let random = RandomFeatures::on_sphere(stream.named("w").indexed(width as u64), width, D);
    let samples = Samples { inputs: &x, labels: &y, test_inputs: &t, test_labels: &u };
    let ridges = [1e-8, 1e-4, 1e-2, 1.0].map(|lambda| lambda / D as f64);
    Ok(random.ridge_path(&Standard::Relu, samples, &ridges)?.iter().map(|fit| fit.scores[0].test_error).sum())
}

fn sweep() -> Result<f64, Error> {
    let cells: Vec<(u64, usize)> =
        WIDTHS.iter().rev().flat_map(|&width| (0..DRAWS).map(move |seed| (seed, width))).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || -> Result<f64, Error> {
        let mut total = 0.0;
        while let Some(&(seed, width)) = cells.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            total += cell(seed, width)?;
        }
        Ok(total)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(worker);
        let mine = worker()?;
        Ok(mine + other.join().unwrap_or(Ok(f64::NAN))?)
    })
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

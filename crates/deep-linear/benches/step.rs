//! One step of gradient descent on a 100 x 100 matrix with 2,000 observed entries, depths 2 to 4, f32 and f64.
//!
//! ```text
//! cargo bench -p overparam-deep-linear
//! OVERPARAM_PEERS_PYTHON=/path/to/python cargo bench -p overparam-deep-linear
//! ```
//!
//! The second form runs the same step in torch (`peers_step.py`), in turn with ours, on one and on two threads, and
//! prints the ratio to the better of the two. Ours runs on one thread. Every figure is the best of several rounds.

use std::process::Command;
use std::time::Instant;

use overparam_deep_linear::{
    Convention, DeepLinearNetwork, Entry, Initialization, MatrixCompletion, Optimizer, Workspace,
};
use overparam_tensor::linalg::{Real, matmul};
use overparam_tensor::random::Stream;

const SIZE: usize = 100;
const OBSERVED: usize = 2000;
const STEPS: u32 = 200;
const ROUNDS: u32 = 9;

/// Seconds per step, best round.
fn ours<T: Real>(depth: usize, optimizer: Optimizer) -> Result<f64, Box<dyn std::error::Error>> {
    let stream = Stream::root(0);
    let mut truth = matmul(
        &stream.named("left").normal_matrix::<f64>(SIZE, 5, 1.0),
        &stream.named("right").normal_matrix::<f64>(5, SIZE, 1.0),
    );
    truth *= 100.0 / truth.norm();
    let entries: Vec<Entry> = stream
        .named("observed")
        .sample_indices(SIZE * SIZE, OBSERVED)
        .into_iter()
        .map(|k| Entry { row: k % SIZE, column: k / SIZE, value: truth[k] })
        .collect();
    let objective = MatrixCompletion::<T>::new(SIZE, SIZE, &entries, Convention::Mean)?;
    let start = Initialization::Gaussian { scale: 1e-3 };
    let mut network =
        DeepLinearNetwork::<T>::initialize(&vec![SIZE; depth + 1], &start, &stream.named("weights"))?;
    let mut stepper = optimizer.start(&network)?;
    let mut workspace = Workspace::new(&network);
    let mut best = f64::INFINITY;
    for _ in 0..=ROUNDS {
        let begin = Instant::now();
        for _ in 0..STEPS {
            workspace.evaluate(&network, &objective);
            stepper.step(&mut network, workspace.gradients());
        }
        best = best.min(begin.elapsed().as_secs_f64() / f64::from(STEPS));
    }
    Ok(best)
}

/// Seconds per step of torch, the better of one and two threads; `None` if it cannot be run.
fn torch(python: &str, depth: usize, dtype: &str) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers_step.py");
    let run = |threads: &str| {
        let output = Command::new(python).args([script, &depth.to_string(), dtype, threads]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.trim().strip_prefix("{\"seconds_per_step\": ")?.strip_suffix('}')?.parse::<f64>().ok()
    };
    [run("1"), run("2")].into_iter().flatten().reduce(f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let python = std::env::var("OVERPARAM_PEERS_PYTHON").ok();
    println!(
        "{SIZE} x {SIZE}, {OBSERVED} observed entries, one thread, best of {ROUNDS} rounds of {STEPS} steps"
    );
    println!(
        "{:>5} {:>5} {:>16} {:>10} {:>16} {:>14} {:>8}",
        "depth", "type", "descent steps/s", "us/step", "rms steps/s", "torch us/step", "ratio"
    );
    for depth in 2..=4 {
        for (name, dtype) in [("f32", "float32"), ("f64", "float64")] {
            let measure = |optimizer| {
                if name == "f32" { ours::<f32>(depth, optimizer) } else { ours::<f64>(depth, optimizer) }
            };
            let descent = measure(Optimizer::GradientDescent { learning_rate: 0.1 })?;
            let rms = measure(Optimizer::rms_normalized(1e-3))?;
            let peer = python.as_deref().and_then(|python| torch(python, depth, dtype));
            let (peer, ratio) = match peer {
                Some(peer) => (format!("{:.1}", peer * 1e6), format!("{:.2}", peer / descent)),
                None => ("-".to_owned(), "-".to_owned()),
            };
            println!(
                "{depth:>5} {name:>5} {:>16.0} {:>10.1} {:>16.0} {peer:>14} {ratio:>8}",
                1.0 / descent,
                descent * 1e6,
                1.0 / rms
            );
        }
    }
    if python.is_none() {
        println!("set OVERPARAM_PEERS_PYTHON to a Python with torch to run the same step there");
    }
    Ok(())
}

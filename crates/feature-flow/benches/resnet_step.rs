//! One step of the ResNet feature flow: 256 examples, 1,024 units, 10 layers, single precision, beside its matrix products.
//!
//! ```text
//! cargo bench -p overparam-feature-flow
//! OVERPARAM_PEERS_PYTHON=/path/to/python cargo bench -p overparam-feature-flow
//! ```
//!
//! The second form runs the same step in torch (`peers_resnet.py`), in turn with ours, on one and on two threads, and prints the
//! ratio to the better of the two. Ours runs on rayon's threads (`RAYON_NUM_THREADS`). The floor is the step's matrix products alone, on the same
//! buffers: three of `N m^2` a hidden layer. Every figure is the best of several rounds.

use std::process::Command;
use std::time::Instant;

use nalgebra::DMatrix;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start};
use overparam_tensor::linalg::{gemm, transposed};
use overparam_tensor::random::Stream;

const EXAMPLES: usize = 256;
const UNITS: usize = 1024;
const DEPTH: usize = 10;
const ROUNDS: usize = 9;

fn best(mut work: impl FnMut()) -> f64 {
    work();
    let round = |_| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Seconds of the products of one step.
fn floor() -> f64 {
    let stream = Stream::root(1);
    let values: DMatrix<f32> = stream.named("values").normal_matrix(UNITS, EXAMPLES, 1.0);
    let slopes: DMatrix<f32> = stream.named("slopes").normal_matrix(UNITS, EXAMPLES, 1e-6);
    let mut weights: Vec<DMatrix<f32>> = vec![DMatrix::zeros(UNITS, UNITS); DEPTH - 1];
    let mut out = values.clone();
    best(|| {
        for w in &weights {
            gemm(1e-3, transposed(w), &values, 0.0, &mut out);
        }
        for w in weights.iter_mut().rev() {
            gemm(1e-3, &*w, &slopes, 0.0, &mut out);
            gemm(-1e-3, &values, transposed(&slopes), 1.0, w);
        }
    })
}

/// Seconds of torch's step, the better of one and two threads; `None` if it cannot be run.
fn torch(python: &str) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers_resnet.py");
    let run = |threads: &str| {
        let output = Command::new(python).args([script, threads]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<f64>().ok()
    };
    [run("1"), run("2")].into_iter().flatten().reduce(f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = Stream::root(0);
    let inputs: DMatrix<f32> = stream.named("inputs").normal_matrix(EXAMPLES, 20, 1.0);
    let targets = DMatrix::from_fn(EXAMPLES, 1, |i, _| inputs[(i, 0)].sin());
    let kind = (Architecture::ResNet, Scaling::MeanField, Activation::Tanh);
    let network = Network::new(kind, (DEPTH, UNITS), Start::Zero, &inputs, &stream.named("weights"))?;
    let mut flow = Flow::new(network, inputs, targets)?;
    let mut failed = None;
    let ours = best(|| {
        if let Err(error) = flow.step(0.1) {
            failed = Some(error);
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let floor = floor();
    println!("N = {EXAMPLES}, m = {UNITS}, depth {DEPTH}, f32, best of {ROUNDS}");
    println!("step {:.1} ms, its products {:.1} ms, ratio {:.2}", ours * 1e3, floor * 1e3, ours / floor);
    match std::env::var("OVERPARAM_PEERS_PYTHON").ok().and_then(|python| torch(&python)) {
        Some(peer) => {
            println!("torch {:.1} ms (best of 1 and 2 threads), ratio {:.2}", peer * 1e3, peer / ours);
        }
        None => println!("set OVERPARAM_PEERS_PYTHON to a Python with torch to run the same step there"),
    }
    Ok(())
}

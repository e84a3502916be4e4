//! A step of the scaled gradient descent of a mean-field residual network.

use anyhow::Result;
use nalgebra::DMatrix;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling};

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{dense, moments, noise_matrix};

const EXAMPLES: usize = 256;
const INPUTS: usize = 20;
const UNITS: usize = 1024;
const DEPTH: usize = 10;
const RATE: f64 = 0.1;

fn prepare() -> Result<Box<dyn Workload>> {
    let inputs = dense(EXAMPLES, INPUTS, 0).map(|x| x as f32);
    let targets = DMatrix::from_fn(EXAMPLES, 1, |i, _| inputs[(i, 0)].sin());
    let network = Network {
        architecture: Architecture::ResNet,
        scaling: Scaling::MeanField,
        activation: Activation::Tanh,
        first: noise_matrix(1, INPUTS, UNITS, 1.0),
        hidden: vec![DMatrix::zeros(UNITS, UNITS); DEPTH - 1],
        last: noise_matrix(2, UNITS, 1, 1.0),
    };
    let run = |flow: &mut Flow<f32>| {
        flow.step(RATE)?;
        Ok(())
    };
    let summary = |flow: &Flow<f32>| {
        let Network { first, hidden, last, .. } = flow.network();
        Ok([first, &hidden[0], &hidden[DEPTH - 2], last].map(|w| moments(w.iter().copied())[1]).to_vec())
    };
    Ok(job(Flow::new(network, inputs, targets)?, run, summary))
}

/// 256 examples, 1,024 units, 10 layers.
pub(super) fn case() -> Case {
    let (n, m, hidden) = (EXAMPLES as f64, UNITS as f64, DEPTH as f64 - 1.0);
    Case {
        name: "resnet-flow-step".to_owned(),
        work: "A step of descent on a mean-field tanh ResNet, 256 examples, 1,024 units, 10 layers, f32"
            .to_owned(),
        packages: &["torch", "numpy"],
        target: 1.0,
        precision: Precision::F32,
        threads: Threads::All,
        cost: Cost {
            flops: 3.0 * 2.0 * n * m * m * hidden,
            bytes: 2.0 * 4.0 * m * m * hidden,
            counted: "three products of each hidden layer; the weights read and written once",
        },
        tolerance: 1e-3,
        rounds: 9,
        prepare: Box::new(prepare),
    }
}

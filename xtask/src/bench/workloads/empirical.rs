//! The empirical tangent kernel of a finite network, all pairs of outputs.

use anyhow::Result;
use overparam_ntk::architecture::{dense as dense_layer, relu};
use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::network::Batch;
use overparam_ntk::{Architecture, Inputs, Network, Params};
use overparam_tensor::Array;

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{dense, moments, noise_tensor};

const N: usize = 200;
const D: usize = 100;
const WIDTH: usize = 512;

struct Prepared {
    network: Network,
    params: Params<f32>,
    batch: Batch<f32>,
    result: Option<Array<f32>>,
}

fn prepare(outputs: usize, repeats: usize) -> Result<Box<dyn Workload>> {
    let layers =
        [dense_layer(WIDTH).into(), relu(), dense_layer(WIDTH).into(), relu(), dense_layer(outputs).into()];
    let x = Inputs::from(dense(N, D, 0).map(|x| x as f32));
    let network = Network::new(&Architecture::new(layers), x.shape())?;
    let shapes = [[D, WIDTH], [WIDTH, WIDTH], [WIDTH, outputs]];
    let leaves = shapes.iter().zip(1u32..).map(|(shape, seed)| noise_tensor(seed, shape, 1.0)).collect();
    let params = network.params_from(leaves)?;
    let prepared = Prepared { network, params, batch: Batch::from(&x), result: None };
    let run = move |p: &mut Prepared| {
        for _ in 0..repeats {
            p.result = None;
            let ntk = EmpiricalNtk::new(&p.network, &p.params)?;
            p.result = Some(ntk.full(&p.batch, None)?);
        }
        Ok(())
    };
    let summary = |p: &Prepared| {
        let Some(result) = &p.result else { return Ok(Vec::new()) };
        let [_, norm] = moments(result.to_vec());
        Ok(vec![norm, f64::from(result.at(&[0, 0, 0, 0])), f64::from(result.at(&[0, 1, 0, 0]))])
    };
    Ok(job(prepared, run, summary))
}

fn case(outputs: usize, repeats: usize, target: f64) -> Case {
    let (n, d, m, k) = (N as f64, D as f64, WIDTH as f64, outputs as f64);
    let forward = 2.0 * n * (d * m + m * m + m * k);
    let backward = 2.0 * n * k * m * m;
    let grams = n * n * (d + 2.0 * m) + n * n * k * k * 2.0 * m;
    let times = if repeats == 1 { String::new() } else { format!(", {repeats} times") };
    Case {
        name: format!("empirical-ntk-{outputs}-output{}", if outputs == 1 { "" } else { "s" }),
        work: format!(
            "Empirical NTK of a 100-512-512-{outputs} ReLU network, all outputs, 200 inputs, f32{times}"
        ),
        packages: &["neural-tangents", "jax"],
        target,
        precision: Precision::F32,
        threads: Threads::All,
        cost: Cost {
            flops: repeats as f64 * (forward + backward + grams),
            bytes: repeats as f64 * 4.0 * (n * d + d * m + m * m + m * k + n * n * k * k),
            counted: "matrix products: forward, the outputs pulled back, half of each layer's two Gram products",
        },
        tolerance: 1e-4,
        rounds: 7,
        prepare: Box::new(move || prepare(outputs, repeats)),
    }
}

/// One and ten outputs.
pub(super) fn cases() -> Vec<Case> {
    vec![case(1, 10, 2.0), case(10, 1, 10.0)]
}

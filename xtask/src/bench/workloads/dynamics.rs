//! What a kernel's gradient flow predicts on a test set at three times.

use anyhow::Result;
use nalgebra::DMatrix;
use overparam_ntk::predict::{Regularizer, Schedule, krylov::Krylov};
use overparam_ntk::{Inputs, Kernel};

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{dense, moments};
use super::kernels::fully_connected;

const N: usize = 2000;
const TESTS: usize = 500;
const TIMES: [f64; 3] = [1.0, 10.0, 100.0];

fn prepare() -> Result<Box<dyn Workload>> {
    let (x, z) = (Inputs::from(dense(N, 784, 0)), Inputs::from(dense(TESTS, 784, 3000)));
    let kernel = Kernel::new(&fully_connected()?, x.shape())?;
    let (dd, td) = (kernel.ntk(&x, None)?, kernel.ntk(&z, Some(&x))?);
    let y = DMatrix::from_fn(N, 1, |i, _| (1.1 * i as f64).sin());
    let (f0, g0) = (DMatrix::zeros(N, 1), DMatrix::zeros(TESTS, 1));
    let run = move |outputs: &mut Vec<DMatrix<f64>>| {
        outputs.clear();
        let mut training = Krylov::new(&dd, &y, &f0, Regularizer::Relative(1e-6))?;
        for time in TIMES {
            outputs.push(training.test(Schedule::flow(time), &g0, &td)?);
        }
        Ok(())
    };
    let summary = |outputs: &Vec<DMatrix<f64>>| {
        Ok(outputs.iter().flat_map(|f| [moments(f.iter().copied())[1], f[0]]).collect())
    };
    Ok(job(Vec::new(), run, summary))
}

/// 2,000 training and 500 test inputs.
pub(super) fn case() -> Case {
    let (n, t) = (N as f64, TESTS as f64);
    Case {
        name: "dynamics-2000".to_owned(),
        work: "Test outputs of gradient flow with a given NTK at three times, 2,000 training and 500 test inputs, f64".to_owned(),
        packages: &["neural-tangents", "jax"],
        target: 2.0,
        precision: Precision::F64,
        threads: Threads::All,
        cost: Cost {
            flops: 2.0 * n * n + TIMES.len() as f64 * 2.0 * t * n,
            bytes: 8.0 * (n * n + t * n),
            counted: "each kernel read once and multiplied by one vector (the test kernel by three): no method needs less",
        },
        tolerance: 1e-6,
        rounds: 5,
        prepare: Box::new(prepare),
    }
}

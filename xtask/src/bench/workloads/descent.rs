//! 200 steps of descent on a deep linear network that completes a matrix, on one thread.

use anyhow::Result;
use overparam_deep_linear::optimizer::Stepper;
use overparam_deep_linear::{Convention, DeepLinearNetwork, Entry, MatrixCompletion, Optimizer, Workspace};
use overparam_tensor::linalg::{Real, matmul};

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{moments, noise, noise_matrix};

const SIZE: usize = 100;
const RANK: usize = 5;
const OBSERVED: usize = 2000;
const STEPS: usize = 200;

struct Prepared<T: Real> {
    objective: MatrixCompletion<T>,
    network: DeepLinearNetwork<T>,
    stepper: Stepper<T>,
    workspace: Workspace<T>,
}

impl<T: Real> Prepared<T> {
    fn new(depth: usize) -> Result<Self> {
        let left = noise_matrix::<f64>(1, SIZE, RANK, 1.0);
        let mut truth = matmul(&left, &noise_matrix(2, RANK, SIZE, 1.0));
        truth *= 100.0 / truth.norm();
        let objective = MatrixCompletion::new(SIZE, SIZE, &observed(&truth), Convention::Mean)?;
        let std = 1e-3f64.powf((depth as f64).recip()) / (SIZE as f64).sqrt();
        let weights = (0..depth as u32).map(|l| noise_matrix(10 + l, SIZE, SIZE, std)).collect();
        let network = DeepLinearNetwork::from_weights(weights)?;
        let stepper = Optimizer::GradientDescent { learning_rate: 0.1 }.start(&network)?;
        let workspace = Workspace::new(&network);
        Ok(Self { objective, network, stepper, workspace })
    }

    fn step(&mut self) {
        self.workspace.evaluate(&self.network, &self.objective);
        self.stepper.step(&mut self.network, self.workspace.gradients());
    }
}

/// The entries with the smallest noise.
fn observed(truth: &nalgebra::DMatrix<f64>) -> Vec<Entry> {
    let order = noise(3, SIZE * SIZE);
    let mut places: Vec<usize> = (0..SIZE * SIZE).collect();
    places.sort_by(|&a, &b| order[a].total_cmp(&order[b]));
    let entry = |&place: &usize| {
        let (row, column) = (place / SIZE, place % SIZE);
        Entry { row, column, value: truth[(row, column)] }
    };
    places[..OBSERVED].iter().map(entry).collect()
}

/// One step at a time, for counting instructions.
pub(in crate::bench) fn one_step<T: Real>(depth: usize) -> Result<impl FnMut()> {
    let mut prepared = Prepared::<T>::new(depth)?;
    Ok(move || prepared.step())
}

fn prepare<T: Real>(depth: usize) -> Result<Box<dyn Workload>> {
    let run = |p: &mut Prepared<T>| {
        (0..STEPS).for_each(|_| p.step());
        Ok(())
    };
    let summary = |p: &Prepared<T>| {
        let end = p.network.end_matrix();
        Ok(vec![moments(end.iter().copied())[1], moments(p.network.weights()[0].iter().copied())[1]])
    };
    Ok(job(Prepared::<T>::new(depth)?, run, summary))
}

fn case(depth: usize, precision: Precision) -> Case {
    let (n, products) = (SIZE as f64, 3.0 * (depth as f64 - 1.0));
    Case {
        name: format!("deep-linear-depth-{depth}-{}", precision.name()),
        work: format!(
            "200 steps of descent on a deep linear network of depth {depth}, 100 x 100, 2,000 observed entries, {}, one thread",
            precision.name()
        ),
        packages: &["torch", "numpy"],
        target: 2.0,
        precision,
        threads: Threads::One,
        cost: Cost {
            flops: STEPS as f64 * products * 2.0 * n.powi(3),
            bytes: precision.bytes() * n * n * (depth as f64 + 1.0),
            counted: "3 (depth - 1) full matrix products a step, as if all entries were observed",
        },
        tolerance: if precision == Precision::F32 { 1e-3 } else { 1e-9 },
        rounds: 9,
        prepare: Box::new(move || match precision {
            Precision::F32 => prepare::<f32>(depth),
            Precision::F64 => prepare::<f64>(depth),
        }),
    }
}

/// Depths 2 to 4 in both precisions.
pub(super) fn cases() -> Vec<Case> {
    (2..=4)
        .flat_map(|depth| [Precision::F32, Precision::F64].map(|precision| case(depth, precision)))
        .collect()
}

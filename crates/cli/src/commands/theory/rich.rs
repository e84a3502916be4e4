//! Two-layer limits at any richness.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use nalgebra::DVector;
use overparam_feature_flow::rich_limit::{
    Grid, Sampling, Standard, TwoLayer, influence, lazy_kernel, lazy_outputs,
};
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;
use serde_json::json;

use super::Output;
use super::series::{List, Rows, Series, ascending, rows};

/// The data, the net and the times.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// K = X X^T/d of training examples, then test points: rows separated by ';', numbers by ','
    #[arg(long, value_name = "MATRIX")]
    kernel: Rows,
    /// Targets of the training examples, separated by commas
    #[arg(long)]
    targets: List,
    /// Richness: 0 is the tangent kernel, 1 the mean-field scaling
    #[arg(long)]
    gamma: f64,
    /// tanh, relu, erf or linear
    #[arg(long, value_parser = str::parse::<Standard>, default_value = "tanh")]
    activation: Standard,
    /// Times of the flow of 1/2 sum (y - f)^2, separated by commas
    #[arg(long, value_name = "TIMES")]
    t: List,
    /// Distance of the grid's nodes, in standard deviations
    #[arg(long, default_value_t = 0.3)]
    step: f64,
    /// Also the covariance of a net's outputs, times its width
    #[arg(long)]
    fluctuations: bool,
    /// Of the random units, if the inputs span more than three dimensions
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLE: &str = "Example:
  overparam theory rich --kernel '1,0.3;0.3,0.8' --targets 1,-0.5 --gamma 1 --t 0.5,1,2,4";

/// Outputs, kernels and perhaps fluctuations at each time.
pub(super) fn print(options: &Options) -> Result<ExitCode> {
    let times = ascending(&options.t)?;
    let Rows(kernel) = &options.kernel;
    let targets = DVector::from_column_slice(&options.targets.0);
    let (gamma, phi) = (options.gamma, options.activation);
    ensure!(gamma >= 0.0, "--gamma is {gamma}, but must be at least 0");
    let name = format!("{phi:?}").to_lowercase();
    let inputs = vec![
        ("kernel", rows(kernel)),
        ("targets", json!(options.targets.0)),
        ("gamma", json!(gamma)),
        ("activation", json!(name)),
    ];
    let grid = Grid { step: options.step, time_step: 0.025 };
    let title = "Two layers of infinite width at richness gamma (Bordelon, Pehlevan 2022)";
    if gamma == 0.0 {
        ensure!(!options.fluctuations, "--fluctuations needs --gamma above 0");
        let problem = TwoLayer::new(kernel.clone(), targets, 1.0)?;
        let theta = lazy_kernel(&problem, &phi, &grid)?;
        let outputs = lazy_outputs(&problem, &theta, times)?;
        let row = |(t, f): (&f64, &DVector<f64>)| vec![("t", json!(t)), ("f", json!(f.as_slice()))];
        let times = times.iter().zip(&outputs).map(row).collect();
        return Ok(
            Series { title, inputs, results: vec![("ntk", rows(&theta))], times }.print(&options.output)
        );
    }
    let problem = TwoLayer::new(kernel.clone(), targets, gamma)?;
    let values = symmetric_eigen(kernel)?.values;
    let rank = values.iter().filter(|v| **v > 1e-12 * values.amax()).count();
    let (stream, sampling) = (Stream::root(options.seed), Sampling::default());
    let limit = if rank <= 3 {
        grid.solve(&problem, &phi, times)?
    } else {
        sampling.solve(&problem, &phi, times, &stream)?
    };
    let scatter = if options.fluctuations {
        let units = if rank <= 3 {
            Grid { step: options.step.max(0.4), ..grid }.particles(&problem, &phi)?
        } else {
            sampling.particles(&problem, &stream)?
        };
        influence(&problem, &phi, &units, times, 0.05)?
    } else {
        Vec::new()
    };
    let row = |i: usize| {
        let mut row = vec![
            ("t", json!(times[i])),
            ("f", json!(limit.outputs[i].as_slice())),
            ("Phi", rows(&limit.features[i][i])),
            ("G", rows(&limit.gradients[i][i])),
            ("ntk", rows(&limit.tangent_kernel(&problem, i))),
        ];
        if let Some(at) = scatter.get(i) {
            row.push(("m_cov_f", rows(&at.covariance)));
        }
        row
    };
    let results = vec![
        ("f_error", json!(limit.output_error)),
        ("kernel_error", json!(limit.kernel_error)),
        ("units", json!(limit.units)),
    ];
    let times = (0..times.len()).map(row).collect();
    Ok(Series { title, inputs, results, times }.print(&options.output))
}

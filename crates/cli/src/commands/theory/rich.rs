//! Limits at any richness, of two layers and of deeper linear nets.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use nalgebra::DVector;
use overparam_feature_flow::rich_limit::{DeepLinear, Solver, Standard, TwoLayer, lazy_outputs};
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

use super::Output;
use super::series::{List, Rows, Series, ascending, rows};

/// The data, the net and the times.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// K = X X^T/d of training examples, then test points: rows separated by ';', numbers by ','
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true)]
    kernel: Rows,
    /// Targets of the training examples, separated by commas
    #[arg(long, allow_hyphen_values = true)]
    targets: List,
    /// Richness: 0 is the tangent kernel, 1 the mean-field scaling
    #[arg(long)]
    gamma: f64,
    /// tanh, relu, erf or linear
    #[arg(long, value_parser = str::parse::<Standard>, default_value = "tanh")]
    activation: Standard,
    /// Hidden layers; more than one needs --activation linear
    #[arg(long, value_name = "LAYERS", default_value_t = 1)]
    hidden_layers: usize,
    /// Times of the flow of 1/2 sum (y - f)^2, separated by commas
    #[arg(long, value_name = "TIMES", allow_hyphen_values = true)]
    t: List,
    /// Distance of the grid's nodes, in standard deviations, if there is a grid [default: 0.06, 0.2 or 0.45 for inputs that span 1, 2 or 3 dimensions]
    #[arg(long)]
    step: Option<f64>,
    /// Also the covariance of a net's outputs, times its width
    #[arg(long)]
    fluctuations: bool,
    /// Of the random units, if the inputs span more than three dimensions, or more than one with relu
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Pairs of random units in each of six samples, where there is no grid.
const PAIRS: usize = 16_384;

const EXAMPLE: &str = "Examples:
  overparam theory rich --kernel '1,0.3;0.3,0.8' --targets 1,-0.5 --gamma 1 --t 0.5,1,2,4
  overparam theory rich --kernel '1,0.3;0.3,0.8' --targets 1,-0.5 --gamma 1 --t 0.5,1 --activation linear --hidden-layers 3";

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
    ensure!(options.hidden_layers > 0, "--hidden-layers is 0: expected at least 1");
    if options.hidden_layers > 1 {
        ensure!(
            phi == Standard::Linear && !options.fluctuations && options.step.is_none(),
            "--hidden-layers {} needs --activation linear, without --fluctuations and --step: deep nonlinear nets have no solver among the commands",
            options.hidden_layers
        );
        return deep(options, inputs, targets, times);
    }
    let title = "Two layers of infinite width at richness gamma (Bordelon, Pehlevan 2022)";
    // The lazy limit has the units of any richness, at rest.
    let problem = TwoLayer::new(kernel.clone(), targets, if gamma == 0.0 { 1.0 } else { gamma })?;
    let solver = Solver::of(&problem, options.step, PAIRS, Stream::root(options.seed))?;
    if gamma == 0.0 {
        ensure!(!options.fluctuations, "--fluctuations needs --gamma above 0");
        let limit = solver.lazy(&problem, phi, times)?;
        let row = |(t, f): (&f64, &DVector<f64>)| vec![("t", json!(t)), ("f", json!(f.as_slice()))];
        let results =
            vec![("ntk", rows(&limit.tangent_kernel(&problem, 0))), ("f_error", json!(limit.output_error))];
        let times = times.iter().zip(&limit.outputs).map(row).collect();
        return Ok(Series { title, inputs, results, times }.print(&options.output));
    }
    // First what may be refused.
    let scatter = if options.fluctuations { solver.scatter(&problem, phi, times)? } else { Vec::new() };
    let limit = solver.rich(&problem, phi, times)?;
    let row = |i: usize| {
        let mut row = vec![
            ("t", json!(times[i])),
            ("f", json!(limit.outputs[i].as_slice())),
            ("Phi", rows(&limit.features[i][i])),
            ("G", rows(&limit.gradients[i][i])),
            ("ntk", rows(&limit.tangent_kernel(&problem, i))),
        ];
        if let Some(at) = scatter.get(i) {
            row.push(("m_cov_f", rows(at)));
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

/// Linear nets of several hidden layers.
fn deep(
    options: &Options,
    mut inputs: Vec<(&'static str, Value)>,
    targets: DVector<f64>,
    times: &[f64],
) -> Result<ExitCode> {
    let (Rows(kernel), gamma) = (&options.kernel, options.gamma);
    inputs.push(("hidden_layers", json!(options.hidden_layers)));
    let title = "Deep linear nets of infinite width at richness gamma (Bordelon, Pehlevan 2022)";
    // The lazy limit is the kernel of any richness at rest.
    let problem = TwoLayer::new(kernel.clone(), targets, if gamma == 0.0 { 1.0 } else { gamma })?;
    let net = DeepLinear::of(&problem, options.hidden_layers)?;
    let limit = net.solve(&problem, if gamma == 0.0 { &[0.0] } else { times })?;
    if gamma == 0.0 {
        let theta = limit.tangent_kernel(&problem, 0);
        let outputs = lazy_outputs(&problem, &theta, times)?;
        let row = |(t, f): (&f64, &DVector<f64>)| vec![("t", json!(t)), ("f", json!(f.as_slice()))];
        let times = times.iter().zip(&outputs).map(row).collect();
        return Ok(
            Series { title, inputs, results: vec![("ntk", rows(&theta))], times }.print(&options.output)
        );
    }
    let row = |i: usize| {
        vec![
            ("t", json!(times[i])),
            ("f", json!(limit.outputs[i].as_slice())),
            ("H", limit.features[i].iter().map(rows).collect()),
            ("G", json!(limit.gradients[i])),
            ("ntk", rows(&limit.tangent_kernel(&problem, i))),
        ]
    };
    let results = vec![("f_error", json!(limit.output_error))];
    let times = (0..times.len()).map(row).collect();
    Ok(Series { title, inputs, results, times }.print(&options.output))
}

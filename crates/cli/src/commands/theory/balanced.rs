//! Linear networks from balanced starts: one mode, or two layers.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use overparam_deep_linear::balanced::{AlignedMode, BalancedFlow, DepthMode};
use serde_json::json;

use super::Output;
use super::series::{List, Rows, Series, ascending, rows};

/// A mode, or the two layers.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLES)]
pub struct Options {
    /// Strength of one mode at the start
    #[arg(long, requires = "sigma", conflicts_with_all = ["w1", "w2", "correlations"])]
    s0: Option<f64>,
    /// Singular value that the mode learns
    #[arg(long, requires = "s0")]
    sigma: Option<f64>,
    /// Imbalance of the two layers, b^2 - a^2: 0 is rich, large of either sign is lazy
    #[arg(long, value_name = "IMBALANCE", requires = "s0", conflicts_with = "depth")]
    lambda: Option<f64>,
    /// Number of layers of the mode, all equal
    #[arg(long, requires = "s0")]
    depth: Option<usize>,
    /// The first layer, h x d: rows separated by ';', numbers by ','
    #[arg(long, value_name = "MATRIX", requires_all = ["w2", "correlations"], allow_hyphen_values = true)]
    w1: Option<Rows>,
    /// The second layer, c x h
    #[arg(long, value_name = "MATRIX", requires = "w1", allow_hyphen_values = true)]
    w2: Option<Rows>,
    /// Sigma, the correlations of targets with whitened inputs, c x d
    #[arg(long, value_name = "MATRIX", requires = "w1", allow_hyphen_values = true)]
    correlations: Option<Rows>,
    /// Times, separated by commas
    #[arg(long, value_name = "TIMES", allow_hyphen_values = true)]
    t: List,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLES: &str = "Examples:
  overparam theory balanced --s0 0.01 --sigma 1 --lambda 0.5 --t 0.2,1,3
  overparam theory balanced --s0 0.001 --sigma 1 --depth 3 --t 5,9,10
  overparam theory balanced --w1 '0.1,0' --w2 '0;0.1' --correlations '3,0;0,1' --t 1,10";

/// Strengths, or the layers' products, at each time.
pub(super) fn print(options: &Options) -> Result<ExitCode> {
    let times = ascending(&options.t)?;
    let series = match (options.s0, options.sigma, &options.w1, &options.w2, &options.correlations) {
        (Some(s0), Some(sigma), ..) => match options.depth {
            Some(depth) => of_depth(depth, s0, sigma, times)?,
            None => mode(s0, sigma, options.lambda.unwrap_or(0.0), times)?,
        },
        (None, _, Some(w1), Some(w2), Some(correlations)) => layers(w1, w2, correlations, times)?,
        _ => bail!(
            "either --s0 and --sigma of one mode, or --w1, --w2 and --correlations of two layers, must be given"
        ),
    };
    Ok(series.print(&options.output))
}

fn mode(s0: f64, sigma: f64, lambda: f64, times: &[f64]) -> Result<Series> {
    let mode = AlignedMode::new(s0, sigma, lambda)?;
    let mut results = Vec::new();
    if let Ok(half) = mode.time_to(0.5 * sigma) {
        results.push(("half_time", json!(half)));
    }
    let row = |&t: &f64| -> Result<_> {
        let s = mode.at(t)?;
        Ok(vec![("t", json!(t)), ("s", json!(s)), ("ntk", json!(mode.kernel(s)))])
    };
    Ok(Series {
        title: "A mode of two layers, ds/dt = sqrt(lambda^2 + 4 s^2) (sigma - s) (Saxe et al. 2014; Kunin et al. 2024)",
        inputs: vec![("s0", json!(s0)), ("sigma", json!(sigma)), ("lambda", json!(lambda))],
        results,
        times: times.iter().map(row).collect::<Result<_>>()?,
    })
}

fn of_depth(depth: usize, s0: f64, sigma: f64, times: &[f64]) -> Result<Series> {
    let mode = DepthMode::new(depth, s0, sigma)?;
    let mut results = Vec::new();
    for (name, fraction) in [("time_to_tenth", 0.1), ("half_time", 0.5), ("time_to_nine_tenths", 0.9)] {
        if let Ok(time) = mode.time_to_fraction(fraction) {
            results.push((name, json!(time)));
        }
    }
    let row = |&t: &f64| -> Result<_> { Ok(vec![("t", json!(t)), ("s", json!(mode.at(t)?))]) };
    Ok(Series {
        title: "A mode of equal layers, ds/dt = N s^(2 - 2/N) (sigma - s) (Saxe et al. 2014)",
        inputs: vec![("depth", json!(depth)), ("s0", json!(s0)), ("sigma", json!(sigma))],
        results,
        times: times.iter().map(row).collect::<Result<_>>()?,
    })
}

fn layers(Rows(w1): &Rows, Rows(w2): &Rows, Rows(sigma): &Rows, times: &[f64]) -> Result<Series> {
    let flow = BalancedFlow::new(w1, w2, sigma)?;
    let states = flow.trajectory(times)?;
    let row = |(t, state): (&f64, &overparam_deep_linear::balanced::BalancedState)| {
        vec![
            ("t", json!(t)),
            ("loss", json!(flow.loss(state))),
            ("W2W1", rows(&state.product)),
            ("W1tW1", rows(&state.input_gram)),
            ("W2W2t", rows(&state.output_gram)),
            ("ntk", rows(&state.kernel_operator())),
        ]
    };
    Ok(Series {
        title: "Two linear layers from a lambda-balanced start (Braun et al. 2022; Domine et al. 2025)",
        inputs: vec![("W1", rows(w1)), ("W2", rows(w2)), ("Sigma", rows(sigma))],
        results: vec![("lambda", json!(flow.imbalance())), ("limit_W2W1", rows(&flow.limit()?.product))],
        times: times.iter().zip(&states).map(row).collect(),
    })
}

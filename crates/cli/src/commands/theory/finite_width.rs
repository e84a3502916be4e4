//! The tangent kernel at finite width.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use nalgebra::DVector;
use overparam_ntk::finite_width::{SecondOrder, Smooth, relu_deep, relu_two_layer};
use serde_json::json;

use super::Output;
use super::series::{List, Rows, Series, ascending, rows};

/// One of three formulas.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLES)]
pub struct Options {
    /// Cosine of two unit inputs of a two-layer ReLU net
    #[arg(long, conflicts_with_all = ["widths", "kernel"])]
    cosine: Option<f64>,
    /// Inputs and hidden widths of a ReLU net, separated by commas
    #[arg(long, value_delimiter = ',', conflicts_with = "kernel")]
    widths: Vec<usize>,
    /// K = X X^T/d of training examples, then test points: the change of a smooth two-layer net's kernel and outputs
    #[arg(long, value_name = "MATRIX", requires_all = ["targets", "t"], allow_hyphen_values = true)]
    kernel: Option<Rows>,
    /// Targets of the training examples, separated by commas
    #[arg(long, requires = "kernel", allow_hyphen_values = true)]
    targets: Option<List>,
    /// Times of the flow of 1/2 sum (y - f)^2, separated by commas
    #[arg(long, value_name = "TIMES", requires = "kernel", allow_hyphen_values = true)]
    t: Option<List>,
    /// tanh, erf, sin or linear
    #[arg(long, value_parser = str::parse::<Smooth>, default_value = "tanh")]
    activation: Smooth,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLES: &str = "Examples:
  overparam theory finite-width --cosine 0.3
  overparam theory finite-width --widths 8,256,256,256
  overparam theory finite-width --kernel '1,0.3;0.3,0.8' --targets 1,-0.5 --t 1,4";

/// Moments, or the expansion.
pub(super) fn print(options: &Options) -> Result<ExitCode> {
    let series = match (options.cosine, &options.kernel, &options.targets, &options.t) {
        (Some(cosine), ..) => {
            let found = relu_two_layer(cosine)?;
            Series {
                title: "Tangent kernel of two layers of ReLU, at every width n (Jacot et al. 2018)",
                inputs: vec![("cosine", json!(cosine))],
                results: vec![
                    ("mean", json!(found.mean)),
                    ("n_times_variance", json!(found.width_times_variance)),
                ],
                times: Vec::new(),
            }
        }
        (None, Some(kernel), Some(targets), Some(t)) => {
            second_order(kernel, targets, ascending(t)?, options.activation)?
        }
        _ if !options.widths.is_empty() => {
            let found = relu_deep(&options.widths)?;
            Series {
                title: "Tangent kernel of a ReLU net at one unit input (compare Hanin, Nica 2020)",
                inputs: vec![("widths", json!(options.widths))],
                results: vec![
                    ("mean", json!(found.mean)),
                    ("second_moment", json!(found.second_moment)),
                    ("relative_variance", json!(found.relative_variance())),
                    ("f2", json!(found.output_second_moment)),
                    ("f4", json!(found.output_fourth_moment)),
                ],
                times: Vec::new(),
            }
        }
        _ => bail!("one of --cosine, --widths or --kernel must be given"),
    };
    Ok(series.print(&options.output))
}

fn second_order(Rows(kernel): &Rows, targets: &List, times: &[f64], phi: Smooth) -> Result<Series> {
    // A third dimension has a coarser grid: 1e-7 with tanh.
    let step = if kernel.nrows() <= 2 { 0.1 } else { 0.25 };
    let order = SecondOrder::new(kernel, &DVector::from_column_slice(&targets.0), &phi, step)?;
    let found = order.at(times)?;
    let row = |(t, at): (&f64, &overparam_ntk::finite_width::SecondOrderAt)| {
        vec![
            ("t", json!(t)),
            ("f0", json!(at.outputs.as_slice())),
            ("f2", json!(at.output_change.as_slice())),
            ("Theta2", rows(&at.kernel_change)),
        ]
    };
    Ok(Series {
        title: "Theta_0 + Theta_2/m and f_0 + f_2/m of a two-layer net of width m (compare Dyer, Gur-Ari 2020)",
        inputs: vec![
            ("kernel", rows(kernel)),
            ("targets", json!(targets.0)),
            ("activation", json!(format!("{phi:?}").to_lowercase())),
        ],
        results: vec![("Theta0", rows(order.tangent_kernel()))],
        times: times.iter().zip(&found).map(row).collect(),
    })
}

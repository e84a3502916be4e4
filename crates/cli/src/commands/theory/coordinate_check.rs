//! How far a step moves each layer of an architecture, by width.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use overparam_ntk::network::Network;
use overparam_ntk::shape::Shape;
use overparam_ntk::width_scaling::{Coordinate, CoordinateCheck, Promise, Rule, Scaling, WidthScaling};
use overparam_ntk::{Images, Inputs};
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

use super::Output;
use super::series::Series;
use crate::files::architecture;

/// The architecture, its parameterisation and the widths.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// Architecture, .json or .toml, whose widths are those at the base width
    #[arg(long, value_name = "FILE")]
    arch: PathBuf,
    /// Shape of an input: entries, or height,width,channels
    #[arg(long, value_name = "SHAPE", value_delimiter = ',', required = true)]
    input: Vec<usize>,
    /// Widths to try, ascending: hidden widths are multiplied by each over the base width
    #[arg(long, value_delimiter = ',', required = true)]
    widths: Vec<usize>,
    /// The width at which the architecture is written and the rate is given
    #[arg(long, value_name = "WIDTH")]
    base_width: usize,
    /// How variances and rates go with the width
    #[arg(long, value_enum, default_value_t = Parameterization::Mup)]
    parameterization: Parameterization,
    /// What turns gradients into steps
    #[arg(long, value_enum, default_value_t = Optimizer::Sgd)]
    optimizer: Optimizer,
    /// Learning rate at the base width: small, so that changes are proportional to it
    #[arg(long, default_value_t = 1e-5)]
    rate: f64,
    /// Steps of the optimiser
    #[arg(long, default_value_t = 1)]
    steps: usize,
    /// Nets at each width, for means and their standard errors
    #[arg(long, default_value_t = 3)]
    seeds: usize,
    /// Random examples with random targets, standard normal
    #[arg(long, default_value_t = 32)]
    examples: usize,
    /// Of examples and nets
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How far an exponent may be from what is promised, beside four standard errors [default: 0.05 for sgd, 0.1 for adam]
    #[arg(long)]
    tolerance: Option<f64>,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Parameterization {
    /// Variance 1/fan-in, one rate
    Standard,
    /// Unit variance, the factor 1/sqrt(fan-in) outside
    Ntk,
    /// Maximal updates: every layer moves as far at every width
    Mup,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Optimizer {
    /// Gradient descent on all examples
    Sgd,
    /// Adam, whose steps have the size of the rate
    Adam,
}

/// Numbers of all examples together.
const LARGEST: usize = 1 << 26;

const EXAMPLE: &str = "Example:
  overparam theory coordinate-check --arch net.json --input 8 --widths 64,128,256,512 --base-width 64

With --json a promise is a number, or a text such as \"<= 0\" of a layer that may move less.";

/// A row for each layer.
pub(super) fn print(options: &Options) -> Result<ExitCode> {
    let shape = match *options.input {
        [channels] => Shape::vector(channels),
        [height, width, channels] => Shape { height, width, channels },
        _ => bail!("--input has {} numbers: expected entries, or height,width,channels", options.input.len()),
    };
    let entries = options.input.iter().try_fold(options.examples, |all, side| all.checked_mul(*side));
    let Some(entries @ 1..=LARGEST) = entries else {
        bail!(
            "--examples {} times --input: expected at least 1 and at most {LARGEST} numbers",
            options.examples
        );
    };
    let tolerance = options.tolerance.unwrap_or(match options.optimizer {
        Optimizer::Sgd => 0.05,
        Optimizer::Adam => 0.1,
    });
    ensure!(tolerance >= 0.0, "--tolerance is {tolerance}: expected at least 0");
    let architecture = architecture("arch", &options.arch)?;
    let outputs = Network::new(&architecture, shape)?.outputs();
    let stream = Stream::root(options.seed);
    let numbers = stream.named("x").normal_vector(entries, 1.0);
    let inputs: Inputs<f64> = Images::new(options.examples, shape, numbers.as_slice().to_vec())?.into();
    let scaling = match options.parameterization {
        Parameterization::Standard => Scaling::Standard,
        Parameterization::Ntk => Scaling::Ntk,
        Parameterization::Mup => Scaling::MaximalUpdate,
    };
    let rule = match options.optimizer {
        Optimizer::Sgd => Rule::Sgd,
        Optimizer::Adam => Rule::Adam,
    };
    let check = CoordinateCheck {
        architecture,
        scaling: WidthScaling::new(scaling, rule, options.base_width)?,
        widths: options.widths.clone(),
        rate: options.rate,
        steps: options.steps,
        seeds: options.seeds,
    };
    let report = check.run(
        &inputs,
        &stream.named("y").normal_matrix(options.examples, outputs, 1.0),
        &stream.named("nets"),
    )?;
    let word = |value: &dyn std::fmt::Debug| json!(format!("{value:?}").to_lowercase());
    let inputs = vec![
        ("arch", json!(options.arch)),
        ("parameterization", word(&options.parameterization)),
        ("optimizer", word(&options.optimizer)),
        ("base_width", json!(options.base_width)),
        ("widths", json!(report.widths)),
        ("rate", json!(options.rate)),
        ("steps", json!(options.steps)),
    ];
    let kept = report.is_as_promised(tolerance);
    let rows = report.coordinates.iter().map(|coordinate| row(coordinate, tolerance, options.output.json));
    let series = Series {
        title: "Sizes of layers and of their changes, by width (Yang, Hu 2021)",
        inputs,
        results: vec![("tolerance", json!(tolerance)), ("as_promised", json!(kept))],
        times: rows.collect(),
    };
    Ok(series.print_rows(&options.output, "layers"))
}

fn row(coordinate: &Coordinate, tolerance: f64, json: bool) -> Vec<(&'static str, Value)> {
    let promise = |promise: &Option<Promise>| match promise {
        None if json => Value::Null,
        None => json!("-"),
        Some(Promise::Exactly(exponent)) => json!(exponent),
        Some(Promise::AtMost(exponent)) => json!(format!("<= {exponent}")),
    };
    // Of people's tables: exponents have three digits.
    let exponent = |exponent: Option<f64>| match exponent {
        None if json => Value::Null,
        None => json!("-"),
        Some(exponent) if json => json!(exponent),
        Some(exponent) => json!(format!("{exponent:+.3}")),
    };
    let verdict = match coordinate.is_as_promised(tolerance) {
        Some(kept) if json => json!(kept),
        None if json => Value::Null,
        Some(true) => json!("yes"),
        Some(false) => json!("no"),
        None => json!("-"),
    };
    let mut row = vec![("layer", json!(coordinate.name))];
    if json {
        row.extend([("sizes", json!(coordinate.sizes)), ("changes", json!(coordinate.changes))]);
    }
    if json {
        row.extend([
            ("size_error", json!(coordinate.size_error)),
            ("change_error", json!(coordinate.change_error)),
        ]);
    }
    row.extend([
        ("size_exponent", exponent(coordinate.size_exponent)),
        ("promised_size", promise(&coordinate.promised_size)),
        ("change_exponent", exponent(coordinate.change_exponent)),
        ("promised_change", promise(&coordinate.promised_change)),
        ("as_promised", verdict),
    ]);
    row
}

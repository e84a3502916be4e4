//! Random features in the proportional limit.

use anyhow::{Result, ensure};
use clap::Args;
use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, predict};
use overparam_linearized::hermite::Profile;
use serde_json::json;

use super::{Entry, Output, Sheet, activation};

/// The regression and its target.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// Features per dimension, N/d (inf is allowed)
    #[arg(long)]
    psi1: f64,
    /// Samples per dimension, n/d (inf is allowed)
    #[arg(long)]
    psi2: f64,
    /// The ridge lambda / mu_*^2; 0 is the minimum-norm fit
    #[arg(long, value_name = "RIDGE")]
    lambda_bar: f64,
    /// relu, step, tanh, erf, quadratic, or relu-SHIFT such as relu-0.5
    #[arg(long, value_parser = activation, default_value = "relu")]
    activation: Standard,
    /// F1, the norm of the target's linear part
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    f1: f64,
    /// tau, the standard deviation of the label noise
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.0)]
    tau: f64,
    /// Fs, the norm of the target's nonlinear part
    #[arg(long, value_name = "NORM", default_value_t = 0.0)]
    fs: f64,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLE: &str = "Example:
  overparam theory random-features --psi1 4 --psi2 3 --lambda-bar 0.1 --activation relu --tau 0.5";

/// Bias, variance, risk, training error and norm.
pub(super) fn sheet(options: &Options) -> Result<Sheet> {
    let Options { psi1, psi2, lambda_bar, activation, f1, tau, fs, .. } = *options;
    for (name, value) in [("--f1", f1), ("--tau", tau), ("--fs", fs)] {
        ensure!(value >= 0.0 && value.is_finite(), "{name} is {value}, but must be finite and at least 0");
    }
    let profile = Profile::of(&activation)?;
    let energies = Energies { linear: f1 * f1, nonlinear: fs * fs, noise: tau * tau };
    let lambda = lambda_bar * profile.residual;
    let p = predict(psi1, psi2, &profile, lambda, energies)?;
    let entry = |name, value, meaning| Entry { name, value, meaning };
    Ok(Sheet {
        title: "Random features, N/d and n/d fixed (Mei, Montanari 2022)",
        inputs: vec![
            ("psi1", json!(psi1)),
            ("psi2", json!(psi2)),
            ("lambda_bar", json!(lambda_bar)),
            ("activation", json!(activation.to_string())),
            ("f1", json!(f1)),
            ("tau", json!(tau)),
            ("fs", json!(fs)),
        ],
        results: vec![
            entry("zeta", profile.zeta(), "mu_1 / mu_*, of the activation"),
            entry("lambda", lambda, "lambda_bar mu_*^2"),
            entry("chi", p.chi, "nu_1 nu_2"),
            entry("bias", p.bias, "B: what is left of a unit linear signal"),
            entry("variance", p.variance, "V: what a unit of noise adds"),
            entry("risk", p.risk, "F1^2 B + (tau^2 + Fs^2) V + Fs^2, noise of the test label not counted"),
            entry("training_error", p.training_error, "mean squared error on the sample"),
            entry("norm", p.norm_squared, "(N/d) ||a||^2"),
        ],
        degrees: None,
    })
}

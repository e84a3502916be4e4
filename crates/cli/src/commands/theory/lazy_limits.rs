//! The closed forms on quadratic targets.

use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use clap::Args;
use nalgebra::{DMatrix, DVector};
use overparam_linearized::activation::Standard;
use overparam_linearized::hermite::Profile;
use overparam_linearized::quadratic::{mixture_risk, random_features_risk, tangent_risk, trained_risk};
use serde_json::json;

use super::{Entry, Output, Sheet, activation};

/// The target and the width.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// Neurons per dimension, N/d
    #[arg(long)]
    rho: f64,
    /// Eigenvalues of B: numbers, VALUExCOUNT or FROM..TO/COUNT (equally spaced), separated by commas
    #[arg(long, value_name = "SPECTRUM", value_parser = Spectrum::from_str)]
    spectrum: Spectrum,
    /// Of the random features: relu, step, tanh, erf, quadratic, or relu-SHIFT such as relu-0.5
    #[arg(long, value_parser = activation, default_value = "relu")]
    activation: Standard,
    /// Also two classes N(0, I + B) and N(0, I - B), labels +1 and -1
    #[arg(long)]
    mixture: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLE: &str = "Example:
  overparam theory lazy-limits --rho 0.5 --spectrum 0.2..1.8/200";

/// Dimensions beyond this are refused: they would need hours.
const LARGEST: usize = 2_000;

/// The eigenvalues of `B`, as many as there are dimensions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spectrum {
    text: String,
    values: Vec<f64>,
}

impl FromStr for Spectrum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut values = Vec::new();
        for part in text.split(',') {
            let wrong = || format!("{part:?} is not a number, VALUExCOUNT or FROM..TO/COUNT");
            let number = |s: &str| s.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(wrong);
            let count = |s: &str| match s.parse::<usize>() {
                Ok(count) if (1..=LARGEST).contains(&count) => Ok(count),
                Ok(count) => {
                    Err(format!("{part:?} asks for {count} eigenvalues, but must for 1 to {LARGEST}"))
                }
                Err(_) => Err(wrong()),
            };
            if let Some((from, rest)) = part.split_once("..") {
                let (to, many) = rest.split_once('/').ok_or_else(wrong)?;
                let (from, to, many) = (number(from)?, number(to)?, count(many)?);
                let step = (to - from) / many.saturating_sub(1).max(1) as f64;
                values.extend((0..many).map(|i| from + step * i as f64));
            } else if let Some((value, many)) = part.split_once('x') {
                values.extend(std::iter::repeat_n(number(value)?, count(many)?));
            } else {
                values.push(number(part)?);
            }
        }
        if values.len() > LARGEST {
            return Err(format!("{} eigenvalues are given, at most {LARGEST} are allowed", values.len()));
        }
        Ok(Self { text: text.to_owned(), values })
    }
}

/// The risks of the models, relative to the target's energy.
pub(super) fn sheet(options: &Options) -> Result<Sheet> {
    let Options { rho, activation, mixture, .. } = *options;
    let values = &options.spectrum.values;
    let d = values.len();
    if let Some(negative) = values.iter().find(|v| **v < 0.0) {
        bail!("--spectrum has {negative}, but the trained net's formula needs eigenvalues of at least 0");
    }
    ensure!(values.iter().any(|v| *v > 0.0), "--spectrum has no eigenvalue above 0: the target is zero");
    ensure!((0.0..=1e6).contains(&rho), "--rho is {rho}, but must be in 0..=1e6");
    let eigenvalues = DVector::from_column_slice(values);
    let b = DMatrix::from_diagonal(&eigenvalues);
    let profile = Profile::of(&activation)?;
    let isotropic = DMatrix::from_diagonal_element(d, d, (d as f64).recip());
    let aligned = &b / b.trace();
    let neurons = (rho * d as f64).round_ties_even() as usize;
    let risks = [
        random_features_risk(&profile, rho, &b, &isotropic)?,
        random_features_risk(&profile, rho, &b, &aligned)?,
        tangent_risk(rho, &b)?,
        trained_risk(neurons, &b)?,
    ];
    let entry = |name, value, meaning| Entry { name, value, meaning };
    let mut results = vec![
        entry("energy", 2.0 * b.norm_squared(), "E f^2 = 2 ||B||_F^2"),
        entry("random_features", risks[0], "risk / energy, weights N(0, I/d)"),
        entry("aligned_features", risks[1], "risk / energy, weights N(0, B / tr B)"),
        entry("tangent", risks[2], "risk / energy, tangent features of quadratic neurons"),
        entry("trained", risks[3], "risk / energy, trained quadratic neurons, N = rho d rounded"),
    ];
    if mixture {
        let largest = values.iter().copied().fold(0.0, f64::max);
        ensure!(
            largest <= 1.0,
            "--mixture needs eigenvalues of at most 1 (covariances I - B), one is {largest}"
        );
        let names = [
            ("mixture_random_features", "risk on the two classes, random features"),
            ("mixture_aligned_features", "risk on the two classes, aligned features"),
            ("mixture_tangent", "risk on the two classes, tangent features"),
            ("mixture_trained", "risk on the two classes, trained net"),
        ];
        for ((name, meaning), risk) in names.into_iter().zip(risks) {
            results.push(entry(name, mixture_risk(risk.clamp(0.0, 1.0), &b)?, meaning));
        }
    }
    Ok(Sheet {
        title: "Quadratic target <x, B x> - tr B, N/d fixed (Ghorbani, Mei, Misiakiewicz, Montanari 2019)",
        inputs: vec![
            ("rho", json!(rho)),
            ("spectrum", json!(options.spectrum.text)),
            ("d", json!(d)),
            ("activation", json!(activation.to_string())),
        ],
        results,
        degrees: None,
    })
}

#[cfg(test)]
mod tests {
    use super::Spectrum;

    #[test]
    fn spectra_are_lists_of_numbers_repetitions_and_ranges() {
        let values = |text: &str| text.parse::<Spectrum>().map(|s| s.values);
        assert_eq!(values("1,0.5x2"), Ok(vec![1.0, 0.5, 0.5]));
        assert_eq!(values("0..1/3,7"), Ok(vec![0.0, 0.5, 1.0, 7.0]));
        assert_eq!(values("4..9/1"), Ok(vec![4.0]));
        for wrong in ["", "a", "1,", "1x", "1x0", "1..2", "1..2/x", "nan", "inf", "1x9999", "1x1500,1x1500"] {
            assert!(values(wrong).is_err(), "{wrong}");
        }
    }
}

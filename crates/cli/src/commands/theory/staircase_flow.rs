//! Which sparse functions of signs a two-layer net learns, and when.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Result, ensure};
use clap::Args;
use overparam_feature_flow::staircase::{DimensionFree, FiniteDimension, Moment, Motion, SparseTarget};
use overparam_tensor::random::Stream;
use serde_json::{Map, Value, json};

use super::Output;
use super::series::{List, Series, ascending};

/// The target, the net and the times.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// Monomials such as z1+0.7z1z2-z1z2z3 (coordinates from 1)
    #[arg(long, allow_hyphen_values = true)]
    target: Polynomial,
    /// Norm of a hidden weight vector at the start
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    s0: f64,
    /// Bias of the hidden units; 0 makes them odd
    #[arg(long, value_name = "BIAS", default_value_t = 0.5)]
    b0: f64,
    /// Times, separated by commas
    #[arg(long, value_name = "TIMES", allow_hyphen_values = true)]
    t: List,
    /// Descent with this step instead of the flow
    #[arg(long, value_name = "STEP")]
    eta: Option<f64>,
    /// Dimension of the inputs instead of infinity
    #[arg(long)]
    d: Option<usize>,
    /// Units in finite dimension
    #[arg(long, default_value_t = 400, requires = "d")]
    units: usize,
    /// Of the random start in finite dimension
    #[arg(long, default_value_t = 0, requires = "d")]
    seed: u64,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLE: &str = "Example:
  overparam theory staircase-flow --target z1+z1z2+z1z2z3 --t 0,2,4,8";

/// A sum of monomials, as it was typed and as terms with coordinates from 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Polynomial {
    text: String,
    terms: Vec<(f64, Vec<usize>)>,
}

impl FromStr for Polynomial {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '*').collect();
        let mut terms = Vec::new();
        let mut rest = plain.as_str();
        while !rest.is_empty() || terms.is_empty() {
            // A sign after an exponent's e does not end a term.
            let end = rest
                .char_indices()
                .skip(1)
                .find(|&(i, c)| (c == '+' || c == '-') && !rest[..i].ends_with(['e', 'E']))
                .map_or(rest.len(), |(i, _)| i);
            let (term, after) = rest.split_at(end);
            let wrong = || format!("{term:?} is not a monomial such as z1, -z2z3 or 0.5z1");
            let mut factors = term.split('z');
            let coefficient = match factors.next().unwrap_or_default() {
                "" | "+" if term.contains('z') => 1.0,
                "-" if term.contains('z') => -1.0,
                number => number.parse::<f64>().ok().filter(|c| c.is_finite()).ok_or_else(wrong)?,
            };
            let index = |f: &str| f.parse::<usize>().ok().and_then(|i| i.checked_sub(1)).ok_or_else(wrong);
            terms.push((coefficient, factors.map(index).collect::<Result<_, _>>()?));
            rest = after;
        }
        Ok(Self { text: text.to_owned(), terms })
    }
}

/// Risk and coefficients at each time.
pub(super) fn print(options: &Options) -> Result<ExitCode> {
    let Options { s0, b0, eta, d, units, seed, .. } = *options;
    let times = ascending(&options.t)?;
    let terms = &options.target.terms;
    let coordinates = terms.iter().flat_map(|t| &t.1).max().map_or(1, |i| i + 1);
    ensure!(coordinates <= 12, "--target has the coordinate z{coordinates}, but may have z1 to z12");
    let target = SparseTarget::new(coordinates, terms)?;
    let motion = eta.map_or(Motion::Flow { time_step: 0.02 }, |eta| Motion::Descent { eta });
    let (moments, error) = match d {
        None => {
            let flow = DimensionFree { start: s0, bias: b0, motion, nodes: 60 };
            let (moments, error) = flow.resolved(&target, times, 1e-7)?;
            (moments, Some(error))
        }
        Some(dimension) => {
            let flow = FiniteDimension { dimension, units, start: s0, bias: b0, motion };
            (flow.run(&target, times, &Stream::root(seed))?, None)
        }
    };
    let row = |moment: &Moment| {
        let coefficients: Map<String, Value> = moment
            .fourier
            .iter()
            .enumerate()
            .filter(|&(set, _)| options.output.json || target.fourier()[set] != 0.0)
            .map(|(set, c)| {
                let members: Vec<String> =
                    (0..coordinates).filter(|i| set >> i & 1 == 1).map(|i| i.to_string()).collect();
                (members.join(","), json!(c))
            })
            .collect();
        let mut row = vec![("t", json!(moment.time)), ("risk", json!(moment.risk))];
        if options.output.json {
            row.push(("fourier", Value::Object(coefficients)));
        } else {
            row.push(("learned", coefficients.values().cloned().collect()));
        }
        row
    };
    let mut inputs = vec![
        ("target", json!(options.target.text)),
        ("s0", json!(s0)),
        ("b0", json!(b0)),
        ("eta", json!(eta.unwrap_or(0.0))),
    ];
    if let Some(d) = d {
        inputs.extend([("d", json!(d)), ("units", json!(units)), ("seed", json!(seed))]);
    }
    let mut results = vec![("leap", json!(target.leap()))];
    results.extend(error.map(|error| ("error", json!(error))));
    let series = Series {
        title: "Sparse functions of signs by a two-layer net (Abbe, Boix-Adsera, Misiakiewicz 2022)",
        inputs,
        results,
        times: moments.iter().map(row).collect(),
    };
    Ok(series.print(&options.output))
}

#[cfg(test)]
mod tests {
    use super::Polynomial;

    #[test]
    fn polynomials_are_sums_of_monomials() {
        let terms = |text: &str| text.parse::<Polynomial>().map(|p| p.terms);
        let stairs = vec![(1.0, vec![0]), (0.7, vec![0, 1]), (-1.0, vec![2])];
        assert_eq!(terms("z1 + 0.7*z1*z2 - z3"), Ok(stairs));
        assert_eq!(terms("-1e-3z2+2"), Ok(vec![(-1e-3, vec![1]), (2.0, vec![])]));
        for wrong in ["", "z", "z0", "x1", "z1+", "1z1.5", "nanz1", "--z1"] {
            assert!(terms(wrong).is_err(), "{wrong}: {:?}", terms(wrong));
        }
    }
}

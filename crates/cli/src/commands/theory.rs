//! `theory`: formulas as a calculator.
//!
//! Data goes to standard output: a table for people, or with `--json` one object with every digit. JSON has no infinity; there
//! an infinite number is `null`.

mod balanced;
mod coordinate_check;
mod finite_width;
mod lazy_limits;
mod random_features;
mod rich;
mod series;
mod staircase;
mod staircase_flow;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use overparam_linearized::activation::Standard;
use serde_json::{Map, Value, json};

use crate::terminal::{Table, bold};

/// Which formula.
#[derive(Subcommand)]
pub enum Theory {
    /// Random features in the proportional limit: bias, variance, risk, training error, norm (Mei and Montanari 2022)
    RandomFeatures(random_features::Options),
    /// Kernel, random-features and tangent regression at finite size, degree by degree (Ghorbani et al. 2021)
    Staircase(staircase::Options),
    /// Random features, tangent features and trained net on a quadratic target (Ghorbani et al. 2019)
    LazyLimits(lazy_limits::Options),
    /// Linear networks from balanced starts: one mode of any depth, or two layers, at any time (Saxe et al. 2014; Domine et al. 2025)
    Balanced(balanced::Options),
    /// Two layers of infinite width between the tangent kernel and feature learning (Bordelon and Pehlevan 2022)
    Rich(rich::Options),
    /// Mean, variance and drift of the tangent kernel at finite width (Hanin and Nica 2020)
    FiniteWidth(finite_width::Options),
    /// How far a step moves each layer of any architecture, by width: standard, NTK or muP parameterisation (Yang and Hu 2021)
    CoordinateCheck(coordinate_check::Options),
    /// What descent learns of a sparse function of signs, and when (Abbe, Boix-Adsera and Misiakiewicz 2022)
    StaircaseFlow(staircase_flow::Options),
}

/// How the numbers are printed.
#[derive(Args)]
pub(crate) struct Output {
    /// Print one JSON object with every digit (null: infinite)
    #[arg(long)]
    json: bool,
}

/// Computes and prints.
pub(crate) fn theory(command: &Theory) -> Result<ExitCode> {
    let (sheet, output) = match command {
        Theory::RandomFeatures(options) => (random_features::sheet(options)?, &options.output),
        Theory::Staircase(options) => (staircase::sheet(options)?, &options.output),
        Theory::LazyLimits(options) => (lazy_limits::sheet(options)?, &options.output),
        Theory::Balanced(options) => return balanced::print(options),
        Theory::Rich(options) => return rich::print(options),
        Theory::FiniteWidth(options) => return finite_width::print(options),
        Theory::CoordinateCheck(options) => return coordinate_check::print(options),
        Theory::StaircaseFlow(options) => return staircase_flow::print(options),
    };
    say!("{}", if output.json { sheet.json() } else { sheet.text() });
    Ok(ExitCode::SUCCESS)
}

fn activation(name: &str) -> Result<Standard, String> {
    name.parse().map_err(|e: overparam_linearized::Error| e.to_string())
}

/// What was asked and what came out.
struct Sheet {
    title: &'static str,
    inputs: Vec<(&'static str, Value)>,
    results: Vec<Entry>,
    /// One row a degree, if the formula has degrees: heads and numbers.
    degrees: Option<(Vec<&'static str>, Vec<Vec<f64>>)>,
}

/// A number with its name and what it is.
struct Entry {
    name: &'static str,
    value: f64,
    meaning: &'static str,
}

impl Sheet {
    fn json(&self) -> String {
        let inputs: Map<String, Value> =
            self.inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let results: Map<String, Value> =
            self.results.iter().map(|e| (e.name.to_owned(), json!(e.value))).collect();
        let mut whole = json!({ "formula": self.title, "inputs": inputs, "results": results });
        if let Some((heads, rows)) = &self.degrees {
            let row = |row: &Vec<f64>| -> Map<String, Value> {
                heads.iter().zip(row).map(|(head, value)| ((*head).to_owned(), json!(value))).collect()
            };
            whole["degrees"] = rows.iter().map(|r| Value::Object(row(r))).collect();
        }
        format!("{whole:#}")
    }

    fn text(&self) -> String {
        let input = |(name, value): &(&str, Value)| match value {
            Value::String(text) => format!("{name} {text}"),
            // What JSON cannot hold.
            Value::Null => format!("{name} inf"),
            other => {
                format!("{name} {}", other.as_f64().map_or_else(|| other.to_string(), |v| v.to_string()))
            }
        };
        let inputs: Vec<String> = self.inputs.iter().map(input).collect();
        let mut lines = vec![bold(self.title), format!("  {}", inputs.join(", ")), String::new()];
        let values: Vec<String> = self.results.iter().map(|e| digits(e.value)).collect();
        let name_width = self.results.iter().map(|e| e.name.len()).max().unwrap_or(0);
        let value_width = values.iter().map(String::len).max().unwrap_or(0);
        for (entry, value) in self.results.iter().zip(&values) {
            lines.push(format!("  {:name_width$}  {value:>value_width$}  {}", entry.name, entry.meaning));
        }
        if let Some((heads, rows)) = &self.degrees {
            lines.push(String::new());
            let mut table = Table::new(0, heads.clone());
            for row in rows {
                table.push(row.iter().map(|v| digits(*v).into()).collect());
            }
            lines.extend(table.lines(usize::MAX).iter().map(|line| format!("  {line}")));
        }
        lines.join("\n")
    }
}

/// Eight significant digits; whole numbers in full.
fn digits(x: f64) -> String {
    let magnitude = x.abs();
    if !x.is_finite() || x == 0.0 || (x.fract() == 0.0 && magnitude < 1e9) {
        format!("{x}")
    } else if (1e-4..1e9).contains(&magnitude) {
        let decimals = (7.0 - magnitude.log10().floor()).max(0.0) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.7e}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Entry, Sheet, digits};

    #[test]
    fn numbers_have_eight_digits() {
        let cases = [
            (0.0, "0"),
            (30.0, "30"),
            (1.0 / 3.0, "0.33333333"),
            (-1.346_547_997, "-1.3465480"),
            (1_234.567_891_2, "1234.5679"),
            (2.5e-9, "2.5000000e-9"),
            (1.5e12, "1.5000000e12"),
            (f64::INFINITY, "inf"),
        ];
        for (x, text) in cases {
            assert_eq!(digits(x), text);
        }
    }

    #[test]
    fn a_sheet_is_aligned_as_text_and_exact_as_json() {
        let entry = |name, value| Entry { name, value, meaning: "m" };
        let sheet = Sheet {
            title: "t",
            inputs: vec![("a", json!(0.1)), ("b", json!(f64::INFINITY))],
            results: vec![entry("x", 0.1 + 0.2), entry("longer", f64::INFINITY)],
            degrees: Some((vec!["degree", "energy"], vec![vec![0.0, 0.25], vec![1.0, 1.0 / 3.0]])),
        };
        let text = sheet.text();
        assert!(text.contains("  a 0.1, b inf\n"), "{text}");
        assert!(text.contains("  x       0.30000000  m\n  longer         inf  m\n"), "{text}");
        assert!(text.contains("  degree      energy\n       0  0.25000000\n"), "{text}");
        let value: Value = serde_json::from_str(&sheet.json()).unwrap();
        assert_eq!(value["results"]["x"].as_f64(), Some(0.1 + 0.2));
        assert_eq!(value["results"]["longer"], Value::Null);
        assert_eq!(value["degrees"][1]["energy"].as_f64(), Some(1.0 / 3.0));
    }
}

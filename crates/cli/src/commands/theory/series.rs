//! What a formula gives at several times: numbers, vectors and matrices.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use nalgebra::DMatrix;
use serde_json::{Map, Value, json};

use super::{Output, digits};
use crate::terminal::{Table, bold};

/// A title, what was asked, single results, and one row for each time, or whatever else there are several of.
pub(super) struct Series {
    pub(super) title: &'static str,
    pub(super) inputs: Vec<(&'static str, Value)>,
    pub(super) results: Vec<(&'static str, Value)>,
    /// Names and values, the same names in each row; the first is the time.
    pub(super) times: Vec<Vec<(&'static str, Value)>>,
}

impl Series {
    /// Prints a table, or with `--json` one object.
    pub(super) fn print(&self, output: &Output) -> ExitCode {
        self.print_rows(output, "times")
    }

    /// The same with another name for the rows.
    pub(super) fn print_rows(&self, output: &Output, name: &str) -> ExitCode {
        say!("{}", if output.json { self.json(name) } else { self.text() });
        ExitCode::SUCCESS
    }

    fn json(&self, name: &str) -> String {
        let object = |entries: &[(&'static str, Value)]| -> Map<String, Value> {
            entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let mut whole = json!({ "formula": self.title, "inputs": object(&self.inputs), "results": object(&self.results) });
        if !self.times.is_empty() {
            whole[name] = self.times.iter().map(|row| Value::Object(object(row))).collect();
        }
        format!("{whole:#}")
    }

    fn text(&self) -> String {
        let inputs: Vec<String> =
            self.inputs.iter().map(|(name, value)| format!("{name} {}", short(value))).collect();
        let mut lines = vec![bold(self.title), format!("  {}", inputs.join(", "))];
        let width = self.results.iter().map(|r| r.0.len()).max().unwrap_or(0);
        if !self.results.is_empty() {
            lines.push(String::new());
        }
        lines.extend(self.results.iter().map(|(name, value)| format!("  {name:width$}  {}", short(value))));
        if let Some(first) = self.times.first() {
            let mut table = Table::new(0, first.iter().map(|(name, _)| *name).collect());
            for row in &self.times {
                table.push(row.iter().map(|(_, value)| short(value).into()).collect());
            }
            lines.push(String::new());
            lines.extend(table.lines(usize::MAX).iter().map(|line| format!("  {line}")));
        }
        lines.join("\n")
    }
}

/// Numbers with eight digits, lists in brackets.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "inf".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(" ")),
        other => other.as_f64().map_or_else(|| other.to_string(), digits),
    }
}

/// A matrix as a list of rows.
pub(super) fn rows(matrix: &DMatrix<f64>) -> Value {
    matrix.row_iter().map(|row| json!(row.iter().collect::<Vec<_>>())).collect()
}

/// Numbers separated by commas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List(pub(crate) Vec<f64>);

impl std::str::FromStr for List {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let finite = part.trim().parse::<f64>().ok().filter(|v| v.is_finite());
            finite.ok_or_else(|| format!("{part:?} is not a finite number"))
        };
        text.split(',').map(number).collect::<Result<_, _>>().map(List)
    }
}

/// Rows separated by semicolons, numbers by commas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows(pub(crate) DMatrix<f64>);

impl std::str::FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all: Vec<Vec<f64>> =
            text.split(';').map(|row| row.parse().map(|List(row)| row)).collect::<Result<_, _>>()?;
        let columns = all[0].len();
        match all.iter().position(|row| row.len() != columns) {
            None => Ok(Self(DMatrix::from_fn(all.len(), columns, |i, j| all[i][j]))),
            Some(odd) => {
                Err(format!("row {} has {} numbers, the first has {columns}", odd + 1, all[odd].len()))
            }
        }
    }
}

/// The times asked for, ascending.
pub(super) fn ascending(times: &List) -> Result<&[f64]> {
    ensure!(
        times.0.is_sorted() && times.0[0] >= 0.0,
        "--t must be ascending times of at least 0, got {:?}",
        times.0
    );
    Ok(&times.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{List, Rows, Series};

    #[test]
    fn matrices_are_rows_of_numbers() {
        let matrix = "1,2;3,.5".parse::<Rows>().map(|m| m.0);
        assert_eq!(matrix.map(|m| (m.shape(), m[(1, 1)])), Ok(((2, 2), 0.5)));
        for wrong in ["", "1,2;3", "1,x", "nan", "1;;2"] {
            assert!(wrong.parse::<Rows>().is_err(), "{wrong}");
        }
        assert_eq!("0,1e-3".parse(), Ok(List(vec![0.0, 1e-3])));
    }

    #[test]
    fn a_series_is_a_table_and_an_object() {
        let row = |t: f64, s: f64| vec![("t", json!(t)), ("s", json!([s, 1.0]))];
        let series = Series {
            title: "title",
            inputs: vec![("a", json!(0.5))],
            results: vec![("half", json!(f64::INFINITY))],
            times: vec![row(0.0, 1.0 / 3.0), row(1.0, 2.0)],
        };
        let text = series.text();
        assert!(text.contains("  a 0.50000000\n\n  half  inf\n"), "{text}");
        assert!(text.contains("  0  [0.33333333 1]\n"), "{text}");
        let value: Value = serde_json::from_str(&series.json("times")).unwrap();
        assert_eq!(value["times"][0]["s"][0].as_f64(), Some(1.0 / 3.0));
        assert_eq!(value["results"]["half"], Value::Null);
    }
}

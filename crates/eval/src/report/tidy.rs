//! Tidy data: one row an observation, one column a variable; lists beside them as arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use overparam_tensor::Array;
use overparam_tensor::array::{NpyError, write_npz};
use serde::Serialize;
use serde_json::Value;

use super::{Cell, ClaimReport};
use crate::figure::{Figure, Role, Row};

/// A claim's cells: `row`, `role` (experiment or control), the cell's fields, the outcome's. Nested fields are joined by
/// dots; lists are in [`arrays`], by the same row.
pub(super) fn rows(claim: &ClaimReport) -> (Vec<String>, Vec<Vec<String>>) {
    let rows: Vec<(&str, Vec<(String, String)>)> =
        observations(claim).map(|(role, run)| (role, fields(run))).collect();
    let columns: BTreeSet<&String> =
        rows.iter().flat_map(|(_, fields)| fields.iter().map(|(name, _)| name)).collect();
    let header = ["row", "role"].into_iter().chain(columns.iter().map(|c| c.as_str())).map(str::to_owned);
    let body = rows.iter().enumerate().map(|(i, (role, fields))| {
        let value = |column: &&String| {
            fields.iter().find(|(name, _)| name == *column).map_or("", |(_, v)| v.as_str()).to_owned()
        };
        [i.to_string(), (*role).to_owned()].into_iter().chain(columns.iter().map(value)).collect()
    });
    (header.collect(), body.collect())
}

/// [`rows`] as a file.
pub(super) fn cells(claim: &ClaimReport) -> Vec<u8> {
    let (header, rows) = rows(claim);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        // Writing to memory cannot fail, and every row is as long as the header.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// A figure's points, and the values of a heat map's cells.
pub(super) fn figure(figure: &Figure) -> Vec<u8> {
    // One more column if there is a heat map, empty in all other rows.
    #[derive(Serialize)]
    struct Coloured<'a> {
        panel: &'a str,
        series: &'a str,
        role: Role,
        x: f64,
        y: f64,
        low: f64,
        high: f64,
        value: Option<f64>,
    }
    let coloured = figure.rows().any(|row| row.value.is_some());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in figure.rows() {
        let Row { panel, series, role, x, y, low, high, value } = row;
        // As above: memory, and the rows are all of one shape.
        let _ = if coloured {
            writer.serialize(Coloured { panel, series, role, x, y, low, high, value })
        } else {
            writer.serialize(row)
        };
    }
    writer.into_inner().unwrap_or_default()
}

/// The lists of numbers of a claim's cells and outcomes as an NPZ archive, or nothing if there are none: an array a
/// field, its first axis the `row` of the CSV file. Lists of records are an array a field of the record. Where a list is
/// shorter or absent the array holds NaN, which no outcome does.
pub(super) fn arrays(claim: &ClaimReport) -> Result<Option<Vec<u8>>, NpyError> {
    let mut lists: BTreeMap<String, Vec<(usize, List)>> = BTreeMap::new();
    let mut count = 0;
    for (row, (_, run)) in observations(claim).enumerate() {
        count = row + 1;
        let mut found = Vec::new();
        collect("cell", &run.cell, &mut found);
        collect("outcome", &run.outcome, &mut found);
        found.into_iter().for_each(|(name, list)| lists.entry(name).or_default().push((row, list)));
    }
    if lists.is_empty() {
        return Ok(None);
    }
    let arrays: Vec<(String, Array<f64>)> =
        lists.into_iter().map(|(name, lists)| (name, stack(count, &lists))).collect();
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, arrays.iter().map(|(name, array)| (name.as_str(), array)))?;
    Ok(Some(bytes.into_inner()))
}

fn observations(claim: &ClaimReport) -> impl Iterator<Item = (&'static str, &Cell)> {
    let experiment = claim.runs.iter().map(|run| ("experiment", run));
    experiment.chain(claim.control_runs.iter().map(|run| ("control", run)))
}

fn fields(run: &Cell) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    flatten("cell", &run.cell, &mut fields);
    flatten("outcome", &run.outcome, &mut fields);
    fields
}

fn flatten(name: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, fields));
        }
        Value::Array(_) | Value::Null => {}
        Value::String(text) => fields.push((name.to_owned(), text.clone())),
        other => fields.push((name.to_owned(), other.to_string())),
    }
}

/// Numbers in a box of one or more axes.
#[derive(Debug, Clone, PartialEq)]
struct List {
    shape: Vec<usize>,
    numbers: Vec<f64>,
}

impl List {
    /// A number is a box without axes; a list of numbers or lists is a box if its parts have as many axes, padded to the
    /// longest.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(x) => Some(Self { shape: Vec::new(), numbers: vec![x.as_f64()?] }),
            Value::Null => Some(Self { shape: Vec::new(), numbers: vec![f64::NAN] }),
            Value::Array(values) => {
                let parts: Vec<(usize, Self)> = values
                    .iter()
                    .map(Self::of)
                    .enumerate()
                    .map(|(i, p)| Some((i, p?)))
                    .collect::<Option<_>>()?;
                let axes = parts.first()?.1.shape.len();
                (axes < 5 && parts.iter().all(|(_, p)| p.shape.len() == axes)).then(|| {
                    let array = stack(parts.len(), &parts);
                    Self { shape: array.shape().to_vec(), numbers: array.elements().to_vec() }
                })
            }
            _ => None,
        }
    }
}

/// Boxes of as many axes on top of each other, padded with NaN; the index says where each goes.
fn stack(count: usize, parts: &[(usize, List)]) -> Array<f64> {
    let axes = parts.iter().map(|(_, p)| p.shape.len()).max().unwrap_or(0);
    let mut shape = vec![0; axes];
    for (_, part) in parts {
        // A field whose number of axes varies is aligned at the last of them.
        let offset = axes - part.shape.len();
        part.shape.iter().enumerate().for_each(|(i, &n)| shape[i + offset] = shape[i + offset].max(n));
    }
    shape.iter_mut().for_each(|n| *n = (*n).max(1));
    let volume: usize = shape.iter().product();
    let mut numbers = vec![f64::NAN; count * volume];
    for (row, part) in parts {
        let offset = axes - part.shape.len();
        for (i, &x) in part.numbers.iter().enumerate() {
            let (mut rest, mut place, mut stride) = (i, 0, 1);
            for (axis, &n) in part.shape.iter().enumerate().rev() {
                place += rest % n * stride;
                rest /= n;
                stride *= shape[axis + offset];
            }
            numbers[row * volume + place] = x;
        }
    }
    let full: Vec<usize> = std::iter::once(count).chain(shape).collect();
    Array::from_vec(&full, numbers)
}

fn collect(name: &str, value: &Value, lists: &mut Vec<(String, List)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(&format!("{name}.{key}"), value, lists));
        }
        Value::Array(values) => {
            let keys: BTreeSet<&String> =
                values.iter().filter_map(Value::as_object).flat_map(|map| map.keys()).collect();
            if keys.is_empty() {
                lists.extend(List::of(value).map(|list| (name.to_owned(), list)));
            }
            for key in keys {
                let column: Vec<Value> =
                    values.iter().map(|v| v.get(key).cloned().unwrap_or(Value::Null)).collect();
                collect(&format!("{name}.{key}"), &Value::Array(column), lists);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use overparam_tensor::array::read_npz;
    use serde_json::{Value, json};

    use super::{Cell, ClaimReport, arrays, cells, collect, fields};
    use crate::report::tests::claim_report;

    fn report(outcomes: &[Value], control: &[Value]) -> ClaimReport {
        let run = |(i, outcome): (usize, &Value)| Cell { cell: json!({"seed": i}), outcome: outcome.clone() };
        let mut report = claim_report();
        report.runs = outcomes.iter().enumerate().map(run).collect();
        report.control_runs = control.iter().enumerate().map(run).collect();
        report
    }

    #[test]
    fn nested_fields_are_joined_and_lists_left_out() {
        let run = Cell {
            cell: json!({"a": {"b": 1, "c": "x"}}),
            outcome: json!({"curve": [1, 2], "none": null, "y": 0.5}),
        };
        let fields: Vec<(String, String)> = fields(&run);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(fields, [("cell.a.b", "1"), ("cell.a.c", "x"), ("outcome.y", "0.5")]);
    }

    #[test]
    fn rows_of_the_csv_file_are_numbered_through() {
        let csv = String::from_utf8(cells(&report(&[json!({"y": 0.5})], &[json!({"y": 1e-9})]))).unwrap();
        assert_eq!(csv, "row,role,cell.seed,outcome.y\n0,experiment,0,0.5\n1,control,0,1e-9\n");
    }

    #[test]
    fn lists_are_stacked_by_row_and_padded() {
        let experiment = [
            json!({"curve": [1.0, 2.0, 3.0], "at": [{"x": 1, "y": [1, 2]}, {"x": 2, "y": [3, 4]}]}),
            json!({}),
        ];
        let control = [json!({"curve": [0.1]})];
        let bytes = arrays(&report(&experiment, &control)).unwrap().unwrap();
        assert_eq!(bytes, arrays(&report(&experiment, &control)).unwrap().unwrap());
        let found = read_npz::<f64>(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["outcome.at.x", "outcome.at.y", "outcome.curve"]);
        let curve = &found["outcome.curve"];
        assert_eq!(curve.shape(), [3, 3]);
        let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let nan = f64::NAN;
        assert_eq!(bits(&curve.elements()), bits(&[1.0, 2.0, 3.0, nan, nan, nan, 0.1, nan, nan]));
        assert_eq!(found["outcome.at.y"].shape(), [3, 2, 2]);
        assert_eq!(found["outcome.at.y"].elements()[..4], [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn what_is_no_list_of_numbers_makes_no_array() {
        let outcome = json!({"words": ["a"], "mixed": [1, [2]], "none": [], "y": 1});
        assert_eq!(arrays(&report(&[outcome], &[])).unwrap(), None);
        let mut ragged = Vec::new();
        collect("y", &json!([[1, 2], [3]]), &mut ragged);
        assert_eq!(ragged[0].1.shape, [2, 2]);
        assert!(ragged[0].1.numbers[3].is_nan());
    }
}

//! Tidy CSV: one row an observation, one column a variable.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Cell, ClaimReport};
use crate::figure::Figure;

/// A claim's cells: `role` (experiment or control), the cell's fields, the outcome's. Nested fields are joined by dots;
/// lists are left to the figures' files and `report.json`.
pub(super) fn cells(claim: &ClaimReport) -> Vec<u8> {
    let rows: Vec<(&str, Vec<(String, String)>)> =
        [("experiment", &claim.runs), ("control", &claim.control_runs)]
            .into_iter()
            .flat_map(|(role, runs)| runs.iter().map(move |run| (role, fields(run))))
            .collect();
    let columns: BTreeSet<&String> =
        rows.iter().flat_map(|(_, fields)| fields.iter().map(|(name, _)| name)).collect();
    let header = std::iter::once("role").chain(columns.iter().map(|c| c.as_str())).map(str::to_owned);
    let body = rows.iter().map(|(role, fields)| {
        let value = |column: &&String| {
            fields.iter().find(|(name, _)| name == *column).map_or("", |(_, v)| v.as_str())
        };
        std::iter::once(*role).chain(columns.iter().map(value)).map(str::to_owned).collect()
    });
    table(header.collect(), body)
}

/// A figure's points.
pub(super) fn figure(figure: &Figure) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in figure.rows() {
        // Writing to memory cannot fail, and the rows are all of one shape.
        let _ = writer.serialize(row);
    }
    writer.into_inner().unwrap_or_default()
}

fn table(header: Vec<String>, body: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(body) {
        // As above: memory, and every row as long as the header.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cell, flatten};

    #[test]
    fn nested_fields_are_joined_and_lists_left_out() {
        let run = Cell {
            cell: json!({"a": {"b": 1, "c": "x"}}),
            outcome: json!({"curve": [1, 2], "none": null, "y": 0.5}),
        };
        let mut fields = Vec::new();
        flatten("cell", &run.cell, &mut fields);
        flatten("outcome", &run.outcome, &mut fields);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(fields, [("cell.a.b", "1"), ("cell.a.c", "x"), ("outcome.y", "0.5")]);
    }
}
